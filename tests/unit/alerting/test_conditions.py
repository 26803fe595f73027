"""The verdict, one rule at a time: a night at a moment, and what is wrong with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.support import verdicts as v
from tests.support.verdicts import NIGHT, Moment, at, early_night, good_night

from nightwatt.alerting.forecast import Forecast
from nightwatt.ledger.checks import CheckResult
from nightwatt.ledger.facts import House
from nightwatt.ledger.models import DeliveryState, NightChoice, PublicationState, ReceiptState, RunState, Severity

REJECTS = "[file.rejects_over_tolerance] ccb_bill.csv: 9 of 100 rows rejected (9 %) -> correct the file"
HELD = v.receipt("ccb_bill", ReceiptState.HELD, message=REJECTS)
UNREADABLE = "[file.truncated] ccb_bill.csv: the archive is cut off -> ask the sender for it again"


def test_nothing_is_wrong_with_a_good_night() -> None:
    assert good_night().conditions() == []


def test_nothing_is_wrong_with_a_night_before_anything_ever_happened_here() -> None:
    assert Moment(at("09:00"), house=House()).conditions() == []
    assert Moment(at("09:00"), house=v.house(since=NIGHT + timedelta(days=1))).conditions() == []


# --- files that do not come ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "code"),
    [("03:59", None), ("04:00", "feed.late"), ("05:59", "feed.late"), ("06:00", "feed.missing")],
)  # fmt: skip
def test_a_feed_is_late_and_then_missing_by_the_contracts_wall_clock(now: str, code: str | None) -> None:
    night = good_night(
        now, receipts=[v.receipt("ccb_acct")], looks=[v.look("ccb_acct"), v.look("ccb_bill", is_ready=False, arrived=0)]
    )

    found = [c for c in night.conditions() if c.subject == "ccb_bill"]

    assert [c.code for c in found] == ([code] if code else [])
    if found:
        severity = Severity.CRITICAL if code == "feed.missing" else Severity.WARNING
        assert (found[0].cause, found[0].severity, found[0].topic) == ("system:ccb", severity, "arrival")
        assert "Seen: 1 of at least 1 file(s) missing" in found[0].message


@pytest.mark.parametrize(
    ("choice", "until", "now", "code"),
    [
        (NightChoice.SKIP, None, "09:00", None),
        (NightChoice.ACCEPT, None, "09:00", None),
        (NightChoice.RELEASE, "08:00", "06:30", "feed.late"),
        (NightChoice.RELEASE, "08:00", "08:00", "feed.missing"),
    ],
)
def test_a_persons_word_goes_before_the_contracts(
    choice: NightChoice, until: str | None, now: str, code: str | None
) -> None:
    decided = v.decision("ccb_bill", choice, at(until) if until else None)
    night = good_night(now, receipts=[v.receipt("ccb_acct")], looks=[v.look("ccb_acct")], decisions=[decided])

    assert [c.code for c in night.conditions() if c.subject == "ccb_bill"] == ([code] if code else [])


def test_a_file_with_a_wrong_name_is_named_where_its_feed_is_late() -> None:
    stranger = v.look("ccb_bill", is_ready=False, arrived=0, unknown=[["bill_09MAR.csv", "no pattern fits"]])
    came = [v.receipt("ccb_acct"), v.receipt("mdm_interval_electric")]
    night = good_night("05:00", receipts=came, looks=[stranger])

    late, unknown = night.only("feed.late"), night.only("feed.unknown_file")

    assert "bill_09MAR.csv in its folder fits no feed: named wrongly?" in late.message
    assert (unknown.subject, unknown.business_date, unknown.evidence) == ("ccb", None, {"files": ["bill_09MAR.csv"]})


def test_fewer_files_than_a_manifest_lists_are_not_all_of_them() -> None:
    part = v.look(
        "mdm_interval_electric", is_ready=False, arrived=2, expected=3, reason="of 3 listed files b is missing"
    )
    files = [v.receipt("mdm_interval_electric", id=n) for n in (1, 2)]
    night = good_night("05:00", looks=[part], receipts=[v.receipt("ccb_acct"), v.receipt("ccb_bill"), *files])

    late = night.only("feed.late")

    assert (late.evidence["files"], late.evidence["expected"]) == (2, 3)
    files.append(v.receipt("mdm_interval_electric", id=3))  # named by hand after the sensor had given up
    assert (
        good_night("05:00", looks=[part], receipts=[v.receipt("ccb_acct"), v.receipt("ccb_bill"), *files]).codes() == []
    )


def test_rounds_are_late_one_by_one() -> None:
    rounds = [{"by": "01:00", "files": 1}, {"by": "03:00", "files": 2}]
    catalog = v.with_schedule("ccb_bill", rounds=rounds)

    def codes(now: str, files: int) -> list[str]:
        came = [v.receipt("ccb_bill", id=n) for n in range(files)]
        night = good_night(
            now, catalog=catalog, receipts=[v.receipt("ccb_acct"), v.receipt("mdm_interval_electric"), *came]
        )
        return [code for code, subject in night.codes() if subject == "ccb_bill"]

    assert [codes("00:59", 0), codes("01:00", 0), codes("02:59", 1), codes("03:00", 1), codes("03:00", 2)] == [
        [], ["feed.late"], [], ["feed.late"], [],
    ]  # fmt: skip


def test_on_a_day_without_files_nothing_is_late() -> None:
    catalog = v.with_schedule("ccb_bill", days=["tue"])
    night = good_night("07:00", catalog=catalog, receipts=[v.receipt("ccb_acct"), v.receipt("mdm_interval_electric")])
    assert night.codes() == []


# --- files that are not good -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "topic", "code"),
    [(REJECTS, "rejects", "feed.rejects_over_tolerance"), (UNREADABLE, "unreadable", "feed.unreadable")],
)
def test_a_file_on_hold_is_told_as_that_and_not_as_missing(message: str, topic: str, code: str) -> None:
    held = v.receipt("ccb_bill", ReceiptState.HELD, message=message, id=12)
    night = good_night("09:00", receipts=[v.receipt("ccb_acct"), v.receipt("mdm_interval_electric"), held],
                       looks=[v.look("ccb_acct"), v.look("ccb_bill", is_ready=False, arrived=0)])  # fmt: skip

    [found] = night.conditions()

    assert (found.topic, found.code, found.severity) == (topic, code, Severity.CRITICAL)
    assert (found.cause, found.evidence["receipts"]) == ("feed:ccb_bill", [12])
    assert found.message.startswith("CC&B: bills (CI_BILL): on hold, ccb_bill.csv: ")


def test_a_load_that_stops_at_a_file_on_hold_is_not_told_a_second_time() -> None:
    held = v.receipt("ccb_bill", ReceiptState.HELD, message=REJECTS)
    load = v.failure("load", "ccb_bill", "TerminalError: [load.held] feed ccb_bill: 1 file(s) on hold -> follow it")
    night = good_night("04:00", receipts=[v.receipt("ccb_acct"), held], runs=[load])
    assert ("stage.failed", "load ccb_bill") not in night.codes()
    assert ("feed.rejects_over_tolerance", "ccb_bill") in night.codes()


@pytest.mark.parametrize(
    ("code", "evidence", "severity"),
    [
        ("feed.rows_below_median", {"rows": 60, "median": 100}, Severity.WARNING),  # 40 % short
        ("feed.rows_below_minimum", {"rows": 0, "min_rows": 1}, Severity.CRITICAL),  # empty
        ("feed.rows_above_median", {"rows": 200, "median": 100}, Severity.CRITICAL),  # doubled
        ("file.row_count_mismatch", {"files": []}, Severity.WARNING),
    ],
)
def test_a_night_that_is_not_whole(code: str, evidence: dict[str, Any], severity: Severity) -> None:
    night = good_night(failed=[v.check(code, "ccb_bill", "60 rows came", **evidence)])

    found = night.only("feed.incomplete")

    assert (found.severity, found.subject, found.message) == (severity, "ccb_bill", "60 rows came")
    accepted = good_night(failed=night.failed, decisions=[v.decision("ccb_bill", NightChoice.ACCEPT)])
    assert accepted.codes() == []


def test_a_feed_of_which_nothing_is_loaded_is_not_called_incomplete() -> None:
    empty = v.check("feed.file_count", "ccb_bill", "0 file(s) came")
    night = good_night("03:00", receipts=[v.receipt("ccb_acct")], failed=[empty])
    assert "feed.incomplete" not in dict(night.codes())


def test_a_feed_in_near_real_time_lags_after_its_own_minutes_and_is_never_late() -> None:
    catalog = v.with_schedule("ccb_acct", every_min=5, alert_after_min=30)
    files = [v.receipt("ccb_bill"), v.receipt("mdm_interval_electric")]
    fresh = v.house(fresh={"ccb_acct": at("08:00")})

    assert good_night("08:29", catalog=catalog, receipts=files, house=fresh).codes() == []
    lagging = good_night("08:30", catalog=catalog, receipts=files, house=fresh).only("feed.lagging")
    assert (lagging.subject, lagging.business_date, lagging.cause) == ("ccb_acct", None, "system:ccb")


# --- nothing runs ----------------------------------------------------------------------------------------


def test_a_night_that_has_not_begun_is_the_cause_of_all_that_is_late_in_it() -> None:
    assert [c.code for c in Moment(at("00:44")).conditions()] == []
    assert Moment(at("00:45")).codes() == [("night.not_started", "billing")]

    found = Moment(at("07:30")).conditions()

    assert {c.cause for c in found} == {"night"}
    assert {(c.code, c.subject) for c in found} == {
        ("night.not_started", "billing"), ("night.not_started", "usage"),
        ("feed.missing", "ccb_acct"), ("feed.missing", "ccb_bill"), ("feed.missing", "mdm_interval_electric"),
        ("deadline.missed", "billing"), ("deadline.missed", "usage"), ("deadline.missed", "crm_core"),
    }  # fmt: skip


@pytest.mark.parametrize(
    "sign",
    [
        {"looks": [v.look("ccb_bill", is_ready=False, arrived=0)]},
        {"receipts": [v.receipt("ccb_bill")]},
        {"runs": [v.run("load", "ccb_bill", RunState.RUNNING)]},
        {"publications": [v.publication("billing", "00:40")]},
    ],
)
def test_any_sign_of_it_says_that_a_night_has_begun(sign: dict[str, Any]) -> None:
    assert Moment(at("00:50"), **sign).codes() == []


def test_a_silent_scheduler_is_the_cause_of_what_is_late_meanwhile() -> None:
    hearts = {h.name: h for h in (v.heart("api_server", "05:59"), v.heart("scheduler", "05:40"))}
    night = early_night("06:00", house=v.house(hearts=hearts))

    found = night.conditions()

    assert ("service.silent", "scheduler") in [(c.code, c.subject) for c in found]
    assert {c.cause for c in found if c.code in {"feed.missing", "deadline.missed"}} == {"night"}


@pytest.mark.parametrize(
    ("hearts", "silent"),
    [
        ([v.heart("watchdog", "04:55")], []),
        ([v.heart("watchdog", "04:54")], ["watchdog"]),
        ([v.heart("watchdog", "01:00", every_s=None)], []),  # it said goodbye, or never promised
        ([v.heart("watch_night", "04:45", every_s=300)], []),
        ([v.heart("watch_night", "04:44", every_s=300)], ["watch_night"]),
        ([v.heart("watchdog", "05:00"), v.heart("api_server", "04:00")], ["api_server"]),
        # a dead messenger says nothing about those whose news it brings
        ([v.heart("watchdog", "04:00"), v.heart("api_server", "04:00")], ["watchdog"]),
        ([v.heart("api_server", "04:00"), v.heart("triggerer", "04:00")], []),
        ([v.heart("api_server", "05:00"), v.heart("triggerer", "04:00")], ["triggerer"]),
    ],
)
def test_a_service_that_does_not_come_back_is_silent(hearts: list[Any], silent: list[str]) -> None:
    night = good_night("05:00", house=v.house(hearts={h.name: h for h in hearts}))
    assert [c.subject for c in night.conditions() if c.code == "service.silent"] == silent


# --- steps -----------------------------------------------------------------------------------------------

TERMINAL = "TerminalError: [dbt.failed] 2 models failed -> read the log"
TRANSIENT = "TransientError: [warehouse.locked] the warehouse is held by 12 -> wait"


@pytest.mark.parametrize(
    ("errors", "now", "severity"),
    [
        ([TERMINAL], "03:10", Severity.CRITICAL),
        ([TRANSIENT], "03:15", None),  # the retry a minute later may mend it
        ([TRANSIENT], "03:20", Severity.WARNING),
        ([TRANSIENT, TRANSIENT], "03:15", Severity.WARNING),
        ([TRANSIENT] * 4, "03:15", Severity.CRITICAL),  # three retries are used up
        (["ValueError: could not convert 'JANE DOE'"], "03:30", Severity.WARNING),
        ([TERMINAL, None], "03:30", None),  # mended
    ],
)
def test_a_step_that_fails(errors: list[str | None], now: str, severity: Severity | None) -> None:
    runs = [v.failure("build", "billing", e) if e else v.run("build", "billing") for e in errors]
    night = early_night(now, runs=runs)

    found = [c for c in night.conditions() if c.code == "stage.failed"]

    assert [c.severity for c in found] == ([severity] if severity else [])
    assert [(c.subject, c.cause, c.domain) for c in found] == [
        ("build billing", "publication:billing", "billing")
    ] * len(found)
    assert "JANE" not in str(found)


def test_a_run_under_way_neither_mends_nor_worsens_a_step() -> None:
    runs = [v.failure("build", "billing", TERMINAL), v.run("build", "billing", RunState.RUNNING, ended_at=None)]
    assert early_night("03:30", runs=runs).only("stage.failed").severity is Severity.CRITICAL


@pytest.mark.parametrize(
    "after",
    [
        {"publications": [v.publication("billing", "04:00", as_of=NIGHT + timedelta(days=1))]},  # a later night has it
        {"decisions": [v.decision("ccb_bill", NightChoice.ACCEPT)]},
    ],
)
def test_a_load_that_nobody_needs_any_more_is_not_told_of(after: dict[str, Any]) -> None:
    load = v.failure("load", "ccb_bill", "TerminalError: [lake.broken] no -> look")
    assert "stage.failed" in dict(early_night("05:00", runs=[load]).codes())
    assert "stage.failed" not in dict(early_night("05:00", runs=[load], **after).codes())


# --- publications ----------------------------------------------------------------------------------------


def test_a_refused_publication_stands_until_one_is_published() -> None:
    refused = v.publication("billing", "04:00", state=PublicationState.REFUSED, published_at=None, sequence=4,
                            message="publication 4 of billing failed its checks")  # fmt: skip
    night = early_night("04:30", publications=[refused])

    found = night.only("publication.refused")

    assert (found.severity, found.cause) == (Severity.CRITICAL, "publication:billing")
    assert "billing published by 06:00" in found.evidence["affects"]
    assert ("publication.refused", "billing") not in good_night(
        publications=[refused, v.publication("billing", "05:00")]
    ).codes()


def test_readers_who_see_something_older_than_yesterdays_are_told_of() -> None:
    def codes(days_old: int) -> list[tuple[str, str]]:
        standing = v.publication("billing", "05:00", as_of=NIGHT - timedelta(days=days_old))
        return good_night(day=NIGHT - timedelta(days=1), house=v.house(standing={"billing": standing})).codes()

    assert ("publication.stale", "billing") not in codes(1)
    assert ("publication.stale", "billing") in codes(2)


@pytest.mark.parametrize(("blocks", "codes"), [(True, ["reconcile.over_tolerance"]), (False, [])])
def test_a_reconciliation_beyond_its_tolerance_and_not_one_within(blocks: bool, codes: list[str]) -> None:
    found = v.check("reconcile.amount", "ccb bill", "12.00 are in neither", blocks=blocks, domain="billing")
    night = early_night("04:30", failed=[found])
    assert [code for code, _ in night.codes() if code.startswith("reconcile.")] == codes


def test_what_was_found_of_a_night_is_past_when_a_later_one_is_published() -> None:
    differs = v.check("reconcile.amount", "ccb bill", blocks=True, domain="billing")  # at four
    silent = v.check("usage.missing_meters", "electricity")
    after = NIGHT + timedelta(days=1)
    later = [v.publication("billing", "05:00", as_of=after), v.publication("usage", "05:00", as_of=after)]
    assert good_night(failed=[differs, silent], publications=later).codes() == []


def test_meters_that_did_not_report() -> None:
    night = good_night(failed=[v.check("usage.missing_meters", "electricity", "412 service points did not report")])
    assert (night.only("usage.missing_meters").severity, night.codes()) == (
        Severity.WARNING, [("usage.missing_meters", "electricity")],
    )  # fmt: skip


# --- promises --------------------------------------------------------------------------------------------


def promise(moment: Moment, subject: str) -> tuple[str, str] | None:
    """Code and cause of what is wrong with something owed."""
    found = [(c.code, c.cause) for c in moment.conditions() if c.topic == "progress" and c.subject == subject]
    assert len(found) <= 1
    return found[0] if found else None


def forecast(wall: str, *waits_for: str) -> dict[tuple[str, str], Forecast]:
    """What is expected of billing."""
    return {("publication", "billing"): Forecast(at(wall), "ccb_bill usually comes at 05:20 on Mondays", waits_for)}


def test_what_is_expected_after_its_deadline_is_at_risk_and_says_why() -> None:
    night = early_night("03:10", forecasts=forecast("06:25", "arrival:ccb_bill", "build:billing"))

    found = night.only("deadline.at_risk")

    assert (found.severity, found.cause, found.subject) == (Severity.WARNING, "system:ccb", "billing")
    assert found.message == (
        "billing published by 06:00: expected only at about 06:25; ccb_bill usually comes at 05:20 on Mondays"
    )
    assert found.evidence["affects"] == [
        "Customer picture to the CRM delivered by 07:00",
        "Opower billing files, residential delivered by 08:00",
    ]
    assert promise(early_night("03:10", forecasts=forecast("06:00")), "billing") is None


def test_what_was_at_risk_has_to_be_clear_of_its_deadline_again() -> None:
    told = v.house(open_keys=frozenset({f"progress:billing:{NIGHT}"}))
    assert promise(early_night("03:10", forecasts=forecast("05:55")), "billing") is None
    assert promise(early_night("03:10", forecasts=forecast("05:55"), house=told), "billing") is not None
    assert promise(early_night("03:10", forecasts=forecast("05:50"), house=told), "billing") is None


@pytest.mark.parametrize(
    ("moment", "cause"),
    [
        (early_night("06:00"), "system:ccb"),  # its files are missing
        (early_night("06:00", receipts=[v.receipt("ccb_acct"), HELD]), "feed:ccb_bill"),
        (good_night("06:00", publications=[], runs=[v.failure("build", "billing", TERMINAL)]), "publication:billing"),
        (good_night("06:00", publications=[], sendings=[]), "publication:billing"),
        (Moment(at("06:00")), "night"),
    ],
)  # fmt: skip
def test_a_broken_promise_has_the_cause_of_what_it_waits_for(moment: Moment, cause: str) -> None:
    assert promise(moment, "billing") == ("deadline.missed", cause)


@pytest.mark.parametrize("late", [False, True])
def test_what_is_done_is_no_more_owed_however_late(late: bool) -> None:
    published = [v.publication("billing", "06:40" if late else "05:00"), v.publication("usage", "05:30")]
    assert good_night("07:30", publications=published).codes() == []


def test_a_later_nights_publication_and_file_have_this_one_in_them() -> None:
    after = NIGHT + timedelta(days=1)
    night = good_night(
        publications=[v.publication("billing", "05:00", as_of=after), v.publication("usage", "05:00", as_of=after)],
        sendings=[],
        sent_through={"crm_core": after, "opower_billing": after},
    )
    assert night.codes() == []


def test_a_delivery_that_nobody_tried_to_send_waits_for_its_partners_dag() -> None:
    night = good_night("08:00", sendings=[v.sending("crm_core")])

    found = night.only("deadline.missed")

    assert (found.subject, found.cause, found.severity) == ("opower_billing", "partner:opower", Severity.CRITICAL)
    assert "nothing tried to send it" in found.message


def test_a_run_that_found_nothing_to_send_is_done_with_its_night() -> None:
    night = good_night("08:30", sendings=[v.sending("opower_billing")], runs=[v.run("deliver", "crm_core")])
    assert night.codes() == []


def test_what_no_feed_in_use_goes_into_is_not_owed() -> None:
    catalog = replace(v.small_catalog(), feeds={"ccb_bill": v.small_catalog().feeds["ccb_bill"]})
    night = good_night(catalog=catalog, publications=[v.publication("billing", "05:00")])
    assert night.codes() == []


def test_a_partner_without_a_history_is_owed_nothing() -> None:
    night = good_night(
        "09:00",
        sendings=[v.sending("crm_core")],
        day=NIGHT - timedelta(days=90),
        house=v.house(since=NIGHT - timedelta(days=400)),
    )
    assert ("deadline.missed", "opower_billing") not in night.codes()


# --- files going out -------------------------------------------------------------------------------------

AWAY = "TransientError: [delivery.unreachable] sftp.opower.example does not answer -> wait"


def test_a_partner_that_is_away_is_one_cause_for_all_its_files() -> None:
    tries = [v.failure("deliver", "opower_billing", AWAY, "06:00")] * 2
    on_its_way = v.sending("opower_billing", DeliveryState.INTENT, delivered_at=None)
    night = good_night("08:00", sendings=[v.sending("crm_core"), on_its_way], runs=tries)

    found = {c.code: c for c in night.conditions()}

    assert set(found) == {"delivery.failed", "deadline.missed"}
    assert {c.cause for c in found.values()} == {"partner:opower"}
    assert found["delivery.failed"].severity is Severity.WARNING
    assert "sftp.opower.example does not answer" in found["deadline.missed"].message


def test_a_sending_that_may_have_been_taken_is_critical_and_told_alone() -> None:
    lost = v.sending("opower_billing", DeliveryState.UNKNOWN, delivered_at=None)
    failed = v.failure("deliver", "opower_billing", "TerminalError: [delivery.unknown] gone -> ask")
    night = good_night("07:00", sendings=[v.sending("crm_core"), lost], runs=[failed])

    [found] = night.conditions()

    assert (found.code, found.severity, found.runbook) == ("delivery.unknown", Severity.CRITICAL, "delivery_unknown")


def test_findings_about_one_nights_files_are_one_condition() -> None:
    low = [
        CheckResult(f"delivery.{what}", "opower_billing", False, False, f"few {what}", {"count": 4}, NIGHT)
        for what in ("meters_low", "rows_low")
    ]
    [found] = good_night(findings=low).conditions()
    assert (found.topic, found.severity, found.message) == ("sending", Severity.WARNING, "few meters_low; few rows_low")
    assert found.evidence["codes"] == ["delivery.meters_low", "delivery.rows_low"]


def test_what_the_deadline_says_is_not_said_again_as_a_missing_file() -> None:
    missing = CheckResult("delivery.missing", "opower_billing", False, False, "nothing was sent", {}, NIGHT)
    night = good_night("08:00", sendings=[v.sending("crm_core")], findings=[missing])
    assert night.codes() == [("deadline.missed", "opower_billing")]


# --- the house -------------------------------------------------------------------------------------------


def test_a_source_that_is_left_alone_shares_the_cause_of_its_feeds() -> None:
    catalog = v.from_server("ccb_bill", "ccb")
    away = v.breaker("sftp:ccb", "[source.unreachable] sftp.ccb.example does not answer")
    found = good_night(catalog=catalog, house=v.house(breakers=[away])).only("source.unreachable")
    assert (found.cause, found.business_date, found.evidence["feeds"]) == ("system:ccb", None, ["ccb_bill"])
    assert "sftp:ccb has been left alone since 02:40 after 3 failures in a row" in found.message


def test_a_channel_that_gave_up_is_told_of() -> None:
    found = good_night(house=v.house(channels=[v.given_up("mail")])).only("channel.failed")
    assert (found.subject, found.cause) == ("mail", "channel:mail")
