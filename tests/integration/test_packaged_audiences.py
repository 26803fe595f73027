"""The packaged audiences, on a night of the make-believe utility into whose extracts canaries were planted.

Every canary is a value somebody may see and somebody may not: each is looked for in the full publication first, then in
every byte and every unpacked value of the files of those who may not, in the log and in the ledger.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest
from structlog.testing import capture_logs

from nightwatt import stages
from nightwatt.contracts.catalog import load_catalog
from nightwatt.settings import Settings
from nightwatt.simulator import Utility, write_night
from nightwatt.stages import Platform
from nightwatt.warehouse import published

pytestmark = pytest.mark.long

NIGHT = date(2026, 3, 9)
AT = datetime(2026, 3, 9, 8, tzinfo=UTC)
AUDIENCES = ("analysts", "customer_service", "field", "solar_partner")
NAME, MAIL, STREET, AMOUNT = "Canaryname", "canary.mail@example.org", "4711 Canarystreet", "77712.34"


@dataclass(frozen=True)
class Night:
    """A published night: the home and everything that was said on the way."""

    settings: Settings
    told: str
    person: str  # whose name and e-mail are canaries

    def everything(self, folder: Path) -> str:
        """Return every byte of a folder as text, and every value of its Parquet, which is packed."""
        texts = [p.read_bytes().decode("latin-1") for p in folder.rglob("*") if p.is_file()]
        for path in folder.rglob("*.parquet"):
            texts.append(repr(duckdb.read_parquet(str(path), hive_partitioning=False).fetchall()))
        return "\n".join(texts)

    def of(self, audience: str) -> str:
        return self.everything(self.settings.audiences / audience)

    def ids(self, query: str) -> list[str]:
        """Return ids from the full publication."""
        with published(self.settings) as con:
            return [str(r[0]) for r in con.execute(query).fetchall()]


def rewrite(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    path.write_bytes(gzip.compress(("\n".join(change(lines)) + "\n").encode(), mtime=0))


def plant(folder: Path) -> str:
    """Put canaries into the extracts: a person's name and e-mail, every address, a payment; return the person."""
    people = gzip.decompress((folder / "ccb_ci_per_name_20260309.csv.gz").read_bytes()).decode().splitlines()
    person = people[1].split(",")[0]

    def name(lines: list[str]) -> list[str]:
        return [f'{person},1,"{NAME},Zed",' + x.rsplit('",', 1)[1] if x.startswith(person) else x for x in lines]

    def mail(lines: list[str]) -> list[str]:
        fields = [x.split(",") for x in lines]
        return [",".join([*f[:3], MAIL, *f[4:]]) if person in f and "EMAIL" in f else ",".join(f) for f in fields]

    def street(lines: list[str]) -> list[str]:
        first = lines[1].split(",")
        return [lines[0], ",".join([first[0], STREET, *first[2:]]), *lines[2:]]

    def amount(lines: list[str]) -> list[str]:
        place = next(n for n, x in enumerate(lines) if x.split(",")[2:3] > ["2025-06"] and ",50  ," in x)
        fields = lines[place].split(",")
        return [*lines[:place], ",".join([*fields[:3], AMOUNT, *fields[4:]]), *lines[place + 1 :]]

    rewrite(folder / "ccb_ci_per_name_20260309.csv.gz", name)
    rewrite(folder / "ccb_c1_per_contdet_20260309.csv.gz", mail)
    rewrite(folder / "ccb_ci_prem_20260309.csv.gz", street)
    rewrite(folder / "ccb_ci_pay_20260309.csv.gz", amount)
    return person


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    settings = Settings(home=tmp_path_factory.mktemp("audiences") / "home", systems=("ccb",), threads=2)
    write_night(Utility(customers=24, faults=False), NIGHT, settings.inbound, first_night=True, systems=("ccb",))
    person = plant(settings.inbound / "ccb")
    with capture_logs() as logs, Platform.open("test", settings, clock=lambda: AT) as platform:
        for feed in platform.catalog.feeds:
            stages.arrive(platform, feed)
            stages.load(platform, feed, NIGHT)
        stages.build(platform, "billing", NIGHT)
        stages.publish(platform, "billing", NIGHT)
    ledger = b"".join(p.read_bytes() for p in settings.root.glob("ledger/*")).decode("latin-1")
    yield Night(settings, json.dumps(logs, default=str) + ledger, person)


