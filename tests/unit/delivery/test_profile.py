"""The specification profile: data with a schema, and clear words where it is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.delivery import contract

from nightwatt.contracts.catalog import load_catalog
from nightwatt.delivery.opower.billing_profile import load_billing_profile
from nightwatt.delivery.opower.names import file_name
from nightwatt.delivery.opower.phased import folder_of
from nightwatt.delivery.opower.profile import PROFILES, load_profile
from nightwatt.delivery.phases import PhaseKind
from nightwatt.delivery.stamps import stamp_of
from nightwatt.errors import TerminalError
from nightwatt.ledger.populations import PopulationState

NAME = "opower/interval_v2-0-5"


def changed(folder: Path, change: dict[str, Any], column: dict[str, Any] | None = None) -> None:
    """Write the packaged profile with some keys changed; `column` changes the amount's."""
    data = yaml.safe_load((PROFILES / f"{NAME}.yaml").read_text("utf-8")) | change
    if column:
        data["columns"][1] |= column
    (folder / "mine.yaml").write_text(yaml.safe_dump(data), "utf-8")


def test_the_packaged_profile_is_incomplete_and_says_what_is_open() -> None:
    profile = load_profile(NAME)

    assert profile.incomplete
    assert {"columns.order", "time.offset_format", "time.clock_change", "text.header"} <= {
        o.topic for o in profile.unconfirmed
    }
    assert profile.header_line.split("\t")[:7] == [
        "service_point_id", "usage_value", "date", "time", "units", "is_estimate", "UTC_offset",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "column", "says"),
    [
        ({"version": "2.0.5"}, None, "version"),
        ({"surplus": 1}, None, "surplus"),
        ({"incomplete": False}, None, "unconfirmed topics"),
        ({}, {"confirmed": []}, "its name is not confirmed"),
        ({}, {"name": "register_id"}, "removed: register_id"),
        ({}, {"name": "date"}, "named twice: date"),
        ({}, {"enabled": False}, "no enabled column for: usage_value"),
        ({}, {"type": "text"}, "has type number"),
        ({}, {"number": None}, "needs `number`"),
    ],
)
def test_says_which_key_is_wrong(
    tmp_path: Path, change: dict[str, Any], column: dict[str, Any] | None, says: str
) -> None:
    changed(tmp_path, change, column)

    with pytest.raises(TerminalError, match=says) as caught:
        load_profile("mine", tmp_path)
    assert caught.value.code == "delivery.profile_invalid"


@pytest.mark.parametrize("name", ["opower/none", "../../../settings", "/etc/passwd"])
def test_an_unknown_profile_names_the_known_ones(name: str) -> None:
    with pytest.raises(TerminalError, match=NAME) as caught:
        load_profile(name)
    assert caught.value.code == "delivery.profile_unknown"


def test_packaged_deliveries_have_a_profile_that_can_name_their_files() -> None:
    deliveries = load_catalog().deliveries

    assert {"opower_interval_electric", "opower_interval_gas"} <= set(deliveries)
    for delivery in (d for d in deliveries.values() if d.kind == "opower_interval"):
        assert load_profile(delivery.profile).partner == delivery.partner


def test_a_contract_the_profile_cannot_name_is_refused() -> None:
    with pytest.raises(TerminalError, match="nonres-smb"):
        file_name(contract(population="all"), load_profile(NAME), 60, datetime(2025, 1, 16, tzinfo=UTC))


def test_a_name_without_stamp_is_refused() -> None:
    with pytest.raises(TerminalError, match="14-digit"):
        stamp_of("opwr_gec.gz")


REVIEW, PRODUCTION = "/shared_files", "/uploads"
ALLOWED = {"allow_incomplete_profile": True}
SWAPPED = {"destination": {"connection": "o", "review_folder": "/home/x/Uploads", "production_folder": REVIEW}}


