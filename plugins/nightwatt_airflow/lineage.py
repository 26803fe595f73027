"""Which data a task read and which it wrote, told to Airflow, whose OpenLineage provider sends it on.

Belongs here: the datasets, named by where they lie, at the grain of a feed's folder or a published table. Does not
belong here: where events go (`[openlineage]` of Airflow's settings; nowhere by default), files, rows, columns.

A dataset is a local path (`file`, `/var/lib/nightwatt/lake/ccb_acct`), so what another engine says of the same
Parquet joins up with what is said here.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from airflow.sdk.lineage import get_hook_lineage_collector

if TYPE_CHECKING:
    from airflow.sdk import BaseHook

    from nightwatt.stages import DeliverSummary, Platform, PublishSummary


def loaded(platform: Platform, feed: str) -> None:
    """A feed's files went into its part of the lake."""
    settings = platform.settings
    _moved([settings.inbound / platform.catalog.feed(feed).arrival.folder], [settings.lake / feed])


def merged(platform: Platform) -> None:
    """The lake's interval reads went into the reads store."""
    from nightwatt.stages.loading import read_feeds

    settings = platform.settings
    _moved([settings.lake / feed for feed in read_feeds(platform)], [settings.reads])


def built(platform: Platform, domain: str) -> None:
    """The models of a domain were made from the lake's tables and the reads store."""
    from nightwatt.warehouse.duck_file import warehouse_file

    settings = platform.settings
    feeds = [name for name, feed in platform.catalog.feeds.items() if feed.entity == "table" and feed.domain == domain]
    sources = [settings.lake / name for name in sorted(feeds)]
    _moved([*sources, settings.reads] if domain == "usage" else sources, [warehouse_file(settings)])


def published(platform: Platform, summary: PublishSummary) -> None:
    """Tables of the warehouse were given to readers: the file they open, and a name for each table below it."""
    from nightwatt.warehouse.duck_file import warehouse_file
    from nightwatt.warehouse.versions import published_file

    file = published_file(platform.settings)
    _moved([warehouse_file(platform.settings)], [file, *(file / table for table in sorted(summary.tables))])


def delivered(platform: Platform, summary: DeliverSummary) -> None:
    """A partner's files were made from what is published."""
    from nightwatt.warehouse.versions import published_file

    _moved([published_file(platform.settings)], [platform.settings.outbox / summary.delivery])


def _moved(sources: Iterable[Path], targets: Iterable[Path]) -> None:
    """Tell Airflow; where lineage is switched off, it listens to nothing."""
    collector = get_hook_lineage_collector()
    hook = cast("BaseHook", _moved)  # whoever reports; only told apart from others
    for path in sources:
        collector.add_input_asset(hook, uri=path.as_uri())
    for path in targets:
        collector.add_output_asset(hook, uri=path.as_uri())
