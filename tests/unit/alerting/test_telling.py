"""What is said, to whom, and how often: looks at conditions given by hand."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tests.support.conditions import NIGHT, condition, worse
from tests.support.told import NEW_YORK, Scene, alerting

from nightwatt.ledger import Ledger, notices
from nightwatt.ledger.alerts import Condition
from nightwatt.ledger.models import NoticeState, Severity


@pytest.fixture
def scene(ledger: Ledger) -> Scene:
    """Everything goes to mail."""
    return Scene(ledger, alerting())


def promise(subject: str = "billing", **changes: object) -> Condition:
    """A deadline that was missed for want of the same system's files."""
    facts = {"topic": "progress", "code": "deadline.missed", "severity": Severity.CRITICAL, "runbook": "deadline"}
    return condition(subject, **facts | changes)


def test_an_alert_is_told_once_when_it_opens_once_when_it_worsens_and_once_when_it_is_over(scene: Scene) -> None:
    late, missing = condition(), worse()
    assert [scene.look(*found) for found in ([late], [late], [missing], [missing], [], [])] == [
        [("mail", "opened", "warning", ["feed.late ccb_bill"])], [],
        [("mail", "escalated", "critical", ["feed.missing ccb_bill"])], [],
        [("mail", "closed", "critical", ["feed.missing ccb_bill"])], [],
    ]  # fmt: skip


def test_a_storm_of_one_cause_is_one_message_and_so_is_its_end(scene: Scene) -> None:
    names = [f"ccb_{n:02}" for n in range(20)]

    [opened] = scene.look(*(condition(name) for name in names))
    assert opened[3] == [f"feed.late {name}" for name in names]

    # twenty looks in which one after the other comes: nothing, then one word
    said = [scene.look(*(condition(name) for name in names[n:])) for n in range(1, 21)]
    assert said[:-1] == [[]] * 19
    assert [(kind, len(told)) for _, kind, _, told in said[-1]] == [("closed", 20)]


def test_what_joins_a_matter_is_not_told_unless_it_is_worse_or_a_promise(scene: Scene) -> None:
    first, second, third = condition("a"), condition("b"), worse("c")
    assert len(scene.look(first)) == 1
    assert scene.look(first, second) == []
    assert scene.look(first, second, third) == [("mail", "opened", "critical", ["feed.missing c"])]
    assert scene.look(worse("a"), second, third) == []  # critical is known
    assert scene.look(worse("a"), second, third, promise()) == [
        ("mail", "opened", "critical", ["deadline.missed billing"])
    ]
    assert scene.look(worse("a"), second, third, promise(), promise("crm_core")) == [
        ("mail", "opened", "critical", ["deadline.missed crm_core"])
    ]


def test_matters_are_apart_by_cause_and_by_night(scene: Scene) -> None:
    other_system = condition("mdm_gas", cause="system:mdm")
    other_night = condition(business_date=NIGHT - timedelta(days=1))
    assert len(scene.look(condition())) == 1
    assert len(scene.look(condition(), other_system)) == 1
    assert len(scene.look(condition(), other_system, other_night)) == 1


def test_what_is_about_no_night_belongs_to_tonights_matter(scene: Scene) -> None:
    away = condition("sftp:ccb", topic="source", code="source.unreachable", business_date=None)
    assert len(scene.look(away)) == 1
    assert scene.look(away, condition()) == []
    assert scene.look(away) == []
    assert [kind for _, kind, _, _ in scene.look()] == ["closed"]


def test_acknowledged_is_quiet_until_it_gets_worse(scene: Scene) -> None:
    scene.look(condition())
    scene.acknowledge("ccb_bill")
    assert scene.look(condition(message="1 of 2 files")) == []
    assert scene.look(worse()) == [("mail", "escalated", "critical", ["feed.missing ccb_bill"])]


def test_eased_by_a_release_and_worse_again_is_told_again(scene: Scene) -> None:
    scene.look(worse())
    assert scene.look(condition()) == []
    assert scene.look(worse()) == [("mail", "escalated", "critical", ["feed.missing ccb_bill"])]


