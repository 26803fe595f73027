"""One file on its way to a partner, without a warehouse behind it: the courier alone, against a server of any kind.

Belongs here: a ledger with sendings, their files, and servers that take each other's place. Does not belong here:
how servers misbehave (`partners`), or expectations.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from tests.support import partners

from nightwatt.connections.sftp import SftpSettings
from nightwatt.delivery.courier import At, Carried, Courier, nowhere
from nightwatt.delivery.loopback import LoopbackServer
from nightwatt.delivery.sftp import open_remote
from nightwatt.ledger import Ledger, sendings
from nightwatt.ledger.models import DeliveryState, Sending

FOLDER = "shared_files"
SIZE = 300_000
MORNING = datetime(2025, 1, 16, 6, tzinfo=UTC)


class Listening(Protocol):
    """A server of any make."""

    @property
    def port(self) -> int:
        """Return where it listens."""


@dataclass
class Errand:
    """A home's ledger and files, and the folder of a partner whose servers come and go."""

    home: Path
    ledger: Ledger
    rename: bool = True
    collects: bool = False
    timeout_s: float = 10
    paths: dict[int, Path] = field(default_factory=dict)
    pinned: str = ""  # the host key our side knows; that of the first server

    @property
    def folder(self) -> Path:
        """Return what the partner shows, on this machine."""
        return self.home / "partner" / FOLDER

    @property
    def there(self) -> dict[str, bytes]:
        """Return what lies there, temporary names too."""
        return {p.name: p.read_bytes() for p in sorted(self.folder.iterdir())}

    def name(self, number: int = 0) -> str:
        """Return the name of the n-th file."""
        stamp = MORNING + timedelta(days=number)
        return f"opwr_gec_res_v2-0-5_interval60_{stamp:%Y%m%d%H%M%S}.gz"

    def intend(self, number: int = 0, size: int = SIZE, **facts: object) -> int:
        """Write a file and intend to send it."""
        path = self.home / self.name(number)
        path.write_bytes(random.Random(number).randbytes(size))
        row = Sending(
            delivery="opower_interval_electric",
            business_date=date(2025, 1, 16) + timedelta(days=number),
            publication_sequence=2 + number,
            since_sequence=None,
            through_sequence=1 + number,
            file_name=path.name,
            content_sha256=sha256(path.read_bytes()).hexdigest(),
            size_bytes=size,
            rows=1,
            remote_path=f"/{FOLDER}/{path.name}",
            state=DeliveryState.INTENT,
            intended_at=MORNING,
        )
        for key, value in facts.items():
            setattr(row, key, value)
        with self.ledger.write() as session:
            session.add(row)
            session.flush()
            self.paths[row.id] = path
            return row.id

    def row(self, sending_id: int) -> Sending:
        """Return what the ledger says."""
        with self.ledger.read() as session:
            return sendings.get(session, sending_id)

    @contextmanager
    def partner(self, kind: type[partners.Counting], keys: str = "keys") -> Iterator[LoopbackServer]:
        """Serve the partner's folder, in the way of this kind."""
        server = LoopbackServer(
            self.home / "partner",
            keys=self.home / keys,
            factory=lambda channel, root: kind(channel, chroot=root),
            folders=(FOLDER,),
        )
        with server:
            self.pinned = self.pinned or server.host_key
            yield server

    def carry(self, server: Listening, at: At = nowhere, user: str = "nightwatt") -> Carried:
        """Bring everything intended to a server."""
        settings = SftpSettings(
            host="127.0.0.1",
            port=server.port,
            user=user,
            key_file=self.home / "keys" / "client_key",
            host_key=self.pinned,
            timeout_seconds=self.timeout_s,
        )
        courier = Courier(
            self.ledger, lambda: open_remote(settings), at, rename=self.rename, collects=lambda _: self.collects
        )
        return courier.carry(list(self.paths.items()))


def empty_ledger(place: Path) -> Path:
    """Make a ledger to copy: migrating one takes longer than an errand."""
    Ledger.open(f"sqlite:///{place}").close()
    return place


@contextmanager
def errand(home: Path, template: Path, **facts: object) -> Iterator[Errand]:
    """Begin with an empty home."""
    shutil.copy(template, home / "ledger.db")
    ledger = Ledger.open(f"sqlite:///{home / 'ledger.db'}")
    try:
        made = Errand(home, ledger)
        for key, value in facts.items():
            setattr(made, key, value)
        yield made
    finally:
        ledger.close()
