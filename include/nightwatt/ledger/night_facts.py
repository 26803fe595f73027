"""What completeness of a feed's night is judged by: its counts and sums, and what is usual.

Belongs here: the questions to receipts and loads. Does not belong here: the rules (checks).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from statistics import median
from typing import Any, cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from nightwatt.ledger.models import Load, LoadState, Receipt, ReceiptState
from nightwatt.ledger.receipts import by_feed_and_date

ENOUGH_OF_A_WEEKDAY = 3
"""Nights of one weekday whose median says more than that of all nights."""


@dataclass(frozen=True)
class NightFacts:
    """A night's counts, and the medians of the nights before it."""

    feed: str
    business_date: date
    files: int  # current receipts, whatever their state
    files_loaded: int
    files_held: int
    rows_in: int  # data rows of the loaded files
    rows_kept: int
    median_rows: float | None  # of the loaded nights before, at most as many as asked for
    nights: int  # how many of them there were
    of: str = "nights"  # which: `Mondays` where there are enough of tonight's weekday, else all nights
    meters: int | None = None  # service points with reads in the loaded files
    median_meters: float | None = None
    totals: Mapping[str, Decimal] = field(default_factory=dict)  # by channel and unit, or by column of a table
    median_totals: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True)
class _Sums:
    """What the loads of one night added up to."""

    meters: int | None
    totals: Mapping[str, Decimal]


def night_facts(session: Session, feed: str, business_date: date, median_nights: int) -> NightFacts:
    """Return what the completeness of a night is judged by.

    The medians are of the loaded nights before this one, the newest `median_nights` of them, and of those the ones of
    the same weekday where there are enough; a night that was itself found incomplete does not count, or a bad week
    would become the new normal.
    """
    current = by_feed_and_date(session, feed, business_date)
    loaded = [r for r in current if r.state == ReceiptState.LOADED]
    rows, of = _of_one_weekday(_rows_before(session, feed, business_date, median_nights), business_date)
    sums = _sums(session, feed, [*rows, business_date])
    before = [sums[day] for day in rows if day in sums]
    tonight = sums.get(business_date, _Sums(None, {}))
    return NightFacts(
        feed=feed,
        business_date=business_date,
        files=len(current),
        files_loaded=len(loaded),
        files_held=sum(r.state == ReceiptState.HELD for r in current),
        rows_in=sum(r.rows_in or 0 for r in loaded),
        rows_kept=sum(r.rows_kept or 0 for r in loaded),
        median_rows=float(median(rows.values())) if rows else None,
        nights=len(rows),
        of=of,
        meters=tonight.meters,
        median_meters=_median_meters(before),
        totals=tonight.totals,
        median_totals=_median_totals(before),
    )


def _rows_before(session: Session, feed: str, business_date: date, nights: int) -> dict[date, int]:
    """Return the data rows of the newest loaded nights before one."""
    found = session.execute(
        select(Receipt.business_date, func.sum(Receipt.rows_in))
        .where(
            Receipt.feed == feed,
            Receipt.business_date < business_date,
            Receipt.state == ReceiptState.LOADED,
            Receipt.superseded_by_id.is_(None),
            Receipt.is_complete.is_not(False),
        )
        .group_by(Receipt.business_date)
        .order_by(Receipt.business_date.desc())
        .limit(nights)
    )
    return {day: int(total or 0) for day, total in cast("Iterable[tuple[date, int | None]]", found)}


def _of_one_weekday(rows: Mapping[date, int], business_date: date) -> tuple[dict[date, int], str]:
    same = {day: count for day, count in rows.items() if day.weekday() == business_date.weekday()}
    if len(same) >= ENOUGH_OF_A_WEEKDAY:
        return same, f"{business_date:%A}s"
    return dict(rows), "nights"


def totals_by_receipt(session: Session, receipt_ids: Sequence[int]) -> dict[int, list[Mapping[str, Any]]]:
    """Return the control totals of every finished load of some receipts: the intake, then replays of its rejects."""
    rows = session.execute(
        select(Load.receipt_id, Load.totals)
        .where(Load.receipt_id.in_(receipt_ids), Load.state == LoadState.DONE)
        .order_by(Load.sequence)
    )
    found: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for receipt_id, totals in cast("Iterable[tuple[int, Mapping[str, Any] | None]]", rows):
        found[receipt_id].append(totals or {})
    return dict(found)


def added_up(loads: Sequence[Mapping[str, Any]]) -> dict[str, Decimal]:
    """Return the sum of each total over loads."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for totals in loads:
        for name, total in totals.items():
            sums[name] += Decimal(total["quantity"])
    return dict(sums)


def _sums(session: Session, feed: str, days: Sequence[date]) -> dict[date, _Sums]:
    """Return what the current loaded files of some nights add up to."""
    rows = session.execute(
        select(Receipt.business_date, Receipt.id).where(
            Receipt.feed == feed,
            Receipt.business_date.in_(days),
            Receipt.state == ReceiptState.LOADED,
            Receipt.superseded_by_id.is_(None),
        )
    )
    files: dict[date, list[int]] = defaultdict(list)
    for day, receipt_id in cast("Iterable[tuple[date, int]]", rows):
        files[day].append(receipt_id)
    loads = totals_by_receipt(session, [n for ids in files.values() for n in ids])
    return {day: _sum_of([loads.get(n, []) for n in ids]) for day, ids in files.items()}


def _sum_of(files: Sequence[Sequence[Mapping[str, Any]]]) -> _Sums:
    meters = [_meters(loads) for loads in files]
    known = [m for m in meters if m is not None]
    return _Sums(
        meters=sum(known) if known and len(known) == len(meters) else None,
        totals=added_up([totals for loads in files for totals in loads]),
    )


def _meters(loads: Sequence[Mapping[str, Any]]) -> int | None:
    """Return the service points of one file: those of its fullest channel; a replay brings no new ones to speak of."""
    counts = [total["service_points"] for totals in loads for total in totals.values() if "service_points" in total]
    return max(counts) if counts else None


def _median_meters(nights: Sequence[_Sums]) -> float | None:
    counts = [n.meters for n in nights if n.meters is not None]
    return float(median(counts)) if counts else None


def _median_totals(nights: Sequence[_Sums]) -> dict[str, Decimal]:
    """Return the median of each total; a night without it counts as zero."""
    names = sorted({name for n in nights for name in n.totals})
    return {name: Decimal(median(n.totals.get(name, Decimal(0)) for n in nights)) for name in names}
