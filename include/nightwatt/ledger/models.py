"""The ledger's tables. SQLite by default, PostgreSQL in production; nothing one of them would not take.

Belongs here: tables, states and constraints. Does not belong here: queries (`book.py` and its
neighbours) and schema changes (`migrations/`).
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Date, DateTime, ForeignKey, Integer, String, Text, UniqueConstraint
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

Big = BigInteger().with_variant(Integer, "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware going in, stored as UTC, aware UTC coming out (SQLite keeps no zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive datetimes, convert the rest to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("the ledger stores instants; give the datetime a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of all ledger tables."""


class ReceiptState(StrEnum):
    """Where a received file stands."""

    LANDED = "landed"  # archived under its hash, not yet read
    LOADED = "loaded"  # its rows are in the lake
    HELD = "held"  # not loaded: unreadable, or rejects over tolerance; `message` says why


class LoadState(StrEnum):
    """Where a load stands. Only `done` loads exist for anyone downstream."""

    WRITING = "writing"
    DONE = "done"
    FAILED = "failed"


class DeliveryState(StrEnum):
    """Where a sending stands. `unknown`: the last step was tried and the file is gone; never resent by itself."""

    INTENT = "intent"
    RENAMING = "renaming"
    FINISHING = "finishing"  # the last bytes go up under the final name, where the partner allows no renames
    DELIVERED = "delivered"
    UNKNOWN = "unknown"
    FAILED = "failed"


class PhaseKind(StrEnum):
    """What a file is for: the partner takes a sample first, then the whole history, then what changed."""

    SAMPLE = "sample"
    FULL = "full"
    INCREMENTAL = "incremental"


class Decision(StrEnum):
    """What a person decided about a population's way to production."""

    APPROVED = "approved"
    REJECTED = "rejected"


class SendingRole(StrEnum):
    """What a file is to the partner."""

    DATA = "data"
    MANIFEST = "manifest"  # says which files follow; goes before the first of them


class AnswerState(StrEnum):
    """What a partner has said about a file whose rows it acknowledges."""

    AWAITED = "awaited"  # nothing yet
    ACKNOWLEDGED = "acknowledged"  # every row is accounted for
    REFUSED = "refused"  # the file as a whole; nobody knows which of its rows went in
    SUPERSEDED = "superseded"  # nothing yet, but all its rows went again and were acknowledged


class PublicationState(StrEnum):
    """Where a publication stands."""

    BUILDING = "building"
    PUBLISHED = "published"
    REFUSED = "refused"  # its checks failed; the one before stays


class RunState(StrEnum):
    """How a stage ended."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Severity(StrEnum):
    """How loud an alert is."""

    WARNING = "warning"  # somebody should look before the deadline
    CRITICAL = "critical"  # a promise is broken, or nothing will mend itself

    @property
    def rank(self) -> int:
        """How loud, as a number: the louder the higher."""
        return list(Severity).index(self)


class AlertState(StrEnum):
    """Where an alert stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"  # somebody has it; it speaks up again only when it gets worse
    CLOSED = "closed"  # its condition is gone


class NoticeKind(StrEnum):
    """Why a message about an alert goes out."""

    OPENED = "opened"
    ESCALATED = "escalated"
    CLOSED = "closed"


class NoticeState(StrEnum):
    """Where a message about an alert stands on its way through one channel."""

    PENDING = "pending"
    SENDING = "sending"  # claimed by one process; taken over by another when the claim is old
    SENT = "sent"
    FAILED = "failed"  # given up after its tries; the next look says so through the other channels
    DROPPED = "dropped"  # no longer worth saying: the alert closed before the message went out


class NightChoice(StrEnum):
    """What a person decided about one feed and one night."""

    RELEASE = "release"  # it may come late: the night waits for it until the time given
    SKIP = "skip"  # the night goes on without it
    ACCEPT = "accept"  # the night goes on with what is there: too few files, too few rows, files on hold left out


class BreakerState(StrEnum):
    """Whether a source is asked."""

    CLOSED = "closed"  # it is
    OPEN = "open"  # not before `retry_at`
    HALF_OPEN = "half_open"  # one try is under way


class SequenceCounter(Base):
    """One row: the last number handed out. Updated inside the transaction that uses the number."""

    __tablename__ = "sequence_counter"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    last_value: Mapped[int] = mapped_column(Big)


