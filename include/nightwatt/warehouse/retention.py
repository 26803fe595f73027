"""Which versions of the published warehouse stay on disk, and going back to one of them.

Belongs here: deleting what no kept version needs, rolling back. Does not belong here: retention of the
reads store, which asks `kept_store_versions` what it must not delete.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from nightwatt import durable, log
from nightwatt.errors import TerminalError
from nightwatt.ledger import Ledger, publications
from nightwatt.settings import Settings
from nightwatt.warehouse import audiences as audience_files
from nightwatt.warehouse import duck_file, publication_checks, versions
from nightwatt.warehouse.audiences import Audiences
from nightwatt.warehouse.versions import Version

_log = log.get("warehouse")

GRACE = timedelta(hours=1)
"""A file younger than this is never collected: someone may be about to use it."""


@dataclass(frozen=True)
class Collected:
    """What was deleted."""

    versions: tuple[int, ...]
    files: int
    size_bytes: int


def collect(
    settings: Settings,
    *,
    keep: int | None = None,
    grace: timedelta = GRACE,
    now: datetime | None = None,
    lock_timeout_s: float = 600,
) -> Collected:
    """Delete versions that are neither of the last `keep` nor the newest of one of the last `keep` nights, and the
    files no kept version needs.
    """
    with duck_file.writer_lock(settings, "collect old publications", lock_timeout_s):
        count = settings.keep_publications if keep is None else keep
        return collect_locked(settings, count, grace, now or datetime.now(UTC))


def collect_locked(settings: Settings, keep: int, grace: timedelta, now: datetime) -> Collected:
    """Delete as `collect` does; the caller holds the writer's lock."""
    kept, dropped = _kept_and_dropped(settings, keep)
    needed = {f.path for v in kept for t in v.tables.values() for f in t.files}
    for sequence in dropped:
        versions.version_file(settings, sequence).unlink()
        versions.manifest_file(settings, sequence).unlink(missing_ok=True)
    count, size = _delete_unneeded(settings, needed, now - grace)
    return Collected(tuple(dropped), count, size)


def kept_store_versions(settings: Settings) -> set[int]:
    """Return the reads store versions that kept publications look at; their files must stay."""
    found = (
        versions.read_version(settings, versions.version_file(settings, n)) for n in versions.kept_versions(settings)
    )
    standing = versions.current_version(settings)
    return {
        p.store_version
        for v in [*found, *([standing] if standing else [])]
        for p in v.publications.values()
        if p.store_version is not None
    }


def roll_back(
    settings: Settings,
    ledger: Ledger,
    to: int | None = None,
    lock_timeout_s: float = 600,
    audiences: Audiences | None = None,
) -> Version:
    """Let readers see an earlier kept version again; by default the one before the present one.

    Audiences, where given, go back with it: what they see is made from the kept version, by their declarations of
    today.

    Raises:
        TerminalError: `publish.no_version` when it is not kept, `publish.damaged` when its files are gone.
    """
    with duck_file.writer_lock(settings, "roll back the published warehouse", lock_timeout_s):
        sequence = _target(settings, to)
        kept = versions.version_file(settings, sequence)
        version = versions.read_version(settings, kept)
        faults = list(publication_checks.check_files(settings, version))
        if faults:
            raise TerminalError(
                "publish.damaged",
                f"version {sequence} cannot be shown: " + "; ".join(f.message for f in faults),
                "choose another kept version, or build and publish anew",
            )
        terms = audience_files.Terms(ledger.clock() - GRACE)
        made = audience_files.make_missing(settings, audiences, version, terms) if audiences else []
        durable.copy_into_place(kept, versions.published_file(settings))
        if audiences:
            audience_files.show(settings, audiences, made, terms)
        with ledger.write() as session:
            withdrawn = publications.withdraw(session, sequence, f"withdrawn: readers were taken back to {sequence}")
    _log.warning("rolled back", to=sequence, withdrawn=withdrawn)
    return version


def _target(settings: Settings, to: int | None) -> int:
    kept = versions.kept_versions(settings)
    standing = versions.current_version(settings)
    earlier = [n for n in kept if standing is not None and n < standing.sequence]
    if to is None and earlier:
        return earlier[-1]
    if to is None or to not in kept:
        raise TerminalError(
            "publish.no_version",
            f"there is no version {to} to go back to"
            if to is not None
            else "there is no earlier version to go back to",
            f"kept versions: {', '.join(map(str, kept)) or 'none'}",
        )
    return to


def _kept_and_dropped(settings: Settings, keep: int) -> tuple[list[Version], list[int]]:
    standing = versions.current_version(settings)
    numbers = versions.kept_versions(settings)
    found = {n: versions.read_version(settings, versions.version_file(settings, n)) for n in numbers}
    last = {*numbers[-keep:], *_newest_of_nights(found)[-keep:]} if keep > 0 else set()
    if standing is not None:
        last.add(standing.sequence)
    kept = [version for n, version in found.items() if n in last]
    return [*kept, *([standing] if standing else [])], [n for n in numbers if n not in last]


def _newest_of_nights(found: Mapping[int, Version]) -> list[int]:
    """Return the newest version of each night, in order: what is refreshed every few minutes must not push out the
    nights before, which are what one goes back to.
    """
    by_night = {frozenset((p.domain, p.as_of) for p in found[n].publications.values()): n for n in sorted(found)}
    return sorted(by_night.values())


def _delete_unneeded(settings: Settings, needed: set[str], before: datetime) -> tuple[int, int]:
    folder = versions.data_folder(settings)
    count = size = 0
    for path in sorted(folder.glob("*/*")):
        status = path.stat()
        is_old = datetime.fromtimestamp(status.st_mtime, UTC) < before
        if is_old and path.relative_to(folder).as_posix() not in needed:
            path.unlink()
            count, size = count + 1, size + status.st_size
    for aside in sorted(versions.versions_folder(settings).glob("*.new")):
        aside.unlink()
    return count, size
