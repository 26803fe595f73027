"""The models' documentation as one static page, written by dbt from the project alone.

Belongs here: making the page, and not making it again while the project is the same. Does not belong here: who may
read it (the Airflow plugin) and what it says (the yml beside each model).
"""

from __future__ import annotations

from pathlib import Path

from nightwatt import durable, locks
from nightwatt.settings import Settings
from nightwatt.warehouse.dbt import project_hash, run_command


def page_path(settings: Settings) -> Path:
    """Return where the page lies once it is written."""
    return settings.root / "docs" / "models.html"


def write_model_docs(settings: Settings) -> bool:
    """Write the page; return whether it had to be written.

    The warehouse is not opened: what columns mean and which types they have stands in the project, and nothing of the
    data may be on the page.

    Raises:
        TerminalError: `dbt.broken`, when dbt cannot read the project.
        TransientError: `docs.busy`, another process has been writing it for too long.
    """
    page = page_path(settings)
    stamp = page.with_name("made_from.txt")
    project = project_hash(settings.dbt_project)
    if page.is_file() and stamp.is_file() and stamp.read_text("utf-8") == project:
        return False
    with locks.hold(
        page.with_name(".lock"),
        "write the data dictionary",
        code="docs.busy",
        timeout_s=600,
        what="the data dictionary",
    ):
        _write(settings, page)
        durable.write_text(stamp, project)
    return True


def _write(settings: Settings, page: Path) -> None:
    # dbt puts the page together from a manifest that only `parse` writes without a database.
    aside = settings.root / "dbt" / "docs"
    for command in (["parse"], ["docs", "generate", "--static", "--no-compile", "--empty-catalog"]):
        run_command(settings, command, aside)
    durable.copy_into_place(aside / "static_index.html", page)
