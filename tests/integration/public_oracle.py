"""Daily and monthly totals of the public data sets, computed by polars alone.

Belongs here: an independent reading of the three sources that shares nothing with the platform: no
contract, no DuckDB, no calendar. Does not belong here: assertions.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

REPEATED_DAYS = ["11/4/2012", "11/3/2013", "11/2/2014"]
"""Days on which Vancouver's hour 1 really comes twice; elsewhere a second hour 1 is a duplicate."""


def reads(folder: Path) -> pl.DataFrame:
    """Return every read as service_point_id, usage_date (local), value (Decimal), from a folder like the excerpts'."""
    return pl.concat([_london(folder / "london"), _texas(folder / "texas"), _vancouver(folder / "vancouver")])


def daily(folder: Path) -> pl.DataFrame:
    """Return usage and reads received by service point and local day."""
    return (
        reads(folder)
        .group_by("service_point_id", "usage_date")
        .agg(pl.col("value").sum(), pl.len().alias("reads"))
        .sort("service_point_id", "usage_date")
    )


def monthly(folder: Path) -> pl.DataFrame:
    """Return usage and days present by service point and local month (its first day)."""
    return (
        daily(folder)
        .with_columns(pl.col("usage_date").dt.truncate("1mo").alias("usage_month"))
        .group_by("service_point_id", "usage_month")
        .agg(pl.col("value").sum(), pl.len().alias("days"))
        .sort("service_point_id", "usage_month")
    )


def _text(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema=False)


def _value(column: str) -> pl.Expr:
    return pl.col(column).str.strip_chars().cast(pl.Decimal(28, 8)).alias("value")


def _london(folder: Path) -> pl.DataFrame:
    end = pl.col("tstp").str.to_datetime("%Y-%m-%d %H:%M:%S", time_zone="UTC")
    start = end.dt.offset_by("-30m").dt.convert_time_zone("Europe/London")
    frames = [
        _text(path).select(
            pl.col("LCLid").alias("service_point_id"), start.dt.date().alias("usage_date"), _value("energy(kWh/hh)")
        )
        for path in sorted(folder.glob("MAC*.csv"))
    ]
    return pl.concat(frames)


def _texas(folder: Path) -> pl.DataFrame:
    frames = [_text(path).filter(pl.col("USAGE_KWH").is_not_null()) for path in sorted(folder.glob("*.csv"))]
    return pl.concat(frames).select(
        pl.col("ESIID").str.strip_chars("'").alias("service_point_id"),
        pl.col("USAGE_DATE").str.to_date("%m/%d/%Y").alias("usage_date"),
        _value("USAGE_KWH"),
    )


def _vancouver(folder: Path) -> pl.DataFrame:
    rows = pl.concat([_text(path) for path in sorted(folder.glob("*.csv"))])
    is_repeated = pl.col("date").is_in(REPEATED_DAYS)
    rows = pl.concat([rows.filter(is_repeated), rows.filter(~is_repeated).unique(["date", "hour"])])
    return rows.select(
        pl.lit("HUE-RES-1").alias("service_point_id"),
        pl.col("date").str.to_date("%m/%d/%Y").alias("usage_date"),
        _value("energy_kWh"),
    )
