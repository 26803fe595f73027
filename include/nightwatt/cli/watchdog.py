"""`nightwatt watchdog`: look after the night from outside Airflow, once or for as long as it runs.

Belongs here: signals, exit codes and what is printed. Does not belong here: a look (`stages.watchdog`).
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
from functools import partial
from typing import Annotated

import typer

from nightwatt import log
from nightwatt.cli.context import Context

ALL_WELL, ALERTS, BLIND = 0, 1, 2


def watchdog(
    ctx: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Look once and end; for cron.")] = False,
    every: Annotated[int, typer.Option(min=1, help="Seconds between two looks.")] = 60,
) -> None:
    """Look after the night: open and close alerts, tell people. Exit code of --once: 0 all is well, 1 alerts, 2 blind.

    Runs until it is told to stop. Stopped by Ctrl-C it is not missed; stopped by a signal it is.
    """
    context: Context = ctx.obj
    if once:
        raise typer.Exit(_look_once(context))
    _keep_looking(context, every)


def _look_once(context: Context) -> int:
    from sqlalchemy.exc import SQLAlchemyError

    from nightwatt.errors import NightWattError
    from nightwatt.stages.platform import Platform
    from nightwatt.stages.watchdog import look

    try:
        with Platform.open("watchdog", context.settings(), context.catalog_folder) as platform:
            summary = look(platform, None)
    except (NightWattError, SQLAlchemyError, OSError) as e:
        reason = str(e) if isinstance(e, NightWattError) else type(e).__name__
        sys.stderr.write(f"could not look: {reason}\n")
        return BLIND
    for line in summary.lines():
        sys.stdout.write(line + "\n")
    return ALL_WELL if summary.is_good else ALERTS


def _keep_looking(context: Context, every: int) -> None:
    from nightwatt.stages.platform import Platform
    from nightwatt.stages.watchdog import keep_looking, take_leave

    log.configure(logging.INFO)
    stop = threading.Event()
    by_hand = threading.Event()

    def heard(number: int, _frame: object) -> None:
        if number == signal.SIGINT:
            by_hand.set()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, heard)
    opened = partial(Platform.open, "watchdog", context.settings(), context.catalog_folder)
    keep_looking(opened, every, stop)
    if by_hand.is_set():
        with opened() as platform:
            take_leave(platform)
