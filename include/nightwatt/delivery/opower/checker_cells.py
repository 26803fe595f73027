"""Rules about one cell, the same for every standard: required, null words, lists, amounts, dates, whole numbers.

Belongs here: polars expressions for them, and noting what they find. Does not belong here: rules about a row and
others (`checker_rules`, `checker_billing`), nor any code of the writer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from nightwatt.delivery.opower.checker_lines import LINE
from nightwatt.delivery.opower.findings import SHOWN_LINES, Collector, Level, Sample
from nightwatt.delivery.opower.profile import Number


@dataclass(frozen=True)
class Check:
    """One thing looked for in every row."""

    code: str
    detail: str
    is_found: pl.Expr
    cell: str | None = None  # the column whose value may be shown; none for texts about people
    level: Level | None = None


def note(frame: pl.DataFrame, checks: Sequence[Check], point: str | None, found: Collector) -> None:
    """Look for everything in a block, and note where it is."""
    counts = frame.select(check.is_found.sum().alias(str(n)) for n, check in enumerate(checks)).row(0)
    for check, count in zip(checks, counts, strict=True):
        if count:
            rows = frame.filter(check.is_found).head(SHOWN_LINES)
            found.add(
                check.code,
                rows.get_column(LINE).to_list(),
                count=count,
                detail=check.detail,
                level=check.level,
                samples=_samples(rows, point, check.cell) if found.wants_values else (),
            )


def _samples(rows: pl.DataFrame, point: str | None, cell: str | None) -> Iterable[Sample]:
    lines = rows.get_column(LINE).to_list()
    empty = [""] * len(lines)
    points = rows.get_column(point).to_list() if point else empty
    values = rows.get_column(cell).to_list() if cell else empty
    return [Sample(*shown) for shown in zip(lines, points, values, strict=True)]


def is_nothing(cell: pl.Expr, words: Sequence[str]) -> pl.Expr:
    """Empty, or a word for a null: reported once, under its own code."""
    return (cell == "") | cell.is_in(list(words))


def day_number(cell: pl.Expr) -> pl.Expr:
    """Return days since 1970 of a date in eight digits; null where it is none."""
    return pl.when(cell.str.contains(r"^\d{8}$")).then(cell).str.to_date("%Y%m%d", strict=False).cast(pl.Int32)


def amount(cell: pl.Expr, rules: Number) -> pl.Expr:
    """Return a number written with digits and a point; null where it is none."""
    decimals = rf"(\.\d{{1,{rules.max_decimals}}})?" if rules.max_decimals else ""
    digits = rf"^-?\d{{1,20}}{decimals}$"
    return pl.when(cell.str.contains(digits)).then(cell).cast(pl.Decimal(38, 8), strict=False)


def amount_checks(name: str, value: pl.Expr, rules: Number, words: Sequence[str], *, zero: bool) -> list[Check]:
    """Return the checks of a column of amounts; `value` is what `amount` made of it."""
    cell = pl.col(name)
    checks = [
        Check("USAGE_FORMAT", "", value.is_null() & ~is_nothing(cell, words), name),
        Check("USAGE_TOO_LARGE", f"over {rules.maximum}", (value.abs() > pl.lit(rules.maximum)).fill_null(False), name),
    ]
    if zero:
        checks.append(Check("USAGE_ZERO", "", (value == 0).fill_null(False), name))
    if not rules.negative_enabled:
        checks.append(Check("USAGE_NEGATIVE", "", (value < 0).fill_null(False), name))
    return checks
