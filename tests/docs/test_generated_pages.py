"""Generated pages are what the code says now, and say something about everything."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from docs_pages import cli, contracts, tables
from docs_pages.text import MissingWords, words
from tests.docs.markdown import REPOSITORY

import docs
from nightwatt.contracts.catalog import PACKAGED, load_catalog

VARIABLE = re.compile(r"\bNIGHTWATT_[A-Z][A-Z_]*[A-Z]\b")


def read(name: str) -> str:
    return (REPOSITORY / "docs" / name).read_text("utf-8")


def variables(folder: Path) -> set[str]:
    """Return the environment variables of ours that files mention."""
    paths = folder.rglob("*") if folder.is_dir() else [folder]
    files = [p for p in paths if p.is_file() and not {"__pycache__", "target", "logs"} & set(p.parts)]
    return {name for path in files for name in VARIABLE.findall(path.read_text("utf-8", "ignore"))}


def test_committed_pages_are_up_to_date() -> None:
    assert docs.outdated(docs.pages(), REPOSITORY / "docs") == []


def test_a_changed_or_missing_page_is_noticed(tmp_path: Path) -> None:
    made = {"reference/a.md": "new", "reference/b.md": "same", "schema/c.json": "{}"}
    (tmp_path / "reference").mkdir()
    (tmp_path / "reference/a.md").write_text("old")
    (tmp_path / "reference/b.md").write_text("same")

    assert docs.outdated(made, tmp_path) == ["reference/a.md", "schema/c.json"]
    assert docs.write(made, tmp_path) == ["reference/a.md", "schema/c.json"]
    assert docs.outdated(made, tmp_path) == []


def test_check_fails_and_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(docs, "DOCS", tmp_path)

    assert docs.main(["--check"]) == 1
    assert list(tmp_path.iterdir()) == []


def test_every_command_and_option_is_documented() -> None:
    page = read("reference/cli.md")
    for command in cli.commands():
        section = page.partition(f"## {f'nightwatt {command.path}'.strip()}\n")[2].partition("\n## ")[0]
        assert section, f"nightwatt {command.path} has no section"
        missing = [p.name for p in command.parameters if f"| `{p.name}` |" not in section]
        assert not missing, f"nightwatt {command.path}: {missing}"


def test_something_without_words_is_refused_and_so_is_something_with_two() -> None:
    with pytest.raises(MissingWords, match="nowhere"):
        words(None, None, "`load --new-option`")
    with pytest.raises(MissingWords, match="twice"):
        words("Its own help.", "The page's words.", "`load --new-option`")


def test_every_word_of_the_generator_is_still_needed() -> None:
    parameters = {f"{c.path or 'root'} {p.name.partition(',')[0]}" for c in cli.commands() for p in c.parameters}

    assert set(cli.WORDS) <= parameters


def test_every_setting_is_documented() -> None:
    page = VARIABLE.findall(read("reference/settings.md"))
    sources = ("include", "plugins", "scripts", "deploy", "docker-compose.yaml", "Makefile", "dbt_project")
    found = {name for source in sources for name in variables(REPOSITORY / source)}
    connection = {name for name in found if name.startswith("NIGHTWATT_SFTP")}

    assert found - connection - {"NIGHTWATT_HOME"} <= set(page)
    for name in connection:
        stem = re.sub(r"^NIGHTWATT_SFTP_(OPOWER_|CRM_)?", "", name)
        assert f"NIGHTWATT_SFTP_<NAME>_{stem}" in read("reference/settings.md")


def test_a_setting_read_anywhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "new.py").write_text('os.environ["NIGHTWATT_BRAND_NEW"]')

    assert variables(tmp_path) == {"NIGHTWATT_BRAND_NEW"}


@pytest.mark.parametrize("name", ["feed", "delivery"])
def test_every_key_of_a_contract_is_documented(name: str) -> None:
    page = read(f"reference/contract_{name}.md")
    catalog = load_catalog(PACKAGED)
    contract = next(iter((catalog.feeds if name == "feed" else catalog.deliveries).values()))

    for key in contract.model_dump():
        assert f"| `{key}` |" in page
    assert all(k.meaning and k.kind for k in contracts.keys(contracts.json_schemas()[name], name.capitalize()))


def test_every_published_table_has_a_key_and_described_columns() -> None:
    found = tables.published(REPOSITORY / "dbt_project")

    assert {"dim_customer", "fct_bills", "fct_usage_daily", "fct_interval_reads", "publication"} <= {
        t.name for t in found
    }
    for table in found:
        assert table.key and set(table.key) <= {c.name for c in table.columns}, table.name
        assert all(c.meaning and c.kind and c.source for c in table.columns), table.name
