"""A person's word on whether a population goes to production: what is shown, what is checked again, what is written.

Belongs here: the file a decision is about, and taking the decision. Does not belong here: who is asked and how (the
command line, the DAG), where a population stands (`ledger.populations`), the folders (`opower.phased`).

The word is about one file that lies in the review folder. Between showing it and hearing the answer days may pass; so
all that was shown is looked at again, under the lock that keeps deliveries of this population out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from nightwatt import log
from nightwatt.contracts.delivery import CrmDelivery, Delivery, OpowerBillingDelivery, OpowerDelivery
from nightwatt.delivery import outbox
from nightwatt.delivery.opower.billing_profile import load_billing_profile
from nightwatt.delivery.opower.phased import refuse_incomplete
from nightwatt.delivery.opower.profile import OpowerProfile, load_profile
from nightwatt.delivery.phases import not_phased
from nightwatt.errors import TerminalError
from nightwatt.ledger import Ledger, populations, sendings
from nightwatt.ledger.models import Decision, Sending
from nightwatt.ledger.populations import PopulationState
from nightwatt.settings import Settings


@dataclass(frozen=True)
class Beside:
    """A file that went in the same set: the customers before their usage, or another part of what was split."""

    file_name: str
    rows: int
    sha256: str


@dataclass(frozen=True)
class ReviewFile:
    """The file a decision is about: the last one of its set."""

    sending_id: int
    delivery: str
    file_name: str
    rows: int
    size_bytes: int
    sha256: str
    business_date: date
    delivered_at: datetime
    remote_path: str
    beside: tuple[Beside, ...] = ()  # the others of its set, in sending order

    def to_dict(self) -> dict[str, Any]:
        """Return names, counts and hashes, as text that can be kept while somebody is asked."""
        moments = {"business_date": self.business_date.isoformat(), "delivered_at": self.delivered_at.isoformat()}
        return asdict(self) | moments

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> ReviewFile:
        """Return what `to_dict` kept."""
        moments = {
            "business_date": date.fromisoformat(facts["business_date"]),
            "delivered_at": datetime.fromisoformat(facts["delivered_at"]),
        }
        beside = tuple(Beside(**other) for other in facts["beside"])
        return cls(**{**facts, **moments, "beside": beside})


def phased(contract: Delivery) -> OpowerDelivery:
    """Return the contract, if its files have phases.

    Raises:
        TerminalError: `phase.not_phased`.
    """
    if isinstance(contract, CrmDelivery):
        raise not_phased(contract.delivery)
    return contract


def review_file(settings: Settings, ledger: Ledger, contract: OpowerDelivery) -> ReviewFile:
    """Return the newest incremental in the review folder, which is what a person looks at.

    Raises:
        TerminalError: `approval.nothing_to_approve`, `approval.already_approved`, `approval.file_changed`,
            `delivery.profile_incomplete`.
    """
    with ledger.read() as session:
        found = _candidates(session, contract)
    row, others = found[0], _beside(found, found[0])
    refuse_incomplete(contract, _profile_of(contract))
    for each in (*others, row):
        _refuse_changed(settings, each)
    assert row.delivered_at is not None  # noqa: S101  (set with the state)
    return ReviewFile(
        sending_id=row.id,
        delivery=row.delivery,
        file_name=row.file_name,
        rows=row.rows,
        size_bytes=row.size_bytes,
        sha256=row.content_sha256,
        business_date=row.business_date,
        delivered_at=row.delivered_at,
        remote_path=row.remote_path,
        beside=tuple(Beside(other.file_name, other.rows, other.content_sha256) for other in others),
    )


def approve(
    settings: Settings, ledger: Ledger, contract: OpowerDelivery, shown: ReviewFile, by: str, note: str | None
) -> None:
    """Let the population go to production: its next incremental goes there.

    A newer file may have followed into the review folder meanwhile; a new history may not.

    Raises:
        TerminalError: as `review_file`; `approval.superseded`.
        TransientError: `delivery.busy`, the population is being delivered; try again.
    """
    with outbox.only_one(settings.outbox, contract.delivery):
        refuse_incomplete(contract, _profile_of(contract))
        with ledger.write() as session:
            found = _candidates(session, contract)
            row = {row.id: row for row in found}.get(shown.sending_id)
            if row is None or (row.file_name, row.content_sha256) != (shown.file_name, shown.sha256):
                raise TerminalError(
                    "approval.superseded",
                    f"{shown.file_name} is not a review file of the present history any more",
                    "look at the newest review file and decide about that one",
                )
            for each in (*_beside(found, row), row):
                _refuse_changed(settings, each)
            populations.decide(session, row, Decision.APPROVED, by=by, at=ledger.clock(), note=note)
    log.get("delivery").info("population approved", delivery=contract.delivery, file=shown.file_name)


def reject(ledger: Ledger, contract: OpowerDelivery, shown: ReviewFile, by: str, note: str | None) -> None:
    """Keep the population in review.

    Raises:
        TerminalError: `approval.already_approved`: a late no, or none at all, takes nothing back; `take_back` does.
    """
    with ledger.write() as session:
        _refuse_approved(contract, populations.state_of(session, contract.delivery))
        row = sendings.get(session, shown.sending_id)
        populations.decide(session, row, Decision.REJECTED, by=by, at=ledger.clock(), note=note)
    log.get("delivery").info("population rejected", delivery=contract.delivery, file=row.file_name)


def take_back(ledger: Ledger, contract: OpowerDelivery, by: str, note: str | None) -> None:
    """Say no about what went out last: the population stays in review, or goes back there if it was approved.

    Raises:
        TerminalError: `approval.nothing_to_approve`.
    """
    with ledger.write() as session:
        row = populations.last_counted(session, contract.delivery)
        if row is None:
            raise _nothing(contract.delivery, populations.state_of(session, contract.delivery))
        populations.decide(session, row, Decision.REJECTED, by=by, at=ledger.clock(), note=note)
    log.get("delivery").info("population taken back", delivery=contract.delivery, file=row.file_name)


def _candidates(session: Session, contract: OpowerDelivery) -> Sequence[Sending]:
    state = populations.state_of(session, contract.delivery)
    _refuse_approved(contract, state)
    found = populations.for_review(session, contract.delivery)
    if not found:
        raise _nothing(contract.delivery, state)
    return found


def _beside(found: Sequence[Sending], row: Sending) -> list[Sending]:
    """Return the other files of a file's set, in sending order: made together, of one publication."""
    return [
        other
        for other in reversed(found)
        if other.id != row.id
        and (other.business_date, other.publication_sequence) == (row.business_date, row.publication_sequence)
    ]


