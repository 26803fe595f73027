"""The SAP extracts are what the feeds expect: the same columns, the same keys, and codes the code lists know."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from nightwatt.contracts.catalog import load_catalog
from nightwatt.settings import PROJECT_ROOT
from nightwatt.simulator import Utility
from nightwatt.simulator.isu import KEYS, nights_rows

SEEDS = PROJECT_ROOT / "dbt_project" / "seeds"
BESIDES = {"MANDT"}  # the client, part of every key
CODES = [
    ("but000", "TYPE", "isu_partner_types"),
    ("but000", "BU_LANGU", "isu_languages"),
    ("but000", "ZZLIFESUPP", "isu_life_support_codes"),
    ("adr2", "R3_USER", "isu_phone_kinds"),
    ("fkkvkp", "VKPBZ", "isu_account_partner_roles"),
    ("fkkvkp", "KTOKL", "isu_account_classes"),
    ("fkkvkp", "SENDCONTROL_RH", "isu_send_controls"),
    ("evbs", "VBSART", "isu_premise_types"),
    ("eanl", "SPARTE", "isu_divisions"),
    ("eanl", "ANLART", "isu_installation_types"),
    ("eanlh", "ABLEINH", "isu_reading_units"),
    ("ever", "SPARTE", "isu_divisions"),
    ("eabl", "SCHAEVER", "isu_estimation_codes"),
    ("dberchz1", "BELZART", "isu_billing_line_types"),
    ("dberchz1", "MASSBILL", "isu_billed_units"),
    ("erdz", "SHKZG", "isu_debit_credit_codes"),
    ("dfkkko", "BLART", "isu_document_types"),
    ("dfkkop", "AUGRS", "isu_clearing_restrictions"),
]


@pytest.fixture(scope="module")
def rows() -> dict[str, pl.DataFrame]:
    """A first night of enough customers for every code to occur."""
    chunks = list(nights_rows(Utility(300, seed=5), date(2026, 3, 10), first_night=True))
    return {name: pl.concat([chunk[name] for chunk in chunks]) for name in KEYS}


def test_every_table_has_a_feed_with_its_columns_and_its_key(rows: dict[str, pl.DataFrame]) -> None:
    feeds = {name: f for name, f in load_catalog().feeds.items() if f.system == "isu" and f.format.kind == "delimited"}
    assert set(feeds) == {f"isu_{table}" for table in KEYS}
    for table, key in KEYS.items():
        feed = feeds[f"isu_{table}"]
        assert list(feed.file_columns) == rows[table].columns, table
        names = {c.field: c.name for c in feed.columns}
        assert {names[k] for k in feed.key} - BESIDES == set(key), table


@pytest.mark.parametrize(("table", "column", "seed"), CODES)
def test_the_code_lists_know_the_codes(rows: dict[str, pl.DataFrame], table: str, column: str, seed: str) -> None:
    with Path(SEEDS / f"{seed}.csv").open(encoding="utf-8", newline="") as lines:
        known = {line[0] for line in list(csv.reader(lines))[1:]}
    used = set(rows[table][column].drop_nulls().to_list())
    assert used
    assert used <= known
