"""The partner's page agrees with the profile that writes the file."""

from __future__ import annotations

import re
from pathlib import Path

from nightwatt.contracts.catalog import PACKAGED, load_catalog
from nightwatt.contracts.delivery import CrmDelivery, OpowerBillingDelivery, OpowerIntervalDelivery
from nightwatt.delivery.opower.billing_profile import load_billing_profile
from nightwatt.delivery.opower.billing_v2_profile import load_billing_v2_profile
from nightwatt.delivery.opower.profile import load_profile
from nightwatt.delivery.salesforce.profile import load_profile as crm_profile

PAGE = (Path(__file__).resolve().parents[2] / "docs/partners/opower.md").read_text("utf-8")
PROFILE = load_profile("opower/interval_v2-0-5")
BILLING_V2 = load_billing_v2_profile("opower/billing_v2-0-3")
BILLING = load_billing_profile("opower/legacy_billing_v1-19-0")


def test_every_open_topic_is_on_the_page_and_no_other() -> None:
    section = PAGE.partition("## Not confirmed")[2]

    assert set(re.findall(r"^\| `([\w.]+)` \|", section, re.MULTILINE)) == {
        o.topic for o in (*PROFILE.unconfirmed, *BILLING.unconfirmed, *BILLING_V2.unconfirmed)
    }


def test_every_column_is_on_the_page() -> None:
    section = PAGE.partition("## Form")[2].partition("\n## ")[0]

    assert [c.name for c in PROFILE.columns] == re.findall(
        r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", section, re.M))
    )


def test_every_billing_column_is_on_the_page_in_its_block() -> None:
    section = PAGE.partition("## Legacy billing files")[2].partition("\n## ")[0]

    for block, columns in BILLING.blocks.items():
        assert f"| {block} | {', '.join(f'`{c.name}`' for c in columns)} |" in section


def test_every_billing_v2_column_is_on_the_page_in_its_file() -> None:
    section = PAGE.partition("## Billing v2 files")[2].partition("\n## ")[0]

    for kind, columns in BILLING_V2.files.items():
        assert f"| `{BILLING_V2.name.types[kind]}` | {', '.join(f'`{c.name}`' for c in columns)} |" in section


def test_every_delivery_is_on_the_page_with_its_length_and_time() -> None:
    deliveries = load_catalog(PACKAGED).deliveries.values()
    for contract in (d for d in deliveries if isinstance(d, OpowerIntervalDelivery)):
        name = contract.delivery
        row = f"| `{name}` | {contract.commodity} | {contract.length_min} minutes | {contract.deadline:%H:%M} |"
        assert row in PAGE
    for billing in (d for d in deliveries if isinstance(d, OpowerBillingDelivery)):
        assert re.search(
            rf"^\| `{billing.delivery}` \| .* \| `{billing.mode}` \| {billing.deadline:%H:%M} \|$", PAGE, re.MULTILINE
        )


def test_the_crm_page_has_every_delivery_and_every_open_topic_of_the_core_profile() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/partners/crm.md").read_text("utf-8")
    core = crm_profile("salesforce/core_v62")
    for contract in (d for d in load_catalog(PACKAGED).deliveries.values() if isinstance(d, CrmDelivery)):
        row = f"| `{contract.delivery}` | `{contract.profile}` | {contract.domain} | {contract.deadline:%H:%M} |"
        assert row in page
    section = page.partition("## Not confirmed")[2]

    assert set(re.findall(r"^\| `([\w.]+)` \|", section, re.MULTILINE)) == {o.topic for o in core.unconfirmed}
