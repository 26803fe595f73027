"""Files that are whole or not there, also after a power cut: write aside, fsync, rename.

Belongs here: flushing files and folders to disk, and putting finished ones on their names. Does not belong
here: what is in them, and what a killed writer's leftovers mean (whoever owns the folder clears them).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

ASIDE = ".new"
"""What the name of a file ends in until it is whole; a killed process leaves files of such names."""


def aside_of(final: Path) -> Path:
    """Return where to write what shall stand under a name."""
    return final.with_name(final.name + ASIDE)


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


def put_folder_in_place(aside: Path, final: Path) -> None:
    """Rename a finished folder of files onto its name, durably. What stood there is removed before."""
    for path in aside.rglob("*"):
        fsync_file(path)  # of folders in it, too, their entries
    fsync_folder(aside)
    if final.exists():
        shutil.rmtree(final)
    aside.rename(final)
    fsync_folder(final.parent)


def write_text(path: Path, content: str) -> None:
    """Write a small text file in one step."""
    aside = aside_of(path)
    aside.write_text(content, "utf-8")
    put_in_place(aside, path)


def copy_into_place(source: Path, final: Path) -> None:
    """Copy a finished file onto another name in one step."""
    aside = aside_of(final)
    shutil.copyfile(source, aside)
    put_in_place(aside, final)


def _fsync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
