"""Every DAG keeps the rules of the house."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag


DAG_FILES = sorted((Path(__file__).resolve().parents[2] / "dags").glob("*.py"))
DAG_IDS = [path.stem for path in DAG_FILES if path.stem != "account_changes"]
# `account_changes` is there only for catalogs that need it, and has tests of its own.
ON_DEMAND = {
    "opower_sample": ["business_date", "delivery", "last_day", "size", "seed"],
    "opower_full": ["business_date", "delivery", "last_day", "start_over"],
    "opower_approval": ["business_date", "delivery"],
}
"""DAGs that only a person starts, with what they ask of that person."""

NIGHTLY = [dag_id for dag_id in DAG_IDS if dag_id not in ON_DEMAND]
WRITERS = {"merge_reads", "build_marts", "publish_marts", "refresh_billing"}


def test_the_folder_imports_without_errors(bag: DagBag) -> None:
    assert bag.import_errors == {}
    assert set(bag.dags) == set(DAG_IDS) == {
        "billing_nightly", "usage_daily", "crm_delivery", "opower_interval_delivery", "opower_billing_delivery",
        "watch_night", *ON_DEMAND,
    }  # fmt: skip


@pytest.mark.parametrize("path", DAG_FILES, ids=lambda path: path.stem)
def test_a_dag_file_is_thin(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= 120
    assert not path.name.startswith("dbt_")  # dbt would import it as a plugin
    assert "sqlalchemy" not in text
    assert "duckdb" not in text


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_a_dag_says_what_it_is(bag: DagBag, dag_id: str) -> None:
    dag = bag.dags[dag_id]
    docs = dag.doc_md or ""
    for heading in ("Purpose", "Owner", "Inputs", "Outputs", "Deadline", "If it fails", "Runbook"):
        assert f"**{heading}.**" in docs
    assert "docs/runbooks/" in docs
    assert dag.description


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_a_dag_carries_a_tier_and_a_domain(bag: DagBag, dag_id: str) -> None:
    from nightwatt_airflow.tags import Tag

    tags = bag.dags[dag_id].tags
    assert tags <= set(Tag)
    assert {tag.split(":")[0] for tag in tags} == {"tier", "domain"}


@pytest.mark.parametrize("dag_id", NIGHTLY)
def test_a_nightly_dag_follows_the_local_clock(bag: DagBag, dag_id: str) -> None:
    dag = bag.dags[dag_id]
    timetable: Any = getattr(dag.timetable, "timetable", dag.timetable)
    assert str(timetable.timezone) == "America/New_York"
    assert list(dag.params) == ["business_date"]


@pytest.mark.parametrize("dag_id", ON_DEMAND)
def test_a_dag_on_demand_has_no_schedule_and_asks_with_types(bag: DagBag, dag_id: str) -> None:
    dag = bag.dags[dag_id]
    assert not dag.timetable.can_be_scheduled
    assert list(dag.params) == ON_DEMAND[dag_id]
    params = {name: dag.params.get_param(name) for name in dag.params}
    assert params["delivery"].schema["enum"] == ["opower_billing", "opower_interval_electric", "opower_interval_gas"]
    assert all({"type", "title"} <= set(param.schema) and param.description for param in params.values())
    assert not dag.deadline


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_a_dag_runs_once_at_a_time_and_only_for_its_own_date(bag: DagBag, dag_id: str) -> None:
    dag = bag.dags[dag_id]
    assert dag.max_active_runs == (3 if dag_id == "opower_approval" else 1)  # a question a population
    assert dag.catchup is False
    assert dag.dagrun_timeout is not None
    assert str(dag.timezone) == "America/New_York"
    assert dag.start_date is not None
    assert dag.start_date.tzinfo is not None
    assert dag.on_failure_callback is not None


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_every_task_sets_retries_timeouts_callbacks_and_an_owner(bag: DagBag, dag_id: str) -> None:
    from nightwatt_airflow.retry import RETRY_POLICY

    for task in bag.dags[dag_id].tasks:
        assert task.retries >= 1, task.task_id
        assert task.retry_policy is RETRY_POLICY, task.task_id
        assert timedelta(0) < (task.execution_timeout or timedelta(0)) <= timedelta(hours=2), task.task_id
        assert task.on_failure_callback, task.task_id
        assert task.owner not in {"", "airflow"}, task.task_id


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_what_writes_takes_the_one_writer_slot(bag: DagBag, dag_id: str) -> None:
    pools = {task.task_id: task.pool for task in bag.dags[dag_id].tasks}
    assert {name for name, pool in pools.items() if pool == "warehouse_writer"} == WRITERS & set(pools)


def test_the_writer_pool_has_one_slot(session: Any) -> None:
    from airflow.models.pool import Pool

    pool = Pool.get_pool("warehouse_writer", session=session)
    assert pool is not None
    assert (pool.slots, pool.include_deferred) == (1, False)


def test_every_feed_is_waited_for_and_loaded_before_the_build(bag: DagBag) -> None:
    from nightwatt.contracts.catalog import load_catalog
    from nightwatt.settings import Settings

    catalog = load_catalog(systems=Settings().systems)
    for dag_id, domain, first in (
        ("billing_nightly", "billing", "build_marts"),
        ("usage_daily", "usage", "merge_reads"),
    ):
        dag = bag.dags[dag_id]
        feeds = [feed.feed for feed in catalog.feeds_of(domain)]
        assert feeds
        assert dag.get_task(first).upstream_task_ids == {f"{feed}.load_files" for feed in feeds}
        for feed in feeds:
            assert dag.get_task(f"{feed}.load_files").upstream_task_ids == {f"{feed}.wait_for_files"}
    chain = bag.dags["usage_daily"]
    assert chain.get_task("build_marts").upstream_task_ids == {"merge_reads"}
    assert chain.get_task("publish_marts").upstream_task_ids == {"build_marts"}


def test_the_deliveries_listen_to_the_publication_of_usage(bag: DagBag) -> None:
    rung = bag.dags["usage_daily"].get_task("publish_marts").outlets
    heard = bag.dags["opower_interval_delivery"].timetable.asset_condition
    assert [asset.name for asset in rung] == ["published_usage"]
    assert heard.name == "published_usage"
    assert bag.dags["opower_billing_delivery"].timetable.asset_condition.name == "published_billing"


def test_the_crm_listens_to_both_domains_and_its_answers_come_before_its_files(bag: DagBag) -> None:
    dag = bag.dags["crm_delivery"]
    assert {asset.name for asset in dag.timetable.asset_condition.objects} == {"published_billing", "published_usage"}
    for delivery, domain in (("crm_core", "billing"), ("crm_usage", "usage")):
        assert dag.get_task(f"check_{domain}_for_{delivery}").upstream_task_ids == {f"take_answers_to_{delivery}"}
        assert dag.get_task(f"deliver_{delivery}").upstream_task_ids == {f"check_{domain}_for_{delivery}"}


@pytest.mark.parametrize(
    ("dag_id", "deadlines"),
    [
        ("billing_nightly", {"billing": "06:00"}),
        ("usage_daily", {"usage": "07:00"}),
        ("crm_delivery", {"crm_core": "07:00", "crm_usage": "08:00"}),
        ("opower_interval_delivery", {"opower_interval_electric": "08:00", "opower_interval_gas": "08:00"}),
        ("opower_billing_delivery", {"opower_billing": "08:00"}),
    ],
)
def test_a_dag_owes_what_it_produces_by_a_local_time(bag: DagBag, dag_id: str, deadlines: dict[str, str]) -> None:
    alerts = bag.dags[dag_id].deadline
    assert alerts
    assert {a.callback.kwargs["subject"]: a.reference.at for a in alerts} == deadlines
    assert {a.reference.tz for a in alerts} == {"America/New_York"}
    assert all(a.interval == timedelta(0) for a in alerts)
    assert all(re.fullmatch(r"nightwatt_airflow\.callbacks\.\w+", a.callback.path) for a in alerts)


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_a_dag_survives_being_stored(bag: DagBag, dag_id: str) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    dag = bag.dags[dag_id]
    stored = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    assert stored.task_dict.keys() == dag.task_dict.keys()
    assert type(stored.timetable).__name__ == type(dag.timetable).__name__


def test_schedules_follow_the_wall_clock_over_clock_changes(bag: DagBag) -> None:
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.timetables.base import TimeRestriction

    dag = bag.dags["billing_nightly"]
    timetable = DagSerialization.from_dict(DagSerialization.to_dict(dag)).timetable
    run, due = None, []
    while not due or due[-1].date() < dag.start_date.date() + timedelta(days=400):
        info = timetable.next_dagrun_info(
            last_automated_data_interval=run, restriction=TimeRestriction(dag.start_date, None, catchup=True)
        )
        run = info.data_interval
        due.append(info.run_after.astimezone(ZoneInfo("America/New_York")))
    assert {f"{instant:%H:%M}" for instant in due} == {"00:30"}
    assert len({instant.date() for instant in due}) == len(due)
    assert (due[-1].date() - due[0].date()).days == len(due) - 1
