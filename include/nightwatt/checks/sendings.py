"""Did the partner get what it is owed, and was it whole? Facts of sendings against the contract's word and a clock.

Belongs here: pure functions over nights, contract and clock. Does not belong here: looking the nights up
(`ledger.sendings`), recording what is found and calling anybody (stages).

Each finding is about one business date, so that it is recorded once however often somebody looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from nightwatt.calendar import wall_instant
from nightwatt.contracts.watch import WEEKDAYS, Watch
from nightwatt.ledger.checks import CheckResult
from nightwatt.ledger.sendings import SentNight

DAY = timedelta(days=1)
LOOK_BACK_DAYS = 7
"""How long a missed night is still found, if nobody looked in time."""
FEWEST = 3
"""Nights of one weekday of which a median says something."""
WINDOW_DAYS = 28
"""Four weeks: every billing cycle comes by once."""
FEWEST_IN_WINDOW = 20


@dataclass(frozen=True)
class Owed:
    """What one delivery owes."""

    delivery: str
    watch: Watch
    deadline: time  # wall-clock time on the business date
    since: date | None  # first business date that owes an incremental; None: the partner has no history yet


def check_sendings(owed: Owed, nights: Sequence[SentNight], now: datetime, zone: ZoneInfo) -> list[CheckResult]:
    """Return everything that is wrong with what was sent, oldest first; nothing where all is well.

    Args:
        owed: the delivery.
        nights: its incrementals that were delivered, oldest first; about four months of them.
        now: the clock.
        zone: the utility's.
    """
    if owed.since is None:
        return []
    found = [
        *_missing(owed, nights, now, zone),
        *_missing_for_report(owed, nights, now, zone),
        *_low(owed, nights, now.astimezone(zone).date()),
        *_shrunk(owed, nights),
    ]
    return sorted(found, key=lambda r: (r.business_date or date.min, r.code))


def _missing(owed: Owed, nights: Sequence[SentNight], now: datetime, zone: ZoneInfo) -> Iterator[CheckResult]:
    """Yield the business dates of the last week whose time has come and that have no file."""
    assert owed.since is not None  # noqa: S101  (asked by the caller)
    sent = {n.business_date for n in nights}
    wall = owed.watch.by or owed.deadline
    today = now.astimezone(zone).date()
    for day in (today - n * DAY for n in range(LOOK_BACK_DAYS, -1, -1)):
        is_due = day >= owed.since and WEEKDAYS[day.weekday()] in owed.watch.days
        if is_due and day not in sent and now >= wall_instant(day, wall, zone):
            yield _finding(
                owed,
                day,
                f"nothing was sent for {day}, which was due by {wall:%H:%M}",
                code="delivery.missing",
                due=f"{wall:%H:%M}",
            )


def _missing_for_report(
    owed: Owed, nights: Sequence[SentNight], now: datetime, zone: ZoneInfo
) -> Iterator[CheckResult]:
    """Yield the last report week, if nothing came in the week up to its Monday's start of business."""
    assert owed.since is not None  # noqa: S101  (asked by the caller)
    today = now.astimezone(zone).date()
    monday = today - today.weekday() * DAY
    opens = wall_instant(monday, owed.watch.start_of_business, zone)
    if not _is_report_week(owed.watch, monday) or now < opens or monday < owed.since:
        return
    begins = wall_instant(monday - 7 * DAY, owed.watch.start_of_business, zone)
    if not any(begins < n.delivered_at <= opens for n in nights):
        yield _finding(
            owed,
            monday,
            f"nothing was sent in the week up to Monday {monday}, {owed.watch.start_of_business:%H:%M}, "
            "when the partner makes its reports",
            code="delivery.missing_for_report",
            start_of_business=f"{owed.watch.start_of_business:%H:%M}",
        )


def _is_report_week(watch: Watch, monday: date) -> bool:
    if isinstance(watch.report_weeks, str):
        return watch.report_weeks == "every"
    return monday in watch.report_weeks


def _low(owed: Owed, nights: Sequence[SentNight], today: date) -> Iterator[CheckResult]:
    """Yield the nights of the last week with far fewer rows or service points than the same weekday usually has."""
    watch = owed.watch
    for night in nights:
        if night.business_date < today - LOOK_BACK_DAYS * DAY:
            continue
        before = [
            n
            for n in nights
            if n.business_date < night.business_date and n.business_date.weekday() == night.business_date.weekday()
        ][-watch.weeks :]
        if len(before) < FEWEST:
            continue
        day = night.business_date
        rows = _Compared(night.rows, float(median(n.rows for n in before)), watch.min_rows_pct, len(before))
        if rows.is_low:
            yield _finding(owed, day, rows.told(day, "rows"), code="delivery.rows_low", **asdict(rows))
        meters = _Compared(night.meters, _usual_meters(before), watch.min_meters_pct, len(before))
        if meters.is_low:
            yield _finding(owed, day, meters.told(day, "service points"), code="delivery.meters_low", **asdict(meters))


@dataclass(frozen=True)
class _Compared:
    """A night's count beside what is usual."""

    count: int | None
    median: float | None
    min_pct: float
    nights: int

    @property
    def is_low(self) -> bool:
        return self.count is not None and bool(self.median) and self._pct < self.min_pct

    @property
    def _pct(self) -> float:
        return 100 * (self.count or 0) / (self.median or 1)

    def told(self, day: date, what: str) -> str:
        return (
            f"the files of {day} have {self.count:,} {what}, {self._pct:.1f} % of the usual {self.median:,.0f} on this "
            f"weekday; at least {self.min_pct:g} % should be there"
        )


def _usual_meters(before: Sequence[SentNight]) -> float | None:
    counts = [n.meters for n in before if n.meters is not None]
    return float(median(counts)) if len(counts) >= FEWEST else None


def _shrunk(owed: Owed, nights: Sequence[SentNight]) -> Iterator[CheckResult]:
    """Yield the newest night, if four weeks have clearly fewer service points than the four before them.

    Both the sum and the usual night must have shrunk: of reads the usual night counts, where a missed one makes the sum
    smaller; of bills the sum does, where every night has others.
    """
    counted = [(n.business_date, n.meters) for n in nights if n.meters is not None]
    if not counted:
        return
    newest = counted[-1][0]
    now = [m for d, m in counted if d > newest - WINDOW_DAYS * DAY]
    before = [m for d, m in counted if newest - 2 * WINDOW_DAYS * DAY < d <= newest - WINDOW_DAYS * DAY]
    if min(len(now), len(before)) < FEWEST_IN_WINDOW or not sum(before) or not median(before):
        return
    share = 100 * max(sum(now) / sum(before), median(now) / median(before))
    if share < 100 - owed.watch.max_shrink_pct:
        yield _finding(
            owed,
            _week_of(newest),
            f"in the four weeks to {newest} the files had {100 - share:.1f} % fewer service points than in the four "
            f"before; {owed.watch.max_shrink_pct:g} % are allowed for",
            code="delivery.population_shrank",
            nights=len(now),
            share_pct=round(share, 3),
            max_shrink_pct=owed.watch.max_shrink_pct,
        )


def _week_of(day: date) -> date:
    """Return the Monday of a day's week: what shrinks slowly is told once a week."""
    return day - day.weekday() * DAY


def _finding(owed: Owed, day: date, message: str, *, code: str, **evidence: object) -> CheckResult:
    return CheckResult(code, owed.delivery, False, False, f"{owed.delivery}: {message}", evidence, day)
