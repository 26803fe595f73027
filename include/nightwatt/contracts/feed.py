"""The grammar of a feed contract: everything a file promises, so that a new source needs no code.

Belongs here: the typed models of one feed YAML file and the rules between their keys. Does not belong
here: finding and loading the files (`catalog.py`) or turning a contract into SQL (intake).
"""

from __future__ import annotations

import re
from decimal import Decimal
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from nightwatt.contracts.formats import DelimitedFormat, Format, IdocFormat, ParquetFormat, SegmentName
from nightwatt.contracts.idoc_records import CONTROL, SDATA_LENGTH
from nightwatt.contracts.names import PatternError, compile_pattern
from nightwatt.contracts.schedule import Schedule, WallTime
from nightwatt.contracts.sources import HttpSource, LocalSource, SftpSource, Source, SqlSource


class Quality(StrEnum):
    """Canonical quality classes of a read, best first."""

    ACTUAL = "actual"
    SUBSTITUTED = "substituted"
    ESTIMATED = "estimated"
    MISSING = "missing"


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as e:
        raise ValueError(f"unknown time zone {name!r}; use an IANA name such as America/New_York") from e
    return name


def _known_pattern(pattern: str) -> str:
    try:
        compile_pattern(pattern)
    except PatternError as e:
        raise ValueError(str(e)) from e
    return pattern


def _more_than_nothing(factor: str) -> str:
    if not Decimal(factor):
        raise ValueError("a factor of 0 makes every value 0")
    return factor


def _inside(folder: str) -> str:
    path = PurePosixPath(folder)
    if path.is_absolute() or ".." in path.parts or "\\" in folder:
        raise ValueError("a folder below the inbound folder: no leading slash, no `..`")
    return folder


