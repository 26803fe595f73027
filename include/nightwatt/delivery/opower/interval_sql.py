"""SQL of the interval writer: its templates and the expressions a profile puts into them.

Belongs here: turning value maps, offsets and number rules of a profile into SQL expressions. Does not
belong here: running them (`interval_writer`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from nightwatt.calendar import clock_changes, day_bounds
from nightwatt.delivery.opower.profile import IntervalProfile, OffsetFormat
from nightwatt.duck import text
from nightwatt.errors import TerminalError

_HERE = Path(__file__).parent
DAY_MINUTES = 1440
EVERY_ZONES_GRID_MIN = 15
"""Offsets from UTC are multiples of this, so reads of a length that divides it have the same grid everywhere."""


def template(name: str, **expressions: str) -> str:
    """Return a statement with its expressions filled in; values are bound, never put here."""
    return (_HERE / name).read_text("utf-8").format(**expressions)


@dataclass(frozen=True)
class Period:
    """A stretch of time with one UTC offset; the last one of a zone has no end."""

    until: datetime | None
    offset_seconds: int


def periods(zone_name: str, first: datetime, last: datetime) -> list[Period]:
    """Return the offsets in force in a zone around the interval starts from `first` to `last` (naive UTC)."""
    zone = ZoneInfo(zone_name)
    # Two days on either side: a local day, and an end up to a day after its start.
    low, high = first.replace(tzinfo=UTC) - timedelta(days=2), last.replace(tzinfo=UTC) + timedelta(days=2)
    found: list[Period] = []
    for change in clock_changes(low.date(), high.date(), zone):
        found.append(Period(change.replace(tzinfo=None), _offset(change - timedelta(seconds=1), zone)))
    # At the end of the last day looked at, and not later: the next change may be a day away.
    return [*found, Period(None, _offset(day_bounds(high.date(), zone)[1], zone))]


def _offset(instant: datetime, zone: ZoneInfo) -> int:
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None  # noqa: S101  (a ZoneInfo always has one)
    return int(offset.total_seconds())


def offset_case(zones: Mapping[str, Sequence[Period]], instant: str, form: OffsetFormat | None, convention: str) -> str:
    """Return an expression for the offset at an instant: seconds, or text where a form is given.

    A handful of comparisons with constants instead of a time-zone conversion per row, which costs four to
    six times as much. Convention I takes the offset that begins at the instant, II the one that ends there.
    """
    compare = "<" if convention == "I" else "<="
    by_zone = {zone: _one_zone(stretches, instant, form, compare) for zone, stretches in sorted(zones.items())}
    if len(set(by_zone.values())) == 1:
        return next(iter(by_zone.values()))
    return "case zone " + " ".join(f"when {text(z)} then {e}" for z, e in by_zone.items()) + " end"


def length_sql(zones: Mapping[str, Sequence[Period]], length_min: int) -> str:
    """Return an expression for how long an interval really lasts: a daily one 23 to 25 hours."""
    plain = f"to_minutes({length_min})"
    if length_min != DAY_MINUTES:
        return plain
    start = offset_case(zones, "interval_start_at", None, "I")
    end = offset_case(zones, f"(interval_start_at + {plain})", None, "I")
    return f"{plain} - to_seconds(({end}) - ({start}))"


def code_case(column: str, values: Mapping[str, str | None], blank: str | None = None) -> str:
    """Return an expression that translates a code; null where it is not sent."""
    branches = " ".join(f"when {text(k)} then {text(v)}" for k, v in sorted(values.items()) if v is not None)
    tail = f" else if({column} is null, {text(blank)}, null)" if blank is not None else ""
    return f"case {column} {branches}{tail} end" if branches else "null::varchar"


def off_grid_sql(zones: Mapping[str, Sequence[Period]], length_min: int, convention: str) -> str:
    """Return a condition: the end label, in local time, is no multiple of the length (of a day: not midnight).

    Integers on the instant itself wherever no offset in force can move the grid, as with hours in most zones.
    """
    offsets = {p.offset_seconds for stretches in zones.values() for p in stretches}
    if all(offset % (length_min * 60) == 0 for offset in offsets):
        return f"epoch_us(interval_start_at) % {length_min * 60_000_000} <> 0"
    end = f"(interval_start_at + ({length_sql(zones, length_min)}))"
    offset = offset_case(zones, end, None, convention)
    return f"(epoch_us({end}) + ({offset})::bigint * 1000000) % {length_min * 60_000_000} <> 0"


def verdict_sql(profile: IntervalProfile, off_grid: str = "false") -> str:
    """Return an expression that says `send`, or why an amount is held back.

    Args:
        profile: the partner's word.
        off_grid: condition from `off_grid_sql`. The partner refuses a whole file for one such read.
    """
    rules = profile.number
    branches = ["when value is null then 'missing'", f"when {off_grid} then 'off_grid'"]
    if not rules.negative_enabled:
        branches.append("when value < 0 then 'negative'")
    branches.append(f"when abs(value) > {rules.maximum} then 'too_large'")
    if rules.max_decimals < 8:
        branches.append(f"when value <> value::decimal(18, {rules.max_decimals}) then 'too_many_decimals'")
    return f"case {' '.join(branches)} else 'send' end"


def value_sql(profile: IntervalProfile) -> str:
    """Return an expression for the amount as text: every digit kept, zeros only up to the profile's minimum."""
    least = profile.number.min_decimals
    if least == 8:
        return "value::varchar"
    short = f"value::decimal(18, {least})"
    return f"if(value = {short}, {short}::varchar, rtrim(value::varchar, '0'))"