def _refuse_approved(contract: OpowerDelivery, state: PopulationState) -> None:
    if state is PopulationState.APPROVED:
        raise TerminalError(
            "approval.already_approved",
            f"{contract.delivery} is approved: its incrementals go to {contract.destination.production_folder}",
            "`nightwatt opower state` says by whom; `nightwatt opower approve --reject` takes it back to review",
        )


def _nothing(name: str, state: PopulationState) -> TerminalError:
    return TerminalError(
        "approval.nothing_to_approve",
        f"{name} is in state {state}: no incremental has gone to the review folder since",
        "deliver incrementals first, a whole billing cycle of them if the partner asks for it",
    )


def _refuse_changed(settings: Settings, row: Sending) -> None:
    path = path_of(settings, row)
    if not path.is_file() or outbox.sha256_of(path) != row.content_sha256:
        raise TerminalError(
            "approval.file_changed",
            f"{path} is missing or is not the file the ledger says was sent",
            "restore it from a backup of the outbox; nobody can approve what nobody can look at",
        )


def path_of(settings: Settings, row: Sending) -> Path:
    """Return where our copy of a file lies."""
    return outbox.folder_of(settings.outbox, row.delivery, row.business_date) / row.file_name


def _profile_of(contract: OpowerDelivery) -> OpowerProfile[Any]:
    is_billing = isinstance(contract, OpowerBillingDelivery)
    return load_billing_profile(contract.profile) if is_billing else load_profile(contract.profile)
