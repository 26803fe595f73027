"""Where the fields of an IDoc flat file's records lie: control record, data record, status record.

Belongs here: the layouts as data, once. Does not belong here: what a customer's segments hold (the feed's
columns) and reading them (intake).

Offsets are counted from 0, lengths in characters. The control record EDI_DC40 has 36 fields and 524
characters, the data record EDI_DD40 a head of 63 and 1000 of segment data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from types import MappingProxyType

CONTROL_TABLE = "EDI_DC40"
STATUS_TABLE = "EDI_DS40"


@dataclass(frozen=True)
class Place:
    """Where a field lies in its record."""

    offset: int
    length: int


def _places(fields: Sequence[tuple[str, int]]) -> Mapping[str, Place]:
    starts = accumulate((length for _, length in fields), initial=0)
    return MappingProxyType({name: Place(start, length) for (name, length), start in zip(fields, starts, strict=False)})


CONTROL = _places(
    [
        ("TABNAM", 10), ("MANDT", 3), ("DOCNUM", 16), ("DOCREL", 4), ("STATUS", 2), ("DIRECT", 1), ("OUTMOD", 1),
        ("EXPRSS", 1), ("TEST", 1), ("IDOCTYP", 30), ("CIMTYP", 30), ("MESTYP", 30), ("MESCOD", 3), ("MESFCT", 3),
        ("STD", 1), ("STDVRS", 6), ("STDMES", 6), ("SNDPOR", 10), ("SNDPRT", 2), ("SNDPFC", 2), ("SNDPRN", 10),
        ("SNDSAD", 21), ("SNDLAD", 70), ("RCVPOR", 10), ("RCVPRT", 2), ("RCVPFC", 2), ("RCVPRN", 10),
        ("RCVSAD", 21), ("RCVLAD", 70), ("CREDAT", 8), ("CRETIM", 6), ("REFINT", 14), ("REFGRP", 14),
        ("REFMES", 14), ("ARCKEY", 70), ("SERIAL", 20),
    ]
)  # fmt: skip
"""The control record: one opens each IDoc and says its number, type, sender and receiver."""

DATA = _places(
    [("SEGNAM", 30), ("MANDT", 3), ("DOCNUM", 16), ("SEGNUM", 6), ("PSGNUM", 6), ("HLEVEL", 2), ("SDATA", 1000)]
)
"""The data record: one segment of an IDoc, with its own number and its parent's."""

STATUS = _places([("TABNAM", 10), ("MANDT", 3), ("DOCNUM", 16), ("LOGDAT", 8), ("LOGTIM", 6), ("STATUS", 2)])
"""The status record as far as it is read; messages and their parameters follow."""


def width(record: Mapping[str, Place]) -> int:
    """Return how many characters a record has."""
    return sum(place.length for place in record.values())


CONTROL_WIDTH = width(CONTROL)
DATA_WIDTH = width(DATA)
DATA_HEAD = DATA["SDATA"].offset
SDATA_LENGTH = DATA["SDATA"].length
STATUS_WIDTH = width(STATUS)
