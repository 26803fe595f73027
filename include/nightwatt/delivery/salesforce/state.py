"""What the CRM has acknowledged: one row a record, in versioned Parquet, one version of which the ledger points at.

Belongs here: reading it for a delta, folding answers into it, switching to a new version in one step, making it again
from all answers. Does not belong here: reading answers as the CRM writes them (`answers`), and deciding what goes
(`delta`).

A version is written aside and whole on disk before the ledger's one transaction makes it count together with the
answers it knows. A process killed before leaves a file nobody points at, which the next version replaces.

Two things are known of a record: what the newest *answered* file made of it, and whether a newer file went out that
nobody answered. A record of the second kind is in doubt, and goes again whatever is acknowledged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from nightwatt import durable
from nightwatt.delivery.stamps import stamp_of
from nightwatt.duck import ident, text, text_list
from nightwatt.ledger import Ledger, acknowledgements
from nightwatt.ledger.acknowledgements import Expected
from nightwatt.ledger.models import Acknowledged
from nightwatt.settings import Settings

_HERE = Path(__file__).parent
KEPT_VERSIONS = 3

_KNOWN = (
    "external_id varchar, content_hash varchar, is_there boolean, remote_id varchar, dated date, "
    "acknowledged_at timestamp, stamp varchar, refused_part varchar, refused_stamp varchar"
)
ANSWERS = (
    "external_id varchar, content_hash varchar, remote_id varchar, dated date, part varchar, stamp varchar, "
    "answered_at timestamp, outcome varchar, error_code varchar"
)
"""The columns of the answers kept of one file."""


@dataclass(frozen=True)
class StateStore:
    """The acknowledged state of one delivery."""

    settings: Settings
    ledger: Ledger
    delivery: str

    def folder(self, object_name: str) -> Path:
        """Return where the versions of one object lie."""
        return self.settings.acknowledged / self.delivery / object_name

    def answer_path(self, expected: Expected) -> Path:
        """Return where the answer to one file is kept: keys and outcomes."""
        stamp = stamp_of(expected.sending.file_name)
        return self.folder(expected.answer.object_name) / "answers" / f"{stamp}.parquet"

    def current(self, object_name: str) -> Acknowledged | None:
        """Return the version that counts."""
        with self.ledger.read() as session:
            return acknowledgements.current(session, self.delivery, object_name)

    def load(self, con: duckdb.DuckDBPyConnection, object_name: str, known: str, doubted: str) -> None:
        """Make the two tables a delta compares with.

        Args:
            con: the connection.
            object_name: the object.
            known: quoted name of a table for what is acknowledged or was refused.
            doubted: quoted name of a table for the keys nobody has answered for since, with the date of each.
        """
        self._load_known(con, object_name, known)
        with self.ledger.read() as session:
            waiting = acknowledgements.still_open(session, self.delivery, object_name)
        con.execute("create or replace temp table _open_rows (external_id varchar, stamp varchar, dated date)")
        for expected in waiting:
            self._load_open(con, expected)
        con.execute(
            f"create or replace temp table {doubted} as "
            "select external_id, max(dated) as dated from _open_rows as sent "
            f"where not exists (select 1 from {known} as known "
            "where known.external_id = sent.external_id and known.stamp >= sent.stamp) group by external_id"
        )

    def _load_known(self, con: duckdb.DuckDBPyConnection, object_name: str, into: str) -> None:
        row = self.current(object_name)
        con.execute(f"create or replace temp table {into} ({_KNOWN})")
        if row is not None and row.path is not None:
            con.execute(f"insert into {into} by name select * from read_parquet({text(self.settings.root / row.path)})")

    def _load_open(self, con: duckdb.DuckDBPyConnection, expected: Expected) -> None:
        path = expected.answer.rows_path
        if path is not None and (self.settings.root / path).is_file():
            stamp = text(stamp_of(expected.sending.file_name))
            con.execute(
                f"insert into _open_rows select external_id, {stamp}, dated "
                f"from read_parquet({text(self.settings.root / path)})"
            )

    def fold(
        self,
        con: duckdb.DuckDBPyConnection,
        object_name: str,
        answers: Sequence[Path],
        into: str,
        *,
        from_nothing: bool = False,
        forget_before: date | None = None,
        waiting: Sequence[Expected] = (),
    ) -> int:
        """Fold answers into the state that counts, or into none; returns how many rows the result has.

        Args:
            con: an engine in memory.
            object_name: the object.
            answers: files of `ANSWERS`.
            into: quoted name of the table to make.
            from_nothing: make the state again from answers alone.
            forget_before: records dated before are the CRM's to remove, and are forgotten.
            waiting: files nobody has answered for; that a record is gone is kept in mind as long as one of them,
                older than that, might bring it back into doubt.
        """
        known = ident("_known_before")
        if from_nothing:
            con.execute(f"create or replace temp table {known} ({_KNOWN})")
        else:
            self._load_known(con, object_name, known)
        source = f"(select * from read_parquet({text_list([str(p) for p in answers])}))"
        if not answers:
            con.execute(f"create or replace temp table _no_answers ({ANSWERS})")
            source = "_no_answers"
        kept = f"(joined.dated is null or joined.dated >= {text(forget_before)})" if forget_before else "true"
        oldest = min((stamp_of(expected.sending.file_name) for expected in waiting), default=None)
        minded = f"joined.stamp > {text(oldest)}" if oldest else "false"
        statement = (_HERE / "state_folded.sql").read_text("utf-8")
        con.execute(statement.format(into=into, known=known, answers=source, is_kept=kept, is_minded=minded))
        found = con.execute(f"select count(*) from {into}").fetchone()
        return int(found[0]) if found else 0

    def write(self, con: duckdb.DuckDBPyConnection, object_name: str, table: str) -> Path:
        """Write a table as the next version, whole on disk; nobody looks at it until the ledger points there."""
        standing = self.current(object_name)
        final = self.folder(object_name) / f"v{(standing.version if standing else 0) + 1:06d}.parquet"
        return write_parquet(con, f"select * from {table} order by external_id", final)

    def remove_old(self, object_name: str) -> None:
        """Remove versions but the last ones, and any file a killed process left behind."""
        standing = self.current(object_name)
        newest = standing.version if standing else 0
        for path in self.folder(object_name).glob("v*.parquet*"):
            version = int(path.name[1:7])
            if path.suffix != ".parquet" or not newest - KEPT_VERSIONS < version <= newest:
                path.unlink()


def write_parquet(con: duckdb.DuckDBPyConnection, query: str, final: Path) -> Path:
    """Write a query's rows to a Parquet file in one step."""
    final.parent.mkdir(parents=True, exist_ok=True)
    aside = durable.aside_of(final)
    con.execute(f"copy ({query}) to {text(aside)} (format parquet, compression zstd)")
    durable.put_in_place(aside, final)
    return final
