"""Watching a home: what is found goes into the ledger once, and the exit code says it to cron."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.support.opower_files import hour, interval_row
from tests.support.sent import FIRST_NIGHT, Archive
from typer.testing import CliRunner

from nightwatt.cli.app import app
from nightwatt.ledger.models import Check, PhaseKind

DELIVERY = "opower_interval_electric"


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    opened = Archive(tmp_path / "home")
    yield opened
    opened.close()


def watch(archive: Archive, monkeypatch: pytest.MonkeyPatch, day: date, *arguments: str) -> tuple[int, str]:
    """Look at noon of a day; return exit code and what is said."""
    monkeypatch.setenv("NIGHTWATT_CLOCK_AT", f"{day}T12:00:00-04:00")
    result = CliRunner().invoke(app, ["--home", str(archive.settings.home), "opower", "watch", *arguments])
    return result.exit_code, result.stdout


def known(archive: Archive) -> list[tuple[str, str, date | None]]:
    with archive.ledger.read() as session:
        rows = session.scalars(select(Check).order_by(Check.id)).all()
    return [(row.code, row.subject, row.business_date) for row in rows]


def test_a_missing_file_is_written_down_once_and_fails_for_cron(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    for night in range(3):
        archive.send("interval60", [interval_row("SP1", hour(night))], night, delivery=DELIVERY)
    last = FIRST_NIGHT + timedelta(days=2)

    assert watch(archive, monkeypatch, last) == (0, "every file that is due was sent, and none is unusually small\n")
    missed = last + timedelta(days=1)
    code, said = watch(archive, monkeypatch, missed)
    again = watch(archive, monkeypatch, missed, DELIVERY)

    assert (code, again) == (1, (1, said))
    assert said == f"delivery.missing: {DELIVERY}: nothing was sent for {missed}, which was due by 08:00\n"
    assert known(archive) == [("delivery.missing", DELIVERY, missed)]


def test_samples_and_the_history_are_no_incrementals(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.send("interval60", [], 0, delivery=DELIVERY, phase=PhaseKind.SAMPLE)

    assert watch(archive, monkeypatch, FIRST_NIGHT + timedelta(days=1))[0] == 0
    archive.send("interval60", [], 2, delivery=DELIVERY, phase=PhaseKind.FULL)
    assert watch(archive, monkeypatch, FIRST_NIGHT + timedelta(days=2))[0] == 0
    assert watch(archive, monkeypatch, FIRST_NIGHT + timedelta(days=3))[0] == 1


def test_rows_and_service_points_are_counted_over_all_files_of_a_night(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [interval_row("SP1", hour(n)) for n in range(10)]
    with archive.at_once():
        for night in range(29):
            each = 2 if night == 28 else 5
            for part in range(2):
                stamp = f"{FIRST_NIGHT + timedelta(days=night):%Y%m%d}06000{part}"
                name = f"opwr_nwu_res_v2-0-5_interval60_{stamp}.gz"
                totals = {"service_points": each}
                archive.send("interval60", rows[:each], night, delivery=DELIVERY, name=name, totals=totals)

    code, said = watch(archive, monkeypatch, FIRST_NIGHT + timedelta(days=28))

    assert code == 1
    assert "have 4 rows, 40.0 % of the usual 10 on this weekday" in said
    assert "have 4 service points, 40.0 % of the usual 10 on this weekday" in said
    assert [c for c, *_ in known(archive)] == ["delivery.meters_low", "delivery.rows_low"]
