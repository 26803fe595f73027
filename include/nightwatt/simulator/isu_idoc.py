"""Some of SAP's tables as IDoc flat files, as a customer's own message types would send them.

Here: the segments' layouts as data, and the files: control records, data records, done-markers.
Not here: the rows (`isu`). There is no standard IDoc for accounts or bills: types and segments are the customer's own,
`ZISU_<TABLE>01` of message type `ZISU_<TABLE>`, with one segment `Z1<TABLE>` a row.

A record is a line, padded to its full width: 524 characters of EDI_DC40, 1063 of EDI_DD40. Up to fifty rows share an
IDoc; where nothing changed, one without segments says so. A number (DOCNUM) says the night, the table and which of its
IDocs it is, so none is ever given twice. No broken records are planted here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from types import MappingProxyType

import polars as pl

from nightwatt.simulator.extract import same
from nightwatt.simulator.files import TextFile, remove_old, write_plain
from nightwatt.simulator.isu import CHUNK, nights_rows
from nightwatt.simulator.isu_rows import CLIENT
from nightwatt.simulator.utility import FileSummary, Utility

Fields = tuple[tuple[str, int], ...]

_LAST: Fields = (("DI_OPERATION_TYPE", 1), ("EXTRACTED_AT", 14))
ISU_SEGMENTS: Mapping[str, Fields] = MappingProxyType(
    {
        "but000": (
            ("PARTNER", 10), ("TYPE", 1), ("NAME_FIRST", 40), ("NAME_LAST", 40), ("NAME_ORG1", 40), ("NAME_ORG2", 40),
            ("NAME_ORG3", 40), ("NAME_ORG4", 40), ("BU_LANGU", 1), ("BIRTHDT", 8), ("XDELE", 1), ("XBLCK", 1),
            ("ZZLIFESUPP", 1), *_LAST,
        ),
        "fkkvk": (("VKONT", 12), ("VKTYP", 2), ("VKBEZ", 35), ("LOEVM", 1), ("ERDAT", 8), *_LAST),
        "fkkvkp": (
            ("VKONT", 12), ("GPART", 10), ("VKPBZ", 2), ("KTOKL", 4), ("LOEVM", 1), ("EZAWE", 1),
            ("SENDCONTROL_RH", 4), ("WAERS", 5), *_LAST,
        ),
        "ever": (
            ("VERTRAG", 10), ("ANLAGE", 10), ("VKONTO", 12), ("SPARTE", 2), ("BUKRS", 4), ("VBEGINN", 8), ("VENDE", 8),
            ("EINZDAT", 8), ("AUSZDAT", 8), ("BSTATUS", 2), ("VREFER", 20), ("LOEVM", 1), ("ERDAT", 8), ("AEDAT", 8),
            *_LAST,
        ),
        "erdk": (
            ("OPBEL", 12), ("PARTNER", 10), ("VKONT", 12), ("TOTAL_AMNT", 15), ("TOTAL_WAER", 5), ("FAEDN", 8),
            ("BLDAT", 8), ("DRUCKDAT", 8), ("STOKZ", 1), ("INTOPBEL", 12), ("SIMULATED", 1), ("INVOICED", 1),
            ("TOBRELEASD", 1), ("ERGRD", 2), *_LAST,
        ),
    }
)  # fmt: skip
"""What each segment holds: fields in order, with their widths in characters. The client is the record's own."""

ROWS_AN_IDOC = 50
_SEGMENT_DATA = 1000

