"""Publishing one domain: marts to Parquet aside, a small file of views, checks, one rename.

Belongs here: the order of the steps and what a rerun after an interruption finds. Does not belong here:
each step's own work (`data_files`, `versions`, `publication_checks`, `retention`).

The commit point is the rename of the small file. Before it, everything written is either reused by the
next attempt or collected later; after it, only audiences and the ledger's row are missing, and the next attempt
brings both to what the file holds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
from sqlalchemy.orm import Session

from nightwatt import durable, log
from nightwatt.contracts.canonical import READ_COLUMNS
from nightwatt.errors import TerminalError
from nightwatt.ledger import Ledger, checks, publications
from nightwatt.ledger.checks import CheckResult
from nightwatt.ledger.models import PublicationState
from nightwatt.settings import Settings
from nightwatt.warehouse import audiences as audience_files
from nightwatt.warehouse import data_files, duck_file, inputs, meta, publication_checks, retention, versions
from nightwatt.warehouse.audiences import Audiences, Made
from nightwatt.warehouse.data_files import Scan
from nightwatt.warehouse.tables import OPS, READS_VIEW, PublishedTable
from nightwatt.warehouse.versions import PublicationEntry, TableEntry, Version

_log = log.get("warehouse")

At = Callable[[str], None]
PinReads = Callable[[int], Sequence[Path]]
"""Gives the files of a reads store version, for as long as it is published."""

SHRINK_LIMIT_PCT = 50.0
STEPS = (
    "publish.intent",
    "publish.table_written",  # once for each table
    "publish.file_built",
    "publish.checked",
    "publish.version_kept",
    "publish.swapped",
    "publish.recorded",
    "publish.collected",
)


@dataclass(frozen=True)
class PublishResult:
    """What readers see of a domain after a publication."""

    sequence: int
    domain: str
    is_new: bool  # False: this content was published before
    as_of: date
    published_at: datetime
    through_sequence: int
    store_version: int | None
    tables: Mapping[str, int]  # rows by table, the domain's and `ops`
    files_written: int
    checks: tuple[CheckResult, ...]  # failed ones that do not block


@dataclass(frozen=True)
class Terms:
    """How strict a publication is, and how much is kept."""

    shrink_limit_pct: float = SHRINK_LIMIT_PCT
    accept: Collection[str] = ()  # codes of checks whose failure is accepted this time
    keep: int | None = None  # versions kept; the setting otherwise
    grace: timedelta = retention.GRACE


@dataclass(frozen=True)
class _Job:
    """What all steps of one publication need."""

    settings: Settings
    ledger: Ledger
    terms: Terms
    at: At
    content: publications.Content
    previous: Version | None
    audiences: Audiences | None  # None: whoever sees something goes on seeing it


def publish(  # noqa: PLR0913  (what, as of when, from where, and the switches)
    domain: str,
    as_of: date,
    tables: Sequence[PublishedTable],
    settings: Settings,
    ledger: Ledger,
    *,
    pin_reads: PinReads | None = None,
    audiences: Audiences | None = None,
    terms: Terms | None = None,
    lock_timeout_s: float = 600,
    at: At = lambda _: None,
) -> PublishResult:
    """Let readers see what the last build of a domain made. Safe to run again after any interruption.

    The same content as of the same date is published once. A new night is published even if it brought
    nothing, so that `as_of` moves on; an earlier date (a past night run again) does not turn it back.

    Args:
        domain: `billing` or `usage`; tables of other domains stay as they are.
        as_of: the business date.
        tables: what to publish, e.g. from `published_tables`.
        settings: the home.
        ledger: the book.
        pin_reads: files of a store version, for `fct_interval_reads`; none for domains without reads.
        audiences: who gets files of their own; their files are made and checked before anybody sees anything.
        terms: limits, accepted failures, retention.
        lock_timeout_s: how long to wait for another writer.
        at: told each step of `STEPS` as it is done.

    Raises:
        TerminalError: `publish.refused` when checks fail, `publish.not_built` or
            `publish.unfinished_build` when there is nothing sound to publish; `audience.unknown_table` and its
            like, when a declaration does not fit the tables. Readers keep what they have.
        TransientError: `warehouse.locked`.
    """
    with duck_file.writer_lock(settings, f"publish {domain}", lock_timeout_s):
        previous = versions.current_version(settings)
        _settle_standing(ledger, previous)
        warehouse = duck_file.warehouse_file(settings)
        if not warehouse.exists():
            raise _not_built(domain)
        with duck_file.reader(settings, warehouse) as con:
            content = _content(con, domain, as_of, previous)
            job = _Job(settings, ledger, terms or Terms(), at, content, previous, audiences)
            copied = [t for t in tables if t.name != READS_VIEW]
            scans = [data_files.scan(con, t) for t in copied]
            if previous and _is_published(content, scans, previous):
                _settle_audiences(job, previous)
                return _result(previous, domain, is_new=False)
            return _publish(job, con, scans, _reads_entry(con, content, pin_reads))


def _publish(
    job: _Job, con: duckdb.DuckDBPyConnection, scans: Sequence[Scan], reads: TableEntry | None
) -> PublishResult:
    now = job.ledger.clock()
    if job.audiences:
        audience_files.check(job.settings, job.audiences, _tables_to_be(job, scans))
    with job.ledger.write() as session:
        standing = job.previous.sequence if job.previous else 0
        sequence = publications.intend(session, job.content, standing, now).sequence
    job.at("publish.intent")
    entries, results, written = _write_tables(job, con, scans)
    if reads is not None:
        entries[READS_VIEW] = reads
    days = _touched_days(con)
    version = _version(job, sequence, entries, now)
    aside = versions.version_file(job.settings, sequence).with_suffix(".new")
    results += publication_checks.check_files(job.settings, version)
    if not any(r.stops for r in results):
        versions.write_version(job.settings, version, aside)
        job.at("publish.file_built")
        results += _check(job, version, aside, scans, days)
    made: list[Made] = []
    if job.audiences and not any(r.stops for r in results):
        made = audience_files.make(job.settings, job.audiences, version, job.at)
        results += [r for one in made for r in one.results]
    results = _with_terms(job, results)
    _conclude(job, sequence, version, results)
    job.at("publish.checked")
    _swap(job, version, aside)
    if job.audiences:
        audience_files.show(job.settings, job.audiences, made, _showing(job, now))
    with job.ledger.write() as session:
        _settle(session, version, job.content.domain)
    job.at("publish.recorded")
    retention.collect_locked(job.settings, _keep(job), job.terms.grace, now)
    job.at("publish.collected")
    _log.info("published", domain=job.content.domain, sequence=sequence, files_written=written)
    failed = tuple(r for r in results if not r.passed)
    return replace(_result(version, job.content.domain, is_new=True), files_written=written, checks=failed)


def _content(
    con: duckdb.DuckDBPyConnection, domain: str, as_of: date, previous: Version | None
) -> publications.Content:
    built = meta.last_build(con, domain)
    if built is None:
        raise _not_built(domain)
    if built.is_unfinished:
        raise TerminalError(
            "publish.unfinished_build",
            f"a build of {domain} began after the last good one and did not finish; its tables may be a mixture",
            f"run `nightwatt build {domain}` to its end first",
        )
    standing = previous.publications.get(domain) if previous else None
    newest = max(as_of, standing.as_of) if standing else as_of
    return publications.Content(domain, newest, built.through_sequence, built.store_version)


def _not_built(domain: str) -> TerminalError:
    return TerminalError(
        "publish.not_built", f"the warehouse holds no finished build of {domain}", f"run `nightwatt build {domain}`"
    )


def _is_published(content: publications.Content, scans: Sequence[Scan], previous: Version) -> bool:
    """Whether readers see exactly this already. The ledger's own tables do not count: each run adds to them."""
    standing = previous.publications.get(content.domain)
    if standing is None or content != publications.Content(
        standing.domain, standing.as_of, standing.through_sequence, standing.store_version
    ):
        return False
    copied = {n: t for n, t in previous.tables.items() if t.reads_files is None}
    gone = {n for n, t in copied.items() if t.domain == content.domain} - {s.table.name for s in scans}
    return not gone and all(
        s.table.name in copied
        and (s.content, s.table.description) == (copied[s.table.name].content, copied[s.table.name].description)
        for s in scans
        if s.table.domain == content.domain
    )


