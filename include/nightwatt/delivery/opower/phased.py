"""What the makers of this partner's files share: the window of a phase, what covers it, and the folder.

Belongs here: what follows from phase, ledger and contract alike for every standard. Does not belong here: the window's
rule (`delivery.phases`), selecting by it, and the bytes (a maker each).
"""

from __future__ import annotations

from dataclasses import dataclass
from posixpath import basename
from typing import Any

from nightwatt.contracts.delivery import OpowerDelivery
from nightwatt.delivery import phases
from nightwatt.delivery.opower.profile import OpowerProfile
from nightwatt.delivery.parcels import Task
from nightwatt.delivery.phases import PhaseKind, Standard, Window
from nightwatt.errors import TerminalError
from nightwatt.ledger import populations, sendings
from nightwatt.ledger.models import Sending
from nightwatt.ledger.populations import PopulationState


@dataclass(frozen=True)
class Phased:
    """One task of one standard, seen as a phase of its population."""

    task: Task
    standard: Standard

    def window(self, last: Sending | None) -> Window:
        """Return which stored rows the task takes after the sending that counts last."""
        task = self.task
        return phases.window_of(task.phase, last, task.publication, task.business_date, self.standard)

    def covered_by(self, last: Sending | None) -> Sending | None:
        """Return the sending that holds all this task would send.

        Of an incremental: the last one, if nothing was loaded since. Of a sample or a history: one that was made of the
        same publication on the same business date with the same parameters, so that a rerun sends nothing twice.
        """
        task = self.task
        if task.phase.kind is PhaseKind.INCREMENTAL:
            return last if last is not None and phases.is_covered(last, task.publication) else None
        window = self.window(last)
        with task.ledger.read() as session:
            return sendings.same_again(
                session,
                task.name,
                task.business_date,
                publication_sequence=task.publication.sequence,
                phase=task.phase.kind,
                first_day=window.first_day,
                last_day=window.last_day,
                sample_size=window.sample.size if window.sample else None,
                sample_seed=window.sample.seed if window.sample else None,
            )

    def remote_folder(self, delivery: OpowerDelivery, profile: OpowerProfile[Any]) -> str:
        """Return the folder of the task's phase and its population's state, refusing what must not go there."""
        with self.task.ledger.read() as session:
            state = populations.state_of(session, self.task.name)
        return folder_of(delivery, profile, self.task.phase.kind, state)


def folder_of(delivery: OpowerDelivery, profile: OpowerProfile[Any], phase: PhaseKind, state: PopulationState) -> str:
    """Return the folder files of a phase go to; only incrementals of an approved population go to production.

    Raises:
        TerminalError: `delivery.wrong_folder`, `delivery.profile_incomplete`.
    """
    to_production = phase is PhaseKind.INCREMENTAL and state is PopulationState.APPROVED
    folder = delivery.destination.production_folder if to_production else delivery.destination.review_folder
    foreign = profile.folders.review if to_production else profile.folders.production
    if basename(folder.rstrip("/")).lower() in {basename(f).lower() for f in foreign}:
        raise TerminalError(
            "delivery.wrong_folder",
            f"{delivery.delivery}: {phase} files of a population in state {state} must not go to {folder}",
            "correct the destination's folders in the delivery contract",
        )
    if to_production:
        refuse_incomplete(delivery, profile)
    return folder


def refuse_incomplete(delivery: OpowerDelivery, profile: OpowerProfile[Any]) -> None:
    """Refuse production while the profile is incomplete, unless the contract says so.

    Raises:
        TerminalError: `delivery.profile_incomplete`.
    """
    if profile.incomplete and not delivery.allow_incomplete_profile:
        raise TerminalError(
            "delivery.profile_incomplete",
            f"{delivery.delivery} may not go to production: profile {profile.profile} is incomplete: "
            f"{', '.join(o.topic for o in profile.unconfirmed)}",
            "have the partner confirm these topics, or set allow_incomplete_profile in the contract on your own word",
        )
