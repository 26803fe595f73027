"""SAP IS-U, from rows as the extracts bring them to the customer picture: a world small enough to work out by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from tests.dbt.isu_world import ADA, BEN, DOUBLE, GAS, GONE, HOME, HOUSE, MILL, NOBODY, POWER, SHOP, SOLAR, load_world
from tests.dbt.scratch import Scratch


@pytest.fixture(scope="module")
def world(session_scratch: Scratch) -> Scratch:
    """Ada at home with power and gas, Ben's former gas, a mill with solar; mistakes of all kinds."""
    s = session_scratch
    s.reset()
    load_world(s)
    s.build("+path:models/intermediate/isu", full=True)
    return s


def said(world: Scratch, entity: str, columns: str, order: str = "1") -> list[tuple[Any, ...]]:
    """Return columns of a canonical model."""
    found = world.rows(f"select {columns} from intermediate.int_isu__canonical_{entity} order by {order}")
    return [tuple(row.values()) for row in found]


def test_parties_are_persons_and_organisations(world: Scratch) -> None:
    """Names of two kinds of columns; the standard address as it stands today; default numbers before others."""
    who = "party_key, party_type, party_name, first_name, last_name, language_code, has_life_support, is_archived"
    assert said(world, "parties", who) == [
        (f"ISU|BP|{ADA}", "person", "Ada Testperson", "Ada", "Testperson", "en", None, False),
        (f"ISU|BP|{BEN}", "person", "Testmann", None, "Testmann", "es", True, True),
        (f"ISU|BP|{MILL}", "organisation", "Invented Mill LLC", None, None, None, None, False),
    ]
    reached = "native_id, email, phone, mobile, mailing_street, mailing_unit, mailing_postal_code, unknown_codes"
    assert said(world, "parties", reached) == [
        (ADA, "ada@example.com", "555-0102", "555-0103", "33 Invented Way", "Apt 3", "00501", []),
        (BEN, None, None, None, None, None, None, []),
        (MILL, None, None, None, None, None, None, ["language_code=Q", "contact_route=8"]),
    ]
    assert said(world, "contacts", "contact_key, party_key, last_name") == [
        (f"ISU|BPC|{ADA}", f"ISU|BP|{ADA}", "Testperson"),
        (f"ISU|BPC|{BEN}", f"ISU|BP|{BEN}", "Testmann"),
    ]


def test_an_account_belongs_to_its_one_holder(world: Scratch) -> None:
    """With two holders to nobody; one marked for deletion is gone. Terms are the holder's, the cycle the contract's."""
    whose = "billing_account_key, account_name, party_key, customer_class, account_status, unknown_codes"
    assert said(world, "billing_accounts", whose) == [
        (f"ISU|VK|{HOME}", f"{HOME} Ada Testperson", f"ISU|BP|{ADA}", "residential", "active", []),
        (
            *(f"ISU|VK|{SHOP}", f"{SHOP} Invented Mill LLC", f"ISU|BP|{MILL}", None, "active"),
            ["customer_class=ZZ", "bill_frequency=ZZ"],
        ),
        (f"ISU|VK|{DOUBLE}", DOUBLE, None, "residential", None, []),
    ]
    terms = "native_id, bill_cycle_code, bill_frequency, bill_delivery_method, is_autopay, currency_code, set_up_date"
    opened = date(2024, 1, 5)
    assert said(world, "billing_accounts", terms) == [
        (HOME, "08", "monthly", "ebill", True, "USD", opened),
        (SHOP, "ZZ", None, None, False, "USD", opened),
        (DOUBLE, "07", "monthly", None, False, "USD", opened),
    ]


def test_partners_of_an_account_have_roles(world: Scratch) -> None:
    """A person can be written to; a role no list knows is none; rows of a deleted account go with it."""
    roles = "account_role_key, contact_key, role, is_main, unknown_codes"
    assert said(world, "account_roles", roles) == [
        (f"ISU|VKP|{HOME}|{ADA}", f"ISU|BPC|{ADA}", "financially_responsible", True, []),
        (f"ISU|VKP|{HOME}|{BEN}", f"ISU|BPC|{BEN}", "authorised", False, []),
        (f"ISU|VKP|{SHOP}|{MILL}", None, "financially_responsible", True, []),
        (f"ISU|VKP|{DOUBLE}|{ADA}", f"ISU|BPC|{ADA}", "financially_responsible", True, []),
        (f"ISU|VKP|{DOUBLE}|{BEN}", f"ISU|BPC|{BEN}", "financially_responsible", True, []),
        (f"ISU|VKP|{DOUBLE}|{NOBODY}", None, None, False, ["role=77"]),
    ]


