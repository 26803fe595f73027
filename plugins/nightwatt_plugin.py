"""What Airflow must register before it can read our DAGs.

Belongs here: the list of registered classes. Does not belong here: the classes (`nightwatt_airflow`, which
Airflow's plugin loader is told to pass over so that every class has one name only).
"""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from nightwatt_airflow.wall_clock import LocalWallClock


class NightWattPlugin(AirflowPlugin):
    """Registers the deadline reference: decoding a DAG finds registered classes only."""

    name = "nightwatt"
    deadline_references = [LocalWallClock]  # noqa: RUF012  (Airflow's own declaration)
