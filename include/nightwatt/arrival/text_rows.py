"""Values of a source as exact text: nothing rounded, nothing guessed, and null apart from the empty text.

Belongs here: one value as text, rows as batches of text columns, and batches cut to a size that memory holds. Does not
belong here: what a column means (the contract, and intake when it reads the file).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import islice
from typing import TypeVar
from uuid import UUID

import pyarrow as pa

from nightwatt.errors import TerminalError

ROWS_AT_ONCE = 20_000
"""Rows of one batch; fewer where they are long."""

_GROUP_ROWS = 200_000
_GROUP_BYTES = 16 << 20

Item = TypeVar("Item")
Result = TypeVar("Result")


def exact_text(value: object) -> str | None:
    """Return a value as text from which it could be had back; None for none.

    Instants with a zone come out in UTC, all of them without saying so: a contract's column says its zone. A binary
    fraction comes out as the shortest number that is it.

    Raises:
        TerminalError: `extract.unknown_type`.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return (value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value).isoformat(" ")
    if isinstance(value, int | float | date | time | UUID):
        return str(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    raise TerminalError(
        "extract.unknown_type",
        f"a source gave a {type(value).__name__}, which has no agreed text",
        "have the source offer a view that makes text or a number of this column",
    )


def text_schema(names: Sequence[str]) -> pa.Schema:
    """Return the schema of some columns of text."""
    return pa.schema([(name, pa.string()) for name in names])


def batches_of(names: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[pa.RecordBatch]:
    """Yield rows, given as values in the columns' order, as batches of text."""
    schema, rest = text_schema(names), iter(rows)
    while some := list(islice(rest, ROWS_AT_ONCE)):
        columns = [pa.array(map(exact_text, column), pa.string()) for column in zip(*some, strict=True)]
        yield pa.record_batch(columns, schema=schema)


def gathered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield batches put together to the size of a row group, never more than memory should hold at once."""
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        waiting.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= _GROUP_ROWS or size >= _GROUP_BYTES:
            yield pa.Table.from_batches(waiting)
            waiting, rows, size = [], 0, 0
    if waiting:
        yield pa.Table.from_batches(waiting)


def one_ahead(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield what becomes of items, in order, doing one while the next is fetched: two are in hand at most.

    It is for work in which Arrow lets go of the interpreter, so that reading, cutting and packing go on side by side.
    """
    with ThreadPoolExecutor(1) as beside:
        doing: Future[Result] | None = None
        for item in items:
            done, doing = doing, beside.submit(work, item)
            if done is not None:
                yield done.result()
        if doing is not None:
            yield doing.result()
