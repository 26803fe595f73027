"""IDoc flat files: which lines belong to which IDoc, which of them count, and the row segments as text columns.

Belongs here: the outer shape of such a file (control, data and status records, numbers, parents) and the fate of
every line. Does not belong here: the meaning of a column (`columns.py`, `tables.py`), the record layouts
(`contracts/idoc_records.py`), and what earlier files held (the caller says).

An IDoc is a control record and what carries its number (DOCNUM); where a number comes twice, lines go with the
last control record of it before them. Nothing else hangs on the order of lines: parents are found by number
(PSGNUM), or by level (HLEVEL) and segment number where a sender leaves PSGNUM out.

Everything is done by set: the engine reads lines as one column and cuts them with substring.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from nightwatt.contracts.feed import Feed, Trailer
from nightwatt.contracts.formats import IdocFormat
from nightwatt.contracts.idoc_records import (
    CONTROL,
    CONTROL_TABLE,
    CONTROL_WIDTH,
    DATA,
    DATA_HEAD,
    DATA_WIDTH,
    STATUS,
    STATUS_TABLE,
    STATUS_WIDTH,
    Place,
)
from nightwatt.duck import ident, text, text_list
from nightwatt.intake.formats.delimited import DIRECT, BadLine, bad_lines
from nightwatt.intake.lines import SetAside, clean_copy, ends_with_line_end, is_utf8

REASONS = {
    "idoc.cut": "a record of this IDoc has not the length of its kind: the IDoc is not whole",
    "idoc.no_control_record": "no control record in the file has this IDoc's number",
    "idoc.no_number": "the control record has no IDoc number",
    "idoc.wrong_client": "a record of this IDoc names another client than the contract",
    "idoc.wrong_type": "the control record names another IDoc type or message type than the contract",
    "idoc.error_status": "the sender's own status says that this IDoc is in error",
    "idoc.bad_segment_number": "segment numbers of this IDoc are missing or given twice",
    "idoc.duplicate_number": "another IDoc of this number, with other content, came before",
    "idoc.unknown_segment": "the contract does not know this segment",
    "idoc.orphan_segment": "a segment above this one is missing",
}
"""Why a line of an IDoc is put aside, by code."""

_NO_DELIMITER = "\x1f"  # stands in no text of an SAP system, so that a line is one column


@dataclass(frozen=True)
class Known:
    """IDocs of earlier files: Parquet with sender, number and content, as `write_heads` leaves it."""

    files: Sequence[Path]
    are_passed_over: bool  # the same again is no news; a full file, though, says what there is


NOTHING_KNOWN = Known((), are_passed_over=False)


@dataclass(frozen=True)
class Open:
    """What a replay reads: the open lines of the landed file, or corrected IDocs that stand for them."""

    lines: Sequence[int]
    corrected: Mapping[str, OpenIdoc] | None = None  # by IDoc number


@dataclass(frozen=True)
class OpenIdoc:
    """Open rejects of one IDoc: all of it, or some of its segments by number."""

    is_whole: bool
    segments: Mapping[int, int]  # segment number to line


@dataclass(frozen=True)
class Fates:
    """What became of the lines that are no row, and how many lines there are at all."""

    aside: list[BadLine]
    passed_over: int
    blank: int


@dataclass(frozen=True)
class IdocFile:
    """One landed file, ready to be read into the engine."""

    reader: str  # SQL: one text column `l`
    aside: list[SetAside]
    is_clean_copy: bool
    has_trailer: bool
    is_open_ended: bool  # the last line has no line end

    @property
    def blanked(self) -> int:
        """Lines that are blank in the copy only because they were set aside."""
        return len(self.aside)


@contextmanager
def open_idocs(
    path: Path, feed: Feed, scratch: Path, *, needs_cleaning: bool, has_trailer: bool, max_line_bytes: int
) -> Iterator[IdocFile]:
    """Prepare a landed file for reading; a cleaned copy, where one is needed, is removed on leaving."""
    form = feed.format
    copy: Path | None = None
    aside: list[SetAside] = []
    if needs_cleaning or not is_utf8(form.encoding) or form.compression not in DIRECT:
        scratch.mkdir(parents=True, exist_ok=True)
        copy = scratch / f"{path.name}.clean"
        aside = clean_copy(path, form, copy)
    compression = "none" if copy else DIRECT[form.compression]
    reader = (
        f"read_csv({text(copy or path)}, columns = {{'l': 'VARCHAR'}}, auto_detect = false, header = false, "
        f"delim = {text(_NO_DELIMITER)}, quote = '', escape = '', compression = '{compression}', "
        f"store_rejects = true, rejects_table = 'csv_rejects', rejects_scan = 'csv_scans', "
        f"max_line_size = {max_line_bytes})"
    )
    try:
        yield IdocFile(
            reader=reader,
            aside=aside,
            is_clean_copy=copy is not None,
            has_trailer=has_trailer and isinstance(feed.arrival.wholeness, Trailer),
            is_open_ended=_form(feed).padding == "trimmed" and not ends_with_line_end(path, form),
        )
    finally:
        if copy:
            copy.unlink(missing_ok=True)


def read_idocs(con: duckdb.DuckDBPyConnection, source: IdocFile, feed: Feed, known: Known) -> list[BadLine]:
    """Read a file into the engine and settle what becomes of every line and every IDoc.

    Leaves the tables `idoc_lines` (line, text, width), `idoc_records` (one row a record), `idocs` (one row an IDoc)
    and `idoc_fates` (line, role, code).

    Returns:
        The lines that are no text.
    """
    form = _form(feed)
    con.execute(f"CREATE TEMP TABLE idoc_text AS SELECT l FROM {source.reader}")
    unread = bad_lines(con, source.aside, feed)
    con.execute(_lines_sql([b.line for b in unread if b.line not in {a.line for a in source.aside}]))
    con.execute("DROP TABLE idoc_text")
    con.execute(_records_sql(form, _trailer(feed) if source.has_trailer else None, source.is_open_ended))
    con.execute(_idocs_sql(form, known))
    con.execute(_fates_sql(feed))
    return unread


def row_relation(feed: Feed) -> tuple[str, dict[str, str]]:
    """Return the row segments' text columns with `record` (their line), and the columns' names there."""
    form = _form(feed)
    names = {column.name: f"r{n}" for n, column in enumerate(feed.columns)}
    above = _ancestors(feed)
    selected = []
    for column in feed.columns:
        if column.control_field:
            cut = _cut("control.text", CONTROL[column.control_field])
        else:
            assert column.offset is not None  # noqa: S101  (the contract's own check)
            assert column.length is not None  # noqa: S101  (the contract's own check)
            name = column.segment or form.row_segment
            source = "own" if name == form.row_segment else f"above{above.index(name)}"
            cut = _cut(f"{source}.text", Place(DATA_HEAD + column.offset, column.length))
        selected.append(f"{cut} AS {names[column.name]}")
    joins = "".join(
        f" JOIN idoc_above AS at{n} ON at{n}.record = fate.line AND at{n}.segment = {text(segment)}"
        f" JOIN idoc_lines AS above{n} ON above{n}.line = at{n}.line"
        for n, segment in enumerate(above)
    )
    return (
        f"(SELECT fate.line AS record, {', '.join(selected)} FROM idoc_fates AS fate "
        "JOIN idoc_lines AS own ON own.line = fate.line "
        "JOIN idocs USING (docnum, ordinal) JOIN idoc_lines AS control ON control.line = idocs.control_line"
        f"{joins} WHERE fate.role = 'row')",
        names,
    )


def restrict(con: duckdb.DuckDBPyConnection, wanted: Open) -> int:
    """Let only the open lines of a replay count; the rest of the file is there for what it says of them.

    Returns:
        How many of the open lines the file speaks of.
    """
    if wanted.corrected is None:
        _remember(con, "idoc_open", {"line": ("BIGINT", wanted.lines)})
        con.execute("DELETE FROM idoc_fates WHERE line NOT IN (SELECT line FROM idoc_open)")
        return len(wanted.lines)
    whole = [number for number, idoc in wanted.corrected.items() if idoc.is_whole]
    single = [(number, segment) for number, idoc in wanted.corrected.items() for segment in idoc.segments
              if not idoc.is_whole]  # fmt: skip
    numbers, segments = [d for d, _ in single], [s for _, s in single]
    _remember(con, "idoc_whole", {"docnum": ("VARCHAR", whole)})
    _remember(con, "idoc_single", {"docnum": ("VARCHAR", numbers), "segnum": ("INTEGER", segments)})
    con.execute(
        "DELETE FROM idoc_fates WHERE line NOT IN (SELECT line FROM idoc_records WHERE docnum IN (FROM idoc_whole) "
        "OR (kind = 'data' AND (docnum, segnum) IN (SELECT (docnum, segnum) FROM idoc_single)))"
    )
    there = {
        r[0] for r in con.execute("SELECT docnum FROM idoc_whole SEMI JOIN idoc_records USING (docnum)").fetchall()
    }
    known = con.execute("SELECT count(*) FROM idoc_single SEMI JOIN idoc_records USING (docnum, segnum)").fetchone()
    assert known is not None  # noqa: S101  (an aggregate gives one row)
    return int(known[0]) + sum(len(idoc.segments) for number, idoc in wanted.corrected.items()
                       if idoc.is_whole and number in there)  # fmt: skip


def fates(con: duckdb.DuckDBPyConnection) -> Fates:
    """Return the lines put aside with their text, and how many are passed over or blank."""
    aside = con.execute(
        "SELECT line, code, text FROM idoc_fates JOIN idoc_lines USING (line) WHERE role = 'aside' ORDER BY line"
    ).fetchall()
    passed = con.execute("SELECT count(*) FROM idoc_fates WHERE role = 'passed'").fetchone()
    blank = con.execute("SELECT count(*) FROM idoc_lines WHERE width = 0").fetchone()
    assert passed is not None  # noqa: S101  (an aggregate gives one row)
    assert blank is not None  # noqa: S101  (an aggregate gives one row)
    return Fates([BadLine(line, code, REASONS[code], raw) for line, code, raw in aside], passed[0], blank[0])


def raw_lines(con: duckdb.DuckDBPyConnection, lines: Sequence[int]) -> dict[int, str]:
    """Return the text of some lines."""
    if not lines:
        return {}
    _remember(con, "idoc_wanted", {"line": ("BIGINT", lines)})
    return dict(con.execute("SELECT line, text FROM idoc_lines SEMI JOIN idoc_wanted USING (line)").fetchall())


def identities(con: duckdb.DuckDBPyConnection, lines: Sequence[int]) -> dict[int, tuple[str, int | None]]:
    """Return the IDoc number and the segment number of some lines."""
    _remember(con, "idoc_wanted", {"line": ("BIGINT", lines)})
    found = con.execute("SELECT line, docnum, segnum FROM idoc_records SEMI JOIN idoc_wanted USING (line)").fetchall()
    return {line: (number, segment) for line, number, segment in found}


def open_idocs_of(rejects: Sequence[tuple[int, str]]) -> dict[str, OpenIdoc]:
    """Sort open rejects (line, raw text) by IDoc number. An IDoc whose control record is among them is open whole.

    A record too short to name its IDoc is the end of the one before it.
    """
    wholes: set[str] = set()
    segments: dict[str, dict[int, int]] = {}
    number = ""
    for place, (line, raw) in enumerate(sorted(rejects), start=1):
        is_data = not raw.startswith((CONTROL_TABLE, STATUS_TABLE))
        layout = DATA if is_data else CONTROL
        number = _slice(raw, layout["DOCNUM"]) or number
        segment = _slice(raw, DATA["SEGNUM"]) if is_data else ""
        if raw.startswith(CONTROL_TABLE):
            wholes.add(number)
        # Lines without a segment number count too; a number below zero is no segment's.
        key = int(segment) if segment.isascii() and segment.isdigit() else -place
        segments.setdefault(number, {})[key] = line
    return {n: OpenIdoc(n in wholes, found) for n, found in segments.items()}


def write_heads(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write which IDocs a load took in, for later files to be held against."""
    con.execute(
        "COPY (SELECT sender, docnum, content, segments FROM idocs WHERE fault IS NULL AND NOT is_repeat "
        f"ORDER BY sender, docnum) TO {text(path)} (FORMAT parquet, COMPRESSION zstd)"
    )


