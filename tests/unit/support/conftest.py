"""Servers and clients of their own for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.bulk_api import BulkApi
from tests.support.bulk_client import Client


@pytest.fixture
def api() -> Iterator[BulkApi]:
    with BulkApi() as server:
        yield server


@pytest.fixture
def client(api: BulkApi) -> Iterator[Client]:
    with Client(api) as found:
        yield found
