"""Building and publishing a domain: pin what is settled, let dbt build it, let readers see it.

Belongs here: choosing the loads and the store version a build may see. Does not belong here: how dbt is
run and how a publication is swapped in (warehouse).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from nightwatt import locks, warehouse
from nightwatt.contracts.feed import Feed
from nightwatt.errors import TerminalError
from nightwatt.intake.tables import lake_columns
from nightwatt.ledger import loads, publications
from nightwatt.ledger.models import Publication
from nightwatt.reads import StoreVersion
from nightwatt.stages.counting_meters import count_meters
from nightwatt.stages.loading import read_feeds
from nightwatt.stages.packing import files_of
from nightwatt.stages.platform import Platform
from nightwatt.warehouse import Audiences, BuildInputs, StoreVersionInput, TableInput


@dataclass(frozen=True)
class BuildSummary:
    """What building one domain did."""

    domain: str
    reason: str  # full, partial or skipped, and why
    is_skipped: bool
    through_sequence: int
    store_version: int | None
    touched_keys: int
    nodes: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return counts."""
        return asdict(self)


@dataclass(frozen=True)
class PublishSummary:
    """What readers see of a domain now."""

    domain: str
    sequence: int
    as_of: date
    is_new: bool
    tables: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return numbers and names."""
        return asdict(self) | {"as_of": self.as_of.isoformat()}


DOMAIN_WAIT_S = 600.0
"""How long a build or a publication of a domain waits for another one of it."""

DOMAINS = ("billing", "usage")
"""What can be built and published."""


def _known(domain: str) -> str:
    if domain not in DOMAINS:
        raise TerminalError(
            "build.unknown_domain", f"there is no domain {domain!r}", f"name one of {', '.join(DOMAINS)}"
        )
    return domain


def build(platform: Platform, domain: str, as_of: date, *, full_refresh: bool = False) -> BuildSummary:
    """Bring a domain's models up to date with everything that is settled, as of a business date.

    An earlier date than the newest published (a past night run again) does not turn it back: the models see all that
    was loaded, so they would call overdue what was, and forget bills that came since.
    """
    with platform.ledger.run("build", _known(domain), as_of, platform.started_by), alone(platform, domain, "build"):
        inputs = build_inputs(platform, domain, as_of)
        result = warehouse.build(domain, inputs, platform.settings, platform.ledger, full_refresh=full_refresh)
    return _summary(domain, result)


def _summary(domain: str, result: warehouse.BuildResult) -> BuildSummary:
    return BuildSummary(
        domain=domain,
        reason=result.reason,
        is_skipped=result.is_skipped,
        through_sequence=result.through_sequence,
        store_version=result.store_version,
        touched_keys=result.touched_keys,
        nodes=len(result.dbt.nodes) if result.dbt else 0,
        seconds=result.seconds,
    )


def publish(platform: Platform, domain: str, as_of: date) -> PublishSummary:
    """Let readers see what was built; if checks fail they keep what they have."""
    with platform.ledger.run("publish", _known(domain), as_of, platform.started_by), alone(platform, domain, "publish"):
        summary = publish_built(platform, domain, as_of)
        if domain == "usage":
            count_meters(platform, as_of, summary.sequence)
    return summary


def publish_built(platform: Platform, domain: str, as_of: date) -> PublishSummary:
    """Publish what the last build of a domain made, for a caller that holds the domain."""
    result = warehouse.publish(
        domain,
        as_of,
        warehouse.published_tables(platform.settings, domain),
        platform.settings,
        platform.ledger,
        pin_reads=lambda version: platform.store.pin(version).files,
        audiences=audiences(platform),
    )
    platform.store.retain(platform.settings.keep_publications, warehouse.kept_store_versions(platform.settings))
    return PublishSummary(domain, result.sequence, result.as_of, result.is_new, dict(result.tables))


def alone(platform: Platform, domain: str, purpose: str) -> AbstractContextManager[locks.HeldLock]:
    """Hold a domain: who looks at what was built last, and goes on from there, must not be overtaken meanwhile.

    Raises:
        TransientError: `build.busy`, when another process goes on building or publishing the domain.
    """
    return locks.hold(
        platform.settings.scratch / "locks" / f"domain-{domain}.lock",
        f"{purpose} {domain}",
        code="build.busy",
        timeout_s=DOMAIN_WAIT_S,
        what=f"the building of {domain}",
    )


def roll_back(platform: Platform, to: int | None = None) -> int:
    """Let readers and audiences see an earlier kept publication again; by default the one before the present one.

    Returns:
        Its number.
    """
    with platform.ledger.run("roll_back", "published", None, platform.started_by):
        version = warehouse.roll_back(platform.settings, platform.ledger, to, audiences=audiences(platform))
    return version.sequence


def audiences(platform: Platform) -> Audiences:
    """Return who gets files of their own, with what the models say of their columns and the key that hides some."""
    declared = [audience for _, audience in sorted(platform.catalog.audiences.items())]
    if not declared:
        return Audiences()
    hashes = any("hash" in audience.classes.values() for audience in declared)
    key = warehouse.mask_key(platform.settings) if hashes else None
    return Audiences(declared, warehouse.personal_classes(platform.settings), key)


def build_inputs(platform: Platform, domain: str, as_of: date) -> BuildInputs:
    """Pin what a build may see: finished loads up to the watermark, the current store version, the business date."""
    version = platform.store.current()
    tables = {name: feed for name, feed in platform.catalog.feeds.items() if feed.entity == "table"}
    with platform.ledger.read() as session:
        through = {d: _through(session, feeds) for d, feeds in _by_domain(tables).items()}
        inputs = {
            name: _table_input(session, platform, feed, through[feed.domain]) for name, feed in sorted(tables.items())
        }
        inputs |= {name: _no_rows(feed) for name, feed in platform.catalog.idle.items() if feed.entity == "table"}
        reads = _reads_input(session, platform, version) if version else None
        published = publications.latest(session, domain)
        today = max(as_of, published.as_of) if published else as_of
    return BuildInputs(inputs, reads, as_of=today)


def refresh_inputs(platform: Platform, domain: str, standing: Publication) -> BuildInputs:
    """Pin what a build between two nights may see: what the standing publication holds, and all that feeds in near real
    time brought since.

    Half of a night that is just being loaded stays out of sight. The numbers are those of the standing publication: it
    claims no more than what it wholly has, so whoever goes on from them ("what changed since") passes nothing over.
    """
    inputs, through = build_inputs(platform, domain, standing.as_of), standing.through_sequence
    tables = dict(inputs.table_feeds)
    with platform.ledger.read() as session:
        for name, feed in platform.catalog.feeds.items():
            if feed.entity != "table" or feed.domain != domain:
                continue
            seen = tables[name] if feed.schedule.every_min else _table_input(session, platform, feed, through)
            tables[name] = replace(seen, through_sequence=min(seen.through_sequence, through))
        reads = inputs.reads
        if reads and domain == "usage" and standing.store_version is not None:
            pinned = _reads_input(session, platform, platform.store.pin(standing.store_version))
            reads = replace(pinned, through_sequence=min(pinned.through_sequence, through))
    return replace(inputs, table_feeds=tables, reads=reads)


def _by_domain(tables: dict[str, Feed]) -> dict[str, list[str]]:
    domains: dict[str, list[str]] = {}
    for name, feed in tables.items():
        domains.setdefault(feed.domain, []).append(name)
    return domains


def _through(session: Session, feeds: Sequence[str]) -> int:
    return loads.watermark(session, feeds)


def _table_input(session: Session, platform: Platform, feed: Feed, through: int) -> TableInput:
    settled = [pair for pair in loads.done(session, [feed.feed]) if pair[0].sequence <= through]
    return TableInput(
        columns=lake_columns(feed),
        files=files_of(platform.settings, feed, settled, platform.business_date()),
        domain=feed.domain,
        through_sequence=max((load.sequence for load, _ in settled), default=0),
        absence=feed.absence,
    )


def _no_rows(feed: Feed) -> TableInput:
    """Let the models of a system that is not in use find its relations, empty."""
    return TableInput(columns=lake_columns(feed), files=(), domain=feed.domain, absence=feed.absence)


def _reads_input(session: Session, platform: Platform, version: StoreVersion) -> StoreVersionInput:
    def touched_since(earlier: int | None) -> Sequence[Path] | None:
        return platform.store.touched_since(earlier)

    return StoreVersionInput(
        version=version.version,
        files=version.files,
        touched_since=touched_since,
        first_date=version.min_read_date,
        last_date=version.max_read_date,
        zones=version.zones,
        through_sequence=loads.watermark(session, read_feeds(platform), version.version),
    )
