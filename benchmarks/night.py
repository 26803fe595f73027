"""A day of reads from the inbound folder to published daily usage, against DuckDB's count(*) over the same files.

Belongs here: one simulated utility, the stages called as the DAGs call them, seconds as ratios and the peak memory
of the process. Does not belong here: the stages.

The floor is `SELECT count(*) FROM read_csv(...)` over the same gzip files in the same run: what it costs to unpack
and cut the text once, on this machine, now. Targets: the whole chain at most 20 times the floor, the store step at
most 6 times, at most 2.5 GB in any process with DuckDB's memory_limit at 2 GB.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

NIGHT = date(2026, 1, 16)
FEED = "mdm_interval_electric"
TARGETS = {"whole chain": 20.0, "merge reads": 6.0}


def main(arguments: list[str] | None = None) -> None:
    """Simulate, measure the floor and the chain in processes of their own, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.night", description=__doc__)
    parser.add_argument("--meters", type=int, default=250_000, help="electric meters (96 reads each)")
    parser.add_argument("--parts", type=int, default=16, help="gzip files they come in")
    parser.add_argument("--keep", type=Path, help="keep the simulated files here and use them again")
    parser.add_argument("--child", choices=["floor", "chain"], help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        print(json.dumps(_floor(options.home) if options.child == "floor" else _chain(options.home)))
        return
    with tempfile.TemporaryDirectory(prefix="nightwatt-bench-") as folder:
        home = Path(folder)
        _simulate(home, options)
        floor, chain = _measured("floor", home), _measured("chain", home)
    _print(floor, chain)


def _simulate(home: Path, options: argparse.Namespace) -> None:
    from nightwatt.simulator import Utility, write_night

    source = options.keep or home / "inbound"
    started = time.monotonic()
    if not (source / "mdm").exists():
        utility = Utility(customers=options.meters, gas_share=0.0, solar_share=0.0, faults=True)
        write_night(utility, NIGHT, source, parts=options.parts, systems=("mdm",))
    if options.keep:
        shutil.copytree(source, home / "inbound", copy_function=shutil.copy2)
    print(f"simulated {options.meters:,} meters in {time.monotonic() - started:.0f} s", file=sys.stderr)


def _measured(what: str, home: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.night", "--child", what, "--home", str(home)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _floor(home: Path) -> dict[str, Any]:
    import duckdb

    started = time.monotonic()
    with duckdb.connect() as con:
        con.execute("SET enable_progress_bar = false")
        files = f"{home}/inbound/mdm/mdm_interval_e_*.csv.gz"
        # The planted bad lines would stop the count; as text they only fall out of it.
        source = f"read_csv('{files}', all_varchar = true, ignore_errors = true, quote = '')"
        found = con.execute(f"SELECT count(*) FROM {source}").fetchone()
    return {"rows": found[0] if found else 0, "seconds": time.monotonic() - started}


def _chain(home: Path) -> dict[str, Any]:
    from nightwatt import stages
    from nightwatt.settings import Settings
    from nightwatt.stages import Platform

    seconds: dict[str, float] = {}

    def timed(name: str, step: Callable[[], Any]) -> Any:
        started = time.monotonic()
        result = step()
        seconds[name] = time.monotonic() - started
        return result

    with Platform.open("benchmark", Settings(home=home, memory_limit="2GB")) as platform:
        timed("arrive", lambda: stages.arrive(platform, FEED, NIGHT))
        loaded = timed("load", lambda: stages.load(platform, FEED, NIGHT))
        merged = timed("merge reads", lambda: stages.merge_reads(platform))
        timed("build", lambda: stages.build(platform, "usage", NIGHT))
        timed("publish", lambda: stages.publish(platform, "usage", NIGHT))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"seconds": seconds, "kept": loaded.rows_kept, "reads": merged.inserted, "peak_gb": peak}


def _print(floor: dict[str, Any], chain: dict[str, Any]) -> None:
    base = floor["seconds"]
    steps = chain["seconds"] | {"whole chain": sum(chain["seconds"].values())}
    print(f"{floor['rows']:,} rows in, {chain['kept']:,} kept, {chain['reads']:,} reads in the store")
    print(f"{'count(*) over the files':28}{base:8.1f} s   1.0 x")
    for name, seconds in steps.items():
        target = f"   (target {TARGETS[name]:g} x)" if name in TARGETS else ""
        print(f"{name:28}{seconds:8.1f} s {seconds / base:5.1f} x{target}")
    print(f"{'peak memory of the chain':28}{chain['peak_gb']:8.2f} GB        (target 2.5 GB)")


if __name__ == "__main__":
    main()
