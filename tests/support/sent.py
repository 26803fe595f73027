"""An archive of sent files: copies in the outbox and their rows in the ledger, without a partner.

Belongs here: putting files where a courier leaves them. Does not belong here: expectations.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session
from tests.support.opower_files import name_of, text_of

from nightwatt.delivery import outbox
from nightwatt.ledger import Ledger
from nightwatt.ledger.models import DeliveryState, Sending
from nightwatt.settings import Settings

FIRST_NIGHT = date(2026, 3, 1)


class Archive:
    """A home in which files count as sent."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home)
        self.ledger = Ledger.open(self.settings.ledger_address)
        self._session: Session | None = None

    def send(
        self,
        kind: str,
        lines: Iterable[str],
        night: int = 0,
        *,
        delivery: str = "opower",
        name: str = "",
        text: str | None = None,
        state: DeliveryState = DeliveryState.DELIVERED,
        **facts: object,
    ) -> int:
        """Put a file of these lines into the archive, as sent on a night; return its number."""
        day = FIRST_NIGHT + timedelta(days=night)
        body = text_of(kind, lines) if text is None else text
        name = name or name_of(kind, f"{day:%Y%m%d}060000")
        packed = pack(name, body.encode())
        path = outbox.folder_of(self.settings.outbox, delivery, day) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(packed)
        at = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=6)
        known = {
            "delivery": delivery,
            "business_date": day,
            "publication_sequence": night + 1,
            "since_sequence": night or None,
            "through_sequence": night + 1,
            "file_name": name,
            "content_sha256": hashlib.sha256(packed).hexdigest(),
            "size_bytes": len(packed),
            "rows": body.count("\n") - 1,
            "totals": None,
            "remote_path": f"/shared_files/{name}",
            "state": state,
            "intended_at": at,
            "delivered_at": at if state is DeliveryState.DELIVERED else None,
        }
        row = Sending(**(known | facts))
        if self._session is not None:
            self._session.add(row)
            return 0
        with self.ledger.write() as session:
            session.add(row)
            session.flush()
            return row.id

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Write all that is sent in the block down in one transaction; its numbers are not told."""
        with self.ledger.write() as self._session:
            yield
        self._session = None

    def copy_of(self, night: int, name: str, delivery: str = "opower") -> Path:
        """Return where a file's copy lies."""
        return outbox.folder_of(self.settings.outbox, delivery, FIRST_NIGHT + timedelta(days=night)) / name

    def close(self) -> None:
        """Close the ledger."""
        self.ledger.close()


def pack(name: str, body: bytes) -> bytes:
    """Pack a body as its name says."""
    if not name.endswith(".zip"):
        return gzip.compress(body, 1, mtime=0) if name.endswith(".gz") else body
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name.replace(".zip", ".txt"), body)
    return buffer.getvalue()
