"""An alert's rows, from opening to closing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError
from tests.support.conditions import NIGHT, condition, worse

from nightwatt.errors import TerminalError
from nightwatt.ledger import Ledger, alerts
from nightwatt.ledger.models import Alert, AlertState

NOW = datetime(2026, 3, 9, 8, 30, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def opened(ledger: Ledger, at: datetime = NOW) -> int:
    """Open an alert and return its number."""
    with ledger.write() as session:
        return alerts.raise_alert(session, condition(), at, "watchdog").id


def stored(ledger: Ledger, number: int) -> Alert:
    """The alert as it is in the ledger."""
    with ledger.read() as session:
        return alerts.get(session, number)


def test_two_alerts_about_one_condition_cannot_stand_but_follow_each_other(ledger: Ledger) -> None:
    first = opened(ledger)
    with pytest.raises(IntegrityError):
        opened(ledger)

    with ledger.write() as session:
        alerts.close(alerts.get(session, first), LATER)
    second = opened(ledger, LATER)

    with ledger.read() as session:
        assert [a.id for a in alerts.standing(session)] == [second]
        assert [(a.id, a.state) for a in alerts.of_dates(session, [NIGHT])] == [(first, "closed"), (second, "open")]


def test_what_is_seen_again_changes_only_where_it_says_something_new(ledger: Ledger) -> None:
    number = opened(ledger)
    with ledger.write() as session:
        alerts.see_again(alerts.get(session, number), condition(), LATER)
    same = stored(ledger, number)
    assert (same.updated_at, same.seen_at, same.escalations) == (NOW, LATER, 0)

    with ledger.write() as session:
        alerts.see_again(alerts.get(session, number), condition(evidence={"files": 1}), LATER)
    assert (stored(ledger, number).updated_at, stored(ledger, number).evidence) == (LATER, {"files": 1})


def test_what_gets_worse_is_nobodys_any_more_until_it_is_acknowledged_again(ledger: Ledger) -> None:
    number = opened(ledger)
    with ledger.write() as session:
        alerts.acknowledge(session, number, "kim", "called them", NOW)
    with ledger.write() as session:
        alerts.see_again(alerts.get(session, number), condition(), LATER)
    assert stored(ledger, number).state == AlertState.ACKNOWLEDGED

    with ledger.write() as session:
        alerts.see_again(alerts.get(session, number), worse(), LATER)
    row = stored(ledger, number)
    assert (row.state, row.code, row.severity) == ("open", "feed.missing", "critical")
    assert (row.escalated_at, row.escalations, row.acknowledged_by) == (LATER, 1, "kim")

    # released by hand, then missing after all: worse once more
    with ledger.write() as session:
        alerts.see_again(alerts.get(session, number), condition(), LATER)
    assert (stored(ledger, number).severity, stored(ledger, number).escalations) == ("warning", 1)
    with ledger.write() as session:
        alerts.see_again(alerts.get(session, number), worse(), LATER)
    assert stored(ledger, number).escalations == 2


def test_an_alert_is_taken_over_but_not_once_it_is_closed(ledger: Ledger) -> None:
    number = opened(ledger)
    with ledger.write() as session:
        alerts.acknowledge(session, number, "kim", None, NOW)
        alerts.acknowledge(session, number, "lee", "mine", LATER)
    row = stored(ledger, number)
    assert (row.acknowledged_by, row.acknowledged_at, row.note) == ("lee", LATER, "mine")

    with ledger.write() as session:
        alerts.close(alerts.get(session, number), LATER)
    with ledger.write() as session, pytest.raises(TerminalError) as closed:
        alerts.acknowledge(session, number, "kim", None, LATER)
    assert closed.value.code == "alert.closed"
    with ledger.write() as session, pytest.raises(TerminalError) as unknown:
        alerts.acknowledge(session, 999, "kim", None, LATER)
    assert unknown.value.code == "alert.unknown"


def test_alerts_of_no_night_are_found_while_they_stand_and_for_a_while_after(ledger: Ledger) -> None:
    silent = condition("scheduler", topic="service", business_date=None)
    with ledger.write() as session:
        old = alerts.raise_alert(session, silent, NOW, "watchdog")
        alerts.close(old, NOW)
        new = alerts.raise_alert(session, silent, LATER, "watchdog")
        found = [a.id for a in alerts.of_dates(session, [None], since=LATER)]
        assert found == [new.id]
        assert [a.id for a in alerts.of_dates(session, [None], since=NOW)] == [old.id, new.id]
        assert [a.id for a in alerts.newest(session, 1)] == [new.id]
