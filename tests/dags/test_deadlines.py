"""Deadlines: at the wall clock's time on every day of the year, silent for the past, told when missed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from sqlalchemy import select
from structlog.testing import capture_logs

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.dag_processing.dagbag import DagBag
    from airflow.models.deadline import Deadline
    from sqlalchemy.orm import Session

    from nightwatt.ledger.book import Ledger


NEW_YORK = ZoneInfo("America/New_York")


def local(day: date, wall: str) -> datetime:
    """An instant by New York's wall clock."""
    return datetime.combine(day, time.fromisoformat(wall), tzinfo=NEW_YORK)


def test_chains_start_when_the_calendar_says(bag: DagBag) -> None:
    from nightwatt.alerting.plan import DOMAIN_STARTS

    for domain, dag_id in (("billing", "billing_nightly"), ("usage", "usage_daily")):
        start = DOMAIN_STARTS[domain]
        assert bag.dags[dag_id].timetable.expression == f"{start.minute} {start.hour} * * *"


# --- the reference alone -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "at", "expected"),
    [
        (date(2026, 1, 15), "06:00", datetime(2026, 1, 15, 11, tzinfo=UTC)),
        (date(2026, 7, 15), "06:00", datetime(2026, 7, 15, 10, tzinfo=UTC)),
        (date(2026, 3, 8), "06:00", datetime(2026, 3, 8, 10, tzinfo=UTC)),  # not 00:30 plus 5.5 h
        (date(2026, 11, 1), "06:00", datetime(2026, 11, 1, 11, tzinfo=UTC)),
        (date(2026, 3, 8), "02:30", datetime(2026, 3, 8, 7, tzinfo=UTC)),  # no such time: when the clocks jump past it
        (date(2026, 11, 1), "01:30", datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),  # twice: the first
    ],
)
def test_a_scheduled_run_is_due_at_the_wall_clock_time(airflow: None, day: date, at: str, expected: datetime) -> None:
    from nightwatt_airflow.wall_clock import LocalWallClock

    reference = LocalWallClock(at=at, tz="America/New_York")
    due = reference.due(run_type="scheduled", run_after=local(day, "00:30"), conf=None, now=local(day, "00:31"))
    assert due == expected


@pytest.mark.parametrize(
    ("run_type", "run_after", "conf", "now", "is_watched"),
    [
        ("scheduled", "00:30", None, "00:30", True),
        ("scheduled", "00:30", None, "09:00", True),  # the scheduler was down all night: say so at once
        ("scheduled", "08:30", None, "08:30", False),  # a sweep after the deadline is not what the deadline is about
        ("asset_triggered", "04:00", None, "04:00", True),
        ("asset_triggered", "09:00", None, "09:00", False),
        ("manual", "04:00", None, "04:00", True),  # by hand, but in time to matter
        ("manual", "09:00", None, "09:00", False),
        ("manual", "04:00", {"business_date": "2026-03-02"}, "04:00", False),  # last week's night again
        ("operator_triggered", "04:00", {"business_date": "2026-03-10"}, "04:00", True),
        ("backfill", "00:30", None, "00:30", False),
        ("backfill", "00:30", None, "09:00", False),
    ],
)
def test_only_runs_that_can_still_be_in_time_are_watched(
    airflow: None, run_type: str, run_after: str, conf: dict[str, Any] | None, now: str, is_watched: bool
) -> None:
    from nightwatt_airflow.wall_clock import LocalWallClock

    day = date(2026, 3, 9)
    due = LocalWallClock().due(run_type=run_type, run_after=local(day, run_after), conf=conf, now=local(day, now))
    assert (due is not None) is is_watched


def test_a_reference_is_the_same_after_being_stored(airflow: None) -> None:
    from airflow.serialization.decoders import decode_deadline_reference
    from airflow.serialization.encoders import encode_deadline_reference

    from nightwatt_airflow.wall_clock import LocalWallClock

    given = LocalWallClock(at="07:00", tz="Europe/London")
    restored = decode_deadline_reference(encode_deadline_reference(given)).inner_ref
    assert (type(restored), restored.at, restored.tz) == (LocalWallClock, "07:00", "Europe/London")


# --- through Airflow's own tables ----------------------------------------------------------------------


def deadlines_of(
    session: Session, dag_id: str, run_after: datetime, run_type: str, conf: dict[str, Any] | None = None
) -> list[Deadline]:
    """Create a run as the scheduler does and return the deadlines it got."""
    from airflow.models.dagbag import DBDagBag
    from airflow.models.deadline import Deadline
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    dag = DBDagBag().get_latest_version_of_dag(dag_id, session=session)
    assert dag is not None
    run = dag.create_dagrun(
        run_id=f"{run_type}__{run_after.isoformat()}",
        logical_date=run_after.astimezone(UTC),
        data_interval=(run_after.astimezone(UTC), run_after.astimezone(UTC)),
        run_after=run_after.astimezone(UTC),
        run_type=DagRunType(run_type),
        triggered_by=DagRunTriggeredByType.TEST,
        state=DagRunState.RUNNING,
        conf=conf,
        session=session,
    )
    session.flush()
    return list(session.scalars(select(Deadline).where(Deadline.dagrun_id == run.id).order_by(Deadline.deadline_time)))


