"""Columns and the cut-off of a billing-system extract.

Here: how ids, dates, codes and amounts are spelled, and which rows a full or a delta extract carries.
Not here: which tables there are (`ccb_customers`, `ccb_money`) and how files are written (`ccb`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from nightwatt.simulator.chance import I64, U64, below, draw, scattered
from nightwatt.simulator.clock import NEVER, midnight
from nightwatt.simulator.utility import Utility
from nightwatt.simulator.world import Flags

HISTORY = 396  # days of bills in a complete extract: twelve months, from the first day of the month they begin in
CLOSED_FOR = 490  # accounts and meters gone for longer than this are not in a complete extract

# Documents of all kinds share one numbering, so that a system which keeps them in one table can tell them apart.
BILL, PAYMENT, FEE, REBILL, REVERSAL, RETURN, WRITE_OFF, BUDGET, SIMULATION = range(9)
_DOCUMENTS_OF_A_KIND = np.uint64(5 * 10**10)


@dataclass(frozen=True)
class Extract:
    """What an extract sees: the world at the end of local day `day`, all of it or only what changed that day."""

    utility: Utility
    day: int
    complete: bool

    def rows(self, changed: I64, always: bool = False) -> I64:
        """Return the rows to ship, given the day of each row's last change (later than `day`: not there yet)."""
        return np.nonzero(changed <= self.day if self.complete or always else changed == self.day)[0]

    def ids(self, kind: str, numbers: U64, digits: int = 10) -> pl.Series:
        return pl.Series(scattered(self.utility.seed, kind, numbers, digits)).cast(pl.String).str.zfill(digits)

    def documents(self, kind: int, bill_numbers: U64) -> pl.Series:
        """Return the numbers of the bills, or of what belongs to them: payments, fees, reversals .."""
        return self.ids("bill", bill_numbers + np.uint64(kind) * _DOCUMENTS_OF_A_KIND, 12)

    def stamps(self, changed: I64, numbers: U64, *, by_batch: bool = False) -> pl.Series:
        """Return LAST_UPDATE_DTTM in UTC: in working hours of the day of the change, or in its evening batch."""
        bits = draw(self.utility.seed, "changed", 0, numbers)
        moment = 75660 + below(bits, 7200) if by_batch else 21600 + below(bits, 61200)
        return moments(midnight(self.utility.zone, changed) + moment)


def old_day(bits: U64) -> I64:
    """Return some day between 2010 and 2013: long before any night."""
    return 14610 + below(bits, 1200)


def latest(day: int, *steps: I64) -> I64:
    """Return each row's last step that has happened by `day`, or NEVER."""
    stacked = np.stack(steps)
    happened = np.where(stacked <= day, stacked, -NEVER).max(axis=0)
    return np.where(happened > -NEVER, happened, NEVER)


def pick(values: Sequence[str | None], which: I64 | Flags) -> pl.Series:
    """Return one of a few texts per row."""
    return pl.Series(values, dtype=pl.String).gather(which.astype(np.int64))


def chosen(which: Flags, yes: pl.Series, no: pl.Series) -> pl.Series:
    """Return each row's entry of `yes` or of `no`; one of one entry stands for all rows."""
    return pl.select(pl.when(pl.lit(pl.Series(which))).then(pl.lit(yes)).otherwise(pl.lit(no))).to_series()


def same(text: str, rows: int) -> pl.Series:
    return pl.repeat(text, rows, eager=True)


def dates(days: I64) -> pl.Series:
    """Return calendar dates, empty where the day never comes."""
    known = pl.Series(np.where(days >= NEVER, 0, days)).cast(pl.Int32).cast(pl.Date)
    return pl.select(pl.when(pl.lit(pl.Series(days < NEVER))).then(pl.lit(known))).to_series()


def local_times(days: I64, hours: I64) -> pl.Series:
    """Return local wall-clock times at full hours, empty where the day never comes."""
    known = moments(np.where(days >= NEVER, 0, days) * 86400 + hours * 3600)
    return pl.select(pl.when(pl.lit(pl.Series(days < NEVER))).then(pl.lit(known))).to_series()


def moments(seconds: I64) -> pl.Series:
    return pl.Series(seconds * 1000).cast(pl.Datetime("ms"))


def dollars(cents: I64) -> pl.Series:
    return pl.Series(cents / 100.0)


def numbered(pattern: str, numbers: I64) -> pl.Series:
    """Return texts like SUB-07: the pattern's zeros are filled with the number."""
    stem, width = pattern.rstrip("0"), len(pattern) - len(pattern.rstrip("0"))
    return stem + pl.Series(numbers).cast(pl.String).str.zfill(width)
