"""Opening the ledger, its transactions, its one increasing sequence, and runs.

Belongs here: engine set-up, `Ledger.write()`/`read()` transactions, the sequence, stage runs. Questions
about one kind of row live beside it (`receipts.py`, `sendings.py`, ...). Does not belong here: any
decision about what the rows mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event, inspect, select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from nightwatt import log
from nightwatt.calendar import Clock, utc_now
from nightwatt.errors import TerminalError
from nightwatt.ledger.models import Run, RunState, SequenceCounter

MIGRATIONS = Path(__file__).parent / "migrations"


_KILLED = TerminalError(
    "task.crashed", "the process was killed, or its machine went away", "was there memory and disk? Read the task's log"
)


class Ledger:
    """The book of one home. Safe to share between threads; every call opens its own transaction."""

    def __init__(self, engine: Engine, clock: Clock = utc_now) -> None:
        self._engine = engine
        self.clock = clock

    @classmethod
    def open(cls, address: str, clock: Clock = utc_now) -> Ledger:
        """Open a ledger by its SQLAlchemy address, creating or migrating it where needed."""
        engine = _engine(address)
        _migrate(engine)
        return cls(engine, clock)

    @property
    def engine(self) -> Engine:
        """The SQLAlchemy engine, for read-only exports such as the `ops_` models."""
        return self._engine

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a transaction that commits on leaving and rolls back on an exception."""
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session for questions; what it returns stays usable after it closes."""
        with Session(self._engine.execution_options(read_only=True), expire_on_commit=False) as session:
            yield session

    def close(self) -> None:
        """Give back every connection."""
        self._engine.dispose()

    @contextmanager
    def run(self, stage: str, subject: str, business_date: date | None, started_by: str) -> Iterator[Run]:
        """Record one run of a stage around a block; an exception ends it as failed and goes on.

        Every log line written inside says which run it belongs to.
        """
        with self.write() as session:
            row = Run(
                stage=stage,
                subject=subject,
                business_date=business_date,
                started_by=started_by,
                state=RunState.RUNNING,
                started_at=self.clock(),
            )
            session.add(row)
        try:
            with log.bound(stage=stage, subject=subject, business_date=business_date, ledger_run=row.id):
                yield row
        except BaseException as e:
            self._end(row, RunState.FAILED, f"{type(e).__name__}: {e}"[:2000])
            raise
        self._end(row, RunState.SUCCEEDED, row.message)

    def give_up(self, stage: str, subject: str | None, started_by: str) -> int:
        """End the runs of a stage that were killed before they could say how they ended; returns how many there were.

        Args:
            stage: the stage.
            subject: of what; None where whoever started it did so once.
            started_by: who: others may be at the same stage, and live.
        """
        mine = [Run.stage == stage, Run.started_by == started_by, Run.state == RunState.RUNNING]
        if subject is not None:
            mine.append(Run.subject == subject)
        with self.write() as session:
            ended = session.execute(
                update(Run)
                .where(*mine)
                .values(state=RunState.FAILED, ended_at=self.clock(), message=f"{type(_KILLED).__name__}: {_KILLED}")
                .returning(Run.id)
            )
            return len(ended.all())

    def _end(self, row: Run, state: RunState, message: str | None) -> None:
        with self.write() as session:
            session.execute(
                update(Run).where(Run.id == row.id).values(state=state, ended_at=self.clock(), message=message)
            )


def next_sequence(session: Session) -> int:
    """Take the next number, inside the caller's transaction.

    The counter row stays locked until that transaction ends, so numbers become visible in the order in
    which they were handed out: whoever has seen number n has seen everything below it.
    """
    taken = session.execute(
        update(SequenceCounter)
        .where(SequenceCounter.id == 1)
        .values(last_value=SequenceCounter.last_value + 1)
        .returning(SequenceCounter.last_value)
    )
    return int(taken.scalar_one())


def last_sequence(session: Session) -> int:
    """Return the newest number handed out; 0 in a new ledger."""
    return session.scalar(select(SequenceCounter.last_value)) or 0


def _engine(address: str) -> Engine:
    url = make_url(address)
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": 60})

    # pysqlite opens transactions lazily; BEGIN IMMEDIATE takes the write lock at once, so two writers
    # wait for each other instead of failing half-way. Questions begin deferred and never wait.
    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        is_question = connection.get_execution_options().get("read_only", False)
        connection.exec_driver_sql("BEGIN" if is_question else "BEGIN IMMEDIATE")

    return engine


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = engine
    if _revision(engine) != ScriptDirectory.from_config(config).get_current_head():
        command.upgrade(config, "head")


def _revision(engine: Engine) -> str | None:
    """Return how far a ledger is migrated, as a question that waits for no writer; None if there is none yet."""
    with engine.connect().execution_options(read_only=True) as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("select version_num from alembic_version")).scalars().first()
