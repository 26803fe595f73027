"""What both halves of SAP's billing need to know of a chunk's bills, worked out once for two evenings.

Here: the segments of the bills a night looks at, what each bill asks for, meters and register readings.
Not here: the tables (`isu_bills`, `isu_items`).

A register runs from New Year on, or from the meter's installation where that is later: the true use since then. So a
reading less the one before it is the use between them, but not over a turn of the year or an exchange.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from nightwatt.simulator.bills import LATEST_EVENT, Bills, Segments, bills_between, segments_of, usage_between
from nightwatt.simulator.ccb_money import bills_in
from nightwatt.simulator.chance import I64, U64
from nightwatt.simulator.extract import Extract
from nightwatt.simulator.world import ELECTRIC, Tenancies, meters


@dataclass(frozen=True, eq=False)
class Books:
    """The bills a night looks at."""

    extract: Extract
    segments: Segments
    amount_due: I64  # cents per bill: the account's balance when the bill was completed, its own charges included
    meter: U64  # per segment: the meter in place on its last day
    delivered: I64  # per segment: register at its end, in watt-hours or 1/10,000 CCF
    received: I64  # per segment: the second register, watt-hours, solar only


def books_of(extract: Extract, tenants: Tenancies) -> Books:
    """Look up the bills an extract carries."""
    wanted = bills_in(extract, tenants)
    first, last = int(wanted.day.min(initial=extract.day)), int(wanted.day.max(initial=extract.day))
    around = bills_between(tenants, first - LATEST_EVENT, last + 1)
    by_number = np.argsort(around.number)
    rows = by_number[np.searchsorted(around.number[by_number], wanted.number)]
    mine, other, day = _open_beside(around, rows)
    needed, place = np.unique(other, return_inverse=True)
    segments = segments_of(around.take(needed))
    due = np.zeros(len(rows), dtype=np.int64)
    begins = np.searchsorted(segments.bill, place)
    for fuel in (0, 1):  # a bill has one segment or two
        there = np.nonzero(begins + fuel < np.searchsorted(segments.bill, place, side="right"))[0]
        np.add.at(due, mine[there], segments.take(begins[there] + fuel).open_on(day[there]))
    segments = segments.of_bills(np.searchsorted(needed, rows))
    meter, installed = _meters(extract, segments)
    delivered, received = _registers(segments, installed)
    return Books(extract, segments, due, meter, delivered, received)


def _open_beside(around: Bills, rows: I64) -> tuple[I64, I64, I64]:
    """Pair bills with those of the same account that are open when they are completed, themselves included.

    Returns:
        For each pair: which of `rows`, the row of the other bill, the day of completion.
    """
    completed, last = around.complete_day, around.last_day
    mine, other = [], []
    for step in range(-5, 2):  # bills come monthly, with a closing one at the end, and are open for three months
        beside = np.clip(rows + step, 0, max(0, len(around) - 1))
        is_open = (completed[beside] <= completed[rows]) & ((last[beside] > completed[rows]) | (step == 0))
        is_open &= (around.of[beside] == around.of[rows]) & (beside == rows + step)
        mine.append(np.nonzero(is_open)[0])
        other.append(beside[is_open])
    pairs = np.concatenate(mine)
    return pairs, np.concatenate(other), completed[rows[pairs]]


def _meters(extract: Extract, segments: Segments) -> tuple[U64, I64]:
    """Return the meter in place on each segment's last day, and the day of its installation."""
    bills = segments.bills.take(segments.bill)
    customers = bills.tenancies.customers
    point = customers.numbers[bills.at] * np.uint64(2) + (segments.fuel != ELECTRIC).astype(np.uint64)
    day = bills.end - 1
    points = np.unique(point)
    first, last = int(day.min(initial=extract.day)), int(day.max(initial=extract.day))
    known = meters(extract.utility.seed, points, first, last)
    hung = pl.DataFrame(
        {"point": points[known.at], "meter": known.number, "from": known.installed, "until": known.removed}
    )
    wanted = pl.DataFrame({"point": point, "day": day}).with_row_index("row")
    found = (
        wanted.join(hung, on="point")
        .filter(pl.col("from") <= pl.col("day"), pl.col("until") > pl.col("day"))
        .sort("row")
    )
    return found["meter"].to_numpy(), found["from"].to_numpy()


def _registers(segments: Segments, installed: I64) -> tuple[I64, I64]:
    bills = segments.bills.take(segments.bill)
    year = (bills.end - 1).astype("datetime64[D]").astype("datetime64[Y]")
    since = np.maximum(year.astype("datetime64[D]").astype(np.int64), installed)
    delivered, received, gas = usage_between(bills.tenancies.customers, bills.at, since, bills.end)
    electric = segments.fuel == ELECTRIC
    return np.where(electric, delivered, gas), np.where(electric, received, 0)