def test_the_packaged_audiences_are_the_four() -> None:
    assert tuple(sorted(load_catalog().audiences)) == AUDIENCES


@pytest.mark.parametrize(
    ("canary", "may_see"),
    [
        (NAME, {"customer_service", "field"}),
        (MAIL, {"customer_service"}),
        (STREET, {"customer_service", "field"}),
        (AMOUNT, {"analysts"}),
    ],
)
def test_a_canary_is_seen_by_those_who_may_and_by_nobody_else(night: Night, canary: str, may_see: set[str]) -> None:
    assert canary in night.everything(night.settings.published), "the canary was never there"
    assert canary not in night.told
    solar = night.ids(f"select 1 from crm_billing_account where is_renewables and party_key like '%{night.person}'")
    assert not solar, "the person of the canaries has solar; the solar partner may see it"
    assert {a for a in AUDIENCES if canary in night.of(a)} == may_see


def test_customer_service_sees_bills_and_no_other_money(night: Night) -> None:
    with published(night.settings, "customer_service") as con:
        money = con.execute(
            "select table_name || '.' || column_name from information_schema.columns "
            "where column_name like '%_usd' order by 1"
        ).fetchall()
        assert money == [
            ("crm_bill.amount_due_usd",),
            ("crm_bill.current_charges_usd",),
            ("crm_bill_service.amount_usd",),
        ]
        assert con.execute("select count(*) > 100 from crm_bill where current_charges_usd > 0").fetchone() == (True,)


def test_field_has_no_trace_of_billing(night: Night) -> None:
    theirs = night.of("field")
    for table in ("crm_billing_account", "crm_bill", "crm_bill_service", "crm_payment", "crm_service_agreement"):
        ids = night.ids(f"select native_id from {table}")
        assert ids
        assert not [i for i in ids if i in theirs], table
    with published(night.settings, "field") as con:
        places = "select count(*) > 20 from crm_device join crm_service_point using (service_point_key)"
        assert con.execute(places).fetchone() == (True,)


def test_the_solar_partner_sees_solar_accounts_and_what_hangs_on_them(night: Night) -> None:
    theirs = night.of("solar_partner")
    solar = night.ids("select native_id from crm_billing_account where is_renewables")
    others = night.ids("select native_id from crm_billing_account where not is_renewables")
    assert solar
    assert len(others) > len(solar)
    assert all(account in theirs for account in solar)
    assert not [account for account in others if account in theirs]
    strangers = night.ids(
        "select native_id from crm_party where native_id is not null and party_key not in (select role.party_key "
        "from crm_account_role as role join crm_billing_account using (billing_account_key) where is_renewables)"
    )
    assert strangers
    assert not [party for party in strangers if party in theirs]
    with published(night.settings, "solar_partner") as con:
        alone = con.execute(
            "select count(*) from crm_service_point as point anti join crm_premise as place using (premise_key)"
        ).fetchone()
        assert alone == (0,)
        assert con.execute("select count(*) > 0 from crm_device").fetchone() == (True,)


def test_analysts_join_what_is_masked_and_find_nobody(night: Night) -> None:
    theirs = night.of("analysts")
    for query in (
        "select native_id from crm_party where native_id is not null",
        "select party_name from crm_party",
        "select email from crm_party where email is not null",
        "select distinct street from crm_premise",
        "select native_id from crm_billing_account",
        "select serial_number from crm_device",
    ):
        values = night.ids(query)
        assert values
        assert not [v for v in values if v in theirs], query
    join = (
        "select count(*), sum(current_charges_usd) from crm_bill join crm_billing_account using (billing_account_key) "
        "join crm_party using (party_key)"
    )
    with published(night.settings) as full, published(night.settings, "analysts") as masked:
        assert full.execute(join).fetchone() == masked.execute(join).fetchone()
