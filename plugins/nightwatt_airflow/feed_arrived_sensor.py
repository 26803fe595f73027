"""Waiting for a feed's files without holding a worker.

Belongs here: the first look, handing over to the triggerer, and what the end of waiting means. Does not
belong here: when a file is whole (`nightwatt.arrival`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowSkipException

from nightwatt.calendar import utc_now, wall_instant
from nightwatt.contracts.catalog import load_catalog
from nightwatt.contracts.feed import Feed
from nightwatt.contracts.sources import LocalSource
from nightwatt.errors import TerminalError
from nightwatt.settings import Settings
from nightwatt_airflow.business_date import business_date_in
from nightwatt_airflow.feed_arrived_trigger import FeedArrivedTrigger, look_for
from nightwatt_airflow.run_of import started_by

if TYPE_CHECKING:
    from airflow.sdk import Context


class FeedArrivedSensor(BaseSensorOperator):
    """Succeeds once all files of a feed for the run's business date are there and whole.

    Waits until the feed's deadline, and at least `patience` (a rerun in the morning, a backfill) since
    some files are whole only when they held still over two looks. When time is up the task fails with
    the feed, the pattern and the folder; a feed whose contract says `on_failure: skip` is skipped.

    Does not wait on a day on which the feed's schedule has no files come. What a person decided about the night goes
    before the contract: released, it waits longer; skipped, it is skipped; accepted, it goes on with what is there.
    """

    template_fields = ("feed",)

    def __init__(
        self,
        *,
        feed: str,
        poke_interval: timedelta | float = timedelta(seconds=30),
        patience: timedelta = timedelta(minutes=5),
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, **kwargs)
        self.feed = feed
        self.patience = patience

    def execute(self, context: Context) -> dict[str, Any]:
        """Look once; wait in the triggerer if the files are not all there."""
        day = business_date_in(context)
        answer = look_for(self.feed, day, started_by(context))
        if answer["is_skipped"]:
            self._skip(answer["reason"])
        if not answer["is_ready"]:
            self._wait(context, day, answer["reason"])
        return self._arrived(answer)

    def _skip(self, reason: str) -> NoReturn:
        raise AirflowSkipException(f"{self.feed}: {reason}")

    def _wait(self, context: Context, day: date, reason: str) -> NoReturn:
        self.log.info("%s: %s; waiting", self.feed, reason)
        self.defer(
            trigger=FeedArrivedTrigger(
                feed=self.feed,
                business_date=day.isoformat(),
                poll_seconds=self.poke_interval,
                give_up_at=self._give_up_at(self._contract(), day).isoformat(),
                started_by=started_by(context),
            ),
            method_name="resume",
        )

    def resume(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Go on with what the trigger found."""
        if event["status"] == "arrived":
            return self._arrived(event)
        if event["status"] == "skipped":
            self._skip(event["reason"])
        if event["status"] == "refused":
            raise TerminalError(event["code"], event["message"], event["remedy"])
        feed = self._contract()
        source = feed.arrival.source
        place = Settings().inbound / feed.arrival.folder if isinstance(source, LocalSource) else source.place
        late = TerminalError(
            "arrival.missing",
            f"feed {feed.feed} is not complete for {business_date_in(context)}: {event['reason']}; looked for "
            f"{feed.arrival.pattern} in {place}",
            f"ask {feed.owner} for the files, then clear this task; files that come later are taken in then. To go on "
            f"without them: nightwatt feeds skip {feed.feed} --date {business_date_in(context)}, then clear this task",
        )
        if feed.on_failure == "skip":
            raise AirflowSkipException(str(late))
        raise late

    def _arrived(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        self.log.info("%s: %s", self.feed, answer["reason"])
        return {"feed": self.feed, "arrived": answer["arrived"], "expected_at_least": answer["expected_at_least"]}

    def _contract(self) -> Feed:
        settings = Settings()
        return load_catalog(settings.catalog, settings.systems).feed(self.feed)

    def _give_up_at(self, feed: Feed, day: date) -> datetime:
        deadline = wall_instant(day, feed.deadlines.deadline, Settings().tz)
        return max(deadline, utc_now() + self.patience)
