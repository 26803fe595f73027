"""Did a feed's night come whole? The rules of the contract against the facts of the ledger.

Belongs here: minimum rows, shares of the trailing medians, the sender's row counts and sums, number of files. Does not
belong here: what follows from the verdict (a full file that is not whole must not close anything).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from nightwatt.contracts.feed import Column, Feed
from nightwatt.ledger.checks import CheckResult
from nightwatt.ledger.night_facts import NightFacts

COMPLETENESS_CODES = (
    "feed.file_count",
    "feed.rows_below_minimum",
    "feed.rows_below_median",
    "feed.rows_above_median",
    "feed.meters_below_median",
    "feed.total_below_median",
    "feed.total_above_median",
    "file.row_count_mismatch",
    "file.total_mismatch",
)
"""Every code a night can be found incomplete by."""


@dataclass(frozen=True)
class CountedFile:
    """A file whose sender says what it holds."""

    receipt_id: int
    rows_in: int  # data rows found in it
    control_rows: int | None  # rows the sender says it sent
    rows_rejected: int = 0
    control_totals: Mapping[str, Decimal] = field(default_factory=dict)  # sums the sender says columns have, by name
    totals: Mapping[str, Decimal] = field(default_factory=dict)  # sums of what was loaded, as the ledger names them


def check_completeness(feed: Feed, night: NightFacts, counted: Sequence[CountedFile] = ()) -> list[CheckResult]:
    """Return one result for each completeness rule of a feed's contract that can be judged.

    None of them blocks: an incomplete night is loaded and published, and closes nothing.
    """
    return [
        _files(feed, night),
        _min_rows(feed, night),
        *_against_medians(feed, night),
        *_counts(feed, night, [f for f in counted if f.control_rows is not None]),
        *_totals(feed, night, [f for f in counted if f.control_totals and not f.rows_rejected]),
    ]


def is_complete(results: Sequence[CheckResult]) -> bool:
    """Whether the night counts as complete: every rule holds."""
    return all(r.passed for r in results)


def _files(feed: Feed, night: NightFacts) -> CheckResult:
    least, most = feed.arrival.min_files, feed.arrival.max_files
    passed = least <= night.files_loaded == night.files and (most is None or night.files <= most)
    wanted = f"at least {least}" if most is None else f"{least} to {most}"
    return CheckResult(
        "feed.file_count",
        feed.feed,
        passed,
        False,
        f"{feed.feed} of {night.business_date}: {night.files} file(s) came and {night.files_loaded} of them are "
        f"loaded; {wanted} should",
        {"files": night.files, "loaded": night.files_loaded, "min_files": least, "max_files": most},
        night.business_date,
    )


def _min_rows(feed: Feed, night: NightFacts) -> CheckResult:
    least = feed.completeness.min_rows
    return CheckResult(
        "feed.rows_below_minimum",
        feed.feed,
        night.rows_in >= least,
        False,
        f"{feed.feed} of {night.business_date}: {night.rows_in} rows came, at least {least} should",
        {"rows": night.rows_in, "min_rows": least},
        night.business_date,
    )


# --- against what is usual -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Compared:
    """One count or sum of a night beside the median of the nights before it."""

    what: str
    count: Decimal
    usual: Decimal

    @property
    def pct(self) -> Decimal:
        return 100 * self.count / self.usual if self.usual else Decimal(100)

    def told(self, feed: Feed, night: NightFacts, wanted: str) -> str:
        on = "" if night.of == "nights" else f" on {night.of}"
        return (
            f"{feed.feed} of {night.business_date}: {_plain(self.count)} {self.what} are {self.pct:.1f} % of the usual "
            f"{_plain(self.usual)}{on}; {wanted} should come"
        )

    def evidence(self, night: NightFacts, name: str) -> dict[str, object]:
        return {
            name: _number(self.count),
            "median": _number(self.usual),
            "nights": night.nights,
            "of": night.of,
            "pct": round(float(self.pct), 3),
        }


def _against_medians(feed: Feed, night: NightFacts) -> Iterator[CheckResult]:
    """Compare with the trailing medians; says nothing while there is no earlier night."""
    rule = feed.completeness
    if night.median_rows is not None:
        rows = _Compared("rows", Decimal(night.rows_in), Decimal(str(night.median_rows)))
        yield from _at_least(feed, night, [rows], rule.min_pct_of_median, code="feed.rows_below_median")
        yield from _at_most(feed, night, [rows], rule.max_pct_of_median, code="feed.rows_above_median")
    if night.median_meters is not None:
        meters = _Compared("service points", Decimal(night.meters or 0), Decimal(str(night.median_meters)))
        yield from _at_least(feed, night, [meters], rule.min_meters_pct_of_median, code="feed.meters_below_median")
    totals = [_Compared(n, night.totals.get(n, Decimal(0)), usual) for n, usual in sorted(night.median_totals.items())]
    if totals:
        yield from _at_least(feed, night, totals, rule.min_total_pct_of_median, code="feed.total_below_median")
        yield from _at_most(feed, night, totals, rule.max_total_pct_of_median, code="feed.total_above_median")


def _at_least(
    feed: Feed, night: NightFacts, compared: Sequence[_Compared], least: float | None, *, code: str
) -> Iterator[CheckResult]:
    """Judge by what is lowest of several."""
    if least is not None:
        lowest = min(compared, key=lambda c: c.pct)
        passed = lowest.pct >= Decimal(str(least))
        told = lowest.told(feed, night, f"at least {least:g} %")
        yield _result(feed, night, lowest, code=code, passed=passed, message=told, limit={"min_pct": least})


def _at_most(
    feed: Feed, night: NightFacts, compared: Sequence[_Compared], most: float | None, *, code: str
) -> Iterator[CheckResult]:
    """Judge by what is highest of several."""
    if most is not None:
        highest = max(compared, key=lambda c: c.pct)
        passed = highest.pct <= Decimal(str(most))
        told = highest.told(feed, night, f"at most {most:g} %")
        yield _result(feed, night, highest, code=code, passed=passed, message=told, limit={"max_pct": most})


def _result(
    feed: Feed,
    night: NightFacts,
    of: _Compared,
    *,
    code: str,
    passed: bool,
    message: str,
    limit: Mapping[str, float],
) -> CheckResult:
    name = {"rows": "rows", "service points": "meters"}.get(of.what, "total")
    evidence = of.evidence(night, name) | dict(limit) | ({"of_total": of.what} if name == "total" else {})
    return CheckResult(code, feed.feed, passed, False, message, evidence, night.business_date)


def _number(value: Decimal) -> int | float | str:
    """Return a count as a number, and a sum that a float would round as text."""
    if value == value.to_integral_value():
        return int(value)
    return float(value) if Decimal(str(float(value))) == value else f"{value:f}"


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"


# --- against what the sender says ----------------------------------------------------------------------


def _counts(feed: Feed, night: NightFacts, counted: Sequence[CountedFile]) -> Iterator[CheckResult]:
    """Compare each file with the sender's own count, where it gives one."""
    if not counted:
        return
    wrong = [f for f in counted if f.rows_in != f.control_rows]
    yield CheckResult(
        "file.row_count_mismatch",
        feed.feed,
        not wrong,
        False,
        f"{feed.feed} of {night.business_date}: {len(wrong)} of {len(counted)} file(s) do not hold the rows their "
        "sender counted",
        {"files": [{"receipt": f.receipt_id, "rows_in": f.rows_in, "control": f.control_rows} for f in wrong]},
        night.business_date,
    )


