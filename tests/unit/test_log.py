"""Log lines say which file and night they are about, and never what is in it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from nightwatt import log, stages
from nightwatt.errors import NightWattError
from nightwatt.ledger.models import Receipt, Run
from nightwatt.settings import PROJECT_ROOT, Settings
from nightwatt.stages import Platform

NOW = datetime(2026, 3, 9, 8, 30, tzinfo=UTC)
DAY = date(2026, 3, 9)
FEED = "london_half_hours"
CANARY = "canary7xq"
HEAD = "LCLid,tstp,energy(kWh/hh)\n"

FILES = {  # what of each must stay inside: keys, stamps and values of good rows and of bad ones, headers
    "Good": HEAD + f"{CANARY},2026-03-08 00:00:00,0.104\n{CANARY},2026-03-08 00:30:00,0.2\n",
    "SomeBad": HEAD + f"{CANARY},2026-03-08 00:00:00,0.104\n" * 300 + f"{CANARY},{CANARY},{CANARY}\n",
    "AllBad": HEAD + f"{CANARY},{CANARY},{CANARY}\n" * 5 + f'"{CANARY}\n',
    "OtherColumns": f"{CANARY},tstp,{CANARY}\n{CANARY},2026-03-08 00:00:00,1\n",
    "NotText": HEAD + f"{CANARY},\udcff\udcfe{CANARY},1\n",
}


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    settings = Settings(home=tmp_path, zone="Europe/London")
    catalog = PROJECT_ROOT / "examples" / "public_reads" / "catalog"
    with Platform.open("test", settings, catalog, clock=lambda: NOW) as opened:
        yield opened


def drop(platform: Platform, name: str) -> None:
    """Let one of the files come."""
    folder = platform.settings.inbound / "london"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"MAC{name}.csv").write_bytes(FILES[name].encode("utf-8", "surrogateescape"))


def night(platform: Platform) -> list[NightWattError]:
    """Arrive and load, and return what went wrong."""
    wrong: list[NightWattError] = []
    try:
        arrived = stages.arrive(platform, FEED, DAY, wait=True)
        wrong += [NightWattError("x", why, "") for _, why in (*arrived.held, *arrived.refused)]
        stages.load(platform, FEED, DAY)
    except NightWattError as e:
        wrong.append(e)
    return wrong


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture) -> None:
    """Listen to all levels, of our own lines and of every library's."""
    log.configure(logging.DEBUG)
    caplog.set_level(logging.DEBUG)


@pytest.mark.parametrize("name", FILES)
def test_no_value_of_a_row_is_logged_or_kept_in_the_ledger(
    name: str,
    platform: Platform,
    everything: None,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    drop(platform, name)
    wrong = night(platform)
    with platform.ledger.read() as session:
        kept = [r.message for r in session.query(Receipt)] + [r.message for r in session.query(Run)]
    said = capsys.readouterr()

    assert "event=received" in said.err  # it was listened to
    for text in (said.err, said.out, caplog.text, *map(str, wrong), *map(str, kept)):
        assert CANARY not in text


def test_every_line_about_a_file_names_its_receipt_feed_and_night(
    platform: Platform, everything: None, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("Good", "AllBad"):
        drop(platform, name)
    night(platform)
    lines = [line for line in capsys.readouterr().err.splitlines() if "room=intake" in line or "room=arrival" in line]
    with platform.ledger.read() as session:
        numbers = {r.file_name: r.id for r in session.query(Receipt)}

    assert len(lines) == 4
    for number in numbers.values():
        about = [line for line in lines if f"receipt={number}" in line.split()]
        assert len(about) == 2  # received; loaded, or held
        assert all(f"business_date={DAY}" in line for line in about)
        assert all(f"feed={FEED}" in line or f"subject={FEED}" in line for line in about)
    (loaded,) = [line for line in lines if "event=loaded" in line]
    assert {"rows_in=2", "rows_rejected=0", "stage=load", f"receipt={numbers['MACGood.csv']}"} <= set(loaded.split())


def test_lines_of_a_stage_name_its_run(
    platform: Platform, everything: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with platform.ledger.run("merge", "reads", DAY, "test") as run:
        log.get("reads").info("merged")
    log.get("reads").info("afterwards")
    inside, outside = capsys.readouterr().err.splitlines()

    facts = {"stage=merge", "subject=reads", f"business_date={DAY}", f"ledger_run={run.id}"}
    assert facts <= set(inside.split())
    assert not facts & set(outside.split())
