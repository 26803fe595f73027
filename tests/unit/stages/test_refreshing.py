"""When readers are shown what came between two nights, and when a refresh stands aside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from nightwatt.errors import TransientError
from nightwatt.ledger.models import Publication, PublicationState, Run
from nightwatt.settings import Settings
from nightwatt.stages import Platform, PublishSummary, Refreshed, refresh, refreshing

NIGHT = date(2026, 3, 9)
NOW = datetime(2026, 3, 9, 19, tzinfo=UTC)


@dataclass
class World:
    """A home whose warehouse is made believe: what it would do is told by the test, what it was asked is noted."""

    platform: Platform
    asked: list[str] = field(default_factory=list)
    shown: int | None = None  # what readers see
    changes: bool = True
    broken: bool = False

    def build(self, domain: str, *_: Any) -> Any:
        self.asked.append("build")
        return SimpleNamespace(is_skipped=not self.changes, reason="partial" if self.changes else "nothing changed")

    def publish(self, _: Platform, domain: str, as_of: date) -> PublishSummary:
        self.asked.append("publish")
        if self.broken:
            raise TransientError("warehouse.locked", "killed here", "")
        return PublishSummary(domain, 7, as_of, True, {})

    def ran(self, *stages: str) -> None:
        for stage in stages:
            with self.platform.ledger.run(stage, "billing", NIGHT, "night"):
                pass

    def published(self, sequence: int) -> None:
        with self.platform.ledger.write() as session:
            session.add(
                Publication(
                    sequence=sequence, domain="billing", as_of=NIGHT, state=PublicationState.PUBLISHED,
                    through_sequence=sequence - 1, started_at=NOW, published_at=NOW,
                )
            )  # fmt: skip
        self.shown = sequence

    def refreshes(self) -> list[str]:
        with self.platform.ledger.read() as session:
            return list(session.scalars(select(Run.state).where(Run.stage == "refresh").order_by(Run.id)))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with Platform.open("test", Settings(home=tmp_path), clock=lambda: NOW) as platform:
        made = World(platform)

        def current(_: Settings) -> Any:
            entry = SimpleNamespace(sequence=made.shown)
            return SimpleNamespace(publications={"billing": entry}) if made.shown else None

        monkeypatch.setattr(refreshing.versions, "current_version", current)
        monkeypatch.setattr(refreshing.warehouse, "build", made.build)
        monkeypatch.setattr(refreshing, "publish_built", made.publish)
        yield made


def test_what_came_is_built_and_published_as_of_the_date_that_stands(world: World) -> None:
    world.ran("build", "publish")
    world.published(4)

    assert refresh(world.platform, "billing") == Refreshed("billing", True, "published 7, as of 2026-03-09", 7, NIGHT)
    assert (world.asked, world.refreshes()) == (["build", "publish"], ["succeeded"])


def test_where_nothing_came_nothing_is_published(world: World) -> None:
    world.ran("build", "publish")
    world.published(4)
    world.changes = False

    assert refresh(world.platform, "billing") == Refreshed("billing", False, "nothing changed", 4, NIGHT)
    assert world.asked == ["build"]


def test_what_was_built_before_a_refresh_broke_off_is_published_by_the_next(world: World) -> None:
    world.ran("build", "publish")
    world.published(4)
    world.broken = True
    with pytest.raises(TransientError, match="killed here"):
        refresh(world.platform, "billing")
    world.broken, world.changes = False, False  # the build is done: nothing changed since
    done = refresh(world.platform, "billing")

    assert (done.is_new, world.asked) == (True, ["build", "publish", "build", "publish"])
    assert world.refreshes() == ["failed", "succeeded"]


def test_the_first_publication_is_the_nights(world: World) -> None:
    assert refresh(world.platform, "billing").reason == "not published yet; its first publication is the night's"
    assert (world.asked, world.refreshes()) == ([], [])


def test_a_night_between_its_build_and_its_publication_goes_first(world: World) -> None:
    world.ran("build", "publish")
    world.published(4)
    world.ran("build")
    assert refresh(world.platform, "billing").reason == "built and not published yet; that publication goes first"
    assert world.asked == []

    world.ran("publish")
    assert refresh(world.platform, "billing").is_new is True


def test_what_somebody_took_back_is_not_brought_forward_again(world: World) -> None:
    world.ran("build", "publish")
    world.published(4)
    world.published(6)
    world.shown = 4

    assert refresh(world.platform, "billing").reason.startswith("readers were taken back to 4")
    assert world.asked == []
