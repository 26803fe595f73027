"""Manifests: what a sender says a night consists of.

Belongs here: reading the manifests of a folder and answering what they say of a file. Does not belong
here: holding a file against it (`wholeness.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nightwatt.arrival.transport import ChangedMeanwhile, Entry, Transport
from nightwatt.contracts.names import match_name
from nightwatt.errors import NightWattError, TerminalError

_LIMIT = 16 << 20


class Listed(BaseModel):
    """One file of a manifest."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str = Field(min_length=1)
    size: int = Field(alias="bytes", ge=0)
    rows: int | None = Field(None, ge=0)
    sha256: str | None = Field(None, pattern=r"^[0-9a-fA-F]{64}$")
    totals: dict[str, Decimal] = Field(default_factory=dict)


class _Document(BaseModel):
    model_config = ConfigDict(extra="ignore")

    business_date: date | None = None
    files: tuple[Listed, ...]


@dataclass(frozen=True)
class Manifests:
    """All readable manifests of a folder, by business date; and those that cannot be read."""

    by_date: Mapping[date, Mapping[str, Listed]]
    names: Mapping[date, str]
    unreadable: Sequence[tuple[str, str]] = ()
    refused: Sequence[tuple[str, TerminalError]] = ()

    def listed(self, day: date, name: str) -> Listed | None:
        """Return what the manifests of a date say of a file."""
        return self.by_date.get(day, {}).get(name)

    def date_listing(self, name: str) -> date | None:
        """Return the newest date whose manifest lists a file."""
        return max((day for day, files in self.by_date.items() if name in files), default=None)


def read_manifests(transport: Transport, entries: Sequence[Entry], pattern: str) -> Manifests:
    """Read manifests, oldest first, so that a later one corrects an earlier one of its date."""
    by_date: dict[date, dict[str, Listed]] = {}
    names: dict[date, str] = {}
    unreadable: list[tuple[str, str]] = []
    refused: list[tuple[str, TerminalError]] = []
    for entry in sorted(entries, key=lambda e: (e.mtime_ns, e.name)):
        try:
            day, files = _read(transport, entry, pattern)
        except TerminalError as e:
            refused.append((entry.name, e))
        except (ChangedMeanwhile, ValueError) as e:
            unreadable.append((entry.name, _words(e)))
        else:
            by_date.setdefault(day, {}).update({f.name: f for f in files})
            names[day] = entry.name
    return Manifests(by_date, names, unreadable, refused)


def _read(transport: Transport, entry: Entry, pattern: str) -> tuple[date, tuple[Listed, ...]]:
    if entry.fault:
        raise entry.fault
    document = _Document.model_validate_json(transport.read_small(entry, _LIMIT))
    matched = match_name(pattern, entry.name)
    named = matched.business_date if matched else None
    day = named or document.business_date
    if day is None:
        raise ValueError("neither its name nor its content says the business date")
    if document.business_date not in {None, day}:
        raise ValueError(f"its name says {day}, its content says {document.business_date}")
    for file in document.files:
        if "/" in file.name or "\\" in file.name or file.name in {".", ".."}:
            raise TerminalError(
                "manifest.path",
                f"{entry.name} lists a path instead of a file name",
                "a manifest lists files of its own folder by name; ask the sender to correct it",
            )
    return day, document.files


def _words(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        return f"manifest cannot be read{f' at {where}' if where else ''}: {first['msg']}"
    return f"manifest cannot be read: {error.message if isinstance(error, NightWattError) else error}"
