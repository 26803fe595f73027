"""The business date of a run: one helper, however the run was started."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("run_after", "expected"),
    [
        (datetime(2026, 3, 9, 4, 30, tzinfo=UTC), date(2026, 3, 9)),  # 00:30 in New York
        (datetime(2026, 3, 9, 3, 59, tzinfo=UTC), date(2026, 3, 8)),  # still Sunday there
        (datetime(2026, 3, 8, 5, 30, tzinfo=UTC), date(2026, 3, 8)),  # the short day, before its change
        (datetime(2026, 11, 1, 5, 30, tzinfo=UTC), date(2026, 11, 1)),  # 01:30, first pass
        (datetime(2026, 11, 1, 6, 30, tzinfo=UTC), date(2026, 11, 1)),  # 01:30, second pass
        (datetime(2026, 1, 1, 4, 59, tzinfo=UTC), date(2025, 12, 31)),
    ],
)
def test_it_is_the_local_date_on_which_the_run_is_due(airflow: None, run_after: datetime, expected: date) -> None:
    from nightwatt_airflow.business_date import business_date_of

    assert business_date_of(run_after, None, NEW_YORK) == expected
    assert business_date_of(run_after, {}, NEW_YORK) == expected
    assert business_date_of(run_after, {"business_date": None}, NEW_YORK) == expected


def test_the_param_overrides_it(airflow: None) -> None:
    from nightwatt_airflow.business_date import business_date_in

    run = SimpleNamespace(run_after=datetime(2026, 11, 20, 12, tzinfo=UTC), conf={"business_date": "2026-03-09"})
    assert business_date_in({"dag_run": run}) == date(2026, 3, 9)


@pytest.mark.parametrize("asked", ["09.03.2026", "2026-02-30", "yesterday", 20260309])
def test_it_refuses_what_is_not_a_date(airflow: None, asked: Any) -> None:
    from nightwatt.errors import TerminalError
    from nightwatt_airflow.business_date import business_date_of

    with pytest.raises(TerminalError, match=r"run\.business_date_invalid"):
        business_date_of(datetime(2026, 3, 9, tzinfo=UTC), {"business_date": asked}, NEW_YORK)


def test_a_backfill_works_on_the_dates_it_is_for(bag: Any) -> None:
    """A backfill's runs carry the instant at which each would have run, and so the right local date."""
    from airflow.serialization.serialized_objects import DagSerialization

    from nightwatt_airflow.business_date import business_date_of

    dag = DagSerialization.from_dict(DagSerialization.to_dict(bag.dags["billing_nightly"]))
    infos = dag.iter_dagrun_infos_between(
        earliest=datetime(2026, 3, 7, 5, tzinfo=UTC), latest=datetime(2026, 3, 10, 4, 59, tzinfo=UTC)
    )
    assert [business_date_of(info.run_after, None, NEW_YORK) for info in infos] == [
        date(2026, 3, 7),
        date(2026, 3, 8),
        date(2026, 3, 9),
        date(2026, 3, 10),
    ]
