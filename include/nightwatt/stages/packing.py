"""Many small loads of a day as one file: what feeds in near real time leave in the lake, made quick to read.

Belongs here: which loads are packed, and keeping the packed file beside the warehouse, where it can be made again. Does
not belong here: the lake, in which nothing is changed.

A feed taken in every five minutes leaves a hundred files a day, and a build reads all there ever were. So each day gone
by is read as one file: the same rows, in the order of their loads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby
from pathlib import Path

import pyarrow.parquet as pq

from nightwatt import durable
from nightwatt.contracts.feed import Feed
from nightwatt.ledger.models import Load, Receipt
from nightwatt.settings import Settings
from nightwatt.stages.loading import lake_files


def files_of(settings: Settings, feed: Feed, loads: Iterable[tuple[Load, Receipt]], today: date) -> list[Path]:
    """Return the files that hold the rows of some finished loads of a feed, those of days gone by packed if they are
    many.

    Args:
        settings: the home.
        feed: the contract.
        loads: the loads, in sequence.
        today: the business date; files of it, and later ones, are as they came.
    """
    if feed.schedule.every_min is None:
        return lake_files(settings, [load.lake_path for load, _ in loads])
    files: list[Path] = []
    for day, some in groupby(loads, key=lambda pair: pair[1].business_date):
        found = lake_files(settings, [load.lake_path for load, _ in some])
        files += found if day >= today or len(found) < 2 else _packed(settings, feed.feed, day, found)
    return files


def _packed(settings: Settings, feed: str, day: date, files: Sequence[Path]) -> Sequence[Path]:
    """Return one file with the rows of several; the several, where the contract changed between them."""
    names = "\n".join(path.relative_to(settings.root).as_posix() for path in files)
    digest = hashlib.sha256(names.encode()).hexdigest()[:16]  # a load that came late makes another file
    packed = settings.warehouse / "packed" / feed / f"{day}_{digest}.parquet"
    if packed.exists():
        return [packed]
    schemas = [pq.read_schema(path).remove_metadata() for path in files]
    if any(schema != schemas[0] for schema in schemas):
        return files
    packed.parent.mkdir(parents=True, exist_ok=True)
    aside = durable.aside_of(packed)
    with pq.ParquetWriter(aside, schemas[0], compression="zstd") as to:
        for path in files:
            to.write_table(pq.read_table(path).replace_schema_metadata(None))
    durable.put_in_place(aside, packed)
    return [packed]
