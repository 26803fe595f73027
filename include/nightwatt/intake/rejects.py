"""The reject store: every line put aside, with code, column, reason and raw text, as Parquet by load.

Belongs here: writing, listing and reading rejects. Does not belong here: counting them for the ledger's
readers (a summary row per code is written with the load). Raw text never leaves this store for a log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from nightwatt import durable
from nightwatt.settings import Settings

REASONS = {
    "row.required_blank": "a required field is blank",
    "row.bad_number": "the field is not a number, or too large",
    "row.too_precise": "the number carries more decimals than can be kept without rounding",
    "row.bad_date": "the field is not a date in the contract's form",
    "row.bad_time": "the field is not a time in the contract's form",
    "row.bad_timestamp": "the field is not a timestamp in the contract's form",
    "row.bad_offset": "the field is not an offset from UTC such as -05:00",
    "row.unknown_code": "the code is not in the contract's map",
    "row.skipped_hour": "the stamp lies in the hour that the spring change skips",
    "row.repeated_hour": "the stamp lies in the repeated hour of autumn and cannot be placed",
    "row.bad_slot": "the slot is not a whole number within the day",
    "row.slot_after_day_end": "the slot lies after the end of that local day",
}

_SCHEMA = pa.schema(
    [("receipt_id", pa.int64()), ("load_sequence", pa.int64()), ("line", pa.int64()), ("code", pa.string()),
     ("column_name", pa.string()), ("reason", pa.string()), ("raw", pa.string())]
)  # fmt: skip


@dataclass(frozen=True)
class Reject:
    """One line put aside."""

    line: int
    code: str
    column: str | None
    reason: str
    raw: str


def reject_path(settings: Settings, feed: str, sequence: int) -> Path:
    """Return where the rejects of a load lie."""
    return settings.rejects / feed / f"load={sequence}.parquet"


def write_rejects(path: Path, receipt_id: int, sequence: int, rejects: Sequence[Reject]) -> None:
    """Write the rejects of one load; aside first, so that a half file is never seen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {"receipt_id": receipt_id, "load_sequence": sequence, "line": r.line, "code": r.code,
         "column_name": r.column, "reason": r.reason, "raw": r.raw}
        for r in rejects
    ]  # fmt: skip
    aside = path.with_name(f".{path.name}.part")
    pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), aside, compression="zstd")
    durable.put_in_place(aside, path)


def read_rejects(path: Path) -> Iterator[Reject]:
    """Yield the rejects of one load in line order; nothing if it had none."""
    if not path.exists():
        return
    for row in pq.read_table(path).to_pylist():
        yield Reject(row["line"], row["code"], row["column_name"], row["reason"], row["raw"])


@dataclass(frozen=True)
class RejectPlace:
    """Where a line put aside stands and why, without its text: what may be shown outside the terminal."""

    line: int
    code: str
    column: str | None


def reject_places(path: Path, offset: int, limit: int) -> tuple[list[RejectPlace], int]:
    """Return some of the rejects of one load in line order, and how many there are; the text is not even read."""
    if not path.exists():
        return [], 0
    places = pq.read_table(path, columns=["line", "code", "column_name"])
    rows = places.slice(offset, limit).to_pylist()
    return [RejectPlace(row["line"], row["code"], row["column_name"]) for row in rows], places.num_rows


def summary(rejects: Sequence[Reject]) -> list[tuple[str, str | None, int, int]]:
    """Return (code, column, lines, first line) of each kind, most frequent first."""
    counts = Counter((r.code, r.column) for r in rejects)
    first: dict[tuple[str, str | None], int] = {}
    for r in rejects:
        first.setdefault((r.code, r.column), r.line)
    return [(code, column, n, first[code, column]) for (code, column), n in counts.most_common()]
