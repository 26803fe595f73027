"""A deployment says which source systems it uses; what it does not use is known, and nobody waits for it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from tests.support.contracts import TABLE

from nightwatt.contracts.catalog import Catalog, load_catalog
from nightwatt.errors import TerminalError
from nightwatt.intake.tables import lake_columns
from nightwatt.settings import Settings
from nightwatt.stages import Platform
from nightwatt.stages.building import build_inputs


def of_systems(catalog: Catalog) -> set[str]:
    return {f.system for f in catalog.feeds.values()}


def own_catalog(folder: Path, **systems: str) -> Path:
    """Write a catalog of one's own: a table feed by name, each of a system."""
    (folder / "feeds").mkdir(parents=True)
    for name, system in systems.items():
        text = TABLE.replace("feed: sample", f"feed: {name}").replace("system: ccb", f"system: {system}")
        (folder / "feeds" / f"{name}.yaml").write_text(text, "utf-8")
    return folder


def test_the_setting_is_a_list_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().systems == ("ccb", "mdm")
    monkeypatch.setenv("NIGHTWATT_SYSTEMS", " mdm, ccb ,")
    assert Settings().systems == ("mdm", "ccb")


@pytest.mark.parametrize("nothing", ["", " , "])
def test_no_system_at_all_is_refused(monkeypatch: pytest.MonkeyPatch, nothing: str) -> None:
    monkeypatch.setenv("NIGHTWATT_SYSTEMS", nothing)
    with pytest.raises(ValueError, match="at least 1 item"):
        Settings()


def test_feeds_of_systems_not_in_use_are_known_but_idle() -> None:
    everything = load_catalog()
    catalog = load_catalog(systems=["mdm"])
    assert of_systems(catalog) == {"mdm"}
    assert catalog.feeds_of("billing") == []
    assert not set(catalog.feeds) & set(catalog.idle)
    assert {**catalog.feeds, **catalog.idle} == everything.feeds
    assert everything.idle == {}


def test_a_feed_not_in_use_says_how_to_use_it() -> None:
    with pytest.raises(TerminalError, match=r"catalog\.feed_not_used.*ccb_acct.*ccb, in NIGHTWATT_SYSTEMS"):
        load_catalog(systems=["mdm"]).feed("ccb_acct")


def test_a_misspelt_system_is_refused_with_those_there_are() -> None:
    with pytest.raises(TerminalError, match=r"catalog\.unknown_system.*from cbb .*among ccb, .*mdm"):
        load_catalog(systems=["cbb", "mdm"])


def test_a_system_that_only_an_own_catalog_knows_is_always_in_use(tmp_path: Path) -> None:
    folder = own_catalog(tmp_path / "own", ours="acme", theirs="ccb")
    assert set(load_catalog(folder, ["mdm"]).feeds) == {"ours"}
    assert set(load_catalog(folder, ["ccb"]).feeds) == {"ours", "theirs"}
    assert set(load_catalog(folder, ["acme", "mdm"]).feeds) == {"ours"}


def test_the_models_find_every_relation_they_read(tmp_path: Path) -> None:
    """Typed as in the packaged catalog and empty, also beside a catalog of one's own that has one feed only."""
    folder = own_catalog(tmp_path / "own", sample="acme")
    settings = Settings(home=tmp_path / "home", systems=("mdm",))
    with Platform.open("test", settings, folder) as platform:
        inputs = build_inputs(platform, "billing", date(2026, 3, 9)).table_feeds
    packaged = {n: f for n, f in load_catalog().feeds.items() if f.entity == "table"}
    assert set(inputs) == {*packaged, "sample"}
    for name, feed in packaged.items():
        assert inputs[name].columns == lake_columns(feed)
        assert inputs[name].files == ()
        assert (inputs[name].domain, inputs[name].absence) == (feed.domain, feed.absence)
