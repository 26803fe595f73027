"""The partner's phases: sample, full history, incremental; and which stored rows each of them takes.

Belongs here: what an operator asks for, the window that follows from it and from what was sent before, and that window
as a condition, so that every writer selects alike. Does not belong here: what was sent (`ledger.populations`), which
accounts are in a population, and the bytes (the partner's folder).

Between them an operator's days and the ledger's numbers decide, never a source's clock: a full history may be cut weeks
back, and the incremental after it takes both what was loaded since and what the cut left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Literal

from nightwatt.errors import TerminalError
from nightwatt.ledger.models import PhaseKind

if TYPE_CHECKING:
    from nightwatt.delivery.parcels import PublicationFacts
    from nightwatt.ledger.models import Sending

__all__ = ["Phase", "PhaseKind", "Sample", "Standard", "Window", "window_of"]

Standard = Literal["billing", "interval"]
"""Of which of the partner's standards a file is; each has its own length of history."""

INTERVAL_MONTHS = 13


@dataclass(frozen=True)
class Phase:
    """What the operator asks for at run time."""

    kind: PhaseKind = PhaseKind.INCREMENTAL
    last_day: date | None = None  # local day; nothing later is in (sample, full): the cut may lie weeks back
    size: int = 15_000  # accounts of a sample; the partner wants 10,000 to 20,000
    seed: int = 1


@dataclass(frozen=True)
class Sample:
    """A random choice of accounts: the same ones for the same seed, in every kind of file."""

    size: int
    seed: int


@dataclass(frozen=True)
class Window:
    """Which stored rows a file takes. Writers select by this and nothing else."""

    since_sequence: int | None  # rows stored by a later load; None: whatever load
    through_sequence: int  # newest load of the publication
    first_day: date | None  # local day; nothing that ends before it
    last_day: date | None  # local day; nothing that ends after it
    earlier_cut: date | None  # rows ending after this day are taken whatever their load: the file before left them out
    sample: Sample | None

    def condition(self, load: str, day: str) -> str:
        """Return the window as an SQL condition on the columns with a row's load and the local day it ends in."""
        parts = [f"{load} <= {self.through_sequence}"]
        if self.since_sequence is not None:
            newer = f"{load} > {self.since_sequence}"
            cut = self.earlier_cut
            parts.append(newer if cut is None else f"({newer} or {day} > date '{cut.isoformat()}')")
        return " and ".join([*parts, *self._days(day)])

    def earlier(self, load: str, day: str) -> str | None:
        """Return the condition on rows of these days that the file before took; None where there was none."""
        if self.since_sequence is None:
            return None
        parts = [f"{load} <= {min(self.since_sequence, self.through_sequence)}"]
        if self.earlier_cut is not None:
            parts.append(f"{day} <= date '{self.earlier_cut.isoformat()}'")
        return " and ".join([*parts, *self._days(day)])

    def _days(self, day: str) -> list[str]:
        parts = []
        if self.first_day is not None:
            parts.append(f"{day} >= date '{self.first_day.isoformat()}'")
        if self.last_day is not None:
            parts.append(f"{day} <= date '{self.last_day.isoformat()}'")
        return parts


def window_of(
    phase: Phase, last: Sending | None, publication: PublicationFacts, business_date: date, standard: Standard
) -> Window:
    """Return which rows a phase takes.

    Args:
        phase: what is asked for.
        last: the sending an incremental begins after (`ledger.populations.last_counted`).
        publication: what is read.
        business_date: the night; an interval's or a calendar's history is counted back from it.
        standard: billing history begins in January of the previous year, that of intervals 13 months back.

    Raises:
        TerminalError: `phase.last_day`: the cut lies in the future, before the history, or nowhere to be used.
    """
    through = publication.through_sequence
    if phase.kind is PhaseKind.INCREMENTAL:
        _refuse_cut(phase)
        if last is None:
            return Window(None, through, None, None, None, None)
        return Window(last.through_sequence, through, last.first_day, None, last.last_day, None)
    first = _first_day(standard, min(business_date, phase.last_day or business_date), business_date)
    _check_cut(phase.last_day, first, business_date)
    sample = Sample(phase.size, phase.seed) if phase.kind is PhaseKind.SAMPLE else None
    return Window(None, through, first, phase.last_day, None, sample)


def is_covered(last: Sending, publication: PublicationFacts) -> bool:
    """Return whether an incremental after this sending would find nothing, without looking at a row.

    A file that was cut left rows behind, so the same publication still has something for the next one. An older
    publication (rolled back) has nothing new.
    """
    if publication.through_sequence == last.through_sequence:
        return last.last_day is None
    return publication.through_sequence < last.through_sequence


def not_phased(delivery: str) -> TerminalError:
    """Return what to say where a phase, or an approval, is asked of a delivery that has none."""
    return TerminalError(
        "phase.not_phased",
        f"{delivery} has no sample, no history and no approval: its receiver answers file by file",
        "deliver it with `nightwatt deliver`",
    )


def _first_day(standard: Standard, last_day: date, business_date: date) -> date:
    """Return where a history begins: whole months for intervals, so never less than the partner asks for."""
    if standard == "billing":
        return date(business_date.year - 1, 1, 1)
    months = last_day.year * 12 + last_day.month - 1 - INTERVAL_MONTHS
    return date(months // 12, months % 12 + 1, 1)


def _check_cut(last_day: date | None, first_day: date, business_date: date) -> None:
    if last_day is not None and not first_day <= last_day <= business_date:
        raise TerminalError(
            "phase.last_day",
            f"the last day {last_day} is not between {first_day}, where the history begins, and {business_date}",
            "give a day in between, or none",
        )


def _refuse_cut(phase: Phase) -> None:
    if phase.last_day is not None:
        raise TerminalError(
            "phase.last_day",
            "an incremental has no last day: it takes everything the partner does not have",
            "leave it out; a sample or a full history can be cut",
        )
