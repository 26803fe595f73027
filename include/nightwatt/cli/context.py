"""What every command shares: the console, and opening the home that the global options name.

Belongs here: `Context`. Does not belong here: commands.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from nightwatt.contracts.catalog import Catalog, load_catalog
from nightwatt.settings import Settings
from nightwatt.stages import Platform

_PIPED_WIDTH = 160


def make_console() -> Console:
    """Return a console that fits the terminal, and a wide one where there is none (pipes, logs)."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_PIPED_WIDTH)


console = make_console()


@dataclass(frozen=True)
class Context:
    """The global options of one call."""

    home: Path | None
    catalog_folder: Path | None

    def settings(self) -> Settings:
        """Return the settings of the home asked for."""
        return Settings(home=self.home) if self.home else Settings()

    def catalog(self) -> Catalog:
        """Return the catalog asked for."""
        return load_catalog(self.catalog_folder or self.settings().catalog)

    @contextmanager
    def platform(self) -> Iterator[Platform]:
        """Open the home for the length of a block."""
        with Platform.open("cli", self.settings(), self.catalog_folder) as platform:
            yield platform
