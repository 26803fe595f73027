"""Samples, histories and the step to production through the real DAGs; a person answers through Airflow's own API."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.populations import NAME, POINTS, World, population_world, three_days, to_review

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # Airflow runs in this process

HITL = "/api/v2/dags/opower_approval/dagRuns/{run}/taskInstances/ask/{map_index}hitlDetails"


@pytest.fixture
def world(airflow: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with population_world(tmp_path, tmp_path / "keys", monkeypatch) as made:
        yield made


@pytest.fixture(scope="module")
def client(airflow: None) -> Callable[[str, str], Any]:
    """Airflow's public API, for a person with a role."""
    from airflow.api_fastapi.app import create_app
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi.testclient import TestClient

    app = create_app()

    def of(name: str, role: str) -> TestClient:
        token = app.state.auth_manager.generate_jwt(SimpleAuthManagerUser(username=name, role=role))
        return TestClient(app, headers={"Authorization": f"Bearer {token}"}, base_url="http://testserver")

    return of


def run(dag_id: str, **params: Any) -> str:
    """Run a DAG to its end and return its state."""
    from run_dag import dags

    due = datetime(2026, 3, 20, 12, tzinfo=UTC)
    return str(dags()[dag_id].test(run_after=due, logical_date=due, run_conf={"delivery": NAME} | params).state)


def while_it_waits(act: Callable[[dict[str, Any]], None], **params: Any) -> str:
    """Run the approval, and do something as soon as it waits for an answer."""
    trouble: list[BaseException] = []

    def watch() -> None:
        try:
            act(waiting_question())
        except BaseException as e:
            trouble.append(e)
            let_time_run_out({})  # so that the run ends

    watcher = threading.Thread(target=watch)
    watcher.start()
    state = run("opower_approval", **params)
    watcher.join()
    if trouble:
        raise trouble[0]
    return state


def waiting_question() -> dict[str, Any]:
    """Wait until a question is asked, and return what Airflow knows of it."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    for _ in range(600):
        with create_session() as session:
            found = session.scalars(
                select(TaskInstance).where(TaskInstance.task_id == "ask", TaskInstance.state == "awaiting_input")
            ).first()
            if found is not None:
                return {"run": found.run_id, "map_index": found.map_index}
        time.sleep(0.1)
    raise AssertionError("nobody was asked")


def let_time_run_out(_question: dict[str, Any]) -> None:
    """Have the scheduler find that the time for an answer is over."""
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        asked = session.scalars(select(TaskInstance).where(TaskInstance.state == "awaiting_input")).all()
        left = [ti.trigger_timeout - datetime.now(UTC) for ti in asked]
        for ti in asked:
            ti.trigger_timeout = datetime.now(UTC) - timedelta(seconds=1)
        session.flush()
        SchedulerJobRunner(job=Job()).check_awaiting_input_timeouts(session=session)
    assert all(timedelta(days=6, hours=23) < time_left <= timedelta(days=7) for time_left in left)


def test_a_sample_and_a_cut_history_are_triggered_with_params(world: World) -> None:
    for point in POINTS:
        world.agree(point, f"A-{point}")
    three_days(world)

    states = [
        run("opower_sample", size=2, seed=5, last_day="2026-03-02", business_date="2026-03-12"),
        run("opower_full", last_day="2026-03-01", business_date="2026-03-12"),
    ]

    assert states == ["success", "success"]
    assert [
        (s.phase, s.business_date, s.last_day, s.sample_size, s.sample_seed, s.rows, s.remote_path.rsplit("/", 1)[0])
        for s in world.sent
    ] == [
        ("sample", date(2026, 3, 12), date(2026, 3, 2), 2, 5, 4, "/shared_files"),
        ("full", date(2026, 3, 12), date(2026, 3, 1), None, None, 4, "/shared_files"),
    ]


def test_a_run_that_asks_for_something_else_does_not_begin(airflow: None) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError):
        run("opower_sample", size="many")


def test_a_yes_through_the_api_is_written_down_and_a_viewer_cannot_give_it(
    world: World, client: Callable[[str, str], Any]
) -> None:
    to_review(world)
    said: list[Any] = []

    def answer(question: dict[str, Any]) -> None:
        path = HITL.format(run=question["run"], map_index=f"{question['map_index']}/")
        yes = {"chosen_options": ["Approve"], "params_input": {"note": "mail of 11 March"}}
        asked = client("ann", "user").get(path).json()
        said.extend([asked, client("vic", "viewer").patch(path, json=yes).status_code])
        said.append(client("ann", "user").patch(path, json=yes).status_code)

    state = while_it_waits(answer)
    world.load(date(2026, 3, 5), *POINTS)
    world.says("incremental")

    asked, viewer, user = said
    file = world.sent[1]
    assert (state, viewer, user) == ("success", 403, 200)
    assert asked["subject"] == f"May {NAME} go to production?"
    assert (asked["options"], asked["defaults"]) == (["Approve", "Reject"], ["Reject"])
    for shown in (file.file_name, f"| rows | {file.rows} |", file.content_sha256, file.remote_path):
        assert shown in asked["body"]
    (decision,) = world.decisions
    assert (decision.decision, decision.decided_by, decision.note) == ("approved", "ann", "mail of 11 March")
    assert (decision.sending_id, decision.content_sha256) == (file.id, file.content_sha256)
    assert world.folders[-1] == ("incremental", "/uploads")


def test_the_question_shows_every_file_of_a_set(airflow: None) -> None:
    from jinja2 import Template

    from nightwatt_airflow.phase_tasks import BODY, SUBJECT

    class Asked:
        def xcom_pull(self, task_ids: str) -> dict[str, Any]:
            assert task_ids == "find_review_file"
            beside = [{"file_name": f"{n}.gz", "rows": 1000 * n, "sha256": str(n) * 64} for n in (1, 2)]
            return {"delivery": "billing", "rows": 12345, "size_bytes": 99, "beside": beside}

    table = [line for line in Template(BODY).render(ti=Asked()).splitlines() if line.startswith("|")]

    assert Template(SUBJECT).render(ti=Asked()) == "May billing go to production?"
    assert table[3] == "| rows | 12,345 |"
    assert table[-2:] == [f"| with it | `{n}.gz`: {n},000 rows, `{str(n) * 64}` |" for n in (1, 2)]
    assert "|\n\n|" not in Template(BODY).render(ti=Asked())  # an empty line would end the table


def test_no_answer_in_a_week_is_a_no(world: World) -> None:
    to_review(world)

    state = while_it_waits(let_time_run_out)

    (decision,) = world.decisions
    assert (state, decision.decision) == ("success", "rejected")
    assert decision.decided_by.startswith("nobody answered opower_approval/")
    assert ": review;" in world.says("state")


def test_a_yes_about_a_file_that_changed_meanwhile_fails_and_counts_for_nothing(
    world: World, client: Callable[[str, str], Any]
) -> None:
    to_review(world)

    def answer(question: dict[str, Any]) -> None:
        (copy,) = (world.home / "outbox").rglob(world.sent[1].file_name)
        copy.write_bytes(b"other")
        path = HITL.format(run=question["run"], map_index=f"{question['map_index']}/")
        client("ann", "user").patch(path, json={"chosen_options": ["Approve"], "params_input": {"note": ""}})

    assert while_it_waits(answer) == "failed"
    assert world.decisions == []
    assert ": review;" in world.says("state")
