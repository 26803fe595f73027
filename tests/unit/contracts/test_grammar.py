"""The grammar of a feed: every branch is understood, and every fault names file, key and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.contracts import ALL, FAULTS, OFFSET_READS, TABLE, WIDE_READS

from nightwatt.contracts.catalog import PACKAGED, Fault, check_file, load_catalog
from nightwatt.contracts.feed import Feed, Quality
from nightwatt.errors import TerminalError


def check(tmp_path: Path, text: str) -> list[Fault]:
    path = tmp_path / "sample.yaml"
    path.write_text(text, "utf-8")
    return check_file(path)


@pytest.mark.parametrize("name", ALL)
def test_every_branch_of_the_grammar_is_understood(tmp_path: Path, name: str) -> None:
    assert check(tmp_path, ALL[name]) == []


def test_what_is_not_said_has_a_careful_default(tmp_path: Path) -> None:
    feeds = tmp_path / "feeds"
    feeds.mkdir()
    (feeds / "sample.yaml").write_text(OFFSET_READS, "utf-8")
    feed = load_catalog(tmp_path).feed("sample")
    assert (feed.arrival.folder, feed.arrival.min_files, feed.arrival.max_files) == (".", 1, None)
    assert (feed.format.compression, feed.format.encoding, feed.format.header, feed.format.quote) == (
        "plain",
        "utf-8",
        True,
        None,
    )
    assert (feed.absence, feed.on_failure, feed.reject_tolerance_pct) == ("keep", "keep_previous", 0.1)
    assert feed.interval is not None
    assert (feed.interval.quality.constant, feed.interval.blank_value) == (Quality.ACTUAL, "missing")


def test_slots_are_spelled_out_in_file_order(tmp_path: Path) -> None:
    feeds = tmp_path / "feeds"
    feeds.mkdir()
    (feeds / "sample.yaml").write_text(WIDE_READS, "utf-8")
    feed = load_catalog(tmp_path).feed("sample")
    assert feed.file_columns == ("SP", "DAY", "Q1", "Q2", "Q3", *(f"V{n}" for n in range(24)))


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_names_file_key_and_remedy(tmp_path: Path, case: str) -> None:
    text, old, new, key, problem, remedy = FAULTS[case]
    assert old in text
    faults = check(tmp_path, text.replace(old, new, 1))
    fault = next((f for f in faults if f.key == key), None)
    assert fault is not None, faults
    assert fault.file == tmp_path / "sample.yaml"
    assert problem in fault.problem
    assert remedy in fault.remedy
    assert str(fault).startswith(f"sample.yaml: {key}: ")


def test_a_catalog_tells_all_its_faults_at_once(tmp_path: Path) -> None:
    for name, text in (("a", "x: 1"), ("b", TABLE)):
        (tmp_path / "feeds").mkdir(exist_ok=True)
        (tmp_path / "feeds" / f"{name}.yaml").write_text(text, "utf-8")
    (tmp_path / "feeds" / "c.yml").write_text(TABLE, "utf-8")
    with pytest.raises(TerminalError) as caught:
        load_catalog(tmp_path)
    assert caught.value.code == "catalog.invalid"
    for words in (
        "a.yaml: feed: Field required",
        "a.yaml: x: ",
        "b.yaml: feed: is 'sample'",
        "c.yml: (file): is not read",
    ):
        assert words in caught.value.message
    assert "nightwatt feeds check" in caught.value.remedy


def test_a_catalog_that_is_not_there_is_no_empty_one(tmp_path: Path) -> None:
    with pytest.raises(TerminalError, match=r"catalog\.absent.*no catalog folder"):
        load_catalog(tmp_path / "nowhere")


def test_an_unknown_name_tells_the_known_ones() -> None:
    catalog = load_catalog()
    with pytest.raises(TerminalError, match=r"no feed 'nope'.*known feeds: ccb_acct, "):
        catalog.feed("nope")
    with pytest.raises(TerminalError, match=r"no delivery 'nope'.*known deliveries: crm_core, "):
        catalog.delivery("nope")


def test_the_packaged_catalog_is_sound() -> None:
    catalog = load_catalog()
    assert set(catalog.feeds) == {p.stem for p in (PACKAGED / "feeds").iterdir()}
    assert {f.domain for f in catalog.feeds.values()} == {"billing", "usage"}
    assert [f.feed for f in catalog.feeds_of("usage")] == ["mdm_interval_electric", "mdm_interval_gas"]
    assert all(isinstance(f, Feed) and f.column_for("no such field") is None for f in catalog.feeds.values())
