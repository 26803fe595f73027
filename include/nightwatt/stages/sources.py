"""Sources elsewhere: how each stands, and asking one now, because a person wants to know or knows that it is back.

Belongs here: joining the catalog's sources with their entries in the ledger, and a visit that takes nothing in. Does
not belong here: visits that do (`fetching`, `arriving`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from nightwatt.arrival import breaker
from nightwatt.arrival.retries import Patience
from nightwatt.arrival.transport import SOURCE_TROUBLE, PlaceRefused
from nightwatt.contracts.feed import Feed
from nightwatt.contracts.sources import LocalSource, SftpSource
from nightwatt.errors import TerminalError
from nightwatt.ledger import breakers
from nightwatt.ledger.models import BreakerState
from nightwatt.stages.fetching import reach, rows_of
from nightwatt.stages.platform import Platform


@dataclass(frozen=True)
class Standing:
    """How a source stands."""

    source: str
    feeds: tuple[str, ...]
    state: BreakerState
    failures: int = 0  # visits in a row
    since: datetime | None = None  # left alone since
    retry_at: datetime | None = None
    error: str | None = None  # of the last failure


@dataclass(frozen=True)
class Asked:
    """What a source said about one feed."""

    feed: str
    is_well: bool
    words: str


def sources(platform: Platform) -> list[Standing]:
    """Return every source that feeds in use come from, by name."""
    with platform.ledger.read() as session:
        known = {row.source: row for row in breakers.all_of(session)}
    found = []
    for name, feeds in sorted(_by_source(platform).items()):
        names, row = tuple(feed.feed for feed in feeds), known.get(name)
        if row is None:
            found.append(Standing(name, names, BreakerState.CLOSED))
        else:
            state = BreakerState(row.state)
            found.append(Standing(name, names, state, row.failures, row.opened_at, row.retry_at, row.error))
    return found


def ask_source(platform: Platform, source: str) -> list[Asked]:
    """Ask a source now for each of its feeds, also if it is left alone, and take nothing in.

    What it answers counts: a source that answers is no longer left alone.

    Raises:
        TerminalError: `source.unknown`, `source.connection_settings`.
    """
    feeds = _by_source(platform).get(source)
    if not feeds:
        known = ", ".join(sorted(_by_source(platform))) or "none"
        raise TerminalError("source.unknown", f"no feed in use comes from {source}", f"sources in use: {known}")
    breakers.end_pause(platform.ledger, source)
    answers: list[Asked] = []
    for feed in feeds:
        try:
            answers.append(Asked(feed.feed, True, _words(platform, feed)))
        except PlaceRefused as e:
            answers.append(Asked(feed.feed, False, str(e)))
        except SOURCE_TROUBLE as e:  # it would not answer for the others either; one person's question counts once
            return answers + [Asked(each.feed, False, str(e)) for each in feeds[len(answers) :]]
    return answers


def _words(platform: Platform, feed: Feed) -> str:
    source = feed.arrival.source
    if isinstance(source, SftpSource):
        with reach(platform, feed) as transport:
            count = len(transport.listing()) if transport else 0
        return f"{source.place}: {count:,} names"
    once = Patience(lambda _seconds: None, ())
    with breaker.visit(platform.ledger, _name(feed), platform.settings) as going:
        rows = breaker.Watched(rows_of(platform, feed, once), going)
        with rows.read(None):
            return f"{_name(feed)} lets us read the rows of {feed.feed}"


def _by_source(platform: Platform) -> dict[str, Sequence[Feed]]:
    found: dict[str, list[Feed]] = {}
    for _, feed in sorted(platform.catalog.feeds.items()):
        if not isinstance(feed.arrival.source, LocalSource):
            found.setdefault(_name(feed), []).append(feed)
    return dict(found)


def _name(feed: Feed) -> str:
    source = feed.arrival.source
    assert not isinstance(source, LocalSource)  # noqa: S101  (the callers looked)
    return source.name
