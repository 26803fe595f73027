"""The courier against a real SFTP server over loopback: nothing sent twice, nothing half visible, no silent loss.

Each test reads: what the partner's server does, and what the courier must make of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from tests.support import partners
from tests.support.deliver_once import BUSINESS_DATE, POINTS, PUBLICATION, run
from tests.support.delivery import Read, contract, hours, published
from tests.support.processes import killed

from nightwatt.contracts.delivery import OpowerIntervalDelivery
from nightwatt.delivery.courier import STEPS
from nightwatt.delivery.deliver import Delivered, Outcome, PublicationFacts, deliver
from nightwatt.delivery.loopback import LoopbackServer
from nightwatt.errors import NightWattError, TerminalError, TransientError
from nightwatt.ledger import Ledger, sendings
from nightwatt.ledger.models import DeliveryState, Sending
from nightwatt.settings import Settings

REPOSITORY = Path(__file__).parents[2]
NAME = "opwr_gec_res_v2-0-5_interval60_20250116060000.gz"


@dataclass
class Partner:
    """A partner's server and the folder it shows."""

    server: LoopbackServer
    kind: type[partners.Counting]

    @property
    def files(self) -> dict[str, bytes]:
        """What lies there, by path, temporary names too."""
        root = self.server.root
        return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}

    @property
    def names(self) -> list[str]:
        return list(self.files)

    def part(self) -> Path:
        """Return the place of the temporary file."""
        return self.server.root / "shared_files" / f".{NAME}.part"

    def final(self) -> Path:
        """Return the place of the final file."""
        return self.server.root / "shared_files" / NAME


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Partner]]:
    """Start partners; each new one takes the connection over and shows the same folder."""
    running: list[LoopbackServer] = []

    def begin(kind: type[partners.Counting] = partners.Counting) -> Partner:
        served = partners.fresh(kind)
        server = LoopbackServer(tmp_path / "partner", factory=lambda channel, root: served(channel, chroot=root))
        running.append(server.start())
        for name, value in server.environment("opower").items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("NIGHTWATT_SFTP_OPOWER_TIMEOUT_SECONDS", "10")
        return Partner(server, served)

    yield begin
    for server in running:
        server.stop()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def rows(home: Path) -> list[Sending]:
    """Return every sending of a home's ledger."""
    ledger = Ledger.open(Settings(home=home).ledger_address)
    try:
        with ledger.read() as session:
            return list(session.query(Sending).order_by(Sending.id))
    finally:
        ledger.close()


def refused(home: Path, kind: type[NightWattError]) -> NightWattError:
    """Run once and return the error it must end with."""
    with pytest.raises(kind) as caught:
        run(home)
    return caught.value


def test_a_second_call_sends_nothing_and_says_so(start: Callable[..., Partner], home: Path) -> None:
    partner = start()

    first, second = run(home), run(home)

    assert (first.outcome, second.outcome) == (Outcome.SENT, Outcome.ALREADY)
    assert partner.names == [f"shared_files/{NAME}"]
    assert partner.kind.written == len(partner.files[f"shared_files/{NAME}"])
    row = rows(home)[0]
    assert (row.state, row.rows, row.size_bytes, row.attempts) == ("delivered", 24 * POINTS, partner.kind.written, 1)
    assert [r.sent_now for r in second.receipts] == [False]
    assert second.message.endswith("nothing sent")


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_and_run_again_ends_as_if_never_killed(
    start: Callable[..., Partner], home: Path, tmp_path: Path, step: str
) -> None:
    partner = start()
    killed(run, home, DIE_AT=step)
    assert len(partner.names) <= 1

    result = run(home)

    assert partner.names == [f"shared_files/{NAME}"]
    local = home / "outbox" / "opower_interval_electric" / BUSINESS_DATE.isoformat() / NAME
    assert partner.final().read_bytes() == local.read_bytes()
    row = rows(home)[0]
    assert (row.state, row.content_sha256) == ("delivered", result.receipts[0].sha256)
    assert run(home).outcome is Outcome.ALREADY
    untouched = run_elsewhere(tmp_path)
    assert untouched.receipts[0].sha256 == row.content_sha256
    if step in {"renaming", "renamed", "recorded"}:
        assert partner.kind.written == 2 * row.size_bytes  # once by the killed run, once by the other home


