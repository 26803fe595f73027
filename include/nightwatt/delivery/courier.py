"""Sending a file exactly once: intent, temporary name, size, rename, receipt.

Belongs here: the protocol and what a rerun concludes from what it finds. Does not belong here: which
files are sent (`deliver`), the wire (`sftp`), or a partner's rules.

What a rerun finds decides:

    receipt                                     stop, send nothing
    final name, right size                      record it
    final name, other size                      failed; never overwritten
    temporary name                              resume, rename
    neither, and a rename had been tried        unknown: the partner may have taken it; a person decides
    neither                                     send
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from posixpath import dirname, join

from nightwatt import log
from nightwatt.delivery.outbox import sha256_of
from nightwatt.delivery.sftp import BLOCK, Remote
from nightwatt.delivery.stamps import stamp_of
from nightwatt.errors import NightWattError, TerminalError
from nightwatt.ledger import Ledger, sendings
from nightwatt.ledger.models import DeliveryState, Sending

At = Callable[[str], None]
"""Called at each named step: intent, uploading, uploaded, renaming, renamed, recorded."""

STEPS = ("intent", "uploading", "uploaded", "renaming", "renamed", "recorded")


def nowhere(_step: str) -> None:
    """Do nothing at a named step; what is done outside tests."""


@dataclass(frozen=True)
class Receipt:
    """Proof of one file delivered."""

    sending_id: int
    file_name: str
    remote_path: str
    size_bytes: int
    sha256: str
    rows: int
    delivered_at: datetime
    sent_now: bool  # False: it had been delivered before


class Courier:
    """Carries files of one connection, one after the other."""

    def __init__(self, ledger: Ledger, connect: Callable[[], AbstractContextManager[Remote]], at: At = nowhere) -> None:
        self._ledger = ledger
        self._connect = connect
        self.at = at

    def send(self, sending_id: int, path: Path) -> Receipt:
        """Bring one intended file to the partner, or find out that it is there already.

        Raises:
            TransientError: the partner is away; run again.
            TerminalError: a person must look; `delivery.unknown` is never resent by itself.
        """
        row = self._look_up(sending_id)
        if row.state == DeliveryState.DELIVERED:
            return receipt_of(row, sent_now=False)
        if row.state == DeliveryState.UNKNOWN:
            raise _unknown(row)
        self._refuse_out_of_order(row)
        _refuse_changed(row, path)
        self._change(row, attempts=row.attempts + 1)
        try:
            with self._connect() as remote:
                sent_now = self._bring(row, path, remote)
        except NightWattError as e:
            self._note_failure(row, e)
            raise
        self.at("recorded")
        return receipt_of(self._look_up(sending_id), sent_now=sent_now)

    def _bring(self, row: Sending, path: Path, remote: Remote) -> bool:
        """Return whether this call made the final name appear."""
        final, part = row.remote_path, part_path(row.remote_path)
        there = remote.size(final)
        if there is not None:
            self._accept_final(row, there, remote.where)
            return False
        uploaded = remote.size(part)
        if uploaded is None and row.renaming_at is not None:
            self._change(row, state=DeliveryState.UNKNOWN, message=_unknown(row).message)
            raise _unknown(row)
        if uploaded is None:
            remote.require_folder(dirname(final))
        self._upload(row, path, remote, part, uploaded)
        self._change(row, state=DeliveryState.RENAMING, renaming_at=self._ledger.clock(), message=None)
        self.at("renaming")
        remote.rename(part, final)
        self.at("renamed")
        self._record(row, f"{remote.where}{final}: {row.size_bytes} bytes, renamed")
        return True

    def _accept_final(self, row: Sending, there: int, where: str) -> None:
        if there != row.size_bytes:
            raise TerminalError(
                "delivery.final_differs",
                f"{where}{row.remote_path} is there with {there} bytes; ours has {row.size_bytes}",
                "it is not overwritten; find out with the partner whose file it is",
            )
        self._record(row, f"{where}{row.remote_path}: {there} bytes, found there")

    def _upload(self, row: Sending, path: Path, remote: Remote, part: str, uploaded: int | None) -> None:
        offset = self._resume_at(row, path, remote, part, uploaded)
        if offset < row.size_bytes or uploaded is None:
            remote.write(part, _blocks(path, offset), offset, lambda: self.at("uploading"))
        size = remote.size(part)
        if size != row.size_bytes:
            raise TerminalError(
                "delivery.remote_size",
                f"{remote.where}{part} has {size} bytes after the upload; ours has {row.size_bytes}",
                "nothing was renamed; a full disk or a faulty server is likely, ask the partner",
            )
        self.at("uploaded")

    @staticmethod
    def _resume_at(row: Sending, path: Path, remote: Remote, part: str, uploaded: int | None) -> int:
        """Return where to go on: after a remote prefix that is ours byte for byte, else at the start."""
        if not uploaded or uploaded > row.size_bytes:
            return 0
        try:
            theirs = _hash(remote.read(part, uploaded))
        except TerminalError:  # we may write there, but not read
            return 0
        log.get("delivery").info("resume", file=row.file_name, offset=uploaded)
        return uploaded if theirs == _hash(_blocks(path, 0, uploaded)) else 0

    def _refuse_out_of_order(self, row: Sending) -> None:
        with self._ledger.read() as session:
            last = sendings.last_delivered(session, row.delivery)
        if last is not None and stamp_of(row.file_name) <= stamp_of(last.file_name):
            raise TerminalError(
                "delivery.stamp_order",
                f"{row.file_name} is not stamped later than {last.file_name}, which is delivered",
                "the partner loads in stamp order and would undo newer reads; deliver the present publication instead",
            )

    def _note_failure(self, row: Sending, error: NightWattError) -> None:
        """Keep what is known: a rename once tried stays tried, whatever came after."""
        current = self._look_up(row.id)
        if current.state in {DeliveryState.UNKNOWN, DeliveryState.DELIVERED}:
            return
        state = DeliveryState.FAILED if isinstance(error, TerminalError) else current.state
        self._change(row, state=state, message=str(error)[:2000])

    def _record(self, row: Sending, message: str) -> None:
        self._change(row, state=DeliveryState.DELIVERED, delivered_at=self._ledger.clock(), message=message)

    def _look_up(self, sending_id: int) -> Sending:
        with self._ledger.read() as session:
            return sendings.get(session, sending_id)

    def _change(self, row: Sending, **values: object) -> None:
        with self._ledger.write() as session:
            current = sendings.get(session, row.id)
            for name, value in values.items():
                setattr(current, name, value)


def part_path(final: str) -> str:
    """Return the temporary name beside a final one; it cannot match the partner's pattern."""
    folder, _, name = final.rpartition("/")
    return join(folder or "/", f".{name}.part")