@pytest.mark.parametrize(
    ("dag_id", "day", "due"),
    [
        ("billing_nightly", date(2026, 3, 7), datetime(2026, 3, 7, 11, tzinfo=UTC)),
        ("billing_nightly", date(2026, 3, 8), datetime(2026, 3, 8, 10, tzinfo=UTC)),
        ("usage_daily", date(2026, 3, 8), datetime(2026, 3, 8, 11, tzinfo=UTC)),
        ("billing_nightly", date(2026, 11, 1), datetime(2026, 11, 1, 11, tzinfo=UTC)),
        ("usage_daily", date(2026, 11, 1), datetime(2026, 11, 1, 12, tzinfo=UTC)),
    ],
)
def test_a_stored_run_gets_its_deadline_on_both_clock_change_days(
    session: Session, dag_id: str, day: date, due: datetime
) -> None:
    assert [d.deadline_time for d in deadlines_of(session, dag_id, local(day, "00:30"), "scheduled")] == [due]


@pytest.mark.parametrize("run_type", ["backfill", "manual"])
def test_a_stored_run_of_the_past_gets_none(session: Session, run_type: str) -> None:
    assert deadlines_of(session, "billing_nightly", local(date(2026, 3, 8), "00:30"), run_type) == []


def test_a_run_by_hand_before_the_deadline_gets_one_for_the_date_asked_for(session: Session) -> None:
    with time_machine.travel(local(date(2026, 3, 9), "04:00"), tick=False):
        found = deadlines_of(session, "billing_nightly", local(date(2026, 3, 9), "04:00"), "manual")
    assert [d.deadline_time for d in found] == [datetime(2026, 3, 9, 10, tzinfo=UTC)]


def test_a_missed_deadline_queues_our_callback_with_the_run(session: Session) -> None:
    [deadline] = deadlines_of(session, "billing_nightly", local(date(2026, 3, 10), "00:30"), "scheduled")

    deadline.handle_miss(session)

    assert deadline.missed
    assert str(deadline.callback.state) == "queued"
    assert deadline.callback.data["path"] == "nightwatt_airflow.callbacks.report_missed_deadline"
    assert deadline.callback.data["kwargs"]["subject"] == "billing"
    assert deadline.callback.data["kwargs"]["context"]["dag_run"]["dag_id"] == "billing_nightly"


def test_a_deadline_that_is_met_is_forgotten(session: Session) -> None:
    from airflow.models import DagRun
    from airflow.models.deadline import Deadline

    [deadline] = deadlines_of(session, "billing_nightly", local(date(2026, 3, 11), "00:30"), "scheduled")
    deadline.dagrun.end_date = local(date(2026, 3, 11), "05:59").astimezone(UTC)
    session.flush()

    assert Deadline.prune_deadlines(session=session, conditions={DagRun.id: deadline.dagrun_id}) == 1


# --- what the callbacks say ----------------------------------------------------------------------------


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Ledger]:
    """A home with a night behind it, whose clock shows 06:05 of 9 March, in place of the one from the environment."""
    from nightwatt import stages
    from nightwatt.settings import Settings

    real = stages.Platform
    clock = local(date(2026, 3, 9), "06:05")

    def open_it(started_by: str) -> AbstractContextManager[stages.Platform]:
        return real.open(started_by, Settings(home=tmp_path), clock=lambda: clock)

    monkeypatch.setattr(stages, "Platform", SimpleNamespace(open=open_it))
    with open_it("cli") as home:
        with home.ledger.run("build", "billing", date(2026, 3, 8), "cli"):
            pass
        yield home.ledger


def missed(subject: str = "billing") -> str:
    """Call the deadline callback as the triggerer does."""
    from nightwatt_airflow.callbacks import report_missed_deadline

    run = {
        "dag_id": "billing_nightly", "dag_run_id": "scheduled__1", "run_after": "2026-03-09T04:30:00Z", "conf": None,
    }  # fmt: skip
    return asyncio.run(report_missed_deadline(subject, {"dag_run": run, "deadline": {}}))


def alerts(ledger: Ledger) -> dict[str, tuple[str, date | None, str]]:
    """The promises that are broken: who was first to say so, by subject."""
    from nightwatt.ledger import alerts as book

    with ledger.read() as session:
        return {a.subject: (a.code, a.business_date, a.reported_by) for a in book.standing(session)
                if a.topic == "progress"}  # fmt: skip


def messages(ledger: Ledger) -> int:
    """How many messages were sent."""
    from nightwatt.ledger import notices

    with ledger.read() as session:
        sent = {n.message_id for n in notices.newest(session, 1000) if n.state == "sent"}
    return len(sent)


def test_the_deadline_callback_says_why_and_tells_people_once(airflow: None, opened: Ledger) -> None:
    with capture_logs() as logs:
        said = missed()
        told = messages(opened)
        missed()

    assert said == "billing published: missed: not done; the deadline passed 5 min ago"
    lines = [line for line in logs if line["event"] == "deadline reached"]
    assert [(line["log_level"], line["state"]) for line in lines] == [("error", "missed")] * 2
    assert alerts(opened)["billing"] == ("deadline.missed", date(2026, 3, 9), "billing_nightly/scheduled__1")
    assert messages(opened) == told > 0


