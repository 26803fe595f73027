"""One receipt, read by its contract: lake Parquet, rejects, counts, all of it or nothing.

Belongs here: the order of steps, the accounting that no row is lost, and what stops a load. Does not
belong here: SQL of a format or of fields (beside this module).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from sqlalchemy import update

from nightwatt import durable, log
from nightwatt.contracts.canonical import READ_COLUMNS, READ_KEY
from nightwatt.contracts.feed import Feed, Trailer
from nightwatt.contracts.formats import Format, IdocFormat, ParquetFormat
from nightwatt.duck import ident, memory_engine, text
from nightwatt.errors import NightWattError, TerminalError
from nightwatt.intake.formats import idoc
from nightwatt.intake.formats.delimited import BadLine, Delimited, bad_lines, open_delimited
from nightwatt.intake.formats.idoc import IdocFile, Known, Open, open_idocs
from nightwatt.intake.formats.parquet import open_parquet, raw_rows
from nightwatt.intake.intervals import fans_out, needs_record, prepare_days, reads_sql
from nightwatt.intake.lines import locate
from nightwatt.intake.rejects import REASONS, Reject, reject_path, summary, write_rejects
from nightwatt.intake.tables import lake_columns, table_sql
from nightwatt.ledger import Ledger, loads
from nightwatt.ledger.models import Load, LoadState, Receipt, ReceiptState
from nightwatt.settings import Settings

_HEADS = Path("idocs") / "heads.parquet"
"""Which IDocs a load took in, beside its rows."""

_log = log.get("intake")


@dataclass(frozen=True)
class LoadResult:
    """What reading one receipt gave. `rows_in = rows_kept + rows_rejected + rows_ignored`, always."""

    sequence: int
    rows_in: int
    rows_kept: int
    rows_rejected: int
    rows_ignored: int
    records_out: int  # canonical records in the lake; differs from rows_kept for wide rows
    held: str | None  # why nothing was loaded, if so


@dataclass(frozen=True)
class Input:
    """A file to read: the landed one, or the lines of a replay with their numbers in it."""

    path: Path
    line_count: int
    needs_cleaning: bool
    line_map: Sequence[int] | None = None
    carried: Sequence[Reject] = ()  # open rejects that this reading cannot help
    has_trailer: bool = True
    form: Format | None = None
    open: Open | None = None  # a replay of IDocs: what counts of the file
    open_lines: int = 0  # a replay: how many rejects it reads
    known: Known = idoc.NOTHING_KNOWN  # IDocs that earlier files brought


@dataclass(frozen=True)
class _Job:
    """One receipt on its way into the lake."""

    receipt: Receipt
    feed: Feed
    settings: Settings
    source: Input
    load: Load
    aside: Path

    @property
    def part(self) -> Path:
        return self.aside / "part-0.parquet"

    @property
    def is_table(self) -> bool:
        return self.feed.entity == "table"

    def rows(self, relation: str, names: dict[str, str]) -> str:
        """Return the select that turns the file's text columns into lake rows with their faults."""
        receipt, sequence = self.receipt.id, self.load.sequence
        if self.is_table:
            return table_sql(self.feed, relation, names, receipt, sequence)
        return reads_sql(self.feed, relation, names, receipt, sequence, self.settings.zone)


@dataclass(frozen=True)
class _Parsed:
    rejects: list[Reject]
    rows_in: int
    rows_kept: int
    rows_ignored: int
    records_out: int
    totals: dict[str, Any]


def intake(receipt: Receipt, feed: Feed, settings: Settings, ledger: Ledger, landed: Path) -> LoadResult:
    """Read a landed file into the lake.

    Returns:
        The counts. `held` tells why the receipt was put on hold instead: unreadable, rejects over the
        contract's tolerance, or fewer or more rows than the sender announced.
    """
    known = known_idocs(receipt, feed, settings, ledger)
    source = Input(landed, receipt.line_count, bool(receipt.needs_cleaning), known=known)
    return load(receipt, feed, settings, ledger, source, "intake")


def known_idocs(receipt: Receipt, feed: Feed, settings: Settings, ledger: Ledger) -> Known:
    """The IDocs that other files of the feed brought; one that was superseded says nothing any more."""
    if not isinstance(feed.format, IdocFormat):
        return idoc.NOTHING_KNOWN
    with ledger.read() as session:
        others = [
            settings.root / load.lake_path / _HEADS
            for load, other in loads.done(session, [feed.feed])
            if other.id != receipt.id and other.superseded_by_id is None
        ]
    return Known([path for path in others if path.exists()], are_passed_over=feed.mode != "full")


