"""Who lives where, since when, with which meter: the customers of a make-believe utility.

Here: a customer's fixed traits, moves, vacancies, tenancies, meter exchanges, and the ids all files share.
Not here: how much is used (`load`), what happens to single reads (`read_events`), money (`bills`).

A customer number is a premise. Its electric service point is numbered 2n, its gas one 2n + 1. A tenancy (account,
agreements, mostly a person of its own) is numbered by the premise and the year it began: at most one move a year, so
never two alike.

Neighbours share things: flats a building, some businesses the company they belong to, some homes a landlord. Who shares
is decided within small blocks of customer numbers, so that nobody need look at all customers to know it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nightwatt.simulator.chance import F64, I64, U64, below, draw, normal, scattered, uniform
from nightwatt.simulator.clock import NEVER, date_of, month_starts
from nightwatt.simulator.utility import Utility

Flags = NDArray[np.bool_]

EVENTS_SINCE = 2012  # the first year with moves and exchanges; before it everyone has just always been there
YEAR_BASE = 1990  # tenancies and meters are numbered from here
MOVES_A_YEAR = 0.18  # 1.5 % a month
EXCHANGES_A_YEAR = 0.024  # 0.2 % a month
BUSINESS_SHARE = 0.09
ALL_ELECTRIC_SHARE = 0.32  # of homes without gas
ELECTRIC, GAS = 0, 1

BUILDING_BLOCK = 16  # a building takes its flats from so many neighbouring customer numbers
BUILDING_SHARE = 0.3  # of such blocks
GROUP_BLOCK = 64  # a company, or a landlord, has its accounts among so many neighbours
COMPANY_SHARE, LANDLORD_SHARE = 0.5, 0.06  # of businesses and of homes that such a group may hold
HELD_BY_GROUP = 0.8  # of the tenancies there
ALONE, COMPANY, LANDLORD = 0, 1, 2

# Buildings share the numbering of premises, and groups that of persons, far above the others.
_BUILDING_NUMBERS = np.uint64(5 * 10**9)
_GROUP_NUMBERS = np.uint64(5 * 10**9)


def slots_in_parts(customers: int, parts: int) -> list[range]:
    """Split the customer numbers into contiguous parts of nearly equal size."""
    bounds = [customers * p // parts for p in range(parts + 1)]
    return [range(a, b) for a, b in pairwise(bounds)]


def chunks_of(numbers: U64, size: int) -> Iterator[U64]:
    """Hand out customer numbers a chunk at a time."""
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]


@dataclass(frozen=True, eq=False)
class Move:
    """The one possible move of each customer in one year: out on `out`, the next tenant in on `into`."""

    moved: Flags
    out: I64  # first local day without the old tenant
    into: I64  # first local day of the new tenant


class Customers:
    """A chunk of customers and everything fixed about them, drawn when first asked for."""

    def __init__(self, utility: Utility, numbers: U64) -> None:
        self.utility = utility
        self.numbers = numbers
        self._moves: dict[int, Move] = {}
        self._traits: dict[str, F64] = {}

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, which: I64) -> Customers:
        """Return a chunk of some of these customers, in the order given."""
        return Customers(self.utility, self.numbers[which])

    def draws(self, purpose: str, period: int = 0) -> U64:
        return draw(self.utility.seed, purpose, period, self.numbers)

    def chance(self, purpose: str, period: int) -> F64:
        """Return a number in [0, 1) for each customer, another one each period."""
        return uniform(self.draws(purpose, period))

    def trait(self, purpose: str) -> F64:
        """Return a number in [0, 1) for each customer that never changes."""
        if purpose not in self._traits:
            self._traits[purpose] = uniform(self.draws(purpose))
        return self._traits[purpose]

    @cached_property
    def solar(self) -> Customers:
        """The customers with solar panels."""
        return self.take(np.nonzero(self.has_solar)[0])

    @cached_property
    def is_business(self) -> Flags:
        return self.trait("business") < BUSINESS_SHARE

    @cached_property
    def has_gas(self) -> Flags:
        return self.trait("gas") < self.utility.gas_share

    @cached_property
    def has_solar(self) -> Flags:
        return self.trait("solar") < self.utility.solar_share

    @cached_property
    def in_building(self) -> Flags:
        """Say which premises are part of a building (of at least two premises)."""
        block = self.numbers // np.uint64(BUILDING_BLOCK)
        bits = draw(self.utility.seed, "building", 0, block)
        place = (self.numbers % np.uint64(BUILDING_BLOCK)).astype(np.int64)
        stands = uniform(bits) < BUILDING_SHARE
        has_neighbour = block * np.uint64(BUILDING_BLOCK) + np.uint64(1) < np.uint64(self.utility.customers)
        inside: Flags = stands & has_neighbour & (place < 4 + below(bits, BUILDING_BLOCK - 3))
        return inside

    @cached_property
    def building(self) -> U64:
        """The premise number of the building a premise is part of, else its own number."""
        block = self.numbers // np.uint64(BUILDING_BLOCK)
        return np.where(self.in_building, _BUILDING_NUMBERS + block, self.numbers)

    @cached_property
    def opens_building(self) -> Flags:
        """Say which premises are the first of their building: with them the building itself is written."""
        first: Flags = self.numbers % np.uint64(BUILDING_BLOCK) == 0
        return first & self.in_building

    @cached_property
    def group(self) -> I64:
        """Say which premises a group may hold: COMPANY, LANDLORD or, mostly, none (ALONE)."""
        company = self.is_business & (self.trait("company") < COMPANY_SHARE)
        landlord = ~self.is_business & (self.trait("landlord") < LANDLORD_SHARE)
        return np.where(company, COMPANY, np.where(landlord, LANDLORD, ALONE))

    @cached_property
    def group_person(self) -> U64:
        """The person number of the group that may hold a premise; without meaning where `group` is ALONE."""
        block = self.numbers // np.uint64(GROUP_BLOCK)
        return _GROUP_NUMBERS + block * np.uint64(4) + self.group.astype(np.uint64)

    def group_neighbours(self) -> Customers:
        """Return all premises that the groups around these customers may hold."""
        blocks = np.unique(self.numbers // np.uint64(GROUP_BLOCK))
        neighbours = np.arange(GROUP_BLOCK, dtype=np.uint64)
        numbers = np.add.outer(blocks * np.uint64(GROUP_BLOCK), neighbours).astype(np.uint64).ravel()
        everyone = Customers(self.utility, numbers[numbers < np.uint64(self.utility.customers)])
        return everyone.take(np.nonzero(everyone.group != ALONE)[0])

    @cached_property
    def opens_group(self) -> Flags:
        """Say which premises are the first a group may hold: with them the group's person is written, once."""
        held = self.group_neighbours()
        _, first = np.unique(held.group_person, return_index=True)
        opens: Flags = np.isin(self.numbers, held.numbers[first])
        return opens

    @cached_property
    def heats_with_electricity(self) -> Flags:
        return ~self.has_gas & ~self.is_business & (self.trait("heat") < ALL_ELECTRIC_SHARE)

    @cached_property
    def size(self) -> F64:
        """Lognormal size: homes stay near 1, businesses spread over two powers of ten."""
        spread = np.where(self.is_business, 1.1, 0.42)
        grown: F64 = np.exp(spread * normal(self.draws("size")))
        return np.round(grown, 4).astype(np.float64)

    @cached_property
    def bill_cycle(self) -> I64:
        """The bill cycle 1..20: cycle c is billed on day c + 2 of each month."""
        return below(self.draws("cycle"), 20) + 1

    @cached_property
    def electric_points(self) -> U64:
        return self.numbers * np.uint64(2)

    @cached_property
    def gas_points(self) -> U64:
        return self.numbers * np.uint64(2) + np.uint64(1)

    def move(self, year: int) -> Move:
        """Return each customer's move of one year (never in the first or last two weeks, so moves cannot cross)."""
        if year not in self._moves:
            january = int(month_starts(np.array([(year - 1970) * 12]))[0])
            out = january + 14 + below(self.draws("move-day", year), 335)
            gap = np.maximum(0, below(self.draws("move-gap", year), 16) - 6)
            moved = self.chance("move", year) < MOVES_A_YEAR
            if year < EVENTS_SINCE:
                moved = np.zeros(len(self), dtype=np.bool_)
            self._moves[year] = Move(moved, out, out + gap)
        return self._moves[year]

    def is_vacant(self, day: int) -> Flags:
        """Say where nobody lives on a local day."""
        move = self.move(date_of(day).year)
        return move.moved & (move.out <= day) & (day < move.into)

    def is_cut_off(self, day: int) -> Flags:
        """Say which vacant premises are disconnected: their service points read zero."""
        return self.is_vacant(day) & (self.chance("cut-off", date_of(day).year) < 0.3)


