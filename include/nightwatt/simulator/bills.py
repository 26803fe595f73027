"""Bills of the make-believe utility: periods, quantities, charges, corrections, payments.

Here: which bills exist, what they charge, when each is completed, rebilled or reversed, paid, and written off.
Not here: the billing system's tables (`ccb_money`).

A bill of cycle c is dated day c + 2 of a month and covers the local days from the day of the previous bill (or the
move-in) up to, not including, its own; START_DT and END_DT are these two read dates. A closing bill follows three
days after a move-out. The billed quantity is the sum of the true reads of exactly these days, rounded half up to
whole kWh or CCF, for old bills too: daily totals are in closed form, see `load`. It differs from the sum of the reads
as delivered only where those are estimated, substituted, missing or not yet corrected.

Nothing stays open for ever: what is left of a bill, owed or in credit, is written off three months after completion.
So a balance needs only a few bills, and is the same number in every extract that looks back that far.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from nightwatt.simulator.chance import F64, I64, U64, below, draw, uniform
from nightwatt.simulator.clock import NEVER, month_starts, months_of
from nightwatt.simulator.load import day_total_gas, electric_totals
from nightwatt.simulator.world import ELECTRIC, GAS, Customers, Flags, Tenancies

WRITE_OFF_AFTER = 90  # days after its completion what is left of a bill is written off
LATEST_EVENT = WRITE_OFF_AFTER + 1  # days after a bill's date the last thing happens to it
CLOSING_DELAY = 3
DUE_AFTER = 21  # days
TIME_OF_USE_AFTER = 90  # days into a tenancy its time-of-use rate takes effect
_MONTH_BASE = (1990 - 1970) * 12
_FEE_CENTS = 750
_FAR_APART = 400  # days: bills that lie further back than this from the newest are few, and worked out by themselves

# Monthly charge in cents and price in 1/100 cent per unit, by rate code.
RATES = {
    "E-RES-1": (1450, 1435),
    "E-RES-TU": (1450, 1390),
    "E-COM-1": (3900, 1180),
    "G-RES-1": (1600, 12130),
    "G-COM-1": (4200, 10890),
}
RATE_CODES = tuple(RATES)
_FIXED = np.array([fixed for fixed, _ in RATES.values()], dtype=np.int64)
_PRICE = np.array([price for _, price in RATES.values()], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Bills:
    """Bills without their amounts, ordered by customer and date; every array has one entry per bill."""

    tenancies: Tenancies
    of: I64  # row of the tenancy
    number: U64
    day: I64
    start: I64
    end: I64
    is_closing: Flags

    def __len__(self) -> int:
        return len(self.of)

    def take(self, which: I64) -> Bills:
        return Bills(
            tenancies=self.tenancies,
            of=self.of[which],
            number=self.number[which],
            day=self.day[which],
            start=self.start[which],
            end=self.end[which],
            is_closing=self.is_closing[which],
        )

    def draws(self, purpose: str) -> U64:
        return draw(self.tenancies.customers.utility.seed, purpose, 0, self.number)

    def chance(self, purpose: str) -> F64:
        return uniform(self.draws(purpose))

    @property
    def at(self) -> I64:
        """Position of the customer in the chunk."""
        return self.tenancies.at[self.of]

    @property
    def complete_day(self) -> I64:
        """One in 200 bills stays pending for a day."""
        return self.day + (~self.is_closing & (self.chance("pending") < 0.005))

    @property
    def rebill_day(self) -> I64:
        """One in 100 bills has its electric segment cancelled and rebilled 5 to 15 days later."""
        happens = ~self.is_closing & (self.chance("rebill-late") < 0.01)
        return np.where(happens, self.complete_day + 5 + below(self.draws("rebill-delay"), 11), NEVER)

    @property
    def reversal_day(self) -> I64:
        """One in 150 others is taken back whole 2 to 7 days after completion: all segments cancelled, none anew."""
        chance = self.chance("rebill-late")
        happens = ~self.is_closing & (chance >= 0.01) & (chance < 0.017)
        return np.where(happens, self.complete_day + 2 + below(self.draws("reversal-delay"), 6), NEVER)

    @property
    def pay_day(self) -> I64:
        """One in 50 bills is never paid, nor is a reversed one, the others are 8 to 27 days after completion."""
        paid = (self.chance("pay") >= 0.02) & (self.reversal_day >= NEVER)
        return np.where(paid, self.complete_day + 8 + below(self.draws("pay-delay"), 20), NEVER)

    @property
    def return_day(self) -> I64:
        """One payment in 250 comes back from the bank 2 to 6 days later, and is not made again."""
        comes_back = (self.chance("return") < 0.004) & (self.pay_day < NEVER)
        return np.where(comes_back, self.pay_day + 2 + below(self.draws("return-delay"), 5), NEVER)

    @property
    def is_paid_in_part(self) -> Flags:
        return (self.chance("pay") >= 0.02) & (self.chance("pay") < 0.05)

    @property
    def has_late_fee(self) -> Flags:
        """One bill in 50 carries a late fee, which nobody pays."""
        has_fee: Flags = self.chance("late-fee") < 0.02
        return has_fee

    @property
    def is_fee_held(self) -> Flags:
        """One late fee in ten is put on hold, and is no money."""
        held: Flags = self.chance("fee-held") < 0.1
        return held

    @property
    def fee(self) -> I64:
        """Cents of late fee, held or not."""
        return np.where(self.has_late_fee, _FEE_CENTS, 0)

    @property
    def write_off_day(self) -> I64:
        """The day on which what is left of a bill is written off, NEVER where its course leaves nothing."""
        settled = (self.reversal_day < NEVER) | ((self.pay_day < NEVER) & (self.return_day >= NEVER))
        owed = self.has_late_fee & ~self.is_fee_held
        left = ~settled | self.is_paid_in_part | (self.rebill_day < NEVER) | owed
        return np.where(left, self.complete_day + WRITE_OFF_AFTER, NEVER)

    @property
    def last_day(self) -> I64:
        """The day of the last thing that ever happens to a bill."""
        happened = np.stack([np.where(moment < NEVER, moment, 0) for moment in self._moments])
        last: I64 = happened.max(axis=0)
        return last

    def touched_on(self, day: int) -> I64:
        """Return the rows of bills to which something happens on a local day."""
        return np.nonzero(np.logical_or.reduce([moment == day for moment in self._moments]))[0]

    @property
    def _moments(self) -> tuple[I64, ...]:
        return (
            self.day,
            self.complete_day,
            self.rebill_day,
            self.reversal_day,
            self.pay_day,
            self.return_day,
            self.write_off_day,
        )


def joined(first: Bills, second: Bills) -> Bills:
    """Return bills of the same tenancies in one, in order."""
    bills = Bills(
        tenancies=first.tenancies,
        of=np.concatenate([first.of, second.of]),
        number=np.concatenate([first.number, second.number]),
        day=np.concatenate([first.day, second.day]),
        start=np.concatenate([first.start, second.start]),
        end=np.concatenate([first.end, second.end]),
        is_closing=np.concatenate([first.is_closing, second.is_closing]),
    )
    return bills.take(np.lexsort((bills.day, bills.at)))


def unsettled_before(tenancies: Tenancies, day: int) -> Bills:
    """Return the bills dated before a local day to which something happens on that day or later."""
    older = bills_between(tenancies, day - LATEST_EVENT, day - 1)
    return older.take(np.nonzero(older.last_day >= day)[0])


def bills_between(tenancies: Tenancies, first: int, last: int) -> Bills:
    """Return the bills dated from `first` to `last`, both included."""
    cycle = tenancies.customers.bill_cycle[tenancies.at]
    customer = tenancies.customers.numbers[tenancies.at]
    rows = [_closing_bills(tenancies, cycle, first, last)]
    for month in range(int(months_of(np.array([first]))[0]), int(months_of(np.array([last]))[0]) + 1):
        begins = month_starts(np.array([month - 1, month]))
        day, previous = begins[1] + 1 + cycle, begins[0] + 1 + cycle
        due = (tenancies.start < day) & (day < tenancies.end) & (first <= day) & (day <= last)
        of = np.nonzero(due)[0]
        number = customer[of] * np.uint64(4096) + np.uint64((month - _MONTH_BASE) * 4)
        start = np.maximum(previous[of], tenancies.start[of])
        rows.append((of, number, day[of], start, day[of], np.zeros(len(of), dtype=np.bool_)))
    of, number, day, start, end, closing = (np.concatenate(column) for column in zip(*rows, strict=True))
    bills = Bills(tenancies, of, number, day, start, end, closing)
    return bills.take(np.lexsort((day, bills.at)))


def _closing_bills(tenancies: Tenancies, cycle: I64, first: int, last: int) -> tuple[I64, U64, I64, I64, I64, Flags]:
    day = tenancies.end + CLOSING_DELAY
    of = np.nonzero((first <= day) & (day <= last))[0]
    end = tenancies.end[of]
    month = months_of(end)
    regular, before = (month_starts(m) + 1 + cycle[of] for m in (month, month - 1))
    start = np.maximum(np.where(regular < end, regular, before), tenancies.start[of])
    number = tenancies.customers.numbers[tenancies.at[of]] * np.uint64(4096)
    number = number + ((month - _MONTH_BASE) * 4 + 1).astype(np.uint64)
    return of, number, day[of], start, end, np.ones(len(of), dtype=np.bool_)


@dataclass(frozen=True, eq=False)
class Segments:
    """Bill segments with their money, ordered by bill; rebilled ones carry both their wrong and their right figures."""

    bills: Bills
    bill: I64  # row of the bill
    fuel: I64
    number: U64  # of the first segment; the rebill has the next number
    rate: I64  # row of RATE_CODES
    quantity: I64  # whole kWh or CCF, true
    received: I64  # whole kWh given back, solar only
    wrong_quantity: I64
    charge: I64  # cents, true: TOT_AMT
    wrong_charge: I64
    budget: I64  # cents, 0 unless budget-billed: then CUR_AMT

    def __len__(self) -> int:
        return len(self.bill)

    @property
    def is_rebilled_at_once(self) -> Flags:
        bits = draw(self.bills.tenancies.customers.utility.seed, "rebill", 0, self.number)
        at_once: Flags = uniform(bits) < 0.06
        return at_once & ~self.is_rebilled_late

    @property
    def is_rebilled_late(self) -> Flags:
        late: Flags = (self.bills.rebill_day[self.bill] < NEVER) & (self.fuel == ELECTRIC)
        return late

    @property
    def is_estimated(self) -> Flags:
        bits = draw(self.bills.tenancies.customers.utility.seed, "estimated-bill", 0, self.number)
        estimated: Flags = uniform(bits) < 0.03
        return estimated

    def current(self, charge: I64) -> I64:
        """Return CUR_AMT for a charge: the budget amount where there is a budget."""
        return np.where(self.budget > 0, self.budget, charge)

    @property
    def first_charge(self) -> I64:
        """What the first segment charges, wrong if it is ever rebilled."""
        return np.where(self.is_rebilled_at_once | self.is_rebilled_late, self.wrong_charge, self.charge)

    @property
    def charge_on_completion(self) -> I64:
        return np.where(self.is_rebilled_late, self.wrong_charge, self.charge)

    @property
    def billed_again_on(self) -> I64:
        """The day of the rebill, NEVER where once was enough."""
        complete, late = self.bills.complete_day[self.bill], self.bills.rebill_day[self.bill]
        return np.where(self.is_rebilled_late, late, np.where(self.is_rebilled_at_once, complete, NEVER))

    @property
    def fee(self) -> I64:
        """Cents of late fee that are money: it lies on the bill's electric agreement."""
        owed = np.where(self.bills.is_fee_held, 0, self.bills.fee)
        return np.where(self.fuel == ELECTRIC, owed[self.bill], 0)

    @property
    def written_off(self) -> I64:
        """Cents left of each segment and its fee for the day of writing off, below zero where it is a credit."""
        return self._left(np.full(len(self), NEVER - 1))

    def open_on(self, days: I64) -> I64:
        """Return the cents open of each segment and its fee at the end of a local day, one day a segment."""
        gone = self.bills.write_off_day[self.bill] <= days
        return np.where(gone, 0, self._left(days))

    def _left(self, days: I64) -> I64:
        bills, bill = self.bills, self.bill
        rebilled = self.is_rebilled_late & (bills.rebill_day[bill] <= days)
        charge = self.current(np.where(rebilled, self.charge, self.charge_on_completion))
        charge = np.where(bills.reversal_day[bill] <= days, 0, charge) + self.fee
        charge = np.where(bills.complete_day[bill] <= days, charge, 0)
        paid = (bills.pay_day[bill] <= days) & (bills.return_day[bill] > days)
        return charge - np.where(paid, payments_of(self).shares, 0)

    def of_bills(self, which: I64) -> Segments:
        """Return the segments of some of the bills (rows in order)."""
        place = np.full(len(self.bills), -1)
        place[which] = np.arange(len(which))
        kept = self.take(np.nonzero(place[self.bill] >= 0)[0])
        return replace(kept, bills=self.bills.take(which), bill=place[kept.bill])

    def take(self, rows: I64) -> Segments:
        """Return some of the segments, a row as often as it is asked for; the bills stay."""
        return Segments(self.bills, *(getattr(self, f.name)[rows] for f in fields(self)[1:]))


