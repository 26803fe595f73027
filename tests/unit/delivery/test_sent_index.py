"""The indexes of sent files say what the files say, in order of arrival, and can be made again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from tests.support.opower_files import (
    CUSTOMER_HEADER,
    FULL_HEADER,
    account_row,
    hour,
    interval_row,
    name_of,
    usage_row,
)
from tests.support.sent import Archive

from nightwatt import durable
from nightwatt.delivery.sent_index import ensure, sent_files
from nightwatt.errors import TerminalError
from nightwatt.ledger.models import DeliveryState


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    opened = Archive(tmp_path / "home")
    yield opened
    opened.close()


def indexed(archive: Archive, delivery: str = "opower") -> list[Path]:
    return ensure(archive.settings, archive.ledger, delivery)


def said(index: Path) -> list[tuple[object, ...]]:
    """Return the rows of an index as they lie in it."""
    return duckdb.execute("from read_parquet(?)", [str(index)]).fetchall()


def columns(index: Path) -> dict[str, str]:
    described = duckdb.execute("describe select * from read_parquet(?)", [str(index)]).fetchall()
    return {row[0]: row[1] for row in described}


def test_an_index_is_what_the_file_says_by_service_point_and_line(archive: Archive) -> None:
    rows = [interval_row("SP2", hour(1), "0.10"), interval_row("SP1", hour(1), "1,5"), 'SP1\t"2\t20260307\t\t\t\t\t\t']
    number = archive.send("interval60", rows)

    (index,) = indexed(archive)

    name = name_of("interval60", "20260301060000")
    assert said(index) == [
        (*rows[1].split("\t"), 3, name, number),
        (*rows[2].split("\t"), 4, name, number),
        (*rows[0].split("\t"), 2, name, number),
    ]
    assert columns(index) == dict.fromkeys(
        ["service_point_id", "usage_value", "date", "time", "units", "is_estimate", "UTC_offset", "service_type",
         "service_quantity_identifier"], "VARCHAR",
    ) | {"_line": "BIGINT", "_file": "VARCHAR", "_sending_id": "BIGINT"}  # fmt: skip


def test_indexes_come_in_order_of_arrival_and_only_of_what_arrived(archive: Archive) -> None:
    late = archive.send("usage", [], 0, delivered_at=datetime(2026, 3, 5, tzinfo=UTC))
    early = archive.send("usage", [], 1)
    archive.send("usage", [], 2, state=DeliveryState.UNKNOWN)
    archive.send("usage", [], 3, delivery="another")
    archive.send("usage", [], 4, name="manifest.csv")

    files = sent_files(archive.settings, archive.ledger, "opower")

    assert [f.sending_id for f in files] == [early, late]
    assert indexed(archive) == [f.index for f in files]
    assert ensure(archive.settings, archive.ledger, "opower", only={late}) == [files[1].index]


def test_an_index_is_made_once_and_again_where_it_is_gone(archive: Archive) -> None:
    archive.send("customer", [account_row("SP1")])
    (index,) = indexed(archive)
    first, made = index.read_bytes(), index.stat().st_mtime_ns

    assert indexed(archive) == [index]
    assert index.stat().st_mtime_ns == made
    index.unlink()
    durable.aside_of(index).write_text("half an index, of a run that was killed")
    assert indexed(archive) == [index]
    assert index.read_bytes() == first
    assert not durable.aside_of(index).exists()


def test_zips_repeated_columns_and_windows_line_ends_are_read(archive: Archive) -> None:
    header = FULL_HEADER.replace("usage_value", "service_point_id\tusage_value")
    row = f"{account_row('SP1')}\tSP1\t" + usage_row("SP1", hour(0).date(), hour(24 * 30).date()).partition("\t")[2]
    archive.send("full", [], name=name_of("full", extension="zip"), text=f"{header}\r\n{row}\r\n")

    (index,) = indexed(archive)

    assert list(columns(index))[17:19] == ["service_point_id_2", "usage_value"]
    assert said(index)[0][:-3] == tuple(row.split("\t"))
    assert list(archive.settings.scratch.iterdir()) == []


def test_a_file_with_no_rows_has_an_index_with_none(archive: Archive) -> None:
    archive.send("customer", [])

    (index,) = indexed(archive)

    assert said(index) == []
    assert list(columns(index))[:-3] == CUSTOMER_HEADER.split("\t")


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda copy: copy.unlink(), "sent.copy_missing"),
        (lambda copy: copy.write_bytes(copy.read_bytes()[:-1]), "sent.copy_changed"),
    ],
)
def test_without_the_copy_that_was_sent_no_index_is_made(
    archive: Archive, damage: Callable[[Path], object], code: str
) -> None:
    archive.send("customer", [account_row("SP1")])
    damage(archive.copy_of(0, name_of("customer", "20260301060000")))

    with pytest.raises(TerminalError) as refused:
        indexed(archive)

    assert refused.value.code == code
    assert not any(f.index.exists() for f in sent_files(archive.settings, archive.ledger, "opower"))


def test_an_index_outlives_the_copy(archive: Archive) -> None:
    archive.send("customer", [account_row("SP1")])
    (index,) = indexed(archive)
    archive.copy_of(0, name_of("customer", "20260301060000")).unlink()

    assert indexed(archive) == [index]


def test_a_file_that_does_not_hold_the_rows_the_ledger_says_is_refused(archive: Archive) -> None:
    archive.send("customer", [account_row("SP1")], rows=2)

    with pytest.raises(TerminalError) as refused:
        indexed(archive)

    assert refused.value.code == "sent.rows_differ"


def test_line_numbers_are_the_files_own_however_large_it_is(archive: Archive) -> None:
    archive.send("usage", [f"SP{n % 7}\t{n + 2}\t\t\t\t" for n in range(300_000)])

    (index,) = indexed(archive)

    wrong = "select count(*) filter (where usage_value::bigint <> _line), count(*) from read_parquet(?)"
    assert duckdb.execute(wrong, [str(index)]).fetchall() == [(0, 300_000)]
