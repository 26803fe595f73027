"""Rows that no source system should send, planted into a night's files of both systems: a finding each, and nothing
else suffers.

What must wait beside the planted rows, because it belongs to one of them, is worked out from the files.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from tests.support.crm_sources import ENTITIES, Picture, ccb_picture, isu_picture
from tests.support.extract_files import Extracts

from nightwatt import stages
from nightwatt.delivery.loopback import LoopbackServer
from nightwatt.delivery.salesforce.profile import load_profile
from nightwatt.settings import Settings
from nightwatt.simulator import Utility, write_night
from nightwatt.stages import Platform
from nightwatt.warehouse import published

pytestmark = pytest.mark.long

UTILITY = Utility(customers=60, seed=11, faults=False)
NIGHT, WINDOW = date(2026, 3, 9), date(2025, 3, 1)
NOBODY = "0000000404"
MARTS = {
    **{entity: (f"crm_{entity}",) for entity in ENTITIES if entity != "device_install"},
    "premise": ("crm_premise", "crm_premise_parent"),
}
"""Where each entity's rows are published; installs are part of their device."""


@dataclass(frozen=True, order=True)
class Finding:
    """One row of the quarantine."""

    entity: str
    key: str
    code: str
    field: str
    detail: str | None = None
    blocks: bool = True


@dataclass(frozen=True)
class Home:
    """A customer with one account, at one premise of its own, and how many live agreements."""

    account: str
    person: str
    premise: str
    agreements: tuple[str, ...]
    points: tuple[str, ...]


@dataclass
class Homes:
    """Homes that nothing was planted at yet."""

    one_fuel: Iterator[Home]
    two_fuels: Iterator[Home]


Plant = Callable[[Extracts, Homes], list[Finding]]


def homes_of(x: Extracts) -> Homes:
    """Find homes that share nothing with each other, by CC&B's files; SAP has them under the same digits."""
    found = [home for row in x["ci_acct"] if (home := _home(x, row["ACCT_ID"]))]
    return Homes(
        iter([home for home in found if len(home.agreements) == 1]),
        iter([home for home in found if len(home.agreements) == 2]),
    )


def _home(x: Extracts, account: str) -> Home | None:
    persons = [row["PER_ID"] for row in x.where("ci_acct_per", ACCT_ID=account)]
    energy = [row for row in x.where("ci_sa", ACCT_ID=account) if row["SA_TYPE_CD"].strip() in {"E-RES", "G-RES"}]
    if len(persons) != 1 or len(list(x.where("ci_acct_per", PER_ID=persons[0]))) != 1 or not energy:
        return None
    premises = {row["CHAR_PREM_ID"] for row in energy}
    if len(premises) != 1 or any(row["SA_STATUS_FLG"].strip() != "20" for row in energy):
        return None
    premise = premises.pop()
    if x.one("ci_prem", PREM_ID=premise)["PRNT_PREM_ID"].strip():
        return None
    points = [x.one("ci_sa_sp", SA_ID=row["SA_ID"])["SP_ID"] for row in energy]
    return Home(account, persons[0], premise, tuple(row["SA_ID"] for row in energy), tuple(points))


def plain_bill(x: Extracts, home: Home) -> str:
    """Return the newest bill of a home on which nothing was corrected."""
    segments: dict[str, set[str]] = {}
    for agreement in home.agreements:
        for row in x.where("ci_bseg", SA_ID=agreement):
            segments.setdefault(row["BILL_ID"], set()).add(row["BSEG_STAT_FLG"].strip())
    bills = [row for row in x.where("ci_bill", ACCT_ID=home.account, BILL_STAT_FLG="C")]
    return max((row["BILL_DT"], row["BILL_ID"]) for row in bills if segments[row["BILL_ID"]] == {"50"})[1]


# --- CC&B ----------------------------------------------------------------------------------------------------


def agreement_without_account(x: Extracts, homes: Homes) -> list[Finding]:
    agreement = next(homes.one_fuel).agreements[0]
    x.one("ci_sa", SA_ID=agreement)["ACCT_ID"] = NOBODY
    key = f"CCB|SA|{agreement}"
    account = f"CCB|ACCT|{NOBODY}"
    return [Finding("service_agreement", key, "service_agreement.orphan", "billing_account_key", account)]