class Receipt(Base):
    """One file that arrived."""

    __tablename__ = "receipts"
    __table_args__ = (UniqueConstraint("feed", "business_date", "content_sha256", name="uq_receipts_content"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    feed: Mapped[str] = mapped_column(String(100), index=True)
    business_date: Mapped[date] = mapped_column(Date, index=True)
    file_name: Mapped[str] = mapped_column(String(255))
    part: Mapped[str | None] = mapped_column(String(50))
    content_sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int] = mapped_column(Big)
    unpacked_bytes: Mapped[int] = mapped_column(Big)
    line_count: Mapped[int] = mapped_column(Big)
    needs_cleaning: Mapped[bool | None] = mapped_column()  # NUL bytes or mixed line ends were seen
    sent_at: Mapped[datetime] = mapped_column(UtcDateTime)  # the file's own change time
    arrived_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(20))
    control_rows: Mapped[int | None] = mapped_column(Big)  # rows the sender says it sent
    control_totals: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # sums of columns it says, by name, as text
    supersedes_id: Mapped[int | None] = mapped_column(ForeignKey("receipts.id"))
    superseded_by_id: Mapped[int | None] = mapped_column(ForeignKey("receipts.id"))
    rows_in: Mapped[int | None] = mapped_column(Big)  # data rows found in the file
    rows_kept: Mapped[int | None] = mapped_column(Big)
    rows_rejected: Mapped[int | None] = mapped_column(Big)
    rows_ignored: Mapped[int | None] = mapped_column(Big)  # passed over by the contract's own word
    is_complete: Mapped[bool | None] = mapped_column()  # the completeness rule's verdict
    message: Mapped[str | None] = mapped_column(Text)


