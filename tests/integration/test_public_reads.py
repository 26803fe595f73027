"""Real reads of three countries, loaded by their feed files alone, agree with polars to the last decimal."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest
from tests.integration import public_oracle

from nightwatt import stages
from nightwatt.settings import Settings
from nightwatt.stages import Platform
from nightwatt.warehouse.query import published

ROOT = Path(__file__).resolve().parents[2]
EXCERPTS = ROOT / "tests" / "data" / "public_reads"
NIGHT = date(2026, 3, 9)
AT = datetime(2026, 3, 9, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Load the excerpts through all stages once."""
    settings = Settings(home=tmp_path_factory.mktemp("public"))
    load_public_reads(settings, EXCERPTS)
    yield settings


def load_public_reads(settings: Settings, folder: Path) -> None:
    """Drop the files, then arrive, load, merge, build and publish."""
    shutil.copytree(folder, settings.inbound, ignore=shutil.ignore_patterns("*.md"))
    catalog = ROOT / "examples" / "public_reads" / "catalog"
    with Platform.open("test", settings, catalog, clock=lambda: AT) as platform:
        for feed in platform.catalog.feeds:
            stages.arrive(platform, feed)
            stages.arrive(platform, feed)  # the second look: size and time held still
            assert not stages.load(platform, feed).rows_rejected
        stages.merge_reads(platform)
        stages.build(platform, "usage", NIGHT)
        stages.publish(platform, "usage", NIGHT)


def ask(settings: Settings, sql: str) -> list[tuple[object, ...]]:
    """Return the answer of the published warehouse."""
    with published(settings) as con:
        return con.execute(sql).fetchall()


def test_daily_totals_agree_with_polars(home: Settings) -> None:
    ours = ask(
        home, "SELECT service_point_id, usage_date, usage_quantity, reads_received FROM fct_usage_daily ORDER BY ALL"
    )
    assert ours == public_oracle.daily(EXCERPTS).rows()


def test_monthly_totals_agree_with_polars(home: Settings) -> None:
    ours = ask(
        home, "SELECT service_point_id, usage_month, usage_quantity, days_present FROM fct_usage_monthly ORDER BY ALL"
    )
    assert ours == public_oracle.monthly(EXCERPTS).rows()


@pytest.mark.parametrize(
    ("service_point", "day", "received", "expected"),
    [
        ("MAC000002", "2013-03-31", 46, 46),  # London spring
        ("MAC000002", "2013-10-27", 50, 50),  # London autumn
        ("MAC000015", "2013-10-28", 42, 48),  # six half hours never came
        ("10443720007382518", "2022-03-13", 92, 92),  # Texas spring; the empty hour is passed over
        ("10443720007382518", "2022-03-14", 96, 96),
        ("HUE-RES-1", "2012-11-04", 25, 25),  # Vancouver autumn: hour 1 twice
        ("HUE-RES-1", "2013-03-10", 23, 23),  # Vancouver spring
        ("HUE-RES-1", "2012-10-03", 23, 24),  # a real gap
        ("HUE-RES-1", "2013-04-01", 24, 24),  # a real duplicate, counted once
    ],
)
def test_days_have_the_reads_their_clocks_allow(
    home: Settings, service_point: str, day: str, received: int, expected: int
) -> None:
    found = ask(
        home,
        f"SELECT reads_received, reads_expected, reads_missing FROM fct_usage_daily "
        f"WHERE service_point_id = '{service_point}' AND usage_date = '{day}'",
    )
    assert found == [(received, expected, expected - received)]


def test_reads_are_queryable_as_they_stand(home: Settings) -> None:
    zones = ask(home, "SELECT zone, count(DISTINCT service_point_id) FROM fct_interval_reads GROUP BY ALL ORDER BY ALL")
    assert zones == [("America/Chicago", 1), ("America/Vancouver", 1), ("Europe/London", 2)]


def test_duckdb_needs_nothing_of_ours_to_read_what_is_published(home: Settings) -> None:
    with duckdb.connect(str(home.published / "nightwatt.duckdb"), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM publication").fetchone() is not None
