"""Business partners and contract accounts in SAP form.

Here: BUT000, BUT020 with ADRC, ADR2 and ADR6, FKKVK, FKKVKP as they stand at the end of a local day.
Not here: who the people are (`people`), addresses of connection objects (`isu_points`), contracts (`isu_contracts`).
Not confirmed by a public source: BU_LANGU, ZZLIFESUPP (a field of the customer's own), SENDCONTROL_RH.

A partner's standard address (XDFADR) is the premise of its first account now supplied, else of its first account. Who
holds none, as the second person in a home, has the entry for telephone and e-mail, its postal part empty. Some have a
second, older address, which is not the standard.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from nightwatt.simulator.addresses import Addresses, addresses_of
from nightwatt.simulator.arrangements import autopay_of, bill_route, leaves_paper
from nightwatt.simulator.chance import I64, U64, below, draw, uniform
from nightwatt.simulator.clock import NEVER, month_starts
from nightwatt.simulator.extract import CLOSED_FOR, Extract, chosen, latest, pick, same
from nightwatt.simulator.isu_rows import NO_DATE, blank, counted, dats, flag, padded, table
from nightwatt.simulator.people import (
    CELL_PHONE,
    EMAIL,
    People,
    has_second_person,
    known_since,
    people_of,
    second_person,
)
from nightwatt.simulator.world import Customers, Flags, Tenancies, tenancies

Tables = dict[str, pl.DataFrame]

KEYS = {
    "but000": ("PARTNER",),
    "but020": ("PARTNER", "ADDRNUMBER"),
    "adrc": ("ADDRNUMBER", "DATE_FROM"),
    "adr2": ("ADDRNUMBER", "CONSNUMBER"),
    "adr6": ("ADDRNUMBER", "CONSNUMBER"),
    "fkkvk": ("VKONT",),
    "fkkvkp": ("VKONT", "GPART"),
}
BILL_ROUTES = ("POST", "MAIL", "SMS", None)  # SENDCONTROL_RH in the order of POSTAL, BY_EMAIL, BY_SMS, UNSAID
HOLDER, CO_HOLDER = "01", "02"  # FKKVKP.VKPBZ
MISTAKEN_SHARE = 0.01  # accounts opened twice by mistake and marked for deletion (LOEVM), with their contract
ADDRESS_FROM = "00010101"  # ADRC.DATE_FROM as SAP fills it where nobody says otherwise

# One numbering for all addresses: the partners' by person, their second ones, houses, buildings.
_SECOND_ADDRESSES = np.uint64(6 * 10**9)
_HOUSES, _BUILDINGS, _FIRST_BUILDING = np.uint64(8 * 10**9), np.uint64(4 * 10**9), np.uint64(5 * 10**9)
_MISTAKEN = np.uint64(5 * 10**9)  # above all account numbers


def partner_tables(extract: Extract, tenants: Tenancies) -> Tables:
    """Return the tables of partners and accounts for a chunk of tenancies."""
    everyone = people_of(tenants)
    people = everyone.take(everyone.known <= extract.day)
    homes = _homes(extract, tenants, people)
    return {
        "but000": _partner_rows(extract, people, homes),
        "but020": _address_links(extract, people, homes),
        "adrc": _partner_addresses(extract, people, homes),
        **_communication(extract, people, homes),
        **_accounts(extract, tenants),
    }


def vkont(extract: Extract, number: U64) -> pl.Series:
    """Return contract accounts at their full twelve digits."""
    return padded(extract.ids("acct", number), 12)


def is_opened_twice(tenants: Tenancies) -> Flags:
    """Say for which tenancies a second account was opened by mistake and marked for deletion."""
    mistaken: Flags = tenants.chance("opened-twice") < MISTAKEN_SHARE
    return mistaken


def mistaken_number(number: U64) -> U64:
    """Return the number of the account, or contract, opened by mistake beside a right one."""
    return number + _MISTAKEN


def house_address_ids(extract: Extract, building: U64) -> pl.Series:
    """Return ADDRNUMBER of connection objects."""
    return extract.ids("adr", building + np.where(building >= _FIRST_BUILDING, _BUILDINGS, _HOUSES))


@dataclass(frozen=True, eq=False)
class _Homes:
    """Where each partner's post goes, in order of the partners."""

    at: U64  # customer number with whom the partner is written
    premise: U64  # customer number of the premise; without meaning if there is none
    has_post: Flags
    changed: I64


