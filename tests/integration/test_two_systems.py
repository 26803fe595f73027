"""One make-believe utility, told once by CC&B and once by SAP: the CRM gets the same customers from both, and Opower
the same bills.

Both systems' extracts go through the same home in one night, so every mart holds each customer twice. A row of one
system must equal the row of the other, apart from the external id's prefix and what only one of them knows.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.support.opower_receiver import Amount, Receiver

from nightwatt import stages
from nightwatt.contracts.catalog import PACKAGED
from nightwatt.delivery.loopback import LoopbackServer
from nightwatt.delivery.phases import Phase, PhaseKind
from nightwatt.ledger.models import DeliveryState, Sending
from nightwatt.settings import Settings
from nightwatt.simulator import Utility, write_night
from nightwatt.stages import Platform
from nightwatt.warehouse import published

CUSTOMERS = 150
NIGHTS = (date(2026, 3, 9), date(2026, 3, 10))
"""A full extract of each system, then what changed the day after."""

METADATA = {"source_system", "last_updated_at", "through_sequence"}
"""Says where a row comes from, not what it says."""


@dataclass(frozen=True)
class OneSided:
    """A column that only one system fills, and why."""

    column: str
    why: str


ONE_SIDED: Mapping[str, tuple[OneSided, ...]] = {
    "crm_product": (
        OneSided("product_key", "RS_CD and TARIFTYP are codes of their own"),
        OneSided("native_id", "RS_CD and TARIFTYP are codes of their own"),
        OneSided("product_name", "named after the rate code"),
        OneSided("rate_code", "RS_CD and TARIFTYP are codes of their own"),
    ),
    "crm_billing_account": (
        OneSided("payoff_balance_usd", "TOT_AMT is kept by CC&B only"),
        OneSided("account_name", "begins with the account's number, whose width differs"),
        OneSided(
            "overdue_amount_usd", "credits retire the oldest charge in CC&B, the item they name in SAP; see below"
        ),
    ),
    "crm_premise": (
        OneSided("parent_premise_key", "SAP has a connection object for every house, CC&B a parent only for buildings"),
        OneSided("time_zone", "CI_PREM.TIME_ZONE_CD; SAP has none"),
        OneSided("latitude", "CI_PREM_GEO; SAP leaves positions to the GIS"),
        OneSided("longitude", "CI_PREM_GEO; SAP leaves positions to the GIS"),
    ),
    "crm_service_point": (
        OneSided("market_id", "EUITRANS.EXT_UI; CC&B keeps it in the MDM"),
        OneSided("substation_code", "facility levels of CI_SP; SAP leaves the network to the GIS"),
        OneSided("feeder_code", "facility levels of CI_SP; SAP leaves the network to the GIS"),
        OneSided("node_code", "facility levels of CI_SP; SAP leaves the network to the GIS"),
        OneSided("read_instruction", "MR_INSTR_CD of CI_PREM"),
        OneSided("read_warning", "MR_WARN_CD of CI_PREM"),
        OneSided("service_point_type_code", "SP_TYPE_CD and ANLART are codes of their own"),
        OneSided("abolish_date", "CI_SP.ABOLISH_DT; SAP flags a deletion without a date"),
    ),
    "crm_device": (
        OneSided("badge_number", "BADGE_NBR; SAP knows a device by its serial number"),
        OneSided("device_name", "the badge where there is one"),
        OneSided("model_code", "CI_MTR.MODEL_CD"),
        OneSided("register_factor", "ETDZ.ZWFAKT; the classic register is not extracted from CC&B"),
    ),
    "crm_service_agreement": (
        OneSided("product_key", "RS_CD and TARIFTYP are codes of their own, compared below"),
        OneSided("legacy_number", "EVER.VREFER"),
    ),
    "crm_agreement_item": (
        OneSided("agreement_item_key", "CI_SA_SP has a number of its own; in SAP the contract names its installation"),
        OneSided("native_id", "CI_SA_SP has a number of its own; in SAP the contract names its installation"),
        OneSided("product_key", "compared with the agreement's"),
        OneSided("use_percent", "CI_SA_SP.USE_PCT"),
        OneSided("usage_sign", "CI_SA_SP.USAGE_FLG"),
    ),
    "crm_bill": (OneSided("completed_at", "CI_BILL.COMPLETE_DTTM"),),
    "dim_service_agreement": (
        OneSided("ccb_account_id", "the account's number in CC&B"),
        OneSided("rate_code", "RS_CD and TARIFTYP are codes of their own"),
    ),
}

pytestmark = pytest.mark.long

MARTS = (
    "crm_product", "crm_party", "crm_contact", "crm_billing_account", "crm_account_role", "crm_premise",
    "crm_service_point", "crm_device", "crm_service_agreement", "crm_agreement_item", "crm_bill", "crm_bill_service",
    "crm_payment", "fct_billed_usage", "dim_service_agreement",
)  # fmt: skip


@pytest.fixture(scope="module", params=[7, 11, 23])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A home that took in two nights of both systems and published them."""
    home = tmp_path_factory.mktemp("both")
    settings = Settings(home=home, catalog=home / "catalog", systems=("ccb", "isu", "mdm"))
    billing_catalog(home / "catalog")
    utility = Utility(customers=CUSTOMERS, seed=request.param, faults=False)
    with LoopbackServer(home / "partner") as partner, pytest.MonkeyPatch.context() as patch:
        for name, value in partner.environment("opower").items():
            patch.setenv(name, value)
        for n, night in enumerate(NIGHTS):
            write_night(utility, night, settings.inbound, first_night=n == 0, systems=("ccb", "isu"))
            run_night(settings, night)
        yield settings