def _reads_entry(
    con: duckdb.DuckDBPyConnection, content: publications.Content, pin_reads: PinReads | None
) -> TableEntry | None:
    """Return the view on the pinned reads, where the domain was built from reads."""
    if pin_reads is None or content.store_version is None:
        return None
    pinned = list(pin_reads(content.store_version))
    row = con.execute(f"select count(*) from ({inputs.reads_scan(pinned)})").fetchone()
    return TableEntry(
        domain=content.domain,
        columns=tuple(READ_COLUMNS.items()),
        primary_key=("service_point_id", "channel", "interval_start_at"),
        description="Latest reads, one row per service point, channel and interval start (UTC).",
        rows=row[0] if row else 0,
        content=f"store version {content.store_version}",
        reads_files=tuple(str(p) for p in pinned),
    )


def _write_tables(
    job: _Job, con: duckdb.DuckDBPyConnection, scans: Sequence[Scan]
) -> tuple[dict[str, TableEntry], list[CheckResult], int]:
    entries: dict[str, TableEntry] = {}
    results: list[CheckResult] = []
    count = 0
    for scanned in scans:
        table = scanned.table
        found, failures, written = data_files.write(con, scanned, versions.data_folder(job.settings))
        across = data_files.check_key_across_partitions(con, table) if written else None
        results += [*failures, *([across] if across and not across.passed else [])]
        count += written
        entries[table.name] = TableEntry(
            domain=table.domain,
            columns=scanned.columns,
            primary_key=table.primary_key,
            description=table.description,
            rows=scanned.rows,
            content=scanned.content,
            files=tuple(found),
        )
        job.at("publish.table_written")
    return entries, results, count


