"""A build that is larger than its memory limit spills to disk and goes on, model after model."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nightwatt.settings import Settings
from nightwatt.warehouse import duck_file, run_dbt

PROFILE = Path(__file__).resolve().parents[3] / "dbt_project" / "profiles.yml"
ROWS = 1_000_000
LARGER_THAN_MEMORY = f"select range as n, repeat(md5(range::varchar), 16) as text from range({ROWS}) order by text"
"""About half a gigabyte, more than twice the limit below; a limit much smaller has no room for a sort at all."""


@pytest.mark.long
def test_a_build_may_spill_and_open_another_cursor(settings: Settings) -> None:
    """With the project's own profile: dbt repeats some of it on every cursor, and not everything may be set twice."""
    project = settings.dbt_project
    shutil.rmtree(project / "models")
    (project / "models").mkdir()
    for name in ("first", "second"):
        (project / "models" / f"{name}.sql").write_text(
            "{{ config(materialized='table') }}\n" + LARGER_THAN_MEMORY, "utf-8"
        )
    (project / "profiles.yml").write_text(PROFILE.read_text("utf-8").replace("nightwatt:", "tiny:", 1), "utf-8")
    small = settings.model_copy(update={"memory_limit": "200MB", "threads": 2})

    with duck_file.writer_lock(small, "test") as held:
        result = run_dbt(small, "run", held=held)

    assert [node.status for node in result.nodes] == ["success"] * 2
    with duck_file.reader(small, duck_file.warehouse_file(small)) as con:
        assert con.execute("select count(distinct left(text, 32)) from second").fetchone() == (ROWS,)
