"""Completeness of a feed's night: each rule on its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.contracts import LONG_READS, OFFSET_READS

from nightwatt.checks import COMPLETENESS_CODES, CountedFile, check_completeness, is_complete
from nightwatt.contracts.feed import Feed
from nightwatt.ledger import Ledger, checks
from nightwatt.ledger.night_facts import NightFacts

NIGHT = date(2026, 3, 9)
FACTS = NightFacts("ccb_acct", NIGHT, 2, 2, 0, 100, 100, 100.0, 28)


def feed(**completeness: Any) -> Feed:
    return Feed.model_validate(
        {
            "feed": "ccb_acct", "title": "Accounts", "system": "ccb", "owner": "someone", "domain": "billing",
            "entity": "table", "key": ["acct_id"], "mode": "full",
            "arrival": {"pattern": "a_{business_date:%Y%m%d}.csv", "wholeness": {"rule": "quiet"}, "max_files": 3},
            "columns": [{"name": "ACCT_ID", "field": "acct_id"}],
            "completeness": {"min_rows": 10, "min_pct_of_median": 60, **completeness},
            "deadlines": {"expected_by": "03:00", "late_at": "04:00", "deadline": "06:00"},
        }
    )  # fmt: skip


def failed(facts: NightFacts, counted: tuple[CountedFile, ...] = ()) -> list[str]:
    return [r.code for r in check_completeness(feed(), facts, counted) if not r.passed]


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ({}, []),
        ({"rows_in": 9}, ["feed.rows_below_minimum", "feed.rows_below_median"]),
        ({"rows_in": 60}, []),
        ({"rows_in": 59}, ["feed.rows_below_median"]),  # 41 % short must not close accounts
        ({"rows_in": 59, "median_rows": None}, []),  # the first night has nothing to compare with
        ({"median_rows": 0.0}, []),
        ({"files": 0, "files_loaded": 0}, ["feed.file_count"]),
        ({"files_loaded": 1, "files_held": 1}, ["feed.file_count"]),
        ({"files": 4, "files_loaded": 4}, ["feed.file_count"]),
    ],
)
def test_each_rule(change: dict[str, Any], codes: list[str]) -> None:
    assert failed(replace(FACTS, **change)) == codes


def test_the_senders_own_count_is_compared() -> None:
    assert failed(FACTS, (CountedFile(1, 50, 50), CountedFile(2, 50, 50))) == []
    assert failed(FACTS, (CountedFile(1, 50, 50), CountedFile(2, 50, 51))) == ["file.row_count_mismatch"]


def test_results_say_what_was_found_and_are_recorded(tmp_path: Path) -> None:
    results = check_completeness(feed(), replace(FACTS, rows_in=59))
    assert not is_complete(results)
    found = next(r for r in results if not r.passed)
    assert found.message == ("ccb_acct of 2026-03-09: 59 rows are 59.0 % of the usual 100; at least 60 % should come")
    assert found.stops is False
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'l.db'}")
    at = datetime(2026, 3, 9, 9, tzinfo=UTC)
    with ledger.write() as session:
        checks.record(session, results, None, at)
    with ledger.read() as session:
        rows = checks.of_night(session, NIGHT, failed_only=True)
        assert [(r.code, r.subject, r.evidence["pct"], r.at) for r in rows] == [
            ("feed.rows_below_median", "ccb_acct", 59.0, at)
        ]
        newest = checks.latest(session, "feed.file_count", "ccb_acct")
        assert newest is not None and newest.passed
    ledger.close()


# --- against what is usual -----------------------------------------------------------------------------

MEASURED = replace(
    FACTS,
    meters=50,
    median_meters=50.0,
    totals={"delivered kWh": Decimal("1000.5"), "received kWh": Decimal(20)},
    median_totals={"delivered kWh": Decimal("1000.5"), "received kWh": Decimal(20)},
)


def reads(**completeness: Any) -> Feed:
    """An interval feed that counts everything there is to count."""
    rules = {"max_pct_of_median": 150, "min_meters_pct_of_median": 98, "min_total_pct_of_median": 50,
             "max_total_pct_of_median": 180}  # fmt: skip
    return Feed.model_validate(yaml.safe_load(OFFSET_READS) | {"feed": "sample", "completeness": rules | completeness})


def findings(facts: NightFacts, counted: tuple[CountedFile, ...] = (), contract: Feed | None = None) -> list[str]:
    return [r.code for r in check_completeness(contract or reads(), facts, counted) if not r.passed]


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ({}, []),
        ({"rows_in": 150}, []),
        ({"rows_in": 151}, ["feed.rows_above_median"]),
        ({"rows_in": 200}, ["feed.rows_above_median"]),  # everything came twice
        ({"meters": 49}, []),
        ({"meters": 48}, ["feed.meters_below_median"]),
        ({"meters": None}, ["feed.meters_below_median"]),  # nothing loaded, nobody reported
        ({"meters": 1, "median_meters": None}, []),
        ({"totals": {"delivered kWh": Decimal("500.25"), "received kWh": Decimal(36)}}, []),
        ({"totals": {"delivered kWh": Decimal("500.24"), "received kWh": Decimal(20)}}, ["feed.total_below_median"]),
        ({"totals": {"delivered kWh": Decimal("1000.5")}}, ["feed.total_below_median"]),  # a channel is gone
        (
            {"totals": {"delivered kWh": Decimal("1000.5"), "received kWh": Decimal("36.01")}},
            ["feed.total_above_median"],
        ),
    ],
)
def test_rows_meters_and_totals_beside_their_medians(change: dict[str, Any], codes: list[str]) -> None:
    assert findings(replace(MEASURED, **change)) == codes


def test_what_the_contract_does_not_limit_is_not_judged() -> None:
    bare = Feed.model_validate(yaml.safe_load(OFFSET_READS) | {"feed": "sample"})
    far_off = replace(MEASURED, rows_in=1000, meters=1, totals={})
    assert findings(far_off, contract=bare) == []
    assert {r.code for r in check_completeness(bare, far_off)} == {"feed.file_count", "feed.rows_below_minimum"}


def test_a_finding_says_which_nights_and_which_total() -> None:
    mondays = replace(MEASURED, nights=4, of="Mondays", totals={"delivered kWh": Decimal(2001)})
    low, high = (r for r in check_completeness(reads(), mondays) if not r.passed)
    assert low.message == (
        "sample of 2026-03-09: 0 received kWh are 0.0 % of the usual 20 on Mondays; at least 50 % should come"
    )
    assert high.message == (
        "sample of 2026-03-09: 2001 delivered kWh are 200.0 % of the usual 1000.5 on Mondays; at most 180 % should come"
    )
    assert dict(high.evidence) == {
        "total": 2001, "median": 1000.5, "nights": 4, "of": "Mondays", "pct": 200.0, "max_pct": 180,
        "of_total": "delivered kWh",
    }  # fmt: skip


def test_every_code_a_night_can_be_incomplete_by_is_listed() -> None:
    both = (CountedFile(1, 1, 2, control_totals={"DEL": Decimal(1)}, totals={"x kWh": Decimal(2)}),)
    limits = {"min_pct_of_median": 90, "median_nights": 3}
    said = {r.code for r in check_completeness(reads(**limits), MEASURED, both)}
    assert said | {"file.total_mismatch"} == set(COMPLETENESS_CODES)


# --- against the sender's sums -------------------------------------------------------------------------


def summed(given: dict[str, str], **changes: Any) -> tuple[CountedFile, ...]:
    """A file of two value columns: DEL, whose channel is `delivered`, and REC, `received` in kvarh."""
    totals = {"delivered kWh": Decimal("10.50"), "received kvarh": Decimal(3)}
    return (
        CountedFile(
            7, 2, None, **({"control_totals": {n: Decimal(t) for n, t in given.items()}, "totals": totals} | changes)
        ),
    )


@pytest.mark.parametrize(
    ("given", "codes"),
    [
        ({"DEL": "10.5", "REC": "3"}, []),
        ({"DEL": "10.51"}, ["file.total_mismatch"]),
        ({"REC": "10.5"}, ["file.total_mismatch"]),
        ({"SP": "10.51"}, []),  # no values: nobody keeps its sum
        ({"NOPE": "1"}, []),
    ],
)
def test_the_senders_sums_are_compared_column_by_column(given: dict[str, str], codes: list[str]) -> None:
    assert findings(MEASURED, summed(given)) == codes


def test_a_file_with_rejects_cannot_be_judged_by_its_sums() -> None:
    assert findings(MEASURED, summed({"DEL": "99"}, rows_rejected=1)) == []


def test_a_mismatch_names_receipt_column_and_both_sums() -> None:
    (found,) = (r for r in check_completeness(reads(), MEASURED, summed({"DEL": "11"})) if not r.passed)
    assert found.message == "sample of 2026-03-09: 1 of 1 file(s) do not add up to the sums their sender gives"
    assert found.evidence == {"files": [{"receipt": 7, "column": "DEL", "sum": "10.50", "control": "11"}]}


def test_sums_are_compared_in_the_canonical_unit() -> None:
    """The file is in Wh, kept are kWh: the sender's 10500 are 10.5."""
    text = yaml.safe_load(OFFSET_READS)
    milli = Feed.model_validate(text | {"feed": "sample", "interval": text["interval"] | {"factor": "0.001"}})
    assert findings(MEASURED, summed({"DEL": "10500", "REC": "3000"}), milli) == []
    assert findings(MEASURED, summed({"DEL": "10.5"}), milli) == ["file.total_mismatch"]


def test_one_value_column_holds_every_channel() -> None:
    long = Feed.model_validate(
        yaml.safe_load(LONG_READS) | {"feed": "sample", "arrival": yaml.safe_load(OFFSET_READS)["arrival"]}
    )
    kwh = {"delivered kWh": Decimal(10), "received kWh": Decimal(3)}
    assert findings(MEASURED, summed({"VAL": "13000"}, totals=kwh), long) == []
    assert findings(MEASURED, summed({"VAL": "10000"}, totals=kwh), long) == ["file.total_mismatch"]


def test_the_sum_of_a_tables_column_is_known_by_the_columns_name() -> None:
    (counted,) = summed({"BAL": "5"}, totals={"BAL": Decimal("5.00")})
    assert failed(FACTS, (counted,)) == []
    assert failed(FACTS, (replace(counted, totals={"BAL": Decimal("5.01")}),)) == ["file.total_mismatch"]
