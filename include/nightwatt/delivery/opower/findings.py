"""What the checker can find: codes, levels, remedies, and the report of one file.

Belongs here: the table of codes (as the file specification digest prints them) and collecting findings with
capped line lists. Does not belong here: looking for them (`checker`, `checker_rules`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

SHOWN_LINES = 20


class Level(StrEnum):
    """How bad a finding is. All but warnings keep a file from being sent."""

    FILE = "F"  # the partner refuses the file
    ROW = "R"  # the partner refuses the row
    WARNING = "W"


@dataclass(frozen=True)
class Rule:
    """One thing that can be wrong."""

    level: Level
    message: str
    remedy: str


RULES: Mapping[str, Rule] = {
    "NAME_PATTERN": Rule(
        Level.FILE, "the name is not one the partner accepts", "name the file by the profile's pattern"
    ),
    "NAME_STAMP_ORDER": Rule(
        Level.FILE,
        "the stamp is not later than that of the last delivered file of this type",
        "write the file again with the present stamp; the partner loads in order of arrival",
    ),
    "UNREADABLE": Rule(
        Level.FILE, "the file cannot be unpacked", "write it again; it is truncated or damaged (this code is ours)"
    ),
    "ZIP_MEMBERS": Rule(Level.FILE, "a zip must hold exactly one file and no folder", "pack one file alone"),
    "ENCODING": Rule(
        Level.FILE, "not UTF-8 text without byte order mark, NUL or stray carriage return", "write plain UTF-8"
    ),
    "HEADER_MISMATCH": Rule(
        Level.FILE, "the header is not the profile's, byte for byte", "write all columns of the profile, in its order"
    ),
    "INT_RETIRED_COLUMN": Rule(Level.FILE, "the header has a column the partner has removed", "remove the column"),
    "TAB_COUNT": Rule(Level.FILE, "lines with too few or too many TABs", "write every column on every line"),
    "SIZE_LIMIT": Rule(Level.FILE, "the file is over the size limit", "split it on service points"),
    "ROW_ORDER": Rule(
        Level.FILE, "a service point's rows do not run from oldest to newest", "sort by service point, then end instant"
    ),
    "INT_LENGTH_MIXED": Rule(
        Level.FILE, "read lengths differ inside the file or from its name", "put each length in a file of its own"
    ),
    "REQUIRED_EMPTY": Rule(Level.ROW, "a required column is empty", "leave the read out until it has a value"),
    "NULL_WORD": Rule(Level.ROW, "a word stands for a null", "write nothing between the TABs"),
    "ENUM": Rule(Level.ROW, "a value outside the profile's list", "map it in the profile, or correct the source"),
    "USAGE_FORMAT": Rule(
        Level.ROW, "an amount that is not digits with one decimal point", "no comma, exponent, plus sign or blank"
    ),
    "USAGE_NEGATIVE": Rule(
        Level.ROW, "a negative amount", "have the partner enable negative amounts, or send the channels apart"
    ),
    "USAGE_TOO_LARGE": Rule(Level.ROW, "an amount above the partner's maximum", "look at the meter's scale"),
    "DATE_INVALID": Rule(Level.ROW, "not a calendar date in eight digits", "write yyyyMMdd"),
    "INT_GRID": Rule(
        Level.ROW,
        "an end time off the grid of the file's read length",
        "stamps are interval ends; midnight is 0000 of the next date",
    ),
    "INT_DST_LABEL": Rule(
        Level.ROW,
        "a local time or offset that does not exist at that instant",
        "convert from UTC with the service's time zone and the profile's clock-change convention",
    ),
    "INT_DUP": Rule(Level.WARNING, "the same read twice; the last one wins", "send only the newest value"),
    "ESTIMATE_DEFAULTED": Rule(
        Level.WARNING, "no estimate flag; the partner will read E", "write the flag"
    ),
    "USAGE_ZERO": Rule(Level.WARNING, "amounts of zero", "none, if the meters stood still"),
    "GAP": Rule(Level.WARNING, "intervals missing between two reads", "send them as late reads when they arrive"),
}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One code found in one file. Never holds a value of a row."""

    code: str
    level: Level
    message: str
    remedy: str
    count: int
    lines: tuple[int, ...]  # the first few; line 1 is the header

    @property
    def blocks(self) -> bool:
        """Whether the file must not be sent."""
        return self.level is not Level.WARNING

    def __str__(self) -> str:
        where = (
            f" (line {', '.join(map(str, self.lines[:5]))}{', ...' if self.count > 5 else ''})" if self.lines else ""
        )
        return f"{self.code} [{self.level}] x{self.count}{where}: {self.message} -> {self.remedy}"


@dataclass(frozen=True)
class CheckReport:
    """What an independent reader made of a file."""

    file_name: str
    rows: int = 0
    service_points: int = 0
    sums: Mapping[str, Decimal] = field(default_factory=dict)  # by unit and service quantity: KWH/DELIVERED
    estimated_rows: int = 0
    first_end_at: datetime | None = None  # UTC
    last_end_at: datetime | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """The findings that keep the file from being sent."""
        return tuple(f for f in self.findings if f.blocks)

    @property
    def codes(self) -> dict[str, int]:
        """How often each code was found."""
        return {f.code: f.count for f in self.findings}


class Collector:
    """Gathers findings; keeps the first lines and counts the rest."""

    def __init__(self) -> None:
        self._count: dict[str, int] = {}
        self._lines: dict[str, list[int]] = {}
        self._detail: dict[str, str] = {}
        self._level: dict[str, Level] = {}

    def add(
        self,
        code: str,
        lines: Iterable[int] = (),
        *,
        count: int | None = None,
        detail: str = "",
        level: Level | None = None,
    ) -> None:
        """Add occurrences of a code; the first detail given is the one shown."""
        given = list(lines)
        kept = self._lines.setdefault(code, [])
        kept += given[: SHOWN_LINES - len(kept)]
        self._count[code] = self._count.get(code, 0) + (max(1, len(given)) if count is None else count)
        if detail:
            self._detail.setdefault(code, detail)
        if level:
            self._level.setdefault(code, level)

    def found(self) -> tuple[Finding, ...]:
        """Return everything found, worst first."""
        order = {level: n for n, level in enumerate(Level)}
        made = [
            Finding(
                code,
                self._level.get(code, RULES[code].level),
                f"{RULES[code].message}: {self._detail[code]}" if code in self._detail else RULES[code].message,
                RULES[code].remedy,
                count,
                tuple(self._lines[code]),
            )
            for code, count in self._count.items()
        ]
        return tuple(sorted(made, key=lambda f: (order[f.level], f.code)))