class Load(Base):
    """One reading of a receipt into the lake; its primary key is a number of the sequence."""

    __tablename__ = "loads"

    sequence: Mapped[int] = mapped_column(Big, primary_key=True, autoincrement=False)
    receipt_id: Mapped[int] = mapped_column(ForeignKey("receipts.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))  # intake, replay
    state: Mapped[str] = mapped_column(String(20))
    lake_path: Mapped[str] = mapped_column(Text)  # relative to the home
    records_out: Mapped[int | None] = mapped_column(Big)  # canonical records written to the lake
    totals: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # control totals by channel or amount, as text
    store_version: Mapped[int | None] = mapped_column(Integer)  # reads store version that holds it
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RejectSummary(Base):
    """How many lines of a load were put aside, by code and column. The lines lie in the reject store."""

    __tablename__ = "reject_summaries"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    receipt_id: Mapped[int] = mapped_column(ForeignKey("receipts.id"), index=True)
    load_sequence: Mapped[int] = mapped_column(Big, index=True)
    code: Mapped[str] = mapped_column(String(100))
    column_name: Mapped[str | None] = mapped_column(String(200))
    lines: Mapped[int] = mapped_column(Big)
    first_line: Mapped[int] = mapped_column(Big)
    open_lines: Mapped[int] = mapped_column(Big)  # not yet replayed


class Check(Base):
    """One result of one check: what was looked at, whether it blocks, and the evidence (never row values)."""

    __tablename__ = "checks"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id"), index=True)
    code: Mapped[str] = mapped_column(String(100), index=True)
    subject: Mapped[str] = mapped_column(String(255))  # feed, table, file or delivery
    business_date: Mapped[date | None] = mapped_column(Date, index=True)
    passed: Mapped[bool] = mapped_column()
    blocks: Mapped[bool] = mapped_column()
    message: Mapped[str] = mapped_column(Text)
    evidence: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class Publication(Base):
    """One state of the published warehouse; its primary key is a number of the sequence."""

    __tablename__ = "publications"

    sequence: Mapped[int] = mapped_column(Big, primary_key=True, autoincrement=False)
    domain: Mapped[str] = mapped_column(String(50), index=True)
    as_of: Mapped[date] = mapped_column(Date)
    state: Mapped[str] = mapped_column(String(20))
    through_sequence: Mapped[int] = mapped_column(Big)  # newest load it contains
    store_version: Mapped[int | None] = mapped_column(Integer)
    tables: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # rows by table
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    message: Mapped[str | None] = mapped_column(Text)


class Sending(Base):
    """One file on its way to a partner: first the intent, last the receipt."""

    __tablename__ = "deliveries"
    __table_args__ = (UniqueConstraint("delivery", "business_date", "file_name", name="uq_deliveries_file"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    delivery: Mapped[str] = mapped_column(String(100), index=True)
    business_date: Mapped[date] = mapped_column(Date, index=True)
    publication_sequence: Mapped[int] = mapped_column(Big)
    since_sequence: Mapped[int | None] = mapped_column(Big)  # loads after this one are in it; null: everything
    through_sequence: Mapped[int] = mapped_column(Big)  # newest load it can contain
    phase: Mapped[str] = mapped_column(String(20), default="incremental", server_default="incremental")
    first_day: Mapped[date | None] = mapped_column(Date)  # nothing before it is in; null: no limit
    last_day: Mapped[date | None] = mapped_column(Date)  # nothing after it is in; null: no cut
    sample_size: Mapped[int | None] = mapped_column(Integer)  # accounts; null: all of them
    sample_seed: Mapped[int | None] = mapped_column(Big)
    approval_id: Mapped[int | None] = mapped_column(Integer)  # whose word sent it to production; null: for review
    file_name: Mapped[str] = mapped_column(String(255))
    content_sha256: Mapped[str] = mapped_column(String(64))  # of the bytes sent
    size_bytes: Mapped[int] = mapped_column(Big)
    rows: Mapped[int] = mapped_column(Big)
    totals: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    remote_path: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20))
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    intended_at: Mapped[datetime] = mapped_column(UtcDateTime)
    renaming_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # set before the partner can see the whole file
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    message: Mapped[str | None] = mapped_column(Text)
    role: Mapped[str] = mapped_column(String(20), default=SendingRole.DATA, server_default=SendingRole.DATA)
    uploading_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # set before the first byte goes up
    pruned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # set before our own copy is removed for its age


class Approval(Base):
    """One person's word on whether a population goes to production, after looking at one file; the newest counts."""

    __tablename__ = "approvals"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    delivery: Mapped[str] = mapped_column(String(100), index=True)
    sending_id: Mapped[int] = mapped_column(ForeignKey("deliveries.id"))  # the file looked at
    content_sha256: Mapped[str] = mapped_column(String(64))  # of its bytes in the outbox, as they were then
    decision: Mapped[str] = mapped_column(String(20))
    decided_by: Mapped[str] = mapped_column(String(255))
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime)
    note: Mapped[str | None] = mapped_column(Text)


class Answer(Base):
    """What a partner is to say about one file sent, row by row or as a whole, and what it said."""

    __tablename__ = "answers"

    sending_id: Mapped[int] = mapped_column(ForeignKey("deliveries.id"), primary_key=True, autoincrement=False)
    delivery: Mapped[str] = mapped_column(String(100), index=True)
    object_name: Mapped[str] = mapped_column(String(100))
    part: Mapped[str] = mapped_column(String(20))  # all, new, known, delete, ask
    rows_path: Mapped[str | None] = mapped_column(Text)  # keys and hashes the file carries, relative to the home
    mapping_sha256: Mapped[str] = mapped_column(String(64))  # of the object's part of the profile
    state: Mapped[str] = mapped_column(String(20))
    accepted: Mapped[int | None] = mapped_column(Big)
    refused: Mapped[int | None] = mapped_column(Big)
    unprocessed: Mapped[int | None] = mapped_column(Big)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answer_path: Mapped[str | None] = mapped_column(Text)  # keys and outcomes, relative to the home


class Acknowledged(Base):
    """One version of what a partner has acknowledged of one object; the newest one counts."""

    __tablename__ = "acknowledged"
    __table_args__ = (UniqueConstraint("delivery", "object_name", "version", name="uq_acknowledged_version"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    delivery: Mapped[str] = mapped_column(String(100))
    object_name: Mapped[str] = mapped_column(String(100))
    version: Mapped[int] = mapped_column(Integer)
    path: Mapped[str | None] = mapped_column(Text)  # Parquet, relative to the home; null where only a load counts
    rows: Mapped[int] = mapped_column(Big)
    watermark: Mapped[int | None] = mapped_column(Big)  # newest load that is wholly acknowledged
    mapping_sha256: Mapped[str | None] = mapped_column(String(64))
    sending_id: Mapped[int] = mapped_column(ForeignKey("deliveries.id"))  # newest file it knows an answer to
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class Run(Base):
    """One run of one stage, by whom it was started, and how it ended."""

    __tablename__ = "runs"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    stage: Mapped[str] = mapped_column(String(50), index=True)  # arrive, load, build, publish, deliver
    subject: Mapped[str] = mapped_column(String(100))
    business_date: Mapped[date | None] = mapped_column(Date, index=True)
    started_by: Mapped[str] = mapped_column(String(255))  # cli, or dag_id/run_id
    state: Mapped[str] = mapped_column(String(20))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    message: Mapped[str | None] = mapped_column(Text)


class Alert(Base):
    """One thing that is wrong, from when it was seen until it is not wrong any more."""

    __tablename__ = "alerts"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    open_key: Mapped[str | None] = mapped_column(String(300), unique=True)  # topic:subject:date; null once closed
    topic: Mapped[str] = mapped_column(String(50))  # what about the subject is wrong; its code may get worse
    code: Mapped[str] = mapped_column(String(100), index=True)
    subject: Mapped[str] = mapped_column(String(255))  # feed, domain, delivery, source or service
    business_date: Mapped[date | None] = mapped_column(Date, index=True)
    domain: Mapped[str | None] = mapped_column(String(50))
    cause: Mapped[str] = mapped_column(String(300))  # alerts of one cause go out in one message
    severity: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20), index=True)
    message: Mapped[str] = mapped_column(Text)
    remedy: Mapped[str] = mapped_column(Text)
    runbook: Mapped[str | None] = mapped_column(String(100))  # page below docs/runbooks
    evidence: Mapped[dict[str, Any]] = mapped_column(JSON)  # numbers and names, never row values
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)  # when code, severity or message last changed
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)  # when a look last found it
    escalated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    escalations: Mapped[int] = mapped_column(Integer, default=0)  # how often it got worse
    acknowledged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    acknowledged_by: Mapped[str | None] = mapped_column(String(255))
    note: Mapped[str | None] = mapped_column(Text)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reported_by: Mapped[str] = mapped_column(String(255))  # who looked first: watchdog, cli, or dag_id/run_id