@pytest.mark.parametrize(
    ("phase", "state", "changes", "folder"),
    [
        ("sample", "none", {}, REVIEW),  # TV-22 of the file specification digest
        ("sample", "none", SWAPPED, "delivery.wrong_folder"),
        ("incremental", "review", {}, REVIEW),
        ("incremental", "approved", ALLOWED, PRODUCTION),
        ("incremental", "approved", {}, "delivery.profile_incomplete"),
        ("full", "sample", {}, REVIEW),
        ("incremental", "none", {}, REVIEW),
        ("incremental", "full", {}, REVIEW),
        ("sample", "approved", ALLOWED, REVIEW),
        ("full", "approved", ALLOWED, REVIEW),
        ("incremental", "review", SWAPPED, "delivery.wrong_folder"),
        ("incremental", "approved", SWAPPED | ALLOWED, "delivery.wrong_folder"),
    ],
)
def test_phase_and_state_decide_the_folder(phase: str, state: str, changes: dict[str, Any], folder: str) -> None:
    try:
        found = folder_of(contract(**changes), load_profile(NAME), PhaseKind(phase), PopulationState(state))
    except TerminalError as e:
        found = e.code
    assert found == folder


BILLING = "opower/legacy_billing_v1-19-0"


def billing(folder: Path, change: dict[str, Any]) -> None:
    """Write the packaged billing profile with keys changed; a dotted key reaches into it (`blocks.usage.3.type`)."""
    data = yaml.safe_load((PROFILES / f"{BILLING}.yaml").read_text("utf-8"))
    for key, value in change.items():
        *path, last = (int(part) if part.isdigit() else part for part in key.split("."))
        place = data
        for part in path:
            place = place[part]
        place[last] = value
    (folder / "mine.yaml").write_text(yaml.safe_dump(data), "utf-8")


def test_the_billing_profile_has_the_confirmed_columns_in_both_modes() -> None:
    profile = load_billing_profile(BILLING)

    full, customer, usage = (profile.header_line(kind).split("\t") for kind in ("full", "customer", "usage"))

    assert profile.incomplete
    assert (len(customer), len(usage)) == (17, 6)
    assert full == customer + usage[1:]
    assert usage[0] == customer[10] == "service_point_id"


def test_both_profiles_share_what_holds_for_the_partner() -> None:
    interval, billing = load_profile(NAME), load_billing_profile(BILLING)

    assert (interval.text, interval.compression, interval.folders) == (
        billing.text,
        billing.compression,
        billing.folders,
    )
    assert interval.name.pattern == billing.name.pattern
    shared = {o.topic for o in interval.unconfirmed} & {o.topic for o in billing.unconfirmed}
    assert {"name.version_letter", "folders", "transfer.rename"} <= shared


def test_a_full_file_can_repeat_the_join_column(tmp_path: Path) -> None:
    billing(tmp_path, {"join_column_twice": True})

    names = load_billing_profile("mine", tmp_path).header_line("full").split("\t")

    assert (len(names), names.count("service_point_id")) == (23, 2)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"extends": "opower/nothing"}, "no shared part 'opower/nothing'"),
        ({"extends": "opower/interval_v2-0-5"}, "no shared part 'opower/interval_v2-0-5'"),
        ({"files": {"full": ["usage"]}}, "no blocks or no name for customer files"),
        ({"blocks.usage.3.type": "text"}, "block usage: .*duration"),
        ({"blocks.account.1.name": "activated"}, "block account: .*active_date"),
        ({"blocks.account.4.name": "account_id"}, "named twice: account_id"),
        ({"blocks.usage.4.values": None}, "needs `values`"),
        ({"blocks.usage.4.default": "X"}, "not among its values: X"),
        ({"blocks.usage.1.number": None}, "needs `number`"),
        ({"blocks.usage.5.confirmed": []}, "its name is not confirmed"),
        ({"incomplete": False}, "unconfirmed topics"),
    ],
)
def test_says_which_key_of_the_billing_profile_is_wrong(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    billing(tmp_path, change)

    with pytest.raises(TerminalError, match=says) as caught:
        load_billing_profile("mine", tmp_path)
    assert caught.value.code == "delivery.profile_invalid"
