"""The command line of alerts and of the watchdog: what it prints, and its exit codes."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from tests.support.conditions import condition, worse
from typer.testing import CliRunner

from nightwatt.cli.app import app
from nightwatt.ledger import Ledger, alerts
from nightwatt.ledger.facts import house
from nightwatt.settings import Settings
from nightwatt.stages import Platform, WatchSummary, watchdog
from nightwatt.stages.watchdog import look


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home at four in the night of 9 March, in which two alerts stand that the next look will not find."""
    monkeypatch.setenv("NIGHTWATT_HOME", str(tmp_path))
    monkeypatch.setenv("NIGHTWATT_CLOCK_AT", "2026-03-09T08:00:00Z")
    ledger = Ledger.open(Settings(home=tmp_path).ledger_address)
    with ledger.write() as session:
        for found in (condition(), worse("mdm_gas", cause="system:mdm")):
            alerts.raise_alert(session, found, ledger.clock(), "watchdog")
    ledger.close()
    return tmp_path


def call(*arguments: str) -> tuple[int, str]:
    """Exit code and what was printed."""
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    return result.exit_code, result.stdout


def test_alerts_are_listed_shown_and_taken_in_hand(home: Path) -> None:
    code, text = call("alerts", "list")
    rows = [line.split()[:4] for line in text.splitlines()[1:]]
    assert (code, rows) == (0, [
        ["2", "critical", "feed.missing", "mdm_gas"], ["1", "warning", "feed.late", "ccb_bill"],
    ])  # fmt: skip

    assert call("alerts", "ack", "1", "2", "--note", "called them", "--by", "kim")[0] == 0
    shown = call("alerts", "show", "1")[1]
    assert "why      ccb_bill has not come" in shown
    assert "read     docs/runbooks/feed_missing.md" in shown
    assert "state    in hand with kim: called them" in shown
    assert [a["state"] for a in json.loads(call("alerts", "list", "--json")[1])] == ["acknowledged"] * 2


def test_a_look_once_tells_cron_how_it_is(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger.open(Settings(home=home).ledger_address)
    with ledger.run("build", "billing", date(2026, 3, 8), "cli"):
        pass
    ledger.close()

    assert call("watchdog", "--once") == (0, "all is well\n")  # something happened here only after the night's date
    monkeypatch.setenv("NIGHTWATT_CLOCK_AT", "2036-03-09T12:00:00Z")
    code, text = call("watchdog", "--once")
    assert code == 1
    assert "critical night.not_started billing" in text

    monkeypatch.setenv("NIGHTWATT_ALERTING", str(home / "alerting.yaml"))
    (home / "alerting.yaml").write_text("channels: {mail: {kind: pigeon}}\n")
    assert call("watchdog", "--once") == (2, "")


def test_a_watchdog_without_its_ledger_is_blind_and_says_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTWATT_LEDGER_URL", "postgresql+psycopg://kim:s3cret@127.0.0.1:9/nowhere")
    result = CliRunner().invoke(app, ["watchdog", "--once"], catch_exceptions=False)
    assert (result.exit_code, result.stderr) == (2, "could not look: OperationalError\n")


def test_every_channel_can_be_tried(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call("alerts", "test") == (0, "log: sent\nfile: sent\n")
    (home / "alerting.yaml").write_text(
        "channels: {file: {kind: file}, mail: {kind: apprise, url_env: NOT_SET}}\nroutes: [{channels: [file, mail]}]\n"
    )
    monkeypatch.setenv("NIGHTWATT_ALERTING", str(home / "alerting.yaml"))
    code, text = call("alerts", "test", "--channel", "mail")
    assert code == 1
    assert text.startswith("mail: [channel.not_set_up] channel mail has no address: the environment variable NOT_SET")


@pytest.fixture
def own_signals() -> Iterator[None]:
    """Give pytest its handlers back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "promise"), [(signal.SIGTERM, 60), (signal.SIGINT, None)])
def test_a_watchdog_ends_when_it_is_told_to_and_is_missed_unless_by_hand(
    home: Path, own_signals: None, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, promise: int | None
) -> None:
    def look_and_be_told(platform: Platform, every_s: int | None) -> WatchSummary:
        summary = look(platform, every_s)
        signal.raise_signal(number)
        return summary

    monkeypatch.setattr(watchdog, "look", look_and_be_told)

    assert call("watchdog", "--every", "60")[0] == 0

    ledger = Ledger.open(Settings(home=home).ledger_address)
    with ledger.read() as session:
        assert house(session, Settings().tz).hearts["watchdog"].every_s == promise
    ledger.close()
