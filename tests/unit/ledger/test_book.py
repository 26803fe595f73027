"""The book keeps its promises: migrations are the models, numbers increase, instants have zones, runs end."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, StatementError

from nightwatt.ledger import Ledger, populations
from nightwatt.ledger.book import MIGRATIONS, next_sequence
from nightwatt.ledger.models import Base, Check, Run, Sending

NOW = datetime(2026, 3, 9, 8, 30, tzinfo=UTC)
OLD_SENDING = """
    insert into deliveries (
        delivery, business_date, publication_sequence, through_sequence, file_name, content_sha256, size_bytes, rows,
        remote_path, state, attempts, intended_at
    )
    values ('old', '2026-03-09', 2, 1, 'old.gz', 'x', 1, 1, '/old.gz', 'delivered', 1, '2026-03-09 08:30:00')
"""


def test_the_migrations_make_exactly_the_models(unborn: str) -> None:
    ledger = Ledger.open(unborn)
    with ledger.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    ledger.close()


def test_opening_again_changes_nothing(ledger: Ledger, address: str) -> None:
    with ledger.write() as session:
        assert next_sequence(session) == 1
    again = Ledger.open(address)
    with again.write() as session:
        assert next_sequence(session) == 2
    again.close()


def test_a_book_with_files_in_it_learns_of_phases_and_roles(ledger: Ledger, address: str) -> None:
    _take_back_to(ledger, "0002")
    with ledger.engine.begin() as connection:
        connection.execute(text(OLD_SENDING))
    again = Ledger.open(address, lambda: NOW)
    with again.read() as session:
        (row,) = session.scalars(select(Sending))
        assert populations.state_of(session, "old") == "review"
    again.close()

    assert (row.file_name, row.phase, row.last_day, row.approval_id) == ("old.gz", "incremental", None, None)
    assert (row.role, row.uploading_at, row.pruned_at) == ("data", None, None)


def _take_back_to(ledger: Ledger, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = ledger.engine
    command.downgrade(config, revision)


def test_a_writer_that_fails_leaves_nothing_and_takes_no_number(ledger: Ledger) -> None:
    def fail() -> None:
        with ledger.write() as session:
            session.add(run_row())
            next_sequence(session)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    with ledger.write() as session:
        assert next_sequence(session) == 1
        assert session.scalars(select(Run)).all() == []


def run_row(**changes: object) -> Run:
    return Run(
        **{"stage": "load", "subject": "reads", "started_by": "cli", "state": "running", "started_at": NOW} | changes
    )


WRITER = """
import sys
from nightwatt.ledger import Ledger
from nightwatt.ledger.book import next_sequence
from nightwatt.ledger.models import Run
print("ready", flush=True)
sys.stdin.readline()
ledger = Ledger.open(sys.argv[1])
for _ in range(25):
    with ledger.write() as session:
        number = next_sequence(session)
        row = Run(stage="load", subject=str(number), started_by=sys.argv[2], state="running")
        row.started_at = ledger.clock()
        session.add(row)
