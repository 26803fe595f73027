"""What the screen shows while the demo night runs.

Belongs here: keeping the screen to ourselves, lines of progress, errors in plain words. Does not belong here: the end
screen, which every user of the command line gets (`nightwatt.cli.screen`).
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.markup import escape

from nightwatt.errors import NightWattError


@contextlib.contextmanager
def quiet(log_file: Path) -> Iterator[TextIO]:
    """Send what everybody prints to a file, down to the descriptors; yield the real screen.

    Airflow, dbt and their libraries write to standard output in a dozen ways. The screen is ours; the log keeps it all.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    screen_fd, error_fd = os.dup(1), os.dup(2)
    with log_file.open("w", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        try:
            with os.fdopen(screen_fd, "w", encoding="utf-8", closefd=False) as screen:
                yield screen
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(screen_fd, 1)
            os.dup2(error_fd, 2)
            os.close(screen_fd)
            os.close(error_fd)


@contextlib.contextmanager
def step(console: Console, what: str, quick: str = "") -> Iterator[None]:
    """Show one step of the preparation and how long it took."""
    began = time.perf_counter()
    with console.status(what):
        yield
    seconds = time.perf_counter() - began
    note = f" [dim]({quick})[/]" if quick and seconds < 0.05 else ""
    console.print(line("[green]✓[/]", what, seconds) + note)


def line(mark: str, what: str, seconds: float) -> str:
    """Return one line of progress."""
    return f"  {mark} {what:<58}[dim]{seconds:6.1f} s[/]"


def show_error(console: Console, error: BaseException | str | None) -> None:
    """Say what went wrong and what to do."""
    if isinstance(error, NightWattError):
        console.print(f"[red]{escape(error.message)}[/] [dim]({error.code})[/]")
        if error.remedy:
            console.print(f"[yellow]→ {escape(error.remedy)}[/]")
    else:
        name = type(error).__name__ if isinstance(error, BaseException) else "error"
        console.print(f"[red]{name}: {escape(str(error))}[/]\n[yellow]→ the log named above has the whole story[/]")
