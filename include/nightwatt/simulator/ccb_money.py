"""Bill, segment, transaction and payment tables of the make-believe billing system.

Here: CI_BILL, CI_BSEG, CI_BSEG_SQ, CI_FT, CI_PAY. The money rules they keep: a bill's total is the sum of its frozen
BS and BX transactions by PARENT_ID; BILL_ID only says on which bill a transaction was printed, and is empty while it
is on none; a budget-billed agreement has CUR_AMT different from TOT_AMT; a payment knows no bill; what is taken back
stays and is answered by its opposite (BX, PX).
Not here: how the figures come about (`bills`), files (`ccb`).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from nightwatt.simulator.bills import (
    DUE_AFTER,
    LATEST_EVENT,
    Bills,
    Segments,
    bills_between,
    joined,
    payments_of,
    segments_of,
    unsettled_before,
)
from nightwatt.simulator.ccb_customers import Tables
from nightwatt.simulator.chance import I64, U64
from nightwatt.simulator.clock import NEVER
from nightwatt.simulator.extract import (
    BILL,
    HISTORY,
    PAYMENT,
    Extract,
    dates,
    dollars,
    latest,
    local_times,
    pick,
    same,
)
from nightwatt.simulator.world import ELECTRIC, Flags, Tenancies

_FEE_NUMBERS, _PAYMENT_NUMBERS, _RETURN_NUMBERS, _WRITE_OFF_NUMBERS = (np.uint64(n * 10**11) for n in (5, 6, 7, 8))
_FT_TYPES = ("BS", "BX", "AD", "PS", "PX")
_BS, _BX, _AD, _PS, _PX = range(5)
_THERMS_PER_CCF = 1.036


def money_tables(extract: Extract, tenants: Tenancies) -> Tables:
    """Return the money tables for a chunk of tenancies."""
    segments = segments_of(bills_in(extract, tenants))
    first, again = _segment_versions(extract, segments)
    return {
        "ci_bill": _bill_rows(extract, segments),
        "ci_bseg": _segment_rows(extract, segments, first, again),
        "ci_bseg_sq": _quantity_rows(extract, segments, first, again),
        "ci_ft": _transaction_rows(extract, segments),
        "ci_pay": _payment_rows(extract, segments),
    }


def bills_in(extract: Extract, tenants: Tenancies) -> Bills:
    """Return the bills an extract carries: those of a year and older ones not settled by then, or the touched ones."""
    if extract.complete:
        begin = extract.day - HISTORY + 1
        return joined(unsettled_before(tenants, begin), bills_between(tenants, begin, extract.day))
    bills = bills_between(tenants, extract.day - LATEST_EVENT, extract.day)
    return bills.take(bills.touched_on(extract.day))


def _bill_rows(extract: Extract, segments: Segments) -> pl.DataFrame:
    bills = segments.bills
    changed = latest(extract.day, bills.day, bills.complete_day)
    rows = extract.rows(changed)
    bills, changed = bills.take(rows), changed[rows]
    tenants = bills.tenancies.take(bills.of)
    done = np.where(bills.complete_day <= extract.day, bills.complete_day, NEVER)
    cycle = tenants.customers.bill_cycle[tenants.at]
    return pl.DataFrame(
        {
            "BILL_ID": extract.documents(BILL, bills.number),
            "ACCT_ID": extract.ids("acct", tenants.number),
            "BILL_DT": dates(bills.day),
            "DUE_DT": dates(bills.day + DUE_AFTER),
            "BILL_CYC_CD": pick([f"{n:02d}  " for n in range(21)], cycle),
            "WIN_START_DT": dates(bills.day),
            "BILL_STAT_FLG": pick(("P ", "C "), done < NEVER),
            "COMPLETE_DTTM": local_times(done, np.full(len(rows), 21)),
            "ADHOC_BILL_SW": same("N", len(rows)),
            "LAST_UPDATE_DTTM": extract.stamps(changed, bills.number, by_batch=True),
        }
    )


def _segment_versions(extract: Extract, segments: Segments) -> tuple[I64, I64]:
    """Return the day each first segment last changed, and the day its rebill was made (NEVER without one)."""
    bill = segments.bill
    day, complete = segments.bills.day[bill], segments.bills.complete_day[bill]
    late = np.where(segments.is_rebilled_late, segments.bills.rebill_day[bill], NEVER)
    again = np.where(segments.is_rebilled_at_once, complete, late)
    taken_back = np.where(segments.is_rebilled_at_once, NEVER, segments.bills.reversal_day[bill])
    return latest(extract.day, day, complete, late, taken_back), np.where(again <= extract.day, again, NEVER)


def _both(extract: Extract, segments: Segments, first: I64, again: I64) -> tuple[I64, Flags, U64, I64]:
    """Return first segments and rebills in order: row, whether a rebill, number, day of the last change."""
    of = np.concatenate([np.arange(len(segments)), np.nonzero(again < NEVER)[0]])
    order = np.argsort(of, kind="stable")
    of, is_rebill = of[order], order >= len(segments)
    rebill = latest(extract.day, again[of], segments.bills.reversal_day[segments.bill[of]])
    return of, is_rebill, segments.number[of] + is_rebill.astype(np.uint64), np.where(is_rebill, rebill, first[of])


def _segment_rows(extract: Extract, segments: Segments, first: I64, again: I64) -> pl.DataFrame:
    of, is_rebill, number, changed = _both(extract, segments, first, again)
    rows = extract.rows(changed)
    of, is_rebill, number, changed = of[rows], is_rebill[rows], number[rows], changed[rows]
    bills = segments.bills.take(segments.bill[of])
    tenants = bills.tenancies.take(bills.of)
    frozen = bills.complete_day <= extract.day
    cancelled = (~is_rebill & (again[of] < NEVER)) | (bills.reversal_day <= extract.day)
    agreement = tenants.number * np.uint64(4) + segments.fuel[of].astype(np.uint64)
    return pl.DataFrame(
        {
            "BSEG_ID": extract.ids("bseg", number, 12),
            "BILL_ID": extract.documents(BILL, bills.number),
            "SA_ID": extract.ids("sa", agreement),
            "PREM_ID": extract.ids("prem", tenants.customers.numbers[tenants.at]),
            "START_DT": dates(bills.start),
            "END_DT": dates(bills.end),
            "BSEG_STAT_FLG": pick(("30  ", "50  ", "60  "), frozen.astype(np.int64) + cancelled),
            "EST_SW": pick(("N", "Y"), segments.is_estimated[of] & ~is_rebill),
            "CLOSING_BSEG_SW": pick(("N", "Y"), bills.is_closing),
            "CAN_RSN_CD": pick(("    ", "MISC"), cancelled),
            "LAST_UPDATE_DTTM": extract.stamps(changed, number, by_batch=True),
        }
    )


# Slices of a billed quantity, in the order of `amounts` below: unit, time of use, further identifier.
_UNITS, _TIMES_OF_USE, _IDENTIFIERS = (
    ("KWH ", "CCF ", "THRM"),
    ("        ", "ONPK    ", "OFFPK   "),
    ("        ", "RECEIVED"),
)
_SLICES = np.array([(0, 0, 0), (1, 0, 0), (2, 0, 0), (0, 1, 0), (0, 2, 0), (0, 0, 1)])


def _quantity_rows(extract: Extract, segments: Segments, first: I64, again: I64) -> pl.DataFrame:
    """Return billed quantities: the energy itself, and slices of it that must not be added to it.

    Blank TOU_CD and SQI_CD: the energy, KWH or CCF; gas has the same again in THRM. Time-of-use customers have it
    again as ONPK and OFFPK, solar customers what they gave back as SQI RECEIVED.
    """
    of, is_rebill, number, _ = _both(extract, segments, first, again)
    made = np.where(is_rebill, again[of], segments.bills.day[segments.bill[of]])
    rows = extract.rows(made)
    of, is_rebill, number, made = of[rows], is_rebill[rows], number[rows], made[rows]
    wrong = ~is_rebill & (segments.is_rebilled_at_once | segments.is_rebilled_late)[of]
    energy = np.where(wrong, segments.wrong_quantity[of], segments.quantity[of])
    electric, two_rates = segments.fuel[of] == ELECTRIC, segments.rate[of] == 1
    received, on_peak = segments.received[of], energy * 2 // 5
    amounts = np.stack([energy, energy, np.round(energy * _THERMS_PER_CCF, 2), on_peak, energy - on_peak, received], 1)
    has = np.stack([electric, ~electric, ~electric, two_rates, two_rates, received > 0], axis=1)
    at, which = np.nonzero(has)
    value = pl.Series(amounts[at, which])
    return pl.DataFrame(
        {
            "BSEG_ID": extract.ids("bseg", number[at], 12),
            "UOM_CD": pick(_UNITS, _SLICES[which, 0]),
            "TOU_CD": pick(_TIMES_OF_USE, _SLICES[which, 1]),
            "SQI_CD": pick(_IDENTIFIERS, _SLICES[which, 2]),
            "INIT_SQ": value,
            "BILL_SQ": value,
            "LAST_UPDATE_DTTM": extract.stamps(made[at], number[at], by_batch=True),
        }
    )


def _transaction_rows(extract: Extract, segments: Segments) -> pl.DataFrame:
    """Return CI_FT; a transaction is written once and never changed."""
    frame = pl.concat(
        [
            _charges(extract, segments),
            _late_fees(extract, segments),
            *_payment_transactions(extract, segments),
            _write_offs(extract, segments),
        ]
    )
    return frame.sort("bill", "number", maintain_order=True).drop("bill", "number")


def _charges(extract: Extract, segments: Segments) -> pl.DataFrame:
    bills, bill = segments.bills, segments.bill
    complete = bills.complete_day[bill]
    late = np.where(segments.is_rebilled_late, bills.rebill_day[bill], NEVER)
    again = np.where(segments.is_rebilled_at_once, complete, late)
    of = np.tile(np.arange(len(segments)), 4)
    kind = np.repeat([_BS, _BX, _BS, _BX], len(segments))
    rebill = np.concatenate([np.repeat([False, False, True], len(segments)), segments.is_rebilled_at_once])
    day = np.concatenate([complete, again, again, bills.reversal_day[bill]])
    charge = np.concatenate([segments.first_charge, segments.first_charge, segments.charge, segments.charge])
    sign = np.where(kind == _BX, -1, 1)
    keep = extract.rows(day)
    of, kind, rebill, day, charge, sign = (x[keep] for x in (of, kind, rebill, day, charge, sign))
    current = np.where(segments.budget[of] > 0, segments.budget[of], charge)
    number = segments.number[of] + rebill.astype(np.uint64)
    printed = (day == complete[of]).astype(np.int64)
    bill_ids = extract.documents(BILL, bills.number[bill[of]])
    return _transactions(
        extract,
        segments,
        of=bill[of],
        fuel=segments.fuel[of],
        number=number * np.uint64(2) + (kind == _BX).astype(np.uint64),
        kind=kind,
        sibling=extract.ids("bseg", number, 12),
        parent=bill_ids,
        printed=printed == 1,
        current=sign * current,
        total=sign * charge,
        day=day,
    )


def _late_fees(extract: Extract, segments: Segments) -> pl.DataFrame:
    """One bill in 50 carries a late fee, an adjustment printed on the bill but no part of its BS and BX total."""
    bills = segments.bills
    rows = extract.rows(np.where(bills.has_late_fee, bills.complete_day, NEVER))
    cents = bills.fee[rows]
    return _transactions(
        extract,
        segments,
        of=rows,
        fuel=np.zeros(len(rows), dtype=np.int64),
        number=_FEE_NUMBERS + bills.number[rows],
        kind=np.full(len(rows), _AD),
        sibling=extract.ids("adj", bills.number[rows], 12),
        parent=same("LATEFEE ", len(rows)),
        printed=np.ones(len(rows), dtype=np.bool_),
        current=cents,
        total=cents,
        day=bills.complete_day[rows],
        unfrozen=bills.is_fee_held[rows],
    )


def _write_offs(extract: Extract, segments: Segments) -> pl.DataFrame:
    """Return the adjustments by which what is left of a bill goes after three months, credits too."""
    cents, bill = segments.written_off, segments.bill
    rows = extract.rows(np.where(cents != 0, segments.bills.write_off_day[bill], NEVER))
    number = _WRITE_OFF_NUMBERS + segments.number[rows]
    return _transactions(
        extract,
        segments,
        of=bill[rows],
        fuel=segments.fuel[rows],
        number=number,
        kind=np.full(len(rows), _AD),
        sibling=extract.ids("adj", number, 12),
        parent=same("WRITEOFF", len(rows)),
        printed=np.zeros(len(rows), dtype=np.bool_),
        current=-cents[rows],
        total=-cents[rows],
        day=segments.bills.write_off_day[bill[rows]],
    )


def _payment_transactions(extract: Extract, segments: Segments) -> list[pl.DataFrame]:
    """Return payments and, for those that came back, their reversal; both point to the payment and its segments."""
    paid = payments_of(segments)
    both = ((_PS, -1, _PAYMENT_NUMBERS, paid.day), (_PX, 1, _RETURN_NUMBERS, segments.bills.return_day))
    frames = []
    for kind, sign, numbers, day in both:
        rows = extract.rows(day[segments.bill])
        of, fuel = segments.bill[rows], segments.fuel[rows]
        number = segments.bills.number[of] * np.uint64(2) + fuel.astype(np.uint64)
        frames.append(
            _transactions(
                extract,
                segments,
                of=of,
                fuel=fuel,
                number=numbers + number,
                kind=np.full(len(rows), kind),
                sibling=extract.ids("pay-seg", number, 12),
                parent=extract.documents(PAYMENT, segments.bills.number[of]),
                printed=np.zeros(len(rows), dtype=np.bool_),
                current=sign * paid.shares[rows],
                total=sign * paid.shares[rows],
                day=day[of],
            )
        )
    return frames


def _transactions(  # noqa: PLR0913 - one argument per column
    extract: Extract,
    segments: Segments,
    *,
    of: I64,
    fuel: I64,
    number: U64,
    kind: I64,
    sibling: pl.Series,
    parent: pl.Series,
    printed: Flags,
    current: I64,
    total: I64,
    day: I64,
    unfrozen: Flags | None = None,
) -> pl.DataFrame:
    bills, count = segments.bills.take(of), len(of)
    agreement = bills.tenancies.number[bills.of] * np.uint64(4) + fuel.astype(np.uint64)
    on_bill = pl.select(pl.when(pl.lit(pl.Series(printed))).then(pl.lit(extract.documents(BILL, bills.number))))
    return pl.DataFrame(
        {
            "bill": pl.Series(of),
            "number": pl.Series(number),
            "FT_ID": extract.ids("ft", number, 12),
            "SIBLING_ID": sibling,
            "PARENT_ID": parent,
            "BILL_ID": on_bill.to_series(),
            "SA_ID": extract.ids("sa", agreement),
            "FT_TYPE_FLG": pick(_FT_TYPES, kind),
            "CUR_AMT": dollars(current),
            "TOT_AMT": dollars(total),
            "CURRENCY_CD": same("USD", count),
            "FREEZE_SW": pick(("Y", "N"), np.zeros(count, dtype=np.bool_) if unfrozen is None else unfrozen),
            "REDUNDANT_SW": same("N", count),
            "NOT_IN_ARS_SW": same("N", count),
            "ARS_DT": dates(day),
            "ACCOUNTING_DT": dates(day),
            "LAST_UPDATE_DTTM": extract.stamps(day, number, by_batch=True),
        }
    )


def _payment_rows(extract: Extract, segments: Segments) -> pl.DataFrame:
    paid, bills = payments_of(segments), segments.bills
    cents = np.zeros(len(bills), dtype=np.int64)
    np.add.at(cents, segments.bill, paid.shares)
    changed = np.where(paid.day <= extract.day, latest(extract.day, paid.day, bills.return_day), NEVER)
    rows = extract.rows(changed)
    returned = bills.return_day[rows] <= extract.day
    return pl.DataFrame(
        {
            "PAY_ID": extract.documents(PAYMENT, bills.number[rows]),
            "ACCT_ID": extract.ids("acct", bills.tenancies.number[bills.of[rows]]),
            "PAY_DT": dates(paid.day[rows]),
            "PAY_AMT": dollars(cents[rows]),
            "PAY_STATUS_FLG": pick(("50  ", "60  "), returned),
            "LAST_UPDATE_DTTM": extract.stamps(changed[rows], bills.number[rows], by_batch=True),
        }
    )
