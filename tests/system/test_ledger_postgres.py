"""The ledger on PostgreSQL, started here on a loopback port with a data folder of its own."""

from __future__ import annotations

import os
import pwd
import random
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, select, text

from nightwatt import stages
from nightwatt.ledger import Ledger, populations, sendings
from nightwatt.ledger.book import next_sequence
from nightwatt.ledger.models import Base, Decision, Load, Publication, Receipt, Run, Sending
from nightwatt.settings import PROJECT_ROOT, Settings
from nightwatt.stages import Platform
from nightwatt.warehouse import run_sql

pytestmark = pytest.mark.system

NOW = datetime(2026, 3, 9, 8, 30, tzinfo=UTC)
READS = PROJECT_ROOT / "tests" / "data" / "public_reads" / "london" / "MAC000002.csv"
WRITERS, ROWS_EACH = 6, 20


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Start a private cluster and return its address without a database; PostgreSQL refuses to run as root."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    assert programs, "install postgresql (apt-get install postgresql)"
    bin_folder = programs[-1].parent
    folder = Path(tempfile.mkdtemp(prefix="nightwatt-postgres-"))
    data, log = folder / "data", folder / "log"
    prefix = _as_another_user(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"

    def call(program: str, *arguments: str) -> None:
        # Output goes to a file: the server inherits it and would hold a pipe open.
        with (folder / "output").open("ab") as output:
            subprocess.run(
                [*prefix, str(bin_folder / program), *arguments], check=True, stdout=output, stderr=output, cwd=folder
            )

    call("initdb", "-D", str(data), "-U", "nightwatt", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
    try:
        call("pg_ctl", "-D", str(data), "-l", str(log), "-o", options, "-w", "-t", "60", "start")
        yield f"postgresql+psycopg://nightwatt@127.0.0.1:{port}"
    finally:
        call("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)


def _as_another_user(folder: Path) -> list[str]:
    """Return what makes a program run as somebody other than root, and give that user the folder."""
    if os.geteuid() != 0:
        return []
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    os.chown(folder, user.pw_uid, user.pw_gid)
    setpriv = shutil.which("setpriv")
    assert setpriv, "install util-linux"
    return [setpriv, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


@pytest.fixture
def address(server: str, request: pytest.FixtureRequest) -> str:
    """Return the address of an empty database of this test."""
    name = f"t{abs(hash(request.node.nodeid)) % 10**9}"
    engine = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return f"{server}/{name}"


@pytest.fixture
def ledger(address: str) -> Iterator[Ledger]:
    opened = Ledger.open(address, lambda: NOW)
    yield opened
    opened.close()


def test_the_migrations_make_exactly_the_models(ledger: Ledger) -> None:
    with ledger.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_opening_again_changes_nothing(ledger: Ledger, address: str) -> None:
    with ledger.write() as session:
        assert next_sequence(session) == 1
    again = Ledger.open(address)
    with again.write() as session:
        assert next_sequence(session) == 2
    again.close()


def test_instants_come_back_in_utc_and_json_as_it_was(ledger: Ledger) -> None:
    with ledger.write() as session:
        session.add(_publication(7, {"fct_bills": 3}))
    with ledger.read() as session:
        (row,) = session.scalars(select(Publication))

    assert (row.started_at, row.started_at.tzinfo, row.tables) == (NOW, UTC, {"fct_bills": 3})


def test_numbers_become_visible_in_their_order_however_many_write(ledger: Ledger) -> None:
    ended = threading.Event()

    def write(seed: int) -> list[int]:
        chance, taken = random.Random(seed), []
        for _ in range(ROWS_EACH):
            with ledger.write() as session:
                taken.append(next_sequence(session))
                session.add(_publication(taken[-1]))
                time.sleep(chance.random() / 200)  # whoever is slow must not let a later number overtake
        return taken

    def watch() -> int:
        looks = 0
        while not ended.is_set():
            with ledger.read() as session:
                seen = sorted(session.scalars(select(Publication.sequence)))
            assert seen == list(range(1, len(seen) + 1))
            looks += 1
        return looks

    with ThreadPoolExecutor(WRITERS + 1) as pool:
        watching = pool.submit(watch)
        try:
            numbers = [n for taken in pool.map(write, range(WRITERS)) for n in taken]
        finally:
            ended.set()

    assert sorted(numbers) == list(range(1, WRITERS * ROWS_EACH + 1))
    assert watching.result() > 1


def test_a_writer_that_fails_leaves_nothing_and_takes_no_number(ledger: Ledger) -> None:
    def fail() -> None:
        with ledger.write() as session:
            session.add(_publication(next_sequence(session)))
            session.flush()
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    with ledger.write() as session:
        assert (next_sequence(session), session.scalars(select(Publication)).all()) == (1, [])


def test_where_a_population_stands_is_told_as_on_sqlite(ledger: Ledger) -> None:
    seen = []
    with ledger.write() as session:
        for number, phase in enumerate(("sample", "full", "incremental"), 1):
            session.add(_sending(number, phase))
            session.flush()
            seen.append(populations.state_of(session, "reads").value)
        (shown,) = populations.for_review(session, "reads")
        for decision in (Decision.APPROVED, Decision.REJECTED, Decision.APPROVED):
            populations.decide(session, shown, decision, by="ann", at=NOW)
            seen.append(populations.state_of(session, "reads").value)
        session.add(_sending(4, "full"))
        session.flush()
        seen.append(populations.state_of(session, "reads").value)
    with ledger.read() as session:
        last = populations.last_counted(session, "reads")
        same = sendings.same_again(session, "reads", NOW.date(), phase="full", last_day=None, sample_size=None)
        names = populations.approvers(session, [1, 3])

    assert seen == ["sample", "full", "review", "approved", "review", "approved", "full"]
    assert last is not None
    assert same is not None
    assert (last.id, same.id, names) == (4, 4, {1: "ann", 3: "ann"})


def test_a_file_goes_from_the_folder_to_readers(address: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", ledger_url=address, zone="Europe/London")
    inbound = settings.inbound / "london"
    inbound.mkdir(parents=True)
    shutil.copy(READS, inbound)
    catalog, day = PROJECT_ROOT / "examples" / "public_reads" / "catalog", date(2026, 3, 9)

    with Platform.open("test", settings, catalog, clock=lambda: NOW) as platform:
        arrived = stages.arrive(platform, "london_half_hours", day, wait=True)
        loaded = stages.load(platform, "london_half_hours", day)
        again = stages.load(platform, "london_half_hours", day)
        merged = stages.merge_reads(platform)
        stages.build(platform, "usage", day)
        published = stages.publish(platform, "usage", day)

        assert arrived.new == (READS.name,)
        assert loaded.rows_in == loaded.rows_kept == merged.inserted == len(READS.read_text().splitlines()) - 1
        assert (again.receipts, published.is_new, published.sequence) == (0, True, 2)
        with platform.ledger.read() as session:
            (receipt,), (load,) = session.scalars(select(Receipt)).all(), session.scalars(select(Load)).all()
            runs = {run.stage: run.state for run in session.scalars(select(Run))}
        assert (receipt.state, load.state, load.store_version) == ("loaded", "done", merged.version)
        assert {"load", "merge", "build", "publish"} <= set(runs) and set(runs.values()) == {"succeeded"}
        assert not (settings.root / "ledger").exists()
    question = "select receipt_state, rows_kept, arrived_at::varchar as at from ops_receipts"
    assert run_sql(settings, question).to_pylist() == [
        {"receipt_state": "loaded", "rows_kept": loaded.rows_kept, "at": "2026-03-09 08:30:00"}
    ]


def _sending(number: int, phase: str) -> Sending:
    return Sending(
        delivery="reads",
        business_date=NOW.date(),
        publication_sequence=2,
        through_sequence=1,
        phase=phase,
        file_name=f"{number}.gz",
        content_sha256="0" * 64,
        size_bytes=1,
        rows=1,
        remote_path=f"/shared_files/{number}.gz",
        state="delivered",
        intended_at=NOW,
        delivered_at=NOW,
    )


def _publication(sequence: int, tables: dict[str, int] | None = None) -> Publication:
    return Publication(
        sequence=sequence,
        domain="usage",
        as_of=date(2026, 3, 9),
        state="published",
        through_sequence=0,
        tables=tables,
        started_at=NOW,
    )
