"""Publishing usage counts silent meters once for a publication, by the limits of the feeds that are due."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.contracts import OFFSET_READS
from tests.support.platforms import NIGHT, House, house
from tests.support.published import publish_usage

from nightwatt import stages
from nightwatt.ledger import checks
from nightwatt.ledger.models import NightChoice
from nightwatt.stages.counting_meters import count_meters

DAY = NIGHT - timedelta(days=1)


def reads(limit: float | None = 10, **changes: Any) -> dict[str, Any]:
    """Electric reads of which so many percent of the meters may be silent."""
    return yaml.safe_load(OFFSET_READS) | {"completeness": {"max_missing_meters_pct": limit}} | changes


def silent(home: House, count: int, of: int = 10) -> None:
    """Publish a week of usage in which so many points have none of yesterday."""
    publish_usage(
        home.platform.settings,
        [
            ("electricity", f"P{n}", "delivered", DAY - timedelta(days=ago), 96)
            for n in range(of)
            for ago in range(0 if n >= count else 1, 8)
        ],
    )


def found(home: House) -> list[tuple[int, bool, int]]:
    with home.platform.ledger.read() as session:
        rows = [c for c in checks.of_night(session, NIGHT) if c.code == "usage.missing_meters"]
    return [(c.evidence["publication"], c.passed, c.evidence["silent"]) for c in rows]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path, reads()) as opened:
        yield opened


def test_a_publication_is_counted_once_and_the_next_one_cures_it(home: House) -> None:
    silent(home, 3)
    count_meters(home.platform, NIGHT, 7)
    count_meters(home.platform, NIGHT, 7)
    assert found(home) == [(7, False, 3)]

    silent(home, 1)
    count_meters(home.platform, NIGHT, 8)
    assert found(home) == [(7, False, 3), (8, True, 1)]


@pytest.mark.parametrize(
    ("choice", "counted"), [(NightChoice.SKIP, 0), (NightChoice.ACCEPT, 0), (NightChoice.RELEASE, 1)]
)
def test_meters_of_a_feed_that_somebody_let_go_are_not_counted(home: House, choice: NightChoice, counted: int) -> None:
    silent(home, 10)
    until = home.clock.now + timedelta(hours=8) if choice is NightChoice.RELEASE else None
    stages.decide(home.platform, "sample", NIGHT, choice, "Ann", "head end is down", until=until)
    count_meters(home.platform, NIGHT, 7)
    assert len(found(home)) == counted


@pytest.mark.parametrize("contract", [reads(None), reads(schedule={"days": ["tue"]})])
def test_without_a_limit_or_on_a_day_without_files_nothing_is_counted(tmp_path: Path, contract: dict[str, Any]) -> None:
    with house(tmp_path, contract) as home:
        silent(home, 10)
        count_meters(home.platform, NIGHT, 7)
        assert found(home) == []


def test_of_two_feeds_of_a_commodity_the_stricter_limit_counts(tmp_path: Path) -> None:
    with house(tmp_path, reads(50), reads(20, feed="second")) as home:
        silent(home, 3)
        count_meters(home.platform, NIGHT, 7)
        assert found(home) == [(7, False, 3)]
