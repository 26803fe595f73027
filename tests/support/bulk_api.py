"""The receiving side of the CRM for tests: Salesforce's Bulk API 2.0 for ingest, over HTTP, with its documented rules.

Belongs here: log-in, jobs and their states, limits, results, and misbehaviour on demand. Does not belong here: what a
row does to a record (`crm_store`), the org's objects (`crm_schema`), the sockets (`http_server`).

What it enforces is the Bulk API 2.0 developer guide; where that leaves room, the strict reading, so that a file taken
here is taken there. Nothing happens behind a client's back: every look at a job moves it one step, a batch at a time.
"""

from __future__ import annotations

import base64
import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from math import ceil
from typing import Any, ClassVar
from urllib.parse import parse_qs

from tests.support import crm_csv
from tests.support.crm_schema import SObject
from tests.support.crm_store import ID, Cell, Crm, RowError, Written
from tests.support.http_server import LocalServer, Refusal, Reply, Request, one_of

LATEST_VERSION = 68


@dataclass(frozen=True)
class Limits:
    """What one job and one day may hold."""

    # At most 150 MB once encoded as base64, which "can increase the data size by approximately 50 %": 100 MB of file.
    raw_bytes: int = 100_000_000
    batch_rows: int = 10_000
    batches_per_day: int = 15_000
    header_characters: int = 32_000
    fields: int = 5_000
    field_characters: int = 32_000
    record_characters: int = 400_000


@dataclass
class Faults:
    """Misbehaviour on demand; zero is none. All are counted over the server's life, so reruns fare differently."""

    fail_every: int = 0
    """Every nth row fails with a lock on its record, whatever it says."""
    lose_results_every: int = 0
    """Every nth job keeps its results to itself, although its rows are in."""
    break_every: int = 0
    """Every nth job fails when half its rows are in; the other half is unprocessed."""


class State(StrEnum):
    """States of a job."""

    OPEN = "Open"
    UPLOAD_COMPLETE = "UploadComplete"
    IN_PROGRESS = "InProgress"
    JOB_COMPLETE = "JobComplete"
    FAILED = "Failed"
    ABORTED = "Aborted"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self in {State.JOB_COMPLETE, State.FAILED, State.ABORTED}


class _JobFault(Exception):
    """The job as a whole cannot be done."""


