"""Completeness of a feed's night: each rule on its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from nightwatt.checks import CountedFile, check_completeness, is_complete
from nightwatt.contracts.feed import Feed
from nightwatt.ledger import Ledger, checks
from nightwatt.ledger.receipts import NightFacts

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
