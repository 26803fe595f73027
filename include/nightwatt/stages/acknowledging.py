"""Acknowledging: what the CRM says about files sent, and the state it moves.

Belongs here: running the reader of answers as a stage. Does not belong here: reading and concluding (delivery).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from nightwatt.contracts.delivery import CrmDelivery
from nightwatt.delivery.salesforce.answers import AnswerReader, Taken, rebuild
from nightwatt.delivery.salesforce.profile import load_profile
from nightwatt.delivery.salesforce.state import StateStore
from nightwatt.duck import memory_engine
from nightwatt.errors import TerminalError
from nightwatt.stages.platform import Platform


@dataclass(frozen=True)
class AcknowledgeSummary:
    """What taking answers in did."""

    taken: Taken

    def lines(self) -> Iterator[str]:
        """Yield what an operator wants to read."""
        t = self.taken
        yield (
            f"{t.delivery}: {t.files} file(s) answered: {t.accepted:,} row(s) accepted, {t.refused:,} refused, "
            f"{t.unprocessed:,} unprocessed; {t.waiting} file(s) without an answer"
        )
        if t.again:
            yield f"  {t.again} file(s) had been answered before; nothing changed"
        for finding in t.findings:
            yield f"  {finding.code}: {finding.message}"

    def to_dict(self) -> dict[str, Any]:
        """Return counts and codes."""
        t = self.taken
        counts = {"files": t.files, "accepted": t.accepted, "refused": t.refused, "unprocessed": t.unprocessed}
        codes = sorted({f.code for f in t.findings})
        return {"delivery": t.delivery, **counts, "again": t.again, "waiting": t.waiting, "findings": codes}


def acknowledge(
    platform: Platform, delivery_name: str, business_date: date, files: Sequence[Path] | None = None
) -> AcknowledgeSummary:
    """Take in the answers given, or those in the delivery's inbound folder; what was taken in before changes nothing.

    Args:
        platform: the home.
        delivery_name: a delivery to the CRM.
        business_date: the night in which it is noted.
        files: the answers; those in `inbound/acks/<delivery>/` otherwise.
    """
    contract = _crm(platform, delivery_name)
    with platform.ledger.run("acknowledge", delivery_name, business_date, platform.started_by) as run:
        reader = AnswerReader(contract, platform.settings, platform.ledger, business_date, run.id)
        return AcknowledgeSummary(reader.take(files))


def rebuild_acknowledged(platform: Platform, delivery_name: str) -> dict[str, int]:
    """Make the acknowledged state again from all answers kept; returns the records by object."""
    contract = _crm(platform, delivery_name)
    store = StateStore(platform.settings, platform.ledger, delivery_name)
    made: dict[str, int] = {}
    with (
        platform.ledger.run("acknowledge", delivery_name, None, platform.started_by),
        memory_engine(platform.settings) as con,
    ):
        for crm_object in load_profile(contract.profile).of_domain(contract.domain):
            version = rebuild(con, store, crm_object.name)
            if version is not None:
                made[crm_object.name] = version.rows
    return made


def _crm(platform: Platform, delivery_name: str) -> CrmDelivery:
    contract = platform.catalog.delivery(delivery_name)
    if not isinstance(contract, CrmDelivery):
        raise TerminalError(
            "delivery.no_answers",
            f"{delivery_name} is a delivery of kind {contract.kind}, whose partner does not answer row by row",
            f"deliveries of kind crm: {_crm_names(platform)}",
        )
    return contract


def _crm_names(platform: Platform) -> str:
    names = sorted(n for n, d in platform.catalog.deliveries.items() if isinstance(d, CrmDelivery))
    return ", ".join(names) or "none"
