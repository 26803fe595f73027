"""Files that are whole or not there: write aside, fsync, rename.

Belongs here: durable writes and renames of small files and folders. Does not belong here: what is in them.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def fsync_file(path: Path) -> None:
    """Flush a file's content to disk."""
    _fsync(path, os.O_RDONLY)


def fsync_folder(path: Path) -> None:
    """Flush a folder's entries to disk, so that a rename in it survives a power cut."""
    _fsync(path, os.O_RDONLY | os.O_DIRECTORY)


def put_in_place(aside: Path, final: Path) -> None:
    """Rename a finished file onto its name, durably; whoever has the old one open keeps it."""
    fsync_file(aside)
    aside.replace(final)
    fsync_folder(final.parent)


def write_text(path: Path, content: str) -> None:
    """Write a small text file in one step."""
    aside = path.with_name(path.name + ".new")
    aside.write_text(content, "utf-8")
    put_in_place(aside, path)


def copy_into_place(source: Path, final: Path) -> None:
    """Copy a finished file onto another name in one step."""
    aside = final.with_name(final.name + ".new")
    shutil.copyfile(source, aside)
    put_in_place(aside, final)


def _fsync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
