"""Taking files in: is it whole, is it readable, archive it under its hash, write the receipt.

Belongs here: transports, wholeness, inspection of bytes, the landing archive. Does not belong here: what
the rows mean (intake), and whether a night is complete or late (checks, alerting).
"""

from __future__ import annotations

from nightwatt.arrival.arrive import Arrived, arrive, receive
from nightwatt.arrival.expect import Expectation, expected
from nightwatt.arrival.inspect import Inspection, Limits, inspect
from nightwatt.arrival.landing import landing_path

__all__ = [
    "Arrived",
    "Expectation",
    "Inspection",
    "Limits",
    "arrive",
    "expected",
    "inspect",
    "landing_path",
    "receive",
]
