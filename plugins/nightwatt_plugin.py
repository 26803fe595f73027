"""What Airflow must register before it can read our DAGs.

Belongs here: the list of registered classes and pages. Does not belong here: the classes and pages
(`nightwatt_airflow`, which Airflow's plugin loader is told to pass over so that every class has one name only).
"""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from nightwatt_airflow.wall_clock import LocalWallClock

DATA_DICTIONARY = "/nightwatt/models"
OPERATIONS = "/nightwatt/ops"


class _Apps:
    """Our web applications, imported when the API server asks: every task loads this plugin, and none needs them."""

    def __get__(self, plugin: object, owner: type) -> list[dict[str, Any]]:
        from nightwatt_airflow import data_dictionary
        from nightwatt_airflow.ops_page import app as operations

        return [
            {"app": data_dictionary.app, "url_prefix": DATA_DICTIONARY, "name": "NightWatt data dictionary"},
            {"app": operations.app, "url_prefix": OPERATIONS, "name": "NightWatt operations"},
        ]


class NightWattPlugin(AirflowPlugin):
    """Registers the deadline reference (decoding a DAG finds registered classes only) and our pages."""

    name = "nightwatt"
    deadline_references = [LocalWallClock]  # noqa: RUF012  (Airflow's own declaration)
    fastapi_apps = _Apps()
    external_views = [  # noqa: RUF012
        {
            "name": "Tonight",
            "href": f"{OPERATIONS}/",
            "destination": "nav",
            "url_route": "tonight",
        },
        {
            "name": "Data dictionary",
            "href": f"{DATA_DICTIONARY}/",
            "destination": "nav",
            "category": "browse",
            "url_route": "data-dictionary",
        },
    ]
