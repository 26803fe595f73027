"""The verdict as a table, and what the ledger says about a night."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from nightwatt.alerting.plan import DOMAIN_DEADLINES, night_plan
from nightwatt.alerting.verdict import State, night_verdicts, verdict, verdict_on
from nightwatt.contracts.catalog import Catalog
from nightwatt.contracts.delivery import Destination, OpowerIntervalDelivery
from nightwatt.errors import TerminalError
from nightwatt.ledger.book import Ledger
from nightwatt.ledger.models import DeliveryState, PhaseKind, Publication, PublicationState, Sending

NEW_YORK = ZoneInfo("America/New_York")
NIGHT = date(2026, 3, 9)


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    """An instant of the demo night, by New York's wall clock."""
    return datetime(2026, 3, 9, hour, minute, second, tzinfo=NEW_YORK)


SIX = at(6)


@pytest.mark.parametrize(
    ("now", "done_at", "forecast", "late_at", "state", "reason"),
    [
        # done: judged by when, not by now
        (at(5), at(4, 30), None, None, State.ON_TIME, "done 1 h 30 min before the deadline"),
        (at(9), at(4, 30), None, None, State.ON_TIME, "done 1 h 30 min before the deadline"),
        (at(1), at(4, 30), None, None, State.ON_TIME, "done 1 h 30 min before the deadline"),
        (at(9), at(6), None, None, State.ON_TIME, "done 0 s before the deadline"),
        (at(9), at(6, 0, 1), None, None, State.LATE, "done 1 s after the deadline"),
        (at(9), at(6, 40), None, None, State.LATE, "done 40 min after the deadline"),
        (at(9), at(4), None, at(4), State.ON_TIME, "done 2 h 00 min before the deadline"),
        (at(9), at(5), None, at(4), State.LATE, "done 1 h 00 min before the deadline, but 1 h 00 min overdue"),
        (at(5), at(5), at(7), None, State.ON_TIME, "done 1 h 00 min before the deadline"),
        # not done
        (at(3), None, None, None, State.PENDING, "not done yet, 3 h 00 min before the deadline"),
        (at(5, 59, 20), None, None, None, State.PENDING, "not done yet, 40 s before the deadline"),
        (at(6), None, None, None, State.MISSED, "not done; the deadline passed 0 s ago"),
        (at(8, 5), None, None, None, State.MISSED, "not done; the deadline passed 2 h 05 min ago"),
        (at(6) + timedelta(days=3), None, None, None, State.MISSED, "not done; the deadline passed 3 days ago"),
        (at(3), None, at(6), None, State.PENDING, "not done yet, 3 h 00 min before the deadline"),
        (at(3), None, at(6, 20), None, State.AT_RISK,
         "not done 3 h 00 min before the deadline; expected 20 min after it"),
        (at(3), None, None, at(4), State.PENDING, "not done yet, 3 h 00 min before the deadline"),
        (at(4), None, None, at(4), State.LATE, "not done and 0 s overdue, 2 h 00 min before the deadline"),
        (at(5), None, at(5, 30), at(4), State.LATE, "not done and 1 h 00 min overdue, 1 h 00 min before the deadline"),
        # the worst that is certain
        (at(5), None, at(6, 30), at(4), State.AT_RISK,
         "not done 1 h 00 min before the deadline; expected 30 min after it"),
        (at(7), None, at(8), at(4), State.MISSED, "not done; the deadline passed 1 h 00 min ago"),
    ],
)  # fmt: skip
def test_verdict_table(
    now: datetime,
    done_at: datetime | None,
    forecast: datetime | None,
    late_at: datetime | None,
    state: State,
    reason: str,
) -> None:
    judged = verdict(deadline=SIX, now=now, done_at=done_at, forecast=forecast, late_at=late_at)

    assert (judged.state, judged.reason) == (state, reason)
    assert judged.is_bad == (state in {State.AT_RISK, State.LATE, State.MISSED})