def test_killed_before_the_last_bytes_of_a_file_that_goes_in_place(start: Callable[..., Partner], home: Path) -> None:
    partner = start()
    in_place = contract(destination={"connection": "opower", "rename": False})
    killed(run, home, in_place, DIE_AT="finishing")
    there = partner.final().stat().st_size
    assert [r.state for r in rows(home)] == ["finishing"]
    assert [run(home, in_place).outcome for _ in range(2)] == [Outcome.SENT, Outcome.ALREADY]

    (local,) = (home / "outbox").rglob(NAME)
    assert partner.files == {f"shared_files/{NAME}": local.read_bytes()}
    assert 0 < there < local.stat().st_size == partner.kind.written


def run_elsewhere(tmp_path: Path) -> Delivered:
    """Deliver the same night from a home of its own, where nothing was killed."""
    (tmp_path / "partner" / "shared_files" / NAME).unlink()
    return run(tmp_path / "other_home")


def test_final_and_temporary_name_gone_after_a_rename_was_tried_is_unknown_and_never_resent(
    start: Callable[..., Partner], home: Path
) -> None:
    partner = start()
    _stop_at(home, "renamed")
    partner.final().unlink()  # the partner took it
    sent = partner.kind.written

    errors = [refused(home, TerminalError).code for _ in range(3)]

    assert errors == ["delivery.unknown"] * 3
    assert (partner.names, partner.kind.written) == ([], sent)
    assert rows(home)[0].state == "unknown"


def test_a_person_settles_an_unknown_sending(start: Callable[..., Partner], home: Path) -> None:
    partner = start()
    _stop_at(home, "renamed")
    partner.final().unlink()
    refused(home, TerminalError)

    _settle(home, arrived=True)
    assert run(home).outcome is Outcome.ALREADY
    assert partner.names == []


def test_an_unknown_sending_the_partner_does_not_have_is_sent_again_on_a_persons_word(
    start: Callable[..., Partner], home: Path
) -> None:
    partner = start()
    _stop_at(home, "renamed")
    partner.final().unlink()
    refused(home, TerminalError)

    _settle(home, arrived=False)
    assert run(home).outcome is Outcome.SENT
    assert partner.names == [f"shared_files/{NAME}"]


def test_a_partner_that_consumes_at_once_gets_the_file_once(start: Callable[..., Partner], home: Path) -> None:
    partner = start(partners.Consuming)

    assert [run(home).outcome, run(home).outcome] == [Outcome.SENT, Outcome.ALREADY]
    assert len(partner.kind.taken) == 1


def test_a_file_of_other_size_under_the_final_name_is_never_overwritten(
    start: Callable[..., Partner], home: Path
) -> None:
    partner = start()
    partner.final().write_bytes(b"somebody else's")

    error = refused(home, TerminalError)

    assert error.code == "delivery.final_differs"
    assert partner.files == {f"shared_files/{NAME}": b"somebody else's"}
    assert (rows(home)[0].state, partner.kind.written) == ("failed", 0)
    partner.final().unlink()
    assert run(home).outcome is Outcome.SENT


def test_a_dropped_upload_is_resumed_where_it_stopped(start: Callable[..., Partner], home: Path) -> None:
    partner = start(partners.Dropping)
    error = refused(home, TransientError)
    assert (error.code, partner.names) == ("delivery.unreachable", [f"shared_files/.{NAME}.part"])
    there = partner.part().stat().st_size

    run(home)

    row = rows(home)[0]
    assert (row.state, row.attempts, partner.final().stat().st_size) == ("delivered", 2, row.size_bytes)
    assert partner.names == [f"shared_files/{NAME}"]
    assert partner.kind.written <= row.size_bytes + 32 * 1024  # only the bytes not there yet went again
    assert there > 0


