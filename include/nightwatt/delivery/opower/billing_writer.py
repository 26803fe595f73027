"""Writing the partner's legacy billing files from the published warehouse, the same bytes every time.

Belongs here: which customers and periods go into the files, what is held, order, splitting and totals. Does not belong
here: what the partner decides (`billing_profile`), what it has (`billing_record`), which corrections it takes
(`corrections`), packing (`packing`), judging a file (`checker_billing`), sending it (`courier`).

Customers are said when what would be said differs from what was said last. Periods are said when the window has them;
with them go those of the same service points that stand and were never said, so that what was held once is tried again.
What the partner has in the very same words is left out of an incremental.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa

from nightwatt.contracts.delivery import OpowerBillingDelivery
from nightwatt.delivery.opower import billing_record
from nightwatt.delivery.opower import billing_sql as sql
from nightwatt.delivery.opower.billing_profile import JOIN, BillingColumn, BillingProfile, FileKind
from nightwatt.delivery.opower.billing_record import Sent
from nightwatt.delivery.opower.corrections import Period, settle
from nightwatt.delivery.opower.names import file_name
from nightwatt.delivery.opower.packing import MEGABYTE, Form, WrittenFile, lines, pack
from nightwatt.delivery.phases import PhaseKind, Window
from nightwatt.duck import text

_HERE = Path(__file__).parent
_CHUNK_BYTES = 100_000_000
_NO_FAULTS = ("cancelled", "not_started")
"""Why a customer is not said, although nothing is wrong."""

Word = Literal["said", "taken_back", "held"]
_WORDS = pa.schema(
    [
        ("service_point_id", pa.string()),
        ("start_date", pa.date32()),
        ("boundary_date", pa.date32()),
        ("word", pa.string()),
    ]
)


@dataclass(frozen=True)
class Selection:
    """Which rows of the published ones, and what the partner has already."""

    phase: PhaseKind
    window: Window
    business_date: date
    sent: Sent = field(default_factory=Sent)

    @property
    def is_incremental(self) -> bool:
        """Whether only what the partner does not have is wanted."""
        return self.phase is PhaseKind.INCREMENTAL


@dataclass(frozen=True)
class Totals:
    """What the files of one kind hold together."""

    rows: int
    service_points: int
    sums: Mapping[str, Decimal]  # by column with an amount
    estimated: int


@dataclass(frozen=True)
class BillingFile:
    """One finished file and its kind."""

    kind: FileKind
    file: WrittenFile


@dataclass(frozen=True)
class Written:
    """The files of one delivery, in the order in which they must be sent; none where nothing is to send."""

    files: tuple[BillingFile, ...]
    totals: Mapping[FileKind, Totals]
    left_out: Mapping[str, int]  # customers and periods not sent, by reason
    not_expressible: int  # periods the partner takes in no form
    active_dates_kept: int  # accounts said with the date said first, although the source now says another


@dataclass(frozen=True)
class _Job:
    """What one call writes."""

    delivery: OpowerBillingDelivery
    profile: BillingProfile
    selection: Selection

    @property
    def is_one_file(self) -> bool:
        return self.delivery.mode == "full"


@dataclass(frozen=True)
class _Content:
    """Where the lines of one kind of file are, and how they are ordered."""

    kind: FileKind
    relation: str
    key: str  # leads the order; a file may be split where it changes
    order: str


@dataclass(frozen=True)
class _Chunk:
    first_key: str
    last_key: str
    most_bytes: int


def write_billing_files(
    con: duckdb.DuckDBPyConnection,
    delivery: OpowerBillingDelivery,
    profile: BillingProfile,
    selection: Selection,
    folder: Path,
    stamp: datetime,
) -> Written:
    """Write the selected rows as the partner's files: one kind, or customers first and usage second.

    Args:
        con: connection to the published warehouse; temporary tables are made in it.
        stamp: instant for the name of the first file; each further one is a second later.

    Raises:
        TerminalError: `delivery.profile_invalid`, the profile asks for what the warehouse has not, or leaves a
            required column empty; `delivery.nothing_published`.
    """
    sql.check_columns(con, profile)
    job = _Job(delivery, profile, selection)
    _find_customers(con, job)
    _find_periods(con, job)
    held = _settle(con, profile)
    _find_lines(con, job)
    files: list[BillingFile] = []
    totals: dict[FileKind, Totals] = {}
    for content in _contents(job):
        written = _write(con, job, content, folder, stamp + timedelta(seconds=len(files)))
        if written:
            files += [BillingFile(content.kind, file) for file in written]
            totals[content.kind] = _totals(con, profile, content)
    return Written(
        files=tuple(files),
        totals=totals,
        left_out=_left_out(con, job),
        not_expressible=held,
        active_dates_kept=_number(
            con,
            "select count(distinct account_id) from billing_customer where is_active_date_kept and "
            f"(account_id, service_point_id) in (select account_id, service_point_id from {_said_customers(job)})",
        ),
    )


# ---- what is to be said ---------------------------------------------------------------------------------------------


def _find_customers(con: duckdb.DuckDBPyConnection, job: _Job) -> None:
    profile, window = job.profile, job.selection.window
    billing_record.remember_customers(con, profile, job.selection.sent)
    columns = sql.customer_columns(profile)
    by_name = {c.name: sql.cell(c, profile) for c in columns}
    statement = _template(
        "billing_customers.sql",
        line=sql.line(by_name.values(), profile),
        is_incomplete=sql.is_incomplete(columns, profile),
        **{name: by_name[name] for name in ("account_id", JOIN, "premise_id", "customer_id")},
    )
    bound = {
        "classes": list(job.delivery.customer_classes),
        "commodity": job.delivery.commodity,
        "system": job.delivery.system,
        "is_sample": window.sample is not None,
        "seed": str(window.sample.seed if window.sample else 0),
        "size": window.sample.size if window.sample else 0,
        "first_day": window.first_day,
        "last_day": window.last_day,
        "business_date": job.selection.business_date,
    }
    con.execute(statement, bound)
    # What is to be said of customers; in one file it needs a period that carries it.
    is_news = "sent_line is distinct from line" if job.selection.is_incremental else "true"
    con.execute(
        "create or replace temp table billing_news as select account_id, service_point_id from billing_customer "
        f"where verdict = 'send' and {is_news}"
    )
    con.execute(
        "create or replace temp table billing_touched as from billing_news where $is_one_file",
        {"is_one_file": job.is_one_file},
    )


def _find_periods(con: duckdb.DuckDBPyConnection, job: _Job) -> None:
    profile, window = job.profile, job.selection.window
    columns = sql.usage_columns(profile)
    statement = _template(
        "billing_periods.sql",
        service_point_id=sql.cell(_named(columns, JOIN), profile),
        usage_value=_named(columns, "usage_value").column or "usage_quantity",
        is_wanted=window.condition("through_sequence", "(boundary_date - 1)"),
        amounts=sql.amount_verdict(columns),
        is_incomplete=sql.is_incomplete(columns, profile),
        line=sql.line((sql.cell(c, profile) for c in columns), profile),
    )
    days = {"first_day": window.first_day, "last_day": window.last_day}
    con.execute(statement, {"through": window.through_sequence, **days})
    points = "select service_point_id from billing_period"
    billing_record.remember_usage(con, profile, job.selection.sent, points)
    con.execute(_template("billing_fates.sql"))
    con.execute(f"create or replace temp table billing_disputed as {_template('billing_disputed.sql')}", days)


def _settle(con: duckdb.DuckDBPyConnection, profile: BillingProfile) -> int:
    """Look at disputed service points one by one; return how many periods the partner takes in no form."""
    disputed: pa.Table = con.sql("from billing_disputed order by service_point_id").to_arrow_table()
    words = list(_words(disputed.to_pylist(), profile))
    rows = [dict(zip(_WORDS.names, word, strict=True)) for word in words]
    con.register("words_found", pa.Table.from_pylist(rows, _WORDS))
    con.execute("create or replace temp table billing_word as from words_found")
    con.unregister("words_found")
    return sum(word == "held" for *_, word in words)


def _words(rows: Sequence[Mapping[str, Any]], profile: BillingProfile) -> Iterator[tuple[str, date, date, Word]]:
    for point, of_point in groupby(rows, key=lambda row: str(row["service_point_id"])):
        parts: dict[str, list[Period]] = {"on_record": [], "standing": [], "gone": [], "lost": []}
        for row in of_point:
            parts[row["part"]].append(Period(row["boundary_date"], row["start_date"]))
        settled = settle(parts["on_record"], parts["standing"], parts["gone"] + parts["lost"])
        # what nobody took back may only be billed at another point now: nothing would be a guess
        is_taken = profile.cancelled == "zero"
        words: dict[Period, Word] = {period: "said" for period in settled.said}
        words |= {period: "held" for period in settled.held}
        for period in settled.taken_back:
            words[period] = "taken_back" if is_taken and period not in parts["lost"] else "held"
        for period, word in words.items():
            yield point, period.start, period.boundary, word


def _find_lines(con: duckdb.DuckDBPyConnection, job: _Job) -> None:
    columns = sql.usage_columns(job.profile)
    nothing = sql.line((sql.nothing(c, job.profile) for c in columns), job.profile)
    con.execute(_template("billing_lines.sql", nothing=nothing), {"is_incremental": job.selection.is_incremental})


# ---- files ----------------------------------------------------------------------------------------------------------


def _contents(job: _Job) -> list[_Content]:
    """Return the kinds of files, in the order in which the partner needs them.

    Customers lie by premise: who has moved out comes before who has moved in at every service point of it.
    """
    usage_order = "service_point_id, boundary_date, number nulls last"
    if job.is_one_file:
        # a usage line begins with the service point, which the customer's part has already
        shortened = "substr(periods.line, length(periods.service_point_id) + 2)"
        tail = "periods.line" if job.profile.join_column_twice else shortened
        relation = (
            "(select periods.* replace "
            f"(customers.line || {text(job.profile.text.delimiter)} || {tail} as line), periods.line as usage_line "
            "from billing_line as periods inner join billing_customer as customers "
            "using (account_id, service_point_id) where customers.verdict = 'send')"
        )
        return [_Content("full", relation, "service_point_id", usage_order)]
    customers = "(select customers.* from billing_customer as customers semi join billing_news "
    customers += "using (account_id, service_point_id) where verdict = 'send')"
    by_premise = "premise_id, active_date, inactive_date nulls last, service_start_date, service_point_id, account_id"
    return [
        _Content("customer", customers, "premise_id", by_premise),
        _Content("usage", "billing_line", "service_point_id", usage_order),
    ]


def _said_customers(job: _Job) -> str:
    return "billing_line" if job.is_one_file else "billing_news"


def _write(
    con: duckdb.DuckDBPyConnection, job: _Job, content: _Content, folder: Path, stamp: datetime
) -> list[WrittenFile]:
    limit = job.delivery.max_file_mb * MEGABYTE
    chunk_bytes = max(1, min(_CHUNK_BYTES, limit // 8))
    chunks_of = _template("billing_chunks.sql", key=content.key, lines=content.relation)
    chunks = [_Chunk(*row) for row in con.execute(chunks_of, {"chunk_bytes": chunk_bytes}).fetchall()]
    if chunks:
        folder.mkdir(parents=True, exist_ok=True)
    statement = (
        f"select line || {text(job.profile.text.line_end)} as line from {content.relation} "
        f"where {content.key} between $first_key and $last_key order by {content.order}"
    )

    def lines_of(chunk: _Chunk) -> Iterator[memoryview]:
        return lines(con, statement, {"first_key": chunk.first_key, "last_key": chunk.last_key})

    def path_of(number: int) -> Path:
        name = file_name(job.delivery, job.profile, content.kind, stamp + timedelta(seconds=number))
        return folder / name

    form = Form.of(job.profile, job.profile.header_line(content.kind))
    return pack(chunks, lines_of, form, path_of, limit)


def _totals(con: duckdb.DuckDBPyConnection, profile: BillingProfile, content: _Content) -> Totals:
    """Count what the lines say; amounts are read from the text of the lines, which is what goes out."""
    counts = f"select count(*), count(distinct service_point_id) from {content.relation}"
    rows, points = con.execute(counts).fetchall()[0]
    if content.kind == "customer":
        return Totals(int(rows), int(points), {}, 0)
    columns = sql.usage_columns(profile)
    line = "usage_line" if content.kind == "full" else "line"
    cells = f"string_split({line}, {text(profile.text.delimiter)})"
    sums = {
        c.name: f"sum(nullif({cells}[{n}], '')::decimal(38, 6))"
        for n, c in enumerate(columns, 1)
        if c.number is not None
    }
    place = next(n for n, c in enumerate(columns, 1) if c.name == "is_estimate")
    estimates = ", ".join(text(value) for value in _named(columns, "is_estimate").estimated) or "''"
    found = con.execute(
        f"select count(*) filter (where {cells}[{place}] in ({estimates}, '')), {', '.join(sums.values())} "
        f"from {content.relation}"
    ).fetchall()[0]
    amounts = {name: Decimal(value or 0) for name, value in zip(sums, found[1:], strict=True)}
    return Totals(int(rows), int(points), amounts, int(found[0]))


def _left_out(con: duckdb.DuckDBPyConnection, job: _Job) -> dict[str, int]:
    """Count what is held, by reason: customers and service points of accounts, and periods of the window."""
    quiet = ", ".join(text(reason) for reason in _NO_FAULTS)
    customers = con.execute(
        f"select 'customer_' || verdict, count(*) from billing_customer where verdict <> 'send' "
        f"and (verdict not in ({quiet}) or (verdict = 'cancelled' and sent_line is not null)) group by 1"
    ).fetchall()
    periods = con.execute(
        "select 'usage_' || verdict, count(*) from billing_period where verdict <> 'send' and is_wanted group by 1"
    ).fetchall()
    found = {str(reason): int(count) for reason, count in [*customers, *periods]}
    if job.is_one_file:
        waiting = _number(
            con, "select count(*) from billing_news anti join billing_line using (account_id, service_point_id)"
        )
        found |= {"customer_no_usage_yet": waiting} if waiting else {}
    return dict(sorted(found.items()))


# ---- small things ---------------------------------------------------------------------------------------------------


def _named(columns: Sequence[BillingColumn], name: str) -> BillingColumn:
    return next(c for c in columns if c.name == name)


def _template(name: str, **expressions: str) -> str:
    return (_HERE / name).read_text("utf-8").format(**expressions)


def _number(con: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(con.execute(query).fetchall()[0][0])
