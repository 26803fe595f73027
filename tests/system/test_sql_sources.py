"""Rows pulled out of a real PostgreSQL while others write to it: none is lost, and none is changed on the way."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import make_url
from tests.support.postgres import Server, running_server

from nightwatt import stages
from nightwatt.arrival.extract import Extracted, Pull, extract
from nightwatt.arrival.sql import SqlRows
from nightwatt.arrival.transport import PlaceRefused, SourceAway, SourceRefused
from nightwatt.connections.sql import SqlSettings
from nightwatt.contracts.feed import Feed
from nightwatt.contracts.sources import SqlSource
from nightwatt.errors import NightWattError
from nightwatt.ledger import Ledger
from nightwatt.settings import Settings
from nightwatt.stages import Platform

pytestmark = pytest.mark.system

NIGHT = date(2026, 3, 9)
START = datetime(2026, 3, 9, 5, 0, tzinfo=UTC)
COLUMNS = [
    {"name": "ACCT_ID", "field": "acct_id"},
    {"name": "NOTE", "field": "note"},
    {"name": "UPD", "field": "updated_at", "type": "timestamp"},
]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as running:
        yield running


@dataclass
class Source:
    """A database somebody else writes to, and a home that pulls rows out of it."""

    address: str
    root: Path
    now: datetime = START
    settings: Settings = field(init=False)
    ledger: Ledger = field(init=False)
    read: list[Extracted] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.settings = Settings(home=self.root, zone="America/New_York")
        self.ledger = Ledger.open(self.settings.ledger_address, lambda: self.now)

    def connect(self) -> psycopg.Connection[Any]:
        url = make_url(self.address)
        return psycopg.connect(host=url.host, port=url.port, user=url.username, dbname=url.database)

    def do(self, *statements: str) -> None:
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def rows(self, feed: Feed) -> SqlRows:
        assert isinstance(feed.arrival.source, SqlSource)
        return SqlRows(feed, feed.arrival.source, SqlSettings(url=self.address), lambda: self.now)

    def pull(self, feed: Feed, rows: SqlRows | None = None) -> pa.Table:
        done = extract(feed, NIGHT, rows or self.rows(feed), self.settings, self.ledger)
        self.read.append(done)
        if done.file_name is None:
            return pa.table({n: pa.array([], pa.string()) for n in feed.file_columns})
        return pq.read_table(self.settings.inbound / "ccb" / done.file_name)

    def state_after(self, feed: Feed) -> dict[str, str]:
        """Return what somebody knows who has read every file in turn: the newest version of each row."""
        known: dict[str, tuple[str, str]] = {}
        for done in self.read:
            if done.file_name is None:
                continue
            for row in pq.read_table(self.settings.inbound / "ccb" / done.file_name).to_pylist():
                key, version = row["ACCT_ID"], (row["UPD"], row["NOTE"])
                known[key] = max(known.get(key, version), version)
        return {key: note for key, (_, note) in known.items()}


@pytest.fixture
def source(server: Server, tmp_path: Path) -> Iterator[Source]:
    made = Source(server.new_database(), tmp_path / "home")
    yield made
    made.ledger.close()


def make_feed(columns: list[dict[str, Any]] | None = None, key: str = "acct_id", **source: Any) -> Feed:
    kind = {"kind": "sql", "connection": "ccb", "table": "CI_ACCT", "changed_at": "UPD"} | source
    return Feed.model_validate(
        {
            "feed": "acct",
            "title": "Accounts",
            "system": "ccb",
            "owner": "desk@nightwatt.invalid",
            "domain": "billing",
            "entity": "table",
            "arrival": {
                "source": kind,
                "folder": "ccb",
                "pattern": "acct_{business_date:%Y%m%d}_{part}.parquet",
                "wholeness": {"rule": "manifest", "pattern": "acct_{business_date:%Y%m%d}_{part}.json"},
            },
            "format": {"kind": "parquet"},
            "columns": columns or COLUMNS,
            "key": [key],
            "mode": "delta" if kind["changed_at"] else "full",
            "deadlines": {"expected_by": "03:00", "late_at": "04:00", "deadline": "06:00"},
        }
    )


ACCOUNTS = "create table ci_acct (acct_id text primary key, note text, upd timestamptz not null)"


def stamp(minutes: float) -> str:
    return f"timestamptz '{START.isoformat()}' + interval '{minutes} minutes'"


def test_a_row_changed_while_rows_are_read_is_not_lost(source: Source) -> None:
    """The writer strikes in the middle of the reading: it changes a row not read yet and one already read."""
    source.do(
        ACCOUNTS,
        f"insert into ci_acct select n::text, repeat('x', 2000), {stamp(-60)} from generate_series(1, 20000) n",
    )
    struck: list[int] = []

    @dataclass(frozen=True)
    class Interrupted(SqlRows):
        def read(self, since: str | None) -> Any:
            return Struck(super().read(since), self._change)

        def _change(self) -> None:
            source.do(f"update ci_acct set note = 'changed', upd = {stamp(-1)} where acct_id in ('1', '20000')")
            struck.append(1)

    feed = make_feed()
    calm = source.rows(feed)
    first = source.pull(feed, Interrupted(calm.feed, calm.source, calm.settings, calm.clock))
    assert struck == [1]
    assert set(first["NOTE"].to_pylist()) == {"x" * 2000}  # one moment's view, whatever went on
    source.pull(feed)

    known = source.state_after(feed)
    assert (len(known), known["1"], known["20000"]) == (20_000, "changed", "changed")


def test_what_is_committed_after_a_later_stamped_change_is_not_lost(source: Source) -> None:
    source.do(ACCOUNTS)
    feed = make_feed(look_back_min=30)
    slow = source.connect()
    slow.execute(f"insert into ci_acct values ('slow', 'first', {stamp(1)})".encode())
    for minute in range(2, 20, 3):
        source.now = START + timedelta(minutes=minute)
        source.do(f"insert into ci_acct values ('q{minute}', 'quick', {stamp(minute)})")
        source.pull(feed)
    assert "slow" not in source.state_after(feed)
    slow.commit()  # stamped at minute 1, seen from minute 20 on
    slow.close()
    source.now = START + timedelta(minutes=20)
    source.pull(feed)

    assert source.read[-1].since == "2026-03-09 04:47:00"
    assert source.state_after(feed) == {"slow": "first"} | {f"q{m}": "quick" for m in range(2, 20, 3)}


def test_many_writers_and_pulls_at_once_end_with_every_change_known(source: Source) -> None:
    """Transactions stamp at one time and commit at another, in any order, while pull follows pull."""
    source.do(ACCOUNTS, "insert into ci_acct select n::text, '0', clock_timestamp() from generate_series(1, 200) n")
    source.now, feed = datetime.now(UTC) + timedelta(minutes=1), make_feed(look_back_min=1)
    ended = threading.Event()

    def write(seed: int) -> None:
        chance = random.Random(seed)
        with source.connect() as connection:
            for change in range(40):
                mine = sorted(chance.sample(range(1, 201), 5))  # in order, so that writers never wait in a circle
                for account in mine:
                    connection.execute(
                        b"update ci_acct set note = %s, upd = clock_timestamp() where acct_id = %s",
                        (f"{seed}.{change}", str(account)),
                    )
                connection.execute(b"select pg_sleep(%s)", (chance.random() / 50,))  # others commit meanwhile
                connection.commit()

    def pull() -> int:
        while not ended.is_set():
            source.pull(feed)
        return len(source.read)

    with ThreadPoolExecutor(5) as pool:
        pulling = pool.submit(pull)
        try:
            for written in [pool.submit(write, seed) for seed in range(4)]:
                written.result()
        finally:
            ended.set()
        assert pulling.result() > 2
    source.pull(feed)

    with source.connect() as connection:
        truth = dict(connection.execute(b"select acct_id, note from ci_acct").fetchall())
    assert source.state_after(feed) == truth


def test_a_transaction_open_for_longer_than_the_look_back_is_what_the_contract_must_rule_out(source: Source) -> None:
    """The other side of the promise, so that nobody takes it for more than it is; a pull of all rows mends it."""
    source.do(ACCOUNTS)
    feed = make_feed(look_back_min=5)
    slow = source.connect()
    slow.execute(f"insert into ci_acct values ('slow', 'first', {stamp(1)})".encode())
    source.now = START + timedelta(minutes=60)
    source.do(f"insert into ci_acct values ('quick', 'quick', {stamp(50)})")
    source.pull(feed)
    slow.commit()
    slow.close()
    source.pull(feed)
    assert "slow" not in source.state_after(feed)

    source.read.append(extract(feed, NIGHT, source.rows(feed), source.settings, source.ledger, everything=True))
    assert source.state_after(feed) == {"slow": "first", "quick": "quick"}


EXACT = """
create table ci_acct (
    id char(10), bal numeric(18, 8), big numeric, whole bigint, ratio double precision, single real, yes boolean,
    day date, wall timestamp, instant timestamptz, name varchar(200), body text, raw bytea, token uuid, upd timestamp
)
"""
LONG = 12_000_000
VALUES = f"""
insert into ci_acct values
    ('1', 1234567890.12345678, 12345678901234567890.000000000000000000010, 9223372036854775807, 0.1, 0.1, true,
     '2026-03-09', '2026-03-08 02:30:00.000001', '2026-11-01 01:30:00.5 America/New_York', '', E'a "b",\n\\tc\r\nd',
     '\\x00ff', 'c0ffee00-0000-0000-0000-000000000001', '2026-03-09 00:00:00'),
    ('2', -0.00000001, 0.00, -1, 1e300, -1e-30, false, '0999-12-31', '2026-03-09', '2026-03-09 00:00:00+00',
     'Zoë 🌙 \\.', repeat('é', {LONG // 2}), '', null, '2026-03-09 00:00:00'),
    ('3', null, null, null, null, null, null, null, null, null, null, '\\N', null, null, '2026-03-09 00:00:00')
"""
EXPECTED = [
    {"ID": "1         ", "BAL": "1234567890.12345678", "BIG": "12345678901234567890.000000000000000000010",
     "WHOLE": "9223372036854775807", "RATIO": "0.1", "SINGLE": "0.1", "YES": "true", "DAY": "2026-03-09",
     "WALL": "2026-03-08 02:30:00.000001", "INSTANT": "2026-11-01 06:30:00.5", "NAME": "",
     "BODY": 'a "b",\n\tc\r\nd', "RAW": "00ff", "TOKEN": "c0ffee00-0000-0000-0000-000000000001",
     "UPD": "2026-03-09 00:00:00"},
    {"ID": "2         ", "BAL": "-0.00000001", "BIG": "0.00", "WHOLE": "-1", "RATIO": "1e+300", "SINGLE": "-1e-30",
     "YES": "false", "DAY": "0999-12-31", "WALL": "2026-03-09 00:00:00", "INSTANT": "2026-03-09 00:00:00",
     "NAME": "Zoë 🌙 \\.", "BODY": "é" * (LONG // 2), "RAW": "", "TOKEN": None, "UPD": "2026-03-09 00:00:00"},
    {name: None for name in ("BAL", "BIG", "WHOLE", "RATIO", "SINGLE", "YES", "DAY", "WALL", "INSTANT", "NAME",
                             "RAW", "TOKEN")} | {"ID": "3         ", "BODY": "\\N", "UPD": "2026-03-09 00:00:00"},
]  # fmt: skip
EXACT_COLUMNS = [{"name": n, "field": n.lower()} for n in EXPECTED[0] if n != "UPD"] + [
    {"name": "UPD", "field": "upd", "type": "timestamp"}
]


@pytest.mark.parametrize("session", ["", "alter database {} set timezone = 'Asia/Tokyo'",
                                     "alter database {} set datestyle = 'SQL, DMY'",
                                     "alter database {} set extra_float_digits = -15"])  # fmt: skip
def test_every_value_comes_out_as_it_is_whatever_the_session_is_set_to(source: Source, session: str) -> None:
    source.do(EXACT, VALUES, *([session.format(make_url(source.address).database)] if session else []))
    feed = make_feed(EXACT_COLUMNS, key="id")
    table = source.pull(feed)

    rows = sorted(table.to_pylist(), key=lambda row: row["ID"])
    assert [set(row) for row in rows] == [set(row) for row in EXPECTED]
    assert rows == EXPECTED


def test_both_ways_of_reading_a_database_give_the_same_text(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    """What any other database's driver gives as values becomes the text that PostgreSQL writes itself."""
    from nightwatt.arrival import sql

    source.do(EXACT, VALUES, "update ci_acct set ratio = 0.5, single = 0.5")
    feed = make_feed(EXACT_COLUMNS, key="id")
    copied = sorted(source.pull(feed).to_pylist(), key=lambda row: row["ID"])
    monkeypatch.setattr(sql, "_copied", sql._fetched)
    source.do("update ci_acct set upd = upd + interval '1 minute'")
    fetched = sorted(source.pull(feed).to_pylist(), key=lambda row: row["ID"])

    for row in (*copied, *fetched):
        del row["UPD"]
        row["INSTANT"] = row["INSTANT"] and f"{row['INSTANT'][:19]}{row['INSTANT'][19:].rstrip('0')}"  # .5 and .500000
    assert fetched == copied


def test_a_type_nobody_here_knows_is_written_as_the_database_writes_it(source: Source) -> None:
    source.do(
        "create type state as enum ('open', 'shut')",
        "create table ci_acct as "
        "select '1'::bpchar as a, 'open'::state as b, int4range(1, 5) as c, '{1,2}'::int[] as d",
    )
    columns = [{"name": n, "field": n.lower()} for n in "ABCD"]
    assert source.pull(make_feed(columns, key="a", changed_at=None)).to_pylist() == [
        {"A": "1", "B": "open", "C": "[1,5)", "D": "{1,2}"}
    ]


def test_one_column_of_nulls_and_empty_texts_stays_apart(source: Source) -> None:
    source.do("create table ci_acct (a text)", "insert into ci_acct values (null), (''), (null), ('x')")
    table = source.pull(make_feed([{"name": "A", "field": "a"}], key="a", changed_at=None))
    assert table["A"].to_pylist() == [None, "", None, "x"]


def test_a_view_will_do_and_nothing_can_be_written_through_it(source: Source) -> None:
    source.do(
        ACCOUNTS,
        f"insert into ci_acct values ('1', 'n', {stamp(0)})",
        "create schema open",
        "create function open.spoil() returns text language sql as $$ delete from ci_acct returning 'gone' $$",
        "create view open.ci_acct as select * from ci_acct",
        "create view open.trap as select acct_id, open.spoil() as note, upd from ci_acct",
    )
    assert source.pull(make_feed(table="open.ci_acct")).num_rows == 1
    with pytest.raises(NightWattError):
        source.pull(make_feed(table="open.trap"))
    assert source.pull(make_feed(table="open.ci_acct", changed_at=None)).num_rows == 1


def test_a_column_with_a_zone_of_its_own_is_read_as_utc_or_not_at_all(source: Source) -> None:
    source.do(ACCOUNTS)
    columns = [COLUMNS[0], COLUMNS[1], COLUMNS[2] | {"zone": "America/New_York"}]
    with pytest.raises(PlaceRefused, match=r"extract\.zone_conflict.*column UPD"):
        source.pull(make_feed(columns))


def test_a_source_that_goes_away_in_the_middle_leaves_nothing_and_may_be_asked_again(source: Source) -> None:
    source.do(
        ACCOUNTS, f"insert into ci_acct select n::text, repeat('x', 2000), {stamp(0)} from generate_series(1, 20000) n"
    )
    feed, calm = make_feed(), source.rows(make_feed())

    @dataclass(frozen=True)
    class CutOff(SqlRows):
        def read(self, since: str | None) -> Any:
            return Struck(super().read(since), self._cut)

        def _cut(self) -> None:
            source.do("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'nightwatt'")

    with pytest.raises(SourceAway, match=r"source\.unreachable"):
        source.pull(feed, CutOff(calm.feed, calm.source, calm.settings, calm.clock))
    assert list((source.settings.inbound / "ccb").iterdir()) == []
    assert source.pull(feed).num_rows == 20_000


def test_who_may_not_read_is_told_so(source: Source) -> None:
    source.do(ACCOUNTS, "drop role if exists stranger", "create role stranger login")
    url = make_url(source.address)
    stranger = url.set(username="stranger").render_as_string()
    nobody = url.set(username="nobody_at_all").render_as_string()
    elsewhere = url.set(port=1).render_as_string()
    feed, known = make_feed(), source.rows(make_feed())
    for address, error, code in (
        (stranger, PlaceRefused, "source.permission"),
        (nobody, SourceRefused, "source.login"),
        (elsewhere, SourceAway, "source.unreachable"),
    ):
        with pytest.raises(error) as told:
            source.pull(feed, SqlRows(feed, known.source, SqlSettings(url=address), known.clock))
        assert told.value.code == code
    source.do("drop role stranger")


def test_what_is_held_in_memory_does_not_grow_with_the_table(source: Source) -> None:
    source.do(
        ACCOUNTS,
        f"insert into ci_acct select n::text, md5(n::text) || repeat('x', 770), {stamp(0)} "
        "from generate_series(1, 200000) n",
    )
    feed, calm = make_feed(), source.rows(make_feed())
    held: list[int] = []

    @dataclass(frozen=True)
    class Weighed(SqlRows):
        def read(self, since: str | None) -> Any:
            return Struck(super().read(since), lambda: held.append(pa.total_allocated_bytes()), each=True)

    before = pa.total_allocated_bytes()
    source.pull(feed, Weighed(calm.feed, calm.source, calm.settings, calm.clock))

    assert source.read[-1].rows == 200_000  # of 800 bytes each
    assert len(held) > 30
    assert max(held) - before < 80 << 20


def test_rows_go_from_a_table_to_the_lake(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTWATT_SQL_CCB_URL", source.address)
    catalog = tmp_path / "catalog" / "feeds"
    catalog.mkdir(parents=True)
    (catalog / "acct.yaml").write_text(make_feed(COLUMNS).model_dump_json(exclude_defaults=True))
    source.do(ACCOUNTS, f"insert into ci_acct values ('0001', 'first', {stamp(0)}), ('2', null, {stamp(0)})")
    with Platform.open("test", source.settings, catalog.parent, clock=lambda: source.now) as platform:
        ready = stages.expectation(platform, "acct", NIGHT)
        again = stages.expectation(platform, "acct", NIGHT)
        loaded = stages.load(platform, "acct", NIGHT)

    assert (ready.is_ready, again.arrived) == (True, 1)
    assert (loaded.rows_in, loaded.rows_kept) == (2, 2)
    lake = source.settings.lake / "acct" / "*" / "part-0.parquet"
    assert duckdb.sql(f"select acct_id, note, updated_at from '{lake}' order by all").fetchall() == [
        ("0001", "first", START.replace(tzinfo=None)),
        ("2", None, START.replace(tzinfo=None)),
    ]


class Struck:
    """A reading in which something happens after the first batch, or after each."""

    def __init__(self, reading: Any, happens: Callable[[], object], *, each: bool = False) -> None:
        self._reading, self._happens, self._each = reading, happens, each

    def __enter__(self) -> Pull:
        self._pull: Pull = self._reading.__enter__()
        return self

    def __exit__(self, *given: Any) -> bool | None:
        return bool(self._reading.__exit__(*given))

    @property
    def newest(self) -> str | None:
        return self._pull.newest

    def batches(self) -> Iterator[pa.RecordBatch]:
        for number, batch in enumerate(self._pull.batches()):
            yield batch
            if self._each or number == 0:
                self._happens()
