"""What all deliveries share: the task, the files made for it, and who makes them.

Belongs here: the types between `deliver` (the order of the steps) and a partner's folder (the bytes). Does not belong
here: either of the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import duckdb

from nightwatt.contracts.delivery import Delivery
from nightwatt.delivery import outbox
from nightwatt.delivery.phases import Phase, Window
from nightwatt.delivery.stamps import instant_of
from nightwatt.ledger import Ledger, sendings
from nightwatt.ledger.checks import CheckResult
from nightwatt.ledger.models import Sending, SendingRole
from nightwatt.settings import Settings


@dataclass(frozen=True)
class PublicationFacts:
    """What a delivery must know of the publication it reads."""

    sequence: int
    through_sequence: int  # newest load it contains
    published_at: datetime  # aware; in UTC it is the stamp in the file name, unless a file that late is delivered


@dataclass(frozen=True)
class Task:
    """One delivery of one business date."""

    delivery: Delivery
    settings: Settings
    ledger: Ledger
    publication: PublicationFacts
    business_date: date
    phase: Phase = field(default_factory=Phase)

    @property
    def name(self) -> str:
        """The delivery's name."""
        return self.delivery.delivery

    @property
    def folder(self) -> Path:
        """Where its files are written."""
        return outbox.folder_of(self.settings.outbox, self.name, self.business_date)

    def newest_sent(self) -> Sending | None:
        """Return the file that went out last or is the last to go, of whatever phase."""
        with self.ledger.read() as session:
            return sendings.last_intended(session, self.name)

    def first_stamp(self) -> datetime:
        """Return the stamp of the first file: the publication's, but always later than what is delivered or waits.

        Publications within one second, a split file that took the seconds after its own, a clock set back, or another
        sample of the same publication would else give a stamp the partner must not get. It follows from the ledger
        alone, so a rerun gives the same name.
        """
        last = self.newest_sent()
        if last is None:
            return self.publication.published_at
        return max(self.publication.published_at, instant_of(last.file_name) + timedelta(seconds=1))


@dataclass(frozen=True)
class Awaited:
    """What the partner is to say about a file, and what will then be known."""

    object_name: str
    part: str
    rows_path: Path | None  # the keys and content hashes the file carries, below the home
    mapping_sha256: str


@dataclass(frozen=True)
class Outgoing:
    """One finished and checked file."""

    path: Path
    rows: int
    size_bytes: int
    sha256: str
    totals: Mapping[str, Any]
    awaits: Awaited | None = None
    role: SendingRole = SendingRole.DATA


@dataclass(frozen=True)
class Made:
    """The files of one delivery in the order in which they must be sent, and what is to be said about them."""

    files: tuple[Outgoing, ...]
    window: Window | None = None  # which stored rows they took; None: the partner's own word decided that
    left_out: Mapping[str, int] = field(default_factory=dict)  # rows held back, by reason
    findings: tuple[CheckResult, ...] = ()


class Maker(Protocol):
    """Makes the files of one kind of delivery."""

    def remote_folder(self) -> str:
        """Return where the files go, refusing what must not go there."""

    def covered_by(self, last: Sending | None) -> Sending | None:
        """Return the sending that holds all this task would send; None where there is something to look for."""

    def make(self, con: duckdb.DuckDBPyConnection, last: Sending | None) -> Made:
        """Write and check the files, from the published warehouse.

        Args:
            con: the published warehouse.
            last: the sending that an incremental begins after (`ledger.populations.last_counted`).
        """
