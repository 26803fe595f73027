"""A population's way to production: samples and histories on demand, where it stands, and who let it go.

Belongs here: what an operator or a DAG asks for by the delivery's name. Does not belong here: writing and sending
(`delivering`), the rules of the phases and of the approval (delivery).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from nightwatt.contracts.delivery import OpowerDelivery
from nightwatt.delivery import approval
from nightwatt.delivery.approval import ReviewFile
from nightwatt.delivery.phases import Phase, PhaseKind
from nightwatt.errors import TerminalError
from nightwatt.ledger import populations, sendings
from nightwatt.ledger.models import Approval, Sending
from nightwatt.ledger.populations import PopulationState
from nightwatt.stages.delivering import DeliverSummary, deliver
from nightwatt.stages.platform import Platform


@dataclass(frozen=True)
class Population:
    """Where a population stands, and what its next incremental would be."""

    delivery: str
    state: PopulationState
    last: Sending | None  # what the next incremental begins after
    newest: Sending | None  # what went out last, samples included
    unfinished: int
    decisions: Sequence[Approval]
    folder: str  # of the next incremental

    def lines(self) -> Iterator[str]:
        """Yield what an operator wants to read."""
        yield f"{self.delivery}: {self.state}; incrementals go to {self.folder}"
        if self.newest is not None:
            yield f"  sent last: {_file(self.newest)}"
        if self.last is None:
            yield "  the next incremental takes everything there is"
        else:
            cut = f", and every row after {self.last.last_day}" if self.last.last_day else ""
            yield f"  the next incremental takes what was loaded after {self.last.through_sequence}{cut}"
        if self.unfinished:
            yield f"  {self.unfinished} file(s) are on their way and go first"
        for d in self.decisions:
            note = f": {d.note}" if d.note else ""
            yield f"  {d.decision} by {d.decided_by} at {d.decided_at:%Y-%m-%d %H:%M} UTC{note}"


def _file(row: Sending) -> str:
    days = f", {row.first_day or 'the beginning'} to {row.last_day or 'the end'}" if row.phase != "incremental" else ""
    return f"{row.phase} {row.file_name}, {row.rows:,} rows{days}"


def deliver_phase(
    platform: Platform, delivery_name: str, business_date: date, phase: Phase, *, start_over: bool = False
) -> DeliverSummary:
    """Write, check and send a sample, a history or an incremental.

    Args:
        platform: the home.
        delivery_name: the delivery.
        business_date: the night.
        phase: what is asked for.
        start_over: a history of an approved population is meant, and takes it back to review.

    Raises:
        TerminalError: `phase.not_phased`, `phase.in_production`.
    """
    contract = approval.phased(platform.catalog.delivery(delivery_name))
    if phase.kind is PhaseKind.FULL and not start_over:
        with platform.ledger.read() as session:
            state = populations.state_of(session, contract.delivery)
        if state is PopulationState.APPROVED:
            raise TerminalError(
                "phase.in_production",
                f"{contract.delivery} is approved; a new history takes it back to review, until it is approved again",
                "agree on it with the partner, then ask for it with --start-over",
            )
    return deliver(platform, delivery_name, business_date, phase=phase)


def population(platform: Platform, delivery_name: str) -> Population:
    """Return where a population stands."""
    contract = _contract(platform, delivery_name)
    with platform.ledger.read() as session:
        state = populations.state_of(session, delivery_name)
        return Population(
            delivery=delivery_name,
            state=state,
            last=populations.last_counted(session, delivery_name),
            newest=sendings.last_delivered(session, delivery_name),
            unfinished=len(sendings.unfinished(session, delivery_name)),
            decisions=populations.decisions(session, delivery_name),
            folder=contract.destination.production_folder
            if state is PopulationState.APPROVED
            else contract.destination.review_folder,
        )


def review_file(platform: Platform, delivery_name: str) -> ReviewFile:
    """Return the file that a decision is about."""
    return approval.review_file(platform.settings, platform.ledger, _contract(platform, delivery_name))


def approve(platform: Platform, shown: ReviewFile, by: str, note: str | None = None) -> Population:
    """Let a population go to production, after its file was looked at."""
    contract = _contract(platform, shown.delivery)
    with platform.ledger.run("approve", shown.delivery, shown.business_date, platform.started_by):
        approval.approve(platform.settings, platform.ledger, contract, shown, by, note or None)
    return population(platform, shown.delivery)


def reject(platform: Platform, shown: ReviewFile, by: str, note: str | None = None) -> Population:
    """Keep a population in review, after its file was looked at."""
    contract = _contract(platform, shown.delivery)
    with platform.ledger.run("reject", shown.delivery, shown.business_date, platform.started_by):
        approval.reject(platform.ledger, contract, shown, by, note or None)
    return population(platform, shown.delivery)


def take_back(platform: Platform, delivery_name: str, by: str, note: str | None = None) -> Population:
    """Keep a population in review, or take it back there."""
    contract = _contract(platform, delivery_name)
    with platform.ledger.run("reject", delivery_name, None, platform.started_by):
        approval.take_back(platform.ledger, contract, by, note or None)
    return population(platform, delivery_name)


def _contract(platform: Platform, delivery_name: str) -> OpowerDelivery:
    return approval.phased(platform.catalog.delivery(delivery_name))