class Notice(Base):
    """One message about one alert through one channel; notices of one message share its number."""

    __tablename__ = "notices"
    __table_args__ = (UniqueConstraint("alert_id", "channel", "kind", "number", name="uq_notices_once"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    alert_id: Mapped[int] = mapped_column(ForeignKey("alerts.id"), index=True)
    channel: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(20))
    number: Mapped[int] = mapped_column(Integer, default=0)  # how often the alert had got worse by then
    severity: Mapped[str] = mapped_column(String(20))
    message_id: Mapped[str] = mapped_column(String(64), index=True)
    state: Mapped[str] = mapped_column(String(20), index=True)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)  # later than now in quiet hours and between tries
    claimed_by: Mapped[str | None] = mapped_column(String(255))
    claimed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str | None] = mapped_column(Text)


class NightDecision(Base):
    """A person's word on one feed and one night; the newest that was not taken back counts."""

    __tablename__ = "night_decisions"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    feed: Mapped[str] = mapped_column(String(100), index=True)
    business_date: Mapped[date] = mapped_column(Date, index=True)
    choice: Mapped[str] = mapped_column(String(20))
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)  # of a release: how long the night waits
    reason: Mapped[str] = mapped_column(Text)
    decided_by: Mapped[str] = mapped_column(String(255))
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_by: Mapped[str | None] = mapped_column(String(255))


class Look(Base):
    """The newest look for a feed's files of one night: what was there, and what is still missing."""

    __tablename__ = "looks"

    feed: Mapped[str] = mapped_column(String(100), primary_key=True)
    business_date: Mapped[date] = mapped_column(Date, primary_key=True)
    first_at: Mapped[datetime] = mapped_column(UtcDateTime)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    ready_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # first look at which all was there
    is_ready: Mapped[bool] = mapped_column()
    arrived: Mapped[int] = mapped_column(Integer)
    expected: Mapped[int] = mapped_column(Integer)
    reason: Mapped[str] = mapped_column(Text)
    unknown: Mapped[list[Any]] = mapped_column(JSON)  # [name, why] of files that fit no feed of the folder
    looked_by: Mapped[str] = mapped_column(String(255))


class Heartbeat(Base):
    """The last sign of life of a process that must run all the time."""

    __tablename__ = "heartbeats"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)  # watchdog, watch_night, scheduler, triggerer
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    every_s: Mapped[int | None] = mapped_column(Integer)  # how often it comes back; null: it made no promise
    detail: Mapped[str | None] = mapped_column(Text)


class Breaker(Base):
    """The circuit breaker of one source of files: after repeated failures it is left alone for a while."""

    __tablename__ = "breakers"

    source: Mapped[str] = mapped_column(String(100), primary_key=True)  # kind:connection, e.g. sftp:mdm
    state: Mapped[str] = mapped_column(String(20))
    failures: Mapped[int] = mapped_column(Integer)  # in a row
    opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    retry_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # of a try: when its visit counts as killed
    tried_by: Mapped[str | None] = mapped_column(String(32))  # the visit that has the one try
    error: Mapped[str | None] = mapped_column(Text)  # code and message of the last failure
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Extraction(Base):
    """One pull of rows out of a source, written as a file of its feed; its mark is where the next one begins."""

    __tablename__ = "extractions"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    feed: Mapped[str] = mapped_column(String(100), index=True)
    business_date: Mapped[date] = mapped_column(Date, index=True)
    file_name: Mapped[str | None] = mapped_column(String(255))
    since: Mapped[str | None] = mapped_column(String(100))  # rows changed at or after this; null: all rows
    mark: Mapped[str | None] = mapped_column(String(100))  # newest change it holds, in the source's own clock
    rows: Mapped[int | None] = mapped_column(Big)
    state: Mapped[str] = mapped_column(String(20))  # running, succeeded, failed
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    message: Mapped[str | None] = mapped_column(Text)
