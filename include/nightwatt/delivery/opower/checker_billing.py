"""The rules of legacy billing files: each row by itself here, rows among each other in the record.

Belongs here: the check of one billing file, streaming, and rules about one row. Does not belong here: periods and
accounts across rows and files (`checker_record`), names and packing (`checker`), nor any code of the writer.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl

from nightwatt.delivery.opower.billing_profile import JOIN, BillingColumn, BillingProfile, FileKind
from nightwatt.delivery.opower.checker import Agreed, check_name, check_size
from nightwatt.delivery.opower.checker_cells import Check, amount, amount_checks, day_number, is_nothing, note
from nightwatt.delivery.opower.checker_lines import LINE, Layout, frames
from nightwatt.delivery.opower.checker_record import Record
from nightwatt.delivery.opower.findings import CheckReport, Collector, Level

_EPOCH = date(1970, 1, 1)
_USAGE = "usage_value"


def check_billing_file(
    path: Path,
    profile: BillingProfile,
    record: Record,
    found: Collector,
    kind: FileKind | None = None,
    agreed: Agreed | None = None,
) -> CheckReport:
    """Check a file by every rule for legacy billing files, and against what `record` holds of the files before it.

    Args:
        kind: `full`, `customer` or `usage`; taken from the name if not given.
    """
    agreed = agreed or Agreed()
    named = check_name(path.name, profile, found, agreed)
    check_size(path, agreed.size_limit_mb, found)
    kind = kind or named
    if kind is None:  # no kind, no columns
        return CheckReport(path.name, findings=found.found())
    rules = BillingRows(profile, kind, record, found)
    header = profile.header_line(kind) if profile.text.header else None
    for frame in frames(path, Layout(rules.names, header, profile.retired_columns), found):
        rules.look(frame)
    told = record.finish_file(kind, found)
    return CheckReport(
        file_name=path.name,
        kind=profile.name.types[kind],
        rows=rules.rows,
        service_points=told.service_points,
        sums=dict(rules.sums),
        estimated_rows=rules.estimated,
        first_day=_day(told.first_start),
        last_day=_day(told.last_end),
        gaps=told.gaps,
        overlaps=told.overlaps,
        corrections=told.corrections,
        findings=found.found(),
        notes=told.notes,
    )


class BillingRows:
    """Looks at the rows of one file, block after block, and hands what was readable to the record."""

    def __init__(self, profile: BillingProfile, kind: FileKind, record: Record, found: Collector) -> None:
        self._profile = profile
        self._record = record
        self._found = found
        self._columns = list(zip(_names(profile.columns(kind)), profile.columns(kind), strict=True))
        self._has_usage = "usage" in profile.files[kind]
        self._has_accounts = "account" in profile.files[kind]
        self._checks = [check for name, column in self._columns for check in self._checks_of(name, column)]
        self._checks += self._checks_of_dates() if self._has_accounts else []
        self.rows = 0
        self.estimated = 0
        self.sums: dict[str, Decimal] = {}

    @property
    def names(self) -> list[str]:
        """One name a column; the second service_point_id of a full file has a mark."""
        return [name for name, _ in self._columns]

    def look(self, block: pl.DataFrame) -> None:
        """Look at the next rows."""
        self.rows += block.height
        if not block.height:
            return
        frame = block.with_columns(
            made.alias(_read(name)) for name, column in self._columns if (made := _value(name, column)) is not None
        )
        note(frame, self._checks, JOIN, self._found)
        if self._has_usage:
            self._add_up(frame)
            self._record.add_usage(self._periods(frame))
        if self._has_accounts:
            self._record.add_accounts(_accounts(frame, once_a_read=self._has_usage))

    # ---- one row ----------------------------------------------------------------------------------------------

    def _checks_of(self, name: str, column: BillingColumn) -> list[Check]:
        words, cell = self._profile.text.null_words, pl.col(name)
        shown = None if column.type == "text" else name
        checks: list[Check] = []
        if column.default is not None:
            checks.append(Check("ESTIMATE_DEFAULTED", "", cell == ""))
        elif column.required:
            checks.append(Check("REQUIRED_EMPTY", column.name, cell == ""))
        if column.type != "text":  # a person may be called Null
            checks.append(Check("NULL_WORD", column.name, cell.is_in(words), shown))
        return [*checks, *self._checks_of_type(name, column), *_checks_of_text(name, column, shown)]

    def _checks_of_type(self, name: str, column: BillingColumn) -> list[Check]:
        words, cell = self._profile.text.null_words, pl.col(name)
        something, made = ~is_nothing(cell, words), pl.col(_read(name))
        if column.values is not None:
            checks = [Check("ENUM", column.name, something & ~cell.is_in(column.values), name)]
            if column.name == "is_account_deletion" and not self._profile.deletion_enabled:
                checks.append(Check("DELETE_NOT_ENABLED", "", something, name))
            return checks
        if column.type == "date":
            return [Check("DATE_INVALID", column.name, something & made.is_null(), name)]
        if column.type == "days":
            short = something & (made.is_null() | (made < 1).fill_null(False))
            long = (made > self._profile.period.longest_days).fill_null(False)
            over = f"over {self._profile.period.longest_days} days"
            return [
                Check("DURATION_RANGE", "", short, name),
                Check("DURATION_RANGE", over, long, name, Level.WARNING),
            ]
        if column.number is not None:
            zero = column.name == _USAGE and self._profile.zero == "warn"
            return amount_checks(name, made, column.number, words, zero=zero)
        return []

    def _checks_of_dates(self) -> list[Check]:
        ended = (pl.col(_read("inactive_date")) < pl.col(_read("active_date"))).fill_null(False)
        return [Check("INACTIVE_BEFORE_ACTIVE", "", ended, "inactive_date")]

    # ---- what goes on record ----------------------------------------------------------------------------------

    def _periods(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows whose period can be placed. An end date is the day after the last one, or that day itself."""
        words = self._profile.text.null_words
        later = 1 if self._profile.period.date_to == "last_day" else 0
        flag = pl.col("is_estimate")
        end = pl.col(_read("date_to")).cast(pl.Int64) + later
        days = pl.col(_read("duration")).cast(pl.Int64)
        return frame.select(
            JOIN,
            (end - days).alias("starts_on"),
            end.alias("ends_on"),
            days.alias("days"),
            (flag.is_in(self._estimates()) | (flag == "")).alias("is_estimated"),
            LINE,
        ).filter(~is_nothing(pl.col(JOIN), words) & pl.col("ends_on").is_not_null() & (pl.col("days") >= 1))

    def _estimates(self) -> list[str]:
        return next(column.estimated for name, column in self._columns if name == "is_estimate")

    def _add_up(self, frame: pl.DataFrame) -> None:
        estimated = pl.col("is_estimate").is_in(self._estimates()) | (pl.col("is_estimate") == "")
        amounts = [name for name, column in self._columns if column.number is not None]
        sums = frame.select(estimated.sum(), *(pl.col(_read(name)).sum() for name in amounts)).row(0)
        self.estimated += int(sums[0] or 0)
        for name, total in zip(amounts, sums[1:], strict=True):
            self.sums[name] = self.sums.get(name, Decimal(0)) + (total or Decimal(0))


