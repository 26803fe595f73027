"""Rows of SAP tables for the dbt tests.

Belongs here: what every extract row carries. Does not belong here: any world.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.dbt.scratch import NOW

CLIENT = "100"


def sap(*given: dict[str, Any], at: datetime = NOW, operation: str = "I") -> list[dict[str, Any]]:
    """Return rows as an extract brings them: of one client, with what happened to them and when."""
    return [{"mandt": CLIENT, "di_operation_type": operation, "extracted_at": at} | row for row in given]
