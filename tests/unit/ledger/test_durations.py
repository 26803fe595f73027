"""How earlier nights went, and how far tonight is, out of receipts, runs, looks, decisions and publications."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from nightwatt.ledger import Ledger, durations
from nightwatt.ledger.durations import Past, StepRun
from nightwatt.ledger.models import (
    Look,
    NightChoice,
    NightDecision,
    Publication,
    PublicationState,
    Receipt,
    ReceiptState,
    Run,
    RunState,
)

NEW_YORK = ZoneInfo("America/New_York")
NIGHT = date(2026, 3, 9)
FORWARD = date(2026, 3, 8)
FRIDAY = date(2026, 3, 6)


def at(day: date, wall: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(wall), tzinfo=NEW_YORK).astimezone(UTC)


def receipt(day: date, arrived_at: datetime, name: str = "a.csv", state: str = ReceiptState.LOADED) -> Receipt:
    return Receipt(
        feed="bills", business_date=day, file_name=name, content_sha256=f"{name}{arrived_at:%d%H%M%S}", size_bytes=1,
        unpacked_bytes=1, line_count=1, sent_at=arrived_at, arrived_at=arrived_at, state=state,
    )  # fmt: skip


def run(
    stage: str, subject: str, day: date | None, begun: datetime, minutes: float | None, state: str = RunState.SUCCEEDED
) -> Run:
    ended = None if minutes is None else begun + timedelta(minutes=minutes)
    return Run(
        stage=stage,
        subject=subject,
        business_date=day,
        started_by="test",
        state=state,
        started_at=begun,
        ended_at=ended,
    )


def enter(ledger: Ledger, *rows: object) -> None:
    with ledger.write() as session:
        session.add_all(rows)


def history(ledger: Ledger, nights: int = 56) -> durations.History:
    with ledger.read() as session:
        return durations.history(session, NIGHT, NEW_YORK, nights)


def progress(ledger: Ledger) -> durations.Progress:
    with ledger.read() as session:
        return durations.progress(session, NIGHT, NEW_YORK)


@pytest.mark.parametrize(
    ("day", "wall", "expected"),
    [
        (NIGHT, "02:30", timedelta(hours=2, minutes=30)),
        (FORWARD, "03:30", timedelta(hours=3, minutes=30)),  # 2.5 hours after midnight, by the wall clock 3.5
        (date(2026, 11, 1), "03:30", timedelta(hours=3, minutes=30)),
        (NIGHT, "00:00", timedelta(0)),
    ],
)
def test_a_place_in_the_night_is_the_wall_clocks(day: date, wall: str, expected: timedelta) -> None:
    assert durations.wall_offset(at(day, wall), day, NEW_YORK) == expected


def test_a_night_has_come_with_its_last_file_and_a_file_when_it_first_came(ledger: Ledger) -> None:
    enter(
        ledger,
        receipt(FRIDAY, at(FRIDAY, "02:10")),
        receipt(FRIDAY, at(FRIDAY, "02:40"), "b.csv"),
        receipt(FRIDAY, at(FRIDAY, "09:00"), "b.csv"),  # sent again in the morning
        receipt(FORWARD, at(FORWARD, "03:30")),
        receipt(FORWARD, at(FORWARD, "05:00"), "c.csv", ReceiptState.HELD),
        receipt(NIGHT, at(NIGHT, "02:20")),  # tonight is no earlier night
    )
    assert history(ledger).arrivals == {
        "bills": [Past(FRIDAY, timedelta(hours=2, minutes=40)), Past(FORWARD, timedelta(hours=3, minutes=30))]
    }


def test_nights_taken_in_on_another_day_say_nothing_about_hours(ledger: Ledger) -> None:
    enter(
        ledger,
        receipt(date(2026, 3, 4), at(NIGHT, "01:00")),  # a backfill
        receipt(date(2026, 3, 5), at(date(2026, 3, 4), "23:00")),  # the evening before
        receipt(date(2026, 3, 7), at(date(2026, 3, 6), "10:00")),  # more than half a day early
    )
    assert history(ledger).arrivals == {"bills": [Past(date(2026, 3, 5), timedelta(hours=-1))]}


def test_of_several_runs_for_a_date_the_longest_counts_and_failed_ones_do_not(ledger: Ledger) -> None:
    enter(
        ledger,
        run("build", "billing", FRIDAY, at(FRIDAY, "03:00"), 20),
        run("build", "billing", FRIDAY, at(FRIDAY, "09:00"), 0.1),  # found its work done
        run("build", "billing", FORWARD, at(FORWARD, "03:00"), 90, RunState.FAILED),
        run("build", "billing", FORWARD, at(FORWARD, "05:00"), None, RunState.RUNNING),
        run("build", "usage", FORWARD, at(FORWARD, "03:30"), 7),
        run("replay", "bills", FORWARD, at(FORWARD, "03:30"), 7),
        run("merge", "reads", None, at(FORWARD, "03:00"), 4),
        run("merge", "reads", None, at(NIGHT, "03:00"), 99),
        run("build", "billing", NIGHT, at(NIGHT, "03:00"), 99),
    )
    minutes = timedelta(minutes=1)
    assert history(ledger).runs == {
        ("build", "billing"): [Past(FRIDAY, 20 * minutes)],
        ("build", "usage"): [Past(FORWARD, 7 * minutes)],
        ("merge", "reads"): [Past(FORWARD, 4 * minutes)],
    }


def test_only_so_many_nights_count(ledger: Ledger) -> None:
    enter(
        ledger,
        receipt(FRIDAY, at(FRIDAY, "02:00")),
        run("build", "billing", FRIDAY, at(FRIDAY, "03:00"), 20),
        run("merge", "reads", None, at(FRIDAY, "03:00"), 20),
    )
    assert history(ledger, nights=2) == durations.History()
    assert set(history(ledger, nights=3).runs) == {("build", "billing"), ("merge", "reads")}


def test_the_newest_run_of_a_step_counts_tonight_unless_it_failed(ledger: Ledger) -> None:
    enter(
        ledger,
        run("load", "bills", NIGHT, at(NIGHT, "02:00"), 5),
        run("load", "bills", NIGHT, at(NIGHT, "02:30"), None, RunState.RUNNING),
        run("load", "accounts", NIGHT, at(NIGHT, "02:00"), 5),
        run("build", "billing", NIGHT, at(NIGHT, "02:40"), 5),
        run("build", "billing", NIGHT, at(NIGHT, "02:50"), 5, RunState.FAILED),
        run("merge", "reads", None, at(NIGHT, "02:10"), 1),
        run("merge", "reads", None, at(FORWARD, "23:50"), 1),
        run("load", "bills", FORWARD, at(NIGHT, "04:00"), 1),
    )
    found = progress(ledger)
    assert found.runs == {
        ("load", "bills"): StepRun(at(NIGHT, "02:30"), None),
        ("load", "accounts"): StepRun(at(NIGHT, "02:00"), at(NIGHT, "02:05")),
        ("merge", "reads"): StepRun(at(NIGHT, "02:10"), at(NIGHT, "02:11")),
    }
    assert found.arrived == {"accounts": at(NIGHT, "02:00")}  # loaded by hand: nobody looked, and it is there


def test_looks_decisions_and_publications_say_how_far_a_night_is(ledger: Ledger) -> None:
    def look(feed: str, ready_at: datetime | None) -> Look:
        return Look(
            feed=feed, business_date=NIGHT, first_at=at(NIGHT, "01:00"), at=at(NIGHT, "02:00"), ready_at=ready_at,
            is_ready=ready_at is not None, arrived=1, expected=1, reason="", unknown=[], looked_by="test",
        )  # fmt: skip

    def decision(
        feed: str, choice: NightChoice, revoked_at: datetime | None = None, until: datetime | None = None
    ) -> NightDecision:
        return NightDecision(
            feed=feed, business_date=NIGHT, choice=choice, until=until, reason="why", decided_by="Ann",
            decided_at=at(NIGHT, "01:00"), revoked_at=revoked_at,
        )  # fmt: skip

    def publication(sequence: int, as_of: date, published_at: datetime, domain: str = "billing") -> Publication:
        return Publication(
            sequence=sequence, domain=domain, as_of=as_of, state=PublicationState.PUBLISHED, through_sequence=1,
            started_at=at(NIGHT, "03:00"), published_at=published_at,
        )  # fmt: skip

    enter(
        ledger,
        look("bills", at(NIGHT, "01:40")),
        look("accounts", None),
        decision("skipped", NightChoice.SKIP),
        decision("accepted", NightChoice.ACCEPT),
        decision("released", NightChoice.RELEASE, until=at(NIGHT, "07:30")),
        decision("revoked", NightChoice.SKIP, at(NIGHT, "01:30")),
        publication(1, FORWARD, at(FORWARD, "05:00"), "usage"),
        publication(2, NIGHT, at(NIGHT, "05:00")),
        publication(3, NIGHT, at(NIGHT, "09:00")),
    )
    found = progress(ledger)
    assert found.arrived == {"bills": at(NIGHT, "01:40")}
    assert found.let_go == {"skipped", "accepted"}
    assert found.released == {"released": at(NIGHT, "07:30")}
    assert found.published == {"billing": at(NIGHT, "05:00")}
