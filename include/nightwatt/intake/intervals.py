"""SQL of an interval feed: file rows to canonical interval reads, start instant and length in UTC.

Belongs here: stamps, clocks and clock changes, channels, units, quality, blanks. Does not belong here:
one column's own type (`columns.py`), or which of several reads is the newest (reads store).
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from nightwatt.calendar import local_days
from nightwatt.contracts.canonical import READ_COLUMNS
from nightwatt.contracts.feed import CodeMap, Column, Feed, Interval, QualityMap, ZoneClock
from nightwatt.duck import text
from nightwatt.intake.columns import (
    cleaned,
    local_timestamp,
    not_a_number,
    number_text,
    too_precise,
    typed_column,
)

_FIRST_DAY, _LAST_DAY = date(1990, 1, 1), date(2060, 12, 31)
_TEXT_FIELDS = ("service_point_id", "meter_id", "channel_code", "unit_code", "quality_code", "utc_offset",
                "repeated_flag", "length_min", "stamp_slot")  # fmt: skip


def fans_out(feed: Feed) -> bool:
    """Return whether one file row holds several reads (wide rows, several channels)."""
    return len(_value_columns(feed)) > 1


def needs_record(feed: Feed) -> bool:
    """Return whether reading needs the row's place in the file even for good rows."""
    clock = _interval(feed).clock
    by_order = isinstance(clock, ZoneClock) and clock.repeated_hour == "file_order"
    return by_order or fans_out(feed)


def _interval(feed: Feed) -> Interval:
    assert feed.interval is not None  # noqa: S101  (the contract's own check)
    return feed.interval


def _value_columns(feed: Feed) -> list[tuple[str, Column, int | None]]:
    """Return (file column, contract column, slot) of every value in a row."""
    found: list[tuple[str, Column, int | None]] = []
    for c in feed.columns:
        if c.field != "value":
            continue
        if c.slots:
            found += [(c.name.format(slot=n), c, n) for n in range(c.first_slot, c.first_slot + c.slots)]
        else:
            found.append((c.name, c, None))
    return found


def prepare_days(con: duckdb.DuckDBPyConnection, feed: Feed) -> None:
    """Give the engine the table of local days that converts wall time, where the feed's clock needs it."""
    clock = _interval(feed).clock
    if isinstance(clock, ZoneClock):
        con.register("clock_days", _clock_days(clock.zone))


@lru_cache(maxsize=8)
def _clock_days(zone: str) -> pa.Table:
    days = list(local_days(_FIRST_DAY, _LAST_DAY, ZoneInfo(zone)))
    return pa.table(
        {
            "day": [d.day for d in days],
            "day_start": pa.array([d.start_utc.replace(tzinfo=None) for d in days], pa.timestamp("us")),
            "day_end": pa.array([d.end_utc.replace(tzinfo=None) for d in days], pa.timestamp("us")),
            "offset_before": pa.array([d.offset_before for d in days], pa.int32()),
            "offset_after": pa.array([d.offset_after for d in days], pa.int32()),
            "change_from": pa.array([d.change_from for d in days], pa.timestamp("us")),
            "change_to": pa.array([d.change_to for d in days], pa.timestamp("us")),
        }
    )


def reads_sql(
    feed: Feed, source: str, raw_names: dict[str, str], receipt_id: int, sequence: int, utility_zone: str
) -> str:
    """Return a select with the canonical read columns, `record`, `fault` and `ignored`.

    Args:
        feed: a feed with entity `interval_read`.
        source: relation with the raw text columns and `record`.
        raw_names: file column to raw column name.
        receipt_id: the ledger's receipt.
        sequence: the ledger's load.
        utility_zone: zone of the local day, unless the contract names its own.
    """
    spec = _interval(feed)
    zone = spec.day_zone or utility_zone
    values = {
        "service_point_id": "t_service_point_id",
        "channel": "v_channel",
        "interval_start_at": "start_at",
        "interval_min": "CAST(v_length AS SMALLINT)",
        "value": "CASE WHEN v_quality <> 'missing' THEN v_value END",
        "unit": "v_unit",
        "quality": "v_quality",
        "meter_id": "t_meter_id",
        "last_updated_at": "v_updated",
        "read_date": f"CAST(timezone({text(zone)}, start_at::TIMESTAMPTZ) AS DATE)",
        "zone": text(zone),
        "commodity": text(feed.commodity),
        "receipt_id": f"{receipt_id}::INTEGER",
        "load_sequence": f"{sequence}::BIGINT",
    }
    columns = ", ".join(f"{values[name]} AS {name}" for name in READ_COLUMNS)
    fault = "max(row_fault) OVER (PARTITION BY record)" if fans_out(feed) else "row_fault"
    return f"""
        SELECT {columns}, record, {fault} AS fault, ignored
        FROM (SELECT *, {_fault(feed)} AS row_fault, {_ignored(spec)} AS ignored
              FROM ({_instants(feed, _typed(feed, _texts(feed, source, raw_names)))}))"""


