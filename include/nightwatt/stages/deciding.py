"""Deciding: a person's word on one feed and one night, where the contract's own word is not enough.

Belongs here: which decisions make sense, entering them, taking them back. Does not belong here: acting on them
(arriving and loading ask for the one that stands).

Release: the feed may come late, the night waits for it until a time later than its deadline. Skip: the night goes on
without it. Accept: the night goes on with what is there; files on hold are left out, and nothing is closed on its word.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from nightwatt.calendar import business_date as date_of
from nightwatt.calendar import wall_instant
from nightwatt.errors import TerminalError
from nightwatt.ledger import decisions
from nightwatt.ledger.models import NightChoice, NightDecision
from nightwatt.stages.platform import Platform

EFFECT = {
    NightChoice.RELEASE: "the night waits for it longer",
    NightChoice.SKIP: "the night goes on without it",
    NightChoice.ACCEPT: "the night goes on with what is there; nothing is closed on its word",
}


@dataclass(frozen=True)
class Decided:
    """A decision about one feed and one night, and who answers for it."""

    id: int
    feed: str
    business_date: date
    choice: NightChoice
    until: datetime | None
    reason: str
    by: str
    at: datetime

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self) | {
            "business_date": self.business_date.isoformat(),
            "choice": self.choice.value,
            "until": self.until.isoformat() if self.until else None,
            "at": self.at.isoformat(),
        }


def decide(
    platform: Platform,
    feed: str,
    business_date: date,
    choice: NightChoice,
    by: str,
    reason: str,
    *,
    until: datetime | None = None,
) -> Decided:
    """Enter a decision; it stands at once, also for a sensor that waits already.

    Args:
        platform: the home.
        feed: the feed.
        business_date: the night.
        choice: release, skip or accept.
        by: who decides.
        reason: why; it goes into the ledger beside the name.
        until: of a release: how long the night waits.

    Raises:
        TerminalError: `catalog.unknown_feed`, `decision.no_reason`, `decision.no_name`, `decision.until_needed`,
            `decision.until_not_asked`, `decision.until_too_early`, `decision.until_too_late`.
    """
    choice = NightChoice(choice)
    _check_words(by, reason)
    _check_until(platform, feed, business_date, choice, until)
    row = NightDecision(
        feed=platform.catalog.feed(feed).feed,
        business_date=business_date,
        choice=choice,
        until=until,
        reason=reason.strip(),
        decided_by=by.strip(),
        decided_at=platform.clock(),
    )
    with platform.ledger.write() as session:
        return _decided(decisions.add(session, row))


def revoke(platform: Platform, feed: str, business_date: date, by: str) -> Decided:
    """Take the standing decision back; the one before it stands again, or the contract's own word.

    Raises:
        TerminalError: `decision.none`, `decision.no_name`.
    """
    _check_words(by, "taken back")
    with platform.ledger.write() as session:
        row = decisions.standing(session, feed, business_date)
        if row is None:
            raise TerminalError(
                "decision.none",
                f"nobody has decided anything about {feed} and {business_date}, or it was taken back",
                f"see `nightwatt feeds decisions --date {business_date}`",
            )
        decisions.take_back(session, row, by.strip(), platform.clock())
        return _decided(row)


def standing_decision(platform: Platform, feed: str, business_date: date) -> Decided | None:
    """Return what stands for a feed and a night, if anybody has decided."""
    with platform.ledger.read() as session:
        row = decisions.standing(session, feed, business_date)
    return _decided(row) if row else None


def _decided(row: NightDecision) -> Decided:
    return Decided(
        id=row.id,
        feed=row.feed,
        business_date=row.business_date,
        choice=NightChoice(row.choice),
        until=row.until,
        reason=row.reason,
        by=row.decided_by,
        at=row.decided_at,
    )


def _check_words(by: str, reason: str) -> None:
    if not reason.strip():
        raise TerminalError(
            "decision.no_reason", "a decision needs a reason: others read it in the morning", "say why, with --reason"
        )
    if not by.strip():
        raise TerminalError("decision.no_name", "a decision needs the name of who takes it", "say who, with --by")


def _check_until(
    platform: Platform, feed: str, business_date: date, choice: NightChoice, until: datetime | None
) -> None:
    """A release must make the night wait longer than it would, and not into the next one."""
    if choice is not NightChoice.RELEASE:
        if until is not None:
            raise TerminalError(
                "decision.until_not_asked", f"{choice.value} takes no time: {EFFECT[choice]}", "leave --until out"
            )
        return
    zone = platform.settings.tz
    deadline = wall_instant(business_date, platform.catalog.feed(feed).deadlines.deadline, zone)
    if until is None:
        raise TerminalError(
            "decision.until_needed", "a release says how long the night waits", "give a time, such as --until 08:30"
        )
    if until <= max(deadline, platform.clock()):
        told = f"{until.astimezone(zone):%Y-%m-%d %H:%M}"
        why = "that time has passed" if until > deadline else f"the night waits until {deadline.astimezone(zone):%H:%M}"
        raise TerminalError(
            "decision.until_too_early", f"a release until {told} changes nothing: {why}", "say a later time"
        )
    if date_of(until, zone) > business_date:
        raise TerminalError(
            "decision.until_too_late",
            f"a release cannot keep the night of {business_date} waiting into the next day",
            "say a time of that day; a file that comes later is taken in by the night it comes in",
        )
