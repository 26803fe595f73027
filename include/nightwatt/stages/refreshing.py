"""Near real time: between two nights, what a few feeds bring every few minutes is let through to readers.

Belongs here: one sweep over such feeds, and when a domain may be refreshed at all. Does not belong here: pulling and
loading a feed, building and publishing, which are the night's own (`arriving`, `loading`, `building`).

A refresh is published as of the date that stands, so it never passes for tonight's publication. It stands aside while
the night is between its build and its publication, and after readers were taken back by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from nightwatt import warehouse
from nightwatt.contracts.feed import Feed
from nightwatt.ledger import publications, receipts, runs
from nightwatt.ledger.models import Publication, RunState
from nightwatt.stages.arriving import expectation
from nightwatt.stages.building import alone, publish_built, refresh_inputs
from nightwatt.stages.loading import load
from nightwatt.stages.platform import Platform
from nightwatt.warehouse import versions


@dataclass(frozen=True)
class Taken:
    """What a sweep took in of one feed."""

    feed: str
    files: int
    rows: int
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return counts and the reason."""
        return asdict(self)


@dataclass(frozen=True)
class Refreshed:
    """What a sweep let readers see of one domain."""

    domain: str
    is_new: bool
    reason: str
    sequence: int | None = None
    as_of: date | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return numbers and the reason."""
        return asdict(self) | {"as_of": self.as_of.isoformat() if self.as_of else None}


@dataclass(frozen=True)
class SweepSummary:
    """What one sweep did."""

    taken: tuple[Taken, ...]
    refreshed: tuple[Refreshed, ...]

    def lines(self) -> Iterator[str]:
        """Yield what an operator wants to read."""
        yield from (f"{t.feed}: {t.files} file(s), {t.rows:,} rows; {t.reason}" for t in self.taken)
        yield from (f"{r.domain}: {r.reason}" for r in self.refreshed)


def live_feeds(feeds: Sequence[Feed]) -> list[Feed]:
    """Return the feeds that are taken in every few minutes."""
    return [feed for feed in feeds if feed.schedule.every_min is not None]


def sweep(platform: Platform) -> SweepSummary:
    """Take in what feeds in near real time brought, and refresh their domains. Does nothing where nothing came."""
    feeds = live_feeds(list(platform.catalog.feeds.values()))
    taken = [take_changes(platform, feed.feed) for feed in feeds]
    refreshed = [refresh(platform, domain) for domain in sorted({feed.domain for feed in feeds})]
    return SweepSummary(tuple(taken), tuple(refreshed))


def take_changes(platform: Platform, feed_name: str) -> Taken:
    """Take in and load what one feed brought since the last sweep.

    Raises:
        TerminalError: `load.held`, and what its source raises when a person has to look.
        TransientError: `load.busy`.
    """
    look = expectation(platform, feed_name, platform.business_date())
    with platform.ledger.read() as session:
        is_due = bool(receipts.due(session, feed_name))
    if not is_due:
        return Taken(feed_name, 0, 0, look.reason)
    done = load(platform, feed_name)
    return Taken(feed_name, done.receipts, done.rows_in, look.reason)


def refresh(platform: Platform, domain: str) -> Refreshed:
    """Let readers see what feeds in near real time brought, as of the date that stands. Runs twice without effect.

    Raises:
        TerminalError: of building and publishing; readers keep what they have.
        TransientError: `build.busy`, `warehouse.locked`.
    """
    with alone(platform, domain, "refresh"):
        standing, why_not = _standing(platform, domain)
        if standing is None:
            return Refreshed(domain, False, why_not)
        with platform.ledger.read() as session:
            before = runs.newest(session, "refresh", domain)
        inputs = refresh_inputs(platform, domain, standing)
        with platform.ledger.run("refresh", domain, standing.as_of, platform.started_by):
            built = warehouse.build(domain, inputs, platform.settings, platform.ledger)
            if built.is_skipped and (before is None or before.state == RunState.SUCCEEDED):
                return Refreshed(domain, False, built.reason, standing.sequence, standing.as_of)
            shown = publish_built(platform, domain, standing.as_of)
    reason = f"published {shown.sequence}" if shown.is_new else f"{built.reason}; {shown.sequence} stands"
    return Refreshed(domain, shown.is_new, f"{reason}, as of {shown.as_of}", shown.sequence, shown.as_of)


def _standing(platform: Platform, domain: str) -> tuple[Publication | None, str]:
    """Return the publication to refresh, or why there is none that may be."""
    version = versions.current_version(platform.settings)
    entry = version.publications.get(domain) if version else None
    if entry is None:
        return None, "not published yet; its first publication is the night's"
    with platform.ledger.read() as session:
        latest = publications.latest(session, domain)
        if latest and entry.sequence < latest.sequence:
            return None, f"readers were taken back to {entry.sequence}; the next publication of a night ends that"
        if runs.awaits_publication(session, domain):
            return None, "built and not published yet; that publication goes first"
        return publications.find(session, entry.sequence), "the ledger does not know what stands"
