"""What the warehouse remembers of its own builds, inside itself: delete the file and it is all forgotten.

Belongs here: the table `meta.builds`, one row per domain. Does not belong here: runs and publications,
which are the ledger's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from nightwatt.settings import Settings
from nightwatt.warehouse import duck_file

_CREATE = """
create schema if not exists meta;
create table if not exists meta.builds (
    domain varchar primary key,
    through_sequence bigint,
    store_version integer,
    built_at timestamp,
    dbt_invocation varchar,
    inputs_hash varchar,
    project_hash varchar,
    is_unfinished boolean not null
);
"""


@dataclass(frozen=True)
class LastBuild:
    """The last build of a domain that succeeded.

    `is_unfinished` says that another build began after it and did not end well: the tables may be a
    mixture until a build succeeds again, and must not be published.
    """

    domain: str
    through_sequence: int
    store_version: int | None
    built_at: datetime
    dbt_invocation: str
    inputs_hash: str
    project_hash: str
    is_unfinished: bool


def prepare(con: duckdb.DuckDBPyConnection) -> None:
    """Create the table where it is missing."""
    con.execute(_CREATE)


def last_build(con: duckdb.DuckDBPyConnection, domain: str) -> LastBuild | None:
    """Return the last successful build of a domain, or None when the warehouse has none."""
    known = con.execute(
        "select count(*) from duckdb_tables() where schema_name = 'meta' and table_name = 'builds' and not internal"
    ).fetchone()
    if not known or not known[0]:
        return None
    row = con.execute(
        "select through_sequence, store_version, built_at, dbt_invocation, inputs_hash, project_hash, is_unfinished "
        "from meta.builds where domain = ? and built_at is not null",
        [domain],
    ).fetchone()
    if row is None:
        return None
    through, version, built_at, invocation, inputs_hash, project_hash, is_unfinished = row
    at = built_at.replace(tzinfo=UTC)
    return LastBuild(domain, through, version, at, invocation, inputs_hash, project_hash, is_unfinished)


def last_build_of(settings: Settings, domain: str, timeout_s: float = 600) -> LastBuild | None:
    """Return the last successful build of a domain without a connection at hand; waits for a writer."""
    with duck_file.writer_lock(settings, f"look up the last build of {domain}", timeout_s):
        path = duck_file.warehouse_file(settings)
        if not path.exists():
            return None
        with duck_file.reader(settings, path) as con:
            return last_build(con, domain)


def begin(con: duckdb.DuckDBPyConnection, domain: str, *, is_full: bool) -> None:
    """Note that a build of a domain begins; until `record` its tables count as unfinished.

    A full build forgets the one before: should it be killed half-way, only another full build will do.
    """
    con.execute(
        "insert into meta.builds (domain, is_unfinished) values (?, true) "
        "on conflict (domain) do update set is_unfinished = true",
        [domain],
    )
    if is_full:
        con.execute("update meta.builds set built_at = null where domain = ?", [domain])


def record(con: duckdb.DuckDBPyConnection, build: LastBuild) -> None:
    """Note a build that succeeded."""
    con.execute(
        "insert or replace into meta.builds values (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            build.domain,
            build.through_sequence,
            build.store_version,
            build.built_at.astimezone(UTC).replace(tzinfo=None),
            build.dbt_invocation,
            build.inputs_hash,
            build.project_hash,
            build.is_unfinished,
        ],
    )
