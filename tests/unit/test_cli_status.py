"""`nightwatt status`: the verdict first; again and again for people, as JSON for programs."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from tests.support.nights import TONIGHT, Diary, Night, alert, at, home
from typer.testing import CliRunner

from nightwatt.cli.app import app
from nightwatt.settings import Settings
from nightwatt.stages import Platform, board

SEEN_AT = at(TONIGHT, "06:10")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a night that missed its deadline for one feed."""
    monkeypatch.setenv("NIGHTWATT_CLOCK_AT", SEEN_AT.isoformat())
    with home(tmp_path) as (_, ledger, catalog), ledger.write() as session:
        Diary(session, catalog).write(Night(TONIGHT, SEEN_AT, absent=frozenset({"ccb_bseg"})))
        session.add(alert("deadline.missed", "billing", at(TONIGHT, "06:00"), "billing missed 06:00", "see ccb_bseg"))
    return tmp_path


def said(root: Path, *arguments: str) -> str:
    result = CliRunner().invoke(app, ["--home", str(root), "status", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_verdict_and_the_alerts_stand_above_everything(root: Path) -> None:
    first = said(root).strip().splitlines()[:5]

    assert first[0] == "✖ Billing missed 06:00: ccb_bseg has not come"
    assert "alert 1, critical since 06:00: billing missed 06:00" in "\n".join(first)
    assert "see ccb_bseg" in "\n".join(first)


def test_json_is_the_board_the_page_shows(root: Path) -> None:
    with Platform.open("test", Settings(home=root), clock=lambda: SEEN_AT) as platform:
        expected = board(platform, TONIGHT).to_dict()

    shown = json.loads(said(root, "--json", "--date", str(TONIGHT)))

    for part in ("business_date", "headline", "alerts", "standing", "is_over"):
        assert shown[part] == expected[part], part
    states = [(f["feed"], f["tone"], f["state"], f["choices"]) for f in expected["feeds"]]
    assert [(f["feed"], f["tone"], f["state"], f["choices"]) for f in shown["feeds"]] == states


def test_the_watch_looks_again_until_it_is_stopped(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", wait)

    screen = said(root, "--watch", "--every", "7")

    assert waited == [7, 7, 7]
    assert "Billing missed 06:00: ccb_bseg has not come" in screen
    assert "ccb_bseg  ✖ missing  nothing has come" in screen
    assert screen.rstrip().endswith("stopped looking")


def test_a_program_does_not_watch(root: Path) -> None:
    result = CliRunner().invoke(app, ["--home", str(root), "status", "--json", "--watch"])

    assert result.exit_code == 2
