"""When rows are pulled: once a night, or every so many minutes; and what an unreachable source does to a look."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from sqlalchemy import select
from tests.support.contracts import PULLED

from nightwatt import locks, stages
from nightwatt.errors import TransientError
from nightwatt.ledger.models import Extraction, Publication, PublicationState, Receipt
from nightwatt.settings import Settings
from nightwatt.stages import Platform, building, fetching, refreshing

NIGHT = date(2026, 3, 9)
FEED = "sample"


@dataclass
class World:
    """A database with one table of accounts, a home that pulls it, and the clock of both."""

    folder: Path
    now: datetime = datetime(2026, 3, 9, 7, 30, tzinfo=UTC)
    source: sqlite3.Connection = field(init=False)
    platform: Platform = field(init=False)

    def insert(self, account: str, stamp: str) -> None:
        self.source.execute("insert into ci_acct values (?, ?)", (account, stamp))
        self.source.commit()

    def pulls(self) -> list[tuple[date, str, str | None, int | None]]:
        with self.platform.ledger.read() as session:
            rows = session.scalars(select(Extraction).order_by(Extraction.id)).all()
        return [(r.business_date, r.state, r.file_name, r.rows) for r in rows]


def make_world(folder: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> Iterator[World]:
    contract = yaml.safe_load(PULLED) | changes
    contract["arrival"]["source"]["table"] = "ci_acct"
    feeds = folder / "catalog" / "feeds"
    feeds.mkdir(parents=True)
    (feeds / "sample.yaml").write_text(yaml.safe_dump(contract))
    monkeypatch.setenv("NIGHTWATT_SQL_CCB_URL", f"sqlite:///{folder / 'source.db'}")
    monkeypatch.setattr(fetching, "WAITS", ())
    world = World(folder)
    world.source = sqlite3.connect(folder / "source.db")
    world.source.execute("create table ci_acct (acct_id text, last_upd_dttm timestamp)")
    with Platform.open("test", Settings(home=folder / "home"), feeds.parent, clock=lambda: world.now) as platform:
        world.platform = platform
        yield world


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The feed is asked every five minutes."""
    yield from make_world(tmp_path, monkeypatch)


