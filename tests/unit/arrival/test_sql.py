"""Which rows are asked of a database, in which words, and from which moment on."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pyarrow.parquet as pq
import pytest
import yaml
from pydantic import SecretStr
from sqlalchemy import Column, MetaData, Table, types
from sqlalchemy.dialects import oracle, postgresql
from sqlalchemy.exc import OperationalError
from tests.support.arrival import NIGHT, Home
from tests.support.contracts import PULLED

from nightwatt.arrival.extract import Extracted, extract
from nightwatt.arrival.sql import SqlRows, earliest_wall_time, meaning
from nightwatt.arrival.sql_statement import Found, statement
from nightwatt.arrival.transport import SourceAway
from nightwatt.connections.sql import SqlSettings, sql_settings
from nightwatt.contracts.feed import Feed
from nightwatt.contracts.sources import SqlSource
from nightwatt.errors import TerminalError

NEW_YORK = ZoneInfo("America/New_York")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("mark", "minutes", "since"),
    [
        ("2026-03-09 02:00:00", 60, "2026-03-09 01:00:00"),
        ("2026-03-08 03:30:00", 60, "2026-03-08 01:30:00"),  # spring: 02:30 was never shown
        ("2026-11-01 01:59:59", 0, "2026-11-01 00:59:59"),  # autumn: 01:00 is shown once more after it
        ("2026-11-01 01:10:00", 30, "2026-11-01 00:40:00"),
        ("2026-11-01 01:50:00", 20, "2026-11-01 00:30:00"),  # more than need be, never less
        ("2026-11-01 03:00:00", 60, "2026-11-01 02:00:00"),
        ("2026-11-01 02:10:00", 60, "2026-11-01 01:10:00"),
    ],
)
def test_looking_back_counts_real_time(mark: str, minutes: int, since: str) -> None:
    assert earliest_wall_time(at(mark), NEW_YORK, timedelta(minutes=minutes)) == at(since)


def test_no_wall_time_after_a_mark_lies_before_the_bound() -> None:
    """Every minute of the two change nights, against every later minute: brute force."""
    for noon in (datetime(2026, 3, 7, 17, tzinfo=UTC), datetime(2026, 10, 31, 17, tzinfo=UTC)):
        walls = [(noon + timedelta(minutes=m)).astimezone(NEW_YORK).replace(tzinfo=None) for m in range(24 * 60)]
        least, earliest_after = walls[-1], [walls[-1]] * len(walls)
        for n in reversed(range(len(walls))):
            least = earliest_after[n] = min(least, walls[n])
        for n in range(60, len(walls)):
            bound = earliest_wall_time(walls[n], NEW_YORK, timedelta(minutes=60))
            assert bound <= earliest_after[n - 60]


def found(dialect: str) -> Found:
    kinds: dict[str, Any] = {
        "oracle": [oracle.NUMBER(10), oracle.VARCHAR2(30), oracle.DATE(), oracle.TIMESTAMP(), oracle.RAW(16),
                   oracle.TIMESTAMP(timezone=True), oracle.FLOAT(), types.INTEGER(), oracle.BINARY_DOUBLE(),
                   oracle.CLOB(), oracle.TIMESTAMP(local_timezone=True)],
        "postgresql": [types.Numeric(10), types.String(30), types.Boolean(), types.DateTime(), types.LargeBinary(),
                       types.DateTime(timezone=True), types.Float(), types.INTEGER(), types.Double(), types.Text(),
                       types.DateTime(timezone=True)],
    }  # fmt: skip
    names = ["BAL", "ACCT_ID", "SETUP_DT", "SEEN_DTTM", "TOKEN", "SENT_AT", "F", "N", "D", "C", "LAST_UPD_DTTM"]
    made = Table("ci_acct", MetaData(), *map(Column, [n.lower() for n in names], kinds[dialect]), schema="cisadm")
    return Found(made, {n: made.c[n.lower()] for n in names}, made.c.last_upd_dttm, (made.c.acct_id,))


ORACLE = """
select to_char(cisadm.ci_acct.bal, 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''') AS "BAL",
cisadm.ci_acct.acct_id AS "ACCT_ID",
to_char(cisadm.ci_acct.setup_dt, 'YYYY-MM-DD HH24:MI:SS') AS "SETUP_DT",
to_char(cisadm.ci_acct.seen_dttm, 'YYYY-MM-DD HH24:MI:SS.FF6') AS "SEEN_DTTM",
cisadm.ci_acct.token AS "TOKEN",
to_char(sys_extract_utc(cisadm.ci_acct.sent_at), 'YYYY-MM-DD HH24:MI:SS.FF6') AS "SENT_AT",
to_char(cisadm.ci_acct.f, 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''') AS "F",
to_char(cisadm.ci_acct.n, 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''') AS "N",
cisadm.ci_acct.d AS "D",
cisadm.ci_acct.c AS "C",
to_char(sys_extract_utc(cisadm.ci_acct.last_upd_dttm), 'YYYY-MM-DD HH24:MI:SS.FF6') AS "LAST_UPD_DTTM"
from cisadm.ci_acct
where cisadm.ci_acct.last_upd_dttm >= from_tz(:since, 'UTC') OR cisadm.ci_acct.last_upd_dttm IS NULL
ORDER BY cisadm.ci_acct.last_upd_dttm, cisadm.ci_acct.acct_id
"""
POSTGRES = """
select cisadm.ci_acct.bal AS "BAL",
cisadm.ci_acct.acct_id AS "ACCT_ID",
CAST(cisadm.ci_acct.setup_dt AS TEXT) AS "SETUP_DT",
cisadm.ci_acct.seen_dttm AS "SEEN_DTTM",
encode(cisadm.ci_acct.token, 'hex') AS "TOKEN",
timezone('UTC', cisadm.ci_acct.sent_at) AS "SENT_AT",
cisadm.ci_acct.f AS "F", cisadm.ci_acct.n AS "N", cisadm.ci_acct.d AS "D", cisadm.ci_acct.c AS "C",
timezone('UTC', cisadm.ci_acct.last_upd_dttm) AS "LAST_UPD_DTTM"
from cisadm.ci_acct
where cisadm.ci_acct.last_upd_dttm >= %(since)s::TIMESTAMP WITH TIME ZONE OR cisadm.ci_acct.last_upd_dttm IS NULL
ORDER BY cisadm.ci_acct.last_upd_dttm, cisadm.ci_acct.acct_id
"""


@pytest.mark.parametrize(
    ("name", "dialect", "words"),
    [("oracle", oracle.oracledb.dialect(), ORACLE), ("postgresql", postgresql.psycopg.dialect(), POSTGRES)],
)
def test_each_database_writes_its_values_itself_whatever_its_session_is_set_to(
    name: str, dialect: Any, words: str
) -> None:
    compiled = statement(found(name), name, at("2026-03-09 01:00:00")).compile(dialect=dialect)

    assert " ".join(str(compiled).split()).lower() == " ".join(words.split()).lower()
    zone = UTC if name == "postgresql" else None  # Oracle's driver binds no zones
    assert compiled.params == {"since": at("2026-03-09 01:00:00").replace(tzinfo=zone)}


def test_without_a_mark_a_whole_table_is_neither_filtered_nor_sorted() -> None:
    words = str(statement(found("oracle"), "oracle", None).compile(dialect=oracle.oracledb.dialect()))
    assert "WHERE" not in words
    assert "ORDER BY" not in words


def test_a_column_that_is_never_null_is_not_asked_whether_it_is() -> None:
    made = Table("t", MetaData(), Column("a", types.DateTime(), nullable=False))
    words = str(statement(Found(made, {"a": made.c.a}, made.c.a, ()), "oracle", at("2026-03-09")))
    assert "IS NULL" not in words


@pytest.fixture
def pulled(tmp_path: Path) -> tuple[sqlite3.Connection, SqlSettings]:
    """An empty table of accounts in a database of SQLite, which gives its values through the general way."""
    path = tmp_path / "source.db"
    accounts = sqlite3.connect(path)
    accounts.execute("create table ci_acct (acct_id text, last_upd_dttm timestamp, bal numeric, more text)")
    return accounts, SqlSettings(url=f"sqlite:///{path}")


def contract(**changes: Any) -> Feed:
    return Feed.model_validate(yaml.safe_load(PULLED) | changes)


def make_feed(**source: Any) -> Feed:
    arrival = contract().arrival.model_dump(mode="json")
    arrival["source"] |= {"table": "CI_ACCT"} | source
    return contract(arrival=arrival)


def pull(home: Home, feed: Feed, settings: SqlSettings) -> Extracted:
    assert isinstance(feed.arrival.source, SqlSource)
    rows = SqlRows(feed, feed.arrival.source, settings, home.ledger.clock)
    return extract(feed, NIGHT, rows, home.settings, home.ledger)


def insert(accounts: sqlite3.Connection, *rows: tuple[str, str | None]) -> None:
    accounts.executemany("insert into ci_acct (acct_id, last_upd_dttm) values (?, ?)", rows)
    accounts.commit()


def ids(home: Home, done: Extracted) -> list[str]:
    assert done.file_name is not None
    path = home.settings.inbound / "ccb" / "pulled" / done.file_name
    return list(map(str, pq.read_table(path)["ACCT_ID"].to_pylist()))


def test_what_changed_since_the_mark_comes_and_the_look_back_with_it(
    home: Home, pulled: tuple[sqlite3.Connection, SqlSettings]
) -> None:
    accounts, settings = pulled
    insert(accounts, ("1", "2026-03-09 01:00:00.000000"), ("2", "2026-03-09 03:00:00.000000"))
    first = pull(home, make_feed(), settings)
    insert(accounts, ("0", "2026-03-09 01:30:00.000000"), ("3", "2026-03-09 03:10:00.000000"), ("9", None))
    second = pull(home, make_feed(), settings)

    assert (first.since, first.mark, ids(home, first)) == (None, "2026-03-09 03:00:00.000000", ["1", "2"])
    assert second.since == "2026-03-09 01:30:00"
    assert second.mark == "2026-03-09 03:10:00.000000"
    assert sorted(ids(home, second)) == ["0", "2", "3", "9"]


def test_a_stamp_in_the_future_does_not_move_the_mark_past_the_present(
    home: Home, pulled: tuple[sqlite3.Connection, SqlSettings]
) -> None:
    accounts, settings = pulled  # it is 03:30 in New York
    insert(accounts, ("1", "2026-03-09 03:00:00.000000"), ("2", "2099-12-31 00:00:00.000000"))
    pull(home, make_feed(), settings)
    insert(accounts, ("3", "2026-03-09 03:20:00.000000"))
    done = pull(home, make_feed(look_back_min=0), settings)

    assert (done.mark, ids(home, done)) == ("2026-03-09 03:20:00.000000", ["1", "3", "2"])


def test_without_a_change_time_every_pull_takes_all_rows(
    home: Home, pulled: tuple[sqlite3.Connection, SqlSettings]
) -> None:
    accounts, settings = pulled
    insert(accounts, ("1", None), ("2", None))
    arrival = make_feed().arrival.model_dump(mode="json")
    feed = contract(arrival=arrival | {"source": arrival["source"] | {"changed_at": None}}, mode="full")
    pull(home, feed, settings)
    accounts.execute("delete from ci_acct where acct_id = '1'")
    accounts.commit()
    done = pull(home, feed, settings)

    assert (done.since, done.mark, ids(home, done)) == (None, None, ["2"])


@pytest.mark.parametrize(
    ("source", "columns", "code"),
    [
        ({"table": "ci_nowhere"}, {}, "extract.table_missing"),
        ({}, {"ACCT_ID": "ACCOUNT"}, "extract.column_missing"),
        ({"changed_at": "BAL"}, {"LAST_UPD_DTTM": "BAL"}, "extract.no_change_time"),
    ],
)
def test_what_a_source_does_not_have_is_named(
    home: Home,
    pulled: tuple[sqlite3.Connection, SqlSettings],
    source: dict[str, Any],
    columns: dict[str, str],
    code: str,
) -> None:
    made = make_feed().model_dump(mode="json")
    made["arrival"]["source"] |= source
    made["columns"] = [c | {"name": columns.get(c["name"], c["name"])} for c in made["columns"]]
    with pytest.raises(TerminalError) as told:
        pull(home, Feed.model_validate(made), pulled[1])
    assert told.value.code == code


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "URL (not set)"),
        ({"URL": "no address"}, "URL (Value error, is no SQLAlchemy address"),
        ({"URL": "mysql://a@b/c"}, "names no database we have a driver for"),
        ({"URL": "postgresql+psycopg://a:canary@b/c"}, "has a password in it"),
        ({"URL": "sqlite:///x", "PASSWORD": "canary", "PASSWORD_FILE": "/etc/hostname"}, "both set"),
        ({"URL": "sqlite:///x", "PASSWORD_FILE": "/no/canary"}, "PASSWORD_FILE names no file"),
    ],
)
def test_a_connection_that_is_not_set_up_says_how_and_never_what(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"NIGHTWATT_SQL_CCB_{name}", value)
    with pytest.raises(TerminalError, match=r"source\.connection_settings") as told:
        sql_settings("ccb", code="source.connection_settings")

    assert words in str(told.value)
    assert "canary" not in str(told.value)


def test_a_password_comes_out_of_its_file_and_into_no_message(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("s3:@/cret\n")
    settings = SqlSettings(url="oracle+oracledb://reader@ccb.invalid:1521/?service_name=CCB", password_file=file)

    assert settings.address().password == "s3:@/cret"
    assert "cret" not in f"{settings!r} {settings.where}"
    assert settings.where == "ccb.invalid:1521/"


def test_oracles_own_driver_is_asked_and_its_silence_understood(home: Home) -> None:
    """The driver is real, the database is a port nobody listens on."""
    settings = SqlSettings(
        url="oracle+oracledb://reader@127.0.0.1:1/?service_name=CCB", password=SecretStr("canary"), timeout_seconds=1
    )
    with pytest.raises(SourceAway, match=r"source\.unreachable.*127\.0\.0\.1:1.*DPY-6005") as told:
        pull(home, make_feed(), settings)
    assert "canary" not in str(told.value)


class OracleError(Exception):
    """The shape of what python-oracledb raises: its first argument carries the code."""

    def __init__(self, full_code: str) -> None:
        super().__init__(type("_Error", (), {"full_code": full_code})())


@pytest.mark.parametrize(
    ("cause", "code"),
    [
        (OracleError("ORA-01017"), "source.login"),
        (OracleError("ORA-28000"), "source.login"),
        (OracleError("ORA-00942"), "source.permission"),
        (OracleError("ORA-01555"), "source.unreachable"),
        (OracleError("DPY-6005"), "source.unreachable"),
        (psycopg.OperationalError('FATAL: password authentication failed for user "canary"'), "source.login"),
        (psycopg.OperationalError("connection refused by canary"), "source.unreachable"),
        (psycopg.errors.InsufficientPrivilege("canary"), "source.permission"),
        (psycopg.errors.AdminShutdown("canary"), "source.unreachable"),
        (psycopg.errors.SerializationFailure("canary"), "source.unreachable"),
    ],
)
def test_errors_of_a_database_are_told_apart_by_their_codes_without_their_words(cause: Exception, code: str) -> None:
    source = make_feed().arrival.source
    assert isinstance(source, SqlSource)
    told = meaning(OperationalError("select canary", {}, cause), source, "host/ccb")

    assert told.code == code
    assert "canary" not in str(told)
