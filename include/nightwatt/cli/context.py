"""What every command shares: the console, and opening the home that the global options name.

Belongs here: `Context`. Does not belong here: commands.

Commands import what they need when they run, so that `--help` and completion stay quick.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from nightwatt.settings import Settings

if TYPE_CHECKING:
    from nightwatt.contracts.catalog import Catalog
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
        from nightwatt.contracts.catalog import load_catalog

        settings = self.settings()
        return load_catalog(self.catalog_folder or settings.catalog, settings.systems)

    @contextmanager
    def platform(self, catalog_folder: Path | None = None) -> Iterator[Platform]:
        """Open the home for the length of a block; a catalog folder given to a command goes before the global one."""
        from nightwatt.stages import Platform

        with Platform.open("cli", self.settings(), catalog_folder or self.catalog_folder) as platform:
            yield platform