@dataclass
class Job:
    """One ingest job."""

    number: int
    version: str
    object: SObject
    operation: str
    key: str | None
    column_delimiter: str
    line_ending: str
    created_at: datetime
    state: State = State.OPEN
    error: str | None = None
    content: bytes | None = None
    header: tuple[str, ...] = ()
    rows: list[crm_csv.Record] = field(default_factory=list)
    cells: list[Cell | None] = field(default_factory=list)
    done: int = 0
    """Rows that were looked at."""
    taken: list[tuple[Written, tuple[str, ...]]] = field(default_factory=list)
    refused: list[tuple[RowError, tuple[str, ...]]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    is_breaking: bool = False
    has_lost_results: bool = False

    @property
    def id(self) -> str:
        """Record id of the job."""
        return f"750{self.number:012d}AAA"

    @property
    def delimiter(self) -> str:
        """The character between columns."""
        return crm_csv.DELIMITERS[self.column_delimiter]

    def described(self) -> dict[str, Any]:
        """Return what a client sees of the job."""
        stamp = self.created_at.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        said: dict[str, Any] = {
            "id": self.id,
            "operation": self.operation,
            "object": self.object.name,
            "createdById": "005000000000001AAA",
            "createdDate": stamp,
            "systemModstamp": stamp,
            "state": self.state.value,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(self.version),
            "jobType": "V2Ingest",
            "lineEnding": self.line_ending,
            "columnDelimiter": self.column_delimiter,
            "numberRecordsProcessed": self.done,
            "numberRecordsFailed": len(self.refused),
            "retries": 0,
            "totalProcessingTime": 0,
        }
        if self.key:
            said["externalIdFieldName"] = self.key
        if self.state is State.OPEN:
            said["contentUrl"] = f"services/data/v{self.version}/jobs/ingest/{self.id}/batches"
        if self.error:
            said["errorMessage"] = self.error
        return said


_DATA = r"/services/data/v(\d+\.0)"
_INGEST = rf"{_DATA}/jobs/ingest"


@dataclass
class BulkApi(LocalServer):
    """The API of one org.

    Its records are `crm`; `faults` may be changed while it runs. A client logs in with `consumer_key` and
    `consumer_secret` (client credentials), or uses `new_session()`.
    """

    crm: Crm = field(default_factory=Crm)
    limits: Limits = field(default_factory=Limits)
    faults: Faults = field(default_factory=Faults)
    consumer_key: str = "nightwatt-tests"
    consumer_secret: str = field(default_factory=secrets.token_hex)
    jobs: dict[str, Job] = field(default_factory=dict, init=False)

    ROUTES: ClassVar[Sequence[tuple[str, str, str]]] = (
        ("POST", "/services/oauth2/token", "_log_in"),
        ("POST", f"{_INGEST}/?", "_create"),
        ("GET", f"{_INGEST}/?", "_list"),
        ("GET", rf"{_INGEST}/(\w+)/?", "_look"),
        ("PATCH", rf"{_INGEST}/(\w+)/?", "_set_state"),
        ("DELETE", rf"{_INGEST}/(\w+)/?", "_delete"),
        ("PUT", rf"{_INGEST}/(\w+)/batches/?", "_upload"),
        ("GET", rf"{_INGEST}/(\w+)/(successfulResults|failedResults|unprocessed[rR]ecords)/?", "_results"),
    )

    def __post_init__(self) -> None:
        self.keep_bytes = self.limits.raw_bytes
        self._sessions: set[str] = set()
        self._batches = 0
        self.rows_seen = 0
        self._last_job = 0
        self._ended_jobs = 0
        super().__post_init__()

    # ---- sessions ---------------------------------------------------------------------------------------------

    def new_session(self) -> str:
        """Return the token of a new session."""
        token = f"00D000000000001!{secrets.token_urlsafe(24)}"
        self._sessions.add(token)
        return token

    def end_sessions(self) -> None:
        """Let every session expire."""
        self._sessions.clear()

    def _log_in(self, request: Request) -> Reply:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        given = (form.get("client_id"), form.get("client_secret"))
        if (basic := request.headers.get("Authorization", "")).startswith("Basic "):
            given = tuple(base64.b64decode(basic.removeprefix("Basic ")).decode().partition(":")[::2])
        if form.get("grant_type") != "client_credentials":
            return Reply.of({"error": "unsupported_grant_type", "error_description": "grant type not supported"}, 400)
        if given != (self.consumer_key, self.consumer_secret):
            return Reply.of({"error": "invalid_client", "error_description": "invalid client credentials"}, 400)
        said = {"access_token": self.new_session(), "instance_url": self.url, "token_type": "Bearer"}
        return Reply.of(said)

    def _check_session(self, request: Request) -> None:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind != "Bearer" or token not in self._sessions:
            raise Refusal(401, "INVALID_SESSION_ID", "Session expired or invalid")

    # ---- jobs -------------------------------------------------------------------------------------------------

    def _create(self, request: Request, version: str) -> Reply:
        self._check_session(request)
        asked = request.json()
        described = self._object(asked.get("object"), version)
        operation = one_of(asked, "operation", ("insert", "update", "upsert", "delete"))
        one_of(asked, "contentType", ("CSV",), "CSV")
        self._last_job += 1
        job = Job(
            number=self._last_job,
            version=version,
            object=described,
            operation=operation,
            key=self._key(described, operation, asked.get("externalIdFieldName")),
            column_delimiter=one_of(asked, "columnDelimiter", tuple(crm_csv.DELIMITERS), "COMMA"),
            line_ending=one_of(asked, "lineEnding", tuple(crm_csv.LINE_ENDINGS), "LF"),
            created_at=datetime.now(UTC),
        )
        self.jobs[job.id] = job
        return Reply.of(job.described())

    def _object(self, name: object, version: str) -> SObject:
        if int(float(version)) > LATEST_VERSION:
            raise Refusal(404, "NOT_FOUND", "The requested resource does not exist")
        described = self.crm.objects.get(name) if isinstance(name, str) else None
        if described is None or int(float(version)) < described.since:
            raise Refusal(400, "INVALIDENTITY", f"InvalidEntity : Entity '{name}' is not supported by the Bulk API.")
        return described

    def _key(self, described: SObject, operation: str, key: object) -> str | None:
        if operation != "upsert":
            if key:
                raise Refusal(400, "INVALIDJOB", "InvalidJob : externalIdFieldName is for upsert only")
            return None
        if not isinstance(key, str) or not self.crm.is_key(described, key):
            raise Refusal(
                400,
                "INVALIDJOB",
                f"InvalidJob : Field name provided, {key} does not match an External ID, Salesforce Id, or indexed"
                f" field for {described.name}",
            )
        return key

    def _list(self, request: Request, version: str) -> Reply:
        self._check_session(request)
        records = [job.described() for job in self.jobs.values()]
        return Reply.of({"done": True, "nextRecordsUrl": None, "records": records})

    def _look(self, request: Request, version: str, job_id: str) -> Reply:
        job = self._job(request, job_id)
        self._step(job)
        return Reply.of(job.described())

    def _set_state(self, request: Request, version: str, job_id: str) -> Reply:
        job = self._job(request, job_id)
        state = one_of(request.json(), "state", (State.UPLOAD_COMPLETE, State.ABORTED))
        if state == State.UPLOAD_COMPLETE and (job.state is not State.OPEN or job.content is None):
            raise _wrong_state("a job is closed once, when it is Open and has its data")
        if job.state.is_over:
            raise _wrong_state("the job is over")
        job.state = State(state)
        if job.state is State.ABORTED:
            self._end(job, State.ABORTED)
        return Reply.of(job.described())

    def _delete(self, request: Request, version: str, job_id: str) -> Reply:
        job = self._job(request, job_id)
        if job.state in {State.OPEN, State.IN_PROGRESS}:
            raise _wrong_state("only a job that is over, or has not begun, can be deleted")
        del self.jobs[job.id]
        return Reply(204)

    def _upload(self, request: Request, version: str, job_id: str) -> Reply:
        job = self._job(request, job_id)
        if not request.headers.get("Content-Type", "").startswith("text/csv"):
            raise Refusal(400, "INVALIDJOB", "InvalidJob : the content type of the data must be text/csv")
        if job.state is not State.OPEN or job.content is not None:
            raise _wrong_state("a job takes one upload, while it is Open")
        if request.size > self.limits.raw_bytes:
            raise Refusal(
                400,
                "CLIENTINPUTERROR",
                f"ClientInputError : Failed to read request. Exceeded max size limit of {self.limits.raw_bytes}"
                f" with response size {request.size}",
            )
        job.content = request.body
        return Reply(201)

    def _results(self, request: Request, version: str, job_id: str, kind: str) -> Reply:
        job = self._job(request, job_id)
        if not job.state.is_over:
            raise _wrong_state("there are results when the job is over")
        if job.has_lost_results:
            raise Refusal(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred. Please include this ErrorId")
        added: tuple[str, ...]
        rows: list[tuple[str, ...]]
        if kind == "successfulResults":
            added = ("sf__Id", "sf__Created")
            rows = [(done.id, str(done.is_created).lower(), *cells) for done, cells in job.taken]
        elif kind == "failedResults":
            added = ("sf__Id", "sf__Error")
            rows = [(error.record_id, str(error), *cells) for error, cells in job.refused]
        else:
            added, rows = (), [_as_wide(row.cells, job.header) for row in job.rows[job.done :]]
        line_end = crm_csv.LINE_ENDINGS[job.line_ending]
        return Reply.csv(crm_csv.written(_reordered(rows, job.number), (*added, *job.header), job.delimiter, line_end))

    def _job(self, request: Request, job_id: str) -> Job:
        self._check_session(request)
        job = self.jobs.get(job_id) or self.jobs.get(f"{job_id}AAA")
        if job is None:
            raise Refusal(404, "NOT_FOUND", "The requested resource does not exist")
        return job

    # ---- doing a job ------------------------------------------------------------------------------------------

    def _step(self, job: Job) -> None:
        """Do what a real org would have done since the last look."""
        try:
            if job.state is State.UPLOAD_COMPLETE:
                job.state = State.IN_PROGRESS
                self._open(job)
            elif job.state is State.IN_PROGRESS:
                self._do_batch(job)
                if job.done == len(job.rows):
                    self._end(job, State.JOB_COMPLETE)
        except _JobFault as e:
            job.error = str(e)
            self._end(job, State.FAILED)

    def _end(self, job: Job, state: State) -> None:
        job.state = state
        self._ended_jobs += 1
        job.has_lost_results = _is_nth(self._ended_jobs, self.faults.lose_results_every)

    def _open(self, job: Job) -> None:
        """Read the file: what is wrong with the header, the line ends or the encoding fails the job."""
        job.is_breaking = _is_nth(job.number, self.faults.break_every)
        assert job.content is not None
        try:
            text = job.content.decode("utf-8")
        except UnicodeDecodeError:
            raise _JobFault("InvalidBatch : The file is not UTF-8") from None
        job.content = b""
        found = list(crm_csv.records(text, job.delimiter))
        if not found:
            raise _JobFault("InvalidBatch : Unable to find any headers")
        job.header, job.rows = found[0].cells, found[1:]
        if {record.line_end for record in found} - {job.line_ending, ""}:
            raise _JobFault(
                f"InvalidBatch : LineEnding is invalid on user data. Current LineEnding setting is {job.line_ending}"
            )
        self._check_header(job, text)
        job.cells = [self._column(job, name) for name in job.header]

    def _check_header(self, job: Job, text: str) -> None:
        if len(job.delimiter.join(job.header)) > self.limits.header_characters:
            raise _JobFault(f"InvalidBatch : The header has more than {self.limits.header_characters} characters")
        if len(job.header) > self.limits.fields:
            raise _JobFault(f"InvalidBatch : A record has more than {self.limits.fields} fields")
        twice = sorted({name for name in job.header if job.header.count(name) > 1})
        if twice:
            raise _JobFault(f"InvalidBatch : Duplicate field name : {twice[0]}")
        wanted = {"upsert": job.key, "update": ID, "delete": ID}.get(job.operation)
        if wanted and wanted not in job.header:
            raise _JobFault(f"InvalidBatch : Field name not found : {wanted}")
        if job.operation == "delete" and job.header != (ID,):
            raise _JobFault("InvalidBatch : The 'delete' batch must contain only ids")

    def _column(self, job: Job, name: str) -> Cell | None:
        if name == ID and (job.key == ID or job.operation in {"update", "delete"}):
            return None
        cell = self.crm.cell(job.object, name)
        if cell is None:
            raise _JobFault(f"InvalidBatch : Field name not found : {name}")
        return cell

    def _do_batch(self, job: Job) -> None:
        if self._batches == self.limits.batches_per_day:
            raise _JobFault("ExceededQuota : ApiBatchItems Limit exceeded.")
        self._batches += 1
        half = ceil(len(job.rows) / 2)
        for row in job.rows[job.done : job.done + self.limits.batch_rows]:
            if job.is_breaking and job.done == half:
                raise _JobFault("InternalServerError : A batch was tried too often and is given up")
            self._do_row(job, row)
            job.done += 1

    def _do_row(self, job: Job, row: crm_csv.Record) -> None:
        self.rows_seen += 1
        cells = _as_wide(row.cells, job.header)
        try:
            self._check_row(job, row)
            values = dict(zip(job.header, row.cells, strict=True))
            self._check_once(job, values)
            if _is_nth(self.rows_seen, self.faults.fail_every):
                raise RowError(
                    "UNABLE_TO_LOCK_ROW",
                    "unable to obtain exclusive access to this record or 1 records: 001000000000000AAA",
                )
            job.taken.append((self._written(job, values), cells))
        except RowError as e:
            job.refused.append((e, cells))

    def _check_row(self, job: Job, row: crm_csv.Record) -> None:
        if row.problem or len(row.cells) != len(job.header):
            raise RowError("CLIENT_ERROR", f"Failed to parse the row: {row.problem or crm_csv.CELL_COUNT}")
        if any(len(cell) > self.limits.field_characters for cell in row.cells):
            raise RowError("CLIENT_ERROR", f"a field has more than {self.limits.field_characters} characters")
        if sum(map(len, row.cells)) > self.limits.record_characters:
            raise RowError("CLIENT_ERROR", f"a record has more than {self.limits.record_characters} characters")

    def _check_once(self, job: Job, values: Mapping[str, str]) -> None:
        """Refuse a record's second row: batches run side by side, so which of them would win is a race."""
        name = job.key or ID
        value = values.get(name)
        if not value:
            return
        if value in job.seen:
            raise RowError("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", name)
        job.seen.add(value)

    def _written(self, job: Job, values: Mapping[str, str]) -> Written:
        cells = [(cell, values[cell.header]) for cell in job.cells if cell is not None]
        if job.operation == "upsert":
            assert job.key is not None
            return self.crm.upsert(job.object, job.key, values[job.key], cells, job.number)
        if job.operation == "insert":
            return self.crm.insert(job.object, cells, job.number)
        if job.operation == "update":
            return self.crm.update(job.object, values[ID], cells, job.number)
        return self.crm.delete(job.object, values[ID])


def _is_nth(count: int, every: int) -> bool:
    return every > 0 and count % every == 0


def _wrong_state(why: str) -> Refusal:
    return Refusal(400, "INVALIDJOBSTATE", f"InvalidJobState : {why}")


def _as_wide(cells: Sequence[str], header: Sequence[str]) -> tuple[str, ...]:
    """Return as many cells as the header has names: what can be told of a row that cannot be read."""
    return (*cells, *[""] * len(header))[: len(header)]


def _reordered(rows: list[tuple[str, ...]], seed: int) -> list[tuple[str, ...]]:
    """Return rows in another order than they came, the same one whenever it is asked for."""
    mixed = rows.copy()
    random.Random(seed).shuffle(mixed)
    return rows[::-1] if mixed == rows else mixed
