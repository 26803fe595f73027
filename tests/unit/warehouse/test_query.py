"""People's SQL on the published warehouse, and what it cannot do."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import duckdb
import pytest

from nightwatt import warehouse
from nightwatt.duck import memory_engine
from nightwatt.errors import TerminalError
from nightwatt.settings import Settings
from nightwatt.warehouse import duck_file, versions
from nightwatt.warehouse.versions import DataFile, TableEntry, Version


@pytest.fixture
def published(settings: Settings) -> Settings:
    folder = versions.data_folder(settings) / "t"
    folder.mkdir(parents=True)
    with memory_engine(settings) as con:
        con.execute(f"copy (select 1::decimal(9,2) as a, 'x' as b) to '{folder}/all-1.parquet' (format parquet)")
    entry = TableEntry(
        "usage",
        (("a", "DECIMAL(9,2)"), ("b", "VARCHAR")),
        (),
        "A table.",
        1,
        "c",
        (DataFile("t/all-1.parquet", "all", 1, {}),),
    )
    versions.write_version(settings, Version(1, {}, {"t": entry}), versions.published_file(settings))
    return settings


def test_answers_with_names_types_and_exact_values(published: Settings) -> None:
    answer = warehouse.run_sql(published, "select a, b, date '2026-03-08' as d from t;")
    assert answer.to_pylist() == [{"a": Decimal("1.00"), "b": "x", "d": date(2026, 3, 8)}]
    assert [str(f.type) for f in answer.schema] == ["decimal128(9, 2)", "string", "date32[day]"]


@pytest.mark.parametrize(
    "sql",
    ["from t", "with x as (from t) select * from x", "show tables", "describe t", "summarize t", "values (1)",
     "explain from t", "explain analyze select * from t", "-- why\nselect 1"],
)  # fmt: skip
def test_every_kind_of_question_is_answered(published: Settings, sql: str) -> None:
    assert warehouse.run_sql(published, sql).num_rows > 0


@pytest.mark.parametrize(
    "sql",
    ["copy t to '{data}/x.csv'", "explain analyze copy t to '{data}/x.csv'", "create table x(i int)", "drop view t",
     "attach '/tmp/x.duckdb'", "set enable_external_access = true", "select 1; select 2", "install httpfs",
     "export database '{data}'", "pragma version", "call pragma_version()", ""],
)  # fmt: skip
def test_nothing_but_one_query_runs(published: Settings, sql: str) -> None:
    data = versions.data_folder(published)
    before = sorted(published.root.rglob("*"))
    with pytest.raises(TerminalError) as refused:
        warehouse.run_sql(published, sql.format(data=data))
    assert refused.value.code in {"sql.refused", "sql.failed"}
    assert sorted(published.root.rglob("*")) == before


@pytest.mark.parametrize(
    "sql",
    ["select * from read_text('/etc/hostname')", "select * from read_csv('{home}/ledger/x.csv')",
     "select * from read_text('{data}/../../secret')", "from glob('/etc/*')"],
)  # fmt: skip
def test_nothing_but_what_is_published_can_be_read(published: Settings, sql: str) -> None:
    (published.root / "secret").write_text("hush", "utf-8")
    with pytest.raises(TerminalError, match=r"sql\.failed"):
        warehouse.run_sql(published, sql.format(data=versions.data_folder(published), home=published.root))


def test_large_sorts_may_still_spill(published: Settings) -> None:
    small = published.model_copy(update={"memory_limit": "60MB"})
    answer = warehouse.run_sql(
        small, "select max(r) from (select row_number() over (order by hash(i)) as r from range(3000000) t(i))"
    )
    assert answer.to_pylist() == [{"max(r)": 3_000_000}]


def test_says_what_was_wrong_with_the_sql_but_quotes_no_rows(published: Settings) -> None:
    with pytest.raises(TerminalError, match='"nope" not found'):
        warehouse.run_sql(published, "select nope from t")
    with pytest.raises(TerminalError, match=r"Conversion Error \(its text may quote rows") as failed:
        warehouse.run_sql(published, "select cast(b || 'secret' as integer) from t")
    assert "xsecret" not in str(failed.value)


def test_a_reader_cannot_change_the_published_file(published: Settings) -> None:
    with warehouse.published(published) as con, pytest.raises(duckdb.Error):
        con.execute("create table nightwatt.main.x (i integer)")


def test_a_missing_or_broken_warehouse_is_said_plainly(settings: Settings) -> None:
    with (
        pytest.raises(TerminalError, match=r"warehouse\.none"),
        duck_file.reader(settings, duck_file.warehouse_file(settings)),
    ):
        pass
    path = duck_file.warehouse_file(settings)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not a database")
    with pytest.raises(TerminalError, match=r"warehouse\.unreadable"), duck_file.writer(settings, "test"):
        pass
