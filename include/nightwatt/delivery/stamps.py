"""The stamp in a file name, by which partners order what arrives together.

Belongs here: reading it, so that the courier can refuse to send an older file after a newer one. Does not
belong here: making names (the partner's folder).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from nightwatt.errors import TerminalError

_STAMP = re.compile(r"_(\d{14})\.[a-z]+$")


def stamp_of(name: str) -> str:
    """Return the 14 digits of a file name that say when it was made; they sort as text."""
    found = _STAMP.search(name)
    if not found:
        raise TerminalError(
            "delivery.name_stamp", f"{name} carries no 14-digit stamp", "correct the name pattern in the profile"
        )
    return found[1]


def instant_of(name: str) -> datetime:
    """Return the instant a file name says, to the second; our stamps are in UTC."""
    return datetime.strptime(stamp_of(name), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