def link_of_an_unknown_agreement(x: Extracts, homes: Homes) -> list[Finding]:
    link = x.one("ci_sa_sp", SA_ID=next(homes.one_fuel).agreements[0])
    link["SA_ID"] = NOBODY
    key = f"CCB|SASP|{link['SA_SP_ID']}"
    return [Finding("agreement_item", key, "agreement_item.orphan", "service_agreement_key", f"CCB|SA|{NOBODY}")]


def point_without_premise(x: Extracts, homes: Homes) -> list[Finding]:
    point = next(homes.one_fuel).points[0]
    x.one("ci_sp", SP_ID=point)["PREM_ID"] = NOBODY
    key = f"CCB|SP|{point}"
    return [Finding("service_point", key, "service_point.orphan", "premise_key", f"CCB|PREM|{NOBODY}")]


def building_within_its_own_flat(x: Extracts, homes: Homes) -> list[Finding]:
    building = next(x.where("ci_prem", PREM_TYPE_CD="BLDG"))
    flats = [row["PREM_ID"] for row in x.where("ci_prem", PRNT_PREM_ID=building["PREM_ID"])]
    assert len(flats) > 1
    building["PRNT_PREM_ID"] = flats[0]
    parents = {building["PREM_ID"]: flats[0]} | dict.fromkeys(flats, building["PREM_ID"])
    return [
        Finding("premise", f"CCB|PREM|{own}", "premise.parent_cycle", "parent_premise_key", f"CCB|PREM|{parent}")
        for own, parent in parents.items()
    ]


def agreements_that_overlap(x: Extracts, homes: Homes) -> list[Finding]:
    """They serve one point at the same time: worth knowing, and no reason to keep either from the CRM."""
    these, those = next(homes.one_fuel).agreements[0], next(homes.one_fuel).agreements[0]
    x.add("ci_sa_sp", x.one("ci_sa_sp", SA_ID=those), SA_SP_ID="0000000001", SA_ID=these)
    return overlap(f"CCB|SA|{these}", f"CCB|SA|{those}")


def overlap(these: str, those: str) -> list[Finding]:
    return [
        Finding("service_agreement", key, "service_agreement.overlap", "start_date", other, blocks=False)
        for key, other in ((these, those), (those, these))
    ]


def two_main_customers(x: Extracts, homes: Homes) -> list[Finding]:
    home, other = next(homes.one_fuel), next(homes.one_fuel)
    x.add("ci_acct_per", x.one("ci_acct_per", ACCT_ID=home.account), PER_ID=other.person)
    return several_main_customers(
        f"CCB|ACCT|{home.account}", [f"CCB|AP|{home.account}|{person}" for person in (home.person, other.person)]
    )


def several_main_customers(account: str, roles: Sequence[str]) -> list[Finding]:
    count = str(len(roles))
    return [
        Finding("billing_account", account, "billing_account.main_customer_count", "party_key", count),
        *(Finding("account_role", key, "account_role.main_customer_count", "is_main", count) for key in roles),
    ]


def no_main_customer(x: Extracts, homes: Homes) -> list[Finding]:
    account = next(homes.one_fuel).account
    x.one("ci_acct_per", ACCT_ID=account)["MAIN_CUST_SW"] = "N"
    key = f"CCB|ACCT|{account}"
    return [Finding("billing_account", key, "billing_account.main_customer_count", "party_key", "0")]


def agreement_of_unknown_status(x: Extracts, homes: Homes) -> list[Finding]:
    agreement = next(homes.one_fuel).agreements[0]
    x.one("ci_sa", SA_ID=agreement)["SA_STATUS_FLG"] = "ZZ"
    key = f"CCB|SA|{agreement}"
    return [
        Finding("service_agreement", key, "service_agreement.unknown_code", "agreement_status", "ZZ"),
        Finding("service_agreement", key, "service_agreement.required_missing", "agreement_status"),
    ]


def point_of_unknown_status(x: Extracts, homes: Homes) -> list[Finding]:
    point = next(homes.one_fuel).points[0]
    x.one("ci_sp", SP_ID=point)["SP_SRC_STATUS_FLG"] = "Z "
    key = f"CCB|SP|{point}"
    return [
        Finding("service_point", key, "service_point.unknown_code", "service_point_status", "Z"),
        Finding("service_point", key, "service_point.required_missing", "service_point_status", blocks=False),
    ]