def test_verdict_compares_instants_and_not_wall_clocks() -> None:
    assert verdict(deadline=SIX, now=datetime(2026, 3, 9, 10, 0, tzinfo=UTC), done_at=None).state is State.MISSED
    assert verdict(deadline=SIX, now=datetime(2026, 3, 9, 9, 59, tzinfo=UTC), done_at=None).state is State.PENDING


def test_verdict_refuses_instants_without_a_zone_and_deadlines_that_run_backwards() -> None:
    with pytest.raises(ValueError, match="done_at needs a time zone"):
        verdict(deadline=SIX, now=at(3), done_at=datetime(2026, 3, 9, 4))  # noqa: DTZ001
    with pytest.raises(ValueError, match="late_at lies after the deadline"):
        verdict(deadline=SIX, now=at(3), done_at=None, late_at=at(7))


# --- what is due ---------------------------------------------------------------------------------------


@pytest.fixture
def catalog() -> Catalog:
    """A catalog that promises one delivery."""
    contract = OpowerIntervalDelivery(
        delivery="opower_reads",
        kind="opower_interval",
        title="Reads",
        partner="opower",
        owner="data desk",
        profile="opower/interval",
        utility_code="nwu",
        commodity="electricity",
        length_min=15,
        destination=Destination(connection="opower"),
        deadline=time(8, 0),
    )
    return Catalog(Path("nowhere"), {}, {"opower_reads": contract})


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        (date(2026, 3, 7), (11, 12, 13)),  # winter: UTC-5
        (date(2026, 3, 8), (10, 11, 12)),  # the clocks went forward at two
        (date(2026, 10, 31), (10, 11, 12)),
        (date(2026, 11, 1), (11, 12, 13)),  # and back
    ],
)
def test_deadlines_stay_on_the_wall_clock_when_clocks_change(
    catalog: Catalog, day: date, hours: tuple[int, int, int]
) -> None:
    due = [o for o in night_plan(catalog, day, NEW_YORK).owed if o.kind != "report"]

    assert [(d.kind, d.subject, d.deadline) for d in due] == [
        ("publication", "billing", datetime(day.year, day.month, day.day, hours[0], tzinfo=UTC)),
        ("publication", "usage", datetime(day.year, day.month, day.day, hours[1], tzinfo=UTC)),
        ("delivery", "opower_reads", datetime(day.year, day.month, day.day, hours[2], tzinfo=UTC)),
    ]


def test_domains_are_due_at_six_and_seven() -> None:
    assert dict(DOMAIN_DEADLINES) == {"billing": time(6, 0), "usage": time(7, 0)}