def load(receipt: Receipt, feed: Feed, settings: Settings, ledger: Ledger, source: Input, kind: str) -> LoadResult:
    """Read a file, or what a replay makes of one, into the lake and the ledger: all of it or nothing."""
    lake = settings.lake / feed.feed
    with ledger.write() as session:
        pattern = str((lake / "load={sequence}").relative_to(settings.root))
        load = loads.begin(session, receipt.id, kind, pattern, ledger.clock())
    aside = lake / f".load={load.sequence}.part"
    _clear_leftovers(lake, receipt, ledger)
    aside.mkdir(parents=True)
    reading = feed.model_copy(update={"format": source.form}) if source.form else feed
    try:
        parsed = _parse(_Job(receipt, reading, settings, source, load, aside))
        held = _verdict(receipt, feed, parsed, kind)
    except NightWattError as e:
        shutil.rmtree(aside, ignore_errors=True)
        if kind == "replay":  # what was loaded stays loaded
            with ledger.write() as session:
                loads.finish(session, load, LoadState.FAILED, ledger.clock(), 0, None)
            raise
        _hold(ledger, receipt, load, str(e), None)
        _log.warning("held", load=load.sequence, code=e.code)
        return LoadResult(load.sequence, 0, 0, 0, 0, 0, str(e))
    if parsed.rejects:
        write_rejects(reject_path(settings, feed.feed, load.sequence), receipt.id, load.sequence, parsed.rejects)
    if held:
        shutil.rmtree(aside, ignore_errors=True)
        _hold(ledger, receipt, load, held, parsed)
    else:
        durable.put_folder_in_place(aside, settings.root / load.lake_path)
        _enter(ledger, receipt, load, parsed, kind, source.open_lines)
    records = 0 if held else parsed.records_out
    rejected = len(parsed.rejects)
    tell = _log.warning if held else _log.info
    tell("held" if held else "loaded", load=load.sequence, rows_in=parsed.rows_in, rows_rejected=rejected)
    return LoadResult(load.sequence, parsed.rows_in, parsed.rows_kept, rejected, parsed.rows_ignored, records, held)


def _clear_leftovers(lake: Path, receipt: Receipt, ledger: Ledger) -> None:
    """Remove what killed loads of this receipt left in the lake: their rows are in no finished load."""
    with ledger.read() as session:
        failed = loads.failed(session, receipt.id)
    for sequence in failed:
        shutil.rmtree(lake / f".load={sequence}.part", ignore_errors=True)
        shutil.rmtree(lake / f"load={sequence}", ignore_errors=True)


def _parse(job: _Job) -> _Parsed:
    scratch = job.settings.scratch / f"load-{job.load.sequence}"
    try:
        with memory_engine(job.settings) as con:
            if isinstance(job.feed.format, IdocFormat):
                return _parse_idocs(con, job, scratch)
            if isinstance(job.feed.format, ParquetFormat):
                return _read_parquet(con, job)
            return _parse_delimited(con, job, scratch)
    except duckdb.Error as e:
        # The engine's own words may quote the line; only its kind is passed on.
        raise TerminalError(
            "file.unreadable",
            f"{job.receipt.file_name}: the reader gave up with {type(e).__name__}",
            "look at the archived file; ask the sender for it again, or correct the format in the contract",
        ) from e
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _parse_delimited(con: duckdb.DuckDBPyConnection, job: _Job, scratch: Path) -> _Parsed:
    with open_delimited(
        job.source.path,
        job.feed,
        scratch,
        name=job.receipt.file_name,
        needs_cleaning=job.source.needs_cleaning,
        max_line_bytes=job.settings.max_line_bytes,
    ) as delimited:
        return _read(con, delimited, job)


def _parse_idocs(con: duckdb.DuckDBPyConnection, job: _Job, scratch: Path) -> _Parsed:
    with open_idocs(
        job.source.path,
        job.feed,
        scratch,
        needs_cleaning=job.source.needs_cleaning,
        has_trailer=job.source.has_trailer,
        max_line_bytes=job.settings.max_line_bytes,
    ) as idocs:
        return _read_idocs(con, idocs, job)


