"""Table extracts opened, changed and written back: how a test plants what a source system would never send.

Belongs here: a file's rows as dictionaries, by table. Does not belong here: what is planted, and what must come of it.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

Row = dict[str, str]


class Extracts:
    """The extracts of one system and night, read when they are first asked for."""

    def __init__(self, folder: Path, system: str, night: date) -> None:
        self._places = {
            path.name.removeprefix(f"{system}_").removesuffix(f"_{night:%Y%m%d}.csv.gz"): path
            for path in sorted((folder / system).glob(f"{system}_*_{night:%Y%m%d}.csv.gz"))
        }
        self._headers: dict[str, list[str]] = {}
        self._rows: dict[str, list[Row]] = {}

    def __getitem__(self, table: str) -> list[Row]:
        """Return the rows of a table as they stand in its file, blanks and all; change them, and save."""
        if table not in self._rows:
            with gzip.open(self._places[table], "rt", encoding="utf-8", newline="") as stream:
                header, *rows, trailer = csv.reader(stream)
            assert trailer == ["TRAILER", str(len(rows))]
            self._headers[table] = header
            self._rows[table] = [dict(zip(header, row, strict=True)) for row in rows]
        return self._rows[table]

    def where(self, table: str, **values: str) -> Iterator[Row]:
        """Yield the rows of a table that have these values, blanks around them aside."""
        return (row for row in self[table] if all(row[name].strip() == value for name, value in values.items()))

    def one(self, table: str, **values: str) -> Row:
        """Return the one row of a table that has these values."""
        (row,) = self.where(table, **values)
        return row

    def add(self, table: str, like: Mapping[str, str], **values: str) -> None:
        """Add a row like another one, with some values of its own."""
        assert values.keys() <= like.keys()
        self[table].append(dict(like) | values)

    def save(self) -> None:
        """Write the files that were looked at, each with a trailer that counts its rows."""
        for table, rows in self._rows.items():
            with gzip.open(self._places[table], "wt", encoding="utf-8", newline="") as stream:
                writer = csv.writer(stream, lineterminator="\n")
                writer.writerows([self._headers[table], *(row.values() for row in rows), ["TRAILER", len(rows)]])
