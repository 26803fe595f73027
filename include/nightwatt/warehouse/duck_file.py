"""Opening DuckDB files: the writer's connection and the readers'. No other module opens one.

Belongs here: the warehouse's path, `writer` (lock and read-write connection), `reader` (read-only), and
`attached` (a published file seen from an engine of its own). Does not belong here: queries.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from nightwatt import duck, locks
from nightwatt.errors import TerminalError, TransientError
from nightwatt.settings import Settings

ATTACHED_AS = "nightwatt"
"""Catalog name of the published warehouse in a reader's engine."""


def warehouse_file(settings: Settings) -> Path:
    """Return the path of the DuckDB file that dbt builds."""
    return settings.warehouse / "warehouse.duckdb"


def lock_file(settings: Settings) -> Path:
    """Return the path of the writer's lock."""
    return settings.warehouse / "warehouse.lock"


@contextmanager
def writer_lock(settings: Settings, purpose: str, timeout_s: float = 600) -> Iterator[locks.HeldLock]:
    """Hold the writer's lock without a connection, for work in several steps (dbt opens the file itself)."""
    with locks.hold(
        lock_file(settings), purpose, code="warehouse.locked", timeout_s=timeout_s, what="the warehouse"
    ) as held:
        yield held


@contextmanager
def writer(
    settings: Settings, purpose: str, held: locks.HeldLock | None = None, timeout_s: float = 600
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse for writing, under the lock; checkpointed and closed on leaving.

    Args:
        settings: the home.
        purpose: what for, as another process should read it.
        held: the lock, when the caller holds it already.
        timeout_s: how long to wait for the lock otherwise.
    """
    if held is None:
        with writer_lock(settings, purpose, timeout_s) as taken, writer(settings, purpose, taken) as con:
            yield con
        return
    with open_for_writing(settings, warehouse_file(settings)) as con:
        yield con


@contextmanager
def open_for_writing(settings: Settings, path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a file that nobody else opens (yet), creating it where needed; checkpointed on a clean end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    con = _connect(settings, path, read_only=False)
    try:
        yield con
        con.execute("CHECKPOINT")
    finally:
        con.close()


@contextmanager
def reader(settings: Settings, path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB file read-only for the length of a block."""
    if not path.exists():
        raise TerminalError(
            "warehouse.none", f"there is no {path.name} yet", "build the warehouse first: `nightwatt build`"
        )
    con = _connect(settings, path, read_only=True)
    try:
        yield con
    finally:
        con.close()


@contextmanager
def attached(settings: Settings, path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Attach a published file, read-only, to an engine of its own that is thrown away afterwards.

    An engine is shared by all connections of a process to the same path, so a plain connection could
    go on seeing a file that was replaced meanwhile. An engine in memory is shared with nobody.
    """
    with duck.memory_engine(settings) as con:
        con.execute(f"ATTACH {duck.text(path)} AS {duck.ident(ATTACHED_AS)} (READ_ONLY)")
        con.execute(f"USE {duck.ident(ATTACHED_AS)}")
        yield con


def _connect(settings: Settings, path: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    try:
        con = duckdb.connect(str(path), read_only=read_only, config=dict(duck.engine_settings(settings)))
    except duckdb.IOException as e:
        if "lock" not in str(e).lower():
            raise TerminalError(
                "warehouse.unreadable",
                f"{path.name} cannot be opened as a DuckDB file",
                "the warehouse can be deleted and is rebuilt in full by the next build",
            ) from e
        holder = locks.holder_of(lock_file(settings))
        raise TransientError(
            "warehouse.locked",
            f"{path.name} is open in {holder or 'a process outside NightWatt'}",
            "close it there; read from the published warehouse instead (`nightwatt sql`)",
        ) from e
    try:
        duck.prepare(con)
    except BaseException:
        con.close()
        raise
    return con