def _form(feed: Feed) -> IdocFormat:
    assert isinstance(feed.format, IdocFormat)  # noqa: S101  (the caller looked)
    return feed.format


def _trailer(feed: Feed) -> str | None:
    rule = feed.arrival.wholeness
    return rule.prefix if isinstance(rule, Trailer) else None


def _slice(raw: str, place: Place) -> str:
    return raw[place.offset : place.offset + place.length].strip()


def _cut(sql: str, place: Place) -> str:
    return f"substr({sql}, {place.offset + 1}, {place.length})"


def _trimmed(sql: str, place: Place) -> str:
    return f"trim({_cut(sql, place)})"


def _remember(con: duckdb.DuckDBPyConnection, name: str, columns: Mapping[str, tuple[str, Sequence[object]]]) -> None:
    """Make a table of short lists: column, its type, its values."""
    selected = ", ".join(f"unnest(?::{kind}[]) AS {column}" for column, (kind, _) in columns.items())
    values = [list(found) for _, found in columns.values()]
    con.execute(f"CREATE OR REPLACE TEMP TABLE {ident(name)} AS SELECT {selected}", values)


def _ancestors(feed: Feed) -> list[str]:
    """Return the segments above the row's that columns are cut from."""
    form = _form(feed)
    return sorted({c.segment for c in feed.columns if c.segment and c.segment != form.row_segment})