def _tables_to_be(job: _Job, scans: Sequence[Scan]) -> dict[str, TableEntry]:
    """Return the tables the publication will have, as far as declarations ask: names, columns, keys."""
    standing = dict(job.previous.tables) if job.previous else {}
    mine = {
        s.table.name: TableEntry(s.table.domain, s.columns, s.table.primary_key, "", s.rows, s.content) for s in scans
    }
    return standing | mine


def _touched_days(con: duckdb.DuckDBPyConnection) -> list[date]:
    """Return the local days the last build recomputed, newest last; none where that is not known."""
    try:
        rows = con.execute("select distinct read_date from lake.touched_reads order by 1").fetchall()
    except duckdb.CatalogException:
        return []
    return [r[0] for r in rows]


def _version(job: _Job, sequence: int, entries: Mapping[str, TableEntry], now: datetime) -> Version:
    """Return the new version: the domain's tables and the ledger's new, other domains' as they stand."""
    content, previous = job.content, job.previous
    replaced = {content.domain, *(t.domain for t in entries.values())}
    carried = {n: t for n, t in previous.tables.items() if t.domain not in replaced} if previous else {}
    mine = PublicationEntry(
        sequence=sequence,
        domain=content.domain,
        as_of=content.as_of,
        published_at=now,
        through_sequence=content.through_sequence,
        store_version=content.store_version,
    )
    others = previous.publications if previous else {}
    return Version(sequence, {**others, content.domain: mine}, {**carried, **entries})


def _check(job: _Job, version: Version, aside: Path, scans: Sequence[Scan], days: Sequence[date]) -> list[CheckResult]:
    limits = {
        s.table.name: job.terms.shrink_limit_pct if s.table.max_shrink_pct is None else s.table.max_shrink_pct
        for s in scans
    }
    results = list(publication_checks.check_against_previous(version, job.previous, limits))
    results += publication_checks.check_views(job.settings, version, aside)
    results += publication_checks.check_reconciliation(job.settings, version, aside, job.content.domain)
    if job.content.domain == "usage":
        results += publication_checks.check_usage(job.settings, version, aside, days)
    return results


def _with_terms(job: _Job, results: Iterable[CheckResult]) -> list[CheckResult]:
    return [
        replace(r, business_date=job.content.as_of, blocks=r.blocks and r.code not in job.terms.accept) for r in results
    ]


