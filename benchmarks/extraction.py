"""Rows pulled out of PostgreSQL into a feed's file, next to the same rows copied by the database's own client.

Belongs here: a private server with one table, both ways one after the other in the same run, seconds, sizes, and the
peak memory of a process that does nothing but pull. Does not belong here: what the rows mean.

`psql \\copy` writes the rows as CSV and knows nothing of them. The pull writes text by column into packed Parquet with
checksums, takes its SHA-256, announces it by a manifest and enters its mark in the ledger. Each is run `--rounds`
times, in turn, and the quickest of each counts: whoever else works on the machine disturbs both alike.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url
from tests.support.postgres import Server, running_server

NIGHT = date(2026, 3, 9)
AT = datetime(2026, 3, 9, 5, 0, tzinfo=UTC)

TABLE = """
create table ci_ft as select
    lpad(n::text, 12, '0')::char(12) as ft_id,
    lpad((n % 1000000)::text, 10, '0')::char(10) as sa_id,
    case when n % 7 = 0 then null else lpad((n / 3)::text, 12, '0')::char(12) end as parent_id,
    (array['BS', 'BX', 'PS', 'AD'])[1 + n % 4]::char(2) as ft_type_flg,
    (n % 100000)::numeric(15, 2) / 100 as cur_amt,
    ((n * 7919) % 10000000)::numeric(18, 8) / 1000 as tot_amt,
    n % 5 > 0 as is_frozen,
    date '2020-01-01' + (n % 2000)::integer as arrears_dt,
    case when n % 11 = 0 then '' else 'comment on "' || md5(n::text) || '"' end as note,
    timestamp '2026-01-01' + n * interval '1 second' as last_upd_dttm
from generate_series(1, {rows}::bigint) n
"""
COLUMNS = ("FT_ID", "SA_ID", "PARENT_ID", "FT_TYPE_FLG", "CUR_AMT", "TOT_AMT", "IS_FROZEN", "ARREARS_DT", "NOTE",
           "LAST_UPD_DTTM")  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    """Fill a table, measure both ways, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.extraction", description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        print(json.dumps(_pull(options.child, options.home)))
        return
    with running_server() as server, tempfile.TemporaryDirectory(prefix="nightwatt-bench-") as folder:
        address = server.new_database()
        size = _fill(address, options.rows)
        copied, pulled = [], []
        for number in range(options.rounds):
            copied.append(_copy(server, address, Path(folder) / "copy.csv"))
            pulled.append(_measured(address, Path(folder) / str(number)))
        _print(options.rows, size, copied, pulled)


def _fill(address: str, rows: int) -> int:
    url, started = make_url(address), time.monotonic()
    with psycopg.connect(host=url.host, port=url.port, user=url.username, dbname=url.database) as connection:
        connection.execute(TABLE.format(rows=rows).encode())
        connection.execute("analyze ci_ft")
        found = connection.execute("select pg_total_relation_size('ci_ft')").fetchone()
    print(f"filled {rows:,} rows in {time.monotonic() - started:.0f} s", file=sys.stderr)
    return int(found[0]) if found else 0


def _copy(server: Server, address: str, target: Path) -> dict[str, Any]:
    """Let the database's own client do it."""
    url = make_url(address)
    where = ["-h", str(url.host), "-p", str(url.port), "-U", str(url.username), "-d", str(url.database)]
    command = [str(server.programs / "psql"), "-X", "-q", *where, "-c", f"\\copy ci_ft to '{target}' (format csv)"]
    started = time.monotonic()
    subprocess.run(command, check=True)
    seconds = time.monotonic() - started
    size = target.stat().st_size
    target.unlink()
    return {"seconds": seconds, "bytes": size}


def _measured(address: str, home: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.extraction", "--child", address, "--home", str(home)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _pull(address: str, home: Path) -> dict[str, Any]:
    from nightwatt.arrival.extract import extract
    from nightwatt.arrival.sql import SqlRows
    from nightwatt.connections.sql import SqlSettings
    from nightwatt.contracts.feed import Feed
    from nightwatt.contracts.sources import SqlSource
    from nightwatt.ledger import Ledger
    from nightwatt.settings import Settings

    feed, settings = Feed.model_validate(CONTRACT), Settings(home=home)
    assert isinstance(feed.arrival.source, SqlSource)
    rows = SqlRows(feed, feed.arrival.source, SqlSettings(url=address), lambda: AT)
    ledger = Ledger.open(settings.ledger_address, lambda: AT)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started, busy = time.monotonic(), time.process_time()
    done = extract(feed, NIGHT, rows, settings, ledger)
    seconds, busy = time.monotonic() - started, time.process_time() - busy
    ledger.close()
    assert done.file_name is not None
    size = (settings.inbound / done.file_name).stat().st_size
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": seconds, "busy": busy, "bytes": size, "rows": done.rows, "peak_kb": peak, "before_kb": before}


CONTRACT = {
    "feed": "ft",
    "title": "Financial transactions",
    "system": "ccb",
    "owner": "benchmark@nightwatt.invalid",
    "domain": "billing",
    "entity": "table",
    "arrival": {
        "source": {"kind": "sql", "connection": "ccb", "table": "ci_ft", "changed_at": "LAST_UPD_DTTM"},
        "pattern": "ft_{business_date:%Y%m%d}_{part}.parquet",
        "wholeness": {"rule": "manifest", "pattern": "ft_{business_date:%Y%m%d}_{part}.json"},
    },
    "format": {"kind": "parquet"},
    "columns": [
        {"name": n, "field": n.lower(), "type": "timestamp" if n == "LAST_UPD_DTTM" else "text"} for n in COLUMNS
    ],
    "key": ["ft_id"],
    "mode": "delta",
    "deadlines": {"expected_by": "03:00", "late_at": "04:00", "deadline": "06:00"},
}


def _print(rows: int, size: int, copied: list[dict[str, Any]], pulled: list[dict[str, Any]]) -> None:
    copy, pull = (min(found, key=lambda r: float(r["seconds"])) for found in (copied, pulled))
    assert all(p["rows"] == rows for p in pulled)
    print(f"{rows:,} rows, {len(COLUMNS)} columns, {size / 1e6:,.0f} MB in PostgreSQL; best of {len(copied)}, in turn")
    print(f"{'':24}{'seconds':>10}{'rows/s':>12}{'MB written':>12}{'peak MB':>10}")
    print(f"{'psql copy to CSV':24}{copy['seconds']:10.1f}{rows / copy['seconds']:12,.0f}{copy['bytes'] / 1e6:12,.0f}")
    print(
        f"{'pull to a feed file':24}{pull['seconds']:10.1f}{rows / pull['seconds']:12,.0f}{pull['bytes'] / 1e6:12,.0f}"
        f"{pull['peak_kb'] / 1e3:10,.0f}"
    )
    print(f"ratio of times           {pull['seconds'] / copy['seconds']:9.2f}")
    print(f"its own processor time   {pull['busy']:9.1f} s")
    print(f"memory at its start      {pull['before_kb'] / 1e3:9,.0f} MB")
    print("all rounds, seconds: copy " + ", ".join(f"{c['seconds']:.1f}" for c in copied), end="; ")
    print("pull " + ", ".join(f"{p['seconds']:.1f}" for p in pulled))


if __name__ == "__main__":
    main()
