"""The receiving side of Data Cloud for tests: the Ingestion API's bulk jobs, over HTTP, with its own rules.

Belongs here: the exchange of a core token, jobs of up to 100 files, and that an upload replaces whole rows. Does not
belong here: the CRM's Bulk API, which does the opposite with an empty cell (`bulk_api`).

What it enforces is the Ingestion API developer guide: columns are matched by name and others are dropped without a
word; an update is a full replace and an empty cell becomes null; CSV by RFC 4180, comma, UTF-8, at most 150 MB a file.
A file with a row that cannot be typed or has no key is refused whole; the others of its job are taken.
"""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qs

from tests.support.bulk_api import State
from tests.support.crm_schema import DATA_SOURCES, DataSource
from tests.support.crm_store import RowError, parsed
from tests.support.http_server import LocalServer, Refusal, Reply, Request, one_of

EXCHANGE = "urn:salesforce:grant-type:external:cdp"
_JOBS = "/api/v1/ingest/jobs"

Row = dict[str, str | None]


@dataclass
class IngestJob:
    """One job."""

    id: str
    source_name: str
    object: DataSource
    operation: str
    state: State = State.OPEN
    files: list[bytes] = field(default_factory=list)
    refusals: dict[int, str] = field(default_factory=dict)
    """Why files were not taken, by place."""

    def described(self) -> dict[str, Any]:
        """Return what a client sees of the job."""
        return {
            "id": self.id,
            "object": self.object.name,
            "sourceName": self.source_name,
            "operation": self.operation,
            "state": self.state.value,
            "contentType": "CSV",
            "apiVersion": "v1",
            "retries": 0,
        }


@dataclass
class DataCloud(LocalServer):
    """One tenant: its rows by primary key in `tables`; a token of `core_tokens` is exchanged for one of its own."""

    source_name: str = "nightwatt"
    sources: Mapping[str, DataSource] = field(default_factory=lambda: DATA_SOURCES)
    core_tokens: set[str] = field(default_factory=set)
    file_bytes: int = 150_000_000
    files_per_job: int = 100
    refuse_every: int = 0
    """Every nth file is refused whole, whatever it says; zero is none. Counted over the server's life."""
    tables: dict[str, dict[str, Row]] = field(default_factory=dict, init=False)
    jobs: dict[str, IngestJob] = field(default_factory=dict, init=False)

    ROUTES: ClassVar[Sequence[tuple[str, str, str]]] = (
        ("POST", "/services/a360/token", "_exchange"),
        ("POST", f"{_JOBS}/?", "_create"),
        ("PUT", rf"{_JOBS}/([\w-]+)/batches/?", "_upload"),
        ("PATCH", rf"{_JOBS}/([\w-]+)/?", "_set_state"),
        ("GET", rf"{_JOBS}/([\w-]+)/?", "_look"),
    )

    def __post_init__(self) -> None:
        self.keep_bytes = self.file_bytes
        self._tokens: set[str] = set()
        self._files_seen = 0
        self.tables = {name: {} for name in self.sources}
        super().__post_init__()

    def _exchange(self, request: Request) -> Reply:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if form.get("grant_type") != EXCHANGE or form.get("subject_token") not in self.core_tokens:
            return Reply.of({"error": "invalid_grant", "error_description": "invalid subject token"}, 400)
        token = secrets.token_urlsafe(24)
        self._tokens.add(token)
        return Reply.of({"access_token": token, "instance_url": self.url, "token_type": "Bearer"})

    def _create(self, request: Request) -> Reply:
        self._check_token(request)
        asked = request.json()
        one_of(asked, "sourceName", (self.source_name,))
        described = self.sources[one_of(asked, "object", tuple(self.sources))]
        job = IngestJob(
            f"job-{len(self.jobs) + 1}",
            self.source_name,
            described,
            one_of(asked, "operation", ("upsert", "delete")),
        )
        self.jobs[job.id] = job
        return Reply.of(job.described(), 201)

    def _upload(self, request: Request, job_id: str) -> Reply:
        job = self._job(request, job_id)
        if job.state is not State.OPEN:
            raise Refusal(409, "INVALID_STATE", "the job is closed")
        if not request.headers.get("Content-Type", "").startswith("text/csv"):
            raise Refusal(415, "UNSUPPORTED_MEDIA_TYPE", "send text/csv")
        if request.size > self.file_bytes:
            raise Refusal(413, "PAYLOAD_TOO_LARGE", f"a file has at most {self.file_bytes} bytes")
        if len(job.files) == self.files_per_job:
            raise Refusal(409, "TOO_MANY_FILES", f"a job takes at most {self.files_per_job} files")
        job.files.append(request.body)
        return Reply.of({"accepted": True}, 202)

    def _set_state(self, request: Request, job_id: str) -> Reply:
        job = self._job(request, job_id)
        state = State(one_of(request.json(), "state", (State.UPLOAD_COMPLETE, State.ABORTED)))
        if job.state is not State.OPEN or (state is State.UPLOAD_COMPLETE and not job.files):
            raise Refusal(409, "INVALID_STATE", "only an open job that has a file can be closed")
        job.state = state
        return Reply.of(job.described())

    def _look(self, request: Request, job_id: str) -> Reply:
        """Say the state; every look moves a closed job one step."""
        job = self._job(request, job_id)
        if job.state is State.UPLOAD_COMPLETE:
            job.state = State.IN_PROGRESS
        elif job.state is State.IN_PROGRESS:
            for place, content in enumerate(job.files):
                self._take(job, place, content)
            job.state = State.FAILED if job.refusals else State.JOB_COMPLETE
        return Reply.of(job.described())

    def _take(self, job: IngestJob, place: int, content: bytes) -> None:
        """Take one file whole, or not at all."""
        self._files_seen += 1
        if self.refuse_every and self._files_seen % self.refuse_every == 0:
            job.refusals[place] = "INTERNAL_ERROR: the file could not be processed"
            return
        try:
            rows = _rows(job, content)
        except (RowError, ValueError, csv.Error) as e:
            job.refusals[place] = str(e)
            return
        table = self.tables[job.object.name]
        for row in rows:
            key = row[job.object.key]
            assert key is not None
            if job.operation == "delete":
                table.pop(key, None)
            else:
                table[key] = row

    def _job(self, request: Request, job_id: str) -> IngestJob:
        self._check_token(request)
        if job_id not in self.jobs:
            raise Refusal(404, "NOT_FOUND", "no such job")
        return self.jobs[job_id]

    def _check_token(self, request: Request) -> None:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind != "Bearer" or token not in self._tokens:
            raise Refusal(401, "UNAUTHORIZED", "no valid Data Cloud token; a core token is not one")


def _rows(job: IngestJob, content: bytes) -> list[Row]:
    """Return a file's rows, every field of the object in each."""
    lines = csv.reader(io.StringIO(content.decode("utf-8"), newline=""), strict=True)
    header = next(lines, [])
    if job.object.key not in header:
        raise ValueError(f"CSV_HEADER: no primary key {job.object.key}")
    return [_row(job.object, header, cells) for cells in lines]


def _row(source: DataSource, header: Sequence[str], cells: Sequence[str]) -> Row:
    if len(cells) != len(header):
        raise ValueError("CSV_ROW: not as many values as the header has names")
    said = dict(zip(header, cells, strict=True))
    row = {f.name: parsed(f, said[f.name]) if said.get(f.name) else None for f in source.fields}
    if row[source.key] is None:
        raise ValueError(f"PRIMARY_KEY: {source.key} is empty")
    return row
