"""Queries shown in pages run on the published tables as `tables.md` describes them, empty here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from docs_pages import tables
from tests.docs.markdown import REPOSITORY, pages, queries


@pytest.fixture(scope="module")
def published() -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine with every published table, without rows."""
    con = duckdb.connect(":memory:")
    for table in tables.published(REPOSITORY / "dbt_project"):
        columns = ", ".join(f'"{c.name}" {c.kind}' for c in table.columns)
        con.execute(f'create table "{table.name}" ({columns})')
    yield con
    con.close()


@pytest.mark.parametrize("page", pages(), ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_queries_run(page: Path, published: duckdb.DuckDBPyConnection) -> None:
    for query in queries(page.read_text("utf-8")):
        if query not in {"...", "QUERY"}:
            published.execute(query)


def test_the_analysts_page_has_queries() -> None:
    assert len(list(queries((REPOSITORY / "docs/analysts.md").read_text("utf-8")))) > 8


def test_a_query_on_a_column_that_is_gone_is_noticed(published: duckdb.DuckDBPyConnection) -> None:
    (query,) = queries('```console\n$ nightwatt sql --format csv "select kwh from fct_usage_daily" > out.csv\n```')

    with pytest.raises(duckdb.BinderException):
        published.execute(query)
