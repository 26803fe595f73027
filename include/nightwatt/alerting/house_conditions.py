"""What can be wrong whatever the night: a source is away, a service is silent, a channel does not get through.

Belongs here: pure judgements that are about no business date. Does not belong here: nights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from nightwatt.alerting.feed_conditions import NIGHT, strangers_in
from nightwatt.alerting.night import Known, Night, listed, told, wall
from nightwatt.contracts.feed import Feed
from nightwatt.contracts.sources import SftpSource
from nightwatt.ledger.alerts import Condition
from nightwatt.ledger.models import Breaker, Heartbeat, Severity

QUIET_AT_MOST = timedelta(minutes=5)
"""How long a service that comes back every minute or oftener may be silent; rarer ones three times their interval."""

WATCHDOG, AIRFLOW = "watchdog", "api_server"
OF_AIRFLOW = frozenset({"scheduler", "triggerer", "dag_processor"})
"""Services whose signs of life the watchdog reads off Airflow's health page."""

_DUTIES: Mapping[str, str] = {
    WATCHDOG: "nothing watches Airflow from outside any more",
    AIRFLOW: "Airflow's health page does not answer: its pages are away, and whether its services live is not known",
    "scheduler": "no run starts and no task goes on",
    "triggerer": "nobody looks for files that have not come, and deadlines are not told of",
    "dag_processor": "changed DAGs are not seen",
    "watch_night": "Airflow does not look after the night; is the DAG paused?",
}


def of_house(nights: Sequence[Night], known: Known, now: datetime) -> Iterator[Condition]:
    """Yield what is wrong whatever the night."""
    yield from _sources(known)
    yield from silent_services(known, now)
    yield from _channels(known)
    yield from _strangers(nights, known)


def silent_services(known: Known, now: datetime) -> Iterator[Condition]:
    """Yield the services that promised to come back and did not."""
    for name, heart in sorted(known.house.hearts.items()):
        if heart.every_s is None or not _is_silent(heart, now) or not _is_known(name, known, now):
            continue
        yield Condition(
            topic="service",
            code="service.silent",
            subject=name,
            business_date=None,
            cause=NIGHT,
            severity=Severity.CRITICAL,
            message=f"{name}: no sign of life since {wall(heart.at, known.zone, known.tonight)}; "
            f"{_DUTIES.get(name, 'it should run all the time')}",
            remedy=f"see whether the service {name} runs, and start it; its log says why it stopped",
            runbook="service_silent",
            evidence={"every_s": heart.every_s, "last": heart.at.isoformat()},
        )


def _is_silent(heart: Heartbeat, now: datetime) -> bool:
    return now > heart.at + max(QUIET_AT_MOST, 3 * timedelta(seconds=heart.every_s or 0))


def _is_known(name: str, known: Known, now: datetime) -> bool:
    """Whether somebody who would know says so: a dead messenger's last news are not a service's last sign of life."""
    messenger = {AIRFLOW: WATCHDOG} | dict.fromkeys(OF_AIRFLOW, AIRFLOW)
    if name not in messenger:
        return True
    heart = known.house.hearts.get(messenger[name])
    return heart is not None and not _is_silent(heart, now)


def _sources(known: Known) -> Iterator[Condition]:
    for breaker in known.house.breakers:
        feeds = _feeds_of(breaker, known)
        system = feeds[0].system if feeds else breaker.source
        error = told(breaker.error)
        again = f"; tried again at {wall(breaker.retry_at, known.zone, known.tonight)}" if breaker.retry_at else ""
        since = f" since {wall(breaker.opened_at, known.zone, known.tonight)}" if breaker.opened_at else ""
        yield Condition(
            topic="source",
            code="source.unreachable",
            subject=breaker.source,
            business_date=None,
            cause=f"system:{system}",
            severity=Severity.WARNING,
            message=f"{breaker.source} has been left alone{since} after {breaker.failures} failures in a row: "
            f"{error.message}{again}",
            remedy=error.remedy or f"ask {feeds[0].owner if feeds else 'its owner'} whether it is up",
            runbook="source_away",
            domain=feeds[0].domain if feeds else None,
            evidence={"code": error.code, "feeds": [f.feed for f in feeds]},
        )


def _feeds_of(breaker: Breaker, known: Known) -> list[Feed]:
    """Return the feeds that come from a source, which is named `<kind>:<connection>`."""
    return [
        feed
        for _, feed in sorted(known.catalog.feeds.items())
        if f"{feed.arrival.source.kind}:{getattr(feed.arrival.source, 'connection', '')}" == breaker.source
    ]


def _channels(known: Known) -> Iterator[Condition]:
    for given_up in known.house.channels:
        yield Condition(
            topic="channel",
            code="channel.failed",
            subject=given_up.channel,
            business_date=None,
            cause=f"channel:{given_up.channel}",
            severity=Severity.WARNING,
            message=f"messages do not get out through {given_up.channel}: {told(given_up.error).message}",
            remedy=f"`nightwatt alerts test --channel {given_up.channel}` tries it; correct its address or its secret",
            runbook="channel_failed",
            evidence={"since": given_up.at.isoformat()},
        )


def _strangers(nights: Sequence[Night], known: Known) -> Iterator[Condition]:
    """Yield the folders in which the newest look saw files whose names fit no feed."""
    newest = max(nights, key=lambda n: n.day, default=None)
    folders: dict[str, Feed] = {}
    for _, feed in sorted(known.catalog.feeds.items()):
        folders.setdefault(feed.arrival.place, feed)
    for place, feed in folders.items():
        names = strangers_in(newest, known, place) if newest else []
        folder = place if isinstance(feed.arrival.source, SftpSource) else feed.arrival.folder
        if names:
            yield Condition(
                topic="unknown_file",
                code="feed.unknown_file",
                subject=folder,
                business_date=None,
                cause=f"folder:{folder}",
                severity=Severity.WARNING,
                message=f"{listed(names)}: in {place}, and no feed's files are named so",
                remedy=f"ask {feed.owner} what it is; have it sent under a name that fits, or correct the contract",
                runbook="feed_missing",
                domain=feed.domain,
                evidence={"files": names},
            )
