"""Getting planned messages out: claim, send, note; try again, and give up in the end.

Belongs here: the order of those steps, so that a process may die between any two of them. Does not belong here: what is
worth saying (`telling.py`), the rows (`ledger.notices`) and the channels (`channels.py`).

A message is claimed before it is sent and noted after it. Whoever dies in between leaves a claim, which is taken over
when it is old: a message is never lost. At worst, between the channel's yes and the note, it goes out twice; it carries
the same number then, by which the file channel and PagerDuty know it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from nightwatt import log
from nightwatt.alerting.channels import Sender
from nightwatt.alerting.texts import Message, compose, loudest, plain
from nightwatt.calendar import business_date
from nightwatt.contracts.alerting import Alerting
from nightwatt.errors import NightWattError
from nightwatt.ledger import alerts as alert_book
from nightwatt.ledger import notices
from nightwatt.ledger.book import Ledger
from nightwatt.ledger.models import Alert, AlertState, Notice, NoticeKind, NoticeState

_log = log.get("alerting")

RETRY_AFTER = (timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=5), timedelta(minutes=10))
"""How long after each failed try the next one comes; the last holds for all that follow."""


def nowhere(step: str) -> None:
    """Go on; tests end the process at named steps."""


@dataclass(frozen=True)
class Sent:
    """What became of the messages that were due."""

    sent: int = 0
    put_off: int = 0
    given_up: int = 0
    dropped: int = 0


@dataclass(frozen=True)
class Outbox:
    """The messages of one home on their way out."""

    ledger: Ledger
    alerting: Alerting
    sender: Callable[[str], Sender]  # by the channel's name; raises a NightWattError if it is not set up
    zone: ZoneInfo
    by: str
    at: Callable[[str], None] = nowhere

    def send_due(self) -> Sent:
        """Send every message whose time has come and that nobody else has in hand."""
        with self.ledger.read() as session:
            waiting = notices.due(session, self.ledger.clock())
        outcomes = [self._send(message_id) for message_id in waiting]
        return Sent(
            sent=outcomes.count(NoticeState.SENT),
            put_off=outcomes.count(NoticeState.PENDING),
            given_up=outcomes.count(NoticeState.FAILED),
            dropped=outcomes.count(NoticeState.DROPPED),
        )

    def _send(self, message_id: str) -> NoticeState | None:
        """Send one message; returns what became of it, None if somebody else has it."""
        now = self.ledger.clock()
        with self.ledger.write() as session:
            rows = notices.claim(session, message_id, self.by, now)
            others = _others(alert_book.standing(session), rows) if rows else []
        if not rows:
            return None
        self.at("claimed")
        ids = [notice.id for notice, _ in rows]
        if _is_too_late(rows) or rows[0][0].channel not in self.alerting.channels:
            return self._note(ids, NoticeState.DROPPED, now)
        message = self._message(rows, others, now)
        try:
            self.sender(message.channel).send(message)
        except NightWattError as e:
            return self._failed(ids, rows[0][0], e)
        self.at("accepted")
        return self._note(ids, NoticeState.SENT, self.ledger.clock())

    def _message(self, rows: Sequence[tuple[Notice, Alert]], others: Sequence[Alert], now: datetime) -> Message:
        about = [alert for _, alert in rows]
        said = [(NoticeKind(notice.kind), alert) for notice, alert in rows]
        kind, subject, text = compose(said, others, self.alerting, self.zone, now)
        return Message(
            message_id=rows[0][0].message_id,
            channel=rows[0][0].channel,
            kind=kind,
            severity=loudest(about),
            cause=about[0].cause,
            night=min(a.business_date or business_date(a.opened_at, self.zone) for a in about),
            at=now,
            subject=subject,
            text=text,
            alerts=[plain(alert) for alert in about],
        )

    def _failed(self, ids: Sequence[int], notice: Notice, error: NightWattError) -> NoticeState:
        """Put a message off, or give it up after its tries."""
        now = self.ledger.clock()
        _log.warning("message not sent", channel=notice.channel, attempt=notice.attempts, code=error.code)
        if notice.attempts >= self.alerting.tries:
            return self._note(ids, NoticeState.FAILED, now, str(error))
        again = now + RETRY_AFTER[min(notice.attempts, len(RETRY_AFTER)) - 1]
        return self._note(ids, NoticeState.PENDING, again, str(error))

    def _note(self, ids: Sequence[int], state: NoticeState, at: datetime, error: str | None = None) -> NoticeState:
        with self.ledger.write() as session:
            notices.settle(session, ids, state, at, error=error)
        return state


def _is_too_late(rows: Sequence[tuple[Notice, Alert]]) -> bool:
    """Whether a message speaks of what has begun, and all of it is over: another one said so, or nobody heard of it."""
    begins = all(notice.kind != NoticeKind.CLOSED for notice, _ in rows)
    return begins and all(alert.state == AlertState.CLOSED for _, alert in rows)


def _others(standing: Sequence[Alert], rows: Sequence[tuple[Notice, Alert]]) -> list[Alert]:
    """Return more alerts that stand for the same cause and night."""
    about = {alert.id for _, alert in rows}
    cause, nights = rows[0][1].cause, {alert.business_date for _, alert in rows}
    return [a for a in standing if a.cause == cause and a.business_date in nights and a.id not in about]