def _homes(extract: Extract, tenants: Tenancies, people: People) -> _Homes:
    """Find each partner's first account, those now supplied before the others, then by number."""
    held = pl.concat([_holdings(extract, tenants), _group_holdings(extract, tenants.customers)])
    first = (
        held.filter("is_there")
        .sort(pl.col("is_supplied").not_(), "account")
        .unique("person", keep="first", maintain_order=True)
        .select("person", "premise", has_post=pl.lit(value=True))
    )
    touched = held.group_by("person").agg(pl.col("changed").max())
    rows = (
        pl.DataFrame({"person": people.number, "known": people.known})
        .join(first, on="person", how="left", maintain_order="left")
        .join(touched, on="person", how="left", maintain_order="left")
        .with_columns(pl.col("premise").fill_null(0), pl.col("has_post").fill_null(value=False))
        .with_columns(changed=pl.max_horizontal("known", "changed"))
    )
    return _Homes(
        _written_with(tenants, people),
        rows["premise"].to_numpy(),
        rows["has_post"].to_numpy(),
        rows["changed"].to_numpy(),
    )


def _written_with(tenants: Tenancies, people: People) -> U64:
    """Return the customer number each person is written with: the tenancy's, or the first a group may hold."""
    customers = tenants.customers
    groups = np.nonzero(customers.opens_group)[0]
    first = dict(zip(customers.group_person[groups].tolist(), customers.numbers[groups].tolist(), strict=True))
    own = people.number // np.uint64(128)  # two persons a tenancy, 64 tenancies a customer
    pairs = zip(people.number.tolist(), own.tolist(), strict=True)
    return np.array([first.get(person, customer) for person, customer in pairs], dtype=np.uint64)


def _holdings(extract: Extract, tenants: Tenancies) -> pl.DataFrame:
    """Return holder, account and premise of the tenancies of this chunk that no group holds."""
    alone = tenants.take(~tenants.is_held_by_group)
    return _held(extract, alone)


def _group_holdings(extract: Extract, customers: Customers) -> pl.DataFrame:
    """Return the same of the groups written with this chunk, whose accounts lie in the whole block, and ever since."""
    opening = customers.take(np.nonzero(customers.opens_group)[0])
    tenants = tenancies(opening.group_neighbours(), 0, extract.day)
    ours = tenants.is_held_by_group & np.isin(tenants.person, opening.group_person)
    return _held(extract, tenants.take(ours))


def _held(extract: Extract, tenants: Tenancies) -> pl.DataFrame:
    """Return accounts known by now; one long closed is not there any more, as in the extracts of accounts."""
    known, today = known_since(tenants), extract.day
    begins, stops, forgotten = tenants.start - 1, tenants.end - 1, tenants.end + CLOSED_FOR
    frame = pl.DataFrame(
        {
            "person": tenants.person,
            "account": extract.ids("acct", tenants.number),
            "premise": tenants.customers.numbers[tenants.at],
            "is_there": forgotten > today,
            "is_supplied": (begins <= today) & (today < stops),
            "changed": latest(today, known, begins, stops, forgotten),
        }
    )
    return frame.filter(pl.Series(known <= today))


