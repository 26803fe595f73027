"""The watchdog: a process outside Airflow that looks every minute, reads Airflow's signs of life, and gives its own.

Belongs here: one look of it, and the loop. Does not belong here: what a look is (`watching`) and the command line.

A look that fails (the ledger away, a contract broken) is logged and tried again at the next minute. The outside monitor
is not called then, and alarms when that goes on: the watchdog cannot say that it is blind.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

import httpx2

from nightwatt import log
from nightwatt.alerting.airflow_health import read_health
from nightwatt.alerting.house_conditions import AIRFLOW, WATCHDOG
from nightwatt.errors import NightWattError
from nightwatt.ledger import hearts
from nightwatt.settings import Settings
from nightwatt.stages.platform import Platform
from nightwatt.stages.watching import Beat, WatchSummary, watch

_log = log.get("watchdog")
logging.getLogger("httpx2").setLevel(logging.WARNING)  # it would tell the monitor's address, which is a secret

OpenPlatform = Callable[[], AbstractContextManager[Platform]]
HEARTBEAT_TIMEOUT_S = 10.0


def look(platform: Platform, every_s: int | None) -> WatchSummary:
    """Look once as the watchdog: note whether Airflow lives, judge the night, call the outside monitor.

    Args:
        platform: the home.
        every_s: how often it comes back; None: it does not say.
    """
    if platform.settings.airflow_url:
        _ask_airflow(platform, platform.settings.airflow_url, every_s)
    summary = watch(platform, Beat(WATCHDOG, every_s))
    _call_outside(platform.settings)
    return summary


def keep_looking(open_platform: OpenPlatform, every_s: int, stop: threading.Event) -> None:
    """Look until told to stop, once every so many seconds."""
    while not stop.is_set():
        try:
            with open_platform() as platform:
                summary = look(platform, every_s)
            _log.info("looked", **summary.to_dict())
        except Exception as e:  # whatever it is, the next look may be good, and a dead watchdog never is
            _log.error("could not look", error=str(e) if isinstance(e, NightWattError) else type(e).__name__)
        stop.wait(every_s)


def take_leave(platform: Platform) -> None:
    """Take the promise to come back away: who is stopped by hand is not missed."""
    with platform.ledger.write() as session:
        hearts.beat(session, WATCHDOG, platform.clock(), None, platform.started_by)


def _ask_airflow(platform: Platform, url: str, every_s: int | None) -> None:
    health = read_health(url)
    if health is None:
        return  # the last answer grows old, which the verdict sees
    with platform.ledger.write() as session:
        hearts.beat(session, AIRFLOW, platform.clock(), every_s)
        for name, at in health.seen.items():
            hearts.beat(session, name, at, every_s)


def _call_outside(settings: Settings) -> None:
    """Call the outside monitor; its absence is its own to notice."""
    if settings.heartbeat_url is None:
        return
    try:
        httpx2.get(settings.heartbeat_url.get_secret_value(), timeout=HEARTBEAT_TIMEOUT_S).raise_for_status()
    except httpx2.HTTPError as e:
        _log.warning("the outside monitor did not take our sign of life", error=type(e).__name__)
