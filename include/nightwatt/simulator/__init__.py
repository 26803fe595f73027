"""A make-believe electric and gas utility that writes real source formats, seeded, at any size.

Belongs here: everything needed to invent customers, meters, load and bills, and to write their files.
Does not belong here: anything of the platform under test; this package imports no other room, so that what it says is
expected is worked out independently.
"""

from __future__ import annotations

from nightwatt.simulator.night import SYSTEMS, write_night
from nightwatt.simulator.truth import expected_accounts, expected_bills, expected_reads
from nightwatt.simulator.utility import FileSummary, NightSummary, Utility

__all__ = [
    "SYSTEMS",
    "FileSummary",
    "NightSummary",
    "Utility",
    "expected_accounts",
    "expected_bills",
    "expected_reads",
    "write_night",
]
