"""What becomes of alerts at a look: which open, get worse, stay, close.

Belongs here: comparing what is wrong now with the alerts that stand, as pure functions. Does not belong here: what is
wrong (`conditions.py`), writing it down (`ledger.alerts`) and telling anybody (`outbox.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nightwatt.ledger.alerts import Condition
from nightwatt.ledger.models import Severity


@dataclass(frozen=True)
class Settlement:
    """What changes. Alerts are named by their keys."""

    opens: tuple[Condition, ...] = ()
    worsens: tuple[Condition, ...] = ()
    stays: tuple[Condition, ...] = ()  # as loud as before, or quieter; its words may have changed
    closes: tuple[str, ...] = ()


def settle(standing: Mapping[str, Severity], conditions: Iterable[Condition]) -> Settlement:
    """Compare alerts that stand, by key, with everything that is wrong now.

    Of several conditions with one key the loudest counts, and among those the first.
    """
    worst: dict[str, Condition] = {}
    for condition in conditions:
        known = worst.get(condition.key)
        if known is None or condition.severity.rank > known.severity.rank:
            worst[condition.key] = condition
    known_ones = [c for key, c in worst.items() if key in standing]
    return Settlement(
        opens=tuple(c for key, c in worst.items() if key not in standing),
        worsens=tuple(c for c in known_ones if c.severity.rank > standing[c.key].rank),
        stays=tuple(c for c in known_ones if c.severity.rank <= standing[c.key].rank),
        closes=tuple(key for key in standing if key not in worst),
    )
