"""Waiting for a feed's files in the triggerer.

Belongs here: asking again and again, off the event loop, until the files are there or time is up. Does not
belong here: when a file is whole (`nightwatt.arrival`) and what to do once it is (the sensor).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import date, datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from nightwatt.calendar import utc_now
from nightwatt.errors import TerminalError, TransientError


def look_for(feed: str, business_date: date, started_by: str) -> dict[str, Any]:
    """Take in what has arrived of a feed and say whether it is all there.

    The answer is the same whoever asks and however often: receipts are made once per content.
    """
    from nightwatt.stages import Platform, expectation

    with Platform.open(started_by=started_by) as platform:
        return expectation(platform, feed, business_date).to_dict()


def give_up_time(deadline: datetime, answer: Mapping[str, Any]) -> datetime:
    """Return when waiting ends: a person who released the feed may have moved it."""
    released = answer["wait_until"]
    return max(deadline, datetime.fromisoformat(released)) if released else deadline


def end_of_waiting(answer: Mapping[str, Any], seconds_left: float) -> str:
    """Return how waiting ends with this answer: skipped, arrived or timed out; nothing while it goes on."""
    if answer["is_skipped"]:
        return "skipped"
    if answer["is_ready"]:
        return "arrived"
    return "" if seconds_left > 0 else "timed_out"


class FeedArrivedTrigger(BaseTrigger):
    """Fires once: when the files are there, when they cannot be taken in, when nobody waits any more, when time is up.

    The end of waiting is an instant, so a triggerer that restarts does not begin to wait anew. A person may move it
    meanwhile (a release, and taking it back): each look brings the decision along.
    """

    def __init__(self, feed: str, business_date: str, poll_seconds: float, give_up_at: str, started_by: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.feed = feed
        self.business_date = business_date
        self.poll_seconds = poll_seconds
        self.give_up_at = give_up_at
        self.started_by = started_by

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what is needed to make it again in the triggerer."""
        kwargs = {
            name: getattr(self, name) for name in ("feed", "business_date", "poll_seconds", "give_up_at", "started_by")
        }
        return f"{type(self).__module__}.{type(self).__qualname__}", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look, wait, look again."""
        day, give_up_at = date.fromisoformat(self.business_date), datetime.fromisoformat(self.give_up_at)
        released_until = give_up_at
        while True:
            try:
                answer = await asyncio.to_thread(look_for, self.feed, day, self.started_by)
            except TerminalError as e:
                yield TriggerEvent({"status": "refused", "code": e.code, "message": e.message, "remedy": e.remedy})
                return
            except TransientError as e:
                left = (released_until - utc_now()).total_seconds()
                status = "" if left > 0 else "timed_out"
                answer = {"reason": str(e)}
            else:
                released_until = give_up_time(give_up_at, answer)
                left = (released_until - utc_now()).total_seconds()
                status = end_of_waiting(answer, left)
            if status:
                yield TriggerEvent({"status": status, **answer})
                return
            await asyncio.sleep(min(self.poll_seconds, left))
