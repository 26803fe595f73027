"""Deliver once, and die at a named step where the environment has one in DIE_AT.

Belongs here: what a killed courier was doing. Does not belong here: what the next run must find.
"""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

from tests.support.delivery import Read, contract, hours, published
from tests.support.processes import die

from nightwatt.contracts.delivery import OpowerIntervalDelivery
from nightwatt.delivery.deliver import Delivered, PublicationFacts, deliver
from nightwatt.ledger import Ledger
from nightwatt.settings import Settings

POINTS = 1000
BUSINESS_DATE = date(2025, 1, 16)
PUBLICATION = PublicationFacts(sequence=2, through_sequence=1, published_at=datetime(2025, 1, 16, 6, tzinfo=UTC))


@cache
def many_reads() -> list[Read]:
    """Return enough reads, hard to pack, for an upload of several blocks."""
    day = hours("2025-01-15 00:00 -0500", 24)
    return [Read(day[n].start, _value(n, s), f"SP{s:06d}") for s in range(POINTS) for n in range(24)]


def _value(hour: int, point: int) -> str:
    return f"{(hour * 7919 + point * 104729) % 99991}.{(hour * point * 31) % 997 + 1:03d}"


def die_at(step: str) -> None:
    """End this process the hard way."""
    if step == os.environ.get("DIE_AT"):
        die()


def run(home: Path, delivery: OpowerIntervalDelivery | None = None) -> Delivered:
    """Deliver the invented night of a home."""
    settings = Settings(home=home)
    ledger = Ledger.open(settings.ledger_address)
    try:
        with published(many_reads()) as con:
            return deliver(delivery or contract(), settings, ledger, con, PUBLICATION, BUSINESS_DATE, at=die_at)
    finally:
        ledger.close()
