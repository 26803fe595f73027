"""Builds with a tiny dbt project: what is recomputed, what is skipped, failures, interruptions."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.support.processes import killed
from tests.support.stages_once import build_and_die

from nightwatt import warehouse
from nightwatt.contracts.canonical import READ_COLUMNS
from nightwatt.errors import TerminalError
from nightwatt.ledger import Ledger
from nightwatt.settings import Settings
from nightwatt.warehouse import BuildInputs, PublishedTable, StoreVersionInput, TableInput, duck_file
from nightwatt.warehouse.dbt import project_hash, target_path

NIGHT = date(2026, 3, 9)


def parquet(path: Path, query: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    duckdb.sql(query).write_parquet(str(path))
    return path


def persons(settings: Settings, *ids: str, sequence: int = 1) -> BuildInputs:
    rows = ", ".join(f"('{i}', {sequence}::bigint)" for i in ids)
    file = parquet(
        settings.lake / f"ccb_per/load={sequence}/part-0.parquet", f"from (values {rows}) t(per_id, _load_sequence)"
    )
    return BuildInputs({"ccb_per": TableInput({"per_id": "VARCHAR"}, [file], "billing", sequence)}, as_of=NIGHT)


def reads(settings: Settings, version: int, values: dict[str, str], touched: dict[int, list[str]]) -> BuildInputs:
    """Give a store version with one value a day; `touched` says which days each version changed."""
    files = []
    for day, value in values.items():
        given = {
            "service_point_id": "S1",
            "channel": "delivered",
            "interval_start_at": f"{day} 05:00",
            "value": value,
            "read_date": day,
        }
        columns = ", ".join(
            f"cast({repr(given[c]) if c in given else 'null'} as {t}) as {c}" for c, t in READ_COLUMNS.items()
        )
        files.append(parquet(settings.reads / f"data/read_date={day}/r0-v{version}.parquet", f"select {columns}"))

    def touched_since(earlier: int | None) -> list[Path] | None:
        if earlier is None:
            return None
        return [
            parquet(
                settings.reads / f"touched/{v}-{day}.parquet",
                f"select 'S1' as service_point_id, 'delivered' as channel, date '{day}' as read_date",
            )
            for v, days in touched.items()
            if v > earlier
            for day in days
        ]

    store = StoreVersionInput(version, files, touched_since, date(2026, 3, 7), date(2026, 3, 8), (), version)
    return BuildInputs({}, store, as_of=NIGHT)


def rows(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with duck_file.reader(settings, duck_file.warehouse_file(settings)) as con:
        return con.execute(query).fetchall()


def test_builds_a_domain_and_skips_when_nothing_changed(
    settings: Settings, ledger: Ledger, capfd: pytest.CaptureFixture[str]
) -> None:
    first = warehouse.build("billing", persons(settings, "1", "2", sequence=5), settings, ledger)
    assert (first.is_skipped, first.is_full, first.through_sequence, first.store_version) == (False, True, 5, None)
    assert first.dbt is not None
    assert {n.name for n in first.dbt.ok} == {"dim_customer", "ops_receipts", "not_null_dim_customer_customer_id"}
    assert rows(settings, "from main_marts.dim_customer order by all") == [("1", 1), ("2", 2)]

    again = warehouse.build("billing", persons(settings, "1", "2", sequence=5), settings, ledger)
    assert (again.is_skipped, again.reason) == (True, "nothing changed since the last build")

    other_night = replace(persons(settings, "1", "2", sequence=5), as_of=NIGHT + timedelta(days=1))
    assert not warehouse.build("billing", other_night, settings, ledger).is_skipped  # windows and balances move on
    assert rows(settings, "select as_of from lake.build_scope") == [(NIGHT + timedelta(days=1),)]

    more = warehouse.build("billing", persons(settings, "3", sequence=6), settings, ledger)
    assert (more.is_skipped, more.is_full, more.through_sequence) == (False, False, 6)
    last = warehouse.last_build_of(settings, "billing")
    assert last is not None and (last.through_sequence, last.is_unfinished) == (6, False)
    assert capfd.readouterr().out.count("\n") <= 3  # our own log lines; dbt says nothing


def test_the_file_is_free_for_other_processes_afterwards(settings: Settings, ledger: Ledger) -> None:
    warehouse.build("billing", persons(settings, "1"), settings, ledger)
    path = duck_file.warehouse_file(settings)
    opened = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import duckdb; duckdb.connect({str(path)!r}).execute('create table free (i integer)')",
        ],
        check=False,
        timeout=60,
    )
    assert opened.returncode == 0
    assert not path.with_name(path.name + ".wal").exists()


def test_only_touched_keys_are_recomputed(settings: Settings, ledger: Ledger) -> None:
    before = {"2026-03-07": "1", "2026-03-08": "2"}
    warehouse.build("usage", reads(settings, 1, before, {1: list(before)}), settings, ledger)
    after = {"2026-03-07": "10", "2026-03-08": "20"}  # both differ, only one is said to be touched
    result = warehouse.build("usage", reads(settings, 2, after, {2: ["2026-03-08"]}), settings, ledger)
    assert (result.is_full, result.touched_keys, result.store_version) == (False, 1, 2)
    assert rows(settings, "select usage_date, usage_quantity::integer from main_marts.fct_usage_daily order by 1") == [
        (date(2026, 3, 7), 1),
        (date(2026, 3, 8), 20),
    ]
    full = warehouse.build("usage", reads(settings, 2, after, {}), settings, ledger, full_refresh=True)
    assert full.is_full
    assert rows(settings, "select sum(usage_quantity)::integer from main_marts.fct_usage_daily") == [(30,)]


def test_a_changed_project_or_a_lost_warehouse_builds_in_full(settings: Settings, ledger: Ledger) -> None:
    inputs = persons(settings, "1")
    warehouse.build("billing", inputs, settings, ledger)
    model = settings.dbt_project / "models/marts/dim_customer.sql"
    model.write_text(model.read_text("utf-8").replace("as number", "+ 1 as number"), "utf-8")
    assert warehouse.build("billing", inputs, settings, ledger).reason == (
        "full: the dbt project changed since the last build"
    )
    assert rows(settings, "select number from main_marts.dim_customer") == [(2,)]
    duck_file.warehouse_file(settings).unlink()
    assert warehouse.build("billing", inputs, settings, ledger).is_full


def test_a_failing_node_is_named_without_its_rows(settings: Settings, ledger: Ledger) -> None:
    warehouse.build("billing", persons(settings, "1"), settings, ledger)
    with pytest.raises(TerminalError) as failed:
        warehouse.build("billing", persons(settings, "secret name", sequence=2), settings, ledger)
    assert failed.value.code == "dbt.failed"
    assert "model dim_customer: Conversion Error (its text may quote rows and is left out)" in failed.value.message
    assert "secret" not in str(failed.value)
    written = [p for p in (settings.root / "dbt").rglob("*") if p.is_file() and b"secret name" in p.read_bytes()]
    assert written == []
    last = warehouse.last_build_of(settings, "billing")
    assert last is not None and (last.through_sequence, last.is_unfinished) == (1, True)
    good = warehouse.build("billing", persons(settings, "3", sequence=3), settings, ledger)
    assert not good.is_skipped


def test_a_broken_contract_is_readable(settings: Settings, ledger: Ledger) -> None:
    model = settings.dbt_project / "models/marts/dim_customer.sql"
    model.write_text("{{ config(tags=['billing']) }} select 1 as customer_id, 2 as surplus", "utf-8")
    with pytest.raises(TerminalError, match="enforced contract that failed") as failed:
        warehouse.build("billing", persons(settings, "1"), settings, ledger)
    assert "surplus" in failed.value.message and "number" in failed.value.message


def test_a_failed_test_gives_its_count(settings: Settings, ledger: Ledger) -> None:
    yml = settings.dbt_project / "models/marts/dim_customer.yml"
    yml.write_text(
        yml.read_text("utf-8").replace("not_null]", "{accepted_values: {arguments: {values: ['1']}}}]"), "utf-8"
    )
    with pytest.raises(TerminalError, match="2 failing rows, configured to fail"):
        warehouse.build("billing", persons(settings, "1", "2", "3"), settings, ledger)


def test_a_broken_project_is_said_plainly(settings: Settings, ledger: Ledger) -> None:
    (settings.dbt_project / "models/marts/ops_receipts.sql").write_text("select * from {{ ref('nowhere') }}", "utf-8")
    with pytest.raises(TerminalError, match="nowhere") as failed:
        warehouse.build("billing", persons(settings, "1"), settings, ledger)
    assert failed.value.code == "dbt.broken"


def test_project_hash_ignores_what_dbt_writes(settings: Settings) -> None:
    before = project_hash(settings.dbt_project)
    (settings.dbt_project / "target").mkdir()
    (settings.dbt_project / "target" / "manifest.json").write_text("{}", "utf-8")
    assert project_hash(settings.dbt_project) == before
    (settings.dbt_project / "models" / "new.sql").write_text("select 1", "utf-8")
    assert project_hash(settings.dbt_project) != before


def test_published_tables_come_from_the_manifest(settings: Settings, ledger: Ledger) -> None:
    with pytest.raises(TerminalError, match=r"publish\.not_built"):
        warehouse.published_tables(settings, "billing")
    warehouse.build("billing", persons(settings, "1"), settings, ledger)
    assert warehouse.published_tables(settings, "billing") == [
        PublishedTable("dim_customer", "billing", "main_marts", ("customer_id",), None, "One row per customer."),
        PublishedTable("ops_receipts", "ops", "main_marts"),
    ]
    usage = warehouse.published_tables(settings, "usage")
    assert [(t.name, t.partition_by) for t in usage] == [("fct_usage_daily", "usage_date"), ("ops_receipts", None)]
    assert target_path(settings).is_relative_to(settings.root)


@pytest.mark.parametrize("step", ["build.inputs_attached", "build.dbt_done", "build.recorded"])
def test_killed_at_any_step_and_run_again_gives_the_same_state(settings: Settings, ledger: Ledger, step: str) -> None:
    warehouse.build("billing", persons(settings, "1"), settings, ledger)
    inputs = persons(settings, "1", "2", sequence=2)
    killed(build_and_die, settings.home, settings.dbt_project, step)
    last = warehouse.last_build_of(settings, "billing")
    assert last is not None and last.is_unfinished == (step != "build.recorded")
    again = warehouse.build("billing", inputs, settings, ledger)
    assert again.is_skipped == (step == "build.recorded")
    assert rows(settings, "from main_marts.dim_customer order by all") == [("1", 1), ("2", 2)]
    last = warehouse.last_build_of(settings, "billing")
    assert last is not None and (last.through_sequence, last.is_unfinished) == (2, False)
