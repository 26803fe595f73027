"""Arriving: look into the inbound folder, take in what is whole, say what is still missing.

Belongs here: calling arrival with the catalog's other feeds in view, and recording the run when something
came. Does not belong here: judging files (arrival) and deadlines (alerting).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from nightwatt import arrival
from nightwatt.arrival.transport import SOURCE_TROUBLE
from nightwatt.contracts.feed import Feed
from nightwatt.errors import TransientError
from nightwatt.ledger import looks
from nightwatt.ledger.models import NightChoice
from nightwatt.stages.deciding import Decided, standing_decision
from nightwatt.stages.fetching import out_of_reach, pull_rows, reach
from nightwatt.stages.platform import Platform


@dataclass(frozen=True)
class Arrivals:
    """What one look found, in names and reasons."""

    feed: str
    new: tuple[str, ...]
    held: tuple[tuple[str, str], ...]
    known: tuple[str, ...]
    waiting: tuple[tuple[str, str], ...]
    refused: tuple[tuple[str, str], ...]
    unknown: tuple[tuple[str, str], ...]
    not_moved: tuple[tuple[str, str], ...] = ()  # received, and not put where received files belong
    trouble: str | None = None  # why the feed's source could not be read, where it has one

    def lines(self) -> Iterator[str]:
        """Yield what an operator wants to read, one line a file."""
        yield from (f"received  {name}" for name in self.new)
        yield from (f"on hold   {name}: {why}" for name, why in self.held)
        yield from (f"known     {name}" for name in self.known)
        yield from (f"waiting   {name}: {why}" for name, why in self.waiting)
        yield from (f"refused   {name}: {why}" for name, why in self.refused)
        yield from (f"unknown   {name}: {why}" for name, why in self.unknown)
        yield from (f"not moved {name}: {why}" for name, why in self.not_moved)
        if self.trouble:
            yield f"no answer {self.trouble}"


@dataclass(frozen=True)
class Expected:
    """How far a feed is for a night; what the arrival sensor asks for."""

    feed: str
    is_ready: bool
    reason: str
    arrived: int
    expected_at_least: int
    is_expected: bool = True  # whether the feed's schedule has files come on this date at all
    choice: str | None = None  # what a person decided about this night: release, skip or accept
    wait_until: datetime | None = None  # of a release: how long the night waits for it

    @property
    def is_skipped(self) -> bool:
        """Whether the night goes on without the feed."""
        return self.choice == NightChoice.SKIP

    def to_dict(self) -> dict[str, Any]:
        """Return counts and the reason, as plain values."""
        wait_until = self.wait_until.isoformat() if self.wait_until else None
        return asdict(self) | {"wait_until": wait_until, "is_skipped": self.is_skipped}


def arrive(platform: Platform, feed_name: str, business_date: date | None = None, *, wait: bool = False) -> Arrivals:
    """Take in every whole file of a feed. Does nothing for files already received.

    Args:
        platform: the home.
        feed_name: the feed.
        business_date: only files of this night; all otherwise.
        wait: where a rule needs two looks, wait in between instead of leaving the second to the next call.
    """
    feed = platform.catalog.feed(feed_name)
    trouble = pull_rows(platform, feed, business_date or platform.business_date())
    try:
        with reach(platform, feed) as transport:
            found = arrival.arrive(
                feed,
                platform.settings,
                platform.ledger,
                business_date=business_date,
                look_again=time.sleep if wait else None,
                neighbours=_neighbours(platform, feed),
                transport=transport,
            )
    except SOURCE_TROUBLE as e:
        found, trouble = arrival.Arrived(), str(e)
    return _summary(feed, found, trouble)


def receive(platform: Platform, feed_name: str, files: Sequence[Path], business_date: date | None = None) -> Arrivals:
    """Take in files that an operator names, wherever they lie; the operator vouches that they are whole."""
    feed = platform.catalog.feed(feed_name)
    found = arrival.receive(files, feed, platform.settings, platform.ledger, business_date=business_date)
    return _summary(feed, found)


def expectation(platform: Platform, feed_name: str, business_date: date) -> Expected:
    """Take in what has come, of this night or late of another, and say whether this night is all there.

    A person's decision about the night is heard on every look, so that it reaches a sensor that waits already, and
    also while the source does not answer. Nothing is looked for once the night goes on without the feed.
    """
    feed = platform.catalog.feed(feed_name)
    decided = standing_decision(platform, feed_name, business_date)
    if decided and decided.choice is NightChoice.SKIP:
        return _by_decision(decided, Expected(feed_name, False, "not looked for", 0, 0))
    try:
        unknown, seen = _take_in(platform, feed, business_date)
    except (TransientError, *SOURCE_TROUBLE) as e:
        if e.code == "arrival.busy":  # whoever is at it notes what is there
            return _by_decision(decided, _by_receipts(platform, feed, business_date, str(e)))
        unknown = _strangers_seen(platform, feed_name, business_date)
        seen = _by_receipts(platform, feed, business_date, str(e))
    looks.note(
        platform.ledger,
        feed_name,
        business_date,
        looks.Seen(seen.is_ready, seen.arrived, seen.expected_at_least, seen.reason, unknown, platform.started_by),
    )
    return _by_decision(decided, seen)


def _take_in(platform: Platform, feed: Feed, business_date: date) -> tuple[Sequence[tuple[str, str]], Expected]:
    """Take in what is whole; return the files that nobody knows, and how far the night is."""
    neighbours = _neighbours(platform, feed)
    trouble = pull_rows(platform, feed, business_date)
    with reach(platform, feed) as transport:
        found = arrival.arrive(feed, platform.settings, platform.ledger, neighbours=neighbours, transport=transport)
        state = arrival.expected(
            feed, business_date, platform.ledger, platform.settings, neighbours=neighbours, transport=transport
        )
    if trouble:
        state = replace(state, reason=f"{state.reason}; {trouble}")
    return found.unknown, _by_schedule(platform, feed, business_date, state)


def _strangers_seen(platform: Platform, feed_name: str, business_date: date) -> Sequence[tuple[str, str]]:
    """Return the files nobody knows that the last look saw: that nobody can look now does not make them go away."""
    with platform.ledger.read() as session:
        look = looks.of_night(session, business_date).get(feed_name)
    return [(name, why) for name, why in look.unknown] if look else []


def _by_receipts(platform: Platform, feed: Feed, business_date: date, trouble: str) -> Expected:
    """Say how far a night is by what was received and kept before, where nobody can look now."""
    state = arrival.expected(
        feed, business_date, platform.ledger, platform.settings, transport=out_of_reach(platform, feed)
    )
    return _by_schedule(platform, feed, business_date, replace(state, reason=f"{state.reason}; {trouble}"))


def _by_schedule(platform: Platform, feed: Feed, business_date: date, state: arrival.Expectation) -> Expected:
    """Hold what is there against the feed's schedule: on a day without files nothing is waited for."""
    arrived = len(state.arrived)
    word = feed.schedule.word_on(business_date, platform.catalog.holidays)
    if not word.is_expected:
        reason = f"{word.why}; {arrived} received"
        return Expected(feed.feed, True, reason, arrived, 0, is_expected=False)
    return Expected(feed.feed, state.is_ready, _with_what_waits(state), arrived, arrived + state.missing)


