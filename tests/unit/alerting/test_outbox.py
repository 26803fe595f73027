"""Getting messages out: trying again, giving up, taking over from the dead, and never twice."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.support.conditions import condition, worse
from tests.support.told import Scene, alerting

from nightwatt.alerting.outbox import Outbox, Sent
from nightwatt.ledger import Ledger, facts, notices
from nightwatt.ledger.models import NoticeState


@pytest.fixture
def scene(ledger: Ledger) -> Scene:
    """Everything goes to mail and pager."""
    return Scene(ledger, alerting(routes=[{"channels": ["mail", "pager"]}]))


def test_a_channel_that_is_away_is_tried_again_and_does_not_hold_up_the_others(scene: Scene) -> None:
    scene.post.broken = {"mail"}
    assert [m[0] for m in scene.look(condition())] == ["pager"]

    tries = []
    for minute in range(60):
        scene.now += timedelta(minutes=1)
        if scene.send() != Sent():
            tries.append(minute + 1)
    assert tries == [1, 3, 8, 18, 28]  # after 1, 2, 5 and then every 10 minutes

    with scene.ledger.read() as session:
        [given_up] = facts.house(session, ZoneInfo("America/New_York")).channels
    assert given_up.channel == "mail"
    assert "mail did not take the message" in given_up.error


def test_a_channel_that_gets_something_through_again_counts_as_mended(scene: Scene) -> None:
    scene.post.broken = {"mail"}
    scene.look(condition())
    for _ in range(60):
        scene.now += timedelta(minutes=1)
        scene.send()
    scene.post.broken = set()
    scene.look(condition(), worse("mdm", cause="system:mdm"))
    with scene.ledger.read() as session:
        assert facts.house(session, ZoneInfo("America/New_York")).channels == []


def test_a_channel_that_is_no_longer_declared_is_not_tried(scene: Scene) -> None:
    scene.settle([condition()])
    scene.alerting = alerting(channels={"mail": {"kind": "log"}})
    assert scene.send() == Sent(sent=1, dropped=1)


def test_a_message_that_waits_for_its_channel_says_what_is_true_when_it_gets_out(scene: Scene) -> None:
    scene.post.broken = {"mail", "pager"}
    scene.look(condition(message="0 of 2 files"))
    scene.post.broken = set()
    assert [m[1] for m in scene.look(condition(message="1 of 2 files"))] == ["opened", "opened"]


def test_a_message_whose_matter_is_over_before_it_gets_out_is_dropped(scene: Scene) -> None:
    scene.post.broken = {"mail", "pager"}
    scene.look(condition())
    scene.post.broken = set()
    assert scene.look() == []
    with scene.ledger.read() as session:
        assert {n.state for n in notices.newest(session, 10)} == {NoticeState.DROPPED}


def test_a_claim_is_left_alone_while_it_is_young_and_taken_over_when_it_is_old(scene: Scene) -> None:
    def die(step: str) -> None:
        if step == "claimed":
            raise KeyboardInterrupt

    scene.settle([condition()])
    dying = Outbox(scene.ledger, scene.alerting, scene.post, ZoneInfo("America/New_York"), "dying", die)
    with pytest.raises(KeyboardInterrupt):
        dying.send_due()

    assert scene.send() == Sent(sent=1)  # the other channel's
    scene.now += timedelta(minutes=4)
    assert scene.send() == Sent()
    scene.now += timedelta(minutes=1)
    assert scene.send() == Sent(sent=1)
    assert sorted(m[0] for m in scene.post.taken()) == ["mail", "pager"]


def test_a_message_lists_what_else_stands_for_the_same_reason(scene: Scene) -> None:
    scene.look(condition("a"))
    scene.look(condition("a"), condition("b"))
    scene.acknowledge("a")
    scene.now += timedelta(minutes=1)
    scene.settle([condition("a"), condition("b"), worse("c")])
    scene.send()

    text = scene.post.messages[0].text

    assert text.startswith("CRITICAL 02:03 NightWatt: c is missing, night of Mon 09 Mar\n")
    assert "Open for the same reason:\n  - 2 times feed.late: a, b, in hand with kim\n" in text
