"""What of a service point's periods can be said to the partner, by the two forms of correction it knows.

Belongs here: the rules about one service point's periods, as pure functions. Does not belong here: which service points
need them (most do not), amounts, and rows of files (`billing_writer`).

The partner takes a period again with other amounts, and a longer period that begins where one on record begins and ends
after all of them; then those inside it are gone. What cannot be said so is held: a wrong period would stand for ever.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, order=True)
class Period:
    """The days from a first one up to, not including, a boundary; ordered by their boundary."""

    boundary: date
    start: date

    @property
    def days(self) -> int:
        """How many."""
        return (self.boundary - self.start).days

    def overlaps(self, other: Period) -> bool:
        """Whether they have a day in common."""
        return self.start < other.boundary and other.start < self.boundary


@dataclass(frozen=True)
class Settled:
    """What is to be said of a service point's periods."""

    said: tuple[Period, ...]  # those that stand, and can be said, oldest first
    taken_back: tuple[Period, ...]  # on record, and stand no more: to be said again as nothing
    held: tuple[Period, ...]  # what cannot be said, both of what stands and of what stands no more


def settle(on_record: Iterable[Period], standing: Iterable[Period], gone: Iterable[Period]) -> Settled:
    """Decide what to send of one service point so that the partner comes as near to the truth as it lets anyone.

    Args:
        on_record: what the partner has.
        standing: periods to be said, which stand.
        gone: periods that stand no more; those not on record need no word.
    """
    record = set(on_record)
    said: list[Period] = []
    held: list[Period] = []
    wanted = sorted(set(standing))
    for period in wanted:
        if _is_legal(record, period):
            _put(record, period)
            said.append(period)
        else:
            held.append(period)
    left = sorted(record & set(gone) - set(wanted))
    # Nothing instead of a period whose days another one bills in truth would be further off than what is on record.
    unsaid = [period for period in left if any(period.overlaps(other) for other in wanted)]
    return Settled(
        tuple(said), tuple(period for period in left if period not in unsaid), tuple(sorted([*held, *unsaid]))
    )


def _is_legal(record: set[Period], period: Period) -> bool:
    if not record or period in record:
        return True
    newest = max(record)
    if period.start >= newest.boundary or not any(period.overlaps(other) for other in record):
        return True
    return (
        period.boundary > newest.boundary
        and period.days > newest.days
        and any(period.start == other.start for other in record)
    )


def _put(record: set[Period], period: Period) -> None:
    """Do what the partner does: what lies inside a period is gone."""
    record -= {other for other in record if other.start >= period.start and other.boundary <= period.boundary}
    record.add(period)
