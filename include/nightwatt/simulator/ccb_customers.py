"""Customer, premise, meter and agreement tables of the make-believe billing system.

Here: one function per group of tables, chunk of customers in, table frames out. Codes are CHAR, blank padded.
Not here: bills and money (`ccb_money`), files (`ccb`). Not confirmed by a public source: PER_OR_BUS_FLG, LS_SL_FLG,
FIN_RESP_SW, the FAC_LVL columns, MODEL_CD, MTR_CONFIG_TY_CD, PRNT_PREM_ID, EXT_ACCT_ID, most of C1_PER_CONTDET, and
that CI_ACCT holds BILL_RTE_TYPE_CD.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl

from nightwatt.simulator.addresses import addresses_of, building_addresses
from nightwatt.simulator.arrangements import autopay_of, bill_route, leaves_paper
from nightwatt.simulator.bills import CLOSING_DELAY, TIME_OF_USE_AFTER
from nightwatt.simulator.chance import I64, U64, below, draw
from nightwatt.simulator.clock import NEVER, date_of, month_starts
from nightwatt.simulator.extract import (
    CLOSED_FOR,
    Extract,
    chosen,
    dates,
    latest,
    local_times,
    numbered,
    old_day,
    pick,
    same,
)
from nightwatt.simulator.people import (
    KNOWN_BEFORE,
    People,
    has_second_person,
    known_since,
    people_of,
    second_person,
)
from nightwatt.simulator.world import ELECTRIC, GAS, Customers, Flags, Tenancies, meters

Tables = dict[str, pl.DataFrame]

SA_TYPES = ("E-RES   ", "E-COM   ", "G-RES   ", "G-COM   ", "DEP     ")
POINT_TYPES = ("E-RES   ", "E-COM   ", "G-RES   ", "G-COM   ", "E-SOL   ")
CONTACT_ROUTES = ("EMAIL", "HOMEPHONE", "CELLPHONE")  # in the order of EMAIL, HOME_PHONE, CELL_PHONE
BILL_ROUTES = ("POSTAL  ", "EMAIL   ", "SMS     ", "        ")  # in the order of POSTAL, BY_EMAIL, BY_SMS, UNSAID
DIVISION = "NORTH"
_TYPES_CHANGED = datetime(2012, 3, 1, 14, tzinfo=UTC).replace(tzinfo=None)
_DEPOSIT, CANCELLED = 2, 3  # kinds of agreement besides ELECTRIC and GAS


def agreement_types() -> pl.DataFrame:
    """Return CI_SA_TYPE: the small list that says which agreements are energy and which are not."""
    rows = [(code, code[0] + " ", "  ") for code in SA_TYPES[:4]]
    rows += [("DEP     ", "E ", "CD"), ("WRITEOFF", "E ", "WO"), ("PAYARR  ", "E ", "PA")]
    return pl.DataFrame(
        {
            "CIS_DIVISION": [DIVISION] * len(rows),
            "SA_TYPE_CD": [row[0] for row in rows],
            "SVC_TYPE_CD": [row[1] for row in rows],
            "SPECIAL_ROLE_FLG": [row[2] for row in rows],
            "DEBT_CL_CD": ["UTIL"] * len(rows),
            "LAST_UPDATE_DTTM": [_TYPES_CHANGED] * len(rows),
        },
    )


def premises(extract: Extract, customers: Customers) -> Tables:
    """Return CI_PREM and CI_SP, both complete every night, and CI_PREM_GEO."""
    heads = np.nonzero(customers.opens_building)[0]
    at = np.concatenate([np.arange(len(customers)), heads])
    of_customers = np.arange(len(at)) < len(customers)
    order = np.lexsort((of_customers, at))  # a building comes before its first flat
    at, is_building = at[order], ~of_customers[order]
    number = np.where(is_building, customers.building[at], customers.numbers[at])
    places = _places(customers, heads, order)
    return {
        "ci_prem": _premise_rows(extract, customers.take(at), number, is_building, places),
        "ci_prem_geo": _location_rows(extract, number, places),
        "ci_sp": _point_rows(extract, customers),
    }


def _places(customers: Customers, heads: I64, order: I64) -> pl.DataFrame:
    """Return the addresses of premises and buildings, in the order of their rows."""
    frames = [
        pl.DataFrame(
            {
                "ADDRESS1": a.house + " " + a.street,
                "ADDRESS2": a.unit,
                "CITY": a.city,
                "POSTAL": a.postal_code,
                "COUNTY": a.county,
                "town": a.town,
                "coordinates": a.coordinates,
                "is_located": a.is_located,
            }
        )
        for a in (addresses_of(customers), building_addresses(customers.take(heads)))
    ]
    return pl.concat(frames)[order]


def _premise_rows(
    extract: Extract, c: Customers, number: U64, is_building: Flags, places: pl.DataFrame
) -> pl.DataFrame:
    count = len(c)
    kind = np.where(is_building, 2, c.is_business)
    parent = chosen(c.in_building & ~is_building, extract.ids("prem", c.building), same(" " * 10, count))
    return pl.DataFrame(
        {
            "PREM_ID": extract.ids("prem", number),
            **{column: places[column] for column in ("ADDRESS1", "ADDRESS2", "CITY")},
            "STATE": same("NY    ", count),
            "POSTAL": places["POSTAL"],
            "COUNTY": places["COUNTY"],
            "COUNTRY": same("USA", count),
            "PREM_TYPE_CD": pick(("RES     ", "COM     ", "BLDG    "), kind),
            "PRNT_PREM_ID": parent,
            "CIS_DIVISION": same(DIVISION, count),
            "TIME_ZONE_CD": same("EST       ", count),
            "MR_INSTR_CD": pick(("    ", "CALL"), ~is_building & (c.trait("instruction") < 0.03)),
            "MR_WARN_CD": pick(("    ", "DOG "), ~is_building & (c.trait("dog") < 0.02)),
            "TREND_AREA_CD": numbered("T00", 1 + places["town"].to_numpy() % 9) + "     ",
            "LAST_UPDATE_DTTM": extract.stamps(_premise_changed(extract, number), number),
        }
    )


def _premise_changed(extract: Extract, number: U64) -> I64:
    return old_day(draw(extract.utility.seed, "prem-changed", 0, number))


def _location_rows(extract: Extract, number: U64, places: pl.DataFrame) -> pl.DataFrame:
    """Return CI_PREM_GEO: places do not move, so only a complete extract carries them."""
    changed = _premise_changed(extract, number)
    rows = extract.rows(np.where(places["is_located"].to_numpy(), changed, NEVER))
    return pl.DataFrame(
        {
            "PREM_ID": extract.ids("prem", number[rows]),
            "GEO_TYPE_CD": same("LAT/LONG", len(rows)),
            "GEO_VAL": places["coordinates"].gather(rows),
            "LAST_UPDATE_DTTM": extract.stamps(changed[rows], number[rows]),
        }
    )


def _point_rows(extract: Extract, c: Customers) -> pl.DataFrame:
    abolished_gas = ~c.has_gas & (c.trait("abolished") < 0.005)
    has_gas_point = np.nonzero(c.has_gas | abolished_gas)[0]
    at = np.concatenate([np.arange(len(c)), has_gas_point])
    order = np.argsort(at, kind="stable")
    at, is_gas = at[order], order >= len(c)
    number = c.numbers[at] * np.uint64(2) + is_gas.astype(np.uint64)
    gone, cut_off = is_gas & abolished_gas[at], c.is_cut_off(extract.day)[at]
    bits = draw(extract.utility.seed, "point", 0, number)
    installed = month_starts(below(bits, 144) + 216) + below(bits // np.uint64(144), 28)  # 1988 .. 1999
    abolished = np.where(gone, installed + 3000, NEVER)
    move = c.move(date_of(extract.day).year)
    was_cut_off = move.moved & (c.chance("cut-off", date_of(extract.day).year) < 0.3)
    touched = latest(extract.day, *(np.where(was_cut_off, d, NEVER)[at] for d in (move.out, move.into)))
    changed = np.where(touched < NEVER, touched, np.where(gone, abolished, old_day(bits)))
    kind = np.where(~is_gas & c.has_solar[at], 4, np.where(is_gas, 2, 0) + c.is_business[at])
    seat = number.astype(np.int64) // 2
    return pl.DataFrame(
        {
            "SP_ID": extract.ids("sp", number),
            "PREM_ID": extract.ids("prem", c.numbers[at]),
            "SP_TYPE_CD": pick(POINT_TYPES, kind),
            "SP_STATUS_FLG": pick(("R ", "A "), gone),
            "SP_SRC_STATUS_FLG": pick(("C ", "D "), gone | cut_off),
            "INSTALL_DT": dates(installed),
            "ABOLISH_DT": dates(abolished),
            "FAC_LVL_1_CD": numbered("SUB-00", 1 + seat // 20000 % 99),
            "FAC_LVL_2_CD": numbered("FDR-0000", 1 + seat // 1500 % 9999),
            "FAC_LVL_3_CD": numbered("XFM-0000000", 1 + seat // 9),
            "LAST_UPDATE_DTTM": extract.stamps(changed, number),
        }
    )


def meter_tables(extract: Extract, c: Customers) -> Tables:
    """Return CI_MTR, CI_MTR_CONFIG and CI_SP_MTR_HIST: the meters in place and those removed in the last 16 months."""
    gas = np.nonzero(c.has_gas)[0]
    points = np.sort(np.concatenate([c.electric_points, c.gas_points[gas]]))
    known = meters(extract.utility.seed, points, extract.day - CLOSED_FOR, extract.day)
    changed = latest(extract.day, known.installed, known.removed)
    keep = extract.rows(changed)
    fresh = extract.rows(known.installed)
    number = known.number[keep]
    removed = np.where(known.removed <= extract.day, known.removed, NEVER)[keep]
    return {
        "ci_mtr": _meter_rows(extract, number, known.installed[keep], removed, changed[keep]),
        "ci_mtr_config": pl.DataFrame(
            {
                "MTR_CONFIG_ID": extract.ids("meter-config", known.number[fresh]),
                "MTR_ID": extract.ids("meter", known.number[fresh]),
                "EFF_DTTM": local_times(known.installed[fresh], known.installed_hour[fresh]),
                "MTR_CONFIG_TY_CD": pick(("EINT    ", "GINT    "), _is_gas_meter(known.number[fresh])),
                "LAST_UPDATE_DTTM": extract.stamps(known.installed[fresh], known.number[fresh]),
            }
        ),
        "ci_sp_mtr_hist": pl.DataFrame(
            {
                "SP_MTR_HIST_ID": extract.ids("meter-history", number),
                "SP_ID": extract.ids("sp", number // np.uint64(64)),
                "MTR_CONFIG_ID": extract.ids("meter-config", number),
                "REMOVAL_DTTM": local_times(removed, known.removed_hour[keep]),
                "LAST_UPDATE_DTTM": extract.stamps(changed[keep], number),
            }
        ),
    }


def _is_gas_meter(number: U64) -> Flags:
    is_gas: Flags = (number // np.uint64(64)) % np.uint64(2) == 1
    return is_gas


def _meter_rows(extract: Extract, number: U64, installed: I64, removed: I64, changed: I64) -> pl.DataFrame:
    is_gas = _is_gas_meter(number)
    make = below(draw(extract.utility.seed, "make", 0, number), 3)
    badge = below(draw(extract.utility.seed, "badge", 0, number), 10**8)  # badges are not unique, as in life
    return pl.DataFrame(
        {
            "MTR_ID": extract.ids("meter", number),
            "BADGE_NBR": pick(("E", "G"), is_gas) + pl.Series(badge).cast(pl.String).str.zfill(8),
            "SERIAL_NBR": extract.ids("serial", number, 12),
            "MTR_TYPE_CD": pick(("EAMI15  ", "GAMI60  "), is_gas),
            "MFG_CD": pick(("AMPR    ", "VOLT    ", "OHMX    "), make),
            "MODEL_CD": pick(("A1      ", "V20     ", "X3      "), make),
            "RECEIVE_DT": dates(installed - 30),
            "RETIRE_DT": dates(removed),
            "LAST_UPDATE_DTTM": extract.stamps(changed, number),
        }
    )


def people(extract: Extract, tenants: Tenancies) -> Tables:
    """Return CI_PER, CI_PER_NAME, C1_PER_CONTDET, CI_ACCT, CI_ACCT_PER and CI_ACCT_APAY."""
    everyone = people_of(tenants)
    known = everyone.take(extract.rows(everyone.known))
    return {
        "ci_per": _person_rows(extract, known),
        "ci_per_name": _name_rows(extract, known),
        "c1_per_contdet": _contact_rows(extract, everyone),
        "ci_acct": _account_rows(extract, tenants),
        "ci_acct_per": _role_rows(extract, tenants),
        "ci_acct_apay": _autopay_rows(extract, tenants),
    }


def _person_rows(extract: Extract, known: People) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "PER_ID": extract.ids("per", known.number),
            "PER_OR_BUS_FLG": pick(("P ", "B "), known.is_business),
            "LANGUAGE_CD": pick(("ENG", "SPA"), known.speaks_spanish),
            "LS_SL_FLG": pick(("    ", "LS  "), known.has_life_support),
            "LAST_UPDATE_DTTM": extract.stamps(known.known, known.number),
        }
    )


def _name_rows(extract: Extract, known: People) -> pl.DataFrame:
    """Return names; one person in 33 also has an alternate one."""
    names = (known.names(), known.names(alternate=True))
    both = [chosen(known.is_business, n.company, n.surname + "," + n.given) for n in names]
    of = np.concatenate([np.arange(len(known)), np.nonzero(known.has_alternate_name)[0]])
    order = np.argsort(of, kind="stable")
    of, is_alternate = of[order], order >= len(known)
    number = known.number[of] * np.uint64(2) + is_alternate.astype(np.uint64)
    return pl.DataFrame(
        {
            "PER_ID": extract.ids("per", known.number[of]),
            "SEQ_NUM": pl.Series(1 + is_alternate.astype(np.int64)),
            "ENTITY_NAME": chosen(is_alternate, both[1].gather(of), both[0].gather(of)),
            "NAME_TYPE_FLG": pick(("PRIM", "ALT "), is_alternate),
            "LAST_UPDATE_DTTM": extract.stamps(known.known[of], number),
        }
    )


def _contact_rows(extract: Extract, everyone: People) -> pl.DataFrame:
    """Return contact details; a replaced one stays, no longer active."""
    known = everyone.contacts
    changed = np.where(known.since <= extract.day, latest(extract.day, known.since, known.until), NEVER)
    rows = extract.rows(changed)
    contacts, changed = known.take(rows), changed[rows]
    return pl.DataFrame(
        {
            "C1_CONTACT_ID": extract.ids("contact", contacts.number, 12),
            "PER_ID": extract.ids("per", everyone.number[contacts.of]),
            "COMM_RTE_TYPE_CD": pick(CONTACT_ROUTES, contacts.kind),
            "CONTACT_VALUE": contacts.value,
            "CND_PRIMARY_FLG": pick(("C1NO", "C1YS"), contacts.is_primary),
            "CND_ACTINACT_FLG": pick(("C1AC", "C1IN"), contacts.until <= extract.day),
            "LAST_UPDATE_DTTM": extract.stamps(changed, contacts.number),
        }
    )


def _role_rows(extract: Extract, tenants: Tenancies) -> pl.DataFrame:
    """Return who has to do with an account: its main customer and, in some homes, a second person."""
    known = tenants.take(extract.rows(known_since(tenants)))
    of = np.concatenate([np.arange(len(known)), np.nonzero(has_second_person(known))[0]])
    order = np.argsort(of, kind="stable")
    of, second = of[order], order >= len(known)
    person = np.where(second, second_person(known)[of], known.person[of])
    return pl.DataFrame(
        {
            "ACCT_ID": extract.ids("acct", known.number[of]),
            "PER_ID": extract.ids("per", person),
            "MAIN_CUST_SW": pick(("Y", "N"), second),
            "FIN_RESP_SW": pick(("Y", "N"), second),
            "ACCT_REL_TYPE_CD": pick(("MAIN    ", "COTENANT"), second),
            "LAST_UPDATE_DTTM": extract.stamps(known_since(known)[of], known.number[of] * np.uint64(2) + second),
        }
    )


def _account_rows(extract: Extract, tenants: Tenancies) -> pl.DataFrame:
    changed = latest(extract.day, known_since(tenants), leaves_paper(tenants))
    rows = extract.rows(changed)
    known, changed = tenants.take(rows), changed[rows]
    c, count = known.customers, len(known)
    alerts = "ALERT-CANARY-" + pl.Series(known.number).cast(pl.String)
    return pl.DataFrame(
        {
            "ACCT_ID": extract.ids("acct", known.number),
            "CUST_CL_CD": pick(("RES     ", "COM     "), known.is_business),
            "BILL_CYC_CD": pick([f"{n:02d}  " for n in range(21)], c.bill_cycle[known.at]),
            "SETUP_DT": dates(known_since(known)),
            "CURRENCY_CD": same("USD", count),
            "CIS_DIVISION": same(DIVISION, count),
            "MAILING_PREM_ID": extract.ids("prem", c.numbers[known.at]),
            "COLL_CL_CD": same("STD     ", count),
            "ALERT_INFO": chosen(known.chance("alert") < 0.25, alerts, pl.Series([None], dtype=pl.String)),
            "BILL_RTE_TYPE_CD": pick(BILL_ROUTES, bill_route(known, extract.day)),
            "LAST_UPDATE_DTTM": extract.stamps(changed, known.number),
        }
    )


def _autopay_rows(extract: Extract, tenants: Tenancies) -> pl.DataFrame:
    pays = autopay_of(tenants)
    changed = np.where(pays.start <= extract.day, latest(extract.day, pays.start, pays.end), NEVER)
    rows = extract.rows(changed)
    known = tenants.take(rows)
    return pl.DataFrame(
        {
            "ACCT_APAY_ID": extract.ids("apay", known.number),
            "ACCT_ID": extract.ids("acct", known.number),
            "EXT_ACCT_ID": "BANK-CANARY-" + pl.Series(known.number).cast(pl.String),
            "START_DT": dates(pays.start[rows]),
            "END_DT": dates(np.where(pays.end <= extract.day, pays.end, NEVER)[rows]),
            "LAST_UPDATE_DTTM": extract.stamps(changed[rows], known.number),
        }
    )


def agreements(extract: Extract, tenants: Tenancies) -> Tables:
    """Return CI_SA, CI_SA_SP and CI_SA_RS_HIST."""
    kinds = (
        (ELECTRIC, np.ones(len(tenants), dtype=np.bool_)),
        (GAS, tenants.has_gas),
        (_DEPOSIT, tenants.chance("deposit") < 0.03),
        (CANCELLED, tenants.is_cancelled_once),
    )
    of = np.concatenate([np.nonzero(has)[0] for _, has in kinds])
    kind = np.repeat(np.arange(len(kinds)), [np.count_nonzero(has) for _, has in kinds])
    order = np.lexsort((kind, of))
    held, kind = tenants.take(of[order]), kind[order]
    number = held.number * np.uint64(4) + kind.astype(np.uint64)
    return {
        "ci_sa": _agreement_rows(extract, held, kind, number),
        "ci_sa_sp": _agreement_points(extract, held, kind, number),
        "ci_sa_rs_hist": _agreement_rates(extract, held, kind, number),
    }


def _agreement_rows(extract: Extract, held: Tenancies, kind: I64, number: U64) -> pl.DataFrame:
    """Pending start, active or reactivated, pending stop, stopped, closed with the final bill; or cancelled.

    The evening batch starts what begins on the next day, and stops what had its last day.
    """
    known, cancelled = held.start - KNOWN_BEFORE, kind == CANCELLED
    leaving = np.where(cancelled, NEVER, held.end)
    live = np.where(held.chance("reactivated") < 0.01, "50", "20")
    status = np.full(len(held), "10")
    steps = (
        (held.start - 1, np.where(cancelled, "70", live)),
        (leaving - KNOWN_BEFORE, "30"),
        (leaving - 1, "40"),
        (leaving + CLOSING_DELAY, "60"),
    )
    for day, code in steps:
        status = np.where(day <= extract.day, code, status)
    changed = latest(extract.day, known, *(day for day, _ in steps))
    taken_back = np.where(cancelled & (held.start - 1 <= extract.day), held.start, NEVER)
    end = np.where(leaving - KNOWN_BEFORE <= extract.day, leaving, taken_back)
    rows = extract.rows(changed)
    base = np.where(kind == _DEPOSIT, 4, np.where(kind == GAS, 2, 0) + held.is_business)
    return pl.DataFrame(
        {
            "SA_ID": extract.ids("sa", number[rows]),
            "ACCT_ID": extract.ids("acct", held.number[rows]),
            "SA_TYPE_CD": pick(SA_TYPES, np.where(kind == _DEPOSIT, 4, base)[rows]),
            "CIS_DIVISION": same(DIVISION, len(rows)),
            "SA_STATUS_FLG": pl.Series(status[rows].astype(str).tolist(), dtype=pl.String),
            "START_DT": dates(held.start[rows]),
            "END_DT": dates(end[rows]),
            "CHAR_PREM_ID": extract.ids("prem", held.customers.numbers[held.at[rows]]),
            "STRT_RSN_FLG": same("MVIN", len(rows)),
            "STOP_RSN_FLG": pick(("    ", "MVOT"), (end < NEVER)[rows]),
            "LAST_UPDATE_DTTM": extract.stamps(changed[rows], number[rows]),
        }
    )


def _agreement_points(extract: Extract, held: Tenancies, kind: I64, number: U64) -> pl.DataFrame:
    known = np.where(kind <= GAS, held.start - KNOWN_BEFORE, NEVER)
    told = held.end - KNOWN_BEFORE
    changed = np.where(known <= extract.day, latest(extract.day, known, told), NEVER)
    rows = extract.rows(changed)
    point = held.customers.numbers[held.at[rows]] * np.uint64(2) + kind[rows].astype(np.uint64)
    stop = np.where(told <= extract.day, held.end, NEVER)[rows]
    midnight_hour = np.zeros(len(rows), dtype=np.int64)
    return pl.DataFrame(
        {
            "SA_SP_ID": extract.ids("sa-sp", number[rows]),
            "SA_ID": extract.ids("sa", number[rows]),
            "SP_ID": extract.ids("sp", point),
            "START_DTTM": local_times(held.start[rows], midnight_hour),
            "STOP_DTTM": local_times(stop, midnight_hour),
            "USAGE_FLG": same("+ ", len(rows)),
            "USE_PCT": pl.Series(np.full(len(rows), 100)),
            "LAST_UPDATE_DTTM": extract.stamps(changed[rows], number[rows]),
        }
    )


def _agreement_rates(extract: Extract, held: Tenancies, kind: I64, number: U64) -> pl.DataFrame:
    """Return rates in force; a time-of-use rate follows the standard one three months into a tenancy."""
    later = np.nonzero(held.has_time_of_use_rate & (kind == ELECTRIC) & (held.end > held.start + TIME_OF_USE_AFTER))[0]
    of = np.concatenate([np.nonzero(kind <= GAS)[0], later])
    is_later = np.arange(len(of)) >= len(of) - len(later)
    order = np.lexsort((is_later, of))
    of, is_later = of[order], is_later[order]
    effective = held.start[of] + np.where(is_later, TIME_OF_USE_AFTER, 0)
    changed = np.where(is_later, effective, effective - KNOWN_BEFORE)
    rows = extract.rows(changed)
    rate = np.where(kind[of] == GAS, 3 + held.is_business[of], np.where(held.is_business[of], 2, is_later * 1))
    codes = ("E-RES-1 ", "E-RES-TU", "E-COM-1 ", "G-RES-1 ", "G-COM-1 ")
    return pl.DataFrame(
        {
            "SA_ID": extract.ids("sa", number[of][rows]),
            "EFFDT": dates(effective[rows]),
            "RS_CD": pick(codes, rate[rows]),
            "LAST_UPDATE_DTTM": extract.stamps(changed[rows], number[of][rows]),
        }
    )
