"""Reading the published warehouse: for deliveries and pages, and for people's own SQL.

Belongs here: read-only connections, opened per request and closed at once, and the fence around SQL that
people type. Does not belong here: how results are shown (the command line) and any fixed query.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from nightwatt import duck
from nightwatt.errors import TerminalError
from nightwatt.settings import Settings
from nightwatt.warehouse import audiences, duck_file, versions
from nightwatt.warehouse.messages import without_values

_EXPLAIN = re.compile(r"\s*explain\s+(analyze\s+)?", re.IGNORECASE)
_BATCH = 50_000


@contextmanager
def published(settings: Settings, audience: str | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the published warehouse read-only, as it stands now, for the length of a block.

    A publication meanwhile changes nothing for the block: it goes on seeing what it opened.

    Args:
        settings: the home.
        audience: what this audience sees of it, and nothing else; all of it otherwise.

    Raises:
        TerminalError: `publish.none` when nothing is published yet; `audience.unknown`.
    """
    path = versions.published_file(settings) if audience is None else _audience_file(settings, audience)
    if not path.exists():
        raise TerminalError("publish.none", "nothing is published yet", "run the night, or `nightwatt publish`")
    with duck_file.attached(settings, path) as con:
        yield con


def _audience_file(settings: Settings, audience: str) -> Path:
    known = audiences.shown(settings)
    if audience not in known:
        raise TerminalError(
            "audience.unknown",
            f"there is no audience {audience!r} that sees anything",
            f"known audiences: {', '.join(known) or 'none; publish first'}",
        )
    return audiences.file_of(settings, audience)


def run_sql(settings: Settings, sql: str, audience: str | None = None) -> pa.Table:
    """Run one query that a person typed on the published warehouse and return the whole answer.

    Args:
        settings: the home.
        sql: one SELECT (also FROM, VALUES, WITH, DESCRIBE, SHOW, SUMMARIZE) or EXPLAIN of one.
        audience: asked of what this audience sees.

    Raises:
        TerminalError: `sql.refused` for anything else than a query, `sql.failed` when it goes wrong;
            `audience.unknown`.
    """
    with stream_sql(settings, sql, audience) as batches, _plain_errors():
        return batches.read_all()


@contextmanager
def stream_sql(settings: Settings, sql: str, audience: str | None = None) -> Iterator[pa.RecordBatchReader]:
    """Run one query as `run_sql` does, for answers too large to hold."""
    with published(settings, audience) as con:
        _fence(con, settings, audience)
        statement = _only_a_query(con, sql)
        with _plain_errors():
            batches = con.sql(statement).to_arrow_reader(_BATCH)
        yield batches


def _fence(con: duckdb.DuckDBPyConnection, settings: Settings, audience: str | None) -> None:
    """Let the engine read nothing but what is published, and let nobody change that.

    The views need their Parquet, so access is cut down to those folders rather than off. DuckDB would let
    COPY write there; that only queries run is seen to before.
    """
    folders = [f"{versions.data_folder(settings)}/", f"{settings.reads}/"]
    if audience is not None:
        folders = [f"{audiences.data_of(settings, audience)}/"]
    con.execute(f"SET allowed_directories = {duck.text_list(folders)}")
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")


def _only_a_query(con: duckdb.DuckDBPyConnection, sql: str) -> str:
    with _plain_errors():
        statements = con.extract_statements(sql)
        if len(statements) == 1 and statements[0].type == duckdb.StatementType.EXPLAIN:
            inner = con.extract_statements(_EXPLAIN.sub("", statements[0].query, count=1))
        else:
            inner = statements
    if len(inner) != 1 or inner[0].type != duckdb.StatementType.SELECT:
        raise TerminalError(
            "sql.refused",
            "only one query at a time can run on the published warehouse, and it is read-only",
            "write one SELECT; `SHOW TABLES` lists what is there",
        )
    return str(statements[0].query)


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except (duckdb.Error, pa.ArrowException) as e:
        raise TerminalError(
            "sql.failed", without_values(str(e)), "`SHOW TABLES` and `DESCRIBE <table>` say what there is"
        ) from e
