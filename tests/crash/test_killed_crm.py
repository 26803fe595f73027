"""A delivery to the CRM, or the taking in of its answers, killed at any step and run again ends as if never killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support.crm import Home
from tests.support.crm_once import OBJECTS, TAKING, WRITING, do, home_at, run
from tests.support.processes import killed


def sent(home: Home) -> dict[str, bytes]:
    """Return what the partner has."""
    return {p.name: p.read_bytes() for p in sorted(home.server.root.rglob("*")) if p.is_file()}


def known(home: Home) -> dict[str, Any]:
    """Return what is acknowledged."""
    return {name: home.state(name) for name in OBJECTS}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], dict[str, Any]]:
    """What a night that nobody killed comes to."""
    home = home_at(tmp_path_factory.mktemp("undisturbed"))
    result = run(home)
    home.load(result)
    home.take()
    found = sent(home), known(home)
    home.close()
    assert len(found[0]) == 3
    return found


@pytest.mark.parametrize("step", [*WRITING, "intent", "renamed"])
def test_a_killed_delivery_run_again_sends_the_same_files_once(
    tmp_path: Path, undisturbed: tuple[dict[str, bytes], dict[str, Any]], step: str
) -> None:
    killed(do, tmp_path, "deliver", DIE_AT=step)
    home = home_at(tmp_path)

    result = run(home)
    if len(result.receipts) < 3:  # what the killed run began was finished, and nothing was left to do
        result = run(home)
    home.load(result)
    home.take()

    assert (sent(home), known(home)) == undisturbed
    assert len(result.receipts) == 3
    home.close()


@pytest.mark.parametrize("step", TAKING)
def test_a_killed_reader_of_answers_run_again_knows_the_same(
    tmp_path: Path, undisturbed: tuple[dict[str, bytes], dict[str, Any]], step: str
) -> None:
    before = home_at(tmp_path)
    before.load(run(before))
    before.close()
    killed(do, tmp_path, "take", DIE_AT=step)
    home = home_at(tmp_path)

    taken = home.take()

    assert known(home) == undisturbed[1]
    assert taken.waiting == 0
    assert [p for p in home.reader().folder.iterdir() if p.is_file()] == []
    assert [p for p in home.settings.acknowledged.rglob("*.new")] == []
    home.close()