@pytest.mark.parametrize("harm", ["other bytes", "too long", "cannot be read back"])
def test_a_temporary_file_that_is_not_our_prefix_is_written_anew(
    start: Callable[..., Partner], home: Path, harm: str
) -> None:
    partner = start(partners.Unreadable if harm == "cannot be read back" else partners.Counting)
    _stop_at(home, "uploaded")
    part = partner.part()
    whole = part.read_bytes()
    part.write_bytes({"other bytes": b"\0" * 1000, "too long": whole + b"x"}.get(harm, whole[:1000]))

    run(home)

    assert partner.names == [f"shared_files/{NAME}"]
    assert partner.final().read_bytes() == whole


def test_a_server_without_plain_rename_is_served_by_the_openssh_extension(
    start: Callable[..., Partner], home: Path
) -> None:
    partner = start(partners.OnlyPosixRename)

    assert run(home).outcome is Outcome.SENT
    assert partner.names == [f"shared_files/{NAME}"]


def test_a_refused_connection_may_succeed_later(start: Callable[..., Partner], home: Path) -> None:
    start().server.stop()

    error = refused(home, TransientError)

    assert error.code == "delivery.unreachable"
    row = rows(home)[0]
    assert (row.state, row.attempts, row.message) == ("intent", 1, str(error))