def person_of_unknown_kind(x: Extracts, homes: Homes) -> list[Finding]:
    person = next(homes.one_fuel).person
    x.one("ci_per", PER_ID=person)["PER_OR_BUS_FLG"] = "Z "
    return [Finding("party", f"CCB|PER|{person}", "party.unknown_code", "party_type", "Z")]


def person_of_unknown_language(x: Extracts, homes: Homes) -> list[Finding]:
    person = next(homes.one_fuel).person
    x.one("ci_per", PER_ID=person)["LANGUAGE_CD"] = "ZZZ"
    return [Finding("party", f"CCB|PER|{person}", "party.unknown_code", "language_code", "ZZZ")]


def bill_of_unknown_status(x: Extracts, homes: Homes) -> list[Finding]:
    bill = plain_bill(x, next(homes.two_fuels))
    x.one("ci_bill", BILL_ID=bill)["BILL_STAT_FLG"] = "Z "
    return [Finding("bill", f"CCB|BILL|{bill}", "bill.unknown_code", "bill_status", "Z")]


def segment_of_unknown_status(x: Extracts, homes: Homes) -> list[Finding]:
    home = next(homes.two_fuels)
    bill = plain_bill(x, home)
    x.one("ci_bseg", BILL_ID=bill, SA_ID=home.agreements[1])["BSEG_STAT_FLG"] = "ZZ  "
    service = f"CCB|BSA|{bill}|{home.agreements[1]}"
    return [
        Finding("bill", f"CCB|BILL|{bill}", "bill.unknown_code", "bill_segment_status", "ZZ"),
        Finding("bill_service", service, "bill_service.unknown_code", "bill_segment_status", "ZZ"),
    ]


def payment_of_unknown_status(x: Extracts, homes: Homes) -> list[Finding]:
    payment = list(x.where("ci_pay", ACCT_ID=next(homes.one_fuel).account))[-1]
    payment["PAY_STATUS_FLG"] = "ZZ"
    return [Finding("payment", f"CCB|PAY|{payment['PAY_ID']}", "payment.unknown_code", "payment_status", "ZZ")]


def charge_of_unknown_type(x: Extracts, homes: Homes) -> list[Finding]:
    """Nobody knows whether it belongs to the bill's total, so the bill is not believed."""
    home = next(homes.two_fuels)
    bill = plain_bill(x, home)
    x.one("ci_ft", PARENT_ID=bill, SA_ID=home.agreements[0], FT_TYPE_FLG="BS")["FT_TYPE_FLG"] = "ZZ"
    return service_without_amount(f"CCB|BILL|{bill}", f"CCB|BSA|{bill}|{home.agreements[0]}")


def service_without_amount(bill: str, service: str) -> list[Finding]:
    return [
        Finding("bill", bill, "bill.amount_mismatch", "amount_usd"),
        Finding("bill_service", service, "bill_service.required_missing", "amount_usd"),
    ]


def bill_whose_segments_do_not_add_up(x: Extracts, homes: Homes) -> list[Finding]:
    """One of its segments names a bill that nobody knows, and is a finding too."""
    home = next(homes.two_fuels)
    bill, stray = plain_bill(x, home), f"00{NOBODY}"
    x.one("ci_bseg", BILL_ID=bill, SA_ID=home.agreements[1])["BILL_ID"] = stray
    service = f"CCB|BSA|{stray}|{home.agreements[1]}"
    return [
        Finding("bill", f"CCB|BILL|{bill}", "bill.amount_mismatch", "current_charges_usd"),
        Finding("bill_service", service, "bill_service.orphan", "bill_key", f"CCB|BILL|{stray}"),
    ]


# --- SAP -----------------------------------------------------------------------------------------------------


def contract_without_account(x: Extracts, homes: Homes) -> list[Finding]:
    contract = next(homes.one_fuel).agreements[0]
    x.one("ever", VERTRAG=contract)["VKONTO"] = f"00{NOBODY}"
    key, account = f"ISU|CTR|{contract}", f"ISU|VK|00{NOBODY}"
    return [Finding("service_agreement", key, "service_agreement.orphan", "billing_account_key", account)]


def installation_without_premise(x: Extracts, homes: Homes) -> list[Finding]:
    installation = next(homes.one_fuel).points[0]
    x.one("eanl", ANLAGE=installation)["VSTELLE"] = NOBODY
    key = f"ISU|INST|{installation}"
    return [Finding("service_point", key, "service_point.orphan", "premise_key", f"ISU|PREM|{NOBODY}")]


