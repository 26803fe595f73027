"""The watchdog: Airflow's signs of life, its own to the outside, and what it does when it is blind."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs
from tests.support.web_hook import WebHook

from nightwatt.errors import TransientError
from nightwatt.ledger.facts import house
from nightwatt.settings import Settings
from nightwatt.stages import Platform
from nightwatt.stages.watchdog import keep_looking, look, take_leave

NOW = datetime(2026, 3, 9, 8, 0, tzinfo=UTC)


def health(scheduler: datetime | None = NOW, triggerer: datetime | None = NOW) -> bytes:
    """Airflow's health page, as version 3.3 writes it."""

    def service(name: str, latest: datetime | None) -> dict[str, str | None]:
        status = "healthy" if latest else None
        return {"status": status, f"latest_{name}_heartbeat": latest.isoformat() if latest else None}

    page = {
        "metadatabase": {"status": "healthy"},
        "scheduler": service("scheduler", scheduler),
        "triggerer": service("triggerer", triggerer),
        "dag_processor": service("dag_processor", NOW),
    }
    return json.dumps(page).encode()


@pytest.fixture
def airflow() -> Iterator[WebHook]:
    """An API server whose services live."""
    with WebHook(status=200, says=health()) as opened:
        yield opened


@pytest.fixture
def monitor() -> Iterator[WebHook]:
    """An outside monitor."""
    with WebHook(status=200) as opened:
        yield opened


@contextmanager
def at_home(root: Path, now: datetime = NOW, **settings: object) -> Iterator[Platform]:
    """Open a home in which something has happened before."""
    with Platform.open("watchdog", Settings(home=root, **settings), clock=lambda: now) as platform:
        with platform.ledger.run("build", "billing", NOW.date() - timedelta(days=1), "cli"):
            pass
        yield platform


def silent(platform: Platform, every_s: int | None = 60) -> list[str]:
    """The services that a look finds silent."""
    return [a.subject for a in look(platform, every_s).standing if a.code == "service.silent"]


def test_airflows_services_are_silent_when_its_health_page_says_so(tmp_path: Path, airflow: WebHook) -> None:
    with at_home(tmp_path, airflow_url=f"{airflow.url}/") as platform:
        assert silent(platform) == []
        airflow.says = health(scheduler=NOW - timedelta(minutes=6), triggerer=None)
        assert silent(platform) == ["scheduler"]  # a triggerer that never ran is not missed
        airflow.says = health()
        assert silent(platform) == []
    assert set(airflow.seen) == {"/api/v2/monitor/health"}


@pytest.mark.parametrize("answer", [(500, b"{}"), (200, b"<html>"), (200, b"[]")])
def test_a_health_page_that_does_not_answer_is_itself_silent_after_a_while(
    tmp_path: Path, airflow: WebHook, answer: tuple[int, bytes]
) -> None:
    with at_home(tmp_path, airflow_url=airflow.url) as platform:
        silent(platform)
    airflow.status, airflow.says = answer
    for minutes, expected in ((5, []), (6, ["api_server"])):
        with at_home(tmp_path, NOW + timedelta(minutes=minutes), airflow_url=airflow.url) as platform:
            assert silent(platform) == expected


def test_the_outside_monitor_is_called_after_a_good_look_and_its_absence_stops_nothing(
    tmp_path: Path, monitor: WebHook
) -> None:
    with at_home(tmp_path, heartbeat_url=SecretStr(f"{monitor.url}/ping/t0ken")) as platform:
        look(platform, 60)
        assert monitor.seen == ["/ping/t0ken"]
        monitor.status = 503
        with capture_logs() as lines:
            look(platform, 60)
    assert [line["event"] for line in lines if "t0ken" not in str(line)] == [
        "the outside monitor did not take our sign of life"
    ]


def test_the_watchdog_promises_to_come_back_unless_it_looks_once_or_takes_leave(tmp_path: Path) -> None:
    with at_home(tmp_path) as platform:
        promised = []
        for step in (lambda: look(platform, None), lambda: look(platform, 60), lambda: take_leave(platform)):
            step()
            with platform.ledger.read() as session:
                promised.append(house(session, platform.settings.tz).hearts["watchdog"].every_s)
    assert promised == [None, 60, None]


def test_a_watchdog_that_cannot_look_says_so_and_looks_again(tmp_path: Path, monitor: WebHook) -> None:
    stop, tries = threading.Event(), []

    @contextmanager
    def opened() -> Iterator[Platform]:
        tries.append(len(tries))
        if len(tries) == 1:
            raise TransientError("ledger.away", "the database does not answer")
        if len(tries) == 2:
            raise KeyError("JANE DOE")  # a defect; what it quotes stays where it is
        stop.set()
        with at_home(tmp_path, heartbeat_url=SecretStr(monitor.url)) as platform:
            yield platform

    with capture_logs() as lines:
        keep_looking(opened, 0, stop)

    assert [(line["event"], line.get("error")) for line in lines if line["room"] == "watchdog"] == [
        ("could not look", "[ledger.away] the database does not answer"),
        ("could not look", "KeyError"),
        ("looked", None),
    ]
    assert len(monitor.seen) == 1  # not called when it was blind
