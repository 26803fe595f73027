"""Who the customers are: persons and businesses, their names, e-mail addresses and telephone numbers.

Here: which persons a chunk of tenancies brings, what they are called, how they are reached and since when.
Not here: the tables of a billing system (`ccb_customers`), who lives where (`world`).

A person is known three days before the first day of the tenancy; a company or a landlord has always been known.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from nightwatt.simulator import words
from nightwatt.simulator.chance import F64, I64, U64, below, draw, uniform
from nightwatt.simulator.clock import NEVER
from nightwatt.simulator.extract import chosen, old_day, pick
from nightwatt.simulator.utility import Utility
from nightwatt.simulator.world import Flags, Tenancies

KNOWN_BEFORE = 3  # days a move, and with it a person, is known before it happens
EMAIL, HOME_PHONE, CELL_PHONE = 0, 1, 2

_AREAS = ("315", "518", "585", "607", "716", "845", "914")
_EMAILS_SINCE, _EMAIL_LIFE, _NEW_EMAILS = 15340, 3650, 4  # from 2012 on, in days; eight contacts a person at most
_MALFORMED_EMAIL, _MALFORMED_PHONE = 0.015, 0.005  # with faults
_ASCII = str.maketrans({"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "'": "", "-": "", " ": "", ",": "", "&": "", ".": ""})


@dataclass(frozen=True, eq=False)
class Names:
    """What persons are called: a surname and a given name, or a company's name."""

    surname: pl.Series
    given: pl.Series
    company: pl.Series


@dataclass(frozen=True, eq=False)
class People:
    """Distinct persons, in order of the customer with whom they are written."""

    utility: Utility
    number: U64
    is_business: Flags
    known: I64  # local day since which the utility knows them

    def __len__(self) -> int:
        return len(self.number)

    def take(self, which: Flags | I64) -> People:
        return People(self.utility, self.number[which], self.is_business[which], self.known[which])

    def draws(self, purpose: str) -> U64:
        return draw(self.utility.seed, purpose, 0, self.number)

    def chance(self, purpose: str) -> F64:
        return uniform(self.draws(purpose))

    @property
    def has_life_support(self) -> Flags:
        return ~self.is_business & (self.chance("life-support") < 0.004)

    @property
    def speaks_spanish(self) -> Flags:
        return self.chance("language") < 0.06

    @property
    def has_alternate_name(self) -> Flags:
        return self.chance("alias") < 0.03

    def names(self, *, alternate: bool = False) -> Names:
        """Return everybody's name, or the other one that some have."""
        number = self.number * np.uint64(2) + np.uint64(alternate)

        def one_of(texts: tuple[str, ...], purpose: str) -> pl.Series:
            return pick(texts, below(draw(self.utility.seed, purpose, 0, number), len(texts)))

        surname = one_of(words.SURNAMES, "surname")
        company = surname + " " + one_of(words.TRADES, "trade") + " " + one_of(words.FORMS, "form")
        return Names(surname, one_of(words.GIVEN, "given"), company)

    @cached_property
    def contacts(self) -> Contacts:
        return _contacts(self)


def people_of(tenants: Tenancies) -> People:
    """Return everybody who has to do with some tenancies, and the companies and landlords of these customers.

    Each person once, whatever the chunk: a group comes with the first premise it may hold, account or not.
    """
    customers = tenants.customers
    groups = np.nonzero(customers.opens_group)[0]
    alone = np.nonzero(~tenants.is_held_by_group)[0]
    seconds = np.nonzero(has_second_person(tenants))[0]
    group_number = customers.group_person[groups]
    of = np.concatenate([alone, seconds])
    at = np.concatenate([groups, tenants.at[of]])
    number = np.concatenate([group_number, tenants.person[alone], second_person(tenants)[seconds]])
    known = np.concatenate([old_day(draw(customers.utility.seed, "group", 0, group_number)), known_since(tenants)[of]])
    order = np.lexsort((number, np.arange(len(at)) >= len(groups), at))
    return People(customers.utility, number[order], customers.is_business[at[order]], known[order])


def known_since(tenants: Tenancies) -> I64:
    """Return the local day on which each tenancy became known."""
    return tenants.start - KNOWN_BEFORE


def has_second_person(tenants: Tenancies) -> Flags:
    """Say which homes have a second person on the account, who pays nothing."""
    return ~tenants.is_business & (tenants.chance("second-person") < 0.05)


def second_person(tenants: Tenancies) -> U64:
    """Return the number of the second person; without meaning where there is none."""
    return tenants.number * np.uint64(2) + np.uint64(1)


