"""One night end to end on simulated data, in one process: what `make run` starts.

Belongs here: a demo night's files, partners' SFTP servers on loopback, running the real DAGs with Airflow's
own `dag.test()`, and what the screen shows meanwhile. Does not belong here: any step of the night (the DAGs) and the
end screen (`nightwatt.cli.screen`).
"""

from __future__ import annotations

import contextlib
import os
import sys
from datetime import date, datetime
from datetime import time as wall_time

import airflow_home
import night_screen
from rich.console import Console

from nightwatt.calendar import Clock, clock_from, wall_instant
from nightwatt.errors import NightWattError
from nightwatt.settings import Settings

NIGHT = date(2026, 3, 9)
"""A Monday: its files carry the reads of Sunday 8 March, the day with 23 hours."""

BEGINS_AT = wall_time(0, 40)
CUSTOMERS = int(os.environ.get("NIGHTWATT_DEMO_CUSTOMERS", "400"))
HISTORY_DAYS = 3

RUNS = (
    ("billing_nightly", wall_time(0, 30)),
    ("usage_daily", wall_time(1, 0)),
    ("crm_delivery", wall_time(5, 15)),
    ("opower_interval_delivery", wall_time(5, 30)),
    ("opower_billing_delivery", wall_time(5, 45)),
)
"""The DAGs in the order of the night, with the wall-clock time at which each is due."""


def main() -> int:
    """Run the demo night; return 0 if every DAG succeeded."""
    settings = Settings()
    began = wall_instant(NIGHT, BEGINS_AT, settings.tz)
    # The ledger's clock: the demo's arrivals, publications and verdicts are those of the night, not of today.
    os.environ.setdefault("NIGHTWATT_CLOCK_AT", began.isoformat())
    clock = clock_from(datetime.fromisoformat(os.environ["NIGHTWATT_CLOCK_AT"]))
    airflow_home.prepare(settings)
    log_file = settings.root / "logs" / "run_night.log"
    with night_screen.quiet(log_file) as screen:
        console = Console(file=screen, width=None if screen.isatty() else 110)
        console.print(f"[bold]NightWatt[/] · the night of {NIGHT:%A %-d %B %Y} · {settings.zone}")
        console.print(f"[dim]home {settings.root} · full log {log_file}[/]\n")
        try:
            is_good = run(settings, console)
            show_night(console, clock)
        except NightWattError as e:
            night_screen.show_error(console, e)
            is_good = False
    return 0 if is_good else 1


def run(settings: Settings, console: Console) -> bool:
    """Prepare what the night needs and run its DAGs; return whether all succeeded."""
    with night_screen.step(console, "simulate a utility's files", "already there"):
        simulate(settings)
    with contextlib.ExitStack() as stack:
        with night_screen.step(console, "start the partners' SFTP servers on loopback"):
            airflow_home.start_partners(settings, stack)
        with night_screen.step(console, "open Airflow's metadata database"):
            airflow_home.migrate()
        from run_dag import run_dag  # imports Airflow, which reads the settings made above

        return all([run_dag(dag_id, wall_instant(NIGHT, due, settings.tz), console) for dag_id, due in RUNS])


def show_night(console: Console, clock: Clock) -> None:
    """Show the end screen, also of a night that went wrong."""
    from nightwatt.cli.screen import render_night
    from nightwatt.stages import Platform

    with Platform.open(started_by="run_night", clock=clock) as platform:
        render_night(platform, NIGHT, console)


def simulate(settings: Settings) -> None:
    """Write the demo night's files into the inbound folder, unless an earlier run did."""
    done = settings.root / f"simulated-{NIGHT}.txt"
    if done.exists():
        return
    from nightwatt.simulator import Utility, write_night

    write_night(
        Utility(customers=CUSTOMERS),
        night=NIGHT,
        folder=settings.inbound,
        history_days=HISTORY_DAYS,
        first_night=True,
    )
    done.write_text(f"{CUSTOMERS} customers\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