def _texts(feed: Feed, source: str, raw_names: dict[str, str]) -> str:
    """Every mapped column as cleaned text, one row a read."""
    form = feed.format
    items = ["record"]
    for name in _TEXT_FIELDS:
        column = feed.column_for(name)
        if column:
            items.append(f"{cleaned(raw_names[column.name], column, form)} AS t_{name}")
        else:
            items.append(f"{_text_or_null(feed.constants.get(name))} AS t_{name}")
    for name in ("stamp", "stamp_date", "stamp_time", "last_updated_at"):
        column = feed.column_for(name)
        sql = cleaned(raw_names[column.name], column, form) if column else "CAST(NULL AS VARCHAR)"
        items.append(f"{sql} AS t_{name}")
    values = _value_columns(feed)
    cells = [number_text(cleaned(raw_names[name], column, form), form) for name, column, _ in values]
    if len(values) == 1:
        _, column, _ = values[0]
        items += [f"{cells[0]} AS t_value", f"{_text_or_null(column.channel)} AS t_channel",
                  f"{_text_or_null(column.unit)} AS t_unit"]  # fmt: skip
    else:
        channels = ", ".join(_text_or_null(c.channel) for _, c, _ in values)
        units = ", ".join(_text_or_null(c.unit) for _, c, _ in values)
        slots = ", ".join("NULL" if slot is None else str(slot) for _, _, slot in values)
        items += [f"unnest([{', '.join(cells)}]) AS t_value", f"unnest([{channels}]) AS t_channel",
                  f"unnest([{units}]) AS t_unit"]  # fmt: skip
        if any(slot is not None for _, _, slot in values):
            items = [i for i in items if not i.endswith(" AS t_stamp_slot")]
            items.append(f"CAST(unnest([{slots}]) AS VARCHAR) AS t_stamp_slot")
    return f"SELECT {', '.join(items)} FROM {source}"


def _text_or_null(value: str | None) -> str:
    return "CAST(NULL AS VARCHAR)" if value is None else text(value)


def _typed(feed: Feed, texts: str) -> str:
    """Texts to values; whatever cannot be converted is null and becomes a fault later."""
    spec = _interval(feed)
    length = str(spec.length_min) if spec.length_min else _whole_number("t_length_min")
    updated = feed.column_for("last_updated_at")
    changed_at = typed_column(updated, "t_last_updated_at", feed.format)[0] if updated else "CAST(NULL AS TIMESTAMP)"
    items = [
        f"{_local_stamp(feed)} AS v_local",
        f"{length} AS v_length",
        f"{_value(spec.factor)} AS v_value",
        f"coalesce(t_channel, {_code(spec.channel, 't_channel_code')}) AS v_channel",
        f"coalesce(t_unit, {_code(spec.unit, 't_unit_code')}) AS v_unit",
        f"{_quality(spec)} AS v_quality",
        f"{changed_at} AS v_updated",
    ]
    return f"SELECT *, {', '.join(items)} FROM ({texts})"


def _value(factor: str) -> str:
    if factor == "1":
        return "try_cast(t_value AS DECIMAL(18,8))"
    return f"try_cast({_exact_value(factor)} AS DECIMAL(18,8))"


def _exact_value(factor: str) -> str:
    """The value times the contract's factor, wide enough that nothing overflows and no digit is lost."""
    digits = len(factor.partition(".")[2])
    return f"try_cast(t_value AS DECIMAL(18,8))::DECIMAL(38,8) * {factor}::DECIMAL(38,{digits})"


def _whole_number(sql: str) -> str:
    """A plain cast would round 1.5 to 2."""
    return f"CASE WHEN regexp_full_match({sql}, '\\d+') THEN try_cast({sql} AS INTEGER) END"


