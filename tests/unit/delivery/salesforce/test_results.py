"""Results of the Bulk API: every uploaded row gets its outcome, in whatever order and file the results come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from nightwatt.delivery.salesforce.results import (
    BulkResults,
    Outcome,
    ResultRow,
    Settlement,
    read_results,
    result_rows,
    settle,
)
from nightwatt.errors import TerminalError

KEY = "CIS_External_Id__c"
SUCCESSFUL = f"""\
"sf__Id","sf__Created",{KEY},Name
"001000000000002AAA","false","CCB|PER|2","Roe, ""R"" \nFarms"
"001000000000001AAA","true","CCB|PER|1","Ann"
"""
FAILED = f"""\
"sf__Id","sf__Error",{KEY},Name
"","REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --","CCB|PER|4",""
"001000000000003AAA","UNABLE_TO_LOCK_ROW:Max Moe is locked:--","CCB|PER|3","Max Moe"
"""
UNREADABLE = "r.csv: not UTF-8 text with comma-separated columns"
UNPROCESSED = f'{KEY},Name\n"CCB|PER|5","Zoe"\n'


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as engine:
        yield engine


@pytest.fixture
def files(tmp_path: Path) -> BulkResults:
    return BulkResults(
        (written(tmp_path / "successful.csv", SUCCESSFUL),),
        (written(tmp_path / "failed.csv", FAILED),),
        (written(tmp_path / "unprocessed.csv", UNPROCESSED),),
    )


def written(path: Path, content: str | bytes) -> Path:
    """Write a file as it is."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def uploaded(con: duckdb.DuckDBPyConnection, *keys: str) -> str:
    """Make a table of what was uploaded."""
    con.execute("create or replace table sent (external_id varchar)")
    con.executemany("insert into sent values (?)", [[key] for key in keys])
    return "sent"


def test_every_row_comes_back_with_what_became_of_it_and_without_its_values(
    con: duckdb.DuckDBPyConnection, files: BulkResults
) -> None:
    read_results(con, files, key=KEY, into="answers")

    assert list(result_rows(con, "answers")) == [
        ResultRow("CCB|PER|1", Outcome.ACCEPTED, "001000000000001AAA", is_created=True),
        ResultRow("CCB|PER|2", Outcome.ACCEPTED, "001000000000002AAA", is_created=False),
        ResultRow(
            "CCB|PER|3",
            Outcome.REFUSED,
            "001000000000003AAA",
            error_code="UNABLE_TO_LOCK_ROW",
            message="UNABLE_TO_LOCK_ROW: … is locked",
        ),
        ResultRow(
            "CCB|PER|4",
            Outcome.REFUSED,
            error_code="REQUIRED_FIELD_MISSING",
            message="REQUIRED_FIELD_MISSING: Required fields are missing: … (Name)",
        ),
        ResultRow("CCB|PER|5", Outcome.UNPROCESSED),
    ]


def test_results_of_another_order_are_joined_back_and_account_for_every_row(
    con: duckdb.DuckDBPyConnection, files: BulkResults
) -> None:
    read_results(con, files, key=KEY, into="answers")
    sent = uploaded(con, *(f"CCB|PER|{n}" for n in range(1, 6)))

    settled = settle(con, uploaded=sent, results="answers", into="settled")

    assert settled == Settlement(uploaded=5, accepted=2, refused=2, unprocessed=1, missing=0, surplus=0)
    assert settled.is_complete
    assert [(row.external_id[-1], row.outcome.value) for row in result_rows(con, "settled")] == [
        ("1", "accepted"),
        ("2", "accepted"),
        ("3", "refused"),
        ("4", "refused"),
        ("5", "unprocessed"),
    ]


def test_rows_without_result_and_results_without_row_are_counted(
    con: duckdb.DuckDBPyConnection, files: BulkResults
) -> None:
    read_results(con, BulkResults(files.successful), key=KEY, into="answers")

    settled = settle(con, uploaded=uploaded(con, "CCB|PER|2", "CCB|PER|3"), results="answers", into="settled")

    assert settled == Settlement(uploaded=2, accepted=2, refused=0, unprocessed=0, missing=1, surplus=1)
    assert not settled.is_complete
    assert list(result_rows(con, "settled")) == [
        ResultRow("CCB|PER|2", Outcome.ACCEPTED, "001000000000002AAA", is_created=False),
        ResultRow("CCB|PER|3", Outcome.MISSING),
    ]