def run_night(settings: Settings, night: date) -> None:
    """Run one night's stages as the DAGs do, deliveries twice: the second time there is nothing to send."""
    at = datetime.combine(night, datetime.min.time(), UTC) + timedelta(hours=8)
    with Platform.open("test", settings, clock=lambda: at) as platform:
        for feed in platform.catalog.feeds_of("billing"):
            assert stages.expectation(platform, feed.feed, night).is_ready
            stages.load(platform, feed.feed, night)
        stages.build(platform, "billing", night)
        stages.publish(platform, "billing", night)
        for system in ("ccb", "isu"):
            outcomes = [stages.deliver(platform, f"opower_billing_{system}", night).outcome for _ in range(2)]
            assert outcomes == ["sent", "already"]


def billing_catalog(folder: Path) -> None:
    """Copy the catalog, with deliveries of billing files told apart by the utility's code.

    One for each of the systems; and for a history of CC&B's bills in two files, and in one.
    """
    shutil.copytree(PACKAGED, folder)
    contract = (folder / "deliveries" / "opower_billing.yaml").read_text("utf-8")
    variants = (
        ("ccb", "CCB", "two_files"),
        ("isu", "ISU", "two_files"),
        ("two", "CCB", "two_files"),
        ("one", "CCB", "full"),
    )
    for name, system, mode in variants:
        text = contract.replace("delivery: opower_billing", f"delivery: opower_billing_{name}")
        text = text.replace("utility_code: nwu", f"utility_code: {name}").replace("mode: two_files", f"mode: {mode}")
        (folder / "deliveries" / f"opower_billing_{name}.yaml").write_text(f"{text}system: {system}\n", "utf-8")


