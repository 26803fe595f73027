"""Lineage: which datasets each task tells Airflow, and what Airflow's OpenLineage provider makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from airflow.providers.openlineage.utils.utils import translate_airflow_asset
from airflow.sdk.lineage import HookLineageCollector

from nightwatt.settings import Settings
from nightwatt.stages import DeliverSummary, Platform, PublishSummary
from nightwatt_airflow import lineage

Datasets = tuple[list[str], list[str]]


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with Platform.open("test", Settings(home=tmp_path)) as opened:
        yield opened


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> HookLineageCollector:
    """What listens where lineage is switched on."""
    made = HookLineageCollector()
    monkeypatch.setattr(lineage, "get_hook_lineage_collector", lambda: made)
    return made


def told(collector: HookLineageCollector, platform: Platform) -> Datasets:
    """Return the datasets as events name them, below the home."""

    def named(collected: list[object]) -> list[str]:
        datasets = [translate_airflow_asset(info.asset, info.context) for info in collected]
        assert {d.namespace for d in datasets} == {"file"}
        return sorted(str(Path(d.name).relative_to(platform.settings.root)) for d in datasets)

    found = collector.collected_assets
    return named(found.inputs), named(found.outputs)


def test_a_load_goes_from_the_feed_s_folder_to_its_lake(platform: Platform, collector: HookLineageCollector) -> None:
    lineage.loaded(platform, "mdm_interval_electric")

    assert told(collector, platform) == (["inbound/mdm"], ["lake/mdm_interval_electric"])


def test_a_merge_goes_from_the_lakes_of_reads_to_the_store(platform: Platform, collector: HookLineageCollector) -> None:
    lineage.merged(platform)

    sources, targets = told(collector, platform)
    assert set(sources) == {f"lake/{f.feed}" for f in platform.catalog.feeds.values() if f.entity == "interval_read"}
    assert targets == ["reads"]


@pytest.mark.parametrize(("domain", "store"), [("billing", set()), ("usage", {"reads"})])
def test_a_build_goes_from_the_domain_s_tables_to_the_warehouse(
    platform: Platform, collector: HookLineageCollector, domain: str, store: set[str]
) -> None:
    lineage.built(platform, domain)

    sources, targets = told(collector, platform)
    tables = {f"lake/{f.feed}" for f in platform.catalog.feeds.values() if (f.entity, f.domain) == ("table", domain)}
    assert set(sources) == tables | store
    assert targets == ["warehouse/warehouse.duckdb"]


def test_what_is_published_is_what_deliveries_read(platform: Platform, collector: HookLineageCollector) -> None:
    lineage.published(platform, PublishSummary("billing", 3, date(2026, 3, 9), True, {"fct_bills": 5, "dim_meter": 2}))
    lineage.delivered(platform, DeliverSummary("crm_core", "sent", "", ()))

    file = "published/nightwatt.duckdb"
    assert told(collector, platform) == (
        [file, "warehouse/warehouse.duckdb"],
        ["outbox/crm_core", file, f"{file}/dim_meter", f"{file}/fct_bills"],
    )