def line_sql(profile: IntervalProfile, commodity: str, clean: bool) -> str:
    """Return an expression for one line, with its line end."""
    service = profile.column("commodity")
    token = (service.map or {}).get(commodity) if service else None
    if service and service.enabled and token is None:
        raise TerminalError(
            "delivery.unmapped_value",
            f"profile {profile.profile}: column {service.name} has no value for {commodity}",
            "add it to the column's `map`",
        )
    tidy = "trim(regexp_replace(service_point_id, '[[:cntrl:]]+', ' ', 'g'))"
    facts = {
        "service_point_id": tidy if clean else "service_point_id",
        "usage_value": value_sql(profile),
        "end_date": "strftime(local_end_at, '%Y%m%d')",
        "end_time": "strftime(local_end_at, '%H%M')",
        "unit": "unit",
        "quality": "quality",
        "utc_offset": "utc_offset",
        "commodity": text(token or ""),
        "channel": "channel",
    }
    delimiter = f" || {text(profile.text.delimiter)} || "
    return delimiter.join(facts[c.field] for c in profile.enabled) + f" || {text(profile.text.line_end)}"


def _one_zone(stretches: Sequence[Period], instant: str, form: OffsetFormat | None, compare: str) -> str:
    shown = [str(p.offset_seconds) if form is None else text(offset_text(p.offset_seconds, form)) for p in stretches]
    if len(stretches) == 1:
        return shown[0]
    branches = " ".join(
        f"when {instant} {compare} timestamp {text(p.until)} then {value}"
        for p, value in zip(stretches[:-1], shown[:-1], strict=True)
    )
    return f"case {branches} else {shown[-1]} end"


def offset_text(seconds: int, form: OffsetFormat) -> str:
    """Write an offset the partner's way."""
    sign, rest = ("-" if seconds < 0 else "+"), abs(seconds)
    hours, minutes = rest // 3600, rest % 3600 // 60
    if form == "+H":
        if minutes:
            raise TerminalError(
                "delivery.offset_format",
                "offset format +H cannot write an offset that is not a whole hour",
                "choose +HHMM or +HH:MM in the profile",
            )
        return f"{sign}{hours}"
    return f"{sign}{hours:02d}{':' if form == '+HH:MM' else ''}{minutes:02d}"
