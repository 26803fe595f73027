"""Contracts in SAP form.

Here: EVER as it stands at the end of a local day. There is no status: the dates say it. EINZDAT is the first day,
AUSZDAT the last one, both included; a move-in that was taken back keeps EINZDAT and has AUSZDAT 00000000. The beginning
of the contract (VBEGINN) may lie before the move-in.
Not here: accounts (`isu_partners`), installations and their rate (`isu_points`). Deposits are no contracts in SAP.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from nightwatt.simulator.bills import CLOSING_DELAY
from nightwatt.simulator.ccb_customers import CANCELLED
from nightwatt.simulator.chance import I64
from nightwatt.simulator.clock import NEVER
from nightwatt.simulator.extract import Extract, latest, pick, same
from nightwatt.simulator.isu_partners import Tables, is_opened_twice, mistaken_number, vkont
from nightwatt.simulator.isu_points import DIVISIONS
from nightwatt.simulator.isu_rows import NO_DATE, dats, flag, table
from nightwatt.simulator.people import KNOWN_BEFORE, known_since
from nightwatt.simulator.world import ELECTRIC, GAS, Tenancies

KEYS = {"ever": ("VERTRAG",)}
_MISTAKEN = 4  # besides the kinds of agreement


def contract_tables(extract: Extract, tenants: Tenancies) -> Tables:
    """Return the contracts of a chunk of tenancies: electricity, gas, taken back, and opened by mistake."""
    known = tenants.take(known_since(tenants) <= extract.day)
    kinds = (
        (ELECTRIC, np.ones(len(known), dtype=np.bool_)),
        (GAS, known.has_gas),
        (CANCELLED, known.is_cancelled_once),
        (_MISTAKEN, is_opened_twice(known)),
    )
    of = np.concatenate([np.nonzero(has)[0] for _, has in kinds])
    kind = np.repeat(np.arange(len(kinds)), [np.count_nonzero(has) for _, has in kinds])
    kind = np.array([k for k, _ in kinds])[kind]
    return {"ever": _contract_rows(extract, known.take(of), kind)}


def _contract_rows(extract: Extract, held: Tenancies, kind: I64) -> pl.DataFrame:
    mistaken, taken_back = kind == _MISTAKEN, kind == CANCELLED
    is_void = taken_back | mistaken
    known = known_since(held)
    told = np.where(is_void, NEVER, held.end - KNOWN_BEFORE)
    reversed_on = np.where(taken_back, held.start - 1, NEVER)
    closed = np.where(is_void, NEVER, held.end + CLOSING_DELAY)
    changed = latest(extract.day, known, told, reversed_on, closed)
    last_day = np.where(told <= extract.day, held.end - 1, NEVER)
    gone = reversed_on <= extract.day
    early = held.chance("contract-before-move") < 0.1
    account = np.where(mistaken, mistaken_number(held.number), held.number)
    number = held.number * np.uint64(4) + np.where(mistaken, ELECTRIC, kind).astype(np.uint64)
    number = np.where(mistaken, mistaken_number(number), number)
    contract = extract.ids("sa", number)
    legacy = pl.Series(held.chance("legacy") < 0.3)
    point = held.customers.numbers[held.at] * np.uint64(2) + (kind == GAS).astype(np.uint64)
    moved_out = pl.select(
        pl.when(pl.lit(pl.Series(gone))).then(pl.lit(NO_DATE)).otherwise(pl.lit(dats(last_day)))
    ).to_series()
    return table(
        extract,
        held.customers.numbers[held.at],
        changed,
        number,
        {
            "VERTRAG": contract,
            "ANLAGE": extract.ids("sp", point),
            "VKONTO": vkont(extract, account),
            "SPARTE": pick(DIVISIONS, kind == GAS),
            "BUKRS": same("1000", len(held)),
            "VBEGINN": dats(held.start - np.where(early, 20, 0)),
            "VENDE": dats(np.where(closed <= extract.day, held.end - 1, NEVER)),
            "EINZDAT": dats(held.start),
            "AUSZDAT": moved_out,
            "BSTATUS": same("0", len(held)),
            "VREFER": _legacy_numbers(contract, legacy),
            "LOEVM": flag(mistaken),
            "ERDAT": dats(known),
            "AEDAT": dats(np.where(changed > known, changed, NEVER), never=NO_DATE),
        },
    )


def _legacy_numbers(contract: pl.Series, has: pl.Series) -> pl.Series:
    return pl.select(pl.when(pl.lit(has)).then(pl.lit("L-" + contract.str.slice(2)))).to_series()
