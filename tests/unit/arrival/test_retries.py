"""How often a source that does not answer is asked again, and after how long."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nightwatt.arrival.retries import Patience
from nightwatt.arrival.transport import PlaceRefused, SourceAway, SourceRefused
from nightwatt.errors import NightWattError, TransientError


def failing(times: int, error: NightWattError) -> Callable[[], str]:
    """Return what fails so many times and then answers."""
    left = [error] * times

    def ask() -> str:
        if left:
            raise left.pop()
        return "an answer"

    return ask


@pytest.mark.parametrize("times", [0, 1, 2, 3])
def test_a_source_that_is_away_is_asked_three_times_more(times: int) -> None:
    slept: list[float] = []

    assert Patience(slept.append).with_(failing(times, SourceAway("source.unreachable", "away"))) == "an answer"
    assert slept == [1.0, 5.0, 30.0][:times]


def test_after_that_its_last_failure_is_told() -> None:
    slept: list[float] = []

    with pytest.raises(SourceAway):
        Patience(slept.append).with_(failing(4, SourceAway("source.unreachable", "away")))
    assert slept == [1.0, 5.0, 30.0]


@pytest.mark.parametrize(
    "error",
    [
        SourceRefused("source.login", "no"),
        PlaceRefused("source.permission", "no"),
        TransientError("landing.no_space", "our own disk"),
    ],
)
def test_what_is_refused_or_went_wrong_here_is_not_tried_again(error: NightWattError) -> None:
    slept: list[float] = []

    with pytest.raises(type(error)):
        Patience(slept.append).with_(failing(1, error))
    assert slept == []


def test_a_source_that_asks_for_more_time_gets_it_within_reason() -> None:
    slept: list[float] = []
    errors = [SourceAway("source.unreachable", "busy", after_seconds=after) for after in (999, 20, 0)]

    def ask() -> str:
        if errors:
            raise errors.pop()
        return "an answer"

    assert Patience(slept.append).with_(ask) == "an answer"
    assert slept == [1.0, 20.0, 120.0]


def test_one_try_may_be_all_there_is() -> None:
    slept: list[float] = []

    with pytest.raises(SourceAway):
        Patience(slept.append, ()).with_(failing(1, SourceAway("source.unreachable", "away")))
    assert slept == []