def _read(con: duckdb.DuckDBPyConnection, delimited: Delimited, job: _Job) -> _Parsed:
    feed, source = job.feed, job.source
    is_numbered = job.is_table or needs_record(feed)
    if not job.is_table:
        prepare_days(con, feed)
    rows = job.rows(delimited.relation(numbered=is_numbered), delimited.raw_names)
    con.execute(f"CREATE TEMP TABLE parsed AS {rows}")
    structural = bad_lines(con, delimited.aside, feed)
    faults, ignored = _faults(con, "record" if is_numbered else "rowid + 1")
    records_out = _write(con, job)
    kept = _kept_records(con) if fans_out(feed) else records_out
    rejected = len(structural) + len(faults)
    trailer = int(source.has_trailer and isinstance(feed.arrival.wholeness, Trailer))
    data_lines = source.line_count - int(feed.format.header) - trailer
    blank, rejects = 0, [_structural(b) for b in structural]
    if faults or kept + rejected + ignored != data_lines:
        located, blank = _locate(delimited, job, faults, structural)
        rejects += located
    rows_in = data_lines - blank
    if kept + rejected + ignored != rows_in:
        raise _unaccounted(job, f"{rows_in} data rows, but {kept} kept, {rejected} rejected and {ignored} passed over")
    rejects = [*_renumbered(rejects, source), *source.carried]
    rows_in += len(source.carried)
    return _Parsed(sorted(rejects, key=lambda r: r.line), rows_in, kept, ignored, records_out, _totals(con, job))


def _read_parquet(con: duckdb.DuckDBPyConnection, job: _Job) -> _Parsed:
    """Read a Parquet file: its rows are counted from 1, and a bad one is shown as the object it is."""
    rows = open_parquet(job.source.path, job.feed, job.receipt.file_name)
    if not job.is_table:
        prepare_days(con, job.feed)
    con.execute(f"CREATE TEMP TABLE parsed AS {job.rows(rows.relation, rows.raw_names)}")
    faults, ignored = _faults(con, "record")
    records_out = _write(con, job)
    kept = _kept_records(con) if fans_out(job.feed) else records_out
    rows_in = job.source.line_count
    if kept + len(faults) + ignored != rows_in:
        raise _unaccounted(job, f"{rows_in} rows, but {kept} kept, {len(faults)} rejected and {ignored} passed over")
    raw = raw_rows(con, rows, list(faults))
    rejects = [_rejected(line, fault, raw[line]) for line, fault in faults.items()]
    return _Parsed(_renumbered(rejects, job.source), rows_in, kept, ignored, records_out, _totals(con, job))


def _read_idocs(con: duckdb.DuckDBPyConnection, idocs: IdocFile, job: _Job) -> _Parsed:
    """Read IDocs: every record of the file is a row in; what is no row segment is passed over or put aside."""
    feed, source = job.feed, job.source
    if not job.is_table:
        prepare_days(con, feed)
    unread = idoc.read_idocs(con, idocs, feed, source.known)
    heads = job.aside / _HEADS
    heads.parent.mkdir()
    idoc.write_heads(con, heads)
    if source.open:
        unread = _only_open(con, unread, source)
    con.execute(f"CREATE TEMP TABLE parsed AS {job.rows(*idoc.row_relation(feed))}")
    faults, ignored = _faults(con, "record")
    records_out = _write(con, job)
    kept = _kept_records(con) if fans_out(feed) else records_out
    fates = idoc.fates(con)
    raw = idoc.raw_lines(con, list(faults))
    rejects = [_structural(b) for b in (*unread, *fates.aside)]
    rejects += [_rejected(line, fault, raw[line]) for line, fault in faults.items()]
    ignored += fates.passed_over
    rows_in = kept + len(rejects) + ignored
    if not source.open:
        lines = source.line_count - int(idocs.has_trailer) - (fates.blank - idocs.blanked)
        if rows_in != lines:
            raise _unaccounted(
                job, f"{lines} records, but {kept} kept, {len(rejects)} rejected and {ignored} passed over"
            )
    elif source.open.corrected is not None:
        rejects = _as_they_were(con, rejects, source.open, job)
    return _Parsed(sorted(rejects, key=lambda r: r.line), rows_in, kept, ignored, records_out, _totals(con, job))


def _rejected(line: int, fault: str, raw: str) -> Reject:
    code, _, column = fault.partition("|")
    return Reject(line, code, column, REASONS.get(code, code), raw)


def _structural(bad: BadLine) -> Reject:
    return Reject(bad.line, bad.code, None, bad.reason, bad.raw)


def _only_open(con: duckdb.DuckDBPyConnection, unread: list[BadLine], source: Input) -> list[BadLine]:
    """Let only the open rejects count, and see to it that corrected IDocs stand for all of them."""
    assert source.open is not None  # noqa: S101  (the caller looked)
    found = idoc.restrict(con, source.open)
    if found != source.open_lines:
        raise TerminalError(
            "rejects.count_differs",
            f"the corrected IDocs stand for {found} of {source.open_lines} open reject(s)",
            "give every IDoc that has open rejects, with its control record; keep what you cannot correct as it is",
        )
    lines = set(source.open.lines)
    return unread if source.open.corrected is not None else [b for b in unread if b.line in lines]