def _partner_rows(extract: Extract, people: People, homes: _Homes) -> pl.DataFrame:
    names, business = people.names(), people.is_business
    nothing = blank(len(people))
    trade, form = _in_two(names.company)
    born = month_starts(below(people.draws("born-month"), 720) - 216) + below(people.draws("born-day"), 28)
    return table(
        extract,
        homes.at,
        people.known,
        people.number,
        {
            "PARTNER": extract.ids("per", people.number),
            "TYPE": pick(("1", "2"), business),
            "NAME_FIRST": chosen(business, nothing, names.given),
            "NAME_LAST": chosen(business, nothing, names.surname),
            "NAME_ORG1": chosen(business, trade, nothing),
            "NAME_ORG2": chosen(business, form, nothing),
            "NAME_ORG3": nothing,
            "NAME_ORG4": nothing,
            "BU_LANGU": pick(("E", "S"), people.speaks_spanish),
            "BIRTHDT": dats(np.where(business, NEVER, born), never=NO_DATE),
            "XDELE": nothing,
            "XBLCK": nothing,
            "ZZLIFESUPP": flag(people.has_life_support),
        },
    )


def _in_two(company: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Split company names over two columns of 40 characters: the legal form goes to the second."""
    parts = company.str.extract_groups(r"^(.*) (LLC|Inc\.|& Sons|Co-op|Partners, LLP)$").struct.unnest()
    return parts["1"], parts["2"]


def _address_ids(extract: Extract, people: People) -> pl.Series:
    return extract.ids("adr", people.number)


def _seconds(people: People) -> I64:
    """Return the rows of partners with a second address."""
    return np.nonzero((people.number < _FIRST_BUILDING) & (people.chance("second-address") < 0.06))[0]


def _address_links(extract: Extract, people: People, homes: _Homes) -> pl.DataFrame:
    seconds = _seconds(people)
    of = np.concatenate([np.arange(len(people)), seconds])
    is_second = np.arange(len(of)) >= len(people)
    ids = pl.concat([_address_ids(extract, people), _second_ids(extract, people.take(seconds))])
    return table(
        extract,
        homes.at[of],
        people.known[of],
        people.number[of] * np.uint64(2) + is_second,
        {"PARTNER": extract.ids("per", people.number[of]), "ADDRNUMBER": ids, "XDFADR": flag(~is_second)},
    )


def _second_ids(extract: Extract, people: People) -> pl.Series:
    return extract.ids("adr", people.number + _SECOND_ADDRESSES)


def _partner_addresses(extract: Extract, people: People, homes: _Homes) -> pl.DataFrame:
    utility, seconds = people.utility, _seconds(people)
    elsewhere = people.take(seconds)
    somewhere = (draw(utility.seed, "second-address-at", 0, elsewhere.number) % np.uint64(utility.customers)).astype(
        np.uint64
    )
    standard = _postal(
        extract,
        homes.at,
        homes.changed,
        _address_ids(extract, people),
        addresses_of(Customers(utility, homes.premise)),
        is_empty=~homes.has_post,
    )
    second = _postal(
        extract,
        homes.at[seconds],
        elsewhere.known,
        _second_ids(extract, elsewhere),
        addresses_of(Customers(utility, somewhere)),
    )
    return pl.concat([standard, second])


def _postal(
    extract: Extract, at: U64, changed: I64, ids: pl.Series, places: Addresses, *, is_empty: Flags | None = None
) -> pl.DataFrame:
    empty = np.zeros(len(at), dtype=np.bool_) if is_empty is None else is_empty
    return table(
        extract,
        at,
        changed,
        ids.cast(pl.UInt64).to_numpy(),
        {
            "ADDRNUMBER": ids,
            "DATE_FROM": same(ADDRESS_FROM, len(at)),
            **{name: chosen(empty, blank(1), column) for name, column in postal_columns(places).items()},
        },
    )


def postal_columns(places: Addresses) -> dict[str, pl.Series]:
    """Return an address as ADRC has it: house number apart from the street, the flat as its supplement."""
    count = len(places.house)
    return {
        "STREET": places.street,
        "HOUSE_NUM1": places.house,
        "HOUSE_NUM2": places.unit,
        "CITY1": places.city,
        "POST_CODE1": places.postal_code,
        "REGION": same("NY", count),
        "COUNTRY": same("US", count),
    }


def _communication(extract: Extract, people: People, homes: _Homes) -> Tables:
    """Return ADR2 and ADR6: what a partner can be reached by now; a replaced entry is deleted."""
    contacts = people.contacts
    now = np.nonzero((contacts.since <= extract.day) & (extract.day < contacts.until))[0]
    kind, of, number = contacts.kind[now], contacts.of[now], contacts.number[now]
    value, primary, since = contacts.value.gather(now), flag(contacts.is_primary[now]), contacts.since[now]
    owner, places = _address_ids(extract, people), counted((number % np.uint64(8)).astype(np.int64) + 1, 3)
    has_extension = people.is_business[of] & (uniform(draw(people.utility.seed, "extension", 0, number)) < 0.3)
    extension = chosen(has_extension, counted(below(number, 90) + 10, 2), blank(1))
    phones, emails = np.nonzero(kind != EMAIL)[0], np.nonzero(kind == EMAIL)[0]

    def rows(which: I64, columns: dict[str, pl.Series]) -> pl.DataFrame:
        head = {"ADDRNUMBER": owner.gather(of[which]), "CONSNUMBER": places.gather(which)}
        tail = {"FLGDEFAULT": primary.gather(which)}
        return table(extract, homes.at[of[which]], since[which], number[which], {**head, **columns, **tail})

    phone_columns = {
        "TEL_NUMBER": value.gather(phones),
        "TEL_EXTENS": extension.gather(phones),
        "R3_USER": pick(("1", "3"), kind[phones] == CELL_PHONE),
    }
    return {"adr2": rows(phones, phone_columns), "adr6": rows(emails, {"SMTP_ADDR": value.gather(emails)})}


def _accounts(extract: Extract, tenants: Tenancies) -> Tables:
    known = tenants.take(known_since(tenants) <= extract.day)
    twice = np.nonzero(is_opened_twice(known))[0]
    second = np.nonzero(has_second_person(known))[0]
    count = len(known)
    of = np.concatenate([np.arange(count), twice])
    mistaken = np.arange(len(of)) >= count
    number = np.where(mistaken, mistaken_number(known.number[of]), known.number[of])
    at, since = known.customers.numbers[known.at], known_since(known)
    headers = table(
        extract,
        at[of],
        since[of],
        number,
        {
            "VKONT": vkont(extract, number),
            "VKTYP": same("01", len(of)),
            "VKBEZ": pick((None, "SITE"), known.is_held_by_group[of]),
            "LOEVM": flag(mistaken),
            "ERDAT": dats(since[of]),
        },
    )
    of = np.concatenate([of, second])
    mistaken = np.concatenate([mistaken, np.zeros(len(second), dtype=np.bool_)])
    co_holder = np.arange(len(of)) >= count + len(twice)
    number = np.concatenate([number, known.number[second]])
    pays = autopay_of(known)
    person = np.where(co_holder, second_person(known)[of], known.person[of])
    changed = np.where(
        co_holder | mistaken,
        since[of],
        latest(extract.day, since, leaves_paper(known), pays.start, pays.end)[of],
    )
    by_itself = (pays.start <= extract.day) & (extract.day < pays.end)
    routes = pick(BILL_ROUTES, bill_route(known, extract.day)).gather(of)
    partners = table(
        extract,
        at[of],
        changed,
        number * np.uint64(2) + co_holder,
        {
            "VKONT": vkont(extract, number),
            "GPART": extract.ids("per", person),
            "VKPBZ": pick((HOLDER, CO_HOLDER), co_holder),
            "KTOKL": pick(("RES", "COM"), known.is_business[of]),
            "LOEVM": flag(mistaken),
            "EZAWE": pick((None, "D"), by_itself[of] & ~co_holder & ~mistaken),
            "SENDCONTROL_RH": chosen(co_holder, blank(1), routes),
            "WAERS": same("USD", len(of)),
        },
    )
    return {"fkkvk": headers, "fkkvkp": partners}
