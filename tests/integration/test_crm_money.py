"""What accounts owe and bills charge, from extracts to the CRM's tables, against the make-believe utility's own word.

The oracles `expected_accounts` and `expected_bills` work it out from the bills, without the tables it is compared with.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from nightwatt import stages
from nightwatt.settings import Settings
from nightwatt.simulator import Utility, expected_accounts, expected_bills, write_night
from nightwatt.stages import Platform
from nightwatt.warehouse import duck_file

pytestmark = pytest.mark.long

UTILITY = Utility(customers=60, seed=11, faults=False)
FIRST, LAST = date(2026, 3, 9), date(2026, 3, 10)
WINDOW = date(2025, 3, 1)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Run a complete night and the delta after it."""
    home = Settings(home=tmp_path_factory.mktemp("money"))
    for night in (FIRST, LAST):
        write_night(UTILITY, night, home.inbound, first_night=night == FIRST, systems=("ccb",))
        with Platform.open("test", home) as platform:
            feeds = [name for name, feed in platform.catalog.feeds.items() if feed.system == "ccb"]
            for feed in feeds:
                stages.arrive(platform, feed, night)
                assert not stages.load(platform, feed, night).rows_rejected
            stages.build(platform, "billing", night)
    yield home


def listed(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with duck_file.reader(settings, duck_file.warehouse_file(settings)) as con:
        return con.execute(query).fetchall()


def dollars(cents: int) -> Decimal:
    return Decimal(cents) / 100


def test_every_account_owes_what_the_utility_says(settings: Settings) -> None:
    wanted = [
        (
            row["account_id"],
            f"CCB|PER|{row['person_id']}",
            row["is_live"],
            row["is_autopay"],
            *(dollars(row[f"{amount}_cents"]) for amount in ("balance", "payoff", "overdue")),
            row["last_payment_date"] if (row["last_payment_date"] or date.min) >= WINDOW else None,
        )
        for row in expected_accounts(UTILITY, LAST, since=FIRST).iter_rows(named=True)
    ]
    assert any(account[6] for account in wanted)  # somebody is overdue
    found = listed(
        settings,
        """select native_id, party_key, account_status = 'active', is_autopay, balance_amount_usd, payoff_balance_usd,
               overdue_amount_usd, last_payment_date
           from marts.crm_billing_account order by 1""",
    )
    assert found == wanted


def test_every_bill_of_twelve_months_charges_what_the_utility_says(settings: Settings) -> None:
    days = [WINDOW + timedelta(days=n) for n in range((LAST - WINDOW).days)]
    bills = pl.concat([expected_bills(UTILITY, day, as_of=LAST) for day in days]).filter("is_complete").sort("bill_id")
    assert bills["is_reversed"].any()
    found = listed(
        settings,
        """select native_id, bill_status = 'reversed', current_charges_usd, period_start_date, period_end_date
           from marts.crm_bill order by 1""",
    )
    columns = bills.select("bill_id", "is_reversed", "current_cents", "start_date", "end_date")
    day = timedelta(days=1)  # the oracle's end is the day of the read, with which the next bill begins
    assert found == [
        (key, back, dollars(cents), start, end - day) for key, back, cents, start, end in columns.iter_rows()
    ]


def test_services_add_up_to_the_energy_their_bill_used(settings: Settings) -> None:
    """A bill that was taken back shows none."""
    days = [WINDOW + timedelta(days=n) for n in range((LAST - WINDOW).days)]
    bills = pl.concat([expected_bills(UTILITY, day, as_of=LAST) for day in days]).filter("is_complete").sort("bill_id")
    found = listed(
        settings,
        """select split_part(bill_key, '|', 3), sum(usage_quantity) filter (where usage_unit = 'kWh'),
               sum(usage_quantity) filter (where usage_unit = 'ccf')
           from marts.crm_bill_service group by all order by 1""",
    )
    assert found == bills.select("bill_id", "usage_kwh", "usage_ccf").rows()


def test_nothing_of_a_sound_utility_waits(settings: Settings) -> None:
    assert listed(settings, "select finding_code, external_id from marts.crm_quarantine") == []