RelativeFolder = Annotated[str, AfterValidator(_inside)]
ZoneName = Annotated[str, AfterValidator(_known_zone)]
FilePattern = Annotated[str, AfterValidator(_known_pattern)]
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Offset = Annotated[str, Field(pattern=r"^[+-]\d{2}:\d{2}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


# --- how a file arrives -----------------------------------------------------------------------------


class DoneMarker(_Strict):
    """Whole once `<file name><suffix>` lies beside it."""

    rule: Literal["done_marker"]
    suffix: str = Field(".done", description="appended to the file's name")


class Quiet(_Strict):
    """Whole once size and change time were the same on two looks at least so many seconds apart."""

    rule: Literal["quiet"]
    seconds: int = Field(60, ge=0, description="how long size and time must hold still")


class Trailer(_Strict):
    """Whole once its last line is the trailer, whose row count is then the control total."""

    rule: Literal["trailer"]
    prefix: str = Field(description="how the trailer line starts, e.g. `TRAILER,`")
    count_position: int = Field(1, ge=1, description="which field after the prefix holds the data row count, from 1")
    totals: dict[str, Annotated[int, Field(ge=1)]] = Field(
        default_factory=dict, description="columns whose sum the trailer holds, by name, and in which field"
    )


class Manifest(_Strict):
    """Whole once a JSON manifest of the night lists it with its size, rows and SHA-256.

    The manifest is `{"business_date": "...", "files": [{"name", "rows", "bytes", "sha256", "totals"}]}`; `rows`
    (without header), `sha256` and `totals` (sums of columns, by name) are optional and are control totals when given.
    """

    rule: Literal["manifest"]
    pattern: FilePattern = Field(description="the manifest's name pattern, with the same business date")


Wholeness = Annotated[DoneMarker | Quiet | Trailer | Manifest, Field(discriminator="rule")]


class Arrival(_Strict):
    """Where the files come from and what they are called."""

    source: Source = Field(LocalSource(), description="where they come from; the feed's inbound folder otherwise")
    folder: RelativeFolder = Field(".", description="folder below the inbound folder")
    pattern: FilePattern = Field(description="file name with {business_date:%Y%m%d}, {part}, {any}")
    wholeness: Wholeness
    min_files: int = Field(1, ge=0, description="files that must come for a business date")
    max_files: int | None = Field(None, ge=1, description="more than this is a finding")

    @property
    def place(self) -> str:
        """Where the files lie, for messages; rows of databases and services are files below the inbound folder."""
        return self.source.place if isinstance(self.source, SftpSource) else f"the inbound folder {self.folder}"

    @model_validator(mode="after")
    def _room_for_min(self) -> Self:
        if self.max_files is not None and self.max_files < self.min_files:
            raise ValueError("max_files is less than min_files; one of them must change")
        return self


# --- columns ---------------------------------------------------------------------------------------------

READ_FIELDS = frozenset(
    {
        "service_point_id", "meter_id", "channel_code", "unit_code", "quality_code", "value",
        "stamp", "stamp_date", "stamp_time", "stamp_slot", "utc_offset", "repeated_flag",
        "length_min", "last_updated_at",
    }
)  # fmt: skip
"""What a column of an `interval_read` feed can be."""

READ_TYPES = {
    "stamp": "timestamp", "stamp_date": "date", "stamp_time": "time", "last_updated_at": "timestamp",
    "value": "decimal",
}  # fmt: skip
"""The types that some of them must have."""

UNITS = frozenset({"kWh", "kvarh", "therm", "ccf", "m3"})
"""Canonical units."""

_DIRECTIVES = re.compile(r"%-?[aAbBcdfgGHIjmMnpSuUVwWxXyYzZ%]")


def _known_directives(form: str | None) -> str | None:
    if form and "%" in _DIRECTIVES.sub("", form):
        raise ValueError(f"{form!r} has a directive that is not known; write dates like %Y-%m-%d %H:%M:%S")
    return form


class Column(_Strict):
    """One column of the file, in file order. A column without `field` is read past."""

    name: str = Field(description="the header's text; `{slot}` in it stands for the slot number of a wide row")
    field: Identifier | None = Field(None, description="canonical field (interval_read) or lake column (table)")
    type: Literal["text", "integer", "decimal", "date", "time", "timestamp"] = "text"
    format: Annotated[str | None, AfterValidator(_known_directives)] = Field(
        None, description="strptime form of a date, time or timestamp; ISO otherwise"
    )
    zone: ZoneName = Field("UTC", description="zone of a timestamp that is not the interval's own stamp")
    scale: int = Field(8, ge=0, le=14, description="digits after the decimal sign that a decimal may carry")
    required: bool = Field(False, description="blank makes the row a reject")
    strip: str = Field("", description="signs taken off both ends besides blanks, e.g. a leading apostrophe")
    channel: Identifier | None = Field(None, description="for a value column that is a channel of its own")
    unit: str | None = Field(None, description="unit of this value column, overriding interval.unit")
    slots: int | None = Field(None, ge=2, le=300, description="wide rows: this entry stands for so many columns")
    first_slot: int = Field(1, ge=0, description="number of the first slot")
    personal: bool = Field(False, description="holds personal data")
    segment: SegmentName | None = Field(
        None, description="IDoc: the segment the column is cut from, the row's own or one above it; the row's otherwise"
    )
    offset: int | None = Field(None, ge=0, description="IDoc: where it starts in the segment's data (SDATA), from 0")
    length: int | None = Field(None, ge=1, description="IDoc: how many characters it has there")
    control_field: str | None = Field(
        None, description="IDoc: instead, a field of the control record, e.g. DOCNUM or CREDAT"
    )

    @model_validator(mode="after")
    def _slots_have_names(self) -> Self:
        if self.slots and "{slot}" not in self.name:
            raise ValueError("a column with `slots` needs `{slot}` in its name, for the slot's number")
        if self.slots and set(self.name.replace("{slot}", "")) & {"{", "}"}:
            raise ValueError("a column with `slots` can have no braces in its name but `{slot}`")
        return self


# --- interval reads -----------------------------------------------------------------------------------


class UtcClock(_Strict):
    """Stamps are UTC."""

    kind: Literal["utc"]


class FixedClock(_Strict):
    """Stamps run at one offset all year (market time)."""

    kind: Literal["fixed"]
    offset: Offset


class OffsetClock(_Strict):
    """Stamps are local and the column with field `utc_offset` says how far from UTC."""

    kind: Literal["offset"]


class ZoneClock(_Strict):
    """Stamps are wall time of a zone."""

    kind: Literal["zone"]
    zone: ZoneName
    repeated_hour: Literal["file_order", "first", "second", "flag", "reject"] = Field(
        description="autumn: by order in the file, always the first or second pass, by the column with field "
        "`repeated_flag`, or a reject"
    )
    repeated_flag_values: tuple[str, ...] = Field((), description="texts in `repeated_flag` that mean the second pass")
    skipped_hour: Literal["reject", "drop_blank", "shift"] = Field(
        description="spring: a stamp in the hour that does not exist is a reject, is passed over if its value is "
        "blank (else a reject), or is moved on by the change"
    )


IntervalClock = Annotated[UtcClock | FixedClock | OffsetClock | ZoneClock, Field(discriminator="kind")]


class CodeMap(_Strict):
    """One constant, or a map from the source's codes; an unlisted code makes the row a reject."""

    constant: str | None = None
    map: dict[str, str] = Field(default_factory=dict)
    blank: str | None = Field(None, description="what a blank code means; a reject otherwise")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.constant is None) == (not self.map):
            raise ValueError("give either `constant` or `map`, and not both")
        return self


class QualityMap(_Strict):
    """Source quality codes to canonical classes."""

    constant: Quality | None = None
    map: dict[str, Quality] = Field(default_factory=dict)
    blank: Quality | None = Field(None, description="what a blank code means; a reject otherwise")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.constant is None) == (not self.map):
            raise ValueError("give either `constant` or `map`, and not both")
        return self