def _local_stamp(feed: Feed) -> str:
    """The stamp as it stands on the wall (or in UTC); slots are added to the date."""
    stamp, day, time = feed.column_for("stamp"), feed.column_for("stamp_date"), feed.column_for("stamp_time")
    if stamp:
        return local_timestamp(stamp, "t_stamp", is_utc=_interval(feed).clock.kind == "utc")
    assert day is not None  # noqa: S101  (the contract's own check)
    date_sql = typed_column(day.model_copy(update={"type": "date"}), "t_stamp_date", feed.format)[0]
    if time:
        return f"{date_sql} + {typed_column(time.model_copy(update={'type': 'time'}), 't_stamp_time', feed.format)[0]}"
    spec = _interval(feed)
    if _counts_elapsed(feed):
        return f"CAST({date_sql} AS TIMESTAMP)"
    return f"{date_sql} + to_minutes(({_slots_since_midnight(spec)} * {_length(spec)})::INTEGER)"


def _length(spec: Interval) -> str:
    return str(spec.length_min) if spec.length_min else _whole_number("t_length_min")


def _counts_elapsed(feed: Feed) -> bool:
    spec = _interval(feed)
    return _has_slots(feed) and spec.clock.kind == "zone" and spec.slot_counts == "elapsed"


def _slots_since_midnight(spec: Interval) -> str:
    return f"({_whole_number('t_stamp_slot')} - {spec.slot_base})"


def _code(codes: CodeMap | None, sql: str) -> str:
    if codes is None:
        return "CAST(NULL AS VARCHAR)"
    if codes.constant is not None:
        return text(codes.constant)
    whens = " ".join(f"WHEN {text(k)} THEN {text(v)}" for k, v in codes.map.items())
    mapped = f"CASE {sql} {whens} END"
    return mapped if codes.blank is None else f"CASE WHEN {sql} IS NULL THEN {text(codes.blank)} ELSE {mapped} END"


def _quality(spec: Interval) -> str:
    given: QualityMap = spec.quality
    codes = CodeMap(constant=given.constant, map=dict(given.map), blank=given.blank)
    known = _code(codes, "t_quality_code")
    if spec.blank_value == "missing":
        return f"CASE WHEN t_value IS NULL THEN 'missing' ELSE {known} END"
    return known


def _instants(feed: Feed, typed: str) -> str:
    """Wall stamps to start instants in UTC."""
    spec = _interval(feed)
    clock = spec.clock
    # A slot number names the slot, not one of its ends.
    back = "- to_minutes(v_length::INTEGER)" if spec.marks == "end" and not _has_slots(feed) else ""
    if clock.kind == "zone":
        joined = f"SELECT * FROM ({typed}) LEFT JOIN clock_days ON CAST(v_local AS DATE) = day"
        if _counts_elapsed(feed):
            return _elapsed_instants(spec, joined)
        return _wall_instants(spec, clock, joined, back)
    if clock.kind == "offset":
        shape = "t_utc_offset LIKE '___:__'"
        offset = f"CASE WHEN {shape} THEN try_cast(ltrim(t_utc_offset, '+') AS INTERVAL) END"
        instant = f"v_local - {offset}"
    elif clock.kind == "fixed":
        instant = f"v_local - INTERVAL '{clock.offset.lstrip('+')}'"
    else:
        instant = "v_local"
    return f"""
        SELECT *, {instant} {back} AS start_at, CAST(NULL AS VARCHAR) AS clock_fault, false AS is_skipped
        FROM ({typed})"""


def _has_slots(feed: Feed) -> bool:
    return feed.column_for("stamp_slot") is not None or any(c.slots for c in feed.columns)


def _elapsed_instants(spec: Interval, joined: str) -> str:
    """Slots counted from local midnight: a 23-hour day simply ends earlier."""
    minutes = f"({_slots_since_midnight(spec)} * v_length)::INTEGER"
    return f"""
        SELECT *, start_at >= day_end AS is_skipped,
               CASE WHEN start_at >= day_end AND t_value IS NOT NULL
                    THEN 'row.slot_after_day_end|stamp_slot' END AS clock_fault
        FROM (SELECT *, day_start + to_minutes({minutes}) AS start_at FROM ({joined}))"""


