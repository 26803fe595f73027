"""The reads store against two independent computations, over random loads in any order and any split."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.reads.lake import NOON, SCHEMA, Row, read, rows_of, write

from nightwatt.contracts.canonical import READ_KEY
from nightwatt.reads import ReadsStore
from nightwatt.settings import Settings

PROVENANCE = ("receipt_id", "load_sequence")
PAYLOAD = [c for c in SCHEMA if c not in (*READ_KEY, *PROVENANCE)]
RANK = {"missing": 1, "estimated": 2, "substituted": 3, "actual": 4}
State = dict[tuple[Any, ...], tuple[Any, ...]]

ZONES = ("America/New_York", "Europe/London")


@st.composite
def rows(draw: st.DrawFn, load: int, receipt: int, *, zones_move: bool) -> list[Row]:
    """Draw the rows of one load: few keys, few stamps, so that they collide often."""
    count = draw(st.integers(0, 12))
    drawn = []
    for _ in range(count):
        number = draw(st.integers(0, 3))
        zone = draw(st.sampled_from(ZONES)) if zones_move else ZONES[number % 2]
        quality = draw(st.sampled_from(sorted(RANK)))
        drawn.append(
            read(
                load,
                receipt_id=receipt,
                service_point_id=f"{number:04}",
                channel=draw(st.sampled_from(["delivered", "received"])),
                interval_start_at=NOON + timedelta(hours=draw(st.sampled_from([0, 6, 10, 11, 30]))),
                value=None if quality == "missing" else draw(st.sampled_from([Decimal(1), Decimal("1.00000001")])),
                quality=quality,
                last_updated_at=draw(st.sampled_from([None, NOON, NOON + timedelta(hours=1)])),
                meter_id=draw(st.sampled_from([None, "M1"])),
                zone=zone,
            )
        )
    return drawn


@st.composite
def histories(draw: st.DrawFn) -> list[list[list[Row]]]:
    """Draw loads, shuffled and split into merges; receipts need not come in the order of their loads."""
    count = draw(st.integers(1, 6))
    receipts = draw(st.permutations(range(1, count + 1)))
    zones_move = draw(st.booleans())
    loads = [draw(rows(n + 1, receipts[n], zones_move=zones_move)) for n in range(count)]
    for n in range(1, count):  # files repeat what earlier files said
        again = draw(st.integers(0, n - 1))
        if draw(st.booleans()):
            loads[n] += [r | {"receipt_id": receipts[n], "load_sequence": n + 1} for r in loads[again]]
    order = draw(st.permutations(list(range(count))))
    cuts = sorted(draw(st.sets(st.integers(1, count), max_size=count)) | {count})
    return [[loads[i] for i in order[a:b]] for a, b in zip([0, *cuts], cuts, strict=False)]


def oracle(lake: Sequence[Row]) -> State:
    """Return the newest state of each read by a plain maximum."""

    def precedence(row: Row) -> tuple[Any, ...]:
        value, meter = row["value"], row["meter_id"]
        return (
            row["last_updated_at"] is not None,
            row["last_updated_at"] or NOON,
            row["receipt_id"],
            row["load_sequence"],
            RANK[row["quality"]],
            value is not None,
            value or 0,
            meter is not None,
            meter or "",
            row["read_date"],
            row["zone"],
        )

    return state_of(sorted(lake, key=precedence))


def polars_oracle(lake: Sequence[Row]) -> State:
    """Return the newest state of each read by sorting and keeping the last."""
    frame = pl.DataFrame(list(lake), schema=SCHEMA).with_columns(
        pl.col("quality").replace_strict(RANK, return_dtype=pl.Int8).alias("rank")
    )
    by = ["last_updated_at", "receipt_id", "load_sequence", "rank", "value", "meter_id", "read_date", "zone"]
    return state_of(frame.sort(by, nulls_last=False).unique(READ_KEY, keep="last").to_dicts())


def state_of(lake: Sequence[Row]) -> State:
    """Return payload by key; the last of equal keys counts."""
    return {tuple(r[c] for c in READ_KEY): tuple(r[c] for c in PAYLOAD) for r in lake}


def full(lake: Sequence[Row]) -> set[tuple[Any, ...]]:
    """Return rows as a set of tuples."""
    return {tuple(row[c] for c in SCHEMA) for row in lake}


def touched_of(before: State, after: State) -> set[tuple[Any, ...]]:
    """Return the keys of the touched list that a step from one state to another must give."""
    day = PAYLOAD.index("read_date")
    changed = {key for key in after if before.get(key) != after[key]}
    states = [(key, state) for side in (before, after) for key, state in side.items() if key in changed]
    return {(*key[:2], state[day]) for key, state in states}


def check_files(store: ReadsStore) -> list[Row]:
    """Return all rows after checking that each file holds one date, in order, and is described rightly."""
    version = store.current()
    assert version is not None
    found: list[Row] = []
    for partition, path in zip(version.partitions, version.files, strict=True):
        part = rows_of([path])
        keys = [tuple(r[c] for c in READ_KEY) for r in part]
        assert keys == sorted(set(keys))
        assert {r["read_date"] for r in part} == {partition.read_date}
        assert len(part) == partition.row_count
        assert (keys[0][0], keys[-1][0]) == (partition.min_service_point_id, partition.max_service_point_id)
        assert {r["zone"] for r in part} == set(partition.zones)
        assert path.stat().st_size == partition.size_bytes
        found += part
    order = [(r["read_date"], *(r[c] for c in READ_KEY)) for r in found]
    assert order == sorted(order)
    return found


@given(histories())
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
def test_merging_in_any_order_and_split_equals_a_rebuild_and_a_plain_maximum(history: list[list[list[Row]]]) -> None:
    """State, counts and touched keys of every step are those of a plain computation; so is a rebuild."""
    with tempfile.TemporaryDirectory() as folder:
        home = Settings(home=Path(folder))
        store = ReadsStore(home.reads, home, rows_per_file=5)
        lake: list[Row] = []
        files: list[Path] = []
        numbers: list[int] = []
        state: State = {}
        for step, loads in enumerate(history):
            new = [row for load in loads for row in load]
            sequences = sorted({row["load_sequence"] for row in new})
            files += (paths := [write(home.lake / f"{step}-{n}.parquet", load) for n, load in enumerate(loads)])
            lake += new
            numbers += sequences
            result = store.merge(paths, sequences)
            after = oracle(lake)
            if sequences:
                assert result.rows_in == len(new)
                assert result.inserted == len(after) - len(state)
                assert result.updated == sum(1 for key in state if state[key] != after[key])
                assert result.unchanged == len(new) - result.inserted - result.updated
                touched = pl.read_parquet(result.touched).rows()
                assert len(touched) == len(set(touched))
                assert set(touched) == touched_of(state, after)
            state = after
            found = check_files(store)
            assert len(found) == len(state)
            assert state_of(found) == state == polars_oracle(lake)
            assert full(found) <= full(lake)
        rebuilt = store.rebuild(files, numbers)
        assert state_of(check_files(store)) == state
        assert rebuilt.inserted == len(state)


@given(histories())
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
def test_loads_merged_one_by_one_in_order_equal_a_rebuild_to_the_last_column(history: list[list[list[Row]]]) -> None:
    """Also receipt and load of every read agree, where no two rows of it contradict each other."""
    with tempfile.TemporaryDirectory() as folder:
        home = Settings(home=Path(folder))
        by_load: dict[int, list[Row]] = {}
        said: dict[tuple[Any, ...], Row] = {}
        for row in (r for loads in history for load in loads for r in load):
            first = said.setdefault((*(row[c] for c in READ_KEY), row["last_updated_at"]), row)
            consistent = first | {"receipt_id": row["load_sequence"], "load_sequence": row["load_sequence"]}
            by_load.setdefault(row["load_sequence"], []).append(consistent)
        store = ReadsStore(home.reads, home, rows_per_file=5)
        files = []
        for sequence in sorted(by_load):
            files.append(write(home.lake / f"{sequence}.parquet", by_load[sequence]))
            store.merge(files[-1:], [sequence])
        if files:
            one_by_one = rows_of(store.current().files)
            store.rebuild(files, sorted(by_load))
            assert full(rows_of(store.current().files)) == full(one_by_one)


def test_a_million_rows_merge_to_what_arg_max_gives(tmp_path: Path) -> None:
    """Enough rows for many vectors, row groups and id ranges: the streaming rule relies on row order."""
    home = Settings(home=tmp_path, memory_limit="1GB")
    home.lake.mkdir(parents=True)
    with duckdb.connect() as con:
        con.execute(
            """
            CREATE TABLE said AS
            SELECT lpad((hash(n) % 3000)::VARCHAR, 6, '0') AS service_point_id, 'delivered' AS channel,
                TIMESTAMP '2026-03-08 05:00:00' + (hash(n, 1) % 96) * INTERVAL 15 MINUTE AS interval_start_at,
                15::SMALLINT AS interval_min, (hash(n, 2) % 5)::DECIMAL(18, 8) AS value, 'kWh' AS unit,
                'actual' AS quality, 'M' AS meter_id,
                TIMESTAMP '2026-03-09' + (hash(n, 3) % 3) * INTERVAL 1 HOUR AS last_updated_at,
                DATE '2026-03-08' AS read_date, 'America/New_York' AS zone, 'electricity' AS commodity,
                (n % 4)::INTEGER AS receipt_id, (n % 4)::BIGINT AS load_sequence
            FROM range(1000000) AS t(n)
            """
        )
        for load in range(4):
            con.execute(f"COPY (FROM said WHERE load_sequence = {load}) TO '{home.lake}/{load}.parquet'")
        store = ReadsStore(home.reads, home, rows_per_file=100_000)
        for loads in ([1, 2], [0], [3]):
            store.merge([home.lake / f"{n}.parquet" for n in loads], loads)
        version = store.current()
        assert version is not None
        assert len(version.bounds) == 4
        difference = f"""
            WITH expected AS (
                SELECT {", ".join(READ_KEY)}, arg_max(value, (last_updated_at, receipt_id, value)) AS value,
                    max(last_updated_at) AS last_updated_at
                FROM said GROUP BY ALL
            ),
            found AS (SELECT {", ".join(READ_KEY)}, value, last_updated_at FROM {version.scan_sql()})
            SELECT count(*) FROM ((FROM expected EXCEPT ALL FROM found) UNION ALL (FROM found EXCEPT ALL FROM expected))
        """
        assert con.execute(difference).fetchone() == (0,)
        assert con.execute(f"DESCRIBE SELECT * FROM {version.scan_sql()}").fetchall()[9][:2] == ("read_date", "DATE")
        for path in version.files:
            ordered = con.execute(
                f"SELECT bool_and(a > b) FROM (SELECT ({', '.join(READ_KEY)}) AS a, lag(({', '.join(READ_KEY)})) "
                f"OVER () AS b FROM read_parquet('{path}'))"
            ).fetchone()
            assert ordered == (True,)


def test_thirteen_months_of_few_meters_merge_in_one_go(tmp_path: Path) -> None:
    """Many read dates cost a batch, not a statement each."""
    home = Settings(home=tmp_path)
    lake = [read(1, interval_start_at=NOON + timedelta(days=n, hours=h)) for n in range(400) for h in range(3)]
    store = ReadsStore(home.reads, home)
    store.merge([write(home.lake / "1.parquet", lake)], [1])
    found = check_files(store)
    assert full(found) == full(lake)
    version = store.current()
    assert version is not None
    assert (len(version.files), version.min_read_date) == (400, date(2026, 3, 8))
