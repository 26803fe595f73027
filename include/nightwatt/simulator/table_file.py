"""One table extract in the making: header, rows, planted broken line, trailer.

Here: rows as comma separated text, the same way for every system that sends tables.
Not here: which tables there are (`ccb`, `isu`), compression and names (`files`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from io import BytesIO

import polars as pl

from nightwatt.simulator.files import TextFile
from nightwatt.simulator.utility import FileSummary

_ENOUGH_ROWS = 1000  # a small file stays whole: one broken line would be too large a share of it


@dataclass(frozen=True)
class Break:
    """How one copy of a table's last line is broken, and at which column."""

    kind: str  # bad_number, bad_date, missing_column, empty_key
    column: str
    wrong_end: bytes = b""  # of a bad date: what its last characters become


class TableFile:
    """One extract in the making."""

    def __init__(self, file: TextFile, breaks: Break | None) -> None:
        self._file, self._break = file, breaks
        self._columns: list[str] = []
        self._last_line = b""
        self._bad: dict[str, int] = {}

    def add(self, frame: pl.DataFrame) -> None:
        """Append rows; the first ones, though there be none, give the header."""
        if not self._columns:
            self._columns = frame.columns
            self._file.add(",".join(frame.columns).encode() + b"\n")
        if frame.height == 0:
            return
        buffer = BytesIO()
        frame.write_csv(
            buffer,
            include_header=False,
            quote_style="necessary",
            float_precision=2,
            date_format="%Y-%m-%d",
            datetime_format="%Y-%m-%d-%H.%M.%S",
        )
        text = buffer.getvalue()
        self._last_line = text[text.rfind(b"\n", 0, -1) + 1 :]
        self._file.add(text, frame.height)

    def finish(self) -> None:
        """Append the broken line, where one is planted, and the trailer."""
        if self._break and self._file.rows >= _ENOUGH_ROWS:
            self._file.add(_broken(self._last_line, self._break, self._columns.index(self._break.column)), 1)
            self._bad[self._break.kind] = 1
        self._file.add(f"TRAILER,{self._file.rows}\n".encode())

    def summary(self) -> FileSummary:
        """Report the finished file; call it after the file is closed."""
        return replace(self._file.summary(), bad=dict(self._bad))


def _broken(line: bytes, how: Break, place: int) -> bytes:
    cells = line.rstrip(b"\n").split(b",")
    match how.kind:
        case "bad_number":
            cells[place] += b".X"
        case "bad_date":
            cells[place] = cells[place][: -len(how.wrong_end)] + how.wrong_end
        case "missing_column":
            del cells[place]
        case _:
            cells[place] = b""
    return b",".join(cells) + b"\n"