def test_what_comes_back_is_told_again(scene: Scene) -> None:
    assert [[kind for _, kind, _, _ in scene.look(*found)] for found in ([worse()], [], [worse()], [])] == [
        ["opened"], ["closed"], ["opened"], ["closed"],
    ]  # fmt: skip


def test_an_alert_that_joined_unsaid_is_not_said_to_be_over(scene: Scene) -> None:
    scene.look(condition("a"))
    scene.look(condition("a"), condition("b"))
    [over] = scene.look()
    assert over == ("mail", "closed", "warning", ["feed.late a"])


def test_routes_go_by_severity_and_domain_and_the_end_goes_where_the_beginning_went(ledger: Ledger) -> None:
    routes = [
        {"channels": ["mail"], "domains": ["billing"]},
        {"channels": ["pager"], "severities": ["critical"]},
    ]
    scene = Scene(ledger, alerting(routes=routes))
    usage = worse("mdm", cause="system:mdm", domain="usage")
    house = condition("scheduler", topic="service", code="service.silent", cause="night", business_date=None,
                      domain=None, severity=Severity.CRITICAL)  # fmt: skip

    assert [m[0] for m in scene.look(condition())] == ["mail"]
    assert [m[:2] for m in scene.look(worse())] == [("mail", "escalated"), ("pager", "escalated")]
    assert [m[0] for m in scene.look(worse(), usage)] == ["pager"]
    assert [m[0] for m in scene.look(worse(), usage, house)] == ["mail", "pager"]
    assert sorted((m[0], m[3][0]) for m in scene.look()) == [
        ("mail", "feed.missing ccb_bill"), ("mail", "service.silent scheduler"),
        ("pager", "feed.missing ccb_bill"), ("pager", "feed.missing mdm"), ("pager", "service.silent scheduler"),
    ]  # fmt: skip


def test_a_channel_that_does_not_get_through_is_told_of_through_the_others(ledger: Ledger) -> None:
    scene = Scene(ledger, alerting(routes=[{"channels": ["mail", "pager"]}]))
    failed = condition("mail", topic="channel", code="channel.failed", cause="channel:mail", business_date=None)
    assert [m[:2] for m in scene.look(failed)] == [("pager", "opened")]
    assert [m[:2] for m in scene.look()] == [("pager", "closed")]


# --- quiet hours -----------------------------------------------------------------------------------------


@pytest.fixture
def asleep(ledger: Ledger) -> Scene:
    """Warnings wait until six."""
    return Scene(ledger, alerting(quiet_hours={"start": "22:00", "end": "06:00"}))


def local(wall: str) -> datetime:
    """A wall-clock time of the night."""
    return datetime.fromisoformat(f"{NIGHT}T{wall}").replace(tzinfo=NEW_YORK)


def test_quiet_hours_keep_a_warning_until_the_morning(asleep: Scene) -> None:
    assert asleep.look(condition()) == []
    asleep.now = local("05:58")
    assert asleep.look(condition()) == []
    assert asleep.look(condition()) == [("mail", "opened", "warning", ["feed.late ccb_bill"])]


def test_quiet_hours_never_keep_what_is_critical_and_what_it_says_is_not_said_twice(asleep: Scene) -> None:
    asleep.look(condition())
    assert asleep.look(worse()) == [("mail", "escalated", "critical", ["feed.missing ccb_bill"])]
    asleep.now = local("07:00")
    assert asleep.look(worse()) == []


def test_what_begins_and_ends_within_quiet_hours_is_never_said(asleep: Scene) -> None:
    asleep.look(condition())
    asleep.look()
    asleep.now = local("07:00")
    assert asleep.look() == []
    with asleep.ledger.read() as session:
        assert [n.state for n in notices.newest(session, 10)] == [NoticeState.DROPPED]


def test_quiet_hours_of_one_channel_leave_the_others_alone(ledger: Ledger) -> None:
    quiet = {"start": "22:00", "end": "06:00", "channels": ["mail"]}
    scene = Scene(ledger, alerting(routes=[{"channels": ["mail", "pager"]}], quiet_hours=quiet))
    assert [m[0] for m in scene.look(condition())] == ["pager"]
