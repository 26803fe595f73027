"""Sorting the names of a folder: this feed's files, what accompanies them, and what nobody knows.

Belongs here: reading names. Does not belong here: opening files or judging them whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from nightwatt.arrival.transport import Entry
from nightwatt.contracts.feed import DoneMarker, Feed, Manifest
from nightwatt.contracts.names import MatchedName, compile_pattern, match_name
from nightwatt.contracts.sources import SftpSource
from nightwatt.errors import TerminalError

TEMPORARY_SUFFIXES = (".tmp", ".part", ".filepart")

STILL_WRITING = "its name is temporary: the sender is still writing it"


@dataclass(frozen=True)
class Candidate:
    """A file whose name fits the feed's pattern."""

    entry: Entry
    named_date: date | None
    part: str | None

    @property
    def name(self) -> str:
        """The file's name."""
        return self.entry.name


@dataclass
class Survey:
    """A folder's names, sorted out for one feed."""

    candidates: list[Candidate] = field(default_factory=list)
    manifests: list[Entry] = field(default_factory=list)
    markers: dict[str, Entry] = field(default_factory=dict)  # by the name of the file they speak of
    waiting: list[tuple[str, str, date | None]] = field(default_factory=list)
    refused: list[tuple[str, TerminalError, date | None]] = field(default_factory=list)
    unknown: list[tuple[str, str]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)


def survey(entries: Sequence[Entry], feed: Feed, neighbours: Sequence[Feed] = ()) -> Survey:
    """Sort a folder's names. Every name ends in one place, or belongs to a neighbour.

    Args:
        entries: the listing.
        feed: the feed looked for.
        neighbours: other feeds of the catalog; names that fit them are theirs to report.
    """
    others = [n for n in neighbours if n.feed != feed.feed]
    beside = [n for n in others if _folder(n) == _folder(feed)]
    found = Survey()
    for entry in entries:
        found.names.add(entry.name)
        if not _sort_own(entry, feed, found) and not _is_neighbours(entry, feed, others, beside):
            found.unknown.append((shown(entry.name), _why_unknown(entry, feed)))
    return found


def shown(name: str) -> str:
    """Return a name fit for logs and screens, whatever bytes a sender put in it."""
    text = name.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def _sort_own(entry: Entry, feed: Feed, found: Survey) -> bool:
    name, rule, pattern = entry.name, feed.arrival.wholeness, feed.arrival.pattern
    if matched := match_name(pattern, name):
        if entry.fault:
            found.refused.append((name, entry.fault, matched.business_date))
        else:
            found.candidates.append(Candidate(entry, matched.business_date, matched.part))
    elif isinstance(rule, DoneMarker) and name.endswith(rule.suffix) and match_name(pattern, _target(name, rule)):
        found.markers[_target(name, rule)] = entry
    elif isinstance(rule, Manifest) and match_name(rule.pattern, name):
        found.manifests.append(entry)
    elif (core := _temporary_for(name)) and (matched := _match_any(feed, core)):
        found.waiting.append((shown(name), STILL_WRITING, matched.business_date))
    else:
        return False
    return True


def _target(name: str, rule: DoneMarker) -> str:
    return name[: len(name) - len(rule.suffix)]


def _temporary_for(name: str) -> str | None:
    """Return the final name of a temporary one; None if it is none."""
    core = name.removeprefix(".")
    for suffix in TEMPORARY_SUFFIXES:
        core = core.removesuffix(suffix)
    return core if core != name else None


def _match_any(feed: Feed, name: str) -> MatchedName | None:
    """Read a name that is the feed's or accompanies its files."""
    rule = feed.arrival.wholeness
    patterns = [feed.arrival.pattern] + ([rule.pattern] if isinstance(rule, Manifest) else [])
    if isinstance(rule, DoneMarker) and name.endswith(rule.suffix):
        name = _target(name, rule)
    for pattern in patterns:
        if matched := match_name(pattern, name):
            return matched
    return None


def _is_neighbours(entry: Entry, feed: Feed, others: Sequence[Feed], beside: Sequence[Feed]) -> bool:
    if entry.is_folder:
        here = _folder(feed)
        return any(
            f[: len(here)] == here and f[len(here) : len(here) + 1] == (entry.name,) for f in map(_folder, others)
        )
    name = _temporary_for(entry.name)
    return any(_match_any(n, entry.name) or (name is not None and _match_any(n, name)) for n in beside)


def _folder(feed: Feed) -> tuple[str, ...]:
    """Return where a feed's files lie: below the inbound folder, or on a server."""
    source = feed.arrival.source
    server, folder = (f"sftp:{source.connection}", source.folder) if isinstance(source, SftpSource) else ("", None)
    return (server, *(p for p in (folder or feed.arrival.folder).split("/") if p not in {"", "."}))


def _why_unknown(entry: Entry, feed: Feed) -> str:
    if entry.fault:
        return entry.fault.message
    if compile_pattern(feed.arrival.pattern)[0].fullmatch(entry.name):
        return f"its date does not exist (pattern {feed.arrival.pattern})"
    return f"its name fits no feed of this folder (pattern {feed.arrival.pattern})"