def _lines_sql(unread: Sequence[int]) -> str:
    """Number the lines as the file has them: the reader left out those it could not read.

    The table of texts was made in file order and carries it in its rowid.
    """
    shift = "".join(f" + (rowid + 1 >= {line - n})::INTEGER" for n, line in enumerate(sorted(unread)))
    if len(unread) > 100:  # a long list belongs in a join, not in an expression
        values = ", ".join(f"({line - n})" for n, line in enumerate(sorted(unread)))
        shift = f" + (SELECT count(*) FROM (VALUES {values}) AS left_out(place) WHERE rowid + 1 >= place)"
    return (
        f"CREATE TEMP TABLE idoc_lines AS SELECT rowid + 1{shift} AS line, coalesce(rtrim(l, ' '), '') AS text, "
        "coalesce(length(l), 0) AS width FROM idoc_text"
    )


def _records_sql(form: IdocFormat, trailer: str | None, is_open_ended: bool) -> str:
    """One row a record: kind, the IDoc it belongs to, its numbers, and whether its length is wrong."""
    last = "line = (SELECT max(line) FROM idoc_lines WHERE width > 0)"
    without_trailer = f" AND NOT (starts_with(text, {text(trailer)}) AND {last})" if trailer else ""
    if form.padding == "full":
        data_is_cut, control_is_cut = f"width <> {DATA_WIDTH}", f"width <> {CONTROL_WIDTH}"
    else:
        head = CONTROL["DOCNUM"].offset + CONTROL["DOCNUM"].length
        data_is_cut = f"width NOT BETWEEN {DATA_HEAD} AND {DATA_WIDTH}"
        control_is_cut = f"width NOT BETWEEN {head} AND {CONTROL_WIDTH}"
    open_end = f" OR {last}" if is_open_ended else ""
    number = f"if(kind = 'data', {_trimmed('text', DATA['DOCNUM'])}, {_trimmed('text', CONTROL['DOCNUM'])})"
    client = f"if(kind = 'data', {_trimmed('text', DATA['MANDT'])}, {_trimmed('text', CONTROL['MANDT'])})"
    integers = ", ".join(
        f"CASE WHEN kind = 'data' THEN try_cast({_trimmed('text', DATA[name])} AS INTEGER) END AS {name.lower()}"
        for name in ("SEGNUM", "PSGNUM", "HLEVEL")
    )
    stamp = f"{_cut('text', STATUS['LOGDAT'])} || {_cut('text', STATUS['LOGTIM'])}"
    return f"""
        CREATE TEMP TABLE idoc_records AS
        WITH kinds AS (
            SELECT line, text, width,
                   CASE WHEN starts_with(text, '{CONTROL_TABLE}')
                             OR (width BETWEEN 5 AND 7 AND starts_with('{CONTROL_TABLE}', text)) THEN 'control'
                        WHEN starts_with(text, '{STATUS_TABLE}') THEN 'status' ELSE 'data' END AS kind
            FROM idoc_lines WHERE width > 0{without_trailer}
        ),
        heads AS (
            SELECT line, kind, {client} AS client, {integers},
                   CASE WHEN kind = 'data' AND width < {DATA_HEAD} THEN NULL ELSE {number} END AS number,
                   CASE WHEN kind = 'data' THEN {_trimmed("text", DATA["SEGNAM"])} END AS segment,
                   CASE WHEN kind = 'status' THEN {_trimmed("text", STATUS["STATUS"])} END AS status,
                   CASE WHEN kind = 'status' THEN {stamp} END AS status_at,
                   CASE WHEN kind = 'data' THEN md5_number_lower(text) END AS digest,
                   CASE kind WHEN 'data' THEN {data_is_cut} WHEN 'control' THEN {control_is_cut}
                        ELSE width < {STATUS_WIDTH} END{open_end} AS is_cut
            FROM kinds
        ),
        numbered AS (
            SELECT * EXCLUDE (number),
                   coalesce(last_value(number IGNORE NULLS) OVER (ORDER BY line), '') AS docnum
            FROM heads
        )
        SELECT *, greatest(1, count(*) FILTER (kind = 'control') OVER (PARTITION BY docnum ORDER BY line)) AS ordinal
        FROM numbered"""


