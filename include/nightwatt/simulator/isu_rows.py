"""How SAP spells rows: clients, dates, numbers in two halves, amounts, and what a delta is.

Here: the columns every table has, the forms of values, and the difference between two evenings as delta rows.
Not here: which tables there are (`isu_partners`, `isu_points`, `isu_contracts`, `isu_bills`, `isu_ledger`) and how
files are written (`isu`, `isu_idoc`).

A table function says what a table holds at the end of a local day. A delta is what lies between two evenings, found by
the table's key: a row with a new key is inserted (I), one whose key stays is updated (U), a key that is gone is deleted
(D). Tables with time slices have BIS in the key. Where a slice closes and the next one opens at once, the open key
99991231 stays and is updated to the new slice, and the closed slice is inserted; where nothing follows, the open key is
deleted. A deletion is always stamped earlier than every other change of its day.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from nightwatt.simulator.chance import I64, U64
from nightwatt.simulator.clock import NEVER, midnight
from nightwatt.simulator.extract import Extract, moments, same
from nightwatt.simulator.world import Flags

CLIENT = "100"
OPEN_END, NO_DATE = "99991231", "00000000"
AT = "@"  # the customer a row is written with: the order of every file, whatever the chunks; never a column of it

_STAMP = "%Y%m%d%H%M%S"
_BEFORE_WORK = 21599  # seconds after midnight: changes are stamped from 06:00 on


def table(
    extract: Extract,
    at: U64,
    changed: I64,
    number: U64,
    columns: dict[str, pl.Series],
    *,
    by_batch: bool = False,
) -> pl.DataFrame:
    """Return rows as they stand at the end of the day: client first, then the columns, kind and time of change last."""
    count = len(at)
    stamp = extract.stamps(changed, number, by_batch=by_batch).dt.strftime(_STAMP)
    blank = pl.Series([None], dtype=pl.String).new_from_index(0, count)
    return pl.DataFrame(
        {
            "MANDT": same(CLIENT, count),
            **columns,
            "DI_OPERATION_TYPE": blank,
            "EXTRACTED_AT": stamp,
            AT: pl.Series(at),
        }
    )


def changes(extract: Extract, before: pl.DataFrame, after: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """Return the rows that lead from one evening to the next, deletions first."""
    keys = list(key)
    gone = before.join(after, on=keys, how="anti")
    opening = moments(midnight(extract.utility.zone, np.array([extract.day])) + _BEFORE_WORK).dt.strftime(_STAMP)[0]
    gone = gone.with_columns(DI_OPERATION_TYPE=pl.lit("D"), EXTRACTED_AT=pl.lit(opening))
    touched = after.join(before, on=after.columns, how="anti", nulls_equal=True)
    known = touched.join(before, on=keys, how="semi").with_columns(DI_OPERATION_TYPE=pl.lit("U"))
    new = touched.join(before, on=keys, how="anti").with_columns(DI_OPERATION_TYPE=pl.lit("I"))
    return pl.concat([gone, new, known])


def in_order(frame: pl.DataFrame) -> pl.DataFrame:
    """Return rows by customer, otherwise in the order they come, without the column that says so."""
    return frame.sort(AT, maintain_order=True).drop(AT)


def dats(days: I64, *, never: str = OPEN_END) -> pl.Series:
    """Return dates as eight digits; a day that does not come is the open end, or no date."""
    known = pl.Series(np.where(days >= NEVER, 0, days)).cast(pl.Int32).cast(pl.Date).dt.strftime("%Y%m%d")
    return pl.select(pl.when(pl.lit(pl.Series(days < NEVER))).then(pl.lit(known)).otherwise(pl.lit(never))).to_series()


def flag(which: Flags) -> pl.Series:
    """Return X or blank."""
    return pl.Series([None, "X"], dtype=pl.String).gather(which.astype(np.int64))


def blank(rows: int) -> pl.Series:
    return pl.Series([None] * rows, dtype=pl.String)


def padded(ids: pl.Series, width: int) -> pl.Series:
    """Return ids at the full width of their column, filled with zeros on the left."""
    return ids.str.zfill(width)


def counted(numbers: I64, width: int) -> pl.Series:
    """Return NUMC values: digits at full width."""
    return pl.Series(numbers).cast(pl.String).str.zfill(width)


def amounts(cents: I64) -> pl.Series:
    """Return amounts with two decimals and a sign in front."""
    size = np.abs(cents)
    sign = pl.Series(["", "-"]).gather((cents < 0).astype(np.int64))
    return sign + pl.Series(size // 100).cast(pl.String) + "." + counted(size % 100, 2)


def halves(units: I64, decimals: int) -> tuple[pl.Series, pl.Series]:
    """Split a quantity, counted in its last decimal, into the V_ column's whole and the N_ column's fraction."""
    one = 10**decimals
    return pl.Series(units // one).cast(pl.String), "0." + counted(units % one, decimals)
