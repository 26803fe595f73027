"""From published marts to a CRM with rules of its own and back, over files, a client library and HTTP.

The CRM refuses rows, loses answers and breaks off jobs; in the end it has what a CRM has that got everything at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from tests.support import crm
from tests.support.bulk_api import BulkApi, Faults
from tests.support.crm import Home, Marts
from tests.support.crm_loader import LoadedFile, load_delivery, manifests_in
from tests.support.data_cloud import DataCloud

Tables = dict[str, dict[str, dict[str, str | None]]]
CUSTOMERS = 10


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = Home(tmp_path / "nights")
    yield opened
    opened.close()


def night(number: int) -> Marts:
    """Return the marts of one night: customers move, change, lose phones; premises stand in a building."""
    marts = crm.customers(CUSTOMERS + number)
    marts["crm_party"] = [
        crm.party(
            n,
            party_name=f'Doe, "Jo" {n}' + (" Junior" if n % 5 == number % 5 else ""),
            phone=None if (n + number) % 3 == 0 else f"+1203555{n:04d}",
            mailing_city="Bridgeport" if n % 4 == number % 4 else "Stamford",
        )
        for n in range(1, CUSTOMERS + number + 1)
    ]
    marts["crm_billing_account"] = [
        crm.account(n, balance_amount_usd=Decimal(n * number) / 4) for n in range(1, CUSTOMERS + number + 1)
    ]
    marts["crm_premise_parent"] = [crm.premise(900, premise_type="building")]
    marts["crm_premise"] = [crm.premise(n, 900) for n in range(1, CUSTOMERS + number + 1)]
    marts["crm_bill"] = [crm.bill(n, date(2026, 2, n)) for n in range(1, number + 2)]
    return marts


def sent_and_loaded(home: Home, marts: Marts, day: int, api: BulkApi) -> list[LoadedFile]:
    """Deliver the marts, let the middleware load the files and drop the answers, take those in."""
    home.deliver(marts, day)
    manifest = manifests_in(home.server.root / "incoming")[-1]
    return load_delivery(manifest, home.reader().folder, api=api)


def all_at_once(folder: Path, marts: Marts) -> Tables:
    """Return what a new CRM has after one full delivery of the marts."""
    whole = Home(folder)
    with BulkApi() as api:
        loaded = sent_and_loaded(whole, marts, 1, api)
        assert whole.take().refused == 0
        tables = api.crm.tables()
    whole.close()
    assert {f.state for f in loaded} == {"JobComplete"}
    return tables


def test_what_is_sent_is_taken_row_by_row_and_nothing_goes_twice(home: Home) -> None:
    with BulkApi() as api:
        loaded = sent_and_loaded(home, night(1), 1, api)
        taken = home.take()
        again = home.deliver(night(1), 2)

    assert (taken.files, taken.refused, taken.unprocessed, taken.waiting) == (len(loaded), 0, 0, 0)
    assert taken.accepted == sum(f.rows for f in loaded)
    assert home.files(again) == []
    assert {name: len(rows) for name, rows in api.crm.tables().items() if rows} == {
        "Product2": 1,
        "Account": 11,
        "Contact": 11,
        "BillingAccount": 11,
        "AccountBillingAccount": 11,
        "BillingAccountContact": 11,
        "Location": 12,
        "EnergyServiceAgreement": 11,
        "EnergyServiceAgreementItem": 11,
        "Bill_Summary__c": 2,
    }


@pytest.mark.long
def test_nights_of_misbehaviour_end_in_what_one_full_delivery_gives(home: Home, tmp_path: Path) -> None:
    """Rows locked, answers lost, jobs broken off; what was refused or lost goes again until all is as it should be."""
    with BulkApi(faults=Faults(fail_every=7, lose_results_every=5, break_every=4)) as api:
        troubled = []
        for number in (1, 2):
            troubled += sent_and_loaded(home, night(number), number, api)
            home.take()
        api.faults = Faults()
        # A master that may be there or not is given first, and left out once the CRM says that the record is there.
        for day in (3, 4):
            sent_and_loaded(home, night(2), day, api)
            last = home.take()
        nothing_left = home.deliver(night(2), 5)
        tables = api.crm.tables()

    assert {f.state for f in troubled} == {"JobComplete", "Failed"}
    assert [f for f in troubled if not f.answers]
    assert (last.refused, last.unprocessed, last.waiting) == (0, 0, 0)
    assert home.files(nothing_left) == []
    assert tables == all_at_once(tmp_path / "at_once", night(2))


def test_usage_reaches_data_cloud_by_whole_rows_and_files(tmp_path: Path) -> None:
    delivery = crm.contract(delivery="crm_usage", profile="salesforce/data_cloud", domain="usage")
    home = Home(tmp_path / "usage", delivery)
    first = [crm.usage_day(n, date(2026, 3, 8), 4, reads_expected=24) for n in range(1, 6)]
    corrected = crm.usage_day(3, date(2026, 3, 8), 9, "11.25", reads_expected=None)
    with BulkApi() as api, DataCloud(core_tokens={api.new_session()}) as cloud:
        for day, rows, through in ((9, first, 4), (10, [*first[:2], corrected, *first[3:]], 9)):
            home.deliver({"crm_usage_day": rows}, day, through)
            loaded = load_delivery(manifests_in(home.server.root / "incoming")[-1], home.reader().folder, cloud=cloud)
            home.take()
        rows = cloud.tables["Usage_Day"]
    home.close()

    assert [(f.object, f.rows, f.state) for f in loaded] == [("Usage_Day", 1, "JobComplete")]
    assert len(rows) == 5
    changed = rows["MDM|UD|0000000003|delivered|20260308"]
    assert (changed["usage_quantity"], changed["reads_expected"], changed["quality_class"]) == ("11.25", None, "Actual")
