"""The tests' Data Cloud: whole rows, empty is null, columns by name, files taken whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from tests.support.crm_schema import DataSource, Kind, data_sources, date, number, text
from tests.support.data_cloud import EXCHANGE, DataCloud

SOURCE = DataSource("Usage", "key", (text("key", 20), date("day"), number("kwh", 9, 3), text("note")))
HEADER = "key,day,kwh,note\n"


@pytest.fixture
def cloud() -> Iterator[DataCloud]:
    with DataCloud(sources=data_sources(SOURCE), core_tokens={"core"}, files_per_job=2, file_bytes=200) as server:
        yield server


class Client:
    """A client of one tenant."""

    def __init__(self, cloud: DataCloud) -> None:
        self.cloud = cloud
        form = {"grant_type": EXCHANGE, "subject_token": "core"}
        said = requests.post(f"{cloud.url}/services/a360/token", data=form, timeout=10).json()
        self.token = said["access_token"]

    def call(self, method: str, path: str = "", token: str | None = None, **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token or self.token}", **more.pop("headers", {})}
        url = f"{self.cloud.url}/api/v1/ingest/jobs{path}"
        return requests.request(method, url, headers=headers, timeout=10, **more)

    def create(self, operation: str = "upsert", **change: str) -> requests.Response:
        asked = {"object": "Usage", "sourceName": "nightwatt", "operation": operation} | change
        return self.call("POST", json=asked)

    def upload(self, job: str, data: str, content_type: str = "text/csv") -> int:
        headers = {"Content-Type": content_type}
        return self.call("PUT", f"/{job}/batches", data=data.encode(), headers=headers).status_code

    def load(self, *files: str, operation: str = "upsert") -> str:
        job = self.create(operation).json()["id"]
        for data in files:
            assert self.upload(job, data) == 202
        assert self.call("PATCH", f"/{job}", json={"state": "UploadComplete"}).json()["state"] == "UploadComplete"
        assert self.call("GET", f"/{job}").json()["state"] == "InProgress"
        return str(self.call("GET", f"/{job}").json()["state"])


@pytest.fixture
def client(cloud: DataCloud) -> Client:
    return Client(cloud)


def test_an_upload_replaces_the_whole_row_and_empty_is_null(cloud: DataCloud, client: Client) -> None:
    """Mistake 5, Data Cloud's half: an empty cell clears the field, and so does a column that is not there."""
    client.load(HEADER + "a,2025-01-15,1.5,first\nb,2025-01-15,2,second\n")

    assert client.load("key,kwh,note\na,,\n") == "JobComplete"
    assert cloud.tables["Usage"] == {
        "a": {"key": "a", "day": None, "kwh": None, "note": None},
        "b": {"key": "b", "day": "2025-01-15", "kwh": "2", "note": "second"},
    }


def test_na_is_a_text_like_any_other(cloud: DataCloud, client: Client) -> None:
    client.load(HEADER + "a,,,#N/A\n")

    assert cloud.tables["Usage"]["a"]["note"] == "#N/A"


def test_unknown_columns_are_dropped_without_a_word(cloud: DataCloud, client: Client) -> None:
    assert client.load("key,kWh,other\na,1,x\n") == "JobComplete"
    assert cloud.tables["Usage"] == {"a": {"key": "a", "day": None, "kwh": None, "note": None}}


@pytest.mark.parametrize(
    "bad",
    [
        "kwh\n1\n",
        HEADER + "a,2025-01-15,1,x\n,2025-01-15,1,x\n",
        HEADER + "a,15.01.2025,1,x\n",
        HEADER + "a,2025-01-15,#N/A,x\n",
        HEADER + "a,2025-01-15,1\n",
        HEADER + 'a,2025-01-15,1,"x" y\n',
    ],
)
def test_a_bad_file_is_refused_whole_and_the_others_are_taken(cloud: DataCloud, client: Client, bad: str) -> None:
    assert client.load(bad, HEADER + "b,2025-01-15,2,ok\n") == "Failed"
    assert list(cloud.tables["Usage"]) == ["b"]
    assert list(cloud.jobs["job-1"].refusals) == [0]


def test_a_delete_needs_the_key_only(cloud: DataCloud, client: Client) -> None:
    client.load(HEADER + "a,,1,\nb,,2,\n")

    assert client.load("key\na\nzz\n", operation="delete") == "JobComplete"
    assert list(cloud.tables["Usage"]) == ["b"]


def test_a_job_has_so_many_files_and_a_file_so_many_bytes(client: Client) -> None:
    job = client.create().json()["id"]

    assert client.call("PATCH", f"/{job}", json={"state": "UploadComplete"}).status_code == 409
    assert client.upload(job, HEADER + "x" * 200) == 413
    assert client.upload(job, HEADER, "application/json") == 415
    assert [client.upload(job, HEADER) for _ in range(3)] == [202, 202, 409]
    assert client.call("PATCH", f"/{job}", json={"state": "UploadComplete"}).status_code == 200
    assert client.upload(job, HEADER) == 409


def test_an_aborted_job_takes_nothing(cloud: DataCloud, client: Client) -> None:
    job = client.create().json()["id"]
    client.upload(job, HEADER + "a,,1,\n")
    client.call("PATCH", f"/{job}", json={"state": "Aborted"})

    assert client.call("GET", f"/{job}").json()["state"] == "Aborted"
    assert cloud.tables["Usage"] == {}


def test_a_core_token_must_be_exchanged(cloud: DataCloud, client: Client) -> None:
    wrong = requests.post(
        f"{cloud.url}/services/a360/token", data={"grant_type": EXCHANGE, "subject_token": "x"}, timeout=10
    )

    assert wrong.status_code == 400
    assert client.call("GET", "/job-1", token="core").status_code == 401
    assert client.call("GET", "/job-1").status_code == 404


@pytest.mark.parametrize("asked", [{"operation": "insert"}, {"object": "Nothing"}, {"sourceName": "other"}])
def test_a_job_that_cannot_be_is_not_created(cloud: DataCloud, client: Client, asked: dict[str, str]) -> None:
    assert client.create(**asked).status_code == 400
    assert cloud.jobs == {}


def test_the_utilitys_sources_have_their_key_first() -> None:
    with DataCloud() as cloud:
        for source in cloud.sources.values():
            assert (source.fields[0].name, source.fields[0].kind) == (source.key, Kind.TEXT)