def premise_without_connection_object(x: Extracts, homes: Homes) -> list[Finding]:
    premise = next(homes.one_fuel).premise
    x.one("evbs", VSTELLE=premise)["HAUS"] = NOBODY.zfill(30)
    key, house = f"ISU|PREM|{premise}", f"ISU|CONN|{NOBODY.zfill(30)}"
    return [Finding("premise", key, "premise.orphan", "parent_premise_key", house)]


def contracts_that_overlap(x: Extracts, homes: Homes) -> list[Finding]:
    these, those = next(homes.one_fuel), next(homes.one_fuel)
    x.one("ever", VERTRAG=these.agreements[0])["ANLAGE"] = those.points[0]
    return overlap(f"ISU|CTR|{these.agreements[0]}", f"ISU|CTR|{those.agreements[0]}")


def two_holders(x: Extracts, homes: Homes) -> list[Finding]:
    home, other = next(homes.one_fuel), next(homes.one_fuel)
    account = f"00{home.account}"
    x.add("fkkvkp", x.one("fkkvkp", VKONT=account), GPART=other.person)
    roles = [f"ISU|VKP|{account}|{person}" for person in (home.person, other.person)]
    return several_main_customers(f"ISU|VK|{account}", roles)


def partner_of_unknown_role(x: Extracts, homes: Homes) -> list[Finding]:
    """Nobody else holds the account."""
    home = next(homes.one_fuel)
    account = f"00{home.account}"
    x.one("fkkvkp", VKONT=account)["VKPBZ"] = "ZZ"
    role = f"ISU|VKP|{account}|{home.person}"
    return [
        Finding("account_role", role, "account_role.unknown_code", "role", "ZZ"),
        Finding("billing_account", f"ISU|VK|{account}", "billing_account.main_customer_count", "party_key", "0"),
    ]


def partner_of_unknown_kind(x: Extracts, homes: Homes) -> list[Finding]:
    partner = next(homes.one_fuel).person
    x.one("but000", PARTNER=partner)["TYPE"] = "9"
    return [Finding("party", f"ISU|BP|{partner}", "party.unknown_code", "party_type", "9")]


def account_of_unknown_class(x: Extracts, homes: Homes) -> list[Finding]:
    account = f"00{next(homes.one_fuel).account}"
    x.one("fkkvkp", VKONT=account)["KTOKL"] = "ZZ"
    return [Finding("billing_account", f"ISU|VK|{account}", "billing_account.unknown_code", "customer_class", "ZZ")]


def installation_of_unknown_division(x: Extracts, homes: Homes) -> list[Finding]:
    installation = next(homes.one_fuel).points[0]
    x.one("eanl", ANLAGE=installation)["SPARTE"] = "ZZ"
    key = f"ISU|INST|{installation}"
    return [
        Finding("service_point", key, "service_point.unknown_code", "commodity", "ZZ"),
        Finding("service_point", key, "service_point.required_missing", "commodity"),
    ]


def document_of_unknown_type(x: Extracts, homes: Homes) -> list[Finding]:
    """It might be a payment."""
    account = f"00{next(homes.one_fuel).account}"
    numbers = {row["OPBEL"] for row in x.where("dfkkop", VKONT=account)}
    document = [row for row in x.where("dfkkko", BLART="ZA") if row["OPBEL"] in numbers][-1]
    document["BLART"] = "ZZ"
    return [Finding("payment", f"ISU|PAY|{document['OPBEL']}", "payment.unknown_code", "payment_status", "ZZ")]


def bill_without_the_charge_of_a_contract(x: Extracts, homes: Homes) -> list[Finding]:
    """The contract was billed, by its billing document, and no line of the bill charges it."""
    home = next(homes.two_fuels)
    contract = home.agreements[0]
    bill = max(row["OPBEL"] for row in x.where("erdk", VKONT=f"00{home.account}", STOKZ=""))
    lines = list(x.where("erdz", OPBEL=bill, VERTRAG=contract))
    assert lines
    x["erdz"][:] = [row for row in x["erdz"] if row not in lines]
    return service_without_amount(f"ISU|BILL|{bill}", f"ISU|BSV|{bill}|{contract}")