class Interval(_Strict):
    """How rows become canonical interval reads."""

    length_min: int | None = Field(
        None, ge=1, le=1440, description="interval length; else a column with field length_min"
    )
    marks: Literal["start", "end"] = Field(description="whether a stamp marks the interval's start or end")
    clock: IntervalClock
    day_zone: ZoneName | None = Field(
        None, description="zone whose local days usage counts in; the utility's otherwise"
    )
    slot_base: int = Field(1, ge=0, le=1, description="number of the slot that starts at midnight")
    slot_counts: Literal["elapsed", "wall"] = Field(
        "elapsed",
        description="slots count intervals since local midnight, or wall-clock places (clock changes differ)",
    )
    channel: CodeMap | None = Field(None, description="channel of rows whose value column names none")
    unit: CodeMap | None = Field(None, description="canonical unit: kWh, kvarh, therm, ccf, m3")
    factor: Annotated[str, AfterValidator(_more_than_nothing)] = Field(
        "1", pattern=r"^\d+(\.\d+)?$", description="value in the file times this gives the canonical unit"
    )
    quality: QualityMap
    blank_value: Literal["missing", "reject", "drop"] = Field(
        "missing", description="a blank value is a missing read, a reject, or no row at all"
    )


# --- promises ------------------------------------------------------------------------------------------


class Completeness(_Strict):
    """When a night of this feed counts as complete. Without it, absence must not close anything."""

    min_rows: int = Field(1, ge=0, description="data rows a night must bring")
    min_pct_of_median: float | None = Field(
        None, gt=0, le=100, description="least share, in percent, of the trailing median of loaded nights"
    )
    max_pct_of_median: float | None = Field(
        None, gt=100, description="greatest share of it, likewise: above, a night may have come twice"
    )
    min_meters_pct_of_median: float | None = Field(
        None, gt=0, le=100, description="least share of the usual service points that must have reads"
    )
    min_total_pct_of_median: float | None = Field(
        None, gt=0, le=100, description="least share of each usual total: quantities by channel, or decimal columns"
    )
    max_total_pct_of_median: float | None = Field(None, gt=100, description="greatest share of each usual total")
    max_missing_meters_pct: float | None = Field(
        None,
        ge=0,
        lt=100,
        description="share of the service points that usually report that may have no read of the night's day; "
        "counted when usage is published",
    )
    median_nights: int = Field(
        28,
        ge=1,
        description="how many earlier nights the median is of; of those, the same weekday's where there are three",
    )


