"""JSON Schema of the contracts, for editors that complete and check YAML while one types.

Belongs here: export only. Does not belong here: validation (`catalog.py`).
"""

from __future__ import annotations

from typing import Any

from nightwatt.contracts.alerting import Alerting
from nightwatt.contracts.audience import Audience
from nightwatt.contracts.delivery import DELIVERY
from nightwatt.contracts.feed import Feed
from nightwatt.contracts.holidays import Holidays


def json_schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schemas by file stem: `alerting`, `audience`, `feed`, `holidays` and `delivery`."""
    return {
        "alerting": {"$schema": "https://json-schema.org/draft/2020-12/schema", **Alerting.model_json_schema()},
        "audience": {"$schema": "https://json-schema.org/draft/2020-12/schema", **Audience.model_json_schema()},
        "feed": {"$schema": "https://json-schema.org/draft/2020-12/schema", **Feed.model_json_schema()},
        "holidays": {"$schema": "https://json-schema.org/draft/2020-12/schema", **Holidays.model_json_schema()},
        "delivery": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **DELIVERY.json_schema(),
        },
    }
