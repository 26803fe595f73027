"""The first line of the board: the verdict on the night in words.

Belongs here: choosing what to say first and saying it plainly. Does not belong here: the judgement of anything by
itself (verdicts, alerts, feeds come judged).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from nightwatt.stages.board_feeds import FeedLine, Tone
from nightwatt.stages.board_words import clock_time, counted, listed, sentence

if TYPE_CHECKING:
    from nightwatt.stages.board import AlertLine, OwedLine


SHORT = 80
"""So many characters of an alert stand in the first line; of a longer one only what comes before its colon."""


@dataclass(frozen=True)
class Headline:
    """The verdict on the night."""

    tone: Tone
    text: str  # one sentence
    more: str  # what else there is, a sentence or nothing


def headline(
    owed: Sequence[OwedLine],
    alerts: Sequence[AlertLine],
    feeds: Sequence[FeedLine],
    zone: ZoneInfo,
    *,
    is_over: bool = False,
) -> Headline:
    """Say the worst that is certain first: missed, at risk, an open alert, a feed in trouble; then that all is well."""
    missed = [o for o in owed if o.state == "missed"]
    risky = [o for o in owed if o.state == "at risk"]
    if missed:
        return _of_promises(missed, risky, zone, "missed", Tone.BAD)
    if risky:
        return _of_promises(risky, [], zone, "will miss", Tone.WARN)
    if any(a.tone is Tone.BAD for a in alerts):
        return _of_alerts(alerts)
    trouble = [f for f in feeds if f.is_trouble]
    if trouble and not is_over:
        return _of_feeds(trouble, owed, zone)
    if alerts:
        return _of_alerts(alerts)
    return _all_well(owed, zone, is_over=is_over)


def nothing_yet() -> Headline:
    """Say that a night lies before anything ever happened here."""
    return Headline(Tone.WAIT, "Nothing has happened here yet", "The first file or step of a night begins the record.")


def _of_promises(
    broken: Sequence[OwedLine],
    risky: Sequence[OwedLine],
    zone: ZoneInfo,
    verb: str,
    tone: Tone,
) -> Headline:
    first = broken[0]
    others = [name_of(o) for o in (*broken[1:], *risky)]
    more = f"So will {listed(others)}" if verb == "will miss" else f"Also missed or at risk: {listed(others)}"
    why = f": {first.hindrance}" if first.hindrance else ""
    return Headline(
        tone,
        f"{name_of(first)} {verb} {clock_time(first.deadline, zone)}{why}",
        sentence(more) if others else "",
    )


def _of_alerts(alerts: Sequence[AlertLine]) -> Headline:
    worst = min(alerts, key=lambda a: (a.tone, a.opened_at))
    others = len(alerts) - 1
    more = f"{counted(others, 'other alert')} {'is' if others == 1 else 'are'} open." if others else ""
    text, _, rest = worst.message.partition(": ")
    if len(worst.message) <= SHORT or not rest:
        return Headline(worst.tone, sentence(worst.message).removesuffix("."), more)
    return Headline(worst.tone, sentence(text).removesuffix("."), f"{sentence(rest)} {more}".strip())


def _of_feeds(trouble: Sequence[FeedLine], owed: Sequence[OwedLine], zone: ZoneInfo) -> Headline:
    first = trouble[0]
    names = [f.feed for f in trouble if f.state == first.state]
    is_one = len(names) == 1
    pending = [o for o in owed if o.domain == first.domain and o.done_at is None]
    more = f"{name_of(pending[0])} is due at {clock_time(pending[0].deadline, zone)}." if pending else ""
    return Headline(first.tone, f"{listed(names)} {'is' if is_one else 'are'} {first.state}", more)


def _all_well(owed: Sequence[OwedLine], zone: ZoneInfo, *, is_over: bool) -> Headline:
    left = [o for o in owed if o.done_at is None]
    if not left:
        text = "All was done in time" if is_over else "All is done: everything is published and delivered"
        late = [name_of(o) for o in owed if o.state == "done late"]
        return Headline(Tone.GOOD, text if not late else f"All is done; {listed(late)} late", "")
    if len(left) == len(owed):
        text = "All is well; nothing is due yet"
    else:
        text = f"All is well; {counted(len(owed) - len(left), 'promise')} of {len(owed)} kept"
    first = left[0]
    return Headline(Tone.GOOD, text, f"Next: {name_of(first)} by {clock_time(first.deadline, zone)}.")


def name_of(owed: OwedLine) -> str:
    """Return what it is called in a sentence."""
    return owed.subject.capitalize() if owed.kind == "publication" else owed.title
