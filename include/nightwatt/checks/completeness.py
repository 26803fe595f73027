"""Did a feed's night come whole? The rules of the contract against the facts of the ledger.

Belongs here: minimum rows, share of the trailing median, the sender's row counts, number of files. Does
not belong here: what follows from the verdict (a full file that is not whole must not close anything).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median

from nightwatt.contracts.feed import Feed
from nightwatt.ledger.checks import CheckResult


@dataclass(frozen=True)
class FileFacts:
    """One file of the night as the ledger has it."""

    receipt_id: int
    rows_in: int  # data rows found in it
    control_rows: int | None = None  # rows the sender says it sent


@dataclass(frozen=True)
class NightFacts:
    """What is known of a feed's night, and of the loaded nights before it."""

    business_date: date
    files: Sequence[FileFacts]  # standing ones: a superseded file does not count
    earlier_rows: Sequence[int] = ()  # data rows of earlier loaded nights, newest first

    @property
    def rows(self) -> int:
        """Data rows of the night."""
        return sum(f.rows_in for f in self.files)


def check_completeness(feed: Feed, night: NightFacts) -> list[CheckResult]:
    """Return one result for each completeness rule of a feed's contract."""
    return [
        _files(feed, night),
        _min_rows(feed, night),
        *_median_share(feed, night),
        *_control_rows(feed, night),
    ]


def is_complete(results: Sequence[CheckResult]) -> bool:
    """Whether the night counts as complete: every rule holds."""
    return all(r.passed for r in results)


def _files(feed: Feed, night: NightFacts) -> CheckResult:
    least, most = feed.arrival.min_files, feed.arrival.max_files
    count = len(night.files)
    passed = least <= count and (most is None or count <= most)
    wanted = f"at least {least}" if most is None else f"{least} to {most}"
    return CheckResult(
        "feed.file_count",
        feed.feed,
        passed,
        False,
        f"{feed.feed} of {night.business_date}: {count} file(s) came, {wanted} should",
        {"files": count, "min_files": least, "max_files": most},
        night.business_date,
    )


def _min_rows(feed: Feed, night: NightFacts) -> CheckResult:
    least = feed.completeness.min_rows
    return CheckResult(
        "feed.rows_below_minimum",
        feed.feed,
        night.rows >= least,
        False,
        f"{feed.feed} of {night.business_date}: {night.rows} rows came, at least {least} should",
        {"rows": night.rows, "min_rows": least},
        night.business_date,
    )


def _median_share(feed: Feed, night: NightFacts) -> Iterator[CheckResult]:
    """Compare with the trailing median; says nothing while there is no earlier night."""
    least = feed.completeness.min_pct_of_median
    earlier = list(night.earlier_rows[: feed.completeness.median_nights])
    if least is None or not earlier:
        return
    usual = median(earlier)
    share = 100 * night.rows / usual if usual else 100.0
    yield CheckResult(
        "feed.rows_below_median",
        feed.feed,
        share >= least,
        False,
        f"{feed.feed} of {night.business_date}: {night.rows} rows are {share:.1f} % of the usual {usual:g}; "
        f"at least {least:g} % should come",
        {"rows": night.rows, "median": usual, "nights": len(earlier), "pct": round(share, 3), "min_pct": least},
        night.business_date,
    )


def _control_rows(feed: Feed, night: NightFacts) -> Iterator[CheckResult]:
    """Compare each file with the sender's own count, where it gives one."""
    counted = [f for f in night.files if f.control_rows is not None]
    if not counted:
        return
    wrong = [f for f in counted if f.rows_in != f.control_rows]
    yield CheckResult(
        "file.row_count_mismatch",
        feed.feed,
        not wrong,
        False,
        f"{feed.feed} of {night.business_date}: {len(wrong)} of {len(counted)} files do not hold the rows the sender "
        "counted",
        {"files": [{"receipt_id": f.receipt_id, "rows_in": f.rows_in, "control_rows": f.control_rows} for f in wrong]},
        night.business_date,
    )