def test_a_key_the_partner_does_not_know_cannot_log_in(
    start: Callable[..., Partner], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start()
    with LoopbackServer(tmp_path / "somebody_else") as other:
        monkeypatch.setenv("NIGHTWATT_SFTP_OPOWER_KEY_FILE", str(other.client_key_file))

    assert refused(home, TerminalError).code == "delivery.login"


def test_missing_settings_are_named_before_anything_is_written(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTWATT_SFTP_OPOWER_HOST", "localhost")
    monkeypatch.setenv("NIGHTWATT_SFTP_OPOWER_HOST_KEY", "not a key")

    error = refused(home, TerminalError)

    assert error.code == "delivery.connection_settings"
    for name in ("HOST_KEY", "USER", "KEY_FILE"):
        assert f"NIGHTWATT_SFTP_OPOWER_{name}" in error.message
    assert not (home / "outbox").exists()


def test_a_changed_outbox_file_is_not_sent(start: Callable[..., Partner], home: Path) -> None:
    partner = start()
    _stop_at(home, "intent")
    (home / "outbox" / "opower_interval_electric" / BUSINESS_DATE.isoformat() / NAME).write_bytes(b"other")

    assert refused(home, TerminalError).code == "delivery.outbox_changed"
    assert partner.names == []


def test_late_reads_and_corrections_follow_in_the_next_file_and_nothing_goes_twice(
    start: Callable[..., Partner], home: Path
) -> None:
    partner = start()
    night_one = hours("2025-01-15 00:00 -0500", 24)
    late = hours("2025-01-14 22:00 -0500", 2, load_sequence=3)
    night_two = hours("2025-01-16 00:00 -0500", 24, load_sequence=4)
    nights = (
        (PublicationFacts(2, 1, _morning(16)), date(2025, 1, 16), night_one),
        (PublicationFacts(5, 4, _morning(17)), date(2025, 1, 17), [*night_one, *late, *night_two]),
        (PublicationFacts(6, 4, _morning(18)), date(2025, 1, 18), [*night_one, *late, *night_two]),
    )

    results = [_deliver(home, *night) for night in nights]

    assert [r.outcome for r in results] == [Outcome.SENT, Outcome.SENT, Outcome.NOTHING_NEW]
    assert [(r.since_sequence, r.through_sequence, r.rows) for r in rows(home)] == [(None, 1, 24), (1, 4, 26)]
    assert len(partner.names) == 2


def test_what_an_earlier_night_began_is_finished_before_the_next_file(
    start: Callable[..., Partner], home: Path
) -> None:
    start().server.stop()
    first = hours("2025-01-15 00:00 -0500", 24)
    second = hours("2025-01-16 00:00 -0500", 24, load_sequence=3)
    with pytest.raises(TransientError):
        _deliver(home, PublicationFacts(2, 1, _morning(16)), date(2025, 1, 16), first)
    partner = start()

    result = _deliver(home, PublicationFacts(4, 3, _morning(17)), date(2025, 1, 17), [*first, *second])

    assert [r.rows for r in result.receipts] == [24, 24]
    assert [r.delivered_at for r in result.receipts] == sorted(r.delivered_at for r in result.receipts)
    assert len(partner.names) == 2


def test_nights_of_an_outage_queue_up_and_go_in_order_when_the_partner_is_back(
    start: Callable[..., Partner], home: Path
) -> None:
    start().server.stop()
    reads: list[Read] = []
    said = []
    for night in range(4):
        reads += hours(f"2025-01-{15 + night} 00:00 -0500", 24, load_sequence=1 + night)
        for _ in range(2):  # each night tries again, and adds nothing by it
            with pytest.raises(TransientError) as caught:
                _deliver(home, PublicationFacts(10 + night, 1 + night, _morning(16 + night)), _date(16 + night), reads)
        said.append(caught.value.message.partition("; ")[2])
    waiting = [(r.since_sequence, r.through_sequence, r.rows, r.state) for r in rows(home)]
    partner = start()

    result = _deliver(home, PublicationFacts(13, 4, _morning(19)), _date(19), reads)

    assert said == ["", *(f"{n} files of {n} business dates wait since 2025-01-16, and go in order" for n in (2, 3, 4))]
    assert waiting == [(None if n == 0 else n, n + 1, 24, "intent") for n in range(4)]
    assert result.message == "4 file(s) sent, in order; 4 had waited since 2025-01-16"
    assert partner.names == [f"shared_files/{r.file_name}" for r in rows(home)]
    arrived = [r.delivered_at for r in rows(home)]
    assert arrived == sorted(arrived)
    assert {r.state for r in rows(home)} == {"delivered"}


def test_a_manifest_goes_before_its_set_and_is_a_sending_of_its_own(start: Callable[..., Partner], home: Path) -> None:
    partner = start()
    asking = contract(destination={"connection": "opower", "manifest": True})
    reads = [*hours("2025-01-15 00:00 -0500", 24), *hours("2025-01-16 00:00 -0500", 24, load_sequence=2)]
    outcomes = []
    for night in (16, 17, 17):
        publication = PublicationFacts(night, night - 15, _morning(night))
        outcomes.append(_deliver(home, publication, _date(night), reads, asking).outcome)

    assert outcomes == [Outcome.SENT, Outcome.SENT, Outcome.ALREADY]
    assert [(r.role, r.file_name[-19:], r.rows, r.since_sequence, r.state) for r in rows(home)] == [
        ("manifest", "20250116060000.yaml", 0, None, "delivered"),
        ("data", "0_20250116060000.gz", 24, None, "delivered"),
        ("manifest", "20250117060000.yaml", 0, 1, "delivered"),
        ("data", "0_20250117060000.gz", 24, 1, "delivered"),
    ]
    arrived = [r.delivered_at for r in rows(home)]
    assert arrived == sorted(arrived)
    assert partner.files["shared_files/opwr_gec_res_manifest_20250117060000.yaml"].startswith(b"meta:\n")


def test_a_set_whose_manifest_does_not_arrive_sends_nothing_else(start: Callable[..., Partner], home: Path) -> None:
    asking = contract(destination={"connection": "opower", "manifest": True})
    partner = start(partners.RefusingRename)
    with pytest.raises(TerminalError):
        run(home, asking)
    assert [r.state for r in rows(home)] == ["failed", "intent"]

    partner = start()
    assert run(home, asking).outcome is Outcome.SENT
    assert len(partner.names) == 2


def test_behind_a_sending_nobody_can_judge_the_next_nights_wait(start: Callable[..., Partner], home: Path) -> None:
    partner = start()
    _stop_at(home, "renamed")
    partner.final().unlink()
    reads = [*hours("2025-01-15 00:00 -0500", 24), *hours("2025-01-16 00:00 -0500", 24, load_sequence=3)]
    for _ in range(2):
        with pytest.raises(TerminalError) as caught:
            _deliver(home, PublicationFacts(4, 3, _morning(17)), _date(17), reads)
        assert caught.value.code == "delivery.unknown"
    assert partner.names == []

    _settle(home, arrived=True)
    result = _deliver(home, PublicationFacts(4, 3, _morning(17)), _date(17), reads)

    assert [r.rows for r in result.receipts] == [24]
    assert [r.state for r in rows(home)] == ["delivered", "delivered"]


def test_what_waits_for_a_folder_that_is_not_there_goes_to_the_corrected_one(
    start: Callable[..., Partner], home: Path
) -> None:
    partner = start()
    wrong = contract(destination={"connection": "opower", "review_folder": "/Shared_Files"})
    with pytest.raises(TerminalError) as caught:
        run(home, wrong)
    assert "there is /shared_files, in other capitals" in caught.value.message

    assert run(home).outcome is Outcome.SENT
    assert partner.names == [f"shared_files/{NAME}"]


@pytest.mark.parametrize(
    "later",
    [timedelta(milliseconds=400), timedelta(0), -timedelta(days=1)],
    ids=["within the second", "same instant", "clock set back"],
)
def test_a_publication_not_later_than_the_last_file_is_sent_with_the_second_after_it(
    start: Callable[..., Partner], home: Path, later: timedelta
) -> None:
    partner = start()
    reads = [*hours("2025-01-15 00:00 -0500", 24), *hours("2025-01-16 00:00 -0500", 24, load_sequence=3)]
    _deliver(home, PublicationFacts(2, 1, _morning(17)), date(2025, 1, 17), reads)
    second = PublicationFacts(4, 3, _morning(17) + later)
    start().server.stop()
    with pytest.raises(TransientError):
        _deliver(home, second, date(2025, 1, 17), reads)
    intended = rows(home)[-1].file_name
    start()

    results = [_deliver(home, second, date(2025, 1, 17), reads) for _ in range(2)]

    assert [r.outcome for r in results] == [Outcome.SENT, Outcome.ALREADY]
    assert [r.file_name[-17:-3] for r in rows(home)] == ["20250117060000", "20250117060001"]
    assert intended == rows(home)[-1].file_name
    assert [name.removeprefix("shared_files/") for name in partner.names] == [r.file_name for r in rows(home)]


def test_an_older_publication_is_not_sent_after_a_newer_one(start: Callable[..., Partner], home: Path) -> None:
    partner = start()
    reads = [*hours("2025-01-15 00:00 -0500", 24), *hours("2025-01-16 00:00 -0500", 24, load_sequence=3)]
    _deliver(home, PublicationFacts(4, 3, _morning(17)), date(2025, 1, 17), reads)

    result = _deliver(home, PublicationFacts(2, 1, _morning(16)), date(2025, 1, 16), reads)

    assert (result.outcome, len(partner.names)) == (Outcome.NOTHING_NEW, 1)


def _date(day: int) -> date:
    return date(2025, 1, day)


def _morning(day: int) -> datetime:
    return datetime(2025, 1, day, 6, tzinfo=UTC)


def _deliver(
    home: Path,
    publication: PublicationFacts,
    business_date: date,
    reads: list[Read],
    delivery: OpowerIntervalDelivery | None = None,
) -> Delivered:
    settings = Settings(home=home)
    ledger = Ledger.open(settings.ledger_address)
    try:
        with published(reads) as con:
            return deliver(delivery or contract(), settings, ledger, con, publication, business_date)
    finally:
        ledger.close()


class _Stop(Exception):
    """Ends a run at a named step."""


def _stop_at(home: Path, step: str) -> None:
    def stop(reached: str) -> None:
        if reached == step:
            raise _Stop

    settings = Settings(home=home)
    ledger = Ledger.open(settings.ledger_address)
    try:
        with published(hours("2025-01-15 00:00 -0500", 24)) as con, pytest.raises(_Stop):
            deliver(contract(), settings, ledger, con, PUBLICATION, BUSINESS_DATE, at=stop)
    finally:
        ledger.close()


def _settle(home: Path, *, arrived: bool) -> None:
    ledger = Ledger.open(Settings(home=home).ledger_address)
    try:
        with ledger.write() as session:
            row = sendings.unfinished(session, "opower_interval_electric")[0]
            assert row.state == DeliveryState.UNKNOWN
            sendings.resolve(session, row.id, arrived=arrived, at=ledger.clock(), by="operator")
    finally:
        ledger.close()
