"""One folder for dbt's artefacts a session, an empty warehouse for every test that asks for one."""

from __future__ import annotations

import pytest
from tests.dbt.scratch import Scratch


@pytest.fixture(scope="session")
def session_scratch(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """A scratch warehouse whose file keeps its path, so that dbt parses the project once."""
    return Scratch(tmp_path_factory.mktemp("dbt"))


@pytest.fixture
def scratch(session_scratch: Scratch) -> Scratch:
    """An empty warehouse with an empty lake."""
    session_scratch.reset()
    return session_scratch
