"""The DAG of feeds in near real time: there only where a catalog has some, and kept apart from the night."""

from __future__ import annotations

import runpy
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.dags import test_house_rules as rules

from nightwatt.contracts.catalog import PACKAGED

REPOSITORY = Path(__file__).resolve().parents[2]
DAG_FILE = REPOSITORY / "dags" / "account_changes.py"
EXAMPLE = REPOSITORY / "examples" / "ccb_sql" / "catalog" / "feeds"


@pytest.fixture
def dag(airflow: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The DAG as a deployment has it that pulls its accounts out of CC&B."""
    shutil.copytree(PACKAGED, tmp_path / "catalog")
    shutil.copy(EXAMPLE / "ccb_acct.yaml", tmp_path / "catalog" / "feeds")
    monkeypatch.setenv("NIGHTWATT_CATALOG", str(tmp_path / "catalog"))
    yield runpy.run_path(str(DAG_FILE))["taken"][0].operator.dag


def test_it_keeps_the_rules_of_the_house(dag: Any) -> None:
    bag = cast("Any", SimpleNamespace(dags={"account_changes": dag}))
    for rule in (
        rules.test_a_dag_says_what_it_is,
        rules.test_a_dag_carries_a_tier_and_a_domain,
        rules.test_a_nightly_dag_follows_the_local_clock,
        rules.test_a_dag_runs_once_at_a_time_and_only_for_its_own_date,
        rules.test_every_task_sets_retries_timeouts_callbacks_and_an_owner,
        rules.test_what_writes_takes_the_one_writer_slot,
    ):
        rule(bag, "account_changes")


def test_changes_are_taken_in_before_they_are_shown_and_ring_no_doorbell(dag: Any) -> None:
    assert {task.task_id: task.upstream_task_ids for task in dag.tasks} == {
        "take_ccb_acct": set(),
        "refresh_billing": {"take_ccb_acct"},
    }
    assert dag.get_task("refresh_billing").trigger_rule == "all_done"
    assert not dag.get_task("refresh_billing").outlets
    assert not dag.deadline


def test_a_catalog_without_such_feeds_has_no_such_dag(airflow: None) -> None:
    made = runpy.run_path(str(DAG_FILE))
    assert made["feeds"] == []
    assert "taken" not in made
