"""The Bulk API spoken by hand, request by request, so that tests of the server do not lean on a client library.

Belongs here: requests and what came back. Does not belong here: the library's way (`crm_loader`).
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from typing import Any

import requests
from tests.support.bulk_api import BulkApi
from tests.support.crm_csv import DELIMITERS
from tests.support.crm_schema import EXTERNAL_ID

VERSION = "62.0"
Rows = list[dict[str, str]]


class Refused(Exception):
    """The server refused a request."""

    def __init__(self, response: requests.Response) -> None:
        (said,) = response.json()
        self.status, self.code, self.message = response.status_code, said["errorCode"], said["message"]
        super().__init__(f"{self.status} {self.code}: {self.message}")


@dataclass(frozen=True)
class Loaded:
    """One job that is over."""

    id: str
    state: str
    error: str | None
    processed: int
    failed: int
    taken: Rows
    refused: Rows
    unprocessed: Rows

    def errors(self, key: str = EXTERNAL_ID) -> dict[str, str]:
        """Return the errors by key."""
        return {row[key]: row["sf__Error"] for row in self.refused}


@dataclass
class Client:
    """A client with a session of its own."""

    api: BulkApi
    version: str = VERSION
    token: str = ""
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.token = self.token or self.api.new_session()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.session.close()

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        """Send a request below `jobs/ingest`."""
        url = f"{self.api.url}/services/data/v{self.version}/jobs/ingest{path}"
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        response = self.session.request(method, url, headers=headers, timeout=30, **more)
        if response.status_code >= 300:
            raise Refused(response)
        return response

    def create(self, name: str, operation: str = "upsert", **more: Any) -> str:
        """Create a job; returns its id."""
        body = {"object": name, "operation": operation, "contentType": "CSV", **more}
        if operation == "upsert":
            body.setdefault("externalIdFieldName", EXTERNAL_ID)
        return str(self.call("POST", "", json=body).json()["id"])

    def upload(self, job_id: str, data: str | bytes, content_type: str = "text/csv") -> int:
        """Upload the data; returns the status."""
        body = data.encode() if isinstance(data, str) else data
        return self.call("PUT", f"/{job_id}/batches", data=body, headers={"Content-Type": content_type}).status_code

    def set_state(self, job_id: str, state: str) -> dict[str, Any]:
        """Close or abort a job."""
        return dict(self.call("PATCH", f"/{job_id}", json={"state": state}).json())

    def look(self, job_id: str) -> dict[str, Any]:
        """Look at a job."""
        return dict(self.call("GET", f"/{job_id}").json())

    def results(self, job_id: str, kind: str, delimiter: str = ",") -> Rows:
        """Return results as rows."""
        text = self.call("GET", f"/{job_id}/{kind}/").content.decode()
        return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))

    def load(self, name: str, data: str | bytes, operation: str = "upsert", **more: Any) -> Loaded:
        """Do a whole job."""
        job_id = self.create(name, operation, **more)
        self.upload(job_id, data)
        self.set_state(job_id, "UploadComplete")
        return self.wait(job_id, DELIMITERS[more.get("columnDelimiter", "COMMA")])

    def wait(self, job_id: str, delimiter: str = ",") -> Loaded:
        """Look at a job until it is over, and fetch its results."""
        while (said := self.look(job_id))["state"] not in {"JobComplete", "Failed", "Aborted"}:
            pass
        return Loaded(
            job_id,
            said["state"],
            said.get("errorMessage"),
            said["numberRecordsProcessed"],
            said["numberRecordsFailed"],
            self.results(job_id, "successfulResults", delimiter),
            self.results(job_id, "failedResults", delimiter),
            self.results(job_id, "unprocessedrecords", delimiter),
        )