@dataclass(frozen=True, eq=False)
class Contacts:
    """Ways to reach people, flattened, in order of the person."""

    people: People
    of: I64  # row of the person
    number: U64  # person * 8 + which of the person's addresses
    kind: I64  # EMAIL, HOME_PHONE, CELL_PHONE
    is_primary: Flags  # the one to use, of its kind
    since: I64  # local day it became known
    until: I64  # local day it was replaced, NEVER while it stands

    def __len__(self) -> int:
        return len(self.of)

    def take(self, which: I64) -> Contacts:
        return Contacts(
            people=self.people,
            of=self.of[which],
            number=self.number[which],
            kind=self.kind[which],
            is_primary=self.is_primary[which],
            since=self.since[which],
            until=self.until[which],
        )

    @property
    def value(self) -> pl.Series:
        """The addresses and numbers themselves."""
        whose = self.people.take(self.of)
        return chosen(self.kind == EMAIL, _emails(whose, self.number), _phones(whose, self.number))


def _contacts(people: People) -> Contacts:
    """Most have an e-mail address, a new one every ten years, some a second one; and a telephone or two."""
    first = _EMAILS_SINCE + below(people.draws("new-email"), _EMAIL_LIFE)
    days = [first + n * _EMAIL_LIFE for n in range(_NEW_EMAILS)]
    due = [day > people.known + 20 for day in days]
    never, has_email = np.full(len(people), NEVER), people.chance("email") < 0.85
    soonest = np.min([np.where(d, day, NEVER) for d, day in zip(due, days, strict=True)], axis=0)
    slots = [
        (EMAIL, has_email, True, people.known, soonest),
        *((EMAIL, has_email & due[n], True, days[n], [*days, never][n + 1]) for n in range(_NEW_EMAILS)),
        (EMAIL, has_email & (people.chance("other-email") < 0.08), False, people.known, never),
        (HOME_PHONE, people.chance("home-phone") < 0.45, True, people.known, never),
        (CELL_PHONE, ~people.is_business & (people.chance("cell-phone") < 0.9), True, people.known, never),
    ]
    slot, of = np.nonzero(np.stack([has for _, has, _, _, _ in slots]))
    order = np.lexsort((slot, of))
    of, slot = of[order], slot[order]
    return Contacts(
        people=people,
        of=of,
        number=people.number[of] * np.uint64(8) + slot.astype(np.uint64),
        kind=np.array([kind for kind, *_ in slots])[slot],
        is_primary=np.array([primary for _, _, primary, _, _ in slots])[slot],
        since=np.stack([since for *_, since, _ in slots])[slot, of],
        until=np.stack([until for *_, until in slots])[slot, of],
    )


def _emails(whose: People, number: U64) -> pl.Series:
    """Return addresses in domains that belong to nobody; with faults a few that are none."""
    seed, names = whose.utility.seed, whose.names()
    local = _plain(names.given) + "." + _plain(names.surname) + _digits(below(draw(seed, "email", 0, number), 1000))
    domain = pick(("example.com", "example.net", "example.org"), below(draw(seed, "domain", 0, number), 3))
    good = chosen(whose.is_business, "accounts@" + _plain(names.surname) + ".example", local + "@" + domain)
    bad = pick_by_row((local + domain, local + "@@" + domain, local + "@"), below(draw(seed, "bad", 0, number), 3))
    return chosen(_malformed(whose, number, _MALFORMED_EMAIL), bad, good)


def _phones(whose: People, number: U64) -> pl.Series:
    """Return numbers of the range kept for fiction, spelled in several ways; with faults a few too short ones."""
    seed = whose.utility.seed
    area = pick(_AREAS, below(draw(seed, "area", 0, number), len(_AREAS)))
    line = "01" + _digits(below(draw(seed, "line", 0, number), 100), 2)
    patterns = (("(", ") 555-"), ("", "-555-"), ("", "555"), ("+1 ", " 555 "))
    spellings = tuple(before + area + between + line for before, between in patterns)
    good = pick_by_row(spellings, below(draw(seed, "spelling", 0, number), len(spellings)))
    return chosen(_malformed(whose, number, _MALFORMED_PHONE), "555-" + line, good)


def _malformed(whose: People, number: U64, share: float) -> Flags:
    bad: Flags = uniform(draw(whose.utility.seed, "malformed", 0, number)) < (share if whose.utility.faults else 0.0)
    return bad


def pick_by_row(columns: tuple[pl.Series, ...], which: I64) -> pl.Series:
    """Return each row's entry of one of several columns."""
    result = columns[0]
    for n, column in enumerate(columns[1:], start=1):
        result = chosen(which == n, column, result)
    return result


def _plain(names: pl.Series) -> pl.Series:
    """Return names as they are spelled in e-mail addresses: lower case ASCII letters."""
    spelled = {name: _fold(name) for name in names.unique().to_list()}
    return names.replace_strict(spelled, return_dtype=pl.String) if spelled else names


def _fold(name: str) -> str:
    return unicodedata.normalize("NFKD", name.translate(_ASCII)).encode("ascii", "ignore").decode().lower()


def _digits(numbers: I64, width: int = 0) -> pl.Series:
    return pl.Series(numbers).cast(pl.String).str.zfill(width)
