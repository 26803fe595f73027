"""A middleware for tests: loads a delivery's files into the tests' CRM and brings back what that said.

Belongs here: the client library against the local servers, load order, results as files. Does not belong here: the
servers (`bulk_api`, `data_cloud`), and what the platform makes of the results.

Core objects go in with simple-salesforce, over real HTTP. The library speaks to `https://...salesforce.com`; its
session here sends every such request to the local server instead, in plain HTTP, and nothing leaves the machine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce
from simple_salesforce.bulk2 import Operation, ResultsType
from simple_salesforce.exceptions import SalesforceGeneralError, SalesforceOperationError
from tests.support.bulk_api import BulkApi
from tests.support.data_cloud import EXCHANGE, DataCloud

DOMAIN = "utility.my"
KINDS = {
    "successful": ResultsType.successful,
    "failed": ResultsType.failed,
    "unprocessed": ResultsType.unprocessed,
}


class _ToLocal(HTTPAdapter):
    """Sends what is meant for Salesforce to a server on this machine."""

    def __init__(self, port: int) -> None:
        self._port = port
        super().__init__()

    def send(self, request: requests.PreparedRequest, *arguments: Any, **more: Any) -> requests.Response:
        """Send a request, whatever its host."""
        parts = urlsplit(str(request.url))
        request.url = urlunsplit(("http", f"127.0.0.1:{self._port}", parts.path, parts.query, ""))
        return super().send(request, *arguments, **more)


@contextmanager
def salesforce(api: BulkApi, version: str = "62.0", secret: str | None = None) -> Iterator[Salesforce]:
    """Log in with the library's own client-credentials flow."""
    with requests.Session() as session:
        session.mount("https://", _ToLocal(api.port))
        yield Salesforce(
            consumer_key=api.consumer_key,
            consumer_secret=secret or api.consumer_secret,
            domain=DOMAIN,
            version=version,
            session=session,
        )


@dataclass(frozen=True)
class LoadedFile:
    """What a middleware knows of one file it loaded."""

    file: str
    object: str
    state: str
    rows: int
    """As the manifest says."""
    job_id: str
    answers: tuple[Path, ...]
    """Empty if the results were lost on the way."""


def manifests_in(folder: Path) -> list[Path]:
    """Return the manifests in a folder, oldest first."""
    return sorted(folder.glob("*_manifest_*.json"), key=lambda path: path.stem.rpartition("_")[2])


def load_delivery(
    manifest: Path, into: Path, *, api: BulkApi | None = None, cloud: DataCloud | None = None
) -> list[LoadedFile]:
    """Load the files of a manifest, which lie beside it, in its load order; write results into a folder.

    A file's results are `<file>.successful.csv`, `.failed.csv` and `.unprocessed.csv` as the Bulk API gave them. Files
    for Data Cloud get one JSON document for the delivery.
    """
    said = json.loads(manifest.read_text("utf-8"))
    files = sorted(said["files"], key=lambda listed: (listed["load"], listed["file"]))
    into.mkdir(parents=True, exist_ok=True)
    for listed in files:
        _check(manifest.parent / listed["file"], listed)
    if said["dialect"] == "data_cloud":
        assert cloud is not None, "a delivery for Data Cloud needs one"
        return _load_cloud(manifest, files, into, cloud)
    assert api is not None, "a delivery for the CRM needs one"
    with salesforce(api, said["api_version"]) as client:
        return [_load_core(manifest.parent / listed["file"], listed, into, client) for listed in files]


def _check(path: Path, listed: Mapping[str, Any]) -> None:
    """Fail unless a file is the one the manifest lists."""
    content = path.read_bytes()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (listed["bytes"], listed["sha256"]), path.name


def _load_core(path: Path, listed: Mapping[str, Any], into: Path, client: Salesforce) -> LoadedFile:
    """Load one file in one job, its bytes as they are: the library's own file reader would rewrite them."""
    bulk = getattr(client.bulk2, listed["object"])
    speaker = bulk._client
    operation = Operation(listed["operation"])
    key = listed["external_id"] if operation is Operation.upsert else None
    job_id = speaker.create_job(operation, external_id_field=key)["id"]
    speaker.upload_job_data(job_id, path.read_bytes().decode("utf-8"))
    speaker.close_job(job_id)
    with suppress(SalesforceOperationError):  # a failed job has results too, and rows that are in
        speaker.wait_for_job(job_id, is_query=False, wait=0)
    state = speaker.get_job(job_id, is_query=False)["state"]
    answers = {into / f"{path.stem}.{name}.csv": kind for name, kind in KINDS.items()}
    try:
        for answer, kind in answers.items():
            bulk._retrieve_ingest_records(job_id, kind, str(answer))
    except SalesforceGeneralError:  # lost on the way: a middleware that has no answer writes none
        for answer in answers:
            answer.unlink(missing_ok=True)
        answers = {}
    return LoadedFile(path.name, listed["object"], state, listed["rows"], job_id, tuple(answers))


def _load_cloud(manifest: Path, files: list[Any], into: Path, cloud: DataCloud) -> list[LoadedFile]:
    """Load each file in a job of its own, so that every file has an outcome."""
    answer = into / f"{manifest.stem}.answer.json"
    loaded, said = [], []
    with requests.Session() as session:
        _exchange_token(session, cloud)
        for listed in files:
            content = (manifest.parent / listed["file"]).read_bytes()
            job_id, state = _one_job(session, cloud, listed, content)
            said.append(
                {
                    "file": listed["file"],
                    "state": state,
                    "rows": listed["rows"],
                    "sha256": listed["sha256"],
                    "job_id": job_id,
                    "message": cloud.jobs[job_id].refusals.get(0, ""),
                }
            )
            loaded.append(LoadedFile(listed["file"], listed["object"], state, listed["rows"], job_id, (answer,)))
    answer.write_text(json.dumps(said), "utf-8")
    return loaded


def _exchange_token(session: requests.Session, cloud: DataCloud) -> None:
    core_token = next(iter(cloud.core_tokens))
    form = {"grant_type": EXCHANGE, "subject_token": core_token}
    said = session.post(f"{cloud.url}/services/a360/token", data=form, timeout=30)
    said.raise_for_status()
    session.headers["Authorization"] = f"Bearer {said.json()['access_token']}"


def _one_job(session: requests.Session, cloud: DataCloud, listed: Mapping[str, Any], content: bytes) -> tuple[str, str]:
    jobs = f"{cloud.url}/api/v1/ingest/jobs"
    asked = {"object": listed["object"], "sourceName": cloud.source_name, "operation": listed["operation"]}
    job_id = session.post(jobs, json=asked, timeout=30).json()["id"]
    session.put(
        f"{jobs}/{job_id}/batches", data=content, headers={"Content-Type": "text/csv"}, timeout=30
    ).raise_for_status()
    session.patch(f"{jobs}/{job_id}", json={"state": "UploadComplete"}, timeout=30).raise_for_status()
    while (state := session.get(f"{jobs}/{job_id}", timeout=30).json()["state"]) not in {"JobComplete", "Failed"}:
        pass
    return job_id, state
