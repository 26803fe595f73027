"""Records of an IDoc flat file, written field by field as SAP documents their widths.

Belongs here: an independent writer for tests; it shares nothing with the reader. Does not belong here: what is
wrong with a file (each test says).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


def control(
    number: int | str,
    *,
    idoc_type: str = "ZISU_BP01",
    message_type: str = "ZISU_BP",
    client: str = "100",
    status: str = "30",
    sender: str = "ISUCLNT100",
    created: str = "20260308",
) -> str:
    """Return a control record: 524 characters."""
    docnum = f"{number:016d}" if isinstance(number, int) else f"{number:<16}"
    head = f"{'EDI_DC40':<10}{client:<3}{docnum}{'750 '}{status:<2}1{'':<3}"  # to TEST: 39
    types = f"{idoc_type:<30}{'':<30}{message_type:<30}{'':<3}{'':<3}"  # to MESFCT: 135
    standard = f"{'':<1}{'':<6}{'':<6}"  # to STDMES: 148
    sends = f"{'SAPISU':<10}LS{'':<2}{sender:<10}{'':<21}{'':<70}"  # to SNDLAD: 263
    receives = f"{'NIGHTWATT':<10}LS{'':<2}{'NIGHTWATT':<10}{'':<21}{'':<70}"  # to RCVLAD: 378
    times = f"{created:<8}{'010203':<6}{'':<14}{'':<14}{'':<14}{'':<70}{created + '010203':<20}"
    record = head + types + standard + sends + receives + times
    assert len(record) == 524
    return record


def segment(
    number: int, place: int, name: str, data: str, *, parent: int | None = 0, level: int = 1, client: str = "100"
) -> str:
    """Return a data record: 63 characters of head and 1000 of data."""
    above = "      " if parent is None else f"{parent:06d}"
    record = f"{name:<30}{client:<3}{number:016d}{place:06d}{above}{level:02d}{data:<1000}"
    assert len(record) == 1063
    return record


def status(number: int, code: str, at: str = "20260308010203") -> str:
    """Return the part of a status record that says something, and some of what follows."""
    return f"{'EDI_DS40':<10}100{number:016d}{at}{code:<2}{'SAP':<3}{'E0':<20}{'001':<3}"


@dataclass(frozen=True)
class Partner:
    """One row of the test's segment map."""

    partner: str
    name: str = ""
    born: str = "19700101"

    @property
    def data(self) -> str:
        """Return the segment's data."""
        return f"{self.partner:<10}{self.name:<40}{self.born:<8}"


def idoc(number: int, partners: Sequence[Partner], **more: str) -> list[str]:
    """Return the records of an IDoc with one segment a partner."""
    return [
        control(number, **more),
        *(segment(number, place, "Z1BUT000", p.data) for place, p in enumerate(partners, start=1)),
    ]


def text_of(*idocs: Sequence[str], end: str = "\n") -> str:
    """Return a flat file."""
    return "".join(record + end for records in idocs for record in records)