def line_of_a_bill_nobody_knows(x: Extracts, homes: Homes) -> list[Finding]:
    contract, stray = next(homes.two_fuels).agreements[0], f"00{NOBODY}"
    line = list(x.where("erdz", VERTRAG=contract))[-1]
    x.add("erdz", line, OPBEL=stray)
    key = f"ISU|BSV|{stray}|{contract}"
    return [Finding("bill_service", key, "bill_service.orphan", "bill_key", f"ISU|BILL|{stray}")]


PLANTS: dict[str, tuple[str, Plant]] = {
    f"{system} {plant.__name__}": (system, plant)
    for system, plants in {
        "ccb": (
            *(agreement_without_account, link_of_an_unknown_agreement, point_without_premise),
            *(building_within_its_own_flat, agreements_that_overlap, two_main_customers, no_main_customer),
            *(agreement_of_unknown_status, point_of_unknown_status, person_of_unknown_kind, person_of_unknown_language),
            *(bill_of_unknown_status, segment_of_unknown_status, payment_of_unknown_status, charge_of_unknown_type),
            bill_whose_segments_do_not_add_up,
        ),
        "isu": (
            *(contract_without_account, installation_without_premise, premise_without_connection_object),
            *(contracts_that_overlap, two_holders, partner_of_unknown_role, partner_of_unknown_kind),
            *(account_of_unknown_class, installation_of_unknown_division, document_of_unknown_type),
            *(bill_without_the_charge_of_a_contract, line_of_a_bill_nobody_knows),
        ),
    }.items()
    for plant in plants
}


# --- the night -----------------------------------------------------------------------------------------------


@dataclass
class Night:
    """The home after the night."""

    settings: Settings
    planted: dict[str, list[Finding]]
    pictures: list[Picture]
    partner: Path = Path()
    found: set[Finding] = field(default_factory=set)

    def blocked(self, entity: str) -> set[str]:
        return {f.key for f in self.found if f.entity == entity and f.blocks}

    def published(self, entity: str) -> set[str]:
        with published(self.settings) as con:
            rows = [con.execute(f"SELECT {entity}_key, source_system FROM {m}").fetchall() for m in MARTS[entity]]
        return {key for each in rows for key, system in each if system != "SYS"}  # the platform's own

    def delivered(self) -> dict[str, list[dict[str, str]]]:
        """Return the rows of the partner's files, by object of the profile."""
        (manifest,) = self.partner.glob("*manifest*")
        rows: dict[str, list[dict[str, str]]] = {}
        for listed in json.loads(manifest.read_text("utf-8"))["files"]:
            with (self.partner / listed["file"]).open(encoding="utf-8", newline="") as stream:
                rows.setdefault(listed["name"], []).extend(csv.DictReader(stream))
        return rows

    def held(self) -> dict[str, dict[str, str]]:
        """Return why rows were held back, by object and key."""
        (place,) = self.settings.refusals.rglob("held_*.parquet")
        found: dict[str, dict[str, str]] = {}
        for name, key, why in duckdb.sql(f"SELECT object, external_id, reason FROM read_parquet('{place}')").fetchall():
            found.setdefault(name, {})[key] = why
        return found


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """Plant everything into one night's files, load, build, publish and deliver them."""
    folder = tmp_path_factory.mktemp("bad_input")
    settings = Settings(home=folder / "home", systems=("ccb", "isu", "mdm"))
    write_night(UTILITY, NIGHT, settings.inbound, first_night=True, systems=("ccb", "isu"))
    extracts = {system: Extracts(settings.inbound, system, NIGHT) for system in ("ccb", "isu")}
    homes = homes_of(extracts["ccb"])
    planted = {name: plant(extracts[system], homes) for name, (system, plant) in PLANTS.items()}
    pictures = [ccb_picture(extracts["ccb"], WINDOW), isu_picture(extracts["isu"], WINDOW, NIGHT)]
    for each in extracts.values():
        each.save()
    told = Night(settings, planted, pictures)
    with LoopbackServer(folder / "partner") as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment("crm").items():
            patch.setenv(name, value)
        told.partner = server.root / "incoming"
        told.partner.mkdir()
        _run(settings)
        with published(settings) as con:
            found = con.execute(
                "SELECT entity, external_id, finding_code, field_name, detail, is_blocking FROM crm_quarantine"
            ).fetchall()
        told.found = {Finding(*row) for row in found}
        assert len(told.found) == len(found)
        yield told


