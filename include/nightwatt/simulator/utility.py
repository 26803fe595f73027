"""What a make-believe utility is, and what writing one of its nights reports back.

Here: the few plain records the simulator hands to and takes from its callers.
Not here: how anything is made up (`world`, `load`, `read_events`, `bills`) or written (`mdm`, `ccb`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

MOST_CUSTOMERS = 10_000_000  # what the numbering of bills and transactions has room for


@dataclass(frozen=True)
class Utility:
    """A utility that does not exist: everything about it follows from these few numbers.

    A customer number is a premise: every premise has one electric service point, some also gas.
    `faults` plants broken lines, late reads, corrections and duplicates, and contact details that are none; estimated
    and missing reads are there always.
    """

    customers: int
    seed: int = 2026
    zone: str = "America/New_York"
    solar_share: float = 0.06
    gas_share: float = 0.45
    faults: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.customers <= MOST_CUSTOMERS:
            raise ValueError(f"a utility has 1 to {MOST_CUSTOMERS:,} customers, got {self.customers}")
        for name in ("solar_share", "gas_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must lie between 0 and 1, got {getattr(self, name)}")


@dataclass(frozen=True)
class FileSummary:
    """One written file and the planted truth about its lines.

    `rows` counts data lines (broken ones and duplicates too, header and trailer not). The condition counts
    (`estimated`, `substituted`, `missing`) and the arrival counts (`late`, `corrected`, `duplicated`) count
    well-formed lines; one line may be in several of them. `bad` counts broken lines by kind.
    """

    name: str
    rows: int
    bytes: int
    sha256: str
    estimated: int = 0
    substituted: int = 0
    missing: int = 0
    late: int = 0
    corrected: int = 0
    duplicated: int = 0
    bad: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class NightSummary:
    """Everything one night wrote, file by file; names are relative to the night's folder."""

    night: date
    files: tuple[FileSummary, ...]

    @property
    def rows(self) -> int:
        return sum(f.rows for f in self.files)

    @property
    def bytes(self) -> int:
        return sum(f.bytes for f in self.files)

    @property
    def bad(self) -> dict[str, int]:
        """Broken lines of the whole night, by kind."""
        kinds: dict[str, int] = {}
        for file in self.files:
            for kind, count in file.bad.items():
                kinds[kind] = kinds.get(kind, 0) + count
        return kinds

    def total(self, what: str) -> int:
        """Add up one planted count (`estimated`, `missing`, `late`, ...) over all files."""
        return sum(int(getattr(f, what)) for f in self.files)

    def file(self, name: str) -> FileSummary:
        """Return the summary of one file by its name relative to the folder."""
        for summary in self.files:
            if summary.name == name:
                return summary
        raise KeyError(f"{name} was not written on {self.night}; files: {[f.name for f in self.files]}")
