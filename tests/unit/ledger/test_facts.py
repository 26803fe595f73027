"""What conditions are judged by: the rows of some nights, and of the house, on both databases."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.support.conditions import condition
from tests.support.verdicts import breaker, heart, look, publication, receipt, run, sending

from nightwatt.ledger import Ledger, alerts, checks, facts, notices
from nightwatt.ledger.checks import CheckResult
from nightwatt.ledger.models import (
    Breaker,
    BreakerState,
    DeliveryState,
    Extraction,
    NightChoice,
    NightDecision,
    NoticeKind,
    NoticeState,
    PublicationState,
    Receipt,
    Severity,
)
from nightwatt.ledger.notices import Planned

NEW_YORK = ZoneInfo("America/New_York")
NIGHT = date(2026, 3, 9)
BEFORE = NIGHT - timedelta(days=1)
NOW = datetime(2026, 3, 9, 8, 30, tzinfo=UTC)


def whole(feed: str, number: int, **changes: object) -> Receipt:
    """A receipt with everything the table asks for."""
    facts_ = {
        "id": number, "content_sha256": f"{number:064}", "size_bytes": 1, "unpacked_bytes": 1, "line_count": 1,
        "sent_at": NOW,
    }  # fmt: skip
    return receipt(feed, **facts_ | changes)


def book(ledger: Ledger, day: date = NIGHT) -> facts.NightBook:
    """One night."""
    with ledger.read() as session:
        return facts.night_books(session, [day, BEFORE], NEW_YORK)[day]


def the_house(ledger: Ledger, *near_real_time: str) -> facts.House:
    """The house."""
    with ledger.read() as session:
        return facts.house(session, NEW_YORK, near_real_time)


def test_a_night_has_its_own_rows_and_no_superseded_ones(ledger: Ledger) -> None:
    with ledger.write() as session:
        session.add_all([whole("ccb_bill", 1), whole("ccb_bill", 2), whole("ccb_bill", 3, business_date=BEFORE)])
        session.flush()
        session.get_one(Receipt, 1).superseded_by_id = 2
        session.add_all([look("ccb_bill"), look("ccb_bill", business_date=BEFORE, is_ready=False)])

    found = book(ledger)

    assert {feed: [r.id for r in rows] for feed, rows in found.receipts.items()} == {"ccb_bill": [2]}
    assert found.looks["ccb_bill"].is_ready
    assert [r.id for r in book(ledger, BEFORE).receipts["ccb_bill"]] == [3]


def test_a_run_of_no_night_belongs_to_the_local_day_on_which_it_began(ledger: Ledger) -> None:
    late = datetime(2026, 3, 10, 3, 30, tzinfo=UTC)  # 23:30 of the 9th in New York
    with ledger.write() as session:
        session.add_all(
            [
                run("merge", "reads", business_date=None, started_at=late),
                run("merge", "reads", business_date=None, started_at=late + timedelta(hours=1)),
                run("build", "usage"),
                run("build", "usage", business_date=BEFORE),
            ]
        )
    assert [(r.stage, r.started_at) for r in book(ledger).runs if r.stage == "merge"] == [("merge", late)]
    assert [r.stage for r in book(ledger).runs] == ["merge", "build"]


def test_the_last_word_of_a_person_counts_and_none_that_was_taken_back(ledger: Ledger) -> None:
    def word(choice: NightChoice, revoked: datetime | None = None) -> NightDecision:
        return NightDecision(
            feed="ccb_bill", business_date=NIGHT, choice=choice, reason="said so", decided_by="kim", decided_at=NOW,
            revoked_at=revoked,
        )  # fmt: skip

    with ledger.write() as session:
        session.add_all([word(NightChoice.RELEASE), word(NightChoice.ACCEPT), word(NightChoice.SKIP, NOW)])
    assert book(ledger).decisions["ccb_bill"].choice == NightChoice.ACCEPT


def test_only_the_newest_result_of_a_check_counts(ledger: Ledger) -> None:
    def result(code: str, passed: bool) -> CheckResult:
        return CheckResult(code, "ccb_bill", passed, False, "seen", {}, NIGHT)

    with ledger.write() as session:
        for code, passed in (("feed.a", False), ("feed.a", True), ("feed.b", True), ("feed.b", False)):
            checks.record(session, [result(code, passed)], NIGHT, NOW)
    assert [c.code for c in book(ledger).failed] == ["feed.b"]


def test_a_reconciliation_counts_until_its_domain_is_tried_again(ledger: Ledger) -> None:
    differs = CheckResult("reconcile.amount", "ccb bill", False, True, "12.00 in neither", {"domain": "billing"}, NIGHT)

    def verdict(domain: str) -> CheckResult:
        return CheckResult("publish.verdict", domain, domain == "usage", True, "tried", {}, NIGHT)

    def codes() -> list[str]:
        return [c.code for c in book(ledger).failed if c.code.startswith("reconcile.")]

    with ledger.write() as session:
        checks.record(session, [differs, verdict("billing")], NIGHT, NOW)
    assert codes() == ["reconcile.amount"]
    with ledger.write() as session:
        checks.record(session, [verdict("usage")], NIGHT, NOW + timedelta(hours=1))
    assert codes() == ["reconcile.amount"]
    with ledger.write() as session:
        checks.record(session, [verdict("billing")], NIGHT, NOW + timedelta(hours=2))
    assert codes() == []


def test_publications_and_sendings_of_later_nights_are_known(ledger: Ledger) -> None:
    after = NIGHT + timedelta(days=1)
    sent = {"publication_sequence": 1, "through_sequence": 1, "content_sha256": "0" * 64, "size_bytes": 1, "rows": 1,
            "remote_path": "/out"}  # fmt: skip
    with ledger.write() as session:
        session.add_all(
            [
                publication("billing", "05:00", sequence=1, as_of=BEFORE),
                publication("billing", "05:00", sequence=2, state=PublicationState.REFUSED),
                publication("billing", "05:00", sequence=3, as_of=after),
                publication("billing", "05:00", sequence=4, as_of=after, state=PublicationState.REFUSED),
                sending("crm_core", **sent),
                sending("crm_core", **sent, business_date=after, file_name="b"),
                sending("crm_core", DeliveryState.INTENT, **sent, business_date=after + timedelta(days=1)),
            ]
        )
    found = book(ledger)
    assert [p.sequence for p in found.publications] == [2, 3]
    assert (len(found.sendings["crm_core"]), found.sent_through) == (1, {"crm_core": after})


def test_the_house_knows_since_when_it_is_lived_in(ledger: Ledger) -> None:
    assert the_house(ledger).since is None
    with ledger.write() as session:
        session.add(run("build", "billing", business_date=date(2025, 1, 1), started_at=NOW))
    assert the_house(ledger).since == NIGHT
    with ledger.write() as session:
        session.add(look("ccb_bill", first_at=NOW - timedelta(days=3)))
    assert the_house(ledger).since == NIGHT - timedelta(days=3)


def test_the_house_knows_what_is_away_silent_and_fresh(ledger: Ledger) -> None:
    with ledger.write() as session:
        session.add_all([breaker("sftp:ccb", "away"), heart("watchdog", "04:00"), publication("usage", "05:00")])
        session.add(Breaker(source="sql:mdm", state=BreakerState.CLOSED, failures=0, updated_at=NOW))
        session.add(whole("ccb_acct", 1))
        for state, at in (("succeeded", NOW), ("failed", NOW + timedelta(hours=1))):
            session.add(Extraction(feed="ccb_acct", business_date=NIGHT, state=state, started_at=at, ended_at=at))
        alerts.raise_alert(session, condition(), NOW, "watchdog")
        alerts.close(alerts.raise_alert(session, condition("other"), NOW, "watchdog"), NOW)

    found = the_house(ledger, "ccb_acct", "ccb_bill")

    assert [b.source for b in found.breakers] == ["sftp:ccb"]
    assert (list(found.hearts), list(found.standing)) == (["watchdog"], ["usage"])
    assert found.fresh == {"ccb_acct": NOW}
    assert found.open_keys == {condition().key}
    with ledger.read() as session:
        assert facts.open_dates(session) == [NIGHT]


def test_a_channel_has_given_up_until_something_gets_through(ledger: Ledger) -> None:
    def say(channel: str, number: int, state: NoticeState, at: datetime) -> None:
        with ledger.write() as session:
            alert = alerts.raise_alert(session, condition(f"{channel}{number}"), at, "watchdog")
            plan = Planned(f"{channel}{number}", channel, NoticeKind.OPENED, alert.id, 0, Severity.WARNING, at)
            notices.plan(session, [plan])
            [(notice, _)] = notices.claim(session, plan.message_id, "watchdog", at)
            error = "[channel.not_sent] no" if state == NoticeState.FAILED else None
            notices.settle(session, [notice.id], state, at, error=error)

    say("mail", 1, NoticeState.SENT, NOW)
    say("mail", 2, NoticeState.FAILED, NOW + timedelta(hours=1))
    say("pager", 1, NoticeState.FAILED, NOW)
    say("pager", 2, NoticeState.SENT, NOW + timedelta(hours=1))

    assert [(c.channel, c.error) for c in the_house(ledger).channels] == [("mail", "[channel.not_sent] no")]
    with ledger.write() as session:
        assert facts.house(session, NEW_YORK, channels=["pager"]).channels == []
        notices.forgive(session, "mail")  # a test got through
        assert facts.house(session, NEW_YORK).channels == []