def _checks_of_text(name: str, column: BillingColumn, shown: str | None) -> list[Check]:
    cell, checks = pl.col(name), []
    if column.length is not None:
        level = Level.ROW if column.length.confirmed else Level.WARNING
        most = column.length.characters
        checks.append(Check("TEXT_FORM", f"{column.name} over {most}", cell.str.len_chars() > most, shown, level))
    if column.looks_like is not None:
        odd = (cell != "") & ~cell.str.contains(f"^(?:{column.looks_like})$")
        checks.append(Check("TEXT_FORM", column.name, odd, shown))
    return checks


def _accounts(frame: pl.DataFrame, *, once_a_read: bool) -> pl.DataFrame:
    """The rows that can be placed; in a full file, which says an account once a read, the first of those alike."""
    told = frame.select(
        "account_id",
        JOIN,
        "premise_id",
        "customer_id",
        pl.col(_read("active_date")).cast(pl.Int64).alias("active_on"),
        pl.col(_read("inactive_date")).cast(pl.Int64).alias("inactive_on"),
        (pl.col("is_account_deletion") != "").alias("is_deleted"),
        LINE,
    ).filter((pl.col("account_id") != "") & (pl.col(JOIN) != "") & pl.col("active_on").is_not_null())
    if not once_a_read:
        return told
    facts = [name for name in told.columns if name != LINE]
    return told.filter(~pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in facts))


def _names(columns: list[BillingColumn]) -> list[str]:
    names: list[str] = []
    for column in columns:
        names.append(f"{column.name} (usage)" if column.name in names else column.name)
    return names


def _read(name: str) -> str:
    """The name of what a cell was read as."""
    return f"{name} read"


def _value(name: str, column: BillingColumn) -> pl.Expr | None:
    cell = pl.col(name)
    if column.type == "date":
        return day_number(cell)
    if column.type == "days":
        return pl.when(cell.str.contains(r"^\d{1,9}$")).then(cell).cast(pl.Int32, strict=False)
    return amount(cell, column.number) if column.number is not None else None


def _day(number: int | None) -> date | None:
    return None if number is None else _EPOCH + timedelta(days=number)
