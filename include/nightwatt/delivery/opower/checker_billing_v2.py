"""The rules of Billing v2 files: each row by itself here, rows among each other in the chains.

Belongs here: the check of one such file, streaming, and rules about one row. Does not belong here: keys and segments
across rows and files (`checker_chains`), names and packing (`checker`).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import polars as pl

from nightwatt.delivery.opower.billing_v2_profile import AGREEMENT, ENDS, STARTS, BillingV2Profile, Column, FileKind
from nightwatt.delivery.opower.checker import Agreed, check_name, check_size
from nightwatt.delivery.opower.checker_cells import Check, amount, amount_checks, is_nothing, note
from nightwatt.delivery.opower.checker_chains import Chains
from nightwatt.delivery.opower.checker_lines import LINE, Layout, frames
from nightwatt.delivery.opower.findings import CheckReport, Collector, Level

_DAY, _CLOCK = r"(\d{4}-\d{2}-\d{2})", r"(\d{2}:\d{2}:\d{2})"
_OFFSET = r"(Z|[+-](?:0\d|1[0-4]):?[0-5]\d)"
_SEPARATOR = "\x1f"


def check_billing_v2_file(
    path: Path,
    profile: BillingV2Profile,
    zone: str,
    chains: Chains,
    found: Collector,
    *,
    kind: FileKind | None = None,
    agreed: Agreed | None = None,
) -> CheckReport:
    """Check a file by every rule for Billing v2 files, and against what `chains` holds of the files before it.

    Args:
        zone: the utility's time zone, in which an instant without offset is read.
        kind: `bill`, `bill_segment`, `line_item` or `service_quantity`; taken from the name if not given.
    """
    agreed = agreed or Agreed()
    named = check_name(path.name, profile, found, agreed)
    check_size(path, agreed.size_limit_mb, found)
    kind = kind or named
    if kind is None:  # no kind, no columns
        return CheckReport(path.name, findings=found.found())
    rules = BillingV2Rows(profile, kind, zone, chains, found)
    header = profile.header_line(kind) if profile.text.header else None
    names = [column.name for column in profile.files[kind]]
    for frame in frames(path, Layout(names, header, profile.retired_columns), found):
        rules.look(frame)
    told = chains.finish_file(found, has_segments=kind == "bill_segment")
    return CheckReport(
        file_name=path.name,
        kind=profile.name.types[kind],
        rows=rules.rows,
        sums=dict(rules.sums),
        first_end_at=told.first_start_at,
        last_end_at=told.last_end_at,
        gaps=found.count("GAP"),
        overlaps=told.overlaps,
        corrections=told.corrections,
        findings=found.found(),
    )


class BillingV2Rows:
    """Looks at the rows of one file, block after block, and hands what was readable to the chains."""

    def __init__(self, profile: BillingV2Profile, kind: FileKind, zone: str, chains: Chains, found: Collector) -> None:
        self._profile = profile
        self._zone = zone
        self._chains = chains
        self._found = found
        self._columns = profile.files[kind]
        self._has_segments = kind == "bill_segment"
        self._checks = [check for column in self._columns for check in self._checks_of(column)]
        if self._has_segments:
            backwards = (pl.col(_read(ENDS)) <= pl.col(_read(STARTS))).fill_null(False)
            self._checks.append(Check("DATETIME_INVALID", f"{ENDS}: not after the start", backwards, ENDS))
        self.rows = 0
        self.sums: dict[str, Decimal] = {}

    def look(self, block: pl.DataFrame) -> None:
        """Look at the next rows."""
        self.rows += block.height
        if not block.height:
            return
        frame = block.with_columns(
            made.alias(_read(column.name)) for column in self._columns if (made := self._value(column)) is not None
        )
        note(frame, self._checks, None, self._found)
        self._add_up(frame)
        self._chains.add_keys(self._keys(frame))
        if self._has_segments:
            self._chains.add_segments(self._segments(frame))

    def _value(self, column: Column) -> pl.Expr | None:
        if column.type == "datetime":
            return instant(pl.col(column.name), self._profile.datetime.separators, self._zone)
        return amount(pl.col(column.name), column.number) if column.number is not None else None

    def _checks_of(self, column: Column) -> list[Check]:
        words, cell = self._profile.text.null_words, pl.col(column.name)
        shown = None if column.type == "text" else column.name
        checks: list[Check] = []
        if column.required and column.default is None:
            checks.append(Check("REQUIRED_EMPTY", column.name, cell == ""))
        if column.type != "text":  # a line on a bill may say anything
            checks.append(Check("NULL_WORD", column.name, cell.is_in(words), shown))
        return [*checks, *self._checks_of_type(column), *_checks_of_text(column, words, shown)]

    def _checks_of_type(self, column: Column) -> list[Check]:
        words, cell = self._profile.text.null_words, pl.col(column.name)
        something, made = ~is_nothing(cell, words), pl.col(_read(column.name))
        if column.values is not None:
            return [Check("ENUM", column.name, something & ~cell.is_in(column.values), column.name)]
        if column.type == "datetime":
            return [Check("DATETIME_INVALID", column.name, something & made.is_null(), column.name)]
        if column.number is not None:
            return amount_checks(column.name, made, column.number, words, zero=False)
        return []

    def _add_up(self, frame: pl.DataFrame) -> None:
        amounts = [column.name for column in self._columns if column.number is not None]
        sums = frame.select(pl.col(_read(name)).sum() for name in amounts).row(0) if amounts else ()
        for name, total in zip(amounts, sums, strict=True):
            self.sums[name] = self.sums.get(name, Decimal(0)) + (total or Decimal(0))

    def _keys(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The primary keys of rows that have one."""
        parts = [column for column in self._columns if column.key]
        whole = pl.all_horizontal(pl.col(c.name) != "" for c in parts if c.required)
        key = pl.concat_str([c.name for c in parts], separator=_SEPARATOR)
        return frame.filter(whole).select(key.alias("key_text"), LINE)

    @staticmethod
    def _segments(frame: pl.DataFrame) -> pl.DataFrame:
        """The segments that can be placed."""
        placed = frame.filter((pl.col(AGREEMENT) != "") & pl.col(_read(STARTS)).is_not_null())
        return placed.select("bill_id", "bill_segment_id", AGREEMENT, _read(STARTS), _read(ENDS), LINE)


