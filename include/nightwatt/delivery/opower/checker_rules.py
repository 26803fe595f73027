"""The rules of the interval file, looked for block by block.

Belongs here: rules about one row, and about a row and the one before it. Does not belong here: names, header and
packing (`checker`), nor any code of the writer: the two agree through the profile's data only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl

from nightwatt.delivery.opower.checker_cells import Check, amount, amount_checks, day_number, is_nothing, note
from nightwatt.delivery.opower.checker_coverage import DAY, KEY, Coverage
from nightwatt.delivery.opower.checker_lines import LINE
from nightwatt.delivery.opower.findings import SHOWN_LINES, Collector, Level
from nightwatt.delivery.opower.profile import FieldName, IntervalProfile

_ENOUGH_STEPS = 8  # so many reads on a coarser grid, and on nothing else, are not late single reads by chance
_OFFSETS = {"+HHMM": r"^[+-](\d{2})(\d{2})$", "+HH:MM": r"^[+-](\d{2}):(\d{2})$", "+H": r"^[+-](\d{1,2})()$"}
_FIELDS: tuple[FieldName, ...] = (
    "service_point_id", "usage_value", "end_date", "end_time", "unit", "quality", "utc_offset", "commodity", "channel",
)  # fmt: skip


class RowRules:
    """Looks at the rows of one file, block after block, and adds up what they hold.

    What is missing between reads, and what goes back in time after other service points, is not seen here, where a
    service point's rows may lie anywhere in the file: `coverage` tells it.
    """

    def __init__(
        self, profile: IntervalProfile, length_min: int, zones: Sequence[str], found: Collector, coverage: Coverage
    ) -> None:
        self._profile = profile
        self._length = length_min
        self._zones = zones
        self._found = found
        self._coverage = coverage
        self._fields = {c.name: c.field for c in profile.enabled}
        self._carry: pl.DataFrame | None = None
        self._steps: dict[int, int] = {}
        self._off_coarse: dict[int, int] = {}
        self._checks = self._row_checks()
        self.rows = 0
        self.estimated = 0
        self.repeated = 0
        self.sums: dict[str, Decimal] = {}
        self._first_end: int | None = None
        self._newest_end: int | None = None

    @property
    def first_end_at(self) -> datetime | None:
        """The earliest interval end."""
        return _instant(self._first_end)

    @property
    def last_end_at(self) -> datetime | None:
        """The latest interval end."""
        return _instant(self._newest_end)

    def look(self, block: pl.DataFrame) -> None:
        """Look at the next rows."""
        self.rows += block.height
        if not block.height:
            return
        frame = block.rename(self._fields)
        absent = [pl.lit("").alias(f) for f in _FIELDS if f not in frame.columns]
        frame = self._dated(frame.with_columns(absent) if absent else frame)
        note(frame, self._checks, "service_point_id", self._found)
        self._add_up(frame)
        placed = frame.filter(pl.col("end").is_not_null() & pl.col("legal"))
        if placed.height:
            self._note_order(placed)
            self._note_steps(placed)

    def finish(self) -> None:
        """Judge what only the whole file can show."""
        if self._steps.get(self._length) or not self._steps:
            return
        usual, times = max(self._steps.items(), key=lambda item: item[1])
        if usual > self._length and usual in self._off_coarse and self._off_coarse[usual] == 0:
            level = Level.FILE if times >= _ENOUGH_STEPS else Level.WARNING
            self._found.add("INT_LENGTH_MIXED", detail=f"the reads look {usual} minutes long", level=level)

    # ---- one row ----------------------------------------------------------------------------------------------

    def _dated(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Add day, minute of day, end instant (minutes, UTC), whether the label is legal, and the amount."""
        clock = pl.col("end_time")
        whole_time = clock.str.len_bytes() == 4
        minute = (
            pl.when(whole_time & clock.str.contains(r"^([01][0-9]|2[0-3])[0-5][0-9]$"))
            .then(
                clock.str.slice(0, 2).cast(pl.Int32, strict=False) * 60
                + clock.str.slice(2, 2).cast(pl.Int32, strict=False)
            )
            .alias("minute")
        )
        day = day_number(pl.col("end_date")).alias("day")
        read = amount(pl.col("usage_value"), self._profile.number).alias("amount")
        frame = frame.with_columns(minute, day, self._offset().alias("offset"), read)
        local = pl.col("day").cast(pl.Int64) * DAY + pl.col("minute")
        frame = frame.with_columns(local.alias("local"), (local - pl.col("offset")).alias("end"))
        return frame.with_columns(self._legal().alias("legal"))

    def _offset(self) -> pl.Expr:
        text = pl.col("utc_offset")
        parts = text.str.extract_groups(_OFFSETS[self._profile.time.offset_format])
        hours = parts.struct.field("1").cast(pl.Int32, strict=False)
        minutes = parts.struct.field("2").cast(pl.Int32, strict=False).fill_null(0)
        sign = pl.when(text.str.starts_with("-")).then(-1).otherwise(1)
        return sign * (hours * 60 + minutes)

    def _legal(self) -> pl.Expr:
        """Is the offset the one in force at the instant (Convention I), or just before it (II), in any zone?"""
        moment = pl.col("end") * 60 - (1 if self._profile.time.clock_change == "II" else 0)
        instant = pl.from_epoch(moment, time_unit="s").dt.replace_time_zone("UTC")
        legal = pl.lit(False)
        for zone in self._zones:
            there = instant.dt.convert_time_zone(zone)
            in_force = (there.dt.base_utc_offset() + there.dt.dst_offset()).dt.total_minutes()
            legal = legal | (in_force == pl.col("offset")).fill_null(False)
        return legal

    def _row_checks(self) -> list[Check]:
        words = self._profile.text.null_words
        checks: list[Check] = []
        for column in self._profile.enabled:
            cell, shown = pl.col(column.field), column.field
            if column.field == "quality":
                checks.append(Check("ESTIMATE_DEFAULTED", "", cell == ""))
            elif column.required:
                checks.append(Check("REQUIRED_EMPTY", column.name, cell == ""))
            checks.append(Check("NULL_WORD", column.name, cell.is_in(words), shown))
            if column.map is not None:
                odd = ~cell.is_in(sorted(column.values)) & ~is_nothing(cell, words)
                checks.append(Check("ENUM", column.name, odd, shown))
        amounts = amount_checks("usage_value", pl.col("amount"), self._profile.number, words, zero=True)
        return [*checks, *amounts, *self._label_checks(words)]

    def _label_checks(self, words: list[str]) -> list[Check]:
        day, clock, offset = pl.col("end_date"), pl.col("end_time"), pl.col("utc_offset")
        minute = pl.col("minute")
        off_grid = minute.is_null() | (minute % min(self._length, DAY) != 0)
        unknown = pl.col("offset").is_null() | (pl.col("end").is_not_null() & ~pl.col("legal"))
        return [
            Check("DATE_INVALID", "", pl.col("day").is_null() & ~is_nothing(day, words), "end_date"),
            Check("INT_GRID", f"{self._length} minutes", off_grid & ~is_nothing(clock, words), "end_time"),
            Check("INT_DST_LABEL", "", unknown & ~is_nothing(offset, words), "utc_offset"),
        ]

    def _add_up(self, frame: pl.DataFrame) -> None:
        quality = self._profile.column("quality")
        estimated = (quality.map or {}).get("estimated") if quality else None
        self.estimated += int(frame.select((pl.col("quality") == pl.lit(estimated)).sum()).item() or 0)
        for unit, channel, total in frame.group_by("unit", "channel").agg(pl.col("amount").sum()).iter_rows():
            key = "/".join(part for part in (unit, channel) if part)
            self.sums[key] = self.sums.get(key, Decimal(0)) + (total or Decimal(0))

    # ---- a row and the one before it --------------------------------------------------------------------------

    def _note_order(self, placed: pl.DataFrame) -> None:
        """Rows of a service point never go back in time; where others lie between, the coverage sees it."""
        same = pl.col("service_point_id") == pl.col("service_point_id").shift(1)
        back = placed.filter(same & (pl.col("end") < pl.col("end").shift(1))).get_column(LINE)
        if len(back):
            self._found.add("ROW_ORDER", back.head(SHOWN_LINES).to_list(), count=len(back))
        starts = placed.filter(~same.fill_null(False)).select(
            "service_point_id", pl.col("end").alias("first_end"), LINE
        )
        goes_on = pl.col("service_point_id") == pl.col("service_point_id").shift(-1)
        ends = placed.filter(~goes_on.fill_null(False)).select(pl.col("end").alias("last_end"))
        self._coverage.add_stretches(pl.concat([starts, ends], how="horizontal"))
        low, high = placed.select(pl.col("end").min().alias("a"), pl.col("end").max().alias("b")).row(0)
        self._first_end = low if self._first_end is None else min(low, self._first_end)
        self._newest_end = high if self._newest_end is None else max(high, self._newest_end)

    def _note_steps(self, placed: pl.DataFrame) -> None:
        """Steps of each service point and channel: none twice, none missing, all of one length."""
        rows = placed.select(*KEY, "end", "local", LINE)
        first_line = rows.item(0, LINE)
        last_point = rows.item(-1, "service_point_id")
        if self._carry is not None:
            rows = pl.concat([self._carry, rows])
        # A daily read lasts 23 to 25 hours: its steps are counted on the local clock.
        stamp = "local" if self._length == DAY else "end"
        steps = rows.with_columns((pl.col(stamp) - pl.col(stamp).shift(1).over(KEY)).alias("step"))
        self._carry = rows.filter(pl.col("service_point_id") == last_point).group_by(KEY, maintain_order=True).last()
        self._coverage.add(steps.filter(pl.col(LINE) >= first_line), stamp, self._length)
        steps = steps.filter(pl.col("step") >= 0)
        self._judge_steps(steps)
        tally = steps.filter(pl.col("step") > 0).group_by("step").len()
        for step, times in tally.iter_rows():
            self._steps[step] = self._steps.get(step, 0) + times
        for coarse in self._profile.name.types:
            if coarse > self._length:
                off = int(rows.select((pl.col("local") % coarse != 0).sum()).item())
                self._off_coarse[coarse] = self._off_coarse.get(coarse, 0) + off

    def _judge_steps(self, steps: pl.DataFrame) -> None:
        step = pl.col("step")
        self.repeated += int(steps.select((step == 0).sum()).item())
        for code, odd in (("INT_DUP", step == 0), ("INT_LENGTH_MIXED", step % self._length != 0)):
            rows = steps.filter(odd)
            if rows.height:
                lines = rows.get_column(LINE).head(SHOWN_LINES).to_list()
                self._found.add(code, lines, count=rows.height)


def _instant(minutes: int | None) -> datetime | None:
    return None if minutes is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