def _as_they_were(con: duckdb.DuckDBPyConnection, rejects: list[Reject], wanted: Open, job: _Job) -> list[Reject]:
    """Give segments that are bad again the line they had in the landed file, which is what a next replay reads."""
    if not rejects:
        return []
    assert wanted.corrected is not None  # noqa: S101  (the caller looked)
    known = idoc.identities(con, [r.line for r in rejects])
    found = []
    for r in rejects:
        number, segment = known.get(r.line, ("", None))
        was = wanted.corrected.get(number)
        if was is None or segment is None or was.is_whole or segment not in was.segments:
            raise TerminalError(
                "rejects.still_bad",
                f"receipt {job.receipt.id}: line {r.line} of the corrected IDocs is bad ({r.code})",
                "nothing was loaded; an IDoc that was put aside whole must be good as a whole now",
            )
        found.append(Reject(was.segments[segment], r.code, r.column, r.reason, r.raw))
    return found


def _unaccounted(job: _Job, what: str) -> TerminalError:
    return TerminalError(
        "file.unaccounted",
        f"{job.receipt.file_name}: {what}",
        "the file is not loaded; look for broken lines near the end, or ask the sender for it again",
    )


def _kept_records(con: duckdb.DuckDBPyConnection) -> int:
    """Count file rows of which at least one read is kept (a row can hold many)."""
    found = con.execute("SELECT count(DISTINCT record) FROM parsed WHERE fault IS NULL AND NOT ignored").fetchone()
    return int(found[0]) if found else 0


def _faults(con: duckdb.DuckDBPyConnection, record: str) -> tuple[dict[int, str], int]:
    """Return the fault of each bad record, and how many records the contract passes over.

    Rows of a table made in file order carry that order in their rowid, so counting them costs nothing. A
    record that holds several reads is bad if one of them is, and passed over only if all of them are.
    """
    found = con.execute(
        f"SELECT {record} AS number, max(fault) AS fault FROM parsed "
        f"WHERE {record} IN (SELECT {record} FROM parsed WHERE fault IS NOT NULL OR ignored) "
        f"GROUP BY number HAVING max(fault) IS NOT NULL OR bool_and(ignored) ORDER BY number"
    ).fetchall()
    bad = {number: fault for number, fault in found if fault is not None}
    return bad, len(found) - len(bad)


def _write(con: duckdb.DuckDBPyConnection, job: _Job) -> int:
    """Write the good rows. Reads are sorted as the reads store is, so that a merge reads only what it needs."""
    columns = ", ".join(ident(c) for c in (lake_columns(job.feed) if job.is_table else READ_COLUMNS))
    order = "_source_row" if job.is_table else ", ".join(READ_KEY)
    written = con.execute(
        f"COPY (SELECT {columns} FROM parsed WHERE fault IS NULL AND NOT ignored ORDER BY {order}) "
        f"TO {text(job.part)} (FORMAT parquet, COMPRESSION zstd)"
    ).fetchone()
    return int(written[0]) if written else 0


def _locate(
    delimited: Delimited, job: _Job, faults: Mapping[int, str], structural: Sequence[BadLine]
) -> tuple[list[Reject], int]:
    """Say which lines the bad records are; also how many lines are blank."""
    form = job.feed.format.model_copy(update={"compression": "plain", "encoding": "utf-8"})
    path, form = (delimited.path, form) if delimited.is_clean_copy else (job.source.path, job.feed.format)
    located = locate(path, form, faults, {b.line for b in structural} - {a.line for a in delimited.aside})
    rejects = []
    for record, fault in faults.items():
        line = located.line_of.get(record)
        if line is None:
            raise _unaccounted(job, f"record {record} is not among its lines")
        rejects.append(_rejected(line, fault, located.raw[line]))
    # Lines set aside before parsing are blank in the copy, but they are no blank lines of the file.
    return rejects, located.blank_lines - len(delimited.aside)


def _renumbered(rejects: list[Reject], source: Input) -> list[Reject]:
    if source.line_map is not None:
        numbers = source.line_map
        return [Reject(numbers[r.line - 1], r.code, r.column, r.reason, r.raw) for r in rejects]
    return rejects


