"""What was sent before, put on the checker's record, so that a new file is judged against all files before it.

Belongs here: rows of the archive's indexes handed to the checker as if it read the files once more, those of the
service points, accounts and premises that new files speak of. Does not belong here: judging (`checker_billing`), nor
any code of the writer.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import polars as pl

from nightwatt.delivery.opower.billing_profile import BillingProfile, FileKind
from nightwatt.delivery.opower.checker_billing import BillingRows
from nightwatt.delivery.opower.checker_lines import LINE
from nightwatt.delivery.opower.checker_record import Record
from nightwatt.delivery.opower.findings import Collector
from nightwatt.duck import ident, text, text_list

_BATCH = 200_000
_SUBJECTS = ("service_point_id", "account_id", "premise_id")


def put_on_record(
    record: Record,
    con: duckdb.DuckDBPyConnection,
    profile: BillingProfile,
    indexes: Sequence[Path],
    new_files: Sequence[Path] | None,
) -> None:
    """Put what files sent before said on record, in the order of their arrival.

    Args:
        record: takes it; customers first, as the partner got them.
        con: the record's engine.
        profile: of the files.
        indexes: of the files sent before, in order of arrival.
        new_files: packed files that will be judged, and of whose subjects alone the record is made; of all if None.
    """
    if not indexes or (new_files is not None and not new_files):
        return
    if new_files is not None:
        _note_subjects(con, profile, new_files)
    paths = text_list([str(p) for p in indexes])
    known = {str(r[0]) for r in con.execute(f"describe from read_parquet({paths}, union_by_name = true)").fetchall()}
    told: tuple[tuple[FileKind, str, str], ...] = (
        ("customer", "account_id", " or ".join(f"{n} in (select {n} from new_subject)" for n in _SUBJECTS)),
        ("usage", "date_to", "service_point_id in (select service_point_id from new_subject)"),
    )
    for kind, telling, of_subjects in told:
        condition = "true" if new_files is None else of_subjects
        rows = BillingRows(profile, kind, record, Collector())
        cells = [f"coalesce({ident(n)}, '') as {ident(n)}" if n in known else f"'' as {ident(n)}" for n in rows.names]
        if telling in known:
            query = (
                f"select {', '.join(cells)}, "
                f"row_number() over (order by list_position({paths}, filename), _line) as {LINE} "
                f"from read_parquet({paths}, union_by_name = true, filename = true) "
                f"where coalesce({ident(telling)}, '') <> '' and ({condition}) order by {LINE}"
            )
            _look_again(rows, con.cursor().sql(query))
        record.finish_file(kind, Collector())


def _look_again(rows: BillingRows, sent: duckdb.DuckDBPyRelation) -> None:
    for batch in sent.to_arrow_reader(_BATCH):
        frame = pl.from_arrow(batch)
        assert isinstance(frame, pl.DataFrame)  # noqa: S101  (a batch is one)
        rows.look(frame)


def _note_subjects(con: duckdb.DuckDBPyConnection, profile: BillingProfile, new_files: Sequence[Path]) -> None:
    """Make a table of the service points, accounts and premises the new files name, read from the files themselves."""
    con.execute(f"create or replace table new_subject ({', '.join(f'{n} varchar' for n in _SUBJECTS)})")
    for path in new_files:
        con.execute(
            f"insert into new_subject by name select distinct columns(lambda name: name in {_SUBJECTS}) "
            f"from read_csv({text(path)}, delim = {text(profile.text.delimiter)}, quote = '', escape = '', "
            "header = true, all_varchar = true, compression = 'gzip')"
        )
