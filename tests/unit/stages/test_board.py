"""The board of a night: the verdict in words, what stands first, what a person may decide."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from tests.support.nights import TONIGHT, Diary, Night, alert, at, before, home

from nightwatt.alerting.verdict import span
from nightwatt.ledger.models import Breaker, Look, NightChoice, Publication, PublicationState, Receipt
from nightwatt.settings import Settings
from nightwatt.stages import Board, Platform, board, decide
from nightwatt.stages.board import safe_message
from nightwatt.stages.board_feeds import Tone
from nightwatt.stages.board_words import listed, sentence

BSEG = frozenset({"ccb_bseg"})


@contextmanager
def platform_at(root: Path, seen_at: datetime, *nights: Night, **rows: object) -> Iterator[Platform]:
    """Open a home that looks as it did at an instant."""
    with home(root) as (_, ledger, catalog), ledger.write() as session:
        Diary(session, catalog).write(*before(TONIGHT, 2), *nights)
        session.add_all(rows.values())
    with Platform.open("test", Settings(home=root), clock=lambda: seen_at) as platform:
        yield platform


def seen(root: Path, wall: str, day: date = TONIGHT, **how: object) -> Board:
    """Return the board of a night, seen at a wall-clock time of it."""
    rows = {k: how.pop(k) for k in list(how) if k.startswith("row")}
    instant = at(TONIGHT, wall)
    with platform_at(root, instant, Night(TONIGHT, instant, **how), **rows) as platform:
        return board(platform, day)


# --- the first line ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wall", "how", "tone", "text"),
    [
        ("00:05", {}, Tone.GOOD, "All is well; nothing is due yet"),
        ("02:10", {"late": {"mdm_interval_gas": timedelta(hours=1)}}, Tone.GOOD, "All is well; 3 promises of 7 kept"),
        ("08:10", {}, Tone.GOOD, "All is done: everything is published and delivered"),
        ("04:10", {"absent": BSEG}, Tone.WARN, "ccb_bseg is late"),
        ("05:55", {"absent": BSEG}, Tone.WARN, "Billing will miss 06:00: ccb_bseg has not come"),
        ("06:01", {"absent": BSEG}, Tone.BAD, "Billing missed 06:00: ccb_bseg has not come"),
        ("06:01", {"absent": BSEG | {"ccb_ft"}}, Tone.BAD, "Billing missed 06:00: ccb_bseg and ccb_ft have not come"),
        ("03:30", {"held": {"ccb_ft": "its lines cannot be read"}}, Tone.BAD, "ccb_ft is on hold"),
        (
            "08:30",
            {"failed": {"opower_billing": "refused"}},
            Tone.BAD,
            "Opower billing files, residential missed 08:00: its file could not be sent",
        ),
    ],
)
def test_the_first_line_says_the_worst_that_is_certain(
    tmp_path: Path, wall: str, how: dict[str, object], tone: Tone, text: str
) -> None:
    said = seen(tmp_path, wall, **how).headline

    assert (said.tone, said.text) == (tone, text)


def test_what_else_is_broken_stands_below(tmp_path: Path) -> None:
    said = seen(tmp_path, "08:05", absent=BSEG).headline

    assert said.text == "Billing missed 06:00: ccb_bseg has not come"
    assert said.more == "Also missed or at risk: Customer picture to the CRM and Opower billing files, residential."


def test_an_alert_about_something_else_is_the_first_line_of_a_good_night(tmp_path: Path) -> None:
    silent = alert("service.silent", "scheduler", at(TONIGHT, "08:00"), "the scheduler is silent", "start it")

    assert seen(tmp_path, "08:10", row=silent).headline.text == "The scheduler is silent"


def test_a_long_alert_is_cut_at_its_colon(tmp_path: Path) -> None:
    message = "ccb_bseg is on hold: 412 of 21,004 lines are rejects, and so many more words that no line holds them all"
    told = alert("feed.rejects_over_tolerance", "ccb_bseg", at(TONIGHT, "03:00"), message, "look")

    said = seen(tmp_path, "08:10", row=told).headline

    assert said.text == "ccb_bseg is on hold"
    assert said.more.startswith("412 of 21,004 lines")


def test_a_past_night_is_told_as_past(tmp_path: Path) -> None:
    yesterday = seen(tmp_path, "04:00", TONIGHT - timedelta(days=1))

    assert yesterday.headline.text == "All was done in time"
    assert yesterday.is_over
    assert yesterday.timeline.now is None


def test_nothing_was_promised_before_anything_happened(tmp_path: Path) -> None:
    shown = seen(tmp_path, "09:00", TONIGHT - timedelta(days=30))

    assert shown.headline.text == "Nothing has happened here yet"
    assert {o.state for o in shown.owed} | {f.state for f in shown.feeds} == {"nothing yet"}


# --- feeds -------------------------------------------------------------------------------------------------------


def state_of(shown: Board, feed: str) -> tuple[Tone, str, str]:
    line = next(f for f in shown.feeds if f.feed == feed)
    return line.tone, line.state, line.detail


def test_trouble_stands_first(tmp_path: Path) -> None:
    shown = seen(tmp_path, "04:10", absent=BSEG, held={"ccb_pay": "unreadable"})

    assert [(f.feed, f.tone) for f in shown.feeds[:2]] == [("ccb_pay", Tone.BAD), ("ccb_bseg", Tone.WARN)]
    assert [f.tone for f in shown.feeds] == sorted(f.tone for f in shown.feeds)


@pytest.mark.parametrize(
    ("wall", "how", "expected"),
    [
        ("00:35", {}, (Tone.WAIT, "waiting", "expected by 02:30")),
        ("04:00", {"absent": BSEG}, (Tone.WARN, "late", "nothing has come")),
        ("06:00", {"absent": BSEG}, (Tone.BAD, "missing", "nothing has come")),
        (
            "05:00",
            {"held": {"ccb_bseg": "no trailer"}},
            (Tone.BAD, "on hold", "no trailer"),
        ),
        ("05:00", {"rejects": {"ccb_bseg": 1}}, (Tone.GOOD, "loaded", "1 line put aside")),
        ("05:00", {}, (Tone.GOOD, "loaded", "")),
    ],
)
def test_a_feed_is_told_in_a_word_and_a_sentence(
    tmp_path: Path, wall: str, how: dict[str, object], expected: tuple[Tone, str, str]
) -> None:
    assert state_of(seen(tmp_path, wall, **how), "ccb_bseg") == expected


def test_what_the_newest_look_saw_explains_a_missing_file(tmp_path: Path) -> None:
    with platform_at(tmp_path, at(TONIGHT, "04:30"), Night(TONIGHT, at(TONIGHT, "04:30"), absent=BSEG)) as platform:
        with platform.ledger.write() as session:
            why = "ccb_ci_bseg_20260312.csv.gz is there, but its trailer is not"
            session.execute(
                update(Look).where(Look.feed == "ccb_bseg", Look.business_date == TONIGHT).values(reason=why)
            )

        assert state_of(board(platform, TONIGHT), "ccb_bseg") == (Tone.WARN, "late", why)


def test_a_night_that_came_short_is_incomplete(tmp_path: Path) -> None:
    with platform_at(tmp_path, at(TONIGHT, "05:00"), Night(TONIGHT)) as platform:
        with platform.ledger.write() as session:
            session.execute(update(Receipt).where(Receipt.feed == "ccb_bseg").values(is_complete=False))

        assert state_of(board(platform, TONIGHT), "ccb_bseg")[:2] == (Tone.WARN, "incomplete")


def choices(shown: Board, feed: str) -> tuple[str, ...]:
    return next(f for f in shown.feeds if f.feed == feed).choices


def test_only_what_makes_sense_can_be_decided(tmp_path: Path) -> None:
    shown = seen(tmp_path, "04:10", absent=BSEG, held={"ccb_pay": "unreadable"})

    assert choices(shown, "ccb_bseg") == ("release", "skip")
    assert choices(shown, "ccb_pay") == ("accept", "skip")
    assert choices(shown, "ccb_acct") == ()


@pytest.mark.parametrize(
    ("choice", "how", "expected"),
    [
        (NightChoice.SKIP, {"absent": BSEG}, (Tone.OFF, "skipped", "the night goes on without it")),
        (NightChoice.ACCEPT, {"held": {"ccb_bseg": "unreadable"}}, (Tone.GOOD, "loaded", "")),
        (
            NightChoice.RELEASE,
            {"absent": BSEG},
            (Tone.WAIT, "released", "the night waits for it until 07:30; nothing has come"),
        ),
    ],
)
def test_a_decision_is_shown_and_can_be_taken_back(
    tmp_path: Path, choice: NightChoice, how: dict[str, object], expected: tuple[Tone, str, str]
) -> None:
    instant = at(TONIGHT, "06:10")
    with platform_at(tmp_path, instant, Night(TONIGHT, instant, **how)) as platform:
        until = at(TONIGHT, "07:30") if choice is NightChoice.RELEASE else None
        decide(platform, "ccb_bseg", TONIGHT, choice, "Ann", "agreed with the desk", until=until)
        shown = board(platform, TONIGHT)

    assert state_of(shown, "ccb_bseg") == expected
    assert choices(shown, "ccb_bseg") == ("take_back",)
    line = next(f for f in shown.feeds if f.feed == "ccb_bseg")
    assert line.decision is not None
    assert (line.decision.by, line.decision.reason) == ("Ann", "agreed with the desk")


# --- promises, readers, deliveries, the picture ----------------------------------------------------------------------


def test_a_promise_at_risk_says_what_decides_it(tmp_path: Path) -> None:
    owed = {o.subject: o for o in seen(tmp_path, "05:55", absent=BSEG).owed}

    assert (owed["billing"].state, owed["billing"].waits_for) == ("at risk", ("ccb_bseg",))
    assert owed["billing"].forecast_at is not None
    assert owed["billing"].forecast_at > owed["billing"].deadline
    assert owed["billing"].forecast_reason.startswith("ccb_bseg has not come, later than on 2 of 2 nights before")
    assert owed["usage"].state == "done"


def test_a_refused_publication_leaves_the_older_one_standing(tmp_path: Path) -> None:
    refused = Publication(
        sequence=9999, domain="billing", as_of=TONIGHT, state=PublicationState.REFUSED, through_sequence=1,
        started_at=at(TONIGHT, "05:00"), message="fct_bills shrank by 40 %",
    )  # fmt: skip

    standing = {s.domain: s for s in seen(tmp_path, "05:30", absent=BSEG, row=refused).standing}

    assert standing["billing"].as_of == TONIGHT - timedelta(days=1)
    assert standing["billing"].refused == "fct_bills shrank by 40 %"
    assert standing["usage"].as_of == TONIGHT


def test_a_file_that_failed_is_the_state_of_its_delivery(tmp_path: Path) -> None:
    shown = seen(tmp_path, "07:10", failed={"opower_billing": "the server refused"})

    first = shown.deliveries[0]
    assert (first.delivery, first.tone, first.state) == ("opower_billing", Tone.BAD, "failed")
    assert first.trouble is not None
    assert first.trouble.message == "the server refused"


def test_a_source_left_alone_is_named(tmp_path: Path) -> None:
    breaker = Breaker(
        source="sftp:mdm", state="open", failures=3, retry_at=at(TONIGHT, "04:00"), error="source.refused: no route",
        updated_at=at(TONIGHT, "03:55"),
    )  # fmt: skip

    assert [(s.source, s.failures) for s in seen(tmp_path, "03:58", row=breaker).sources] == [("sftp:mdm", 3)]


def test_the_picture_shows_work_arrivals_and_deadlines_of_each_domain(tmp_path: Path) -> None:
    lanes = {(lane.group, lane.label): lane for lane in seen(tmp_path, "08:10", absent=BSEG).timeline.lanes}

    files = lanes["billing", "files"]
    assert sum(m.kind == "arrival" for m in files.marks) == 20
    assert [(m.kind, m.tone, m.label) for m in files.marks if m.kind == "absent"] == [
        ("absent", Tone.BAD, "not here: ccb_bseg")
    ]
    assert lanes["billing", "build and publish"].bars == ()
    assert [b.label for b in lanes["usage", "build and publish"].bars] == ["build usage: succeeded and more"]
    assert [(m.kind, m.at) for m in lanes["billing", "build and publish"].marks][:1] == [
        ("deadline", at(TONIGHT, "06:00"))
    ]


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        (date(2026, 3, 8), ["00:00", "01:00", "03:00", "04:00"]),  # the clocks jump from two to three
        (date(2026, 11, 1), ["00:00", "01:00", "01:00", "02:00"]),  # the hour from one to two comes twice
    ],
)
def test_the_hours_of_the_picture_are_those_of_the_wall_clock(tmp_path: Path, day: date, hours: list[str]) -> None:
    with Platform.open("test", Settings(home=tmp_path), clock=lambda: at(day, "06:00")) as platform:
        shown = board(platform, day)
        found = [f"{h.astimezone(platform.settings.tz):%H:%M}" for h in shown.timeline.hours]

    assert found[:4] == hours


def test_the_board_is_plain_json(tmp_path: Path) -> None:
    plain = seen(tmp_path, "04:10", absent=BSEG).to_dict()

    assert json.loads(json.dumps(plain)) == plain
    assert plain["headline"] == {"tone": "warn", "text": "ccb_bseg is late", "more": "Billing is due at 06:00."}
    assert plain["feeds"][0]["times"]["late_at"] == "2026-03-12T08:00:00+00:00"


# --- small words -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("TerminalError: [load.held] feed x: 1 file on hold", "feed x: 1 file on hold"),
        ("ConversionException: cannot convert 'Maria'", "it crashed (ConversionException); the task's log says more"),
        (None, "it crashed (no word why); the task's log says more"),
    ],
)
def test_only_our_own_words_about_a_failure_are_shown(message: str | None, shown: str) -> None:
    assert safe_message(message) == shown


@pytest.mark.parametrize(
    ("say", "given", "said"),
    [
        (listed, ["a"], "a"),
        (listed, ["a", "b", "c"], "a, b and c"),
        (listed, ["a", "b", "c", "d", "e"], "a, b and 3 others"),
        (sentence, "the scheduler is silent", "The scheduler is silent."),
        (sentence, "ccb_bseg is late", "ccb_bseg is late."),
        (span, timedelta(seconds=40), "40 s"),
        (span, timedelta(hours=5, minutes=3), "5 h 03 min"),
        (span, timedelta(days=3), "3 days"),
    ],
)
def test_small_words(say: Callable[[object], str], given: object, said: str) -> None:
    assert say(given) == said
