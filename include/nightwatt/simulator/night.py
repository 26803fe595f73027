"""One night of the make-believe utility: all systems' files in their folders.

Here: the order of writing and the checks of what was asked.
Not here: the files themselves (`mdm`, `ccb`, `isu`, `isu_idoc`).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from pathlib import Path

from nightwatt.errors import TerminalError
from nightwatt.simulator.ccb import write_ccb
from nightwatt.simulator.clock import LAST_YEAR
from nightwatt.simulator.isu import write_isu
from nightwatt.simulator.isu_idoc import write_isu_idocs
from nightwatt.simulator.mdm import write_electric, write_gas
from nightwatt.simulator.utility import FileSummary, NightSummary, Utility
from nightwatt.simulator.world import EVENTS_SINCE

SYSTEMS = ("ccb", "mdm", "isu", "isu_idoc")


def write_night(
    utility: Utility,
    night: date,
    folder: Path,
    *,
    history_days: int = 1,
    first_night: bool = False,
    parts: int = 1,
    systems: Collection[str] = ("ccb", "mdm"),
) -> NightSummary:
    """Write the files that arrive in the early morning of `night` under `folder`/<system>/.

    Nights do not depend on each other: any night can be written alone, again, or in any order, with the same bytes.

    Args:
        history_days: local days before `night` whose reads are carried in full, as the meter system has them by then.
            Late reads and corrections of still earlier days come on top.
        first_night: billing extracts are complete, with a good year of bills; else they carry what changed the day
            before.
        parts: how many files the electric reads are split into, by customer.
        systems: which systems write: `ccb` and `isu` are two forms of the same customers, bills and payments,
            `isu_idoc` are some of SAP's tables as IDoc files, `mdm` are the reads.

    Raises:
        TerminalError: the night or the systems asked for are not ones the simulator knows.
    """
    _refuse_nonsense(night, history_days, systems)
    if not 1 <= parts <= utility.customers:
        raise TerminalError("simulator.amount", f"{parts} parts", f"ask for 1 to {utility.customers}")
    files: list[FileSummary] = []
    if "ccb" in systems:
        files += write_ccb(utility, night, folder / "ccb", first_night=first_night)
    if "isu" in systems:
        files += write_isu(utility, night, folder / "isu", first_night=first_night)
    if "isu_idoc" in systems:
        files += write_isu_idocs(utility, night, folder / "isu", first_night=first_night)
    if "mdm" in systems:
        files += write_electric(utility, night, folder / "mdm", history_days=history_days, parts=parts)
        files += write_gas(utility, night, folder / "mdm", history_days=history_days)
    return NightSummary(night, tuple(files))


def _refuse_nonsense(night: date, history_days: int, systems: Collection[str]) -> None:
    first, last = EVENTS_SINCE + 3, LAST_YEAR - 3
    if not first <= night.year <= last:
        raise TerminalError(
            "simulator.night", f"no world to simulate on {night}", f"choose a night from {first} to {last}"
        )
    if unknown := sorted(set(systems) - set(SYSTEMS)):
        raise TerminalError("simulator.system", f"unknown systems {unknown}", f"choose from {list(SYSTEMS)}")
    if history_days < 1:
        raise TerminalError("simulator.amount", f"{history_days} days of reads", "ask for at least one")
