"""In-memory DuckDB with the settings every engine of the platform shares, and SQL quoting.

Belongs here: opening an engine that touches no database file, quoting names and text for SQL.
Does not belong here: opening a DuckDB file (only `warehouse` does) or any query.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from nightwatt.settings import Settings

_NO_DOWNLOADS: Mapping[str, str] = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}


def engine_settings(settings: Settings) -> Mapping[str, str]:
    """Return the DuckDB settings of this home: bounded memory, spill under the home, no downloads, UTC."""
    settings.scratch.mkdir(parents=True, exist_ok=True)
    chosen = {"memory_limit": settings.memory_limit, "temp_directory": str(settings.scratch), **_NO_DOWNLOADS}
    if settings.threads:
        chosen["threads"] = str(settings.threads)
    return chosen


@contextmanager
def memory_engine(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an engine that shares nothing with any other process; closed on leaving."""
    con = duckdb.connect(":memory:", config=dict(engine_settings(settings)))
    try:
        prepare(con)
        yield con
    finally:
        con.close()


@contextmanager
def private_engine(memory_limit: str = "1GB") -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an engine for work on a single file, without a home: bounded memory, spill to a folder gone afterwards."""
    with TemporaryDirectory(prefix="nightwatt-") as spill:
        chosen = {"memory_limit": memory_limit, "temp_directory": spill, **_NO_DOWNLOADS}
        con = duckdb.connect(":memory:", config=dict(chosen))
        try:
            prepare(con)
            yield con
        finally:
            con.close()


def prepare(con: duckdb.DuckDBPyConnection) -> None:
    """Set what cannot be given at connect time: quiet, and UTC as the session's zone."""
    con.execute("SET enable_progress_bar = false")
    con.execute("SET TimeZone = 'UTC'")


def ident(name: str) -> str:
    """Quote an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def text(value: object) -> str:
    """Quote an SQL text literal."""
    return "'" + str(value).replace("'", "''") + "'"


def text_list(values: list[str] | list[Path] | tuple[str, ...]) -> str:
    """Quote an SQL list of text literals."""
    return "[" + ", ".join(text(v) for v in values) + "]"
