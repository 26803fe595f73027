"""Any nights of change, refusals and lost answers, then calm: the CRM ends as a full export would have left it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support import crm
from tests.support.crm import Crm, Home, Marts

from nightwatt.delivery.salesforce.profile import load_profile

OBJECTS = ["party", "account_party", "service_agreement", "agreement_item"]
CALM_NIGHTS = 3
"""Enough for a role nobody answered for to be tried both ways, and its children after it."""

PEOPLE = range(1, 4)


@dataclass(frozen=True)
class Person:
    """What can change of a customer from night to night."""

    name: str
    phone: str | None
    balance: int
    is_main: bool
    status: str
    end: bool


PERSONS = st.builds(
    Person,
    name=st.sampled_from(["Ann", "Ben", 'A "q", b']),
    phone=st.sampled_from([None, "+12035550100", "+12035550101"]),
    balance=st.integers(0, 2),
    is_main=st.booleans(),
    status=st.sampled_from(["active", "suspended", "ended", "pending", "cancelled"]),
    end=st.booleans(),
)


@dataclass(frozen=True)
class Night:
    """A state of the marts, and what goes wrong with its delivery."""

    people: tuple[Person | None, ...]
    refused: frozenset[int]  # every so many rows, told by the key's hash
    lost: frozenset[str]  # objects whose answers do not come


NIGHTS = st.builds(
    Night,
    people=st.tuples(*(st.none() | PERSONS for _ in PEOPLE)),
    refused=st.frozensets(st.integers(0, 6), max_size=2),
    lost=st.frozensets(
        st.sampled_from(["Account", "AccountBillingAccount", "EnergyServiceAgreement", "EnergyServiceAgreementItem"])
    ),
)


def marts_of(people: tuple[Person | None, ...], known: set[int]) -> Marts:
    """Return the marts; who was there once stays, as in a source that deletes nobody."""
    marts: Marts = {}
    for number, person in zip(PEOPLE, people, strict=True):
        if person is None and number not in known:
            continue
        known.add(number)
        p = person or Person("Gone", None, 0, True, "ended", True)
        rows = {
            "crm_party": crm.party(number, party_name=p.name, phone=p.phone),
            "crm_account_role": crm.role(number, is_main=p.is_main, end_date=crm.BUSINESS_DATE if p.end else None),
            "crm_service_agreement": crm.agreement(number, agreement_status=p.status),
            "crm_agreement_item": crm.item(number, usage_quantity_12m=Decimal(p.balance) if p.end else None),
        }
        for mart, row in rows.items():
            marts.setdefault(mart, []).append(row)
    return marts


def run(home: Home, nights: list[Night]) -> Marts:
    """Live through the nights and the calm after them; return the last marts."""
    known: set[int] = set()
    marts: Marts = {}
    for day, night in enumerate(nights, 1):
        marts = marts_of(night.people, known)
        home.load(
            home.deliver(marts, day),
            refuse=lambda name, key, n=night: (sum(map(ord, name + key)) % 7) in n.refused,
            lost=lambda name, n=night: name.split("_")[3] in n.lost,
        )
        home.take()
    for day in range(len(nights) + 1, len(nights) + 1 + CALM_NIGHTS):
        home.load(home.deliver(marts, day))
        home.take()
    return marts


def receiver_of_the_rest(*, names_existing: bool = True) -> Crm:
    """Return a CRM that has what this delivery does not bring."""
    receiver = Crm(load_profile("salesforce/core_v62"), names_existing=names_existing)
    receiver.of("product")[crm.product()["product_key"]] = {}
    receiver.records["billing_account"] = {crm.account(n)["billing_account_key"]: {} for n in PEOPLE}
    return receiver


def content(receiver: Crm) -> dict[str, dict[str, dict[str, str]]]:
    """Return the CRM's records without what only rides along."""
    riding = {c.header for o in receiver.profile.objects for c in o.columns if c.rides_along}
    return {
        name: {key: {h: v for h, v in record.items() if h not in riding} for key, record in records.items()}
        for name, records in receiver.records.items()
        if name in OBJECTS
    }


def of_a_full_export(marts: Marts) -> dict[str, dict[str, dict[str, str]]]:
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder), crm.contract(objects=OBJECTS), receiver_of_the_rest())
        home.load(home.deliver(marts, 1))
        home.close()
    return content(home.crm)


def without_ended_early(found: dict[str, dict[str, dict[str, str]]], marts: Marts) -> dict[str, dict[str, object]]:
    """Leave out agreements that a full export would not create, with their items: pending and cancelled ones."""
    unborn = {
        row["service_agreement_key"]
        for row in marts.get("crm_service_agreement", ())
        if row["agreement_status"] in {"pending", "cancelled"}
    }
    items = {k.replace("|SA|", "|SASP|") for k in unborn}
    return {name: {k: r for k, r in records.items() if k not in unborn | items} for name, records in found.items()}


@pytest.mark.long
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(names_existing=st.booleans(), nights=st.lists(NIGHTS, min_size=1, max_size=3))
def test_deltas_add_up_to_the_full_export_whatever_went_wrong(names_existing: bool, nights: list[Night]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        receiver = receiver_of_the_rest(names_existing=names_existing)
        home = Home(Path(folder), crm.contract(objects=OBJECTS), receiver)
        try:
            marts = run(home, nights)
            last = home.deliver(marts, 20)
        finally:
            home.close()
        left = home.files(last)

    found = without_ended_early(content(home.crm), marts)
    wanted = without_ended_early(of_a_full_export(marts), marts)
    assert {n: r for n, r in found.items() if r} == {n: r for n, r in wanted.items() if r}
    assert left == []
