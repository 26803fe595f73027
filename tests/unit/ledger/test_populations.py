"""Where a population stands: its files in their order, and what a person said last."""

from __future__ import annotations

from datetime import UTC, datetime

from nightwatt.ledger import Ledger, populations, sendings
from nightwatt.ledger.models import Decision, Sending

NOW = datetime(2026, 3, 9, 8, 30, tzinfo=UTC)


def test_where_a_population_stands_is_told_by_its_files_and_the_last_word(ledger: Ledger) -> None:
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