def segments_of(bills: Bills) -> Segments:
    """Work out quantities and charges of bills, one segment per fuel."""
    electric, received, gas = _usage(bills)
    tenants = bills.tenancies.take(bills.of)
    has_gas = np.nonzero(tenants.has_gas)[0]
    bill = np.concatenate([np.arange(len(bills)), has_gas])
    order = np.argsort(bill, kind="stable")
    bill = bill[order]
    fuel = np.repeat(np.array([ELECTRIC, GAS]), [len(bills), len(has_gas)])[order]
    quantity = np.where(fuel == ELECTRIC, (electric[bill] + 500) // 1000, (gas[bill] + 5000) // 10000)
    wrong = quantity + quantity // 10 + 7
    business = tenants.is_business[bill]
    on_peak_rate = tenants.has_time_of_use_rate & (bills.start >= tenants.start + TIME_OF_USE_AFTER)
    rate = np.where(business, 2, np.where(on_peak_rate[bill], 1, 0))
    rate = np.where(fuel == ELECTRIC, rate, np.where(business, 4, 3))
    monthly = np.floor(tenants.customers.size[tenants.at] * 95.0).astype(np.int64) * 100 + 2000
    budget = np.where((fuel == ELECTRIC) & tenants.is_budget_billed[bill], monthly[bill], 0)
    return Segments(
        bills=bills,
        bill=bill,
        fuel=fuel,
        number=bills.number[bill] * np.uint64(4) + (fuel * 2).astype(np.uint64),
        rate=rate,
        quantity=quantity,
        received=np.where(fuel == ELECTRIC, (received[bill] + 500) // 1000, 0),
        wrong_quantity=wrong,
        charge=_FIXED[rate] + (quantity * _PRICE[rate] + 50) // 100,
        wrong_charge=_FIXED[rate] + (wrong * _PRICE[rate] + 50) // 100,
        budget=budget,
    )


def _usage(bills: Bills) -> I64:
    return usage_between(bills.tenancies.customers, bills.at, bills.start, bills.end)


def usage_between(customers: Customers, at: I64, begin: I64, finish: I64) -> I64:
    """Add up true use of the customers at some places of the chunk, from each local day up to, not including, another.

    Returns:
        Three rows: delivered and received watt-hours, and 1/10,000 CCF of gas.
    """
    totals = np.zeros((3, len(at)), dtype=np.int64)
    is_far_back = finish < finish.max(initial=0) - _FAR_APART
    for part in (np.nonzero(~is_far_back)[0], np.nonzero(is_far_back)[0]):
        if len(part) == 0:
            continue
        who, back = np.unique(at[part], return_inverse=True)
        first, last = int(begin[part].min()), int(finish[part].max())
        running = _running_totals(customers.take(who), first, last)
        for total, days in zip(totals, running, strict=True):
            total[part] = days[finish[part] - first, back] - days[begin[part] - first, back]
    return totals


def _running_totals(customers: Customers, first: int, last: int) -> tuple[I64, I64, I64]:
    running = [np.zeros((last - first + 1, len(customers)), dtype=np.int64) for _ in range(3)]
    for row, day in enumerate(range(first, last), start=1):
        delivered, received = electric_totals(customers, day)
        for total, today in zip(running, (delivered, received, day_total_gas(customers, day)), strict=True):
            np.add(total[row - 1], today, out=total[row])
    return running[0], running[1], running[2]


@dataclass(frozen=True, eq=False)
class Payments:
    """What is paid per segment; a payment is the sum over its bill."""

    day: I64  # per bill, NEVER if unpaid
    shares: I64  # cents per segment


def payments_of(segments: Segments) -> Payments:
    """Return payments: the current charges of the completed bill, or half of them."""
    bills = segments.bills
    due = segments.current(segments.charge_on_completion)
    halved = bills.is_paid_in_part[segments.bill]
    return Payments(bills.pay_day, np.where(halved, due // 2, due))
