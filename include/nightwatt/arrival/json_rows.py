"""Rows of JSON as exact text: numbers as they were sent, instants in UTC, null apart from the empty text.

Belongs here: reading an answer, finding what lies at a place in it, and one value as text. Does not belong here: asking
for answers (`http_session.py`), and what a column means (the contract, and intake when it reads the file).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from nightwatt.contracts.feed import Column

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS = re.compile(r"-?\d{9,15}")
_STAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*")
_MOST_DIGITS = 60


def parse(body: bytes) -> Any:
    """Read an answer. Numbers stay the text they were sent as.

    Raises:
        ValueError: it is no JSON.
    """
    return json.loads(body, parse_int=str, parse_float=_fraction, parse_constant=str)


def at(value: Any, place: str) -> Any:
    """Return what lies at a place (names joined by dots), None if nothing does; a name with dots in it comes first."""
    if not place:
        return value
    if not isinstance(value, Mapping):
        return None
    if place in value:
        return value[place]
    head, _, rest = place.partition(".")
    return at(value.get(head), rest) if rest else None


def text_of(value: Any, column: Column) -> str | None:
    """Return one value as text; lists and objects as JSON.

    An instant (with its offset, or a number of milliseconds) in a timestamp of UTC comes out as one: services write
    them in ways that contracts have no words for.
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if column.type == "timestamp" and column.format is None and column.zone == "UTC":
        instant = instant_of(value, None)
        return value if instant is None else instant.replace(tzinfo=None).isoformat(" ")
    return value


def instant_of(text: str, zone: ZoneInfo | None) -> datetime | None:
    """Return the instant a text means, in UTC; None if it means none.

    Args:
        text: milliseconds since 1970, or ISO.
        zone: the zone of texts without an offset (of a wall time that comes twice, the first); without it they mean
            no instant.
    """
    if _MILLISECONDS.fullmatch(text):
        return _EPOCH + timedelta(milliseconds=int(text))
    if not _STAMP.fullmatch(text):
        return None
    try:
        stamp = datetime.fromisoformat(text)
        if stamp.tzinfo is None:
            return stamp.replace(tzinfo=zone).astimezone(UTC) if zone else None
        return stamp.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _fraction(text: str) -> str:
    """Write a number with an exponent out in full, as long as that is a number people write."""
    number = Decimal(text)
    exponent = number.as_tuple().exponent
    is_short = isinstance(exponent, int) and abs(exponent) <= _MOST_DIGITS
    return format(number, "f") if is_short else text