def ask(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    """Return the published warehouse's answer."""
    with published(settings) as con:
        return con.execute(sql).fetchall()


def told_by(settings: Settings, mart: str, system: str) -> list[tuple[Any, ...]]:
    """Return a mart's rows of one system, keys without prefix and leading zeros, in one order."""
    left_out = METADATA | {c.column for c in ONE_SIDED.get(mart, ())}
    with published(settings) as con:
        columns = [r[0] for r in con.execute(f"describe {mart}").fetchall() if r[0] not in left_out]
        wanted = ", ".join(compared(c) for c in columns)
        return con.execute(f"select {wanted} from {mart} where source_system = '{system}' order by all").fetchall()


def compared(column: str) -> str:
    """Return the SQL of what is compared of a column."""
    if column == "status_reason":  # CC&B gives one for an agreement that never ran
        return "case when agreement_status <> 'cancelled' then status_reason end"
    return plain(column) if column.endswith(("_key", "_id")) else column


def plain(key: str) -> str:
    """Return the SQL of a key's native parts: no system, no object, no leading zeros."""
    parts = f"string_split({key}, '|')" if key.endswith("_id") else f"string_split({key}, '|')[3:]"
    return f"array_to_string(list_transform({parts}, lambda part: ltrim(part, '0')), '|')"


@pytest.mark.parametrize("mart", MARTS)
def test_both_systems_tell_the_same(both: Settings, mart: str) -> None:
    ccb, isu = told_by(both, mart, "CCB"), told_by(both, mart, "ISU")

    assert ccb
    assert [row for row in ccb if row not in set(isu)] == []
    assert [row for row in isu if row not in set(ccb)] == []
    assert len(ccb) == len(isu)


def test_both_give_an_agreement_the_same_rate(both: Settings) -> None:
    """CC&B's rate E-RES-1 is SAP's rate type E_RES_1 of its division; one that was cancelled has none in CC&B."""
    rates = ask(
        both,
        "select ltrim(native_id, '0'), list(distinct replace(string_split(product_key, '|')[-1], '-', '_')), count(*) "
        "from crm_service_agreement where agreement_status <> 'cancelled' group by 1",
    )
    assert rates
    assert [row for row in rates if len(row[1]) != 1 or row[2] != 2] == []


def test_overdue_differs_only_by_what_was_paid_on_newer_bills(both: Settings) -> None:
    accounts = ask(
        both,
        "select c.overdue_amount_usd, s.overdue_amount_usd, coalesce(p.paid, 0) from crm_billing_account c "
        "join crm_billing_account s on ltrim(c.native_id, '0') = ltrim(s.native_id, '0') "
        "left join (select billing_account_key, sum(payment_amount_usd) as paid from crm_payment group by 1) p "
        "on p.billing_account_key = c.billing_account_key "
        "where c.source_system = 'CCB' and s.source_system = 'ISU'",
    )
    differing = [row for row in accounts if row[0] != row[1]]
    assert any(row[0] == row[1] > 0 for row in accounts)
    assert len(differing) <= len(accounts) / 20
    assert [row for row in differing if not row[0] < row[1] <= row[0] + row[2]] == []


@pytest.mark.parametrize("mart", sorted(ONE_SIDED))
def test_what_only_one_system_knows_is_really_there(both: Settings, mart: str) -> None:
    """A column is left out of the comparison only while the systems differ in it: else the list has grown stale."""
    for one in ONE_SIDED[mart]:
        sides = ask(
            both,
            f"select source_system, list_sort(list(distinct {one.column}::varchar)) from {mart} "
            "where source_system <> 'SYS' group by 1 order by 1",
        )
        ccb, isu = (values for _, values in sides)
        assert ccb != isu or ccb == [None], f"{mart}.{one.column}: {one.why}"


def test_nothing_of_either_system_is_quarantined(both: Settings) -> None:
    found = ask(
        both, "select source_system, entity, finding_code, count(*) from crm_quarantine where is_blocking group by all"
    )
    assert found == []


def test_every_row_and_dollar_of_both_is_accounted_for(both: Settings) -> None:
    assert ask(both, "select * from rpt_billing_reconciliation where difference_value <> 0") == []
    compared = ask(
        both, "select source_system, count(*), min(source_value) from rpt_billing_reconciliation group by 1 order by 1"
    )
    assert [(system, count) for system, count, _ in compared] == [("CCB", 16), ("ISU", 16)]


@pytest.mark.parametrize(
    ("trait", "sql"),
    [
        ("a company with several accounts", "select party_key from crm_billing_account "
         "join crm_party using (party_key) where party_type = 'organisation' group by all having count(*) > 1"),
        ("a person with several accounts", "select party_key from crm_billing_account "
         "join crm_party using (party_key) where party_type = 'person' group by all having count(*) > 1"),
        ("a shared building", "select parent_premise_key from crm_premise where source_system = 'CCB' and "
         "parent_premise_key is not null group by all having count(*) > 1"),
        ("an agreement that ended", "select 1 from crm_service_agreement where agreement_status = 'ended'"),
        ("an agreement yet to begin or begun anew", "select service_point_key from crm_agreement_item group by all "
         "having count(*) > 1"),
        ("a meter that was exchanged", "select 1 from crm_device where device_status <> 'installed'"),
        ("a reversed bill", "select 1 from crm_bill where bill_status = 'reversed'"),
        ("a corrected bill", "select 1 from crm_bill where is_rebill"),
        ("a budget bill", "select 1 from crm_billing_account where payoff_balance_usd <> balance_amount_usd"),
        ("an overdue account", "select 1 from crm_billing_account where overdue_amount_usd > 0"),
        ("a solar account", "select 1 from crm_billing_account where is_renewables"),
        ("a joint account", "select 1 from crm_account_role where not is_main"),
    ],
)  # fmt: skip
def test_the_utility_has_what_makes_it_hard(both: Settings, trait: str, sql: str) -> None:
    assert ask(both, sql), trait


# ---- Opower's billing files ----------------------------------------------------------------------------------------


def partner_after(settings: Settings, name: str) -> Receiver:
    """Return the partner's state after every file of a delivery, in the order of arrival by the ledger."""
    partner = Receiver()
    with Platform.open("test", settings) as platform, platform.ledger.read() as session:
        sent = session.query(Sending).filter_by(delivery=f"opower_billing_{name.lower()}").order_by(Sending.id).all()
        assert {row.state for row in sent} == {DeliveryState.DELIVERED}
        for row in sent:
            partner.take(row.file_name, (settings.root / "partner" / row.remote_path.lstrip("/")).read_bytes())
    return partner


def billed(settings: Settings, system: str) -> dict[tuple[str, date, date], Amount | None]:
    """Return what was billed to residential customers; nothing for periods whose bill was taken back."""
    rows = ask(
        settings,
        "select f.service_point_id, f.period_start_date, f.boundary_date, f.usage_quantity, f.charge_amount_usd, "
        "f.is_estimated, f.is_cancelled from fct_billed_usage f join dim_service_agreement a "
        "using (service_agreement_key, service_point_id) "
        f"where f.source_system = '{system}' and a.customer_class = 'residential'",
    )
    return {
        (point, start, boundary): None if cancelled else Amount(usage, estimated, charge)
        for point, start, boundary, usage, charge, estimated, cancelled in rows
    }


@pytest.mark.parametrize("system", ["CCB", "ISU"])
def test_the_partner_has_every_bill_that_stands_as_it_stands(both: Settings, system: str) -> None:
    partner, expected = partner_after(both, system), billed(both, system)
    has = {
        (point, period.start, period.end): amount
        for point, periods in partner.periods.items()
        for period, amount in periods.items()
    }

    assert (partner.rejected, partner.repeated) == ([], 0)
    standing = {key: amount for key, amount in expected.items() if amount is not None}
    assert {key: amount for key, amount in has.items() if key in standing} == standing
    # What is there beside it was taken back after it had been sent.
    assert {amount.value for key, amount in has.items() if key not in standing} <= {Decimal(0)}
    assert set(has) <= set(expected)
    assert len(standing) > 1000


@pytest.mark.parametrize("system", ["CCB", "ISU"])
def test_the_partner_knows_every_account_that_has_begun(both: Settings, system: str) -> None:
    accounts = ask(
        both,
        "select service_agreement_id, service_point_id, active_date, inactive_date, billing_account_id, "
        "service_house_number || ' ' || service_street_name from dim_service_agreement "
        f"where source_system = '{system}' and customer_class = 'residential' and not is_cancelled "
        f"and active_date <= date '{NIGHTS[-1]}'",
    )

    assert {
        (account, point): (
            row["active_date"],
            row["inactive_date"],
            row["customer_id"],
            f"{row['service_house_number']} {row['service_street_name']}",
        )
        for (account, point), row in partner_after(both, system).accounts.items()
    } == {
        (account, point): (f"{active:%Y%m%d}", f"{ended:%Y%m%d}" if ended else "", customer, street)
        for account, point, active, ended, customer, street in accounts
    }


def test_both_systems_files_say_the_same(both: Settings) -> None:
    ccb, isu = partner_after(both, "CCB"), partner_after(both, "ISU")

    assert ccb.periods == isu.periods
    assert {key: row["active_date"] for key, row in ccb.accounts.items()} == {
        key: row["active_date"] for key, row in isu.accounts.items()
    }
    assert [name.replace("ccb", "isu") for name in ccb.names] == isu.names


@pytest.mark.parametrize("mode", ["two", "one"])
def test_a_history_cut_six_weeks_back_and_the_file_after_it_end_in_the_same_state(both: Settings, mode: str) -> None:
    """The history since January of the year before, then an incremental: in two files, and in one."""
    night, name = NIGHTS[-1], f"opower_billing_{mode}"
    cut = night - timedelta(days=42)
    at = datetime.combine(night, datetime.min.time(), UTC) + timedelta(hours=9)
    with Platform.open("test", both, clock=lambda: at) as platform:
        full = stages.deliver_phase(platform, name, night, Phase(PhaseKind.FULL, last_day=cut))
        at_cut = partner_after(both, mode)
        rest = stages.deliver_phase(platform, name, night, Phase())
    partner, whole = partner_after(both, mode), partner_after(both, "CCB")

    assert (full.outcome, rest.outcome) == ("sent", "sent")
    assert max(period.end for periods in at_cut.periods.values() for period in periods) <= cut + timedelta(days=1)
    assert (partner.rejected, partner.repeated, partner.replaced) == ([], 0, 0)
    begins = date(night.year - 1, 1, 1)
    # The other partner was told of bills that were taken back afterwards, and was told that they came to nothing.
    assert partner.periods == {
        point: kept
        for point, periods in whole.periods.items()
        if (kept := {p: a for p, a in periods.items() if p.end > begins and (a.value or a.charge)})
    }
    billed_accounts = {row["account_id"] for row in partner.accounts.values()}
    assert {key: row for key, row in whole.accounts.items() if row["account_id"] in billed_accounts} == partner.accounts
