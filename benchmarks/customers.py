"""The customer picture from extracts to published marts and the CRM's files, and how it grows with the utility.

Belongs here: one simulated billing system at two sizes, the stages called as the DAGs call them, seconds by stage,
the ratio between the sizes, and the peak memory of the process. Does not belong here: the stages.

What is measured is the first night, the most expensive there is: every table in full, a year of bills, every row new to
the CRM. A second night carries one day's changes. The larger size has ten times the customers; a ratio far above ten
means that something grows faster than the utility.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

NIGHTS = (date(2026, 3, 9), date(2026, 3, 10))
DELIVERY = "crm_core"


def main(arguments: list[str] | None = None) -> None:
    """Simulate and measure each size in a process of its own, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.customers", description=__doc__)
    parser.add_argument("--customers", type=int, nargs=2, default=[20_000, 200_000], help="the two sizes")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        print(json.dumps(_nights(options.home, options.child)))
        return
    _print([_measured(customers) for customers in options.customers], options.customers)


def _measured(customers: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="nightwatt-bench-") as folder:
        command = [sys.executable, "-m", "benchmarks.customers", "--child", str(customers), "--home", folder]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _nights(home: Path, customers: int) -> dict[str, Any]:
    from nightwatt.delivery.loopback import LoopbackServer
    from nightwatt.settings import Settings
    from nightwatt.simulator import Utility, write_night

    settings = Settings(home=home / "home", memory_limit="2GB")
    _simulated(Utility(customers=customers), settings.inbound, write_night)
    found: dict[str, Any] = {"customers": customers}
    with LoopbackServer(home / "partner", folders=["incoming"]) as partner:
        os.environ.update(partner.environment("crm"))
        for name, night in zip(("first night", "second night"), NIGHTS, strict=True):
            found[name] = _night(settings, night)
    found["rows"] = _rows(settings)
    found["peak_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    found["partner_mb"] = sum(p.stat().st_size for p in (home / "partner").rglob("*") if p.is_file()) / 1e6
    return found


def _simulated(utility: Any, inbound: Path, write_night: Callable[..., Any]) -> None:
    """Write the nights in a process of their own, so that its memory is not counted."""
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        for n, night in enumerate(NIGHTS):
            write_night(utility, night, inbound, first_night=n == 0, systems=("ccb",))
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        raise SystemExit("the simulator failed")
    print(f"simulated {utility.customers:,} customers in {time.monotonic() - started:.0f} s", file=sys.stderr)


def _night(settings: Any, night: date) -> dict[str, float]:
    from nightwatt import stages
    from nightwatt.stages import Platform

    seconds: dict[str, float] = {}

    def timed(name: str, step: Callable[[], Any]) -> None:
        started = time.monotonic()
        step()
        seconds[name] = time.monotonic() - started

    at = datetime.combine(night, datetime.min.time(), UTC) + timedelta(hours=8)
    with Platform.open("benchmark", settings, clock=lambda: at) as platform:
        feeds = [f.feed for f in platform.catalog.feeds_of("billing")]
        timed("arrive", lambda: [stages.arrive(platform, feed, night) for feed in feeds])
        timed("load", lambda: [stages.load(platform, feed, night) for feed in feeds])
        timed("build", lambda: stages.build(platform, "billing", night))
        timed("publish", lambda: stages.publish(platform, "billing", night))
        timed("deliver", lambda: stages.deliver(platform, DELIVERY, night))
    return seconds


def _rows(settings: Any) -> int:
    from nightwatt.warehouse import published

    with published(settings) as con:
        found = con.execute(
            "select sum(rows) from publication_tables where table_name like 'crm_%' and domain = 'billing'"
        ).fetchone()
    return int(found[0]) if found else 0


def _print(results: list[dict[str, Any]], sizes: list[int]) -> None:
    small, large = results
    print(f"{'':28}" + "".join(f"{size:>12,}" for size in sizes) + "       ratio")
    for name in ("first night", "second night"):
        print(name)
        steps = {**small[name], "whole chain": sum(small[name].values())}
        others = {**large[name], "whole chain": sum(large[name].values())}
        for step, seconds in steps.items():
            print(f"  {step:26}{seconds:10.1f} s{others[step]:10.1f} s{others[step] / seconds:10.1f} x")
    for label, key, unit in (("rows of the marts", "rows", ""), ("sent to the CRM", "partner_mb", "MB")):
        print(f"{label:28}{small[key]:>12,.0f}{large[key]:>12,.0f}{large[key] / small[key]:10.1f} x {unit}")
    print(f"{'peak memory':28}{small['peak_gb']:10.2f} GB{large['peak_gb']:8.2f} GB")


if __name__ == "__main__":
    main()
