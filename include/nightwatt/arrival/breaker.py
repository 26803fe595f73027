"""Leaving a source alone that failed again and again, instead of waiting for it at every look.

Belongs here: what counts against a source, and what a visit to it begins and ends with. Does not belong here: the
entries all processes share (`nightwatt.ledger.breakers`), and trying again within a visit (`retries.py`).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from zoneinfo import ZoneInfo

from nightwatt import locks
from nightwatt.arrival.extract import Pull, RowSource
from nightwatt.arrival.transport import PlaceRefused, SourceAway, SourceLeftAlone, SourceRefused
from nightwatt.errors import TransientError
from nightwatt.ledger import Ledger, breakers
from nightwatt.ledger.models import BreakerState
from nightwatt.log import get
from nightwatt.settings import Settings

_log = get("arrival")


@dataclass
class Visit:
    """One visit to a source. `is_try`: the one that finds out whether it is back; it is asked once, not patiently."""

    ledger: Ledger
    source: str
    name: str
    is_try: bool
    alone: ExitStack

    def answered(self) -> None:
        """Note that the source took us in; from here on others may visit it, too."""
        if self.is_try:
            breakers.answered(self.ledger, self.source, self.name)
            self.is_try = False
            self.alone.close()


@dataclass(frozen=True)
class Watched:
    """Rows of a source that is being visited: once a reading is open, the source has answered."""

    rows: RowSource
    going: Visit

    def since(self, mark: str | None) -> str | None:
        """Return where a pull begins."""
        return self.rows.since(mark)

    @contextmanager
    def read(self, since: str | None) -> Iterator[Pull]:
        """Open one reading."""
        with self.rows.read(since) as pull:
            self.going.answered()
            yield pull


@contextmanager
def visit(ledger: Ledger, source: str, settings: Settings) -> Iterator[Visit]:
    """Visit a source for the length of a block, unless it is to be left alone.

    What the source did wrong (`SourceAway`, `SourceRefused`) counts against it; what went wrong here, and an answer
    about one folder or file, does not.

    Raises:
        SourceLeftAlone: `source.left_alone`.
    """
    name = uuid.uuid4().hex
    with ExitStack() as alone:
        permit = breakers.ask(ledger, source, name, partial(_is_alone, alone, source, settings))
        if not permit.is_try:
            alone.close()
        if not permit.may_ask:
            raise _left_alone(source, permit, settings.tz)
        with _counting(Visit(ledger, source, name, permit.is_try, alone)) as going:
            yield going


def _is_alone(stack: ExitStack, source: str, settings: Settings) -> bool:
    """Hold the one try of a source against other processes of this machine, for as long as it takes."""
    path = settings.scratch / "locks" / f"source-{source.replace(':', '-')}.lock"
    try:
        stack.enter_context(locks.hold(path, f"try {source}", code="source.left_alone", timeout_s=0))
    except TransientError:
        return False
    return True


@contextmanager
def _counting(going: Visit) -> Iterator[Visit]:
    ledger, source, name = going.ledger, going.source, going.name
    try:
        yield going
    except (SourceAway, SourceRefused) as e:
        row = breakers.failed(ledger, source, name, str(e))
        if row.state == BreakerState.OPEN:
            _log.warning("source left alone", source=source, failures=row.failures, until=str(row.retry_at))
        raise
    except PlaceRefused:
        going.answered()
        raise
    except BaseException:
        if going.is_try:
            breakers.took_no_answer(ledger, source, name)
        raise
    breakers.went_well(ledger, source)


def _left_alone(source: str, permit: breakers.Permit, zone: ZoneInfo) -> SourceLeftAlone:
    if permit.is_tried_now or permit.retry_at is None:
        how_long = "while another process finds out whether it is back"
    else:
        how_long = f"until {permit.retry_at.astimezone(zone):%H:%M:%S}"
    last = (permit.error or "").partition(" -> ")[0]
    return SourceLeftAlone(
        "source.left_alone",
        f"{source} is left alone {how_long}; {permit.failures} visits in a row failed, the last with {last}",
        "it is tried again by itself; if it stays away, ask its owner",
    )