class Deadlines(_Strict):
    """Wall-clock times in the utility's zone on the business date."""

    expected_by: WallTime
    late_at: WallTime
    deadline: WallTime

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.expected_by <= self.late_at <= self.deadline:
            raise ValueError("expected_by, late_at and deadline must not run backwards")
        return self


class Feed(_Strict):
    """One feed: who sends what, when, in which form, and what happens when it does not come."""

    feed: Identifier
    title: str
    system: Identifier = Field(description="the sending system: ccb, isu, mdm, adms, wam, gis, ...")
    owner: str = Field(description="who to call")
    domain: Literal["billing", "usage", "reference"] = Field(description="the chain of the night it belongs to")
    entity: Literal["interval_read", "table"]
    commodity: Literal["electricity", "gas"] | None = None
    arrival: Arrival
    format: Format = DelimitedFormat()
    columns: tuple[Column, ...] = Field(min_length=1)
    constants: dict[Identifier, str] = Field(default_factory=dict, description="fields that no column carries")
    interval: Interval | None = None
    key: tuple[Identifier, ...] = Field((), description="fields that identify a row; fixed for interval reads")
    mode: Literal["full", "delta", "append"] = Field(
        description="a file holds everything, what changed, or what is new"
    )
    absence: Literal["keep", "close"] = Field(
        "keep", description="what absence from a full file means; `close` acts only on a complete file"
    )
    completeness: Completeness = Completeness()
    reject_tolerance_pct: float = Field(0.1, ge=0, le=100, description="more rejects than this stop the feed")
    schedule: Schedule = Schedule()
    deadlines: Deadlines
    on_failure: Literal["keep_previous", "skip"] = Field(
        "keep_previous", description="what readers see while the feed is late or stopped"
    )

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        fields = [c.field for c in self.columns if c.field] + list(self.constants)
        if self.entity == "interval_read":
            self._check_reads(set(fields))
        else:
            self._check_table(fields)
        self._check_places()
        names = self.file_columns
        if doubled := sorted({n for n in names if names.count(n) > 1}):
            raise ValueError(f"columns {doubled} are named twice; a file's columns have different names")
        if self.absence == "close" and self.mode != "full":
            raise ValueError("absence: close needs mode: full; a delta file says nothing about the rows it leaves out")
        self._check_rounds()
        self._check_source()
        self._check_completeness()
        return self

    def _check_completeness(self) -> None:
        """What is counted of reads cannot be asked of tables; sums are of numbers that are kept."""
        is_reads = self.entity == "interval_read"
        for name in ("min_meters_pct_of_median", "max_missing_meters_pct"):
            if getattr(self.completeness, name) is not None and not is_reads:
                raise ValueError(f"completeness.{name} needs entity interval_read; a table has no service points")
        rule = self.arrival.wholeness
        wanted = rule.totals if isinstance(rule, Trailer) else {}
        summed = {c.name for c in self.columns if (c.field == "value" if is_reads else c.field and c.type == "decimal")}
        if unknown := sorted(set(wanted) - summed):
            raise ValueError(f"arrival.wholeness.totals {unknown} are no columns of values that are kept")

    def _check_source(self) -> None:
        """Rows that are pulled become files of ours, a new one for each pull; nobody else says when they are whole."""
        arrival, source = self.arrival, self.arrival.source
        if isinstance(self.format, ParquetFormat) and isinstance(arrival.wholeness, Trailer):
            raise ValueError("a Parquet file has no trailer line; another rule must say when it is whole")
        if not isinstance(source, SqlSource | HttpSource):
            return
        if not isinstance(self.format, ParquetFormat):
            raise ValueError(
                f"rows of a source of kind {source.kind} are written as Parquet; say `format: {{kind: parquet}}`"
            )
        if not isinstance(arrival.wholeness, DoneMarker | Manifest):
            raise ValueError(
                "wholeness of rows that are pulled is `manifest` or `done_marker`: both are written with them"
            )
        patterns = [arrival.pattern] + ([arrival.wholeness.pattern] if isinstance(arrival.wholeness, Manifest) else [])
        if lacking := [p for p in patterns if "{part}" not in p or "{business_date:" not in p]:
            raise ValueError(f"{lacking[0]}: a file a pull needs names with {{business_date:...}} and {{part}}")
        if arrival.min_files > 1 or self.schedule.rounds:
            raise ValueError(
                "rows are pulled once a night, or with schedule.every_min: no rounds, no min_files above 1"
            )
        self._check_changes(source)

    def _check_changes(self, source: SqlSource | HttpSource) -> None:
        if source.changed_at is None:
            if self.mode != "full":
                raise ValueError("without source.changed_at every pull takes all rows: that is `mode: full`")
            return
        if self.mode == "full":
            raise ValueError("with source.changed_at a pull takes what changed: that is `mode: delta`, or `append`")
        stamps = [c for c in self.columns if c.name.lower() == source.changed_at.lower()]
        if not stamps or stamps[0].type != "timestamp" or stamps[0].format:
            raise ValueError(
                f"source.changed_at: {source.changed_at} must be one of the columns, of type timestamp (ISO)"
            )

    def _check_rounds(self) -> None:
        """The last round brings what the night waits for, while it waits."""
        if not self.schedule.rounds:
            return
        last = self.schedule.rounds[-1]
        if last.files != self.arrival.min_files:
            raise ValueError(
                f"the last of `schedule.rounds` counts {last.files} files and arrival.min_files is "
                f"{self.arrival.min_files}; a night waits for min_files, so they must be the same"
            )
        if last.by > self.deadlines.deadline:
            raise ValueError(f"the last of `schedule.rounds` is due by {last.by:%H:%M}, after deadlines.deadline")

    def _check_places(self) -> None:
        """A column of an IDoc says where it is cut from; a column of delimited text cannot."""
        for c in self.columns:
            if isinstance(self.format, IdocFormat):
                _check_cut(c)
            elif c.control_field or c.segment or c.offset is not None or c.length is not None:
                raise ValueError(f"column {c.name}: segment, offset, length and control_field belong to format idoc")
        passed_over = self.format.other_segments if isinstance(self.format, IdocFormat) else ()
        if both := sorted({c.segment for c in self.columns if c.segment in passed_over}, key=str):
            raise ValueError(f"other_segments {both} are not passed over: columns are cut from them")

    def _check_table(self, fields: list[str]) -> None:
        if self.interval:
            raise ValueError("`interval` belongs to entity interval_read; remove it or change the entity")
        if not self.key:
            raise ValueError("a table feed needs `key`: the fields that identify a row")
        missing = [k for k in self.key if k not in fields]
        if missing:
            raise ValueError(f"key fields {missing} are not among the columns' fields")
        doubled = {f for f in fields if fields.count(f) > 1}
        if doubled:
            raise ValueError(f"fields {sorted(doubled)} are given twice")

    def _check_reads(self, fields: set[str]) -> None:
        if self.interval is None:
            raise ValueError("entity interval_read needs an `interval` section")
        unknown = fields - READ_FIELDS
        if unknown:
            raise ValueError(f"{sorted(unknown)} are not fields of an interval read; known are {sorted(READ_FIELDS)}")
        needs = {"service_point_id", "value"}
        if self.interval.clock.kind == "offset":
            needs.add("utc_offset")
        if self.interval.length_min is None:
            needs.add("length_min")
        if self.commodity is None:
            raise ValueError("an interval read feed needs `commodity`: electricity or gas")
        for c in (c for c in self.columns if c.field == "value"):
            for name, own, shared in (
                ("channel", c.channel, self.interval.channel),
                ("unit", c.unit, self.interval.unit),
            ):
                if own is None and shared is None:
                    raise ValueError(f"column {c.name} has no {name}; give it one, or `interval.{name}` for all")
        self._check_once([c.field for c in self.columns if c.field] + list(self.constants))
        if missing := needs - fields:
            raise ValueError(f"an interval read feed needs columns with the fields {sorted(missing)}")
        self._check_stamp(fields)

    def _check_once(self, fields: list[str]) -> None:
        """A second column of a field would be read past without a word."""
        assert self.interval is not None  # noqa: S101  (checked by the caller)
        doubled = {f for f in fields if f != "value" and fields.count(f) > 1}
        if doubled:
            raise ValueError(f"fields {sorted(doubled)} are given twice")
        channels = [c.channel for c in self.columns if c.field == "value"]
        if len(channels) != len(set(channels)):
            raise ValueError("several value columns need a `channel` each, and different ones")
        for c in self.columns:
            if c.field == "value" and c.scale > 8:
                raise ValueError(f"column {c.name}: a read carries at most eight decimals, not {c.scale}")
            wanted = READ_TYPES.get(c.field or "")
            if wanted and c.type != wanted:
                raise ValueError(f"column {c.name}: field {c.field} needs type {wanted}, not {c.type}")
        if self.interval.length_min and 1440 % self.interval.length_min:
            raise ValueError(f"length_min: {self.interval.length_min} minutes do not divide a day")
        codes = self.interval.unit
        units = {c.unit for c in self.columns if c.unit} | (
            {codes.constant, codes.blank, *codes.map.values()} if codes else set()
        )
        if unknown := sorted(units - UNITS - {None}, key=str):
            raise ValueError(f"{unknown} are not canonical units; known are {sorted(UNITS)}")

    def _check_stamp(self, fields: set[str]) -> None:
        wide = any(c.slots and c.field == "value" for c in self.columns)
        ways = [{"stamp"}, {"stamp_date", "stamp_time"}, {"stamp_date", "stamp_slot"}]
        if wide:
            ways = [{"stamp_date"}]
        if not any(way <= fields for way in ways):
            raise ValueError(
                "the stamp needs columns with field `stamp`, or `stamp_date` with `stamp_time` or `stamp_slot`, "
                "or `stamp_date` and one value column with `slots`"
            )
        assert self.interval is not None  # noqa: S101  (checked by the caller)
        clock = self.interval.clock
        if clock.kind == "zone" and clock.repeated_hour == "flag" and "repeated_flag" not in fields:
            raise ValueError("repeated_hour: flag needs a column with field `repeated_flag`")

    def column_for(self, field: str) -> Column | None:
        """Return the first column that carries a field, if any."""
        return next((c for c in self.columns if c.field == field), None)

    @property
    def file_columns(self) -> tuple[str, ...]:
        """Every column name of the file in order, slots spelled out."""
        names: list[str] = []
        for c in self.columns:
            if c.slots:
                names += [c.name.format(slot=n) for n in range(c.first_slot, c.first_slot + c.slots)]
            else:
                names.append(c.name)
        return tuple(names)


def _check_cut(column: Column) -> None:
    if column.slots:
        raise ValueError(f"column {column.name}: an IDoc has no slots; give each column its own place")
    if column.control_field is not None:
        if column.segment or column.offset is not None or column.length is not None:
            raise ValueError(f"column {column.name}: give either control_field, or offset and length")
        if column.control_field not in CONTROL:
            raise ValueError(
                f"column {column.name}: the control record has no field {column.control_field}; "
                f"it has {', '.join(CONTROL)}"
            )
        return
    if column.offset is None or column.length is None:
        raise ValueError(f"column {column.name}: needs offset and length within the segment's data, or control_field")
    if column.offset + column.length > SDATA_LENGTH:
        raise ValueError(f"column {column.name}: ends after the {SDATA_LENGTH} characters of a segment's data")
