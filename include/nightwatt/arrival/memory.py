"""What earlier looks at a folder saw, kept between them. A convenience: without it, files are looked at anew.

Belongs here: since when a file has held still, which content it was found to have, and why it was not
whole. Does not belong here: receipts (the ledger has those; nothing here is needed to trust one).
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from nightwatt.arrival.transport import Entry
from nightwatt.log import get

_log = get("arrival")


@dataclass
class Seen:
    """One file as it was seen, from the look at which it had this size and time first."""

    size: int
    mtime_ns: int
    since: str
    sha256: str | None = None  # known to be these bytes, which have a receipt under another name or time
    business_date: str | None = None
    judged: str | None = None  # the promise it was held against ...
    reason: str | None = None  # ... and why it was not whole


class Memory:
    """Looks at one feed's folder. Losing it costs time, never correctness."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: dict[str, Seen] = {}
        try:
            self._seen = {name: Seen(**seen) for name, seen in json.loads(path.read_text("utf-8")).items()}
        except FileNotFoundError:
            pass
        except (ValueError, TypeError, AttributeError) as e:
            _log.warning("looks forgotten", file=path.name, why=type(e).__name__)

    def of(self, entry: Entry) -> Seen | None:
        """Return what is known of a file, if it still is what was seen."""
        seen = self._seen.get(entry.name)
        return seen if seen and (seen.size, seen.mtime_ns) == entry.stamp else None

    def note(self, entry: Entry, now: datetime) -> Seen:
        """Return what is known of a file, beginning anew if it changed."""
        seen = self.of(entry)
        if seen is None:
            seen = self._seen[entry.name] = Seen(entry.size, entry.mtime_ns, now.isoformat())
        return seen

    def same_bytes(self, business_date: str) -> list[tuple[str, str]]:
        """Return (name, hash) of files of a date that brought bytes already received under another name."""
        return [(n, s.sha256) for n, s in self._seen.items() if s.sha256 and s.business_date == business_date]

    def save(self, names: Collection[str]) -> None:
        """Keep what is known of the names still there."""
        kept = {name: asdict(seen) for name, seen in sorted(self._seen.items()) if name in names}
        text = json.dumps(kept, indent=1)
        if self._path.exists() and self._path.read_text("utf-8") == text:
            return
        aside = self._path.with_suffix(".part")
        aside.write_text(text, "utf-8")
        aside.replace(self._path)


def memory_path(landing: Path, feed_name: str) -> Path:
    """Return where the looks at a feed's folder are kept."""
    return landing / ".arrival" / f"{feed_name}.looks.json"