def _wall_instants(spec: Interval, clock: ZoneClock, joined: str, back: str) -> str:
    """Wall time of a zone, with the contract's rules for the skipped and the repeated hour."""
    # An end label exactly at the change is the last interval before it, whichever clock labels it.
    opens = ">" if spec.marks == "end" else ">="
    skipped = f"(change_to > change_from AND v_local {opens} change_from AND v_local < change_to)"
    repeated = "(change_to < change_from AND v_local >= change_to AND v_local < change_from)"
    second_pass = ", ".join(map(text, clock.repeated_flag_values)) or "NULL"
    again = {
        "first": "1",
        "second": "2",
        "reject": "0",
        "flag": f"CASE WHEN t_repeated_flag IN ({second_pass}) THEN 2 ELSE 1 END",
        "file_order": "row_number() OVER (PARTITION BY is_repeated, t_service_point_id, t_channel, t_channel_code, "
        "v_local ORDER BY record)",
    }[clock.repeated_hour]
    fault = f"WHEN is_repeated AND pass NOT BETWEEN 1 AND 2 THEN {text('row.repeated_hour|stamp')}"
    if clock.skipped_hour == "reject":
        fault += f" WHEN is_skipped THEN {text('row.skipped_hour|stamp')}"
    elif clock.skipped_hour == "drop_blank":
        fault += f" WHEN is_skipped AND t_value IS NOT NULL THEN {text('row.skipped_hour|stamp')}"
    return f"""
        SELECT *,
               v_local - to_seconds(CASE
                   WHEN change_from IS NULL OR v_local < least(change_from, change_to) THEN offset_before
                   WHEN is_skipped OR (is_repeated AND pass = 1) THEN offset_before
                   WHEN v_local <= change_from AND change_to > change_from THEN offset_before
                   ELSE offset_after END) {back} AS start_at,
               CASE {fault} END AS clock_fault
        FROM (SELECT *, {again} AS pass
              FROM (SELECT *, coalesce({skipped}, false) AS is_skipped, coalesce({repeated}, false) AS is_repeated
                    FROM ({joined})))"""


def _ignored(spec: Interval) -> str:
    """Rows that the contract itself passes over: no read is lost by them."""
    parts = ["false"]
    if spec.blank_value == "drop":
        parts.append("t_value IS NULL")
    if spec.clock.kind == "zone" and (spec.clock.skipped_hour == "drop_blank" or spec.slot_counts == "elapsed"):
        parts.append("(is_skipped AND t_value IS NULL)")
    return f"coalesce({' OR '.join(parts)}, false)"


def _fault(feed: Feed) -> str:
    """The first thing wrong with a row, as `code|column`; null for a good one."""
    spec = _interval(feed)

    def at(field: str) -> str:
        column = feed.column_for(field)
        return column.name if column else field

    stamp = "stamp" if feed.column_for("stamp") else "stamp_date"
    rules = [
        ("t_service_point_id IS NULL", "row.required_blank", at("service_point_id")),
        *_slot_rules(feed, at("stamp_slot")),
        ("v_local IS NULL", "row.bad_timestamp", at(stamp)),
        ("v_length IS NULL OR v_length NOT BETWEEN 1 AND 1440", "row.bad_number", at("length_min")),
        (
            f"t_value IS NOT NULL AND (v_value IS NULL OR {not_a_number('t_value')})",
            "row.bad_number",
            at("value"),
        ),
        (_precision_fault(spec.factor), "row.too_precise", at("value")),
        ("v_channel IS NULL", "row.unknown_code", at("channel_code")),
        ("v_unit IS NULL", "row.unknown_code", at("unit_code")),
        ("t_quality_code IS NOT NULL AND v_quality IS NULL", "row.unknown_code", at("quality_code")),
        ("v_quality IS NULL", "row.required_blank", at("quality_code")),
    ]
    if spec.blank_value == "reject":
        rules.append(("t_value IS NULL AND v_quality <> 'missing'", "row.required_blank", at("value")))
    if spec.clock.kind == "offset":
        rules.append(("start_at IS NULL", "row.bad_offset", at("utc_offset")))
    if feed.column_for("last_updated_at"):
        blank = "v_updated IS NULL AND t_last_updated_at IS NOT NULL"
        rules.append((blank, "row.bad_timestamp", at("last_updated_at")))
    whens = " ".join(f"WHEN {condition} THEN {text(f'{code}|{name}')}" for condition, code, name in rules)
    last = " WHEN start_at IS NULL THEN 'row.bad_timestamp|stamp'"
    return f"CASE WHEN {_ignored(spec)} THEN NULL {whens} WHEN clock_fault IS NOT NULL THEN clock_fault{last} END"


def _slot_rules(feed: Feed, column: str) -> list[tuple[str, str, str]]:
    """A slot must be a whole number within its day; how long an elapsed day is, its own rule knows."""
    if not _has_slots(feed):
        return []
    slot = _slots_since_midnight(_interval(feed))
    late = "false" if _counts_elapsed(feed) else f"{slot} * v_length >= 1440"
    return [(f"{slot} IS NULL OR {slot} < 0 OR {late}", "row.bad_slot", column)]


def _precision_fault(factor: str) -> str:
    if factor == "1":
        return too_precise("t_value", 8)
    return f"{too_precise('t_value', 8)} OR (v_value IS NOT NULL AND v_value <> ({_exact_value(factor)}))"
