"""Waiting for files: at once, later, never, not readable; and which errors are tried again."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.platforms import NIGHT, House, house

from nightwatt import stages
from nightwatt.delivery.loopback import LoopbackServer
from nightwatt.errors import TerminalError, TransientError
from nightwatt.settings import PROJECT_ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from nightwatt_airflow.feed_arrived_sensor import FeedArrivedSensor
    from nightwatt_airflow.feed_arrived_trigger import FeedArrivedTrigger


FEED = "mdm_interval_electric"
THERE = {
    "is_ready": True, "reason": "1 of 1 files", "arrived": 1, "expected_at_least": 1, "is_skipped": False,
    "wait_until": None,
}  # fmt: skip
NOT_YET = THERE | {"is_ready": False, "reason": "0 of at least 1 files", "arrived": 0}
SKIPPED = NOT_YET | {"is_skipped": True, "reason": "skip by Ann: no cycle closed; 0 of at least 1 files"}


@pytest.fixture
def answers(airflow: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[threading.Thread]]:
    """Let the looks for files give these answers in turn, the last one for ever; return who looked."""
    from nightwatt_airflow import feed_arrived_sensor, feed_arrived_trigger

    def give(*given: dict[str, Any] | Exception) -> list[threading.Thread]:
        looks: list[threading.Thread] = []

        def look_for(feed: str, business_date: date, started_by: str) -> dict[str, Any]:
            assert (feed, business_date, started_by) == (FEED, date(2026, 3, 9), "usage_daily/run")
            looks.append(threading.current_thread())
            answer = given[min(len(looks), len(given)) - 1]
            if isinstance(answer, Exception):
                raise answer
            return answer

        for module in (feed_arrived_sensor, feed_arrived_trigger):
            monkeypatch.setattr(module, "look_for", look_for)
        return looks

    return give


def context() -> Any:
    """The context of a task of the demo night."""
    run = SimpleNamespace(
        dag_id="usage_daily", run_id="run", run_after=datetime(2026, 3, 9, 5, tzinfo=UTC), conf={"business_date": None}
    )
    return {"dag_run": run}


def sensor(**more: Any) -> FeedArrivedSensor:
    """A sensor for the electric reads."""
    from nightwatt_airflow.feed_arrived_sensor import FeedArrivedSensor

    return FeedArrivedSensor(task_id="wait_for_files", feed=FEED, **more)


def deferred(waiting: FeedArrivedSensor) -> tuple[FeedArrivedTrigger, str]:
    """Let the sensor look; return its trigger as the triggerer would make it again, and where it resumes."""
    from airflow.sdk.exceptions import TaskDeferred
    from airflow.sdk.module_loading import import_string

    with pytest.raises(TaskDeferred) as raised:
        waiting.execute(context())
    path, kwargs = raised.value.trigger.serialize()
    return import_string(path)(**json.loads(json.dumps(kwargs))), raised.value.method_name


def first_event(trigger: FeedArrivedTrigger) -> dict[str, Any]:
    """Run a trigger to its event."""

    async def run() -> dict[str, Any]:
        event = await anext(trigger.run())
        return dict(event.payload)

    return asyncio.run(run())


def trigger(**more: Any) -> FeedArrivedTrigger:
    """A trigger that waits for a minute, looking all the time."""
    from nightwatt_airflow.feed_arrived_trigger import FeedArrivedTrigger

    given = {
        "feed": FEED, "business_date": "2026-03-09", "poll_seconds": 0.01, "started_by": "usage_daily/run",
        "give_up_at": (datetime.now(UTC) + timedelta(minutes=1)).isoformat(),
    }  # fmt: skip
    return FeedArrivedTrigger(**(given | more))


def test_files_that_are_there_need_no_triggerer(answers: Any) -> None:
    looks = answers(THERE)
    assert sensor().execute(context()) == {"feed": FEED, "arrived": 1, "expected_at_least": 1}
    assert len(looks) == 1


def test_files_that_come_later_let_the_task_go_on(answers: Any) -> None:
    looks = answers(NOT_YET, NOT_YET, NOT_YET, THERE)
    waiting = sensor(poke_interval=0.01)

    woken, method = deferred(waiting)
    event = first_event(woken)

    assert event["status"] == "arrived"
    assert len(looks) == 4
    assert getattr(waiting, method)(context(), event)["arrived"] == 1


def test_looking_never_blocks_the_event_loop(answers: Any) -> None:
    looks = answers(NOT_YET, THERE)
    first_event(trigger())
    assert threading.main_thread() not in looks


def test_time_up_fails_with_feed_pattern_folder_and_whom_to_ask(answers: Any) -> None:
    answers(NOT_YET)
    event = first_event(trigger(give_up_at=datetime.now(UTC).isoformat()))
    assert event["status"] == "timed_out"

    with pytest.raises(TerminalError) as raised:
        sensor().resume(context(), event)

    assert raised.value.code == "arrival.missing"
    assert "mdm_interval_electric is not complete for 2026-03-09: 0 of at least 1 files" in raised.value.message
    assert "mdm_interval_e_{business_date:%Y%m%d}_{part}.csv.gz" in raised.value.message
    assert "/inbound/mdm" in raised.value.message
    assert "metering@nightwatt.invalid" in raised.value.remedy


def test_a_feed_that_may_be_skipped_is_skipped_when_time_is_up(answers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    from nightwatt.contracts.catalog import load_catalog

    optional = load_catalog().feed(FEED).model_copy(update={"on_failure": "skip"})
    waiting = sensor()
    monkeypatch.setattr(waiting, "_contract", lambda: optional)
    with pytest.raises(AirflowSkipException, match=r"arrival\.missing"):
        waiting.resume(context(), {"status": "timed_out", **NOT_YET})


def test_what_cannot_be_taken_in_fails_with_its_own_words(answers: Any) -> None:
    answers(TerminalError("file.truncated", "part 003 ends early", "ask for it again"))
    event = first_event(trigger())

    with pytest.raises(TerminalError) as raised:
        sensor().resume(context(), event)

    assert (raised.value.code, raised.value.message, raised.value.remedy) == (
        "file.truncated", "part 003 ends early", "ask for it again",
    )  # fmt: skip


def test_a_passing_trouble_is_waited_out(answers: Any) -> None:
    looks = answers(TransientError("ledger.locked", "the ledger is locked"), THERE)
    assert first_event(trigger())["status"] == "arrived"
    assert len(looks) == 2


def test_a_trouble_that_does_not_pass_is_waited_for_no_longer_than_files(answers: Any) -> None:
    answers(TransientError("ledger.locked", "the ledger is locked"))
    event = first_event(trigger(give_up_at=datetime.now(UTC).isoformat()))
    assert (event["status"], event["reason"]) == ("timed_out", "[ledger.locked] the ledger is locked")


# --- what a person decided -----------------------------------------------------------------------------


def test_a_feed_somebody_skipped_is_skipped_at_the_first_look(answers: Any) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    answers(SKIPPED)
    with pytest.raises(AirflowSkipException, match="skip by Ann: no cycle closed"):
        sensor().execute(context())


def test_a_sensor_that_waits_hears_that_its_feed_is_skipped(answers: Any) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    answers(NOT_YET, NOT_YET, SKIPPED)
    waiting = sensor(poke_interval=0.01)
    woken, method = deferred(waiting)
    event = first_event(woken)

    assert event["status"] == "skipped"
    with pytest.raises(AirflowSkipException, match="skip by Ann: no cycle closed"):
        getattr(waiting, method)(context(), event)


def in_a_minute() -> str:
    return (datetime.now(UTC) + timedelta(minutes=1)).isoformat()


def test_a_release_keeps_a_sensor_waiting_past_its_deadline(answers: Any) -> None:
    looks = answers(NOT_YET | {"wait_until": in_a_minute()}, NOT_YET | {"wait_until": in_a_minute()}, THERE)
    event = first_event(trigger(give_up_at=datetime.now(UTC).isoformat()))
    assert (event["status"], len(looks)) == ("arrived", 3)


def test_a_release_that_is_taken_back_ends_the_waiting(answers: Any) -> None:
    looks = answers(NOT_YET | {"wait_until": in_a_minute()}, NOT_YET)
    event = first_event(trigger(give_up_at=datetime.now(UTC).isoformat()))
    assert (event["status"], len(looks)) == ("timed_out", 2)


def test_a_release_does_not_shorten_the_waiting(answers: Any) -> None:
    looks = answers(NOT_YET | {"wait_until": datetime.now(UTC).isoformat()}, THERE)
    assert (first_event(trigger())["status"], len(looks)) == ("arrived", 2)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 3, 9, 6, 0, tzinfo=UTC), datetime(2026, 3, 9, 11, 0, tzinfo=UTC)),  # until the feed's 07:00
        (datetime(2026, 3, 9, 13, 0, tzinfo=UTC), datetime(2026, 3, 9, 13, 5, tzinfo=UTC)),  # cleared in the morning
        (datetime(2026, 6, 1, 12, 0, tzinfo=UTC), datetime(2026, 6, 1, 12, 5, tzinfo=UTC)),  # a backfill
    ],
)
def test_waiting_ends_at_the_feeds_deadline_and_not_before_its_patience(
    answers: Any, monkeypatch: pytest.MonkeyPatch, now: datetime, expected: datetime
) -> None:
    from nightwatt_airflow import feed_arrived_sensor

    answers(NOT_YET)
    monkeypatch.setattr(feed_arrived_sensor, "utc_now", lambda: now)
    woken, _ = deferred(sensor())
    assert datetime.fromisoformat(woken.give_up_at) == expected


# --- retries -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (TerminalError("a.b", "no"), "fail"),
        (TransientError("a.b", "not now"), "retry"),
        (OSError("disk"), "default"),
    ],
)
def test_errors_meet_the_retry_policy(airflow: None, error: Exception, action: str) -> None:
    from nightwatt_airflow.retry import RETRY_POLICY

    assert RETRY_POLICY.evaluate(error, try_number=1, max_tries=3).action.value == action


# --- what a look really says ---------------------------------------------------------------------------


@pytest.fixture
def house_of_tonight(airflow: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A home of which one feed, accounts, is due tonight; the plugin's settings lead there."""
    with house(tmp_path) as opened:
        settings = opened.platform.settings
        monkeypatch.setenv("NIGHTWATT_HOME", str(settings.home))
        monkeypatch.setenv("NIGHTWATT_CATALOG", str(settings.catalog))
        monkeypatch.setenv("NIGHTWATT_CLOCK_AT", opened.clock.now.isoformat())
        yield opened