def _totals(con: duckdb.DuckDBPyConnection, job: _Job) -> dict[str, Any]:
    """Control totals of what was written, as exact text: of reads by channel and unit, of tables by decimal column."""
    if job.is_table:
        return _column_totals(con, job)
    found = con.execute(
        # Twice grouped: counting distinct ids at once takes longer.
        "SELECT channel, unit, sum(reads)::BIGINT, count(*), CAST(coalesce(sum(quantity), 0) AS VARCHAR) FROM "
        "(SELECT channel, unit, service_point_id, count(*) AS reads, sum(value) AS quantity "
        f"FROM read_parquet({text(job.part)}) GROUP BY ALL) GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    return {
        f"{channel} {unit}": {"reads": n, "service_points": points, "quantity": quantity}
        for channel, unit, n, points, quantity in found
    }


def _column_totals(con: duckdb.DuckDBPyConnection, job: _Job) -> dict[str, Any]:
    columns = [(c.name, c.field) for c in job.feed.columns if c.field and c.type == "decimal"]
    if not columns:
        return {}
    sums = ", ".join(f"CAST(coalesce(sum({ident(field)}), 0) AS VARCHAR)" for _, field in columns)
    found = con.execute(f"SELECT {sums} FROM read_parquet({text(job.part)})").fetchone()
    return {name: {"quantity": total} for (name, _), total in zip(columns, found or (), strict=True)}


def _verdict(receipt: Receipt, feed: Feed, parsed: _Parsed, kind: str) -> str | None:
    """Return why a file must not be loaded, if so. A replay adds to what is loaded and is never held back."""
    if kind == "replay":
        return None
    if receipt.control_rows is not None and receipt.control_rows != parsed.rows_in:
        return str(
            TerminalError(
                "file.row_count_mismatch",
                f"{receipt.file_name}: the sender announced {receipt.control_rows} rows, the file has {parsed.rows_in}",
                "nothing was loaded; ask the sender for a complete file",
            )
        )
    rejected = len(parsed.rejects)
    if rejected and 100 * rejected > feed.reject_tolerance_pct * parsed.rows_in:
        share = 100 * rejected / parsed.rows_in
        return str(
            TerminalError(
                "file.rejects_over_tolerance",
                f"{receipt.file_name}: {rejected} of {parsed.rows_in} rows rejected ({share:.3g} %), "
                f"the contract tolerates {feed.reject_tolerance_pct:g} %",
                f"nothing was loaded; `nightwatt rejects show {receipt.id}` lists them; correct the contract or "
                f"the file, then `nightwatt load {feed.feed} --retry-held`",
            )
        )
    return None


def _reject_counts(parsed: _Parsed) -> list[loads.RejectCount]:
    return [loads.RejectCount(code, column, n, first) for code, column, n, first in summary(parsed.rejects)]


def _hold(ledger: Ledger, receipt: Receipt, load: Load, why: str, parsed: _Parsed | None) -> None:
    with ledger.write() as session:
        loads.finish(session, load, LoadState.FAILED, ledger.clock(), 0, None)
        counts: dict[str, Any] = {}
        if parsed:
            loads.note_rejects(session, load, _reject_counts(parsed))
            counts = {
                "rows_in": parsed.rows_in,
                "rows_kept": 0,
                "rows_rejected": len(parsed.rejects),
                "rows_ignored": parsed.rows_ignored,
            }
        session.execute(
            update(Receipt).where(Receipt.id == receipt.id).values(state=ReceiptState.HELD, message=why, **counts)
        )


def _enter(ledger: Ledger, receipt: Receipt, load: Load, parsed: _Parsed, kind: str, open_lines: int) -> None:
    rejected = len(parsed.rejects)
    with ledger.write() as session:
        loads.finish(session, load, LoadState.DONE, ledger.clock(), parsed.records_out, parsed.totals)
        loads.note_rejects(session, load, _reject_counts(parsed))
        total, kept, ignored = parsed.rows_in, parsed.rows_kept, parsed.rows_ignored
        if kind == "replay":  # the file's own count stays, but for what a corrected IDoc brought in addition
            earlier = session.get_one(Receipt, receipt.id)
            total = (earlier.rows_in or 0) + parsed.rows_in - open_lines
            kept += earlier.rows_kept or 0
            ignored += earlier.rows_ignored or 0
        session.execute(
            update(Receipt)
            .where(Receipt.id == receipt.id)
            .values(
                state=ReceiptState.LOADED,
                message=None,
                rows_in=total,
                rows_kept=kept,
                rows_rejected=rejected,
                rows_ignored=ignored,
            )
        )
