"""The look from inside Airflow: what it leaves in the ledger, and what it counts."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

NOW = datetime(2026, 3, 9, 0, 45, tzinfo=ZoneInfo("America/New_York"))


def test_the_task_looks_gives_its_sign_of_life_and_says_how_many_alerts_stand(
    airflow: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from nightwatt import stages
    from nightwatt.ledger.facts import house
    from nightwatt.settings import Settings
    from nightwatt_airflow import metrics, watch_task

    real = stages.Platform
    gauges: dict[str, int] = {}

    def gauge(_name: str, value: int, tags: dict[str, str]) -> None:
        gauges[tags["severity"]] = value

    def open_it(started_by: str) -> Any:
        return real.open(started_by, Settings(home=tmp_path), clock=lambda: NOW)

    run = SimpleNamespace(dag_id="watch_night", run_id="scheduled__1")
    monkeypatch.setattr(watch_task, "get_current_context", lambda: {"dag_run": run})
    monkeypatch.setattr(metrics.stats, "gauge", gauge)
    monkeypatch.setattr(stages, "Platform", SimpleNamespace(open=open_it))
    with open_it("cli") as platform, platform.ledger.run("build", "billing", date(2026, 3, 8), "cli"):
        pass

    said = watch_task.look_after_the_night.function()

    assert (said["opened"], said["sent"]) == (["night.not_started billing"], 2)
    assert gauges == {"warning": 0, "critical": 1}
    with open_it("cli") as platform, platform.ledger.read() as session:
        heart = house(session, platform.settings.tz).hearts["watch_night"]
    assert (heart.at, heart.every_s, heart.detail) == (NOW, 300, "watch_night/scheduled__1")