def _idocs_sql(form: IdocFormat, known: Known) -> str:
    """One row an IDoc: sender, content, and what is wrong with it as a whole."""
    is_error = f"status IN ({_listed(form.error_statuses)})"
    control = {name: _trimmed("control.text", CONTROL[name]) for name in CONTROL}
    sender = " || '|' || ".join(control[name] for name in ("SNDPOR", "SNDPRT", "SNDPRN"))
    earlier = "SELECT NULL::VARCHAR AS sender, NULL::VARCHAR AS docnum, NULL::VARCHAR AS content WHERE false"
    if known.files:
        earlier = f"SELECT sender, docnum, content FROM read_parquet({text_list(list(known.files))})"
    return f"""
        CREATE TEMP TABLE idocs AS
        WITH grouped AS (
            SELECT docnum, ordinal, min(line) AS first_line, min(line) FILTER (kind = 'control') AS control_line,
                   bool_or(is_cut) AS is_cut,
                   bool_or(client <> {text(form.client)}) AS is_of_other_client,
                   count(*) FILTER (kind = 'data') AS segments,
                   count(DISTINCT segnum) FILTER (kind = 'data' AND segnum > 0) AS segment_numbers,
                   coalesce(arg_max({is_error}, (status_at, {is_error})) FILTER (kind = 'status'), false)
                       AS has_error_status,
                   concat_ws(' ', count(digest), sum(digest::HUGEINT), bit_xor(digest)) AS content
            FROM idoc_records GROUP BY docnum, ordinal
        ),
        judged AS (
            SELECT grouped.*, {sender} AS sender,
                   CASE WHEN control_line IS NULL THEN 'idoc.no_control_record'
                        WHEN is_cut THEN 'idoc.cut'
                        WHEN docnum = '' THEN 'idoc.no_number'
                        WHEN is_of_other_client THEN 'idoc.wrong_client'
                        WHEN {control["IDOCTYP"]} <> {text(form.idoc_type)}
                             OR {control["MESTYP"]} <> {text(form.message_type)} THEN 'idoc.wrong_type'
                        WHEN has_error_status OR {control["STATUS"]} IN ({_listed(form.error_statuses)})
                             THEN 'idoc.error_status'
                        WHEN segments <> segment_numbers THEN 'idoc.bad_segment_number' END AS own_fault
            FROM grouped LEFT JOIN idoc_lines AS control ON control.line = grouped.control_line
        ),
        earlier AS (
            SELECT sender, docnum, list(DISTINCT content) AS contents
            FROM ({earlier}) SEMI JOIN judged USING (sender, docnum) GROUP BY ALL
        ),
        compared AS (
            SELECT judged.*, earlier.contents,
                   row_number() OVER (PARTITION BY sender, docnum, own_fault IS NULL, content ORDER BY first_line)
                       AS copy_number,
                   first_value(content) OVER (PARTITION BY sender, docnum, own_fault IS NULL ORDER BY first_line)
                       AS first_content
            FROM judged LEFT JOIN earlier USING (sender, docnum)
        )
        SELECT docnum, ordinal, control_line, sender, content, segments,
               coalesce(own_fault, CASE WHEN NOT list_contains(coalesce(contents, [first_content]), content)
                                        THEN 'idoc.duplicate_number' END) AS fault,
               copy_number > 1 OR ({str(known.are_passed_over).lower()} AND contents IS NOT NULL) AS is_repeat
        FROM compared"""