def receipt_of(row: Sending, *, sent_now: bool) -> Receipt:
    """Return the receipt of a delivered sending."""
    assert row.delivered_at is not None  # noqa: S101  (set with the state)
    return Receipt(
        sending_id=row.id,
        file_name=row.file_name,
        remote_path=row.remote_path,
        size_bytes=row.size_bytes,
        sha256=row.content_sha256,
        rows=row.rows,
        delivered_at=row.delivered_at,
        sent_now=sent_now,
    )


def _refuse_changed(row: Sending, path: Path) -> None:
    if not path.is_file() or path.stat().st_size != row.size_bytes or sha256_of(path) != row.content_sha256:
        raise TerminalError(
            "delivery.outbox_changed",
            f"{path} is missing or is not the file the ledger intends to send",
            "restore it from a backup of the outbox; it is never sent with other content under the same name",
        )


def _unknown(row: Sending) -> TerminalError:
    return TerminalError(
        "delivery.unknown",
        f"{row.file_name}: a rename was tried, and now neither its final nor its temporary name is there",
        "ask the partner whether it has the file, then settle the sending; it is not sent again by itself",
    )


def _blocks(path: Path, offset: int, length: int | None = None) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(offset)
        left = length
        while left is None or left > 0:
            block = file.read(BLOCK if left is None else min(BLOCK, left))
            if not block:
                return
            if left is not None:
                left -= len(block)
            yield block


def _hash(blocks: Iterator[bytes]) -> bytes:
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
    return digest.digest()
