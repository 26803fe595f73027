"""Did the meters report? Service points that usually do, and did not, against what the contracts allow for.

Belongs here: the pure judgement. Does not belong here: counting them (the warehouse does) and recording (stages).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from nightwatt.ledger.checks import CheckResult, Reporting


def check_meters(
    counted: Sequence[Reporting], limits: Mapping[str, float], day: date, business_date: date, publication: int
) -> list[CheckResult]:
    """Return one result for each commodity that has a limit; none of them blocks.

    Args:
        counted: service points by commodity, as the publication has them.
        limits: by commodity, the greatest share in percent that may be silent.
        day: the local day whose reads the night brought.
        business_date: the night.
        publication: its number; the check is made once for it.
    """
    return [_judged(c, limits[c.commodity], day, business_date, publication) for c in counted if c.commodity in limits]


def _judged(counted: Reporting, limit: float, day: date, business_date: date, publication: int) -> CheckResult:
    pct = 100 * counted.silent / counted.usual
    return CheckResult(
        "usage.missing_meters",
        counted.commodity,
        pct <= limit,
        False,
        f"{counted.commodity}: {counted.silent:,} of {counted.usual:,} service points that usually report have no read "
        f"of {day}, {pct:.2f} %; at most {limit:g} % are allowed for",
        {
            "silent": counted.silent,
            "usual": counted.usual,
            "pct": round(pct, 3),
            "max_pct": limit,
            "day": day.isoformat(),
            "publication": publication,
        },
        business_date,
    )
