"""`alerting.yaml`: what it may say, where messages go by it, and when."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.support.told import alerting

from nightwatt.alerting.channels import declared
from nightwatt.alerting.routing import due_at
from nightwatt.contracts.alerting import Alerting
from nightwatt.contracts.catalog import PACKAGED, load_alerting
from nightwatt.errors import TerminalError
from nightwatt.ledger.models import Severity

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("quiet", "now", "due"),
    [
        (("22:00", "06:00"), "2026-03-09T21:59", None),
        (("22:00", "06:00"), "2026-03-09T22:00", "2026-03-10T06:00"),
        (("22:00", "06:00"), "2026-03-10T05:59", "2026-03-10T06:00"),
        (("22:00", "06:00"), "2026-03-10T06:00", None),
        (("00:00", "06:00"), "2026-03-10T00:00", "2026-03-10T06:00"),
        (("12:00", "13:00"), "2026-03-10T12:30", "2026-03-10T13:00"),
        # by the wall clock: the night of 8 March has an hour less, that of 1 November one more
        (("22:00", "06:00"), "2026-03-07T23:00", "2026-03-08T06:00"),
        (("22:00", "06:00"), "2026-10-31T23:00", "2026-11-01T06:00"),
    ],
)
def test_warnings_wait_for_the_end_of_the_quiet_hours(quiet: tuple[str, str], now: str, due: str | None) -> None:
    told = alerting(quiet_hours={"start": quiet[0], "end": quiet[1]})
    instant = datetime.fromisoformat(now).replace(tzinfo=NEW_YORK).astimezone(UTC)

    waits = due_at(told, "mail", Severity.WARNING, instant, NEW_YORK)

    assert waits == (datetime.fromisoformat(due).replace(tzinfo=NEW_YORK) if due else instant)
    assert due_at(told, "mail", Severity.CRITICAL, instant, NEW_YORK) == instant


def test_without_a_file_and_with_the_packaged_one_nothing_needs_setting_up(tmp_path: Path) -> None:
    assert load_alerting(tmp_path / "none.yaml") == load_alerting(PACKAGED / "alerting.yaml") == Alerting()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("channels: {mail: {kind: pigeon}}", "channels.mail: Input tag 'pigeon' found"),
        ("channels: {mail: {kind: apprise, url: 'mailto://kim:pass@host'}}", "channels.mail.url: Extra inputs"),
        ("channels: {mail: {kind: apprise}}", "give either url_env or url_file"),
        ("channels: {mail: {kind: apprise, url_env: A, url_file: b}}", "give either url_env or url_file"),
        ("channels: {f: {kind: file, path: /etc/passwd}}", "channels.f.path: a path below the home"),
        ("channels: {f: {kind: file, path: ../x}}", "channels.f.path: a path below the home"),
        ("routes: [{channels: [chat]}]", "chat: not among `channels`"),
        ("quiet_hours: {start: '22:00', end: '06:00', channels: [chat]}", "chat: not among `channels`"),
        ("quiet_hours: {start: 22:00, end: '06:00'}", "write a wall-clock time in quotes"),
        ("- nothing", "is not a mapping of keys"),
    ],
)
def test_a_fault_is_named_with_its_key(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "alerting.yaml"
    path.write_text(f"{text}\n")
    with pytest.raises(TerminalError) as refused:
        load_alerting(path)
    assert refused.value.code == "catalog.invalid"
    assert fault in refused.value.message


def test_a_channel_that_is_not_declared_is_refused_with_those_there_are() -> None:
    with pytest.raises(TerminalError, match="known channels: mail, pager"):
        declared(alerting(), "chat")
