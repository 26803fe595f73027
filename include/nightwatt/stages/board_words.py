"""Small words: numbers with their nouns, wall-clock times, lengths of time, lists that end in "and".

Belongs here: pure functions from a value to plain English. Does not belong here: any judgement.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo


def counted(number: int, noun: str) -> str:
    """Say `1 file`, `1,204 files`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def clock_time(instant: datetime, zone: ZoneInfo, day: date | None = None) -> str:
    """Say `05:12`, and the date too where it is not that of `day`."""
    local = instant.astimezone(zone)
    return f"{local:%H:%M}" if day is None or local.date() == day else f"{local:%a %d %b, %H:%M}"


def listed(names: Sequence[str], most: int = 3) -> str:
    """Say `a`, `a and b`, `a, b and c`, `a, b and 4 others`."""
    if not names:
        return ""
    if len(names) == 1:
        return names[0]
    if len(names) <= most:
        return f"{', '.join(names[:-1])} and {names[-1]}"
    shown = names[: most - 1]
    return f"{', '.join(shown)} and {len(names) - len(shown)} others"


def sentence(text: str) -> str:
    """Begin with a capital letter, unless the first word is a name with an underscore, and end with a stop."""
    first = text.split(" ", 1)[0]
    started = text if "_" in first or not text else text[0].upper() + text[1:]
    return started if started.endswith((".", "!", "?")) or not started else f"{started}."