@dataclass(frozen=True, eq=False)
class Tenancies:
    """Tenancies of a chunk, flattened: several rows for a customer who moved in the time looked at."""

    customers: Customers
    at: I64  # position of the customer in the chunk
    number: U64  # customer * 64 + year of the start since YEAR_BASE
    start: I64  # first local day
    end: I64  # first local day after it, NEVER while it lasts

    def __len__(self) -> int:
        return len(self.at)

    def draws(self, purpose: str) -> U64:
        return draw(self.customers.utility.seed, purpose, 0, self.number)

    def chance(self, purpose: str) -> F64:
        return uniform(self.draws(purpose))

    def take(self, which: Flags | I64) -> Tenancies:
        return Tenancies(self.customers, self.at[which], self.number[which], self.start[which], self.end[which])

    @property
    def is_business(self) -> Flags:
        return self.customers.is_business[self.at]

    @property
    def has_gas(self) -> Flags:
        return self.customers.has_gas[self.at]

    @property
    def is_held_by_group(self) -> Flags:
        """Say which tenancies are accounts of a company or landlord who has others among the neighbours."""
        held: Flags = (self.customers.group[self.at] != ALONE) & (self.chance("group") < HELD_BY_GROUP)
        return held

    @property
    def person(self) -> U64:
        """The number of the main customer: the group's, or the tenancy's own."""
        return np.where(self.is_held_by_group, self.customers.group_person[self.at], self.number * np.uint64(2))

    @property
    def has_time_of_use_rate(self) -> Flags:
        return ~self.is_business & (self.chance("time-of-use") < 0.1)

    @property
    def is_cancelled_once(self) -> Flags:
        """Say which tenancies had an agreement made before the right one, and taken back the day before the start."""
        cancelled: Flags = self.chance("cancelled") < 0.004
        return cancelled

    @property
    def is_budget_billed(self) -> Flags:
        return ~self.is_business & (self.chance("budget") < 0.08)


