"""The receipt of one sending: everything the ledger knows of it, in the words of an operator.

Belongs here: putting together sending, approval, answer and our own copy. Does not belong here: printing it (`cli`), or
what was in the file (`sent_search`).
"""

from __future__ import annotations

from datetime import UTC, datetime

from nightwatt.delivery import outbox
from nightwatt.ledger import Ledger, acknowledgements, populations
from nightwatt.ledger.models import Approval, Sending
from nightwatt.settings import Settings

Fact = str | int | None


def receipt_of(settings: Settings, ledger: Ledger, row: Sending) -> dict[str, Fact]:
    """Return the receipt as names and values, those that say nothing included."""
    with ledger.read() as session:
        answer = acknowledgements.by_sending(session, [row.id]).get(row.id)
        decided = {a.id: a for a in populations.decisions(session, row.delivery)}.get(row.approval_id or 0)
    copy = outbox.folder_of(settings.outbox, row.delivery, row.business_date) / row.file_name
    return {
        "sending": row.id,
        "delivery": row.delivery,
        "business_date": row.business_date.isoformat(),
        "file": row.file_name,
        "role": row.role,
        "phase": row.phase,
        "rows": row.rows,
        "bytes": row.size_bytes,
        "sha256": row.content_sha256,
        "publication": row.publication_sequence,
        "loads": _loads(row),
        "days": _days(row),
        "state": row.state,
        "to": row.remote_path,
        "intended_at": _instant(row.intended_at),
        "upload_began_at": _instant(row.uploading_at),
        "last_step_at": _instant(row.renaming_at),
        "delivered_at": _instant(row.delivered_at),
        "attempts": row.attempts,
        "approved_by": _approved(decided),
        "answer": answer.state if answer else None,
        "copy": f"pruned at {_instant(row.pruned_at)}" if row.pruned_at else str(copy),
        "message": row.message,
    }


def _loads(row: Sending) -> str:
    first = "the first one" if row.since_sequence is None else f"after {row.since_sequence}"
    return f"{first}, through {row.through_sequence}"


def _days(row: Sending) -> str | None:
    if row.first_day is None and row.last_day is None:
        return None
    return f"{row.first_day or 'the beginning'} to {row.last_day or 'the newest'}"


def _approved(decided: Approval | None) -> str | None:
    return None if decided is None else f"{decided.decided_by}, {_instant(decided.decided_at)}"


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
