"""Pruning our copies: what is old goes with its index, what is needed stays however old it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support.delivery import contract
from tests.support.errands import Errand, empty_ledger, errand

from nightwatt.contracts.delivery import OpowerIntervalDelivery
from nightwatt.delivery import outbox, sent_index
from nightwatt.delivery.sent_prune import prune
from nightwatt.ledger import populations, sendings
from nightwatt.ledger.models import Answer, Decision, DeliveryState
from nightwatt.settings import Settings

NOW = datetime(2032, 2, 29, 6, tzinfo=UTC)
OLD, YOUNG = datetime(2025, 1, 16, 7, tzinfo=UTC), datetime(2031, 5, 1, tzinfo=UTC)


class Remembering(OpowerIntervalDelivery):
    """A delivery whose later files depend on earlier ones."""

    remembers = True


@pytest.fixture
def errands(tmp_path: Path) -> Iterator[Errand]:
    with errand(tmp_path, empty_ledger(tmp_path / "template.db")) as made:
        made.ledger.clock = lambda: NOW
        yield made


def sent(errands: Errand, number: int, at: datetime | None = OLD, **facts: Any) -> Path:
    """Have a file delivered, and return our copy, which has an index."""
    state = {"state": DeliveryState.DELIVERED, "delivered_at": at} if at else {}
    sending = errands.intend(number, 100, **state | facts)
    settings = Settings(home=errands.home)
    row = errands.row(sending)
    copy = outbox.folder_of(settings.outbox, row.delivery, row.business_date) / row.file_name
    index = sent_index.index_of(settings, row)
    for path in (copy, index):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    errands.paths[sending] = copy
    return copy


def left(errands: Errand) -> list[Path]:
    """Return the copies that are there."""
    return sorted(p for p in (errands.home / "outbox").rglob("*.gz"))


def pruned(errands: Errand, delivery: OpowerIntervalDelivery | None = None, *, dry_run: bool = False) -> Any:
    return prune(Settings(home=errands.home), errands.ledger, delivery or contract(), dry_run=dry_run)


def test_old_copies_go_with_their_index_and_young_ones_stay(errands: Errand) -> None:
    old, young, newest = sent(errands, 0), sent(errands, 1, YOUNG), sent(errands, 2, YOUNG)

    would = pruned(errands, dry_run=True)
    assert left(errands) == [old, young, newest]
    did = pruned(errands)

    assert did == would
    assert (did.files, did.size_bytes, did.before) == ((old.name,), 100, datetime(2025, 2, 28, 6, tzinfo=UTC))
    assert left(errands) == [young, newest]
    assert not old.parent.exists()
    assert len(list((errands.home / "sent").rglob("*.parquet"))) == 2
    (row, *others) = rows(errands)
    assert (row.state, row.pruned_at) == ("delivered", NOW)
    assert [r.pruned_at for r in others] == [None, None]
    assert pruned(errands).files == ()
    listed = sent_index.sent_files(Settings(home=errands.home), errands.ledger, row.delivery)
    assert [f.file_name for f in listed] == [young.name, newest.name]


def test_what_is_unfinished_or_newest_stays_however_old(errands: Errand) -> None:
    waiting, newest = sent(errands, 0, None), sent(errands, 1)

    assert (pruned(errands).files, pruned(errands).kept) == ((), {"the newest": 1, "unfinished": 1})
    assert left(errands) == [waiting, newest]


def test_a_file_whose_answer_is_open_stays(errands: Errand) -> None:
    asked = sent(errands, 0)
    sent(errands, 1, YOUNG)
    answer = Answer(
        sending_id=1,
        delivery="opower_interval_electric",
        object_name="x",
        part="all",
        mapping_sha256="",
        state="awaited",
    )
    with errands.ledger.write() as session:
        session.add(answer)

    assert pruned(errands).kept == {"unfinished": 1}
    assert asked.exists()


def test_the_file_an_approval_rests_on_stays(errands: Errand) -> None:
    looked_at = sent(errands, 0)
    sent(errands, 1, YOUNG)
    with errands.ledger.write() as session:
        populations.decide(session, sendings.get(session, 1), Decision.APPROVED, by="operator", at=OLD)

    assert pruned(errands).kept == {"looked at": 1}
    assert looked_at.exists()


def test_where_later_files_depend_on_it_everything_since_the_last_full_history_stays(errands: Errand) -> None:
    paths = [
        sent(errands, number, phase=phase, publication_sequence=publication)
        for number, (phase, publication) in enumerate(
            [("full", 1), ("incremental", 2), ("full", 3), ("full", 3), ("incremental", 4), ("incremental", 5)]
        )
    ]
    delivery = Remembering.model_validate(contract().model_dump())

    done = pruned(errands, delivery)

    assert (done.files, done.kept) == ((paths[0].name, paths[1].name), {"remembered": 3, "the newest": 1})
    assert left(errands) == paths[2:]


def test_without_a_full_history_everything_is_remembered(errands: Errand) -> None:
    sent(errands, 0)
    sent(errands, 1, YOUNG)

    assert pruned(errands, Remembering.model_validate(contract().model_dump())).kept == {"remembered": 1}


def test_a_call_stopped_between_ledger_and_disk_is_finished_by_the_next(errands: Errand) -> None:
    old = sent(errands, 0, pruned_at=OLD)
    sent(errands, 1, YOUNG)

    assert pruned(errands).files == (old.name,)
    assert not old.exists()
    assert rows(errands)[0].pruned_at == OLD


def rows(errands: Errand) -> list[Any]:
    with errands.ledger.read() as session:
        return list(sendings.of_delivery(session, "opower_interval_electric"))
