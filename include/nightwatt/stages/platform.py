"""Everything a stage works with: settings, catalog, ledger, reads store and clock of one home.

Belongs here: opening and closing them together. Does not belong here: any stage.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path

from nightwatt.calendar import Clock, business_date, clock_from, utc_now
from nightwatt.contracts.catalog import Catalog, load_catalog
from nightwatt.ledger import Ledger
from nightwatt.reads import ReadsStore
from nightwatt.settings import Settings


@dataclass(frozen=True)
class Platform:
    """One home, opened."""

    settings: Settings
    catalog: Catalog
    ledger: Ledger
    store: ReadsStore
    clock: Clock
    started_by: str

    @classmethod
    @contextmanager
    def open(
        cls,
        started_by: str = "cli",
        settings: Settings | None = None,
        catalog_folder: Path | None = None,
        clock: Clock | None = None,
    ) -> Iterator[Platform]:
        """Open a home for the length of a block.

        Args:
            started_by: who the ledger's runs name: `cli`, or `<dag id>/<run id>`.
            settings: the home; from the environment otherwise.
            catalog_folder: a catalog of one's own; that of the settings, or the packaged one, otherwise.
            clock: the present instant; `settings.clock_at` or real time otherwise.
        """
        settings = settings or Settings()
        if clock is None:
            clock = _running_clock(settings.clock_at) if settings.clock_at else utc_now
        settings.root.mkdir(parents=True, exist_ok=True)
        catalog = load_catalog(catalog_folder or settings.catalog, settings.systems)
        ledger = Ledger.open(settings.ledger_address, clock)
        try:
            yield cls(settings, catalog, ledger, ReadsStore(settings.reads, settings), clock, started_by)
        finally:
            ledger.close()

    def business_date(self) -> date:
        """Return the business date of the present instant."""
        return business_date(self.clock(), self.settings.tz)


@cache
def _running_clock(start: datetime) -> Clock:
    """Return the one clock of this process that began at `start`: opening a home again does not set it back."""
    return clock_from(start)
