"""A new interval file is judged against all those sent before it: what is missing in between, what is said again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support.delivery import Read, contract, hours, published
from tests.support.opower_files import hour, interval_row, name_of, text_of
from tests.support.sent import Archive, pack

from nightwatt import duck
from nightwatt.delivery.opower.checker import Within, check_interval_file
from nightwatt.delivery.opower.findings import CheckReport
from nightwatt.delivery.opower.parcel import OpowerMaker
from nightwatt.delivery.opower.profile import load_profile
from nightwatt.delivery.opower.sent_coverage import KEPT, SentCoverage
from nightwatt.delivery.parcels import PublicationFacts, Task
from nightwatt.ledger import populations, sendings
from nightwatt.ledger.models import DeliveryState, PhaseKind

DELIVERY = contract(delivery="opower")
PROFILE = load_profile(DELIVERY.profile)
ZONE = "America/New_York"


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    opened = Archive(tmp_path / "home")
    yield opened
    opened.close()


def reads(first: int, last: int) -> list[str]:
    return [interval_row("SP1", hour(n)) for n in range(first, last)]


def sent(archive: Archive) -> SentCoverage:
    return SentCoverage(archive.settings, archive.ledger, DELIVERY, PROFILE)


def judged(archive: Archive, rows: list[str]) -> CheckReport:
    """Check a file of these rows after everything sent."""
    name = name_of("interval60", "20270101060000")
    path = archive.settings.home / name
    path.write_bytes(pack(name, text_of("interval60", rows).encode()))
    with duck.private_engine() as con:
        return check_interval_file(
            path, PROFILE, [ZONE], within=Within(sent(archive).load(con), expects_corrections=True)
        )


def test_time_missing_between_the_last_file_and_this_one_is_a_gap(archive: Archive) -> None:
    archive.send("interval60", reads(0, 24))

    assert judged(archive, reads(24, 48)).codes == {}
    assert judged(archive, reads(26, 48)).codes == {"GAP": 1}


def test_a_read_that_was_sent_before_is_counted_as_a_correction_and_is_no_finding(archive: Archive) -> None:
    archive.send("interval60", reads(0, 24))

    report = judged(archive, reads(20, 30))

    assert (report.codes, report.corrections) == ({}, 4)


def test_a_file_that_waits_to_be_sent_counts_as_one_that_goes_before(archive: Archive) -> None:
    archive.send("interval60", reads(0, 24))
    archive.send("interval60", reads(24, 48), 1, state=DeliveryState.INTENT)

    assert judged(archive, reads(48, 72)).codes == {}


def test_a_sample_and_what_lies_before_the_history_count_for_nothing(archive: Archive) -> None:
    archive.send("interval60", reads(0, 10), 0)
    archive.send("interval60", reads(30, 40), 1, phase=PhaseKind.FULL, publication_sequence=7)
    archive.send("interval60", reads(40, 50), 1, phase=PhaseKind.FULL, publication_sequence=7,
                 name=name_of("interval60", "20260302060001"))  # fmt: skip
    archive.send("interval60", reads(70, 80), 2, phase=PhaseKind.SAMPLE)

    report = judged(archive, reads(50, 60))

    assert (report.codes, report.corrections) == ({}, 0)
    assert judged(archive, reads(35, 60)).corrections == 15
    assert judged(archive, reads(0, 30)).corrections == 0


def covered(archive: Archive, *, save_as: str = "") -> list[tuple[Any, ...]]:
    """Return what the files so far cover, and keep it, if asked to."""
    with duck.private_engine() as con:
        coverage = sent(archive).load(con)
        if save_as:
            sent(archive).save(coverage, save_as)
        return con.execute("from covered order by all").fetchall()


def test_what_was_kept_and_what_is_read_once_more_are_the_same(archive: Archive) -> None:
    folder = archive.settings.sent / "opower" / "coverage"
    for night in range(KEPT + 2):
        archive.send("interval60", reads(24 * night, 24 * night + 20), night)
        with archive.ledger.read() as session:
            newest = sendings.since_history(session, "opower")[-1].content_sha256
        known = covered(archive, save_as=newest)
    assert len(known) == KEPT + 2
    assert len(list(folder.iterdir())) == KEPT

    shutil.move(archive.settings.outbox, archive.settings.home / "away")
    assert covered(archive) == known
    shutil.move(archive.settings.home / "away", archive.settings.outbox)
    shutil.rmtree(folder)
    assert covered(archive) == known


def test_copies_that_were_pruned_are_not_missed(archive: Archive) -> None:
    archive.send("interval60", reads(0, 24))
    archive.send("interval60", reads(24, 48), 1)
    archive.copy_of(0, name_of("interval60", "20260301060000")).unlink()

    assert judged(archive, reads(48, 60)).codes == {}


def made(archive: Archive, stored: list[Read], through: int) -> list[tuple[str, str]]:
    """Make an incremental of these reads; return its findings."""
    publication = PublicationFacts(through, through, datetime(2026, 4, 1, 6, tzinfo=UTC))
    task = Task(DELIVERY, archive.settings, archive.ledger, publication, date(2026, 4, 1))
    with archive.ledger.read() as session:
        last = populations.last_counted(session, "opower")
    with published(stored) as con:
        result = OpowerMaker(task, DELIVERY).make(con, last)
    return [(f.code, f.message) for f in result.findings]


def test_every_delivery_is_judged_after_what_was_sent(archive: Archive) -> None:
    archive.send("interval60", [interval_row("SP100", datetime(2026, 3, 20, h, tzinfo=UTC)) for h in range(5, 15)])

    # The last read sent ends at 14:00Z, 10:00 local; the new ones begin two hours later.
    stored = hours("2026-03-20 12:00 -0400", 5, load_sequence=2)
    corrected = hours("2026-03-20 08:00 -0400", 1, load_sequence=2)

    ((code, message),) = made(archive, [*stored, *corrected], through=2)

    assert code == "GAP"
    assert "the first between the ends 2026-03-20T14:00Z and 2026-03-20T17:00Z" in message