def test_premises_lie_in_connection_objects_and_have_their_address(world: Scratch) -> None:
    columns = "premise_key, parent_premise_key, is_parent, premise_type, premise_name, street, unit, unknown_codes"
    assert said(world, "premises", columns) == [
        (f"ISU|CONN|{HOUSE}", None, True, "building", "9 Invented Way", "9 Invented Way", None, []),
        (
            *("ISU|PREM|P1", f"ISU|CONN|{HOUSE}", False, "residential"),
            *("9 Invented Way Apt 1", "9 Invented Way", "Apt 1", []),
        ),
        (
            *("ISU|PREM|P2", f"ISU|CONN|{HOUSE}", False, None),
            *("9 Invented Way", "9 Invented Way", None, ["premise_type=BARN"]),
        ),
    ]


def test_installations_are_service_points(world: Scratch) -> None:
    """Status from marks and slices, market id as of today, business unit by type."""
    columns = (
        "service_point_key, premise_key, commodity, business_unit, service_point_status, market_id, is_solar, "
        "activation_date, unknown_codes"
    )
    assert said(world, "service_points", columns) == [
        (
            *(f"ISU|INST|{POWER}", "ISU|PREM|P1", "electricity", "electric", "in_service", "NY2", False),
            *(date(2024, 1, 1), []),
        ),
        (
            *(f"ISU|INST|{GAS}", "ISU|PREM|P1", "gas", "gas", "disconnected", None, False),
            *(date(2024, 2, 1), []),
        ),
        (
            *(f"ISU|INST|{SOLAR}", "ISU|PREM|P2", "electricity", "renewables", "in_service", "NY2", True),
            *(date(2024, 3, 1), []),
        ),
        (f"ISU|INST|{GONE}", "ISU|PREM|P2", None, "gas", "abolished", None, False, None, ["commodity=09"]),
    ]


def test_devices_are_where_their_slice_of_today_says(world: Scratch) -> None:
    columns = (
        "device_key, serial_number, device_status, service_point_key, premise_key, install_date, removal_date, "
        "register_factor"
    )
    changed = date(2026, 2, 1)
    assert said(world, "devices", columns) == [
        ("ISU|EQ|E1", "001", "retired", None, None, date(2024, 1, 1), changed, None),
        ("ISU|EQ|E2", "002", "installed", f"ISU|INST|{POWER}", "ISU|PREM|P1", changed, None, Decimal(40)),
        ("ISU|EQ|E3", "003", "in_store", None, None, None, None, None),
    ]
    installs = "device_install_key, device_key, service_point_key, install_date, removal_date, is_current"
    assert said(world, "device_installs", installs) == [
        (f"ISU|EASTL|{POWER}|G1|20240101", "ISU|EQ|E1", f"ISU|INST|{POWER}", date(2024, 1, 1), changed, False),
        (f"ISU|EASTL|{POWER}|G2|20260201", "ISU|EQ|E2", f"ISU|INST|{POWER}", changed, None, True),
    ]


def test_contracts_get_their_status_from_dates(world: Scratch) -> None:
    """Moved in today counts, tomorrow not yet; taken back on either side is cancelled; 30 February is no date."""
    columns = (
        "service_agreement_key, agreement_status, start_date, end_date, status_change_date, status_reason, "
        "unknown_codes"
    )
    begun, ended = date(2024, 1, 10), date(2025, 12, 31)
    assert said(world, "service_agreements", columns) == [
        ("ISU|CTR|C1", "active", begun, None, begun, "move_in", []),
        ("ISU|CTR|C2", "pending", date(2026, 3, 10), None, None, "move_in", []),
        ("ISU|CTR|C3", "ended", begun, ended, ended, "move_out", []),
        ("ISU|CTR|C4", "active", date(2026, 3, 9), None, date(2026, 3, 9), "move_in", ["billing_schedule=ZZ"]),
        ("ISU|CTR|C5", "cancelled", begun, None, None, None, []),
        ("ISU|CTR|C6", "cancelled", None, None, None, None, []),
        ("ISU|CTR|C7", None, None, None, None, "move_in", ["commodity=09", "move_in_date=20250230"]),
    ]


def test_a_contract_has_a_product_that_is_there(world: Scratch) -> None:
    """The rate today, or on the contract's nearest day; where nothing is known of the commodity, none."""
    products = {key for (key,) in said(world, "products", "product_key")}
    assert products == {
        *("ISU|TARIF|01|E_COM_1", "ISU|TARIF|01|E_RES_2", "ISU|TARIF|02|G_RES_1", "ISU|TARIF|02|G_RES_2"),
    }
    assert said(world, "products", "product_name, commodity, rate_code")[0] == (
        "Electricity E_COM_1",
        "electricity",
        "E_COM_1",
    )
    assert said(world, "service_agreements", "native_id, product_key") == [
        ("C1", "ISU|TARIF|01|E_RES_2"),
        ("C2", "ISU|TARIF|02|G_RES_2"),
        ("C3", "ISU|TARIF|02|G_RES_1"),
        ("C4", "ISU|TARIF|01|E_COM_1"),
        ("C5", "ISU|TARIF|01|E_RES_2"),
        ("C6", "ISU|TARIF|01|E_RES_2"),
        ("C7", None),
    ]