def test_a_decision_in_the_ledger_reaches_sensor_and_trigger(house_of_tonight: House) -> None:
    from nightwatt.ledger.models import NightChoice
    from nightwatt_airflow.feed_arrived_trigger import end_of_waiting, give_up_time, look_for

    platform, deadline = house_of_tonight.platform, datetime(2026, 3, 9, 10, tzinfo=UTC)

    def end() -> tuple[str, datetime]:
        """How waiting ends a second after the deadline, and when it would."""
        answer = json.loads(json.dumps(look_for("accounts", NIGHT, "billing_nightly/run")))
        return end_of_waiting(answer, -1), give_up_time(deadline, answer)

    assert end() == ("timed_out", deadline)
    for choice, until, expected in (
        (NightChoice.RELEASE, deadline + timedelta(hours=2), ("timed_out", deadline + timedelta(hours=2))),
        (NightChoice.ACCEPT, None, ("arrived", deadline)),
        (NightChoice.SKIP, None, ("skipped", deadline)),
    ):
        stages.decide(platform, "accounts", NIGHT, choice, "Ann", "they said so", until=until)
        assert end() == expected


def test_a_source_that_is_away_or_left_alone_is_a_reason_to_wait_and_no_failure(
    airflow: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nightwatt_airflow.feed_arrived_trigger import look_for

    with LoopbackServer(tmp_path / "server") as server:
        settings = server.environment("mdm")  # and now it is gone
    for name, value in settings.items() | {
        ("NIGHTWATT_HOME", str(tmp_path / "home")),
        ("NIGHTWATT_CATALOG", str(PROJECT_ROOT / "examples" / "mdm_sftp" / "catalog")),
    }:
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("time.sleep", lambda _seconds: None)

    looks = [look_for(FEED, NIGHT, "usage_daily/run") for _ in range(4)]

    assert [look["is_ready"] for look in looks] == [False] * 4
    assert ["source.unreachable" in look["reason"] for look in looks] == [True] * 4  # the last failure is named
    assert ["source.left_alone" in look["reason"] for look in looks] == [False, False, False, True]
    _, method = deferred(sensor())
    with pytest.raises(TerminalError, match=r"looked for .* in /outgoing/interval on sftp:mdm"):
        getattr(sensor(), method)(context(), {"status": "timed_out", **looks[-1]})