def _listed(values: Sequence[str]) -> str:
    return ", ".join(text(value) for value in values) or "NULL"


def _fates_sql(feed: Feed) -> str:
    """Every record's role: `row`, `passed` over, or put `aside` with a code."""
    form = _form(feed)
    above = _ancestors(feed)
    known = _listed([form.row_segment, *above, *form.other_segments])
    lacks = "".join(
        f" OR (record.segment = {text(form.row_segment)} AND record.line NOT IN "
        f"(SELECT record FROM idoc_above WHERE segment = {text(name)}))"
        for name in above
    )
    return f"""
        {_above_sql(form) if above else ""}
        CREATE TEMP TABLE idoc_fates AS
        WITH judged AS (
            SELECT record.line, record.docnum, record.ordinal, record.kind, record.segment, idocs.is_repeat,
                   coalesce(idocs.fault, CASE WHEN idocs.is_repeat OR record.kind <> 'data' THEN NULL
                        WHEN record.segment NOT IN ({known}) THEN 'idoc.unknown_segment'
                        WHEN (record.psgnum > 0 AND parent.line IS NULL){lacks} THEN 'idoc.orphan_segment' END) AS code
            FROM idoc_records AS record
            JOIN idocs USING (docnum, ordinal)
            LEFT JOIN idoc_records AS parent
                ON parent.docnum = record.docnum AND parent.ordinal = record.ordinal AND parent.kind = 'data'
                AND parent.segnum = record.psgnum AND parent.segnum < record.segnum
                AND idocs.fault IS NULL
        )
        SELECT line, docnum, ordinal, code,
               CASE WHEN code IS NOT NULL THEN 'aside'
                    WHEN kind = 'data' AND segment = {text(form.row_segment)} AND NOT is_repeat THEN 'row'
                    ELSE 'passed' END AS role
        FROM judged"""


