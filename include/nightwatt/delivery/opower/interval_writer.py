"""Writing the partner's interval files from the published warehouse, the same bytes every time.

Belongs here: which reads go into a file, their order, where it may be split, and the totals for the receipt. Does not
belong here: what the partner decides (`profile`), packing (`packing`), judging (`checker`), sending (`courier`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from nightwatt.contracts.delivery import OpowerIntervalDelivery
from nightwatt.delivery.opower import interval_sql as sql
from nightwatt.delivery.opower.names import file_name
from nightwatt.delivery.opower.packing import MEGABYTE, Form, WrittenFile, lines, pack
from nightwatt.delivery.opower.population import Members
from nightwatt.delivery.opower.profile import Column, IntervalProfile
from nightwatt.delivery.phases import Window
from nightwatt.duck import text
from nightwatt.errors import TerminalError

CHUNK_READS = 2_000_000
_OTHER_BYTES = 120  # more than any line has beside its service point


@dataclass(frozen=True)
class Selection:
    """Which reads of the published ones."""

    commodity: str
    length_min: int
    window: Window
    feeds: tuple[str, ...] = ()  # only reads these feeds brought; those of all feeds otherwise
    members: Members = field(default_factory=Members)

    def reads(self) -> str:
        """Return the SQL relation of reads that the window holds, or that came into the population since the last file.

        The latter apart, so that the rest is still found by the loads of a row group alone.
        """
        columns = ("load_sequence", "read_date")
        of_window = f"select * from fct_interval_reads where {self.window.condition(*columns)}"
        earlier = self.window.earlier(*columns)
        if self.members.joined is None or earlier is None:
            return f"({of_window}) as fct_interval_reads"
        joined = f"select * from fct_interval_reads where {earlier} and {self.members.joined}"
        return f"({of_window} union all {joined}) as fct_interval_reads"

    def wanted(self) -> str:
        """Return the SQL condition on service point and day of a read, and on the feed it came with."""
        parts = [self.members.condition]
        if self.feeds:
            names = ", ".join(text(name) for name in self.feeds)
            parts.append(f"receipt_id in (select receipt_id from ops_receipts where feed in ({names}))")
        return " and ".join(parts)

    def parameters(self) -> dict[str, Any]:
        """Return the values to bind."""
        return {"commodity": self.commodity, "length_min": self.length_min}


@dataclass(frozen=True)
class Totals:
    """What the files hold together."""

    rows: int
    service_points: int
    sums: Mapping[str, Decimal]  # by the partner's unit and service quantity
    first_start_at: datetime | None  # UTC
    last_start_at: datetime | None


@dataclass(frozen=True)
class Written:
    """The files of one delivery, in the order in which they must be sent; none where nothing is to send."""

    files: tuple[WrittenFile, ...]
    totals: Totals
    zones: tuple[str, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)  # reads not sent, by reason
    estimate_defaulted: int = 0  # reads whose source said nothing, sent as the profile's blank


@dataclass(frozen=True)
class _Group:
    unit: str | None
    channel: str | None
    quality: str | None
    zone: str
    verdict: str
    reads: int
    total: Decimal | None
    first_start_at: datetime
    last_start_at: datetime
    first_read_date: date
    last_read_date: date


@dataclass(frozen=True)
class _Job:
    """What one call writes."""

    delivery: OpowerIntervalDelivery
    profile: IntervalProfile
    selection: Selection
    sent: tuple[_Group, ...]
    verdict: str  # SQL

    def parameters(self) -> dict[str, Any]:
        """Return the values to bind, with the local days that hold anything to send."""
        return self.selection.parameters() | {
            "first_read_date": min(g.first_read_date for g in self.sent),
            "last_read_date": max(g.last_read_date for g in self.sent),
        }


@dataclass(frozen=True)
class _Chunk:
    first_service_point_id: str
    last_service_point_id: str
    service_points: int
    reads: int
    most_bytes: int
    needs_cleaning: bool


def write_interval_files(
    con: duckdb.DuckDBPyConnection,
    delivery: OpowerIntervalDelivery,
    profile: IntervalProfile,
    selection: Selection,
    folder: Path,
    stamp: datetime,
) -> Written:
    """Write the selected reads as the partner's files, split above the contract's size on service points.

    Args:
        con: connection to the published warehouse; `fct_interval_reads` is read, and `ops_receipts` where the
            contract names feeds.
        stamp: instant for the name of the first file; each further one is a second later.

    Raises:
        TerminalError: `delivery.unmapped_value`, `delivery.channels_collapse`: the profile cannot express
            what the warehouse holds. Nothing is dropped silently; `left_out` counts what is held back.
    """
    verdict = sql.verdict_sql(profile, _off_grid(con, profile, selection))
    groups = _groups(con, verdict, selection)
    _check_mapped(profile, groups)
    sent = [g for g in groups if _reason(profile, g) is None]
    left_out: Counter[str] = Counter()
    for g in groups:
        if reason := _reason(profile, g):
            left_out[reason] += g.reads
    if not sent:
        return Written((), Totals(0, 0, {}, None, None), (), dict(left_out))
    files, service_points = _write(con, _Job(delivery, profile, selection, tuple(sent), verdict), folder, stamp)
    return Written(
        files=tuple(files),
        totals=_totals(profile, sent, service_points),
        zones=tuple(sorted({g.zone for g in sent})),
        left_out=dict(sorted(left_out.items())),
        estimate_defaulted=sum(g.reads for g in sent if g.quality is None),
    )


def _off_grid(con: duckdb.DuckDBPyConnection, profile: IntervalProfile, selection: Selection) -> str:
    """Return the SQL condition for reads beside the grid; the zones are looked up only where they matter."""
    zones: dict[str, list[sql.Period]] = {}
    if sql.EVERY_ZONES_GRID_MIN % selection.length_min:
        statement = sql.template("interval_zones.sql", reads=selection.reads(), wanted=selection.wanted())
        found = con.execute(statement, selection.parameters()).fetchall()
        zones = {zone: sql.periods(zone, first, last) for zone, first, last in found}
    return sql.off_grid_sql(zones, selection.length_min, profile.time.clock_change)


def _groups(con: duckdb.DuckDBPyConnection, verdict: str, selection: Selection) -> list[_Group]:
    statement = sql.template("interval_groups.sql", verdict=verdict, reads=selection.reads(), wanted=selection.wanted())
    return [_Group(*row) for row in con.execute(statement, selection.parameters()).fetchall()]


def _check_mapped(profile: IntervalProfile, groups: list[_Group]) -> None:
    """Refuse what the profile does not name: dropping it silently would lose reads."""
    held = [g for g in groups if g.verdict == "send"]
    for name in ("unit", "channel", "quality"):
        column = _column(profile, name)
        found = {getattr(g, name) for g in held}
        unknown = sorted(str(v) for v in found if v not in (column.map or {}) and not (v is None and column.blank))
        if unknown:
            raise TerminalError(
                "delivery.unmapped_value",
                f"profile {profile.profile}: column {column.name} has no value for {name} {', '.join(unknown)}",
                "add it to the column's `map`; null there means: do not send",
            )
    channel = _column(profile, "channel")
    channels = sorted({str(g.channel) for g in held if _reason(profile, g) is None})
    if not channel.enabled and len(channels) > 1:
        raise TerminalError(
            "delivery.channels_collapse",
            f"profile {profile.profile}: column {channel.name} is off and would make channels "
            f"{', '.join(channels)} look alike",
            "enable the column, or map all channels but one to null",
        )


def _column(profile: IntervalProfile, name: str) -> Column:
    column = next((c for c in profile.columns if c.field == name), None)
    if column is None:
        raise TerminalError(
            "delivery.profile_invalid",
            f"profile {profile.profile} has no column for {name}",
            "add it; `enabled: false` where the partner does not take it",
        )
    return column


def _reason(profile: IntervalProfile, group: _Group) -> str | None:
    """Return why a group is held back; None if it is sent."""
    if group.verdict != "send":
        return group.verdict
    for name in ("unit", "channel", "quality"):
        value = getattr(group, name)
        if value is not None and (_column(profile, name).map or {}).get(value) is None:
            return f"{name}_not_sent"
    return None


def _is_sent(profile: IntervalProfile, verdict: str) -> str:
    parts = [f"{verdict} = 'send'"]
    for name in ("unit", "channel", "quality"):
        column = _column(profile, name)
        parts.append(f"({sql.code_case(name, column.map or {}, column.blank)}) is not null")
    return " and ".join(parts)


def _totals(profile: IntervalProfile, sent: list[_Group], service_points: int) -> Totals:
    unit, channel = _column(profile, "unit"), _column(profile, "channel")
    sums: dict[str, Decimal] = {}
    for g in sent:
        quantity = (channel.map or {}).get(str(g.channel)) if channel.enabled else None
        key = "/".join(part for part in ((unit.map or {}).get(str(g.unit)), quantity) if part)
        sums[key] = sums.get(key, Decimal(0)) + (g.total or Decimal(0))
    return Totals(
        rows=sum(g.reads for g in sent),
        service_points=service_points,
        sums=dict(sorted(sums.items())),
        first_start_at=min(g.first_start_at for g in sent),
        last_start_at=max(g.last_start_at for g in sent),
    )


def _write(con: duckdb.DuckDBPyConnection, job: _Job, folder: Path, stamp: datetime) -> tuple[list[WrittenFile], int]:
    limit = job.delivery.max_file_mb * MEGABYTE
    statements = {clean: _rows_statement(job, clean) for clean in (False, True)}
    chunks = _chunks(con, job, limit)
    folder.mkdir(parents=True, exist_ok=True)

    def lines_of(chunk: _Chunk) -> Iterator[memoryview]:
        bound = job.parameters() | {
            "first_service_point_id": chunk.first_service_point_id,
            "last_service_point_id": chunk.last_service_point_id,
        }
        return lines(con, statements[chunk.needs_cleaning], bound)

    def path_of(number: int) -> Path:
        instant = stamp + timedelta(seconds=number)
        return folder / file_name(job.delivery, job.profile, job.delivery.length_min, instant)

    done = pack(chunks, lines_of, Form.of(job.profile, job.profile.header_line), path_of, limit)
    return done, sum(c.service_points for c in chunks)


def _chunks(con: duckdb.DuckDBPyConnection, job: _Job, limit: int) -> list[_Chunk]:
    """Cut the service points into ranges, an eighth of the size limit at most, so that files fill up."""
    statement = sql.template(
        "interval_chunks.sql",
        is_sent=_is_sent(job.profile, job.verdict),
        reads=job.selection.reads(),
        wanted=job.selection.wanted(),
    )
    chunk_reads = max(1, min(CHUNK_READS, limit // (8 * _OTHER_BYTES)))
    bound = job.parameters() | {"chunk_reads": chunk_reads, "other_bytes": _OTHER_BYTES}
    return [_Chunk(*row) for row in con.execute(statement, bound).fetchall()]


def _rows_statement(job: _Job, clean: bool) -> str:
    profile = job.profile
    zones = {
        zone: sql.periods(
            zone,
            min(g.first_start_at for g in job.sent if g.zone == zone),
            max(g.last_start_at for g in job.sent if g.zone == zone),
        )
        for zone in {g.zone for g in job.sent}
    }
    convention = profile.time.clock_change
    codes = {}
    for name in ("unit", "quality", "channel"):
        column = _column(profile, name)
        codes[name] = sql.code_case(name, column.map or {}, column.blank)
    return sql.template(
        "interval_rows.sql",
        is_sent=_is_sent(profile, job.verdict),
        reads=job.selection.reads(),
        wanted=job.selection.wanted(),
        length=sql.length_sql(zones, job.selection.length_min),
        offset_seconds=sql.offset_case(zones, "end_at", None, convention),
        offset_text=sql.offset_case(zones, "end_at", profile.time.offset_format, convention),
        line=sql.line_sql(profile, job.selection.commodity, clean),
        **codes,
    )
