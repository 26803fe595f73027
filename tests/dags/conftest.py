"""One Airflow for the tests of this folder: metadata database, plugins and DAGs, set up once per process.

Belongs here: fixtures that need Airflow. The environment it reads its settings from is made in `tests/conftest.py`,
before anything is imported.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk import DAG
    from sqlalchemy.orm import Session
    from starlette.testclient import TestClient

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def airflow() -> None:
    """A migrated metadata database with the writer pool."""
    sys.path.insert(0, str(REPOSITORY / "scripts"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Airflow's own imports
        import airflow_home

        airflow_home.migrate()


@pytest.fixture(scope="session")
def server(airflow: None) -> Iterator[TestClient]:
    """Airflow's own API server with our plugins in it, asked without a network."""
    from airflow.api_fastapi.app import create_app, purge_cached_app
    from starlette.testclient import TestClient

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Airflow's own
        purge_cached_app()
        with TestClient(create_app()) as client:
            yield client
        purge_cached_app()


@pytest.fixture(scope="session")
def bag(airflow: None) -> DagBag:
    """The DAG folder, read once."""
    from airflow.dag_processing.dagbag import DagBag

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return DagBag(dag_folder=str(REPOSITORY / "dags"))


@pytest.fixture(scope="session")
def stored_dags(bag: DagBag) -> dict[str, DAG]:
    """The DAGs, also stored in the metadata database as the DAG processor stores them."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.collection import update_dag_parsing_results_in_db
    from airflow.serialization.serialized_objects import LazyDeserializedDAG
    from airflow.utils.session import create_session

    with create_session() as session:
        DagBundlesManager().sync_bundles_to_db(session=session)
        session.commit()
        update_dag_parsing_results_in_db(
            "dags-folder",
            None,
            [LazyDeserializedDAG.from_dag(dag) for dag in bag.dags.values()],
            {},
            None,
            set(),
            session,
        )
    return dict(bag.dags)


@pytest.fixture
def session(stored_dags: dict[str, DAG]) -> Iterator[Session]:
    """A session on the metadata database; what a test writes is rolled back."""
    from airflow.utils.session import create_session

    with create_session() as open_session:
        yield open_session
        open_session.rollback()
