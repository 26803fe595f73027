"""Two SAP clients that use the same numbers, on one platform: what is of one is never mixed with the other's."""

from __future__ import annotations

import pytest
from tests.dbt.isu_world import load_world
from tests.dbt.scratch import PROJECT, Scratch

CANONICAL = sorted(p.stem for p in (PROJECT / "models" / "intermediate" / "isu").glob("int_isu__canonical_*.sql"))


def _said(scratch: Scratch, prefix: str) -> dict[str, list[tuple[str, ...]]]:
    """Return every canonical row of a prefix, as if the prefix were plain."""
    said = {}
    for model in CANONICAL:
        rows = [list(map(str, row.values())) for row in scratch.rows(f"select * from intermediate.{model}")]
        of_client = [row for row in rows if row[0].startswith(prefix)]
        said[model] = sorted(tuple(value.replace(prefix, "ISU|") for value in row) for row in of_client)
    return said


@pytest.mark.slow
@pytest.mark.long
def test_clients_with_the_same_numbers_do_not_mix(scratch: Scratch) -> None:
    load_world(scratch)
    scratch.build("+path:models/intermediate/isu", full=True)
    alone = _said(scratch, "ISU|")
    assert all(alone.values())
    with scratch.connect() as con:
        tables = con.execute(
            "select table_name from duckdb_tables() where schema_name = 'lake' and starts_with(table_name, 'isu_')"
        ).fetchall()
        assert tables
        for (table,) in tables:
            con.execute(f"insert into lake.{table} select * replace ('200' as mandt) from lake.{table}")
    chosen = ("--vars", "{isu_prefix_with_client: true}", "--full-refresh", "--select", "path:models/intermediate/isu")
    scratch.dbt("run", *chosen)
    assert _said(scratch, "ISU100|") == alone
    assert _said(scratch, "ISU200|") == alone