def _conclude(job: _Job, sequence: int, version: Version, results: Sequence[CheckResult]) -> None:
    """Write the checks down; where one stops the publication, refuse it and keep the standing one."""
    now = job.ledger.clock()
    stopping = [r for r in results if r.stops]
    mine = {n: t for n, t in version.tables.items() if t.domain in {job.content.domain, OPS}}
    verdict = CheckResult(
        "publish.verdict",
        job.content.domain,
        not stopping,
        True,
        f"publication {sequence} of {job.content.domain}: {len(stopping)} checks stop it",
        {"sequence": sequence, "tables": {n: {"rows": t.rows, "totals": t.sums} for n, t in sorted(mine.items())}},
        job.content.as_of,
    )
    error = _refusal(job, sequence, stopping, now) if stopping else None
    with job.ledger.write() as session:
        checks.record(session, [*results, verdict], job.content.as_of, now)
        if error:
            publications.refuse(session, sequence, error.message)
    if error:
        versions.version_file(job.settings, sequence).with_suffix(".new").unlink(missing_ok=True)
        _log.error("refused", domain=job.content.domain, sequence=sequence, codes=sorted({r.code for r in stopping}))
        raise error


def _refusal(job: _Job, sequence: int, stopping: Sequence[CheckResult], now: datetime) -> TerminalError:
    domain = job.content.domain
    standing = job.previous.publications.get(domain) if job.previous else None
    if standing is None:
        keeps = f"nothing of {domain} is published yet"
    else:
        hours = (now - standing.published_at).total_seconds() / 3600
        keeps = f"readers keep publication {standing.sequence} as of {standing.as_of}, {hours:.1f} h old"
    found = "\n  ".join(f"{r.code}: {r.message}" for r in stopping)
    return TerminalError(
        "publish.refused",
        f"publication {sequence} of {domain} as of {job.content.as_of} failed its checks; {keeps}:\n  {found}",
        "correct the cause and build again, or publish accepting these codes if the change is real",
    )


def _swap(job: _Job, version: Version, aside: Path) -> None:
    kept = versions.version_file(job.settings, version.sequence)
    durable.write_text(versions.manifest_file(job.settings, version.sequence), version.to_json())
    durable.put_in_place(aside, kept)
    job.at("publish.version_kept")
    durable.copy_into_place(kept, versions.published_file(job.settings))
    job.at("publish.swapped")


def _settle_audiences(job: _Job, standing: Version) -> None:
    """Bring audiences to what readers see already, where an interruption or a new declaration left them behind."""
    if job.audiences:
        terms = _showing(job, job.ledger.clock())
        made = audience_files.make_missing(job.settings, job.audiences, standing, terms)
        audience_files.show(job.settings, job.audiences, made, terms)


def _showing(job: _Job, now: datetime) -> audience_files.Terms:
    return audience_files.Terms(now - job.terms.grace, job.at)


def _settle_standing(ledger: Ledger, standing: Version | None) -> None:
    """Finish in the ledger what an earlier attempt had renamed in before it was interrupted."""
    if standing is None:
        return
    with ledger.read() as session:
        row = publications.find(session, standing.sequence)
    if row is not None and row.state != PublicationState.PUBLISHED:
        with ledger.write() as session:
            _settle(session, standing, row.domain)


def _settle(session: Session, version: Version, domain: str) -> None:
    entry = version.publications[domain]
    rows = {n: t.rows for n, t in sorted(version.tables.items()) if t.domain in {domain, OPS}}
    publications.settle(session, entry.sequence, entry.published_at, rows)


def _keep(job: _Job) -> int:
    return job.settings.keep_publications if job.terms.keep is None else job.terms.keep


def _result(version: Version, domain: str, *, is_new: bool) -> PublishResult:
    entry = version.publications[domain]
    return PublishResult(
        sequence=entry.sequence,
        domain=domain,
        is_new=is_new,
        as_of=entry.as_of,
        published_at=entry.published_at,
        through_sequence=entry.through_sequence,
        store_version=entry.store_version,
        tables={n: t.rows for n, t in sorted(version.tables.items()) if t.domain in {domain, OPS}},
        files_written=0,
        checks=(),
    )
