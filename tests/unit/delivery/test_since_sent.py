"""`nightwatt opower check --since-sent`: files are judged after everything a delivery sent.

Each test reads: what was sent, which file comes next, what the checker finds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.opower_files import account_row, interval_row, month, name_of, text_of, usage_row
from tests.support.sent import Archive, pack
from typer.testing import CliRunner

from nightwatt.cli.app import app
from nightwatt.ledger.models import PhaseKind

BILLING, INTERVAL = "opower_billing", "opower_interval_electric"


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    opened = Archive(tmp_path / "home")
    yield opened
    opened.close()


def check(archive: Archive, delivery: str, *files: tuple[str, list[str]], stamp: str = "20260401060000") -> list[dict]:
    """Check files after what a delivery sent; return what is found in each."""
    paths = []
    for kind, rows in files:
        path = archive.settings.home / name_of(kind, stamp)
        path.write_bytes(pack(path.name, text_of(kind, rows).encode()))
        paths.append(str(path))
    home = str(archive.settings.home)
    arguments = ["--home", home, "opower", "check", *paths, "--format", "json", "--since-sent", delivery]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code < 2, result.output
    return [{f["code"]: f["count"] for f in file["findings"]} for file in json.loads(result.stdout)["files"]]


def quarters(first: int, last: int) -> list[str]:
    start = datetime(2026, 3, 2, 5, 15, tzinfo=UTC)
    return [interval_row("SP1", start + n * timedelta(minutes=15)) for n in range(first, last)]


def test_reads_that_go_on_where_the_last_file_ended_are_clean(archive: Archive) -> None:
    archive.send("interval15", quarters(0, 96), delivery=INTERVAL)

    assert check(archive, INTERVAL, ("interval15", quarters(96, 192))) == [{}]


def test_time_missing_since_the_last_file_and_reads_said_again_are_found(archive: Archive) -> None:
    archive.send("interval15", quarters(0, 96), delivery=INTERVAL)

    assert check(archive, INTERVAL, ("interval15", quarters(100, 192))) == [{"GAP": 1}]
    assert check(archive, INTERVAL, ("interval15", quarters(90, 192))) == [{"INT_DUP": 6}]


def test_a_stamp_before_that_of_the_last_file_is_found(archive: Archive) -> None:
    archive.send("interval15", quarters(0, 96), 5, delivery=INTERVAL)

    found = check(archive, INTERVAL, ("interval15", quarters(96, 192)), stamp="20260306060000")

    assert found == [{"NAME_STAMP_ORDER": 1}]


def test_usage_of_a_service_point_no_customer_file_ever_had_is_an_orphan(archive: Archive) -> None:
    archive.send("customer", [account_row("SP1")], delivery=BILLING)
    archive.send("usage", [usage_row("SP1", month(24), month(25))], 1, delivery=BILLING)
    rows = [usage_row("SP1", month(25), month(26)), usage_row("SP2", month(25), month(26))]

    assert check(archive, BILLING, ("usage", rows)) == [{"ORPHAN_USAGE": 1}]


def test_an_active_date_other_than_the_one_sent_first_is_found(archive: Archive) -> None:
    archive.send("customer", [account_row("SP1", active="20230401")], delivery=BILLING)

    assert check(archive, BILLING, ("customer", [account_row("SP1", active="20230402")])) == [
        {"ACTIVE_DATE_CHANGED": 1}
    ]
    assert check(archive, BILLING, ("customer", [account_row("SP1", active="20230401", ended="20260301")])) == [{}]


def test_periods_are_judged_by_the_record_that_overwrites_left(archive: Archive) -> None:
    archive.send("customer", [account_row("SP1")], delivery=BILLING)
    archive.send("usage", [usage_row("SP1", month(n), month(n + 1)) for n in (23, 24)], 1, delivery=BILLING)
    archive.send("usage", [usage_row("SP1", month(24), month(26))], 2, delivery=BILLING)

    assert check(archive, BILLING, ("usage", [usage_row("SP1", month(26), month(27))])) == [{}]
    assert check(archive, BILLING, ("usage", [usage_row("SP1", month(24), month(26))])) == [{}]
    assert check(archive, BILLING, ("usage", [usage_row("SP1", month(25), month(27))])) == [{"OVERLAP_BAD": 1}]
    assert check(archive, BILLING, ("usage", [usage_row("SP1", date(2026, 3, 4), month(27))])) == [{"GAP": 1}]


def test_samples_are_not_on_record(archive: Archive) -> None:
    archive.send("customer", [account_row("SP1", active="20230101")], delivery=BILLING, phase=PhaseKind.SAMPLE)
    archive.send("customer", [account_row("SP2")], 1, delivery=BILLING, phase=PhaseKind.FULL)

    rows = [account_row("SP1", account="A1"), account_row("SP2")]
    assert check(archive, BILLING, ("customer", rows), ("usage", [usage_row("SP1", month(25), month(26))])) == [{}, {}]


def test_a_delivery_of_another_kind_is_refused(archive: Archive) -> None:
    path = archive.settings.home / name_of("usage")
    path.write_bytes(pack(path.name, text_of("usage", []).encode()))
    arguments = ["--home", str(archive.settings.home), "opower", "check", str(path), "--since-sent", "crm_core"]

    result = CliRunner().invoke(app, arguments)

    assert (result.exit_code, "sent.not_searchable" in result.stderr) == (2, True)
