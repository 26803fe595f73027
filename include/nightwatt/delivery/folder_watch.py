"""What lies in the partner's folders, next to what the ledger says was put there.

Belongs here: looking before and after a round, and saying what is foreign, gone or changed; each file once. Does not
belong here: the sending protocol (`courier`), which never trusts a listing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from posixpath import basename

from nightwatt import log
from nightwatt.delivery.sftp import Remote
from nightwatt.errors import NightWattError
from nightwatt.ledger import Ledger, checks, sendings
from nightwatt.ledger.checks import CheckResult
from nightwatt.ledger.models import DeliveryState, Sending

NAMED = 20
"""How many files a message names; the evidence has all of them."""


@dataclass(frozen=True)
class _Seen:
    """A file that is not as the ledger says."""

    code: str
    name: str


class FolderWatch:
    """Watches the folders of one round.

    Args:
        ledger: the book.
        remote: the open connection.
        collects: whether the partner takes files out of a folder by itself; where it does, a file gone is no news.
    """

    def __init__(self, ledger: Ledger, remote: Remote, collects: Callable[[str], bool]) -> None:
        self._ledger = ledger
        self.remote = remote
        self._collects = collects
        self._before: dict[str, Mapping[str, int] | None] = {}

    def look(self, folder: str) -> None:
        """Look into a folder before the first file goes there.

        Raises:
            TerminalError: `delivery.folder_missing`, naming what is there.
        """
        if folder not in self._before:
            self.remote.require_folder(folder)
            self._before[folder] = self._listing(folder)

    def findings(self, delivery: str) -> list[CheckResult]:
        """Look again after the round, and return what is new to the ledger; never raises, what was sent was sent."""
        found: list[CheckResult] = []
        for folder, before in self._before.items():
            after = self._listing(folder)
            if before is None or after is None:
                found.append(_unlisted(delivery, folder))
            else:
                found += self._compared(delivery, folder, before, after)
        return found

    def _listing(self, folder: str) -> Mapping[str, int] | None:
        try:
            return self.remote.files(folder)
        except NightWattError as e:
            log.get("delivery").warning("folder_not_listed", folder=folder, code=e.code)
            return None

    def _compared(
        self, delivery: str, folder: str, before: Mapping[str, int], after: Mapping[str, int]
    ) -> Iterator[CheckResult]:
        with self._ledger.read() as session:
            rows = sendings.in_folder(session, folder)
            told = {code: checks.evidence_of(session, code, delivery, "files") for code in _MEANINGS}
        seen = {*_foreign(rows, {**before, **after}), *_changed(rows, after)}
        if not self._collects(folder):
            seen |= set(_vanished([r for r in rows if r.delivery == delivery], after))
        for code, meaning in _MEANINGS.items():
            names = sorted(s.name for s in seen if s.code == code and s.name not in told[code])
            if names:
                where = f"{self.remote.where}{folder}"
                yield CheckResult(
                    code, delivery, False, False, f"{where}: {meaning}: {_named(names)}", {"files": names}
                )


_MEANINGS = {
    "delivery.remote_unexpected": "no sending of ours speaks of",
    "delivery.remote_vanished": "delivered, and not there any more",
    "delivery.remote_changed": "delivered, and now of another size",
}


def _foreign(rows: Sequence[Sending], there: Mapping[str, int]) -> Iterator[_Seen]:
    ours = {basename(r.remote_path) for r in rows}
    ours |= {f".{r.file_name}.part" for r in rows if r.state != DeliveryState.DELIVERED}
    return (_Seen(code="delivery.remote_unexpected", name=_printable(name)) for name in there if name not in ours)


def _vanished(rows: Sequence[Sending], there: Mapping[str, int]) -> Iterator[_Seen]:
    gone = (r for r in rows if r.state == DeliveryState.DELIVERED and r.file_name not in there)
    return (_Seen(code="delivery.remote_vanished", name=r.file_name) for r in gone)


def _changed(rows: Sequence[Sending], there: Mapping[str, int]) -> Iterator[_Seen]:
    for row in rows:
        is_other = there.get(row.file_name, row.size_bytes) != row.size_bytes
        if row.state == DeliveryState.DELIVERED and is_other:
            yield _Seen(code="delivery.remote_changed", name=row.file_name)


def _unlisted(delivery: str, folder: str) -> CheckResult:
    message = f"{folder} cannot be listed; what lies there was not compared with what was sent"
    return CheckResult("delivery.remote_unlisted", delivery, False, False, message)


def _named(names: Sequence[str]) -> str:
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _printable(name: str) -> str:
    """Return a name as it may stand in a message, whoever chose it."""
    return "".join(c if c.isprintable() else "?" for c in name)[:150]
