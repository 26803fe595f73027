"""The business date a build's models call today."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from nightwatt.ledger.models import Publication, PublicationState
from nightwatt.settings import Settings
from nightwatt.stages import Platform
from nightwatt.stages.building import build_inputs

SUNDAY, MONDAY = date(2026, 3, 8), date(2026, 3, 9)


def published(domain: str, as_of: date) -> Publication:
    return Publication(
        sequence=1, domain=domain, as_of=as_of, state=PublicationState.PUBLISHED, through_sequence=0,
        started_at=datetime(2026, 3, 9, 9, tzinfo=UTC),
    )  # fmt: skip


def test_a_build_is_as_of_the_callers_date_and_does_not_turn_back_what_readers_have(tmp_path: Path) -> None:
    with Platform.open("test", Settings(home=tmp_path)) as platform:
        assert build_inputs(platform, "billing", SUNDAY).as_of == SUNDAY
        with platform.ledger.write() as session:
            session.add(published("billing", MONDAY))
        assert build_inputs(platform, "billing", SUNDAY).as_of == MONDAY  # a past night, run again
        assert build_inputs(platform, "billing", date(2026, 3, 10)).as_of == date(2026, 3, 10)
        assert build_inputs(platform, "usage", SUNDAY).as_of == SUNDAY  # each domain has its own
