"""The schedules of `schedules.yaml`, which an operator can read and correct, against the calendar's answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from nightwatt.contracts.catalog import load_catalog
from nightwatt.contracts.schedule import Schedule

CASES = yaml.safe_load(Path(__file__).with_name("schedules.yaml").read_text("utf-8"))


def answers() -> Iterator[Any]:
    """Yield each schedule with each date it gives an answer for."""
    for case in CASES:
        for day, answer in case.items():
            if day not in {"schedule", "contract"}:
                yield pytest.param(case["contract"], day, answer, id=f"{case['schedule']}: {day}")


@pytest.mark.parametrize(("contract", "day", "answer"), list(answers()))
def test_a_schedule_says_whether_files_come(contract: dict[str, Any], day: str, answer: str) -> None:
    on = date.fromisoformat(day.split(maxsplit=1)[0])
    assert f"{on} {on:%A}" == day, "the weekday in the table is another one"

    word = Schedule.model_validate(contract).word_on(on, load_catalog().holidays)

    assert word.why == answer
    assert word.is_expected == ("files come" in answer)