def test_of_several_results_for_one_key_the_worst_counts(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    header = f"sf__Id,sf__Created,{KEY}\n"
    successful = written(tmp_path / "s.csv", header + "1,true,A\n2,true,B\n")
    failed = written(
        tmp_path / "f.csv", f"sf__Id,sf__Error,{KEY}\n1,DUPLICATE_VALUE:Duplicate external id specified: A:--,A\n"
    )
    read_results(con, BulkResults((successful,), (failed,)), key=KEY, into="answers")

    settled = settle(con, uploaded=uploaded(con, "A", "A", "B", "B"), results="answers", into="settled")

    assert settled == Settlement(uploaded=4, accepted=2, refused=1, unprocessed=0, missing=1, surplus=0)
    assert [(row.external_id, row.outcome) for row in result_rows(con, "settled")] == [
        ("A", Outcome.REFUSED),
        ("B", Outcome.MISSING),
    ]


def test_no_results_at_all_leave_every_row_missing(con: duckdb.DuckDBPyConnection) -> None:
    read_results(con, BulkResults(), key=KEY, into="answers")

    settled = settle(con, uploaded=uploaded(con, "A"), results="answers", into="settled")

    assert settled == Settlement(uploaded=1, accepted=0, refused=0, unprocessed=0, missing=1, surplus=0)


@pytest.mark.parametrize("content", ["", f"sf__Id,sf__Error,{KEY},Name\n", f"sf__Id,sf__Error,{KEY},Name\r\n"])
def test_a_kind_of_result_may_have_no_rows(
    con: duckdb.DuckDBPyConnection, files: BulkResults, tmp_path: Path, content: str
) -> None:
    none_failed = BulkResults(files.successful, (written(tmp_path / "none.csv", content),))
    read_results(con, none_failed, key=KEY, into="answers")

    settled = settle(con, uploaded=uploaded(con, "CCB|PER|1", "CCB|PER|2"), results="answers", into="settled")

    assert settled == Settlement(uploaded=2, accepted=2, refused=0, unprocessed=0, missing=0, surplus=0)


def test_reading_again_replaces_what_was_read(con: duckdb.DuckDBPyConnection, files: BulkResults) -> None:
    read_results(con, files, key=KEY, into="answers")
    read_results(con, files, key=KEY, into="answers")

    assert len(list(result_rows(con, "answers"))) == 5


@pytest.mark.parametrize(
    ("kind", "content", "code", "message"),
    [
        ("successful", f"sf__Id,{KEY}\n1,A\n", "columns_missing", "r.csv, row 1 (header): no column sf__Created"),
        ("failed", "sf__Id,Name\n", "columns_missing", f"r.csv, row 1 (header): no column sf__Error, {KEY}"),
        ("unprocessed", f"{KEY},Name,Name\n", "columns_doubled", "r.csv, row 1 (header): a column is there twice"),
        ("unprocessed", "\n", "columns_missing", f"r.csv, row 1 (header): no column {KEY}"),
        (
            "successful",
            f"sf__Id,sf__Created,{KEY}\n1,true,A\n2,true,\n",
            "value_invalid",
            f"r.csv, row 3: {KEY} is empty or no value of its kind",
        ),
        (
            "successful",
            f"sf__Id,sf__Created,{KEY}\n1,yes,A\n",
            "value_invalid",
            "r.csv, row 2: sf__Created is empty or no value of its kind",
        ),
        (
            "successful",
            f"sf__Id,sf__Created,{KEY}\n,true,A\n",
            "value_invalid",
            "r.csv, row 2: sf__Id is empty or no value of its kind",
        ),
        (
            "failed",
            f"sf__Id,sf__Error,{KEY}\n,X_Y:z,A\n,,B\n",
            "value_invalid",
            "r.csv, row 3: sf__Error is empty or no value of its kind",
        ),
        ("unprocessed", f'{KEY}\n"A\n', "cut_short", "r.csv: it ends in the middle of a row"),
        ("unprocessed", f"{KEY}\nA", "cut_short", "r.csv: it ends in the middle of a row"),
        ("unprocessed", f"{KEY},Name\nA,B,Canary\n", "unreadable", UNREADABLE),
        ("unprocessed", f"{KEY}\n".encode() + b"Canary\xff\n", "unreadable", UNREADABLE),
    ],
)
def test_a_file_that_is_no_result_is_refused_with_place_and_remedy(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, kind: str, content: str | bytes, code: str, message: str
) -> None:
    files = BulkResults(**{kind: (written(tmp_path / "r.csv", content),)})

    with pytest.raises(TerminalError) as refused:
        read_results(con, files, key=KEY, into="answers")

    assert refused.value.code == f"acknowledgement.{code}"
    assert refused.value.message == message
    assert refused.value.remedy
    assert refused.value.__cause__ is None


def test_a_file_that_is_not_there_is_named(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    with pytest.raises(TerminalError, match=r"acknowledgement.absent.*gone.csv"):
        read_results(con, BulkResults((tmp_path / "gone.csv",)), key=KEY, into="answers")
