"""Did a feed's night come whole? The rules of the contract against the facts of the ledger.

Belongs here: minimum rows, share of the trailing median, the sender's row counts, number of files. Does
not belong here: what follows from the verdict (a full file that is not whole must not close anything).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nightwatt.contracts.feed import Feed
from nightwatt.ledger.checks import CheckResult
from nightwatt.ledger.receipts import NightFacts


@dataclass(frozen=True)
class CountedFile:
    """A file whose sender says how many rows it holds."""

    receipt_id: int
    rows_in: int  # data rows found in it
    control_rows: int  # rows the sender says it sent


def check_completeness(feed: Feed, night: NightFacts, counted: Sequence[CountedFile] = ()) -> list[CheckResult]:
    """Return one result for each completeness rule of a feed's contract that can be judged.

    None of them blocks: an incomplete night is loaded and published, and closes nothing.
    """
    return [_files(feed, night), _min_rows(feed, night), *_median_share(feed, night), *_counts(feed, night, counted)]


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


def _median_share(feed: Feed, night: NightFacts) -> Iterator[CheckResult]:
    """Compare with the trailing median; says nothing while there is no earlier night."""
    least = feed.completeness.min_pct_of_median
    usual = night.median_rows
    if least is None or usual is None:
        return
    share = 100 * night.rows_in / usual if usual else 100.0
    yield CheckResult(
        "feed.rows_below_median",
        feed.feed,
        share >= least,
        False,
        f"{feed.feed} of {night.business_date}: {night.rows_in} rows are {share:.1f} % of the usual {usual:g}; "
        f"at least {least:g} % should come",
        {"rows": night.rows_in, "median": usual, "nights": night.nights, "pct": round(share, 3), "min_pct": least},
        night.business_date,
    )


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