ledger.close()
"""


def test_numbers_are_handed_out_once_and_in_order_to_four_processes_at_once(unborn: str) -> None:
    # All four also race to create the ledger.
    pipes = {name: subprocess.PIPE for name in ("stdin", "stdout", "stderr")}
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, unborn, str(n)], text=True, **pipes) for n in range(4)]
    assert [writer.stdout.readline() for writer in writers if writer.stdout] == ["ready\n"] * 4
    for writer in writers:
        assert writer.stdin
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert writer.returncode == 0, errors
    ledger = Ledger.open(unborn)
    with ledger.read() as session:
        rows = session.execute(select(Run.subject, Run.started_by).order_by(Run.id)).all()
    ledger.close()
    # The rows were committed in the order of their numbers: who saw n had seen everything below it.
    assert [int(number) for number, _ in rows] == list(range(1, 101))
    assert {writer for _, writer in rows} == {"0", "1", "2", "3"}


def test_a_reader_sees_no_number_before_those_below_it(ledger: Ledger) -> None:
    stop = threading.Event()
    gaps: list[list[int]] = []

    def watch() -> None:
        while not stop.is_set():
            with ledger.read() as session:
                seen = sorted(int(n) for n in session.scalars(select(Run.subject)))
            if seen != list(range(1, len(seen) + 1)):
                gaps.append(seen)

    def write() -> None:
        for _ in range(15):
            with ledger.write() as session:
                session.add(run_row(subject=str(next_sequence(session))))

    watcher, *writers = [threading.Thread(target=f) for f in (watch, write, write, write)]
    for t in (watcher, *writers):
        t.start()
    for t in writers:
        t.join()
    stop.set()
    watcher.join()
    assert gaps == []


def test_a_reader_does_not_wait_for_a_writer(ledger: Ledger) -> None:
    with ledger.write() as writer:
        writer.add(run_row())
        writer.flush()
        with ledger.read() as session:
            assert session.scalars(select(Run)).all() == []


@pytest.mark.timeout(30)
def test_opening_it_waits_for_no_writer(ledger: Ledger, address: str) -> None:
    with ledger.write() as session:
        session.add(run_row())
        session.flush()
        Ledger.open(address).close()


def test_an_instant_comes_back_as_utc_to_the_microsecond(ledger: Ledger) -> None:
    at = datetime(2026, 11, 1, 1, 30, 0, 123456, timezone(-timedelta(hours=5)))
    with ledger.write() as session:
        session.add(run_row(started_at=at))
    with ledger.read() as session:
        (stored,) = session.scalars(select(Run.started_at))
    assert (stored, stored.tzinfo) == (at, UTC)


def test_what_is_kept_as_json_comes_back_as_it_was(ledger: Ledger) -> None:
    evidence = {"rows": 3, "share": 0.5, "names": ["a", "ü"], "none": None, "deep": {"is": True}}
    with ledger.write() as session:
        facts = {"code": "a.b", "subject": "x", "passed": True, "blocks": False, "message": ""}
        session.add(Check(at=NOW, evidence=evidence, **facts))
    with ledger.read() as session:
        assert session.scalars(select(Check.evidence)).all() == [evidence]


def test_an_instant_without_zone_is_refused(ledger: Ledger) -> None:
    def add() -> None:
        with ledger.write() as session:
            session.add(run_row(started_at=datetime(2026, 3, 9)))  # noqa: DTZ001

    with pytest.raises(StatementError, match="the ledger stores instants; give the datetime a time zone"):
        add()


def test_a_row_must_belong_to_something(ledger: Ledger) -> None:
    def add() -> None:
        with ledger.write() as session:
            facts = {"code": "a.b", "subject": "x", "passed": True, "blocks": False, "message": "", "evidence": {}}
            session.add(Check(run_id=99, at=NOW, **facts))

    with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
        add()


def runs(ledger: Ledger) -> list[tuple[str, str, date | None, str, datetime | None, str | None]]:
    with ledger.read() as session:
        found = session.scalars(select(Run).order_by(Run.id)).all()
    return [(r.stage, r.state, r.business_date, r.started_by, r.ended_at, r.message) for r in found]


def test_a_run_is_recorded_from_its_start_to_its_end(ledger: Ledger) -> None:
    with ledger.run("load", "reads", date(2026, 3, 9), "cli"):
        assert runs(ledger) == [("load", "running", date(2026, 3, 9), "cli", None, None)]
    assert runs(ledger) == [("load", "succeeded", date(2026, 3, 9), "cli", NOW, None)]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt("no"), SystemExit("no")])
def test_a_run_that_raises_ends_as_failed_and_the_error_goes_on(ledger: Ledger, error: BaseException) -> None:
    def fail() -> None:
        with ledger.run("load", "reads", None, "cli"):
            raise error

    with pytest.raises(type(error), match="no"):
        fail()
    assert runs(ledger) == [("load", "failed", None, "cli", NOW, f"{type(error).__name__}: no")]


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
def test_sqlite_is_safe_against_a_power_cut_and_lets_readers_in(ledger: Ledger) -> None:
    with ledger.engine.connect() as connection:
        pragmas = {
            name: connection.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