def test_a_contract_is_for_one_installation_unless_it_was_taken_back(world: Scratch) -> None:
    assert said(world, "agreement_items", "agreement_item_key, service_point_key, start_date") == [
        (f"ISU|CTRI|C1|{POWER}", f"ISU|INST|{POWER}", date(2024, 1, 10)),
        (f"ISU|CTRI|C2|{GAS}", f"ISU|INST|{GAS}", date(2026, 3, 10)),
        (f"ISU|CTRI|C3|{GAS}", f"ISU|INST|{GAS}", date(2024, 1, 10)),
        (f"ISU|CTRI|C4|{SOLAR}", f"ISU|INST|{SOLAR}", date(2026, 3, 9)),
        ("ISU|CTRI|C7|A0", "ISU|INST|A0", None),
    ]


def test_bills_are_posted_print_documents_of_twelve_months(world: Scratch) -> None:
    """A reversed one stays, charging nothing; the document that reverses it, simulations and held ones are no bills."""
    columns = (
        "bill_key, bill_date, due_date, period_start_date, period_end_date, current_charges_usd, amount_due_usd, "
        "bill_status, is_estimated, is_rebill"
    )
    billed, first, last = date(2026, 2, 16), date(2026, 1, 15), date(2026, 2, 14)
    assert said(world, "bills", columns) == [
        (
            *("ISU|BILL|B1", billed, date(2026, 3, 8), first, last, Decimal("95.35"), Decimal("95.35")),
            *("issued", True, True),
        ),
        ("ISU|BILL|B2", billed, None, first, last, Decimal(0), Decimal(40), "reversed", False, False),
        ("ISU|BILL|B8", date(2025, 3, 1), date(2026, 3, 8), None, None, Decimal(0), None, "issued", False, False),
    ]


def test_a_bill_says_of_each_contract_what_it_used_and_costs(world: Scratch) -> None:
    """Debits less credits; the energy of what stands, in its two parts; a line type no list knows might be energy."""
    columns = "bill_service_key, commodity, usage_quantity, usage_unit, days, amount_usd, is_estimated, unknown_codes"
    unseen = ["usage_quantity=NEVER SEEN"]
    assert said(world, "bill_services", columns) == [
        ("ISU|BSV|B1|C1", "electricity", Decimal("410.75"), "kWh", 31, Decimal("62.10"), False, []),
        ("ISU|BSV|B1|C2", "gas", Decimal(31), "ccf", 31, Decimal("33.25"), True, unseen),
        ("ISU|BSV|B2|C1", "electricity", None, None, 31, Decimal(0), False, []),
    ]


def test_mistake_15_a_reading_is_whole_and_fraction_and_its_reasons_do_not_multiply_it(world: Scratch) -> None:
    """R2 was read for two reasons; its bill's energy counts once."""
    assert world.rows("select count(*) as reasons from lake.isu_eablg where ablbelnr = 'R2'") == [{"reasons": 2}]
    sql = "select reading_value from staging.stg_isu__meter_readings where reading_id = 'R2'"
    assert world.rows(sql) == [{"reading_value": Decimal("812.4")}]
    assert said(world, "bill_services", "usage_quantity", "bill_service_key")[0] == (Decimal("410.75"),)


def test_a_balance_is_the_open_items_and_credits_meet_the_oldest_first(world: Scratch) -> None:
    """Cleared and statistical items are not owed; what is due today is not overdue; a credit is never overdue."""
    columns = "billing_account_key, balance_amount_usd, payoff_balance_usd, overdue_amount_usd, balance_as_of"
    today = date(2026, 3, 9)
    assert said(world, "balances", columns) == [
        (f"ISU|VK|{HOME}", Decimal("75.35"), None, Decimal("65.35"), today),
        (f"ISU|VK|{SHOP}", Decimal("-7.00"), None, Decimal(0), today),
        (f"ISU|VK|{DOUBLE}", Decimal(0), None, Decimal(0), today),
    ]


def test_payments_are_documents_of_a_type_that_is_one(world: Scratch) -> None:
    """Reversed ones are cancelled; one of a type no list knows might be a payment, and says so."""
    columns = "payment_key, billing_account_key, payment_date, payment_amount_usd, payment_status, unknown_codes"
    home = f"ISU|VK|{HOME}"
    assert said(world, "payments", columns) == [
        ("ISU|PAY|M1", home, date(2026, 3, 1), Decimal(50), "posted", []),
        ("ISU|PAY|M2", home, date(2026, 3, 2), Decimal(20), "cancelled", []),
        ("ISU|PAY|M3", home, date(2026, 3, 3), Decimal(30), None, ["payment_status=??"]),
    ]