def _above_sql(form: IdocFormat) -> str:
    """For each row segment, the nearest segment of each name above it."""
    return f"""
        CREATE TEMP TABLE idoc_above AS
        WITH RECURSIVE good AS (
            SELECT record.* FROM idoc_records AS record JOIN idocs USING (docnum, ordinal)
            WHERE record.kind = 'data' AND idocs.fault IS NULL AND NOT idocs.is_repeat
        ),
        by_level AS (
            SELECT good.line, higher.segnum AS parent
            FROM (SELECT *, hlevel - 1 AS level_above FROM good WHERE coalesce(psgnum, 0) = 0 AND hlevel > 1) AS good
            ASOF JOIN good AS higher
                ON higher.docnum = good.docnum AND higher.ordinal = good.ordinal AND higher.hlevel = good.level_above
                AND good.segnum > higher.segnum
        ),
        linked AS (
            SELECT good.line, docnum, ordinal, segnum, segment, coalesce(nullif(psgnum, 0), by_level.parent) AS parent
            FROM good LEFT JOIN by_level USING (line)
        ),
        climbed AS (
            SELECT line AS record, line, docnum, ordinal, segnum, segment, parent, 0 AS steps
            FROM linked WHERE segment = {text(form.row_segment)}
            UNION ALL
            SELECT climbed.record, linked.line, linked.docnum, linked.ordinal, linked.segnum, linked.segment,
                   linked.parent, climbed.steps + 1
            FROM climbed JOIN linked
                ON linked.docnum = climbed.docnum AND linked.ordinal = climbed.ordinal
                AND linked.segnum = climbed.parent AND linked.segnum < climbed.segnum
        )
        SELECT record, segment, arg_min(line, steps) AS line FROM climbed WHERE steps > 0 GROUP BY record, segment;"""
