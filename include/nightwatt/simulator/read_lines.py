"""Lines of the meter data files as bytes, millions at a time.

Here: the byte layout of an electric and a gas line, and the ways a planted line is broken.
Not here: which reads go into a file (`mdm`).

Every line is laid out at its widest in a byte matrix, with NUL where it is shorter; dropping the NULs leaves the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nightwatt.simulator.chance import I64, Bytes2D, digit_table
from nightwatt.simulator.read_events import MISSING, Observed

Lines = NDArray[np.void]


@dataclass(frozen=True)
class Layout:
    """How one kind of line is put together: owner, time, value, code, update time, all fixed width."""

    header: bytes
    owner: int  # width of the leading id columns
    time: int
    decimals: int
    delimiter: bytes
    between: bytes  # between value and code
    codes: tuple[bytes, ...]  # by ACTUAL, ESTIMATED, SUBSTITUTED, MISSING
    update: int
    time_first: bool = True

    @property
    def dtype(self) -> np.dtype[np.void]:
        fields = [
            ("owner", self.owner),
            ("time", self.time),
            ("whole", 4),
            ("point", 1),
            ("part", self.decimals),
        ]
        fields += [
            ("between", len(self.between)),
            ("code", len(self.codes[0])),
            ("comma", 1),
            ("update", self.update),
        ]
        return np.dtype([(name, f"V{width}") for name, width in [*fields, ("end", 1)]])


ELECTRIC = Layout(
    header=b"SP_ID,DEVICE_ID,COMP_TYPE,MSRMT_LOCAL_DTTM,UTC_OFFSET,MSRMT_VAL,UOM,COND_CD,LAST_UPDATE_DTTM\n",
    owner=35,
    time=27,
    decimals=3,
    delimiter=b",",
    between=b",KWH,",
    codes=(b"501000", b"301000", b"401000", b"201000"),
    update=19,
)
GAS = Layout(
    header=b"SP_ID|MODULE_ID|START_UTC|CCF|FLAG|UPDATED_UTC\n",
    owner=22,
    time=21,
    decimals=4,
    delimiter=b"|",
    between=b"|",
    codes=(b"A", b"E", b"S", b"\0"),
    update=20,
)
BAD_KINDS = ("bad_number", "bad_date", "unknown_code", "missing_column", "long_precision", "empty_point")


def as_items(rows: Bytes2D) -> Lines:
    """Look at each row of bytes as one item."""
    rows = np.ascontiguousarray(rows)
    return rows.view(f"V{rows.shape[1]}")[:, 0]


@lru_cache(maxsize=1)
def _whole_parts() -> Lines:
    digits = digit_table(4).copy()
    for column, limit in enumerate((1000, 100, 10)):
        digits[:limit, column] = 0  # no leading zeros before the decimal point
    return as_items(digits)


@lru_cache(maxsize=2)
def _decimal_parts(decimals: int) -> Lines:
    return as_items(digit_table(decimals))


def lay_out(layout: Layout, owners: Bytes2D, times: Bytes2D, updates: Bytes2D, seen: Observed) -> Lines:
    """Return the lines of some reads: one row per channel, one column per interval.

    Args:
        owners: id columns with their delimiters, one row per channel.
        times: time columns with their delimiter, one row per interval.
        updates: update time, one row per channel.
    """
    lines = np.empty(seen.values.shape, dtype=layout.dtype)
    lines["owner"] = as_items(owners)[:, None]
    lines["time"] = as_items(times)[None, :]
    whole, part = np.divmod(np.maximum(seen.values, 0), np.int32(10**layout.decimals))
    lines["whole"] = _whole_parts()[whole]
    lines["point"] = np.void(b".")
    lines["part"] = _decimal_parts(layout.decimals)[part]
    lines["between"] = np.void(layout.between)
    lines["code"] = np.void(layout.codes[0])
    lines["comma"] = np.void(layout.delimiter)
    lines["update"] = as_items(updates)[:, None]
    lines["end"] = np.void(b"\n")
    _mark_odd_ones(layout, lines, seen)
    return lines


def _mark_odd_ones(layout: Layout, lines: Lines, seen: Observed) -> None:
    at, step = np.nonzero(seen.codes)
    codes = seen.codes[at, step]
    lines["code"][at, step] = np.array([np.void(code) for code in layout.codes])[codes]
    gone = codes == MISSING
    for name, width in (("whole", 4), ("point", 1), ("part", layout.decimals)):
        lines[name][at[gone], step[gone]] = np.void(b"\0" * width)


def set_field(lines: Lines, name: str, where: tuple[I64, I64], rows: Bytes2D) -> None:
    """Overwrite one field of single lines."""
    lines[name][where] = as_items(rows)


def text_of(lines: Lines) -> bytes:
    """Return lines as text."""
    return lines.tobytes().translate(None, b"\0")


def broken(layout: Layout, line: bytes, kind: str) -> bytes:
    """Return a copy of a good line, broken in one way."""
    cells = line.rstrip(b"\n").split(layout.delimiter)
    time, value = (3, 5) if layout is ELECTRIC else (2, 3)
    number = cells[value] or b"0." + b"0" * layout.decimals
    match kind:
        case "bad_number":
            cells[value] = number.replace(b".", b"..")
        case "bad_date":
            cells[time] = cells[time][:5] + b"13-45" + cells[time][10:]
        case "unknown_code":
            cells[value], cells[-2] = number, b"777000" if layout is ELECTRIC else b"X"
        case "missing_column":
            del cells[value]
        case "long_precision":
            cells[value] = number + b"1234567"
        case _:
            cells[0] = b""
    return layout.delimiter.join(cells) + b"\n"
