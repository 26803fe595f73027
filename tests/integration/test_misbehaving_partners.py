"""Partners that misbehave, each in one way, over the real protocol: what the courier makes of it.

The table reads: what the server does, how the call must end, and what is in its message. Then the server is well
again, and the next call must end the matter without anybody's help, having sent no byte that was there already.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.support import partners
from tests.support.errands import SIZE, Errand, empty_ledger, errand

from nightwatt.delivery.courier import STEPS_IN_PLACE
from nightwatt.delivery.sftp import BLOCK
from nightwatt.errors import NightWattError, TerminalError, TransientError
from nightwatt.ledger import checks
from nightwatt.ledger.checks import CheckResult
from nightwatt.ledger.models import DeliveryState


@dataclass(frozen=True)
class Fault:
    """One way to misbehave, and what must be said of it."""

    kind: type[partners.Counting]
    code: str
    words: str
    transient: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    keys: str = "keys"
    timeout_s: float = 10


FAULTS = {
    "drops at the first byte": Fault(partners.Dropping, "delivery.unreachable", "writing", True, {"after": 1}),
    "drops in the middle": Fault(partners.Dropping, "delivery.unreachable", "writing", True, {"after": 150_000}),
    "drops at the last byte": Fault(partners.Dropping, "delivery.unreachable", "127.0.0.1", True, {"after": SIZE}),
    "stalls": Fault(partners.Stalling, "delivery.unreachable", "writing", True, timeout_s=1),
    "has no room": Fault(partners.FullDisk, "delivery.refused", "No space left on device"),
    "lies about the size": Fault(partners.Lying, "delivery.remote_size", f"has {SIZE - 1} bytes after the upload"),
    "refuses to rename": Fault(partners.RefusingRename, "delivery.permission", "renaming to"),
    "has a folder nobody may write to": Fault(partners.ReadOnly, "delivery.permission", "writing"),
    "has another key": Fault(partners.Counting, "delivery.host_key", "not the one pinned", keys="other_keys"),
}
CASES = [(name, rename) for name in FAULTS for rename in (True, False) if rename or name != "refuses to rename"]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return empty_ledger(tmp_path_factory.mktemp("ledger") / "ledger.db")


@pytest.fixture
def errands(tmp_path: Path, template: Path) -> Iterator[Errand]:
    with errand(tmp_path, template) as made:
        yield made


@pytest.mark.parametrize(("name", "rename"), CASES, ids=[f"{n}, {'aside' if r else 'in place'}" for n, r in CASES])
def test_it_is_told_clearly_and_ends_well_without_help(errands: Errand, name: str, rename: bool) -> None:
    fault = FAULTS[name]
    errands.rename = rename
    with errands.partner(partners.Counting):  # so that its key is known
        sending = errands.intend()
    ours = errands.paths[sending].read_bytes()
    bad, good = partners.fresh(fault.kind, **fault.facts), partners.fresh(partners.Counting)

    errands.timeout_s = fault.timeout_s
    with errands.partner(bad, keys=fault.keys) as server, pytest.raises(NightWattError) as caught:
        errands.carry(server)
    errands.timeout_s = 10

    error = caught.value
    assert (error.code, isinstance(error, TransientError)) == (fault.code, fault.transient)
    assert fault.words in error.message
    assert error.remedy
    assert errands.row(sending).message == str(error)
    stored = sum(len(content) for content in errands.there.values())
    if rename:
        assert errands.name() not in errands.there, "half a file under its final name"

    with errands.partner(good) as server:
        (receipt,) = errands.carry(server).receipts
        assert errands.carry(server).receipts[0].sent_now is False

    assert errands.there == {errands.name(): ours}
    assert good.written == SIZE - stored  # what had arrived did not go again
    assert receipt.sha256 == errands.row(sending).content_sha256
    assert errands.row(sending).state == DeliveryState.DELIVERED
    if rename:
        assert bad.opened | good.opened <= {f".{errands.name()}.part"}  # it never grew under its final name


def test_a_server_that_answers_the_call_and_then_says_nothing_is_given_up(errands: Errand) -> None:
    sending = errands.intend()
    with errands.partner(partners.Counting):  # so that its key is known
        errands.timeout_s = 0.5
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(TransientError) as caught:
        errands.carry(Listener(silent.getsockname()[1]))

    assert (caught.value.code, "connecting" in caught.value.message) == ("delivery.unreachable", True)
    assert errands.row(sending).state == DeliveryState.INTENT


@dataclass(frozen=True)
class Listener:
    """Where something listens."""

    port: int


@pytest.mark.parametrize("step", STEPS_IN_PLACE[1:])
def test_in_place_a_call_stopped_at_any_step_and_run_again_ends_as_if_never_stopped(errands: Errand, step: str) -> None:
    errands.rename = False
    sending = errands.intend()
    kind = partners.fresh(partners.Counting)
    with errands.partner(kind) as server:
        with pytest.raises(_Stop):
            errands.carry(server, _stop_at(step))
        errands.carry(server)

    assert errands.there == {errands.name(): errands.paths[sending].read_bytes()}
    assert kind.written == SIZE
    assert errands.row(sending).state == DeliveryState.DELIVERED


def test_in_place_a_file_gone_after_its_last_bytes_is_unknown_and_never_resent(errands: Errand) -> None:
    errands.rename = False
    sending = errands.intend()
    taking = partners.fresh(partners.Taking, size=SIZE)
    with errands.partner(taking) as server:
        codes = []
        for _ in range(3):
            with pytest.raises(NightWattError) as caught:
                errands.carry(server)
            codes.append(caught.value.code)

    assert codes == ["delivery.unreachable", "delivery.unknown", "delivery.unknown"]
    assert (len(taking.taken), taking.written, errands.there) == (1, SIZE, {})
    assert errands.row(sending).state == DeliveryState.UNKNOWN


def test_in_place_a_half_file_that_is_gone_is_sent_again(errands: Errand) -> None:
    errands.rename = False
    sending = errands.intend()
    with errands.partner(partners.fresh(partners.Dropping)) as server:
        with pytest.raises(TransientError):
            errands.carry(server)
        (errands.folder / errands.name()).unlink()  # half a file cannot have been loaded
        errands.carry(server)

    assert errands.there == {errands.name(): errands.paths[sending].read_bytes()}


@pytest.mark.parametrize(
    ("there", "is_begun", "is_ours"),
    [
        ("beginning", False, True),
        ("beginning", True, True),
        ("whole", False, True),
        ("nothing in it", False, True),
        ("other bytes", False, False),
        ("other bytes", True, True),
        ("other, as long", False, False),
        ("other, as long", True, True),
        ("longer", False, False),
        ("longer", True, False),
    ],
)
def test_in_place_what_stands_under_the_final_name_decides(
    errands: Errand, there: str, is_begun: bool, is_ours: bool
) -> None:
    errands.rename = False
    sending = errands.intend(uploading_at=errands.ledger.clock() if is_begun else None)
    ours = errands.paths[sending].read_bytes()
    found = {
        "beginning": ours[: BLOCK + 1],
        "whole": ours,
        "nothing in it": b"",
        "other bytes": b"\0" * 1000,
        "other, as long": b"\0" * SIZE,
        "longer": ours + b"x",
    }[there]
    with errands.partner(partners.fresh(partners.Counting)) as server:
        (errands.folder / errands.name()).write_bytes(found)
        if is_ours:
            errands.carry(server)
        else:
            with pytest.raises(TerminalError) as caught:
                errands.carry(server)
            assert caught.value.code == "delivery.final_differs"

    assert errands.there == {errands.name(): ours if is_ours else found}


def test_a_file_whose_rename_was_refused_goes_in_place_once_the_contract_says_so(errands: Errand) -> None:
    sending = errands.intend()
    with errands.partner(partners.fresh(partners.RefusingRename)) as server:
        with pytest.raises(TerminalError):
            errands.carry(server)
        errands.rename = False
        errands.carry(server)

    assert errands.there == {errands.name(): errands.paths[sending].read_bytes()}


def test_a_round_looks_once_however_many_files_it_carries_and_keeps_their_order(errands: Errand) -> None:
    ids = [errands.intend(number, size=1000) for number in range(4)]
    with errands.partner(partners.fresh(partners.Counting)) as server:
        carried = errands.carry(server)

    assert [r.sending_id for r in carried.receipts] == ids
    assert [r.delivered_at for r in carried.receipts] == sorted(r.delivered_at for r in carried.receipts)
    assert carried.findings == ()


def test_foreign_changed_and_vanished_files_are_found_once_each(errands: Errand) -> None:
    first = errands.intend(0, size=1000)
    with errands.partner(partners.fresh(partners.Counting)) as server:
        (errands.folder / "from somebody\x07.csv").write_bytes(b"?")
        found = [_found(errands.carry(server).findings)]
        _record(errands, found)
        errands.intend(1, size=1000)
        (errands.folder / errands.name(0)).write_bytes(b"cut")
        found.append(_found(errands.carry(server).findings))
        _record(errands, found)
        errands.intend(2, size=1000)
        (errands.folder / errands.name(0)).unlink()
        found.append(_found(errands.carry(server).findings))
        _record(errands, found)
        errands.intend(3, size=1000)
        found.append(_found(errands.carry(server).findings))

    assert found == [
        {"delivery.remote_unexpected": ["from somebody?.csv"]},
        {"delivery.remote_changed": [errands.name(0)]},
        {"delivery.remote_vanished": [errands.name(0)]},
        {},
    ]
    assert errands.row(first).state == DeliveryState.DELIVERED


def test_files_the_partner_collects_do_not_vanish(errands: Errand) -> None:
    errands.collects = True
    errands.intend(0, size=1000)
    with errands.partner(partners.fresh(partners.Consuming)) as server:
        assert errands.carry(server).findings == ()
    assert errands.there == {}


def test_a_folder_that_cannot_be_listed_is_said_and_stops_nothing(errands: Errand) -> None:
    errands.intend(0, size=1000)
    with errands.partner(partners.fresh(partners.Secretive)) as server:
        carried = errands.carry(server)

    assert [r.sent_now for r in carried.receipts] == [True]
    assert [f.code for f in carried.findings] == ["delivery.remote_unlisted"]


@pytest.mark.parametrize(
    ("there", "words"),
    [
        ("Shared_Files", "there is /Shared_Files, in other capitals"),
        ("archive", "in / there are archive"),
        (None, "in / there are no folders"),
    ],
)
def test_a_missing_folder_is_named_with_what_is_there_instead(errands: Errand, there: str | None, words: str) -> None:
    errands.intend()
    with errands.partner(partners.fresh(partners.Counting)) as server:
        errands.folder.rmdir()
        if there:
            (errands.folder.parent / there).mkdir()
        with pytest.raises(TerminalError) as caught:
            errands.carry(server)

    assert (caught.value.code, words in caught.value.message) == ("delivery.folder_missing", True)


class _Stop(Exception):
    """Ends a call at a named step."""


def _stop_at(step: str) -> Any:
    def at(reached: str) -> None:
        if reached == step:
            raise _Stop

    return at


def _found(findings: Any) -> dict[str, list[str]]:
    return {f.code: f.evidence["files"] for f in findings}


def _record(errands: Errand, found: list[dict[str, list[str]]]) -> None:
    """Write down what was found last, as the delivery does."""
    results = [
        CheckResult(code, "opower_interval_electric", False, False, "", {"files": names})
        for code, names in found[-1].items()
    ]
    with errands.ledger.write() as session:
        checks.record(session, results, None, errands.ledger.clock())
