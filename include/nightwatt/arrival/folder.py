"""One look at a feed's folder beside the ledger: what lies there and what of it is known.

Belongs here: joining listing, manifests and receipts, and judging each file from outside. Does not belong
here: reading content or writing anything (`arrive.py`); it answers `expected` and `arrive` alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from nightwatt.arrival.local import LocalFolder
from nightwatt.arrival.manifests import Manifests, read_manifests
from nightwatt.arrival.memory import Memory
from nightwatt.arrival.survey import Candidate, Survey, shown, survey
from nightwatt.arrival.transport import Transport
from nightwatt.arrival.wholeness import NotYet, Surroundings, Whole, look
from nightwatt.calendar import business_date
from nightwatt.contracts.feed import Feed, Manifest
from nightwatt.contracts.names import match_name
from nightwatt.ledger import Ledger, receipts
from nightwatt.ledger.models import Receipt, ReceiptState
from nightwatt.settings import Settings


@dataclass(frozen=True)
class Judged:
    """A file of the feed, its business date, its receipt if it has one, else the verdict from outside."""

    candidate: Candidate
    day: date
    receipt: Receipt | None
    verdict: Whole | NotYet


@dataclass(frozen=True)
class Folder:
    """A feed's folder at one moment."""

    feed: Feed
    found: Survey
    manifests: Manifests
    receipts: Mapping[str, Sequence[Receipt]]  # by file name, oldest first
    today: date

    def judge(self, memory: Memory, now: datetime, waited: float = 0.0) -> Iterator[Judged]:
        """Judge every file from outside.

        Args:
            memory: what earlier looks saw.
            now: the time of this look.
            waited: seconds known to have passed since the last look, where the clock may be standing still.
        """
        for candidate in self.found.candidates:
            receipt = self.receipt_of(candidate)
            day = receipt.business_date if receipt else self._day_of(candidate)
            around = Surroundings(
                day=day,
                still_seconds=_still(candidate, memory, now, waited),
                marker=self.found.markers.get(candidate.name),
                manifests=self.manifests,
            )
            yield Judged(candidate, day, receipt, look(candidate.entry, self.feed, around))

    def receipt_of(self, candidate: Candidate) -> Receipt | None:
        """Return the newest receipt made of a file of this name, size and time: it need not be read again."""
        entry = candidate.entry
        same = (
            r
            for r in reversed(self.receipts.get(candidate.name, ()))
            if r.size_bytes == entry.size and r.sent_at == entry.changed_at
        )
        return next(same, None)

    def absent(self) -> Iterator[tuple[str, str, date | None]]:
        """Yield what a manifest or a done-marker announces and is neither there nor received, with the reason."""
        pattern = self.feed.arrival.pattern
        for day, files in self.manifests.by_date.items():
            for name in files:
                if match_name(pattern, name) is None:
                    yield (
                        shown(name),
                        f"the manifest {self.manifests.names[day]} lists it, but no file of pattern {pattern}",
                        day,
                    )
                elif self._is_absent(name):
                    yield name, f"the manifest {self.manifests.names[day]} lists it, it has not come", day
        for name in self.found.markers:
            if self._is_absent(name):
                matched = match_name(pattern, name)
                yield name, "its done marker is there, the file is not", matched.business_date if matched else None

    def _is_absent(self, name: str) -> bool:
        return name not in self.found.names and not any(
            r.state != ReceiptState.HELD for r in self.receipts.get(name, ())
        )

    def _day_of(self, candidate: Candidate) -> date:
        return candidate.named_date or self.manifests.date_listing(candidate.name) or self.today


def inbound_folder(feed: Feed, settings: Settings) -> LocalFolder:
    """Return the transport of a feed: today the local inbound folder."""
    return LocalFolder(settings.inbound / feed.arrival.folder, settings.inbound)


def look_into(
    feed: Feed, settings: Settings, ledger: Ledger, transport: Transport, neighbours: Sequence[Feed]
) -> Folder:
    """List a folder and fetch what the ledger knows of the names in it."""
    found = survey(transport.listing(), feed, neighbours)
    rule = feed.arrival.wholeness
    manifests = Manifests({}, {})
    if isinstance(rule, Manifest):
        manifests = read_manifests(transport, found.manifests, rule.pattern)
    names = {c.name for c in found.candidates} | set(found.markers)
    names.update(*manifests.by_date.values())
    by_name: dict[str, list[Receipt]] = {}
    with ledger.read() as session:
        for receipt in receipts.by_names(session, feed.feed, names):
            by_name.setdefault(receipt.file_name, []).append(receipt)
    return Folder(feed, found, manifests, by_name, business_date(ledger.clock(), settings.tz))


def _still(candidate: Candidate, memory: Memory, now: datetime, waited: float) -> float | None:
    seen = memory.of(candidate.entry)
    if seen is None:
        return None
    return max((now - datetime.fromisoformat(seen.since)).total_seconds(), waited, 0.0)