def tenancies(customers: Customers, since: int, until: int) -> Tenancies:
    """Return the tenancies that ended after `since` or still last, and were known by day `until`.

    A tenancy is known three days before it starts. The end shown may lie after `until`: hide it if that matters.
    """
    years = range(EVENTS_SINCE, date_of(until).year + 2)
    moves = [customers.move(y) for y in years]
    outs = np.stack([np.where(m.moved, m.out, NEVER) for m in moves], axis=1)
    ends = np.minimum.accumulate(outs[:, ::-1], axis=1)[:, ::-1]  # the first move-out of this year or later
    first_year = EVENTS_SINCE - 17 + below(customers.draws("first-year"), 16)
    first_start = month_starts((first_year - 1970) * 12) + below(customers.draws("first-day"), 360)
    never = np.full((len(customers), 1), NEVER)
    start = np.concatenate([first_start[:, None], np.stack([m.into for m in moves], axis=1)], axis=1)
    end = np.concatenate([ends, never], axis=1)
    year = np.concatenate([first_year[:, None], np.broadcast_to(np.array(years), outs.shape)], axis=1)
    is_real = np.concatenate([np.ones_like(never, dtype=np.bool_), outs < NEVER], axis=1)
    at, which = np.nonzero(is_real & (end > since) & (start - 3 <= until))
    number = customers.numbers[at] * np.uint64(64) + (year[at, which] - YEAR_BASE).astype(np.uint64)
    return Tenancies(customers, at, number, start[at, which], end[at, which])


