"""Running one DAG in this process, with a line on the screen for each task.

Belongs here: `dag.test()` and listening to it. Does not belong here: any order of tasks (the DAG files have it).
Imports Airflow: prepare its home first (`airflow_home.py`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from airflow.listeners import hookimpl
from airflow.sdk import DAG
from airflow.sdk.listener import get_listener_manager
from night_screen import line, show_error
from rich.console import Console
from rich.status import Status

from nightwatt.errors import TerminalError


def run_dag(dag_id: str, due: datetime, console: Console) -> bool:
    """Run a DAG as Airflow would have at its time; return whether it succeeded."""
    dag = dags()[dag_id]
    began = time.perf_counter()
    console.print(f"\n[bold]{dag_id}[/] [dim]{dag.description}[/]")
    with console.status(dag_id) as status, listening(Progress(console, status)) as progress:
        dag_run = dag.test(run_after=due, logical_date=due)
    is_good = str(dag_run.state) == "success"
    console.print(line("[green]✓[/]" if is_good else "[red]✗[/]", str(dag_run.state), time.perf_counter() - began))
    for task_id, error in progress.errors.items():
        console.print(f"\n[red bold]{task_id} failed[/]")
        show_error(console, error)
    return is_good


@cache
def dags() -> dict[str, DAG]:
    """Return the DAGs of the folder, made ready for `dag.test()`."""
    bag = DagBag(dag_folder=os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    if bag.import_errors:
        raise TerminalError("dags.broken", "\n".join(bag.import_errors.values()), "correct the DAG files")
    for dag in bag.dags.values():
        # dag.test() of Airflow 3.3 trips over any deadline when a run succeeds; only the scheduler watches them anyway.
        dag.deadline = None
        for task in dag.tasks:
            task.retries = 0  # somebody is watching: say at once what is wrong
    return dict(bag.dags)


class Progress:
    """Prints a line as each task ends; Airflow calls the hooks."""

    def __init__(self, console: Console, status: Status) -> None:
        self.console = console
        self.status = status
        self.began: dict[str, float] = {}
        self.errors: dict[str, BaseException | str | None] = {}

    @hookimpl
    def on_task_instance_running(self, task_instance: Any) -> None:
        """Show what is being done; a task that waited for files begins twice."""
        self.began.setdefault(task_instance.task_id, time.perf_counter())
        self.status.update(task_instance.task_id)

    @hookimpl
    def on_task_instance_success(self, task_instance: Any) -> None:
        """Show what was done."""
        self._ended("[green]✓[/]", task_instance.task_id)

    @hookimpl
    def on_task_instance_skipped(self, task_instance: Any) -> None:
        """Show what had nothing to do."""
        self._ended("[yellow]-[/]", task_instance.task_id)

    @hookimpl
    def on_task_instance_failed(self, task_instance: Any, error: BaseException | str | None) -> None:
        """Show what failed and keep why."""
        self._ended("[red]✗[/]", task_instance.task_id)
        self.errors[task_instance.task_id] = error

    def _ended(self, mark: str, task_id: str) -> None:
        seconds = time.perf_counter() - self.began.pop(task_id, time.perf_counter())
        self.console.print(line(mark, task_id, seconds))


@contextmanager
def listening(progress: Progress) -> Iterator[Progress]:
    """Have Airflow tell the progress what happens, for the length of a block."""
    listeners = get_listener_manager()
    listeners.add_listener(progress)
    try:
        yield progress
    finally:
        listeners.pm.unregister(progress)
