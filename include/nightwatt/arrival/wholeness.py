"""Is this file whole? By the rule of its contract, first from outside and then from its content.

Belongs here: the four rules. Does not belong here: remembering looks (`memory.py`), reading content
(`inspect.py`), or acting on the answer (`arrive.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation

from nightwatt.arrival.inspect import Examination, is_recoded
from nightwatt.arrival.manifests import Listed, Manifests
from nightwatt.arrival.transport import Entry
from nightwatt.contracts.feed import DoneMarker, Feed, Manifest, Quiet, Trailer
from nightwatt.contracts.names import example_name

_AFTER_MARKER_SECONDS = 60


@dataclass(frozen=True)
class Whole:
    """The sender has finished this file. `promise`: what its content must then be."""

    control_rows: int | None = None
    promise: Listed | None = None
    control_totals: Mapping[str, Decimal] = field(default_factory=dict)  # sums of columns, by name


@dataclass(frozen=True)
class NotYet:
    """The file is not whole, as far as can be seen. `wait_seconds`: when a second look can tell."""

    reason: str
    wait_seconds: float | None = None


@dataclass(frozen=True)
class Surroundings:
    """What lies around a file and how long it has held still (None at the first look)."""

    day: date
    still_seconds: float | None
    marker: Entry | None
    manifests: Manifests


def look(entry: Entry, feed: Feed, around: Surroundings) -> Whole | NotYet:
    """Judge a file from outside: its name, size and time, and what lies beside it.

    A trailer can only be judged from the content: see `confirm`.
    """
    rule = feed.arrival.wholeness
    if isinstance(rule, DoneMarker):
        return _by_marker(entry, rule, around)
    if isinstance(rule, Quiet):
        return _by_quiet(rule.seconds, around.still_seconds)
    if isinstance(rule, Manifest):
        return _by_manifest(entry, rule, around)
    return Whole()


def _by_marker(entry: Entry, rule: DoneMarker, around: Surroundings) -> Whole | NotYet:
    if around.marker is None:
        return NotYet(f"its done marker {entry.name}{rule.suffix} has not come")
    if around.marker.mtime_ns >= entry.mtime_ns or around.marker.fault:
        return Whole()
    # Sent again over the old file, whose marker still lies there: the marker may speak of the old content.
    answer = _by_quiet(_AFTER_MARKER_SECONDS, around.still_seconds)
    if isinstance(answer, NotYet):
        return NotYet(f"it changed after its done marker; {answer.reason}", answer.wait_seconds)
    return answer


def _by_quiet(seconds: float, still: float | None) -> Whole | NotYet:
    if still is not None and still >= seconds:
        return Whole()
    left = seconds - (still or 0.0)
    seen = "seen for the first time" if still is None else f"unchanged for {still:.0f} seconds"
    return NotYet(f"{seen}; it must hold still for {seconds:g} seconds over two looks", left)


def _by_manifest(entry: Entry, rule: Manifest, around: Surroundings) -> Whole | NotYet:
    manifest = around.manifests.names.get(around.day)
    if manifest is None:
        return NotYet(f"its manifest {example_name(rule.pattern, around.day)} has not come")
    listed = around.manifests.listed(around.day, entry.name)
    if listed is None:
        return NotYet(f"the manifest {manifest} does not list it")
    if listed.size != entry.size:
        return NotYet(f"it has {entry.size:,} bytes, the manifest {manifest} says {listed.size:,}")
    return Whole(listed.rows, listed, listed.totals)


def confirm(whole: Whole, examined: Examination, feed: Feed) -> Whole | NotYet:
    """Judge a file from its content, once a private copy of it has been read through.

    Returns:
        Whole with the sender's row count where it gives one; damage that says "sent" and not "being sent"
        is not for this function: such a file is whole and unreadable.
    """
    if whole.promise:
        return _keeps(whole.promise, examined, feed) or whole
    rule = feed.arrival.wholeness
    if isinstance(rule, Trailer):
        return _by_trailer(rule, examined, feed)
    return whole


def _keeps(promise: Listed, examined: Examination, feed: Feed) -> NotYet | None:
    if promise.sha256 and promise.sha256.lower() != examined.sha256:
        return NotYet("its SHA-256 is not the one in the manifest")
    if promise.sha256 or promise.rows is None or examined.found is None or feed.format.quote:
        return None  # with the hash right, a wrong row count is for intake to report; so it is with quoted line ends
    rows = examined.found.line_count - feed.format.header
    if rows != promise.rows:
        return NotYet(f"it has {rows:,} rows, the manifest says {promise.rows:,}")
    return None


def _by_trailer(rule: Trailer, examined: Examination, feed: Feed) -> Whole | NotYet:
    if examined.found is None:
        fault = examined.fault
        if fault and fault.code in {"file.truncated", "file.empty"}:
            return NotYet(f"no trailer yet: {fault.message}")
        return Whole()
    found = examined.found
    encoding = "utf-8" if is_recoded(feed.format.encoding) else feed.format.encoding
    line = (found.last_line or b"").decode(encoding, "replace")
    if not line.startswith(rule.prefix):
        return NotYet(f"its last line is not the trailer (`{rule.prefix}...`)")
    count = _count(line, rule, feed)
    if count is None:
        return NotYet(f"its trailer has no row count at place {rule.count_position}")
    rows = found.line_count - feed.format.header - 1
    if not found.ends_with_newline and feed.format.compression == "plain" and count != rows:
        return NotYet("its trailer has no line end and another count than the file has rows: it may be cut off")
    return _with_totals(count, line, rule, feed)


def _with_totals(count: int, line: str, rule: Trailer, feed: Feed) -> Whole | NotYet:
    totals: dict[str, Decimal] = {}
    for name, place in rule.totals.items():
        total = _total(_field(line, rule, place, feed), feed)
        if total is None:
            return NotYet(f"its trailer has no total of {name} at place {place}")
        totals[name] = total
    return Whole(count, control_totals=totals)


def _count(line: str, rule: Trailer, feed: Feed) -> int | None:
    text = _field(line, rule, rule.count_position, feed)
    return int(text) if text.isascii() and text.isdigit() else None


def _field(line: str, rule: Trailer, place: int, feed: Feed) -> str:
    fields = line[len(rule.prefix) :].split(feed.format.delimiter)
    return fields[place - 1].strip().strip('"') if len(fields) >= place else ""


def _total(text: str, feed: Feed) -> Decimal | None:
    thousands = feed.format.thousands_sign
    plain = text.replace(thousands, "") if thousands else text
    try:
        total = Decimal(plain.replace(feed.format.decimal_sign, "."))
    except InvalidOperation:
        return None
    return total if total.is_finite() else None
