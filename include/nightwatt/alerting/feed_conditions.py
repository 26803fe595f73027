"""What can be wrong with a feed's night: late, missing, on hold, incomplete; behind, where it comes all day.

Belongs here: pure judgements about what came in. Does not belong here: steps and promises (`progress_conditions.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nightwatt.alerting.night import (
    Known,
    Night,
    affected,
    choice,
    good_files,
    held_files,
    is_there,
    is_waived,
    least_files,
    listed,
    told,
    wall,
)
from nightwatt.alerting.plan import ExpectedFeed
from nightwatt.ledger.alerts import Condition
from nightwatt.ledger.models import Check, NightChoice, Receipt, ReceiptState, Severity

NIGHT = "night"
"""The cause of everything while nothing runs."""

INCOMPLETE = ("feed", "file")
"""What the codes of the checks begin with that say a night is not whole."""

_REJECTS = "file.rejects_over_tolerance"
_HOLDS = {"feed.rejects_over_tolerance": ("rejects", "rejects"), "feed.unreadable": ("unreadable", "file_on_hold")}
"""Topic and runbook page of files on hold."""


def system_cause(feed: ExpectedFeed) -> str:
    """Name what is behind a feed that does not come: its system."""
    return f"system:{feed.system}"


def feed_cause(feed: str) -> str:
    """Name what is behind a feed that came and is not good: itself."""
    return f"feed:{feed}"


def of_feeds(night: Night, known: Known, now: datetime, idle: frozenset[str]) -> Iterator[Condition]:
    """Yield what is wrong with the feeds of a night.

    Args:
        night: the night.
        known: what is the same for all nights.
        now: the clock.
        idle: domains of which nothing runs; what does not come of their feeds has that cause.
    """
    for feed in night.plan.feeds:
        if is_waived(night.book, feed.feed):
            continue
        cause = NIGHT if feed.domain in idle else system_cause(feed)
        yield from _on_hold(night, known, feed)
        yield from _arrival(night, known, feed, now, cause)
        yield from _incomplete(night, feed)


# --- not there -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Lack:
    """How a feed stands that is not all there."""

    code: str
    severity: Severity
    due: datetime


def _arrival(night: Night, known: Known, feed: ExpectedFeed, now: datetime, cause: str) -> Iterator[Condition]:
    lack = _lack(night, feed, now)
    if lack is None:
        return
    day, name = night.day, feed.feed
    owner = known.catalog.feeds[name].owner
    yield Condition(
        topic="arrival",
        code=lack.code,
        subject=name,
        business_date=day,
        cause=cause,
        severity=lack.severity,
        message=f"{feed.title}: not all there, due by {wall(lack.due, known.zone, day)}. {_seen(night, known, feed)}",
        remedy="start the night first; then see whether it is there"
        if cause == NIGHT
        else f"ask {owner} for it. It comes later: `nightwatt feeds release {name} --date {day} --until HH:MM "
        f"--reason ...`; it will not come: `nightwatt feeds skip {name} --date {day} --reason ...`",
        runbook="feed_missing",
        domain=feed.domain,
        evidence=_counts(night, feed) | {"due": lack.due.isoformat(), "affects": affected(night, known, feed.domain)},
    )


def _lack(night: Night, feed: ExpectedFeed, now: datetime) -> _Lack | None:
    """Judge a feed that should be there by the wall clock: nothing, late, or missing."""
    if not feed.is_expected or feed.every is not None:
        return None
    book = night.book
    good, held = len(good_files(book, feed.feed)), len(held_files(book, feed.feed))
    behind = [r for r in feed.rounds if now >= r.by and good < r.files]
    if is_there(feed, book) and not behind:
        return None
    if held and good + held >= max([least_files(feed, book), *(r.files for r in behind)]):
        return None  # it came, and is on hold: that is said by itself
    decision = choice(book, feed.feed)
    released = decision.until if decision and decision.choice == NightChoice.RELEASE else None
    deadline = max(feed.deadline, released) if released else feed.deadline
    if now >= deadline:
        return _Lack("feed.missing", Severity.CRITICAL, deadline)
    if now >= feed.late_at or behind:
        due = behind[0].by if behind and now < feed.late_at else feed.late_at
        return _Lack("feed.late", Severity.WARNING, released or due)
    return None


def _seen(night: Night, known: Known, feed: ExpectedFeed) -> str:
    """Say what was seen of it."""
    look = night.book.looks.get(feed.feed)
    if look is None:
        came = len(good_files(night.book, feed.feed))
        return f"{came} file(s) received; nobody has looked for more" if came else "Nobody has looked for it"
    strangers = strangers_in(night, known, _folder(known, feed.feed))
    found = f"; {listed(strangers)} in its folder fits no feed: named wrongly?" if strangers else ""
    return f"Seen: {look.reason}{found}"


def strangers_in(night: Night, known: Known, folder: str | None) -> list[str]:
    """Return the names in a folder that fit no feed, by the newest look into it."""
    looks = [look for name, look in night.book.looks.items() if _folder(known, name) == folder]
    newest = max(looks, key=lambda look: look.at, default=None)
    return [str(name) for name, *_ in newest.unknown] if newest else []


def _folder(known: Known, feed: str) -> str | None:
    contract = known.catalog.feeds.get(feed)
    return contract.arrival.place if contract else None


def _counts(night: Night, feed: ExpectedFeed) -> dict[str, Any]:
    good = len(good_files(night.book, feed.feed))
    return {"files": good, "expected": max(1, least_files(feed, night.book), *(r.files for r in feed.rounds))}


# --- on hold -------------------------------------------------------------------------------------------


def _on_hold(night: Night, known: Known, feed: ExpectedFeed) -> Iterator[Condition]:
    held = held_files(night.book, feed.feed)
    rejects = [r for r in held if told(r.message).code == _REJECTS]
    unreadable = [r for r in held if r not in rejects]
    if rejects:
        yield _hold(night, known, feed, rejects, "feed.rejects_over_tolerance")
    if unreadable:
        yield _hold(night, known, feed, unreadable, "feed.unreadable")


def _hold(night: Night, known: Known, feed: ExpectedFeed, held: Sequence[Receipt], code: str) -> Condition:
    topic, runbook = _HOLDS[code]
    first = told(held[0].message)
    more = f" ({len(held)} files on hold)" if len(held) > 1 else ""
    return Condition(
        topic=topic,
        code=code,
        subject=feed.feed,
        business_date=night.day,
        cause=feed_cause(feed.feed),
        severity=Severity.CRITICAL,
        message=f"{feed.title}: on hold, {first.message or held[0].file_name}{more}",
        remedy=f"{first.remedy or 'ask the sender for a good file'}; to go on without: "
        f"`nightwatt feeds accept {feed.feed} --date {night.day} --reason ...`",
        runbook=runbook,
        domain=feed.domain,
        evidence={
            "receipts": [r.id for r in held],
            "codes": sorted({told(r.message).code for r in held}),
            "affects": affected(night, known, feed.domain),
        },
    )


# --- not whole -----------------------------------------------------------------------------------------


def _incomplete(night: Night, feed: ExpectedFeed) -> Iterator[Condition]:
    if not any(r.state == ReceiptState.LOADED for r in night.book.receipts.get(feed.feed, ())):
        return  # nothing of it is loaded: it is late or on hold, and that is said by itself
    failed = [c for c in night.book.failed if c.subject == feed.feed and c.code.partition(".")[0] in INCOMPLETE]
    if held_files(night.book, feed.feed):  # that not all files are loaded is said by the hold
        failed = [c for c in failed if c.code != "feed.file_count"]
    if failed:
        worst = Severity.CRITICAL if any(map(_is_absurd, failed)) else Severity.WARNING
        yield Condition(
            topic="completeness",
            code="feed.incomplete",
            subject=feed.feed,
            business_date=night.day,
            cause=feed_cause(feed.feed),
            severity=worst,
            message="; ".join(c.message for c in failed),
            remedy="ask the sender whether this is all. It is: `nightwatt feeds accept "
            f"{feed.feed} --date {night.day} --reason ...`; it is not: a corrected file replaces this one",
            runbook="incomplete_night",
            domain=feed.domain,
            evidence={"codes": [c.code for c in failed], "checks": {c.code: dict(c.evidence) for c in failed}},
        )


def _is_absurd(check: Check) -> bool:
    """Whether a night is empty, or holds far too much: doubled files have been sent before."""
    evidence: Mapping[str, Any] = check.evidence
    return evidence.get("rows") == 0 or "above" in check.code


# --- all day -------------------------------------------------------------------------------------------


def of_feeds_all_day(night: Night, known: Known, now: datetime) -> Iterator[Condition]:
    """Yield the feeds in near real time of which nothing new has been heard for too long."""
    for feed in night.plan.feeds:
        news = known.house.fresh.get(feed.feed)
        if feed.alert_after is None or not feed.is_expected or news is None or now < news + feed.alert_after:
            continue
        minutes = int(feed.alert_after.total_seconds() // 60)
        yield Condition(
            topic="lag",
            code="feed.lagging",
            subject=feed.feed,
            business_date=None,
            cause=system_cause(feed),
            severity=Severity.WARNING,
            message=f"{feed.title}: nothing new since {wall(news, known.zone, night.day)}; "
            f"somebody should know after {minutes} minutes",
            remedy=f"see in Airflow whether its DAG runs, and ask whether {feed.system} answers",
            runbook="feed_missing",
            domain=feed.domain,
            evidence={"newest": news.isoformat(), "alert_after_min": minutes},
        )
