"""What a platform must end up with, worked out without reading a single file.

Here: the expected reads of a local day, the expected bills of a date, the expected accounts of a night.
Not here: the files these are compared with (`mdm`, `ccb`).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import polars as pl

from nightwatt.simulator.arrangements import autopay_of
from nightwatt.simulator.bills import (
    DUE_AFTER,
    Bills,
    Segments,
    bills_between,
    joined,
    payments_of,
    segments_of,
    unsettled_before,
)
from nightwatt.simulator.chance import I64, id_bytes
from nightwatt.simulator.clock import day_number, local_day
from nightwatt.simulator.extract import CLOSED_FOR, HISTORY, Extract, dates, pick
from nightwatt.simulator.mdm import Electric, Fuel, Gas, batch_of
from nightwatt.simulator.read_events import LATEST_CORRECTION, MISSING
from nightwatt.simulator.utility import Utility
from nightwatt.simulator.world import GAS, Customers, Tenancies, chunks_of, point_ids, tenancies

ELECTRIC_CHANNELS = ("E-KWH-15-DEL", "E-KWH-15-REC")
GAS_CHANNEL = "G-CCF-60-DEL"
QUALITIES = ("ACTUAL_VALIDATED", "ESTIMATED", "ESTIMATED", "MISSING")
_VALUE = pl.Decimal(18, 8)
_CHUNK = 4096


def expected_reads(utility: Utility, local_day: date, *, as_of: date | None = None) -> pl.DataFrame:
    """Return the reads of a local day that remain when the newest update of each wins.

    Holds for a platform that took every night from `local_day` + 1 (or one night whose history reaches back to it)
    up to the night `as_of`, and rejected exactly the planted broken lines. Without `as_of`: after all nights, that
    is 14 or more after the day. A service point whose day arrives later than `as_of` is not there yet.

    Returns:
        One row per service point, channel and interval, sorted: `service_point_id`; `channel` (E-KWH-15-DEL,
        E-KWH-15-REC, and G-CCF-60-DEL for gas, whose file names no channel); `interval_start_at` (UTC); `value`
        (kWh or CCF, null where missing); `quality`: ACTUAL_VALIDATED (501000, A), ESTIMATED (301000 and 401000,
        E and S), MISSING (201000, blank flag).
    """
    day = day_number(local_day)
    seen_on = day_number(as_of) if as_of else day + 1 + LATEST_CORRECTION
    frames = []
    for numbers in chunks_of(np.arange(utility.customers, dtype=np.uint64), _CHUNK):
        for fuel in (Electric, Gas):
            frames.append(_reads(fuel, fuel.population(Customers(utility, numbers)), day, seen_on))
    return pl.concat(frames).sort("service_point_id", "channel", "interval_start_at")


def _reads(fuel: Fuel, customers: Customers, day: int, as_of: int) -> pl.DataFrame:
    layout = local_day(customers.utility.zone, day, fuel.minutes)
    batch = batch_of(fuel, customers, day, as_of)
    arrived = np.nonzero(batch.events.arrival <= as_of)[0]
    values, codes = batch.seen.values[arrived], batch.seen.codes[arrived]
    ids = id_bytes(point_ids(customers.utility, batch.channels.points))[batch.channels.at[arrived]]
    points = pl.Series([bytes(row).decode() for row in ids], dtype=pl.String)
    channels = (*ELECTRIC_CHANNELS, GAS_CHANNEL)
    channel = batch.channels.is_received[arrived].astype(np.int64) if fuel is Electric else np.full(len(arrived), 2)
    row = np.repeat(np.arange(len(arrived)), layout.count)
    starts = np.tile(layout.starts, len(arrived)) * 1_000_000
    unit = Decimal(1).scaleb(-fuel.layout.decimals)
    return pl.DataFrame(
        {
            "service_point_id": points.gather(row),
            "channel": pick(channels, channel[row]),
            "interval_start_at": pl.Series(starts).cast(pl.Datetime("us", "UTC")),
            "value": pl.Series(values.ravel()).cast(pl.Int64),
            "code": pl.Series(codes.ravel()),
        }
    ).select(
        "service_point_id",
        "channel",
        "interval_start_at",
        value=pl.when(pl.col("code") != MISSING)
        .then(pl.col("value").cast(pl.Decimal(18, 0)) * pl.lit(unit))
        .cast(_VALUE),
        quality=pick(QUALITIES, codes.ravel().astype(np.int64)),
    )


def expected_bills(utility: Utility, bill_date: date, *, as_of: date | None = None) -> pl.DataFrame:
    """Return the bills of a date with their totals as the extracts show them by the night `as_of` (default: for good).

    Returns:
        One row per bill, sorted: `bill_id`, `account_id`, `start_date`, `end_date` (read dates), `is_complete`,
        `is_reversed`, `charge_cents` (sum of TOT_AMT of its frozen BS and BX), `current_cents` (the same of CUR_AMT),
        `usage_kwh` and `usage_ccf` of the segments not cancelled (null for no gas, and for a reversed bill).
    """
    day = day_number(bill_date)
    extract = Extract(utility, day_number(as_of) - 1 if as_of else day + 60, complete=True)
    frames = []
    for numbers in chunks_of(np.arange(utility.customers, dtype=np.uint64), _CHUNK):
        tenants = tenancies(Customers(utility, numbers), day - 100, day)
        frames.append(_bills(extract, segments_of(bills_between(tenants, day, day))))
    return pl.concat(frames).sort("bill_id")


def _bills(extract: Extract, segments: Segments) -> pl.DataFrame:
    bills, bill = segments.bills, segments.bill
    complete, is_reversed = bills.complete_day <= extract.day, bills.reversal_day <= extract.day
    charge, current, quantity = _standing(segments, extract.day)
    is_gas = segments.fuel == GAS
    has_gas = pl.Series(_per_bill(bills, bill, is_gas.astype(np.int64)) > 0)
    return pl.DataFrame(
        {
            "bill_id": extract.ids("bill", bills.number, 12),
            "account_id": extract.ids("acct", bills.tenancies.number[bills.of]),
            "start_date": dates(bills.start),
            "end_date": dates(bills.end),
            "is_complete": pl.Series(complete),
            "is_reversed": pl.Series(is_reversed),
            "charge_cents": pl.Series(_per_bill(bills, bill, charge)),
            "current_cents": pl.Series(_per_bill(bills, bill, current)),
            "usage_kwh": pl.Series(_per_bill(bills, bill, np.where(is_gas, 0, quantity))),
            "usage_ccf": pl.Series(_per_bill(bills, bill, np.where(is_gas, quantity, 0))),
        }
    ).with_columns(
        pl.when(~pl.col("is_reversed")).then("usage_kwh").alias("usage_kwh"),
        pl.when(has_gas & ~pl.col("is_reversed")).then("usage_ccf").alias("usage_ccf"),
    )


def _standing(segments: Segments, day: int) -> tuple[I64, I64, I64]:
    """Return what each segment charges at the end of a day, by TOT_AMT and by CUR_AMT, and the quantity it shows."""
    bills, bill = segments.bills, segments.bill
    waits = segments.is_rebilled_late & (bills.rebill_day[bill] > day)
    charge = np.where(waits, segments.wrong_charge, segments.charge)
    stands = (bills.complete_day <= day) & (bills.reversal_day > day)
    quantity = np.where(waits, segments.wrong_quantity, segments.quantity)
    return charge * stands[bill], segments.current(charge) * stands[bill], quantity


def expected_accounts(utility: Utility, as_of: date, *, since: date | None = None) -> pl.DataFrame:
    """Return the accounts as a platform must know them on the night `as_of`, whose first night was `since`.

    The first night brings a year of bills and the older ones not settled by then, with what was paid for them and what
    was written off: a balance is the sum of these. Overdue is what is left of the bills due before `as_of` once all
    that was paid and written off is taken off, the oldest charge first. Default for `since`: the same night.

    Returns:
        One row per account, sorted: `account_id`, `person_id` (main customer), `is_live` (an agreement is in force),
        `is_autopay`, `balance_cents` (CUR_AMT of what is frozen), `payoff_cents` (TOT_AMT), `overdue_cents`,
        `last_payment_date` and `last_payment_cents` (all of that day) of payments that did not come back.
    """
    day, first = day_number(as_of) - 1, day_number(since or as_of) - 1
    extract = Extract(utility, day, complete=True)
    frames = []
    for numbers in chunks_of(np.arange(utility.customers, dtype=np.uint64), _CHUNK):
        tenants = tenancies(Customers(utility, numbers), first - CLOSED_FOR, day)
        money = _money(tenants, first - HISTORY + 1, day).group_by("tenancy").agg(
            pl.col("current", "total", "paid", "gone").sum(),
            due=pl.col("current").filter("is_due").sum(),
            last_payment_day=pl.col("pay_day").max(),
            last_payment_cents=pl.col("paid").filter(pl.col("pay_day") == pl.col("pay_day").max()).sum(),
        )  # fmt: skip
        frames.append(_accounts(extract, tenants).join(money, on="tenancy", how="left"))
    taken_off = pl.col("paid").fill_null(0) + pl.col("gone").fill_null(0)
    return pl.concat(frames).sort("account_id").select(
        "account_id",
        "person_id",
        "is_live",
        "is_autopay",
        balance_cents=pl.col("current").fill_null(0) - taken_off,
        payoff_cents=pl.col("total").fill_null(0) - taken_off,
        overdue_cents=pl.max_horizontal(pl.lit(0), pl.col("due").fill_null(0) - taken_off),
        last_payment_date=pl.col("last_payment_day").cast(pl.Int32).cast(pl.Date),
        last_payment_cents=pl.when(pl.col("last_payment_day").is_not_null()).then("last_payment_cents"),
    )  # fmt: skip


def _accounts(extract: Extract, tenants: Tenancies) -> pl.DataFrame:
    pays = autopay_of(tenants)
    return pl.DataFrame(
        {
            "tenancy": np.arange(len(tenants)),
            "account_id": extract.ids("acct", tenants.number),
            "person_id": extract.ids("per", tenants.person),
            # the evening batch has started what begins in the morning, and stopped what had its last day
            "is_live": pl.Series((tenants.start <= extract.day + 1) & (extract.day + 1 < tenants.end)),
            "is_autopay": pl.Series((pays.start <= extract.day) & (extract.day < pays.end)),
        }
    )


def _money(tenants: Tenancies, first: int, day: int) -> pl.DataFrame:
    """Return one row per bill that extracts since `first` told of, as it stands at the end of `day`, in cents."""
    segments = segments_of(joined(unsettled_before(tenants, first), bills_between(tenants, first, day)))
    bills, bill = segments.bills, segments.bill
    charge, current, _ = _standing(segments, day)
    fee = np.where((bills.complete_day <= day) & ~bills.is_fee_held, bills.fee, 0)
    stands = (bills.pay_day <= day) & (bills.return_day > day)
    paid = _per_bill(bills, bill, payments_of(segments).shares) * stands
    pay_day = pl.Series(np.where(stands, bills.pay_day, 0))
    owed = _per_bill(bills, bill, current) + fee
    return pl.DataFrame(
        {
            "tenancy": bills.of,
            "current": owed,
            "total": _per_bill(bills, bill, charge) + fee,
            "is_due": bills.day + DUE_AFTER <= day,
            "paid": paid,
            "pay_day": pl.select(pl.when(pl.lit(pl.Series(stands))).then(pl.lit(pay_day))).to_series(),
            "gone": np.where(bills.write_off_day <= day, owed - paid, 0),
        }
    )


def _per_bill(bills: Bills, bill: I64, values: I64) -> I64:
    total = np.zeros(len(bills), dtype=np.int64)
    np.add.at(total, bill, values)
    return total
