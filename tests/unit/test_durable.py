"""Files that are whole or not there: order of flushing and renaming, and what a stopped writer leaves."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nightwatt import durable


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Return a list that grows with every flush and rename, named below the test's folder."""
    seen: list[str] = []

    def watch(owner: object, name: str, tell: Callable[..., str]) -> None:
        real = getattr(owner, name)

        def watched(*given: object) -> object:
            seen.append(tell(*given))
            return real(*given)

        monkeypatch.setattr(owner, name, watched)

    def below(path: object) -> str:
        return Path(str(path)).relative_to(tmp_path).as_posix()

    watch(os, "fsync", lambda number: f"fsync {below(Path(f'/proc/self/fd/{number}').readlink())}")
    watch(Path, "replace", lambda old, new: f"{below(old)} -> {below(new)}")
    watch(Path, "rename", lambda old, new: f"{below(old)} -> {below(new)}")
    return seen


def test_a_text_is_on_disk_before_it_has_its_name(tmp_path: Path, steps: list[str]) -> None:
    durable.write_text(tmp_path / "CURRENT", "Zoë\n")
    assert (tmp_path / "CURRENT").read_text("utf-8") == "Zoë\n"
    assert steps == ["fsync CURRENT.new", "CURRENT.new -> CURRENT", "fsync ."]


def test_a_copy_leaves_its_source_and_whoever_reads_the_old_file(tmp_path: Path, steps: list[str]) -> None:
    source, final = tmp_path / "kept", tmp_path / "shown"
    source.write_text("new")
    final.write_text("old")
    with final.open() as reader:
        durable.copy_into_place(source, final)
        assert reader.read() == "old"
    assert (source.read_text(), final.read_text()) == ("new", "new")
    assert steps == ["fsync shown.new", "shown.new -> shown", "fsync ."]


@pytest.mark.parametrize("is_there", [False, True])
def test_a_folder_comes_with_all_its_files(tmp_path: Path, steps: list[str], *, is_there: bool) -> None:
    aside, final = tmp_path / ".part", tmp_path / "load=1"
    aside.mkdir()
    (aside / "a").write_text("a")
    if is_there:
        final.mkdir()
        (final / "b").write_text("left by a killed load")
    durable.put_folder_in_place(aside, final)
    assert [p.name for p in final.iterdir()] == ["a"]
    assert not aside.exists()
    assert steps == ["fsync .part/a", "fsync .part", ".part -> load=1", "fsync ."]


def test_stopped_before_the_rename_the_old_file_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "CURRENT"
    durable.write_text(path, "1")

    def die(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", die)
    with pytest.raises(KeyboardInterrupt):
        durable.write_text(path, "2")
    assert path.read_text() == "1"
    assert [p.name for p in tmp_path.iterdir() if p != path] == [durable.aside_of(path).name]
