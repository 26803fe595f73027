"""What the checker can find: codes, levels, remedies, and the report of one file.

Belongs here: the table of codes (as the file specification digest prints them; ours say so) and collecting findings
with capped lists of lines. Does not belong here: looking for them (`checker` and what it calls), showing them
(`checker_report`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
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
        Level.FILE,
        "a service point's rows do not run from oldest to newest",
        "sort by service point, then by the end of the period, then by last update; the account that ends comes first",
    ),
    "WRONG_FOLDER": Rule(
        Level.FILE, "phase and folder do not fit", "files under review go to the review folder, approved ones elsewhere"
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
    "DATETIME_INVALID": Rule(
        Level.ROW,
        "not an exact instant (this code is ours)",
        "write YYYY-MM-DDThh:mm:ss with an offset; the end of a segment is exclusive and after its start",
    ),
    "DURATION_RANGE": Rule(
        Level.ROW, "days that are not a whole number from 1 up", "count the days between the two reads"
    ),
    "ACTIVE_DATE_CHANGED": Rule(
        Level.ROW, "an account's active_date differs from the one sent first", "send the first one; it never changes"
    ),
    "INACTIVE_BEFORE_ACTIVE": Rule(
        Level.ROW, "an account ends before it begins", "correct the account's dates in the source"
    ),
    "DELETE_NOT_ENABLED": Rule(
        Level.ROW,
        "an account is to be deleted, which the partner has not enabled",
        "leave is_account_deletion empty; a move-out is an inactive_date",
    ),
    "OVERLAP_BAD": Rule(
        Level.ROW,
        "a period that overlaps one on record without being a legal overwrite",
        "send the very same period again, or a longer one from an old boundary past the newest read",
    ),
    "ORPHAN_USAGE": Rule(
        Level.ROW, "usage of a service point that no customer file had", "send the customer file first"
    ),
    "PREMISE_SHARED": Rule(
        Level.ROW,
        "two customers on one premise at the same time (this code is ours)",
        "end the old account by the day the new one begins",
    ),
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
    "ENTITY_DUP": Rule(
        Level.WARNING,
        "the same account, period or key twice in a file; the last one wins",
        "send only the newest state",
    ),
    "TEXT_FORM": Rule(
        Level.WARNING,
        "a text longer than, or of another form than, what the partner is known to take (this code is ours)",
        "look at the source's field; the profile says what is confirmed",
    ),
    "MODE_MIXED": Rule(
        Level.WARNING,
        "a population in one file and in two (this code is ours)",
        "keep to the mode agreed with the partner: full, or customer and usage",
    ),
    "INT_DUP": Rule(Level.WARNING, "the same read twice; the last one wins", "send only the newest value"),
    "ESTIMATE_DEFAULTED": Rule(
        Level.WARNING, "no estimate flag; the partner will read E", "write the flag"
    ),
    "USAGE_ZERO": Rule(Level.WARNING, "amounts of zero", "none, if the meters stood still"),
    "GAP": Rule(
        Level.WARNING,
        "time missing between two reads or segments",
        "send it as late reads; look at the cut between files",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """One place where a code was found, for the person who asked. Never logged, never in the ledger."""

    line: int
    service_point: str = ""
    value: str = ""


@dataclass(frozen=True)
class Finding:
    """One code found in one file. What is logged and kept of it (all but `samples`) never holds a value of a row."""

    code: str
    level: Level
    message: str
    remedy: str
    count: int
    lines: tuple[int, ...]  # the first few; line 1 is the header
    samples: tuple[Sample, ...] = field(default=(), repr=False)  # empty unless asked for

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
    kind: str = ""  # interval15, customer, ...
    rows: int = 0
    service_points: int = 0
    sums: Mapping[str, Decimal] = field(default_factory=dict)  # by unit and service quantity: KWH/DELIVERED
    estimated_rows: int = 0
    first_end_at: datetime | None = None  # UTC; of interval files, and of segments the first start
    last_end_at: datetime | None = None
    first_day: date | None = None  # of billing files: the first period's start and the last one's end
    last_day: date | None = None
    gaps: int = 0  # also against the files before it
    overlaps: int = 0  # periods or stretches that were there before and may not, or need not, come again
    corrections: int = 0  # reads that replace earlier ones
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()  # what could not be judged, and why

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """The findings that keep the file from being sent."""
        return tuple(f for f in self.findings if f.blocks)

    @property
    def codes(self) -> dict[str, int]:
        """How often each code was found."""
        counts: dict[str, int] = {}
        for f in self.findings:
            counts[f.code] = counts.get(f.code, 0) + f.count
        return counts


class Collector:
    """Gathers findings; keeps the first lines and counts the rest."""

    def __init__(self, *, values: bool = False) -> None:
        self.wants_values = values
        self._found: dict[tuple[str, Level], _Tally] = {}

    def add(
        self,
        code: str,
        lines: Iterable[int] = (),
        *,
        count: int | None = None,
        detail: str = "",
        level: Level | None = None,
        samples: Iterable[Sample] = (),
    ) -> None:
        """Add occurrences of a code; the first detail given is the one shown."""
        given = list(lines)
        tally = self._found.setdefault((code, level or RULES[code].level), _Tally())
        tally.lines += given[: SHOWN_LINES - len(tally.lines)]
        tally.count += max(1, len(given)) if count is None else count
        tally.detail = tally.detail or detail
        if self.wants_values:
            shown = list(samples) or [Sample(line) for line in given]
            tally.samples += shown[: SHOWN_LINES - len(tally.samples)]

    def count(self, code: str) -> int:
        """Return how often a code was found so far."""
        return sum(tally.count for (found, _), tally in self._found.items() if found == code)

    def found(self) -> tuple[Finding, ...]:
        """Return everything found, worst first."""
        order = {level: n for n, level in enumerate(Level)}
        made = [
            Finding(
                code,
                level,
                f"{RULES[code].message}: {tally.detail}" if tally.detail else RULES[code].message,
                RULES[code].remedy,
                tally.count,
                tuple(sorted(tally.lines)),
                tuple(sorted(tally.samples, key=lambda s: s.line)),
            )
            for (code, level), tally in self._found.items()
        ]
        return tuple(sorted(made, key=lambda f: (order[f.level], f.code)))


@dataclass
class _Tally:
    """How often one code was found, and where first."""

    count: int = 0
    detail: str = ""
    lines: list[int] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
