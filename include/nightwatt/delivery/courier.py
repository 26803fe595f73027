"""Sending a file exactly once: intent, upload, size, final name, receipt.

Belongs here: the protocol and what a rerun concludes from what it finds. Does not belong here: which
files are sent (`deliver`), the wire (`sftp`), what else lies in the folder (`folder_watch`), or a partner's rules.

What a rerun finds decides. Where the partner allows renames (`rename: true`), a file goes up aside and gets its
final name whole:

    receipt                                     stop, send nothing
    final name, right size                      record it
    final name, other size                      failed; never overwritten
    temporary name                              resume, rename
    neither, and a rename had been tried        unknown: the partner may have taken it; a person decides
    neither                                     send

Where it does not (`rename: false`), a file grows under its final name, and the step after which the partner can have
the whole of it is its last bytes:

    receipt                                     stop, send nothing
    final name, right size                      record it; had the last bytes not gone yet, only if it is ours
    final name, the beginning of ours           resume
    final name, shorter, other bytes            written anew if we had begun; else failed, never overwritten
    final name, longer                          failed; never overwritten
    gone, and the last bytes had gone           unknown: the partner may have taken it; a person decides
    gone                                        send, after removing a temporary name from before the contract said so
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from posixpath import dirname, join

from nightwatt import log
from nightwatt.delivery.folder_watch import FolderWatch
from nightwatt.delivery.outbox import sha256_of
from nightwatt.delivery.sftp import BLOCK, Remote
from nightwatt.delivery.stamps import stamp_of
from nightwatt.errors import NightWattError, TerminalError
from nightwatt.ledger import Ledger, sendings
from nightwatt.ledger.checks import CheckResult
from nightwatt.ledger.models import DeliveryState, Sending, SendingRole

At = Callable[[str], None]
"""Called at each named step; without renames `finishing` stands for `renaming`, and `renamed` is left out."""

STEPS = ("intent", "uploading", "uploaded", "renaming", "renamed", "recorded")
STEPS_IN_PLACE = ("intent", "uploading", "finishing", "uploaded", "recorded")


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
    phase: str
    approval_id: int | None  # by whose word it went to production
    sent_now: bool  # False: it had been delivered before


@dataclass(frozen=True)
class Carried:
    """What one round brought to the partner, and what was found beside it."""

    receipts: tuple[Receipt, ...] = ()
    findings: tuple[CheckResult, ...] = ()


class Courier:
    """Carries files of one delivery, one after the other.

    Args:
        ledger: the book.
        connect: opens the partner's server; once a round, when the first file needs it.
        at: called at each named step.
        rename: whether the partner lets us upload under a temporary name.
        collects: whether the partner takes files out of a folder by itself.
    """

    def __init__(
        self,
        ledger: Ledger,
        connect: Callable[[], AbstractContextManager[Remote]],
        at: At = nowhere,
        *,
        rename: bool = True,
        collects: Callable[[str], bool] = lambda _folder: True,
    ) -> None:
        self._ledger = ledger
        self._connect = connect
        self.at = at
        self._rename = rename
        self._collects = collects

    def carry(self, load: Sequence[tuple[int, Path]]) -> Carried:
        """Bring intended files to the partner in this order, or find out that they are there already.

        Raises:
            TransientError: the partner is away; run again.
            TerminalError: a person must look; `delivery.unknown` is never resent by itself.
        """
        receipts: list[Receipt] = []
        with ExitStack() as stack:
            watch: FolderWatch | None = None
            for sending_id, path in load:
                row = self._look_up(sending_id)
                is_new = row.state != DeliveryState.DELIVERED
                if is_new:
                    self._refuse(row, path)
                    self._change(row, attempts=row.attempts + 1)
                    try:
                        if watch is None:
                            watch = FolderWatch(self._ledger, stack.enter_context(self._connect()), self._collects)
                        watch.look(dirname(row.remote_path))
                        is_new = self._bring(row, path, watch.remote)
                    except NightWattError as e:
                        self._note_failure(row, e)
                        raise
                    self.at("recorded")
                receipts.append(receipt_of(self._look_up(sending_id), sent_now=is_new))
            findings = watch.findings(self._look_up(load[0][0]).delivery) if watch is not None else ()
        return Carried(tuple(receipts), tuple(findings))

    def _refuse(self, row: Sending, path: Path) -> None:
        if row.state == DeliveryState.UNKNOWN:
            raise _unknown(row)
        self._refuse_out_of_order(row)
        _refuse_changed(row, path)

    def _bring(self, row: Sending, path: Path, remote: Remote) -> bool:
        """Return whether this call made the whole file appear under its final name."""
        there = remote.size(row.remote_path)
        if self._rename:
            return self._bring_aside(row, path, remote, there)
        return self._bring_in_place(row, path, remote, there)

    def _bring_aside(self, row: Sending, path: Path, remote: Remote, there: int | None) -> bool:
        final, part = row.remote_path, part_path(row.remote_path)
        if there is not None:
            if there != row.size_bytes:
                raise _final_differs(row, there, remote)
            self._record(row, f"{remote.where}{final}: {there} bytes, found there")
            return False
        uploaded = remote.size(part)
        if uploaded is None:
            self._give_up_if_gone(row)
        offset = self._resume_at(row, path, remote, part, uploaded)
        if offset < row.size_bytes or uploaded is None:
            self._begin(row)
            remote.write(part, _blocks(path, offset), offset, lambda: self.at("uploading"))
        _require_size(row, remote, part, "nothing was renamed")
        self.at("uploaded")
        self._change(row, state=DeliveryState.RENAMING, renaming_at=self._ledger.clock(), message=None)
        self.at("renaming")
        remote.rename(part, final)
        self.at("renamed")
        self._record(row, f"{remote.where}{final}: {row.size_bytes} bytes, renamed")
        return True

    def _bring_in_place(self, row: Sending, path: Path, remote: Remote, there: int | None) -> bool:
        final = row.remote_path
        if there == row.size_bytes and (row.renaming_at or self._is_ours(row, path, remote, there)):
            self._record(row, f"{remote.where}{final}: {there} bytes, found there")
            return False
        if there is None and not self._drop_part(row, remote):
            self._give_up_if_gone(row)
        offset = self._resume_at(row, path, remote, final, there)
        if there and not offset and not self._may_write_anew(row, there):
            raise _final_differs(row, there, remote)
        self._begin(row)
        self._write_in_place(row, path, remote, offset)
        _require_size(row, remote, final, "the partner may see a part of it")
        self.at("uploaded")
        self._record(row, f"{remote.where}{final}: {row.size_bytes} bytes, uploaded in place")
        return True

    def _drop_part(self, row: Sending, remote: Remote) -> bool:
        """Remove what went up aside before the contract said that renames are not allowed: it was never renamed."""
        part = part_path(row.remote_path)
        if remote.size(part) is None:
            return False
        self._change(row, state=DeliveryState.INTENT, renaming_at=None)
        remote.remove(part)
        return True

    @staticmethod
    def _may_write_anew(row: Sending, there: int) -> bool:
        """Tell our own failed upload from somebody else's file."""
        return row.uploading_at is not None and there <= row.size_bytes

    def _write_in_place(self, row: Sending, path: Path, remote: Remote, offset: int) -> None:
        """Upload all but the last bytes, hear that they arrived, note that the end begins, and send the last bytes."""
        cut = max(offset, row.size_bytes - BLOCK)
        if cut > offset:
            remote.write(row.remote_path, _blocks(path, offset, cut - offset), offset, lambda: self.at("uploading"))
        self._change(row, state=DeliveryState.FINISHING, renaming_at=self._ledger.clock(), message=None)
        self.at("finishing")
        remote.write(row.remote_path, _blocks(path, cut), cut, lambda: None)

    def _begin(self, row: Sending) -> None:
        if row.uploading_at is None:
            self._change(row, uploading_at=self._ledger.clock())

    def _give_up_if_gone(self, row: Sending) -> None:
        """Stop where the partner could have had the whole file, and it is gone."""
        if row.renaming_at is not None:
            self._change(row, state=DeliveryState.UNKNOWN, message=_unknown(row).message)
            raise _unknown(row)

    def _resume_at(self, row: Sending, path: Path, remote: Remote, name: str, uploaded: int | None) -> int:
        """Return where to go on: after a remote prefix that is ours byte for byte, else at the start."""
        if not uploaded or uploaded > row.size_bytes or not self._is_ours(row, path, remote, uploaded, name):
            return 0
        log.get("delivery").info("resume", file=row.file_name, offset=uploaded)
        return uploaded

    @staticmethod
    def _is_ours(row: Sending, path: Path, remote: Remote, size: int, name: str | None = None) -> bool:
        """Read back what is there, and compare; what cannot be read is not ours."""
        try:
            theirs = _hash(remote.read(name or row.remote_path, size))
        except TerminalError:  # we may write there, but not read
            return False
        return theirs == _hash(_blocks(path, 0, size))

    def _refuse_out_of_order(self, row: Sending) -> None:
        with self._ledger.read() as session:
            last = sendings.last_delivered(session, row.delivery)
        is_late = row.role == SendingRole.DATA and last is not None  # a manifest has the stamp of its set
        if is_late and last is not None and stamp_of(row.file_name) <= stamp_of(last.file_name):
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
        phase=row.phase,
        approval_id=row.approval_id,
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
        f"{row.file_name}: the last step was tried (rename or last bytes), and now it is not there under any name",
        "ask the partner whether it has the file, then settle the sending; it is not sent again by itself",
    )


def _final_differs(row: Sending, there: int, remote: Remote) -> TerminalError:
    return TerminalError(
        "delivery.final_differs",
        f"{remote.where}{row.remote_path} is there with {there} bytes and is not ours, which has {row.size_bytes}",
        "it is not overwritten; find out with the partner whose file it is",
    )


def _require_size(row: Sending, remote: Remote, name: str, consequence: str) -> None:
    size = remote.size(name)
    if size != row.size_bytes:
        raise TerminalError(
            "delivery.remote_size",
            f"{remote.where}{name} has {'no' if size is None else size} bytes after the upload; "
            f"ours has {row.size_bytes}",
            f"{consequence}; a full disk or a faulty server is likely, ask the partner",
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