def instant(cell: pl.Expr, separators: Sequence[str], zone: str) -> pl.Expr:
    """Return seconds since 1970 of an instant; null where it is none, or not an exact one.

    A missing time is the start of the day. A missing offset is the zone's, in which an hour that does not exist or
    comes twice denotes no instant.
    """
    between = "|".join(separators)
    parts = cell.str.extract_groups(rf"^{_DAY}(?:(?:{between}){_CLOCK}{_OFFSET}?)?$").struct
    day, clock, offset = (parts.field(str(n)) for n in (1, 2, 3))
    text = pl.concat_str(day, pl.lit(" "), clock.fill_null("00:00:00"))
    wall = text.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False)
    there = wall.dt.replace_time_zone(zone, ambiguous="null", non_existent="null").dt.epoch("s")
    digits = pl.when(offset == "Z").then(pl.lit("+0000")).otherwise(offset.str.replace(":", ""))
    hours, minutes = (digits.str.slice(start, 2).cast(pl.Int64, strict=False) for start in (1, 3))
    east = pl.when(digits.str.starts_with("-")).then(-1).otherwise(1) * (hours * 60 + minutes)
    return pl.when(offset.is_null()).then(there).otherwise(wall.dt.epoch("s") - east * 60)


def _checks_of_text(column: Column, words: Sequence[str], shown: str | None) -> list[Check]:
    cell, checks = pl.col(column.name), []
    if column.length is not None:
        level = Level.ROW if column.length.confirmed else Level.WARNING
        most = column.length.characters
        checks.append(Check("TEXT_FORM", f"{column.name} over {most}", cell.str.len_chars() > most, shown, level))
    if column.looks_like is not None:
        odd = ~is_nothing(cell, words) & ~cell.str.contains(f"^(?:{column.looks_like})$")
        checks.append(Check("TEXT_FORM", column.name, odd, shown))
    return checks


def _read(name: str) -> str:
    """The name of what a cell was read as."""
    return f"{name} read"
