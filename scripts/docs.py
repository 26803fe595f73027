"""The generated part of the documentation: what `make docs` starts.

Belongs here: which page is written where, `--check`, and dbt's own page. Does not belong
here: the pages (`docs_pages/`) and what people write (`docs/`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from docs_pages import cli, contracts, mapping, tables
from docs_pages import settings as settings_pages

from nightwatt.settings import PROJECT_ROOT, Settings
from nightwatt.warehouse import page_path, write_model_docs

DOCS = PROJECT_ROOT / "docs"


def pages() -> dict[str, str]:
    """Return every generated file, by path below `docs/`."""
    made = {
        "reference/cli.md": cli.cli_page(),
        "reference/settings.md": settings_pages.settings_page(),
        "reference/tables.md": tables.tables_page(PROJECT_ROOT / "dbt_project"),
        "reference/customer_mapping.md": mapping.mapping_page(PROJECT_ROOT / "dbt_project"),
        "reference/contract_feed.md": contracts.feed_page(),
        "reference/contract_delivery.md": contracts.delivery_page(),
        "reference/contract_alerting.md": contracts.alerting_page(),
        "reference/contract_audience.md": contracts.audience_page(),
        "reference/contract_holidays.md": contracts.holidays_page(),
    }
    return made | {f"schema/{name}": content for name, content in contracts.schema_files().items()}


def outdated(made: Mapping[str, str], folder: Path) -> list[str]:
    """Return the files that are missing or are not what would be written now."""
    return [
        name
        for name, content in sorted(made.items())
        if not (folder / name).is_file() or (folder / name).read_text("utf-8") != content
    ]


def write(made: Mapping[str, str], folder: Path) -> list[str]:
    """Write what changed and return its names."""
    changed = outdated(made, folder)
    for name in changed:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(made[name], "utf-8")
    return changed


def dbt_page(settings: Settings) -> str:
    """Let dbt write its page about the models; return what became of it, in words."""
    is_new = write_model_docs(settings)
    return f"dbt's page: {'wrote ' if is_new else ''}{page_path(settings)}"


def main(arguments: list[str] | None = None) -> int:
    """Write the pages, or with `--check` say which are out of date; return the exit code."""
    parser = argparse.ArgumentParser(description="Write the generated pages of docs/.")
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a page is out of date")
    asked = parser.parse_args(arguments)
    if asked.check:
        wrong = outdated(pages(), DOCS)
        for name in wrong:
            print(f"docs/{name} is out of date: run `make docs` and commit it", file=sys.stderr)
        return 1 if wrong else 0
    changed = write(pages(), DOCS)
    print("\n".join(f"wrote docs/{name}" for name in changed) or "docs/ is up to date")
    print(dbt_page(Settings()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