def _run(settings: Settings) -> None:
    at = datetime.combine(NIGHT, datetime.min.time(), UTC) + timedelta(hours=8)
    with Platform.open("test", settings, clock=lambda: at) as platform:
        for name, feed in platform.catalog.feeds.items():
            if feed.system != "mdm":
                stages.arrive(platform, name, NIGHT)
                assert not stages.load(platform, name, NIGHT).rows_rejected
        stages.build(platform, "billing", NIGHT)
        stages.publish(platform, "billing", NIGHT)
        stages.deliver(platform, "crm_core", NIGHT)


@pytest.mark.parametrize("name", PLANTS)
def test_what_was_planted_is_found(night: Night, name: str) -> None:
    about = {finding.key for finding in night.planted[name]}
    assert night.planted[name]
    assert set(night.planted[name]) <= night.found, [f for f in sorted(night.found) if f.key in about]


def test_nothing_else_is_found_but_what_belongs_to_it(night: Night) -> None:
    planted = {finding for findings in night.planted.values() for finding in findings}
    own: dict[str, set[str]] = {}
    for finding in planted:
        if finding.blocks and not finding.code.endswith(".orphan"):
            own.setdefault(finding.entity, set()).add(finding.key)
    orphans = {
        Finding(entity, key, f"{entity}.orphan", name, parent)
        for picture in night.pictures
        for entity, key, name, parent in picture.orphans(own)
        # a premise in a circle has its finding; that its parent is in the circle too goes without saying
        if entity != "premise" or key not in own["premise"]
    }
    assert sorted(night.found - planted - orphans) == []
    assert sorted((planted | orphans) - night.found) == []
    assert {finding.entity for finding in orphans} == set(ENTITIES) - {"party"}


@pytest.mark.parametrize("entity", MARTS)
def test_every_row_is_published_or_in_quarantine(night: Night, entity: str) -> None:
    source = set().union(*(picture.keys(entity) for picture in night.pictures))
    kept_back = night.blocked(entity)
    assert kept_back <= source
    assert night.published(entity) == source - kept_back
    assert len(night.published(entity)) > len(kept_back)


def test_every_row_and_dollar_reconciles(night: Night) -> None:
    with published(night.settings) as con:
        found = con.execute(
            "SELECT source_system, entity, measure FROM rpt_billing_reconciliation "
            "WHERE difference_value <> 0 OR source_value <> published_value + quarantined_value"
        ).fetchall()
        waiting = con.execute(
            "SELECT DISTINCT source_system, entity FROM rpt_billing_reconciliation WHERE quarantined_value > 0"
        ).fetchall()
    assert found == []
    assert {(system, entity) for system in ("CCB", "ISU") for entity in ("bill", "payment", "party")} <= set(waiting)


def test_no_file_names_a_row_in_quarantine(night: Night) -> None:
    kept_back = {finding.key for finding in night.found if finding.blocks}
    for name, rows in night.delivered().items():
        cells = {cell for row in rows for cell in row.values()}
        assert not cells & kept_back, name


def test_the_rest_is_delivered(night: Night) -> None:
    """All but what a value map holds back, and an account that nobody knows to be live, with what belongs to it."""
    delivered, held = night.delivered(), night.held()
    for thing in load_profile("salesforce/core_v62").objects:
        filled = "".join(f" AND {name} IS NOT NULL" for name in thing.filled)
        with published(night.settings) as con:
            keys = {k for (k,) in con.execute(f"SELECT {thing.key} FROM {thing.mart} WHERE true{filled}").fetchall()}
        sent = [row[thing.id_header] for row in delivered[thing.name]]
        assert sorted(sent) == sorted(keys - held.get(thing.name, {}).keys()), thing.name
    with published(night.settings) as con:
        unsure = con.execute("SELECT billing_account_key FROM crm_billing_account WHERE account_status IS NULL")
        accounts = {key for (key,) in unsure.fetchall()}
    assert {key for key, why in held["billing_account"].items() if why == "fault"} == accounts
    assert {why for rows in held.values() for why in rows.values()} <= {"fault", "parent", "hold", "only_known"}
    assert {name for name, rows in held.items() if "fault" in rows.values()} == {"billing_account"}


def test_the_manifest_counts_what_waits(night: Night) -> None:
    (manifest,) = night.partner.glob("*manifest*")
    said = json.loads(manifest.read_text("utf-8"))["quarantined"]
    assert said == {entity: len(night.blocked(entity)) for entity in ENTITIES if night.blocked(entity)}
