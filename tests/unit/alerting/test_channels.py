"""Messages on the wire: a real mail server and a real web server take them.

Slack and PagerDuty get the very requests Apprise makes for them; only that they go to a server of this machine, without
TLS, is different. Whether the real services like them is not tried.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from apprise.plugins import pagerduty
from apprise.plugins.slack import NotifySlack
from structlog.testing import capture_logs
from tests.support.mailbox import Mailbox, mailbox
from tests.support.postgres import free_port
from tests.support.web_hook import WebHook

from nightwatt.alerting.channels import Sender, sender
from nightwatt.alerting.texts import Message
from nightwatt.contracts.alerting import AppriseChannel, FileChannel, LogChannel
from nightwatt.errors import TerminalError, TransientError
from nightwatt.ledger.models import NoticeKind, Severity

SECRET = "s3cret-p4ss"


def message(kind: NoticeKind = NoticeKind.OPENED, severity: Severity = Severity.CRITICAL) -> Message:
    """A message with everything that could come out wrong: umlauts, a long line, markup."""
    return Message(
        message_id="0123456789abcdef",
        channel="some",
        kind=kind,
        severity=severity,
        cause="system:ccb",
        night=date(2026, 3, 9),
        at=datetime(2026, 3, 9, 10, 0, tzinfo=UTC),
        subject="CRITICAL 06:00 NightWatt: ccb_bill is missing, night of Mon 09 Mar",
        text="Why: Zähler <b>42</b> & *stars* _lines_\n" + "x" * 300 + "\n",
        alerts=[{"id": 3, "code": "feed.missing"}],
    )


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox(free_port()) as opened:
        yield opened


@pytest.fixture
def hook() -> Iterator[WebHook]:
    with WebHook() as opened:
        yield opened


Address = Callable[[str], Sender]


@pytest.fixture
def through(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Address:
    """Return what makes the sender of an address, which lies in the environment."""

    def of(url: str) -> Sender:
        monkeypatch.setenv("ALERT_URL", url)
        return sender("some", AppriseChannel(kind="apprise", url_env="ALERT_URL"), tmp_path)

    return of


def mail_address(box: Mailbox) -> str:
    """An Apprise address of the mail server."""
    return f"mailto://127.0.0.1:{box.port}?from=watch@nightwatt.invalid&to=kim@nightwatt.invalid&mode=insecure"


def test_mail_comes_with_subject_text_and_the_number_of_its_message(through: Address, box: Mailbox) -> None:
    through(mail_address(box)).send(message())

    [mail] = box.mails
    assert (mail.subject, mail.to) == (message().subject, ("kim@nightwatt.invalid",))
    assert mail.text.replace("\r\n", "\n").rstrip() == message().text.rstrip()
    marks = {name: mail.headers[name] for name in ("X-NightWatt-Message", "X-NightWatt-Matter")}
    assert marks == {
        "X-NightWatt-Message": "0123456789abcdef", "X-NightWatt-Matter": "nightwatt:system:ccb:2026-03-09",
    }  # fmt: skip


def test_a_mail_server_that_refuses_and_one_that_is_away_are_tried_again(through: Address, box: Mailbox) -> None:
    box.refuses = True
    with pytest.raises(TransientError, match=r"channel\.not_sent.*some \(E-Mail\) did not take the message"):
        through(mail_address(box)).send(message())
    with pytest.raises(TransientError, match=r"channel\.not_sent"):
        through("mailto://127.0.0.1:9?from=a@nightwatt.invalid&to=b@nightwatt.invalid&mode=insecure").send(message())


def test_a_web_hook_gets_json(through: Address, hook: WebHook) -> None:
    through(f"json://127.0.0.1:{hook.port}/night").send(message())
    [(path, said)] = hook.posted
    assert (path, said["title"], said["message"], said["type"]) == (
        "/night", message().subject, message().text.rstrip(), "failure",
    )  # fmt: skip


def test_pagerduty_opens_and_resolves_one_incident_a_matter(
    through: Address, hook: WebHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(pagerduty.PAGERDUTY_API_LOOKUP, "us", f"{hook.url}/v2/enqueue")
    pager = through(f"pagerduty://{'k' * 20}@{SECRET}/nightwatt/ops")

    for kind, severity in (
        (NoticeKind.OPENED, Severity.WARNING),
        (NoticeKind.ESCALATED, Severity.CRITICAL),
        (NoticeKind.CLOSED, Severity.CRITICAL),
    ):
        pager.send(message(kind, severity))

    said = [body for _, body in hook.posted]
    assert [b["event_action"] for b in said] == ["trigger", "trigger", "resolve"]
    assert {b["dedup_key"] for b in said} == {"nightwatt:system:ccb:2026-03-09"}
    assert [b["payload"]["severity"] for b in said[:2]] == ["warning", "critical"]


def test_slack_gets_the_text(through: Address, hook: WebHook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NotifySlack, "webhook_url", f"{hook.url}/services")
    hook.status, hook.says = 200, b"ok"  # Slack's own answer
    through("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#nightwatt").send(message())
    [(path, said)] = hook.posted
    assert path == "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    assert said["channel"] == "#nightwatt"
    assert message().subject in json.dumps(said)


@pytest.mark.parametrize("url", ["", "nonsense", f"mailto://kim:{SECRET}@", f"unheard-of://kim:{SECRET}@host"])
def test_an_address_that_is_none_is_a_fault_that_does_not_give_it_away(through: Address, url: str) -> None:
    with pytest.raises(TerminalError) as refused:
        through(url).send(message())
    assert refused.value.code == "channel.not_set_up"
    assert SECRET not in str(refused.value)


def test_an_address_may_lie_in_a_file(hook: WebHook, tmp_path: Path) -> None:
    secret = tmp_path / "hook"
    channel = AppriseChannel(kind="apprise", url_file=str(secret))
    with pytest.raises(TerminalError, match=r"the file .*hook is empty or absent"):
        sender("chat", channel, tmp_path)
    secret.write_text(f"json://127.0.0.1:{hook.port}/\n")
    sender("chat", channel, tmp_path).send(message())
    assert len(hook.posted) == 1


def test_the_file_has_a_line_a_message_and_none_twice(tmp_path: Path) -> None:
    channel = FileChannel(kind="file", path="alerts/messages.jsonl")
    path = tmp_path / "alerts" / "messages.jsonl"
    for _ in range(2):
        sender("file", channel, tmp_path).send(message())
    path.write_bytes(path.read_bytes() + b'{"at": "2026-03-09T0')  # somebody died in the middle of a line
    sender("file", channel, tmp_path).send(replace(message(), message_id="another"))

    lines = path.read_text().splitlines()

    assert [json.loads(line)["message_id"] for line in (lines[0], lines[2])] == ["0123456789abcdef", "another"]
    assert json.loads(lines[0]) == {
        "at": "2026-03-09T10:00:00+00:00", "channel": "some", "kind": "opened", "severity": "critical",
        "cause": "system:ccb", "night": "2026-03-09", "alerts": [{"id": 3, "code": "feed.missing"}],
        "subject": message().subject, "text": message().text, "message_id": "0123456789abcdef",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "severity", "level"),
    [
        (NoticeKind.OPENED, Severity.WARNING, "warning"),
        (NoticeKind.OPENED, Severity.CRITICAL, "error"),
        (NoticeKind.CLOSED, Severity.CRITICAL, "warning"),
    ],
)
def test_the_log_has_a_line_as_loud_as_the_message(
    kind: NoticeKind, severity: Severity, level: str, tmp_path: Path
) -> None:
    with capture_logs() as lines:
        sender("log", LogChannel(kind="log"), tmp_path).send(message(kind, severity))
    assert [(line["log_level"], line["subject"], line["alerts"]) for line in lines] == [(level, message().subject, "3")]