def _with_what_waits(state: arrival.Expectation) -> str:
    """Say of a night that is not whole also what lies there already, and why it does not count: who is called asks."""
    if state.is_ready or not state.waiting:
        return state.reason
    name, why = state.waiting[0]
    more = f" (and {len(state.waiting) - 1} more)" if len(state.waiting) > 1 else ""
    return f"{state.reason}; {name}{more}: {why}"


def _by_decision(decided: Decided | None, seen: Expected) -> Expected:
    """Hold what was seen against what a person decided; accepted is what is there, skipped is waited for no more."""
    if decided is None:
        return seen
    reason = f"{decided.choice.value} by {decided.by}: {decided.reason}; {seen.reason}"
    is_ready = seen.is_ready or decided.choice is NightChoice.ACCEPT
    return replace(seen, is_ready=is_ready, reason=reason, choice=decided.choice.value, wait_until=decided.until)


def _neighbours(platform: Platform, feed: Feed) -> list[Feed]:
    return [f for name, f in platform.catalog.feeds.items() if name != feed.feed]


def _summary(feed: Feed, found: arrival.Arrived, trouble: str | None = None) -> Arrivals:
    return Arrivals(
        feed=feed.feed,
        new=tuple(r.file_name for r in found.new if not r.message),
        held=tuple((r.file_name, r.message) for r in found.new if r.message),
        known=tuple(found.known),
        waiting=tuple(found.waiting),
        refused=tuple((name, str(error)) for name, error in found.refused),
        unknown=tuple(found.unknown),
        not_moved=tuple((name, str(error)) for name, error in found.not_moved),
        trouble=trouble,
    )
