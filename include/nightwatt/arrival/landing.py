"""The landing archive: every file that arrived, under its content hash, never edited.

Belongs here: where a landed file lies, putting one in place so that a crash leaves all or nothing, and one
arrival at a time for each feed. Does not belong here: what is worth archiving.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nightwatt import durable, locks
from nightwatt.settings import Settings

_WAIT_SECONDS = 120.0


def landing_path(settings: Settings, sha256: str) -> Path:
    """Return where the bytes with this hash lie, or would."""
    return settings.landing / sha256[:2] / sha256


def archive(settings: Settings, copy: Path, sha256: str) -> Path:
    """Move a private copy, already on disk, to its place. Does nothing if the bytes are there.

    Args:
        settings: the home.
        copy: a file below the landing folder whose bytes have this hash; gone afterwards.
        sha256: the hash.
    """
    final = landing_path(settings, sha256)
    final.parent.mkdir(parents=True, exist_ok=True)
    if final.exists() and final.stat().st_size == copy.stat().st_size:
        copy.unlink()
        return final
    copy.chmod(0o444)
    copy.replace(final)
    durable.fsync_folder(final.parent)
    durable.fsync_folder(settings.landing)
    return final


@contextmanager
def dock(settings: Settings, feed_name: str, wait_seconds: float = _WAIT_SECONDS) -> Iterator[Path]:
    """Hold the one place where copies of a feed are made, emptied of what a killed arrival left.

    Raises:
        TransientError: `arrival.busy`, if another process is taking this feed in.
    """
    around = settings.landing / ".arrival"
    with locks.hold(
        around / f"{feed_name}.lock",
        f"take in {feed_name}",
        code="arrival.busy",
        timeout_s=wait_seconds,
        what=f"the arrival of {feed_name}",
    ):
        folder = around / feed_name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
