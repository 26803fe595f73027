"""Who a stage is run by, as the ledger records it.

Belongs here: reading a run's name from Airflow's context. Does not belong here: anything about the night.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def started_by(context: Mapping[str, Any]) -> str:
    """Return `dag_id/run_id` of the run a task or a callback belongs to."""
    run = context["dag_run"]
    return f"{run.dag_id}/{run.run_id}"