@pytest.fixture
def nightly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The feed is asked once a night."""
    yield from make_world(tmp_path, monkeypatch, schedule={})


def test_a_nightly_feed_is_pulled_once_and_is_ready(nightly: World) -> None:
    nightly.insert("1", "2026-03-09 01:00:00.000000")
    first = stages.expectation(nightly.platform, FEED, NIGHT)
    nightly.now += timedelta(hours=3)
    again = stages.expectation(nightly.platform, FEED, NIGHT)
    stages.arrive(nightly.platform, FEED)

    assert (first.is_ready, again.is_ready) == (True, True)
    assert nightly.pulls() == [(NIGHT, "succeeded", "acct_20260309_00000001.parquet", 1)]


def test_no_night_is_pulled_before_it_has_come_and_a_past_one_only_if_it_never_was(nightly: World) -> None:
    ahead = stages.expectation(nightly.platform, FEED, NIGHT + timedelta(1))
    stages.expectation(nightly.platform, FEED, NIGHT - timedelta(1))
    stages.expectation(nightly.platform, FEED, NIGHT - timedelta(1))

    assert ahead.is_ready is False
    assert [day for day, *_ in nightly.pulls()] == [NIGHT - timedelta(1)]


def test_nothing_is_pulled_on_a_day_without_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for world in make_world(tmp_path, monkeypatch, schedule={"days": ["tue"]}):
        monday = stages.expectation(world.platform, FEED, NIGHT)
        assert (monday.is_expected, world.pulls()) == (False, [])


def test_a_live_feed_is_pulled_as_often_as_its_contract_says(live: World) -> None:
    asked = []
    for minutes in (0, 1, 4, 5, 9, 11):
        live.now = datetime(2026, 3, 9, 7, 30, tzinfo=UTC) + timedelta(minutes=minutes)
        live.insert(str(minutes), f"2026-03-09 03:{30 + minutes}:00.000000")
        stages.expectation(live.platform, FEED, NIGHT)
        asked.append(len(live.pulls()))

    assert asked == [1, 1, 1, 2, 2, 3]


def test_a_source_that_is_away_is_a_reason_and_not_an_error(live: World) -> None:
    live.source.execute("alter table ci_acct rename to gone")
    look = stages.expectation(live.platform, FEED, NIGHT)
    shown = stages.arrive(live.platform, FEED)

    assert look.is_ready is False
    assert "extract.table_missing" in look.reason
    assert [line[:45] for line in shown.lines()] == ["no answer [extract.table_missing] there is no"]


def test_a_pull_by_hand_is_made_at_once_and_can_take_everything(nightly: World) -> None:
    nightly.insert("1", "2026-03-09 01:00:00.000000")
    nightly.insert("2", "2026-03-09 03:29:00.000000")
    stages.expectation(nightly.platform, FEED, NIGHT)
    some = stages.pull_now(nightly.platform, FEED, NIGHT)
    everything = stages.pull_now(nightly.platform, FEED, NIGHT, everything=True)

    assert (some.rows, everything.rows, everything.since) == (1, 2, None)


def test_received_files_of_nights_gone_by_are_cleared_away_and_their_manifests_stay(live: World) -> None:
    folder = live.platform.settings.inbound / "ccb" / "pulled"
    for days in range(4):
        live.now = datetime(2026, 3, 9, 7, 30, tzinfo=UTC) + timedelta(days=days)
        live.insert(str(days), f"2026-03-{9 + days:02} 03:00:00.000000")
        assert stages.expectation(live.platform, FEED, NIGHT + timedelta(days=days)).is_ready
    left = sorted(p.name for p in folder.glob("*.parquet"))
    manifests = len(list(folder.glob("*.json")))
    again = stages.expectation(live.platform, FEED, NIGHT)

    assert left == [f"acct_202603{day}_0000000{n}.parquet" for day, n in (("10", 2), ("11", 3), ("12", 4))]
    assert manifests == 4
    assert again.is_ready is True


def test_a_pull_under_way_elsewhere_is_not_waited_for(live: World) -> None:
    lock = live.platform.settings.scratch / "locks" / f"extract-{FEED}.lock"
    with locks.hold(lock, "by hand", code="", timeout_s=0):
        look = stages.expectation(live.platform, FEED, NIGHT)
    assert "extract.busy" in look.reason
    assert live.pulls() == []


def test_a_sweep_takes_in_what_came_and_refreshes_nothing_before_the_first_publication(live: World) -> None:
    live.insert("1", "2026-03-09 01:00:00.000000")
    first, second = stages.sweep(live.platform), stages.sweep(live.platform)

    assert [(t.feed, t.files, t.rows) for t in (*first.taken, *second.taken)] == [(FEED, 1, 1), (FEED, 0, 0)]
    assert [r.reason for r in first.refreshed] == ["not published yet; its first publication is the night's"]
    with live.platform.ledger.read() as session:
        assert [r.state for r in session.scalars(select(Receipt))] == ["loaded"]


def test_a_refresh_sees_all_of_live_feeds_and_of_others_what_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (live,) = make_world(tmp_path, monkeypatch)
    other = yaml.safe_load(PULLED) | {"feed": "other", "schedule": {}}
    other["arrival"] |= {"folder": "other"}
    other["arrival"]["source"]["table"] = "ci_acct"
    (tmp_path / "catalog" / "feeds" / "other.yaml").write_text(yaml.safe_dump(other))
    with Platform.open("test", live.platform.settings, tmp_path / "catalog", clock=lambda: live.now) as platform:
        live.insert("1", "2026-03-09 01:00:00.000000")
        for n in range(2):
            for feed in (FEED, "other"):
                stages.pull_now(platform, feed, NIGHT + timedelta(days=n))
                stages.arrive(platform, feed)
                stages.load(platform, feed)
        standing = Publication(
            sequence=9, domain="billing", as_of=NIGHT, state=PublicationState.PUBLISHED, through_sequence=2,
            started_at=live.now,
        )  # fmt: skip
        whole = building.build_inputs(platform, "billing", NIGHT).table_feeds
        seen = building.refresh_inputs(platform, "billing", standing).table_feeds

    assert {name: (len(whole[name].files), whole[name].through_sequence) for name in (FEED, "other")} == {
        FEED: (2, 3), "other": (2, 4),
    }  # fmt: skip
    assert {name: (len(seen[name].files), seen[name].through_sequence) for name in (FEED, "other")} == {
        FEED: (2, 2), "other": (1, 2),
    }  # fmt: skip


def test_a_refresh_waits_for_a_build_of_the_domain_and_says_who_holds_it(
    live: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "DOMAIN_WAIT_S", 0.0)
    with (
        building.alone(live.platform, "billing", "build"),
        pytest.raises(TransientError, match=r"build\.busy.*'build billing'"),
    ):
        refreshing.refresh(live.platform, "billing")


def test_the_many_files_of_a_day_gone_by_are_read_as_one_with_the_same_rows(live: World) -> None:
    def inputs() -> list[Path]:
        return list(building.build_inputs(live.platform, "billing", NIGHT).table_feeds[FEED].files)

    def rows(files: list[Path]) -> list[tuple[object, ...]]:
        names = [str(f) for f in files]
        return duckdb.sql(f"select * from read_parquet({names}, hive_partitioning = false)").fetchall()

    for minutes in (0, 10, 20):
        live.now = datetime(2026, 3, 9, 7, 30, tzinfo=UTC) + timedelta(minutes=minutes)
        live.insert(str(minutes), f"2026-03-09 03:{30 + minutes}:00.000000")
        stages.sweep(live.platform)
    by_day = inputs()
    live.now += timedelta(days=1)
    live.insert("4", "2026-03-10 03:00:00.000000")
    stages.sweep(live.platform)
    later = inputs()

    assert (len(by_day), len(later)) == (3, 2)
    assert rows(later)[: len(rows(by_day))] == rows(by_day)
    assert len(rows(later)) == len(rows(by_day)) + 4  # the new one, and what lies within the look-back
    assert inputs() == later
    shutil.rmtree(live.platform.settings.warehouse)
    assert rows(inputs()) == rows(later)