def test_the_deadline_callback_believes_the_ledger_and_not_the_run(airflow: None, opened: Ledger) -> None:
    """A person published by hand while the run hung: nothing is late."""
    from nightwatt.ledger.models import Publication, PublicationState

    with opened.write() as session:
        session.add(
            Publication(
                sequence=1, domain="billing", as_of=date(2026, 3, 9), state=PublicationState.PUBLISHED,
                through_sequence=1,
                started_at=local(date(2026, 3, 9), "05:40"), published_at=local(date(2026, 3, 9), "05:45"),
            )
        )  # fmt: skip

    with capture_logs() as logs:
        assert missed() == "billing published: on_time: done 15 min before the deadline"

    assert [line["log_level"] for line in logs if line["event"] == "deadline reached"] == ["info"]
    assert "billing" not in alerts(opened)


def failed_run(**more: Any) -> dict[str, Any]:
    """The context of a failure callback."""
    run = SimpleNamespace(
        dag_id="billing_nightly", run_id="scheduled__1", run_after=datetime(2026, 3, 9, 4, 30, tzinfo=UTC), conf={}
    )
    return {"dag_run": run, **more}


def test_a_failed_run_reports_the_verdict_of_all_it_owes(airflow: None, opened: Ledger) -> None:
    from nightwatt_airflow.callbacks import report_run_failure

    with capture_logs() as logs:
        report_run_failure(failed_run(reason="task_failure"), subjects=("billing", "usage"))

    lines = [line for line in logs if line["event"] == "run failed"]
    assert [(line["subject"], line["state"], line["failure"]) for line in lines] == [
        ("billing", "missed", "task_failure"),
        ("usage", "pending", "task_failure"),
    ]
    assert alerts(opened)["billing"] == ("deadline.missed", date(2026, 3, 9), "billing_nightly/scheduled__1")


def test_a_failed_run_that_airflow_knows_by_name_only_is_still_told(airflow: None, opened: Ledger) -> None:
    from nightwatt_airflow.callbacks import report_run_failure

    with capture_logs() as logs:
        report_run_failure({"run_id": "scheduled__1", "reason": "timed_out"}, subjects=("billing",))

    lines = [(line["run"], line["reason"]) for line in logs if line["event"] == "run failed"]
    assert lines == [("scheduled__1", "timed_out")]
    assert alerts(opened)["billing"][2] == "scheduled__1"


def test_a_failed_task_is_told_with_its_remedy_and_without_row_values(airflow: None, opened: Ledger) -> None:
    from nightwatt.errors import TerminalError
    from nightwatt_airflow.callbacks import report_task_failure

    task = SimpleNamespace(task_id="ccb_per.load_files")
    known = TerminalError("load.held", "1 file on hold", "follow the message")
    with capture_logs() as logs:
        report_task_failure(failed_run(ti=task, exception=known))
        report_task_failure(failed_run(ti=task, exception=ValueError("could not convert 'JANE DOE'")))

    lines = [line for line in logs if line["event"] == "task failed"]
    assert [(line["code"], line["message"], line["remedy"]) for line in lines] == [
        ("load.held", "1 file on hold", "follow the message"),
        ("task.crashed", "ValueError", "read the task's log"),
    ]


@pytest.mark.parametrize(
    ("task_id", "stage", "subject"),
    [
        ("ccb_bill.load_files", "load", "ccb_bill"),
        ("build_marts", "build", "billing"),
        ("deliver_crm_core", "deliver", "crm_core"),
        ("take_answers_to_crm_core", "acknowledge", "crm_core"),
    ],
)
def test_what_a_killed_task_left_running_has_failed_and_others_work_goes_on(
    airflow: None, opened: Ledger, task_id: str, stage: str, subject: str
) -> None:
    from nightwatt.ledger.models import Run, RunState
    from nightwatt_airflow.callbacks import report_task_failure

    def begun(of: str, by: str) -> Run:
        return Run(
            stage=stage, subject=of, business_date=date(2026, 3, 9), started_by=by, state=RunState.RUNNING,
            started_at=local(date(2026, 3, 9), "02:00"),
        )  # fmt: skip

    with opened.write() as session:
        session.add_all([begun(subject, "billing_nightly/scheduled__1"), begun(subject, "cli")])

    report_task_failure(failed_run(ti=SimpleNamespace(task_id=task_id), exception=None))

    with opened.read() as session:
        runs = session.execute(select(Run.started_by, Run.state, Run.message).where(Run.stage == stage)).all()
    ended = {by: (state, (message or "").partition(";")[0]) for by, state, message in runs}
    assert ended["cli"] == ("running", "")
    assert ended["billing_nightly/scheduled__1"][0] == "failed"
    assert ended["billing_nightly/scheduled__1"][1].startswith("TerminalError: [task.crashed] the process was killed")