# --- what the ledger says ------------------------------------------------------------------------------


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger whose clock shows 06:30."""
    book = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", clock=lambda: at(6, 30))
    yield book
    book.close()


def publication(sequence: int, published_at: datetime | None, **other: object) -> Publication:
    """A finished publication of billing for the demo night."""
    given = {
        "sequence": sequence, "domain": "billing", "as_of": NIGHT, "state": PublicationState.PUBLISHED,
        "through_sequence": 1, "started_at": at(2), "published_at": published_at,
    }  # fmt: skip
    return Publication(**(given | other))


def sending(
    name: str, state: DeliveryState, delivered_at: datetime | None, phase: PhaseKind = PhaseKind.INCREMENTAL
) -> Sending:
    """A file of the one delivery."""
    return Sending(
        delivery="opower_reads", business_date=NIGHT, publication_sequence=1, through_sequence=1, phase=phase,
        file_name=name, content_sha256="0" * 64,
        size_bytes=1, rows=1, remote_path=f"/uploads/{name}", state=state, intended_at=at(5), delivered_at=delivered_at,
    )  # fmt: skip


def states(ledger: Ledger, catalog: Catalog, now: datetime) -> dict[str, State]:
    """The verdicts of the demo night by subject."""
    return {j.due.subject: j.verdict.state for j in night_verdicts(ledger, catalog, NIGHT, now, NEW_YORK)}


def test_an_empty_ledger_is_pending_before_and_missed_after_each_deadline(ledger: Ledger, catalog: Catalog) -> None:
    assert states(ledger, catalog, at(5)) == {
        "billing": State.PENDING, "usage": State.PENDING, "opower_reads": State.PENDING,
    }  # fmt: skip
    assert states(ledger, catalog, at(7, 30)) == {
        "billing": State.MISSED, "usage": State.MISSED, "opower_reads": State.PENDING,
    }  # fmt: skip


def test_the_first_publication_of_the_date_counts(ledger: Ledger, catalog: Catalog) -> None:
    with ledger.write() as session:
        session.add_all(
            [
                publication(1, at(1), as_of=NIGHT - timedelta(days=1)),
                publication(2, None, state=PublicationState.REFUSED),
                publication(3, at(5, 30)),
                publication(4, at(9)),  # a correction
                publication(5, at(6, 40), domain="usage"),
            ]
        )

    billing, usage, _ = night_verdicts(ledger, catalog, NIGHT, at(12), NEW_YORK)

    assert (billing.done_at, billing.evidence, billing.verdict.state) == (at(5, 30), "publication 3", State.ON_TIME)
    assert usage.verdict.reason == "done 20 min before the deadline"


@pytest.mark.parametrize(
    ("phases", "done_at"),
    [
        ([PhaseKind.SAMPLE], None),
        ([PhaseKind.INCREMENTAL, PhaseKind.SAMPLE, PhaseKind.FULL], at(5)),
        ([PhaseKind.FULL], at(5)),  # it left nothing for an incremental
        ([PhaseKind.SAMPLE, PhaseKind.FULL], at(6)),
    ],
)
def test_a_sample_is_no_nights_file_and_a_history_only_where_there_is_no_other(
    ledger: Ledger, catalog: Catalog, phases: list[PhaseKind], done_at: datetime | None
) -> None:
    with ledger.write() as session:
        session.add_all(
            sending(f"{number}.gz", DeliveryState.DELIVERED, at(5 + number), phase)
            for number, phase in enumerate(phases)
        )

    *_, judged = night_verdicts(ledger, catalog, NIGHT, at(12), NEW_YORK)

    assert (judged.due.subject, judged.done_at) == ("opower_reads", done_at)


def test_a_delivery_is_done_when_its_last_file_is_received(ledger: Ledger, catalog: Catalog) -> None:
    with ledger.write() as session:
        session.add_all(
            [sending("a.txt", DeliveryState.DELIVERED, at(5)), sending("b.txt", DeliveryState.RENAMING, None)]
        )
    waiting = verdict_on(ledger, catalog, "opower_reads", NIGHT, NEW_YORK)
    assert (waiting.done_at, waiting.evidence) == (None, "a.txt, b.txt (renaming)")

    with ledger.write() as session:
        session.query(Sending).filter_by(file_name="b.txt").update(
            {"state": DeliveryState.DELIVERED, "delivered_at": at(7)}
        )
    done = verdict_on(ledger, catalog, "opower_reads", NIGHT, NEW_YORK)
    assert (done.done_at, done.verdict.state) == (at(7), State.ON_TIME)


def test_a_verdict_is_plain_values_for_xcom(ledger: Ledger, catalog: Catalog) -> None:
    assert verdict_on(ledger, catalog, "billing", NIGHT, NEW_YORK).to_dict() == {
        "kind": "publication",
        "subject": "billing",
        "title": "billing published",
        "deadline": "2026-03-09T10:00:00+00:00",
        "done_at": None,
        "evidence": "",
        "state": "missed",
        "reason": "not done; the deadline passed 30 min ago",
    }


def test_an_unknown_subject_is_refused_with_the_known_ones(ledger: Ledger, catalog: Catalog) -> None:
    with pytest.raises(TerminalError, match="known: billing, usage, opower_reads"):
        verdict_on(ledger, catalog, "outages", NIGHT, NEW_YORK)
