"""Deliver to the CRM, or take its answers in, and die at a named step: the one in `DIE_AT`.

Belongs here: what a killed process was doing; its traps stay, so it must be a process of its own. Does not belong here:
what the next run must find.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support import crm
from tests.support.crm import Home, Marts
from tests.support.deliver_once import die_at

from nightwatt import durable
from nightwatt.delivery.deliver import Delivered, PublicationFacts
from nightwatt.delivery.salesforce import answers, files, parcel, state
from nightwatt.ledger import acknowledgements

OBJECTS = ("party", "contact")
TAKING = ("answer_kept", "state_written", "switching", "switched")
WRITING = ("file_written", "manifest_written")


def marts() -> Marts:
    """Return the invented night."""
    return crm.customers(3)


def home_at(root: Path) -> Home:
    """Return a home of two objects."""
    home = Home(root, crm.contract(objects=list(OBJECTS)))
    home.now = crm.stamp(9)
    return home


def run(home: Home) -> Delivered:
    """Deliver the invented night of a home."""
    return home.again(marts(), PublicationFacts(1, 1, crm.stamp(9)), 9)


def _then(module: Any, name: str, step: str, *, before: bool = False) -> None:
    """Let a process that comes to a function end before or after it."""
    original: Callable[..., Any] = getattr(module, name)

    def dying(*given: Any, **named: Any) -> Any:
        if before:
            die_at(step)
        result = original(*given, **named)
        if not before:
            die_at(step)
        return result

    setattr(module, name, dying)


def _set_traps() -> None:
    _then(durable, "put_in_place", "file_written")
    _then(parcel.durable, "write_text", "manifest_written")
    _then(answers, "write_parquet", "answer_kept")
    _then(state.StateStore, "write", "state_written")
    _then(acknowledgements, "switch", "switching", before=True)
    _then(state.StateStore, "remove_old", "switched", before=True)
    assert files.durable is durable


def do(root: Path, what: str) -> None:
    """Deliver, or take the answers in, and come to the end only if there is no such step."""
    _set_traps()
    opened = home_at(root)
    if what == "deliver":
        run(opened)
    else:
        opened.take()