# The control record in order: what each field says, and its width. Blank where nothing is said.
_CONTROL: Fields = (
    ("EDI_DC40", 10), (CLIENT, 3), ("{number}", 16), ("756", 4), ("03", 2), ("1", 1), ("4", 1), ("", 1), ("", 1),
    ("ZISU_{table}01", 30), ("", 30), ("ZISU_{table}", 30), ("", 3), ("", 3), ("", 1), ("", 6), ("", 6),
    ("SAPISU", 10), ("LS", 2), ("", 2), ("ISUCLNT100", 10), ("", 21), ("", 70),
    ("NIGHTWATT", 10), ("LS", 2), ("", 2), ("NIGHTWATT", 10), ("", 21), ("", 70),
    ("{day}", 8), ("013000", 6), ("", 14), ("", 14), ("", 14), ("", 70), ("{day}013000", 20),
)  # fmt: skip


def write_isu_idocs(
    utility: Utility, night: date, folder: Path, *, first_night: bool, chunk: int = CHUNK
) -> list[FileSummary]:
    """Write a night's IDoc files, each followed by its done-marker."""
    names = {table: f"isu_{table}_{night:%Y%m%d}.idoc" for table in ISU_SEGMENTS}
    for name in names.values():
        remove_old(folder, f"{name}.done", name)
    with ExitStack() as stack:
        files = {table: stack.enter_context(TextFile(folder, name)) for table, name in names.items()}
        out = {table: _IdocFile(file, night, table) for table, file in files.items()}
        for tables in nights_rows(utility, night, first_night=first_night, chunk=chunk):
            for table, file in out.items():
                file.add(tables[table])
        for file in out.values():
            file.finish()
    markers = [write_plain(folder, f"{name}.done", b"") for name in names.values()]
    return [*(file.summary() for file in files.values()), *markers]


def segment_lines(rows: pl.DataFrame, table: str) -> pl.Series:
    """Return the segment data of rows: every field at its width, the whole at 1000 characters."""
    cells = [pl.col(name).fill_null("").str.pad_end(width) for name, width in ISU_SEGMENTS[table]]
    return rows.select(pl.concat_str(cells).str.pad_end(_SEGMENT_DATA)).to_series()


class _IdocFile:
    """One file in the making: rows are held back until they fill an IDoc."""

    def __init__(self, file: TextFile, night: date, table: str) -> None:
        self._file, self._night, self._table = file, night, table
        self._count = 0
        self._waiting = pl.Series([], dtype=pl.String)

    def add(self, rows: pl.DataFrame) -> None:
        """Append rows, in whole IDocs."""
        self._waiting = pl.concat([self._waiting, segment_lines(rows, self._table)])
        whole = len(self._waiting) // ROWS_AN_IDOC * ROWS_AN_IDOC
        for first in range(0, whole, ROWS_AN_IDOC):
            self._write(self._waiting[first : first + ROWS_AN_IDOC])
        self._waiting = self._waiting[whole:]

    def finish(self) -> None:
        """Write the last IDoc, which may be a short one; an empty one where it is the only one."""
        if len(self._waiting) or self._count == 0:
            self._write(self._waiting)

    def _write(self, segments: pl.Series) -> None:
        self._count += 1
        number = f"{self._night:%Y%m%d}{list(ISU_SEGMENTS).index(self._table):02d}{self._count:06d}"
        heads = _heads(f"Z1{self._table.upper()}", number, len(segments))
        lines = [control_record(self._night, self._table, number), *(heads + segments).to_list()]
        self._file.add("".join(f"{line}\n" for line in lines).encode(), len(segments))


def _heads(segment: str, number: str, count: int) -> pl.Series:
    """Return what stands before the data: segment, client, IDoc, the segment's number, no parent, first level."""
    numbers = pl.int_range(1, count + 1, eager=True).cast(pl.String).str.zfill(6)
    return same(f"{segment:30}{CLIENT}{number}", count) + numbers + "00000001"


def control_record(night: date, table: str, number: str) -> str:
    """Return the record that opens an IDoc."""
    said = {"number": number, "table": table.upper(), "day": f"{night:%Y%m%d}"}
    return "".join(_fields(said))


def _fields(said: dict[str, str]) -> Iterator[str]:
    for text, width in _CONTROL:
        yield text.format(**said).ljust(width)
