"""What a message says, word for word: it is read by somebody tired at five in the morning."""

from __future__ import annotations

from datetime import date, datetime
from textwrap import dedent
from typing import Any
from zoneinfo import ZoneInfo

from tests.docs import codes

from nightwatt.alerting.texts import PHRASES, compose
from nightwatt.contracts.alerting import Alerting
from nightwatt.ledger.models import Alert, AlertState, NoticeKind

NEW_YORK = ZoneInfo("America/New_York")
NIGHT = date(2026, 3, 9)
SIX = datetime(2026, 3, 9, 6, 0, tzinfo=NEW_YORK)
OPENED, ESCALATED, CLOSED = NoticeKind.OPENED, NoticeKind.ESCALATED, NoticeKind.CLOSED


def alert(number: int, subject: str, **changes: Any) -> Alert:
    """A feed that is missing, or what is given."""
    facts: dict[str, Any] = {
        "id": number,
        "code": "feed.missing",
        "subject": subject,
        "business_date": NIGHT,
        "severity": "critical",
        "state": AlertState.OPEN,
        "message": f"{subject}: not all there, due by 06:00. Seen: 1 of at least 1 file(s) missing; 0 received",
        "remedy": f"ask billing@nightwatt.invalid for it. It comes later: `nightwatt feeds release {subject} ...`",
        "runbook": "feed_missing",
        "evidence": {"affects": ["billing published by 06:00", "Customer picture to the CRM delivered by 07:00"]},
        "opened_at": datetime(2026, 3, 9, 4, 0, tzinfo=NEW_YORK),
        "seen_at": SIX,
    }
    return Alert(**facts | changes)


def missed(number: int) -> Alert:
    """The promise that breaks with it."""
    return alert(
        number,
        "billing",
        code="deadline.missed",
        message="billing published by 06:00: not done; waits for ccb_bill",
        remedy="`nightwatt status --date 2026-03-09` says where it hangs; tell analysts",
        runbook="deadline",
        opened_at=SIX,
        evidence={"affects": ["Opower billing files, residential delivered by 08:00"]},
    )


def said(*rows: tuple[NoticeKind, Alert], others: tuple[Alert, ...] = (), **sections: Any) -> tuple[str, str]:
    """Kind and text of a message."""
    kind, subject, text = compose(rows, others, Alerting(**sections), NEW_YORK, SIX)
    assert text.startswith(f"{subject}\n")
    return kind.value, text


def test_how_bad_what_why_what_to_press_who_else() -> None:
    assert said((OPENED, alert(12, "ccb_bill")), page="https://nightwatt.utility.example/nightwatt/ops") == (
        "opened",
        dedent("""\
            CRITICAL 06:00 NightWatt: ccb_bill is missing, night of Mon 09 Mar

            CRITICAL  ccb_bill is missing [feed.missing]
              Why:       ccb_bill: not all there, due by 06:00. Seen: 1 of at least 1 file(s) missing; 0 received
              Do:        ask billing@nightwatt.invalid for it. It comes later: `nightwatt feeds release ccb_bill ...`
              Read:      docs/runbooks/feed_missing.md
              Since:     Mon 09 Mar 04:00 (America/New_York)
              I have it: nightwatt alerts ack 12 --note "..."

            Waiting for this:
              - billing published by 06:00
              - Customer picture to the CRM delivered by 07:00

            The night: https://nightwatt.utility.example/nightwatt/ops
            """),
    )


def test_a_storm_is_told_by_its_broken_promise_and_counted() -> None:
    feeds = [alert(n, f"ccb_{n}") for n in range(1, 9)]
    late = alert(30, "ccb_late", code="feed.late", severity="warning", state="acknowledged", acknowledged_by="kim")

    kind, text = said(*((ESCALATED, feed) for feed in feeds), (OPENED, missed(20)), others=(late,))

    assert kind == "escalated"
    assert text == dedent("""\
        CRITICAL 06:00 NightWatt: billing missed its deadline and 8 more, night of Mon 09 Mar

        CRITICAL  billing missed its deadline [deadline.missed]
          Why:       billing published by 06:00: not done; waits for ccb_bill
          Do:        `nightwatt status --date 2026-03-09` says where it hangs; tell analysts
          Read:      docs/runbooks/deadline.md
          Since:     Mon 09 Mar 06:00 (America/New_York)
          I have it: nightwatt alerts ack 20 --note "..."

        CRITICAL  8 times feed.missing: ccb_1, ccb_2, ccb_3 and 5 more
          - ccb_1: not all there, due by 06:00. Seen: 1 of at least 1 file(s) missing; 0 received
          - ccb_2: not all there, due by 06:00. Seen: 1 of at least 1 file(s) missing; 0 received
          - ccb_3: not all there, due by 06:00. Seen: 1 of at least 1 file(s) missing; 0 received
          - ccb_4: not all there, due by 06:00. Seen: 1 of at least 1 file(s) missing; 0 received
          - ccb_5: not all there, due by 06:00. Seen: 1 of at least 1 file(s) missing; 0 received
          - and 3 more like these
          Do:        ask billing@nightwatt.invalid for it. It comes later: `nightwatt feeds release ccb_1 ...` (and likewise for the others)
          Read:      docs/runbooks/feed_missing.md
          Since:     Mon 09 Mar 04:00 (America/New_York)
          I have it: nightwatt alerts ack 1 2 3 4 5 6 7 8 --note "..."

        Waiting for this:
          - Opower billing files, residential delivered by 08:00
          - Customer picture to the CRM delivered by 07:00

        Open for the same reason:
          - ccb_late is late [feed.late], in hand with kim
        """)  # noqa: E501  (one line of a message)


def test_what_is_over_says_since_when_and_until_when() -> None:
    over = {"state": AlertState.CLOSED, "closed_at": datetime(2026, 3, 9, 6, 40, tzinfo=NEW_YORK)}
    feed, promise = alert(1, "ccb_bill"), missed(2)
    for row in (feed, promise):
        row.state, row.closed_at = over["state"], over["closed_at"]

    assert said((CLOSED, feed), (CLOSED, promise)) == (
        "closed",
        dedent("""\
            OVER 06:00 NightWatt: billing missed its deadline and 1 more, night of Mon 09 Mar

            What was wrong is over:
              - billing missed its deadline [deadline.missed], Mon 06:00 to Mon 06:40
              - ccb_bill is missing [feed.missing], Mon 04:00 to Mon 06:40
            """),
    )


def test_what_is_about_no_night_names_none() -> None:
    silent = alert(3, "scheduler", code="service.silent", business_date=None, evidence={})
    assert said((OPENED, silent))[1].splitlines()[0] == "CRITICAL 06:00 NightWatt: scheduler is silent"


def test_every_phrase_is_of_a_code_there_is() -> None:
    assert set(PHRASES) <= codes.codes()
    assert {phrase.count("{}") for phrase in PHRASES.values()} == {1}
