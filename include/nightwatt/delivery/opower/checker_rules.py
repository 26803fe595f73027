"""The rules of the interval file, looked for block by block.

Belongs here: rules about one row, and about a row and the one before it. Does not belong here: names, header and
packing (`checker`), nor any code of the writer: the two agree through the profile's data only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl

from nightwatt.delivery.opower.checker_lines import LINE
from nightwatt.delivery.opower.findings import SHOWN_LINES, Collector, Level
from nightwatt.delivery.opower.profile import FieldName, IntervalProfile

DAY = 1440
_ENOUGH_STEPS = 8  # so many reads on a coarser grid, and on nothing else, are not late single reads by chance
_OFFSETS = {"+HHMM": r"^[+-](\d{2})(\d{2})$", "+HH:MM": r"^[+-](\d{2}):(\d{2})$", "+H": r"^[+-](\d{1,2})()$"}
_FIELDS: tuple[FieldName, ...] = (
    "service_point_id", "usage_value", "end_date", "end_time", "unit", "quality", "utc_offset", "commodity", "channel",
)  # fmt: skip


class RowRules:
    """Looks at the rows of one file, block after block, and adds up what they hold."""

    def __init__(self, profile: IntervalProfile, length_min: int, zones: Sequence[str], found: Collector) -> None:
        self._profile = profile
        self._length = length_min
        self._zones = zones
        self._found = found
        self._fields = {c.name: c.field for c in profile.enabled}
        self._last_end: dict[str, int] = {}  # of each service point: minutes since 1970, UTC
        self._carry: pl.DataFrame | None = None
        self._steps: dict[int, int] = {}
        self._off_coarse: dict[int, int] = {}
        self.rows = 0
        self.estimated = 0
        self.sums: dict[str, Decimal] = {}
        self._first_end: int | None = None
        self._newest_end: int | None = None

    @property
    def service_points(self) -> int:
        """How many service points have a readable row."""
        return len(self._last_end)

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
        self._note_rows(frame)
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
        day = (
            pl.when(pl.col("end_date").str.contains(r"^\d{8}$"))
            .then(pl.col("end_date"))
            .str.to_date("%Y%m%d", strict=False)
            .cast(pl.Int32)
            .alias("day")
        )
        frame = frame.with_columns(minute, day, self._offset().alias("offset"), self._amount().alias("amount"))
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

    def _amount(self) -> pl.Expr:
        text = pl.col("usage_value")
        digits = rf"^-?\d{{1,20}}(\.\d{{1,{self._profile.number.max_decimals}}})?$"
        return pl.when(text.str.contains(digits)).then(text).cast(pl.Decimal(38, 8), strict=False)

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

    def _note_rows(self, frame: pl.DataFrame) -> None:
        checks = self._row_checks()
        counts = frame.select(expr.sum().alias(str(n)) for n, (_, _, expr) in enumerate(checks)).row(0)
        for (code, detail, expr), count in zip(checks, counts, strict=True):
            if count:
                lines = frame.filter(expr).get_column(LINE).head(SHOWN_LINES).to_list()
                self._found.add(code, lines, count=count, detail=detail)

    def _row_checks(self) -> list[tuple[str, str, pl.Expr]]:
        words = self._profile.text.null_words
        checks: list[tuple[str, str, pl.Expr]] = []
        for column in self._profile.enabled:
            cell = pl.col(column.field)
            if column.field == "quality":
                checks.append(("ESTIMATE_DEFAULTED", "", cell == ""))
            elif column.required:
                checks.append(("REQUIRED_EMPTY", column.name, cell == ""))
            checks.append(("NULL_WORD", column.name, cell.is_in(words)))
            if column.map is not None:
                odd = ~cell.is_in(sorted(column.values)) & ~_nothing(cell, words)
                checks.append(("ENUM", column.name, odd))
        return checks + self._amount_checks(words) + self._label_checks(words)

    def _amount_checks(self, words: list[str]) -> list[tuple[str, str, pl.Expr]]:
        rules, cell, amount = self._profile.number, pl.col("usage_value"), pl.col("amount")
        checks = [
            ("USAGE_FORMAT", "", amount.is_null() & ~_nothing(cell, words)),
            ("USAGE_TOO_LARGE", f"over {rules.maximum}", (amount.abs() > pl.lit(rules.maximum)).fill_null(False)),
            ("USAGE_ZERO", "", (amount == 0).fill_null(False)),
        ]
        if not rules.negative_enabled:
            checks.append(("USAGE_NEGATIVE", "", (amount < 0).fill_null(False)))
        return checks

    def _label_checks(self, words: list[str]) -> list[tuple[str, str, pl.Expr]]:
        day, clock, offset = pl.col("end_date"), pl.col("end_time"), pl.col("utc_offset")
        minute = pl.col("minute")
        off_grid = minute.is_null() | (minute % min(self._length, DAY) != 0)
        unknown = pl.col("offset").is_null() | (pl.col("end").is_not_null() & ~pl.col("legal"))
        return [
            ("DATE_INVALID", "", pl.col("day").is_null() & ~_nothing(day, words)),
            ("INT_GRID", f"{self._length} minutes", off_grid & ~_nothing(clock, words)),
            ("INT_DST_LABEL", "", unknown & ~_nothing(offset, words)),
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
        """Rows of a service point never go back in time, even where others lie between."""
        same = pl.col("service_point_id") == pl.col("service_point_id").shift(1)
        back = placed.filter(same & (pl.col("end") < pl.col("end").shift(1))).get_column(LINE)
        if len(back):
            self._found.add("ROW_ORDER", back.head(SHOWN_LINES).to_list(), count=len(back))
        starts = placed.filter(~same.fill_null(False)).select("service_point_id", "end", LINE)
        goes_on = pl.col("service_point_id") == pl.col("service_point_id").shift(-1)
        ends = placed.filter(~goes_on.fill_null(False)).select("end").to_series()
        for (point, first, line), last in zip(starts.iter_rows(), ends, strict=True):
            if first < self._last_end.get(point, first):
                self._found.add("ROW_ORDER", [line])
            self._last_end[point] = last
        low, high = placed.select(pl.col("end").min().alias("a"), pl.col("end").max().alias("b")).row(0)
        self._first_end = low if self._first_end is None else min(low, self._first_end)
        self._newest_end = high if self._newest_end is None else max(high, self._newest_end)

    def _note_steps(self, placed: pl.DataFrame) -> None:
        """Steps of each service point and channel: none twice, none missing, all of one length."""
        key = ["service_point_id", "commodity", "channel", "unit"]
        rows = placed.select(*key, "end", "local", LINE)
        last_point = rows.item(-1, "service_point_id")
        if self._carry is not None:
            rows = pl.concat([self._carry, rows])
        # A daily read lasts 23 to 25 hours: its steps are counted on the local clock.
        stamp = "local" if self._length == DAY else "end"
        steps = rows.with_columns((pl.col(stamp) - pl.col(stamp).shift(1).over(key)).alias("step"))
        self._carry = rows.filter(pl.col("service_point_id") == last_point).group_by(key, maintain_order=True).last()
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
        twice = steps.filter(step == 0)
        mixed = steps.filter(step % self._length != 0)
        gaps = steps.filter((step > self._length) & (step % self._length == 0))
        for code, rows in (("INT_DUP", twice), ("INT_LENGTH_MIXED", mixed), ("GAP", gaps)):
            if rows.height:
                lines = rows.get_column(LINE).head(SHOWN_LINES).to_list()
                self._found.add(code, lines, count=rows.height, detail=self._gap_detail(rows) if code == "GAP" else "")

    @staticmethod
    def _gap_detail(rows: pl.DataFrame) -> str:
        end, step = rows.row(0, named=True)["end"], rows.row(0, named=True)["step"]
        before = _instant(end - step)
        assert before is not None  # noqa: S101
        return f"the first between the ends {before:%Y-%m-%dT%H:%MZ} and {_instant(end):%Y-%m-%dT%H:%MZ}"


def _nothing(cell: pl.Expr, words: list[str]) -> pl.Expr:
    """Empty, or a word for a null: reported once, under its own code."""
    return (cell == "") | cell.is_in(words)


def _instant(minutes: int | None) -> datetime | None:
    return None if minutes is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
