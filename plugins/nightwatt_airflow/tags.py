"""The tags a DAG may carry.

Belongs here: the closed list. Does not belong here: what a tag implies.
"""

from __future__ import annotations

from enum import StrEnum


class Tag(StrEnum):
    """Tier says how soon somebody must look; domain says whose night it is."""

    TIER_1 = "tier:1"  # wake somebody up
    TIER_2 = "tier:2"  # look in the morning
    BILLING = "domain:billing"
    USAGE = "domain:usage"
    DELIVERY = "domain:delivery"
    PLATFORM = "domain:platform"
