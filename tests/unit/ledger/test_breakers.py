"""Circuit breakers that many processes share: when a source is left alone, and that one of them gets the try."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from tests.unit.ledger.conftest import NOW

from nightwatt.ledger import Ledger, breakers
from nightwatt.ledger.models import Breaker, BreakerState

SOURCE = "sftp:mdm"
MINUTE = timedelta(minutes=1)


class Clock:
    """A clock that tests set."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(open_ledger: Callable[..., Ledger], clock: Clock) -> Ledger:
    return open_ledger(clock)


def fail(ledger: Ledger, times: int, visitor: str = "anybody") -> None:
    for _ in range(times):
        breakers.failed(ledger, SOURCE, visitor, "[source.unreachable] gone")


def row(ledger: Ledger) -> Breaker:
    with ledger.read() as session:
        return session.get_one(Breaker, SOURCE)


def test_a_source_that_never_failed_has_no_entry_and_may_be_asked(ledger: Ledger) -> None:
    permit = breakers.ask(ledger, SOURCE, "a")
    breakers.went_well(ledger, SOURCE)

    assert permit == breakers.Permit(may_ask=True)
    with ledger.read() as session:
        assert breakers.all_of(session) == []


def test_two_failures_are_borne_and_a_visit_that_goes_well_forgets_them(ledger: Ledger) -> None:
    fail(ledger, 2)
    assert breakers.ask(ledger, SOURCE, "a").may_ask

    breakers.went_well(ledger, SOURCE)
    fail(ledger, 2)

    assert breakers.ask(ledger, SOURCE, "a").may_ask


def test_after_three_failures_in_a_row_nobody_asks_for_five_minutes(ledger: Ledger, clock: Clock) -> None:
    fail(ledger, 3)

    clock.now = NOW + 5 * MINUTE - timedelta(seconds=1)
    permit = breakers.ask(ledger, SOURCE, "a")

    assert permit == breakers.Permit(
        may_ask=False, retry_at=NOW + 5 * MINUTE, failures=3, error="[source.unreachable] gone"
    )
    assert (row(ledger).state, row(ledger).opened_at) == (BreakerState.OPEN, NOW)


def test_then_one_tries_and_the_others_wait_for_what_it_finds(ledger: Ledger, clock: Clock) -> None:
    fail(ledger, 3)
    clock.now = NOW + 5 * MINUTE

    first, second = breakers.ask(ledger, SOURCE, "a"), breakers.ask(ledger, SOURCE, "b")

    assert (first.may_ask, first.is_try) == (True, True)
    assert (second.may_ask, second.is_tried_now) == (False, True)


def test_of_many_that_ask_in_the_same_moment_one_gets_the_try(open_ledger: Callable[..., Ledger], clock: Clock) -> None:
    processes = [open_ledger(clock) for _ in range(6)]
    fail(processes[0], 3)
    clock.now = NOW + 5 * MINUTE
    together = threading.Barrier(len(processes))

    def ask(number: int) -> breakers.Permit:
        together.wait(30)
        return breakers.ask(processes[number], SOURCE, f"visit {number}")

    with ThreadPoolExecutor(len(processes)) as pool:
        permits = list(pool.map(ask, range(len(processes))))

    assert sorted((p.may_ask, p.is_try) for p in permits) == [(False, False)] * 5 + [(True, True)]


def test_many_first_failures_at_once_are_all_counted(open_ledger: Callable[..., Ledger], clock: Clock) -> None:
    processes = [open_ledger(clock) for _ in range(3)]
    together = threading.Barrier(len(processes))

    def count(number: int) -> None:
        together.wait(30)
        fail(processes[number], 1)

    with ThreadPoolExecutor(len(processes)) as pool:
        list(pool.map(count, range(len(processes))))

    assert (row(processes[0]).failures, row(processes[0]).state) == (3, BreakerState.OPEN)


def test_a_try_that_fails_doubles_the_pause_up_to_an_hour(ledger: Ledger, clock: Clock) -> None:
    fail(ledger, 3)
    pauses = []

    for number in range(6):
        clock.now = row(ledger).retry_at or NOW
        assert breakers.ask(ledger, SOURCE, f"{number}").is_try
        fail(ledger, 1, f"{number}")
        pauses.append((row(ledger).retry_at or NOW) - clock.now)

    assert pauses == [10 * MINUTE, 20 * MINUTE, 40 * MINUTE, 60 * MINUTE, 60 * MINUTE, 60 * MINUTE]
    assert row(ledger).opened_at == NOW


def test_a_source_that_answers_and_then_breaks_off_is_not_trusted_at_once(ledger: Ledger, clock: Clock) -> None:
    fail(ledger, 3)
    clock.now = NOW + 5 * MINUTE
    breakers.ask(ledger, SOURCE, "a")

    breakers.answered(ledger, SOURCE, "a")
    assert breakers.ask(ledger, SOURCE, "b") == breakers.Permit(may_ask=True)
    fail(ledger, 1, "b")

    assert (row(ledger).state, row(ledger).retry_at) == (BreakerState.OPEN, clock.now + 10 * MINUTE)


def test_a_visit_that_goes_well_ends_the_outage_for_good(ledger: Ledger, clock: Clock) -> None:
    fail(ledger, 5)
    clock.now = row(ledger).retry_at or NOW
    breakers.ask(ledger, SOURCE, "a")
    breakers.answered(ledger, SOURCE, "a")

    breakers.went_well(ledger, SOURCE)

    now = row(ledger)
    assert (now.state, now.failures, now.opened_at, now.retry_at, now.error, now.tried_by) == (
        BreakerState.CLOSED, 0, None, None, None, None,
    )  # fmt: skip


def test_a_try_whose_process_was_killed_is_taken_over_and_has_no_say_any_more(ledger: Ledger, clock: Clock) -> None:
    fail(ledger, 3)
    clock.now = NOW + 5 * MINUTE
    breakers.ask(ledger, SOURCE, "killed")

    clock.now += breakers.TRY_TAKES - timedelta(seconds=1)
    assert not breakers.ask(ledger, SOURCE, "early").may_ask
    clock.now += timedelta(seconds=1)
    assert breakers.ask(ledger, SOURCE, "heir").is_try
    breakers.answered(ledger, SOURCE, "killed")
    fail(ledger, 1, "killed")

    assert (row(ledger).state, row(ledger).tried_by, row(ledger).failures) == (BreakerState.HALF_OPEN, "heir", 3)


def test_a_try_that_never_got_to_ask_is_given_back(ledger: Ledger, clock: Clock) -> None:
    fail(ledger, 3)
    clock.now = NOW + 5 * MINUTE
    breakers.ask(ledger, SOURCE, "a")

    breakers.took_no_answer(ledger, SOURCE, "a")

    assert breakers.ask(ledger, SOURCE, "b").is_try


def test_a_visit_that_began_before_changes_nothing_about_the_pause(ledger: Ledger, clock: Clock) -> None:
    fail(ledger, 3)
    clock.now = NOW + MINUTE

    fail(ledger, 1, "slow")

    assert (row(ledger).failures, row(ledger).retry_at) == (3, NOW + 5 * MINUTE)
