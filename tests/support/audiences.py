"""A small warehouse written by hand, two audiences, and publishing for them, also in a process that kills itself.

Belongs here: literal tables and declarations. Does not belong here: expectations.
"""

from __future__ import annotations

import os
import signal
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from nightwatt.contracts.audience import Audience
from nightwatt.ledger import Ledger
from nightwatt.settings import Settings
from nightwatt.warehouse import Audiences, MaskKey, PublishedTable, duck_file, meta, publish

NIGHT = date(2026, 3, 9)
KEY = "a key of a test, long enough for anybody"
TABLES = [
    PublishedTable("crm_account", "billing", "marts", ("account_key",), description="One row per account."),
    PublishedTable("crm_party", "billing", "marts", ("party_key",)),
    PublishedTable("crm_payment", "billing", "marts", ("payment_key",), "payment_date"),
]
CLASSES = {
    "crm_account": {"account_key": "identifier", "party_key": "identifier", "is_solar": "none", "balance": "financial"},
    "crm_party": {"party_key": "identifier", "name": "identity", "email": "identity", "street": "location",
                  "has_life_support": "sensitive"},
    "crm_payment": {"payment_key": "identifier", "account_key": "identifier", "payment_date": "none",
                    "amount": "financial"},
    "crm_later": {"later_key": "identifier"},
}  # fmt: skip
ANALYSTS = {
    "audience": "analysts",
    "title": "Analysts",
    "owner": "data@nightwatt.invalid",
    "classes": {"identifier": "hash", "identity": "hash", "location": "drop", "financial": "show"},
    "tables": [{"table": t.name, "all_but": []} for t in TABLES],
}
PARTNER = {
    "audience": "partner",
    "title": "Solar partner",
    "owner": "solar@nightwatt.invalid",
    "classes": {"identifier": "show", "identity": "show", "location": "show"},
    "tables": [
        {"table": "crm_account", "columns": ["account_key", "party_key"], "rows": {"where": "is_solar"}},
        {"table": "crm_party", "all_but": ["email"], "rows": {"table": "crm_account", "through": "party_key"}},
        {
            "table": "crm_payment",
            "columns": ["payment_key", "payment_date"],
            "rows": {"table": "crm_account", "through": "account_key"},
        },
    ],
}


def made_by_hand(settings: Settings, through: int = 7, balance: str = "77712.34") -> None:
    with duck_file.writer(settings, "test") as con:
        meta.prepare(con)
        con.execute("create schema if not exists marts")
        con.execute(
            "create or replace table marts.crm_account as select a as account_key, p as party_key, s as is_solar, "
            f"b::decimal(18,2) as balance from (values ('CCB|ACCT|CANARY', 'CCB|PER|CANARY', true, {balance}), "
            "('CCB|ACCT|GREY', 'CCB|PER|GREY', false, 1), ('CCB|ACCT|NULL', null, null, 2)) t(a, p, s, b)"
        )
        con.execute(
            "create or replace table marts.crm_party as select * from (values "
            "('CCB|PER|CANARY', 'CANARYNAME', 'canary@mail.invalid', '1 CANARYSTREET', true), "
            "('CCB|PER|GREY', 'GREYNAME', null, 'GREYSTREET', false)) "
            "t(party_key, name, email, street, has_life_support)"
        )
        con.execute(
            "create or replace table marts.crm_payment as select p as payment_key, a as account_key, d::date as "
            "payment_date, m::decimal(18,2) as amount from (values "
            "('P|CANARY', 'CCB|ACCT|CANARY', '2026-02-01', 66601.5), "
            "('P|GREY', 'CCB|ACCT|GREY', '2026-03-01', 2)) t(p, a, d, m)"
        )
        at = datetime(2026, 3, 9, 8, tzinfo=UTC)
        meta.record(con, meta.LastBuild("billing", through, None, at, "dbt", f"in{through}", "p", False))


def audiences(*declared: dict[str, Any], key: str = KEY) -> Audiences:
    return Audiences([Audience.model_validate(d) for d in declared], CLASSES, MaskKey(key))


def publish_all(settings: Settings, ledger: Ledger, *declared: dict[str, Any], **more: Any) -> Any:
    return publish("billing", NIGHT, TABLES, settings, ledger, audiences=audiences(*declared), **more)


def victim(home: Path, step: str, nth: int) -> None:
    """Publish in a process of its own that kills itself at a step."""
    steps: list[str] = []

    def at(done: str) -> None:
        steps.append(done)
        if done == step and steps.count(step) == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    settings = Settings(home=home, memory_limit="500MB", threads=2)
    publish_all(settings, Ledger.open(settings.ledger_address), ANALYSTS, PARTNER, at=at)