def _totals(feed: Feed, night: NightFacts, counted: Sequence[CountedFile]) -> Iterator[CheckResult]:
    """Compare each file with the sender's own sums; a file of which lines were put aside cannot be judged by them."""
    compared = [
        {"receipt": f.receipt_id, "column": name, "sum": found, "control": factor * control}
        for f in counted
        for name, control in sorted(f.control_totals.items())
        for found, factor in [_found(feed, name, f.totals)]
        if found is not None
    ]
    if not compared:
        return
    wrong = [
        row | {"sum": f"{row['sum']:f}", "control": f"{row['control']:f}"}
        for row in compared
        if row["sum"] != row["control"]
    ]
    files, judged = (len({row["receipt"] for row in rows}) for rows in (wrong, compared))
    yield CheckResult(
        "file.total_mismatch",
        feed.feed,
        not wrong,
        False,
        f"{feed.feed} of {night.business_date}: {files} of {judged} file(s) do not add up to the sums "
        "their sender gives",
        {"files": wrong},
        night.business_date,
    )


def _found(feed: Feed, name: str, totals: Mapping[str, Decimal]) -> tuple[Decimal | None, Decimal]:
    """Return the sum of a column over what was loaded, and what the sender's sum is multiplied by to compare.

    None for a column whose sum nobody keeps. Reads are kept in the canonical unit, by channel.
    """
    column = next((c for c in feed.columns if c.name == name), None)
    if column is None or feed.interval is None:
        return totals.get(name), Decimal(1)
    if column.field != "value":
        return None, Decimal(1)
    mine = [total for of, total in totals.items() if _is_of(feed, column, of.rpartition(" ")[0])]
    return sum(mine, Decimal(0)), Decimal(feed.interval.factor)


def _is_of(feed: Feed, column: Column, channel: str) -> bool:
    """Whether a channel's reads come from a value column: its own channel, or those that no other column claims."""
    if column.channel:
        return channel == column.channel
    return channel not in {c.channel for c in feed.columns if c.field == "value"}