@dataclass(frozen=True, eq=False)
class Meters:
    """Meters of a chunk of service points, flattened: one row per installation."""

    at: I64  # position of the service point in the chunk
    number: U64  # service point * 64 + year of the installation since YEAR_BASE
    installed: I64  # local day
    installed_hour: I64  # wall-clock hour of that day
    removed: I64  # local day, NEVER while it hangs
    removed_hour: I64


def exchange(seed: int, points: U64, year: int) -> tuple[Flags, I64, I64]:
    """Return who gets a new meter in a year, on which local day, at which full hour (9 .. 15)."""
    january = int(month_starts(np.array([(year - 1970) * 12]))[0])
    happens = uniform(draw(seed, "exchange", year, points)) < EXCHANGES_A_YEAR
    if year < EVENTS_SINCE:
        happens = np.zeros(len(points), dtype=np.bool_)
    day = january + below(draw(seed, "exchange-day", year, points), 360)
    return happens, day, 9 + below(draw(seed, "exchange-hour", year, points), 7)


def meters(seed: int, points: U64, since: int, until: int) -> Meters:
    """Return the installations known by day `until` and not removed before `since` (later removals are shown)."""
    years = range(EVENTS_SINCE, date_of(until).year + 1)
    swaps = [exchange(seed, points, y) for y in years]
    first_year = EVENTS_SINCE - 9 + below(draw(seed, "first-meter", 0, points), 8)
    first_day = month_starts((first_year - 1970) * 12) + below(draw(seed, "first-meter-day", 0, points), 360)
    swapped = np.stack([s[0] for s in swaps], axis=1)
    key = np.where(swapped, np.stack([s[1] * 32 + s[2] for s in swaps], axis=1), NEVER)  # day and hour in one
    begin = np.concatenate([(first_day * 32 + 10)[:, None], key], axis=1)
    later = np.minimum.accumulate(key[:, ::-1], axis=1)[:, ::-1]
    finish = np.concatenate([later, np.full((len(points), 1), NEVER)], axis=1)
    year = np.concatenate([first_year[:, None], np.broadcast_to(np.array(years), swapped.shape)], axis=1)
    at, which = np.nonzero((begin < NEVER) & (begin // 32 <= until) & (finish // 32 >= since))
    start, stop = begin[at, which], finish[at, which]
    number = points[at] * np.uint64(64) + (year[at, which] - YEAR_BASE).astype(np.uint64)
    removed = np.where(stop >= NEVER, NEVER, stop // 32)
    return Meters(at, number, start // 32, start % 32, removed, stop % 32)


@dataclass(frozen=True, eq=False)
class Installed:
    """The meter numbers at each service point on one local day; both are the same unless it is exchanged."""

    before: U64
    after: U64
    hour: I64  # wall-clock hour of the exchange, where there is one


def installed_on(seed: int, points: U64, day: int) -> Installed:
    """Return the meter at each service point at the start and at the end of a local day."""
    known = meters(seed, points, since=day, until=day)
    before = np.zeros(len(points), dtype=np.uint64)
    after = np.zeros(len(points), dtype=np.uint64)
    hour = np.full(len(points), 24, dtype=np.int64)
    is_new = known.installed == day
    is_old = known.removed == day
    before[known.at[~is_new]] = known.number[~is_new]
    after[known.at[~is_old]] = known.number[~is_old]
    hour[known.at[is_new]] = known.installed_hour[is_new]
    return Installed(np.where(before == 0, after, before), after, hour)


def point_ids(utility: Utility, points: U64) -> U64:
    """Return SP_ID numbers (10 digits)."""
    return scattered(utility.seed, "sp", points)


def meter_ids(utility: Utility, numbers: U64) -> U64:
    """Return MTR_ID numbers (10 digits), in the read files DEVICE_ID and MODULE_ID."""
    return scattered(utility.seed, "meter", numbers)
