"""The data dictionary inside Airflow: there for whoever may log in, and for nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.support.logins import token_of

from nightwatt.settings import Settings
from nightwatt.warehouse import page_path

PAGE = "/nightwatt/models/"


@pytest.fixture
def written_page() -> Iterator[Path]:
    """The page in the home that the server serves from."""
    path = page_path(Settings())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("<html>what every column means</html>", "utf-8")
    yield path
    path.unlink(missing_ok=True)


def test_nobody_reads_it_without_a_login(server: TestClient, written_page: Path) -> None:
    answer = server.get(PAGE)

    assert answer.status_code == 401
    assert "column" not in answer.text


def test_a_broken_login_is_refused(server: TestClient, written_page: Path) -> None:
    assert server.get(PAGE, headers={"Authorization": "Bearer nonsense"}).status_code in {401, 403}


@pytest.mark.parametrize("role", ["viewer", "op"])
def test_whoever_may_see_dags_reads_it(server: TestClient, written_page: Path, role: str) -> None:
    answer = server.get(PAGE, headers={"Authorization": f"Bearer {token_of(role)}"})

    assert (answer.status_code, answer.text) == (200, written_page.read_text("utf-8"))
    assert "connect-src 'none'" in answer.headers["content-security-policy"]


def test_before_it_is_written_the_answer_says_what_writes_it(server: TestClient) -> None:
    page_path(Settings()).unlink(missing_ok=True)
    answer = server.get(PAGE, headers={"Authorization": f"Bearer {token_of('VIEWER')}"})

    assert answer.status_code == 404
    assert "nightwatt docs" in answer.json()["detail"]


def test_dbt_writes_the_page_once_a_project(tmp_path: Path) -> None:
    from nightwatt.warehouse import write_model_docs

    settings = Settings(home=tmp_path)

    assert write_model_docs(settings) is True
    content = page_path(settings).read_text("utf-8")
    assert "Main customer; the lower id where the source names two." in content
    assert not list(settings.root.rglob("*.duckdb"))  # no database was opened
    assert write_model_docs(settings) is False
