"""The CRM's files of one delivery: what changed since its last word, object by object, and a manifest last.

Belongs here: the order of the objects, numbering and naming the files, the accounting, what is to be said about rows
that did not go. Does not belong here: which rows go (`delta`), bytes (`files`, `dialects`), what is acknowledged
(`state`), and the order of a delivery's steps (`deliver`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from nightwatt import durable
from nightwatt.contracts.delivery import CrmDelivery
from nightwatt.delivery.outbox import rows_beside, sha256_of
from nightwatt.delivery.parcels import Awaited, Made, Outgoing, Task
from nightwatt.delivery.salesforce.delta import Counts, Delta, Group
from nightwatt.delivery.salesforce.dialects import header_line, line_sql
from nightwatt.delivery.salesforce.files import MEGABYTE, CsvFile, Lines, write_files
from nightwatt.delivery.salesforce.profile import CrmObject, CrmProfile, load_profile
from nightwatt.delivery.salesforce.rendering import FAULTS, mapping_sha256
from nightwatt.delivery.salesforce.state import StateStore, write_parquet
from nightwatt.duck import ident, text
from nightwatt.errors import TerminalError
from nightwatt.ledger.checks import CheckResult
from nightwatt.ledger.models import Sending

MANIFEST_VERSION = 1
_MANIFEST = "manifest"
_REASONS = {
    "hold": "by the value map's word (an agreement that is not yet valid)",
    "only_known": "by the value map's word (ended before the CRM heard of them)",
    "fault": "they cannot be written; other findings say why",
    "parent": "the record they belong to is neither acknowledged nor in this delivery",
}


class CrmMaker:
    """Makes the files of one task."""

    def __init__(self, task: Task, delivery: CrmDelivery) -> None:
        self._task = task
        self._delivery = delivery
        self._profile = load_profile(delivery.profile)
        self._objects = _selected(self._profile, delivery)

    def remote_folder(self) -> str:
        """Return the folder the CRM's loader looks at."""
        return self._delivery.destination.folder

    def covered_by(self, last: Sending | None) -> Sending | None:
        """Return the last sending if this publication was compared with the CRM's state for this business date.

        Rows that were refused or not answered for go again with the next business date or publication, and with
        every one after that; a second call for the same one sends nothing.
        """
        present = (self._task.publication.sequence, self._task.business_date)
        if last is None or (last.publication_sequence, last.business_date) != present:
            return None
        return last

    def make(self, con: duckdb.DuckDBPyConnection, last: Sending | None) -> Made:  # noqa: ARG002
        """Write what changed, object by object in load order, then what expired in reverse, then the manifest."""
        batch = _Batch(self._task, self._delivery, self._profile, con, self._task.first_stamp())
        for crm_object in self._objects:
            batch.add(crm_object, [o.name for o in self._objects])
        for crm_object in reversed(self._objects):
            batch.add_expired(crm_object)
        return batch.finish()


@dataclass
class _Batch:
    """The files of one call, as they come to be."""

    task: Task
    delivery: CrmDelivery
    profile: CrmProfile
    con: duckdb.DuckDBPyConnection
    stamp: datetime
    files: list[Outgoing] = field(default_factory=list)
    listed: list[dict[str, Any]] = field(default_factory=list)
    deltas: dict[str, Delta] = field(default_factory=dict)
    counts: dict[str, dict[str, Any]] = field(default_factory=dict)
    findings: list[CheckResult] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def _store(self) -> StateStore:
        return StateStore(self.task.settings, self.task.ledger, self.task.name)

    def add(self, crm_object: CrmObject, selected: Sequence[str]) -> None:
        """Write the files of one object."""
        delta = Delta(self.con, crm_object, {o.name: o for o in self.profile.objects})
        self._store.load(self.con, crm_object.name, delta.table("known"), delta.table("doubted"))
        delta.render(self._since(crm_object))
        delta.judge(selected)
        self.deltas[crm_object.name] = delta
        self._count(delta)
        for group in delta.groups():
            self._write(delta, group)

    def _since(self, crm_object: CrmObject) -> int | None:
        """Return the load after which rows go, of objects whose changes are told by loads."""
        if crm_object.changes != "sequence":
            return None
        standing = self._store.current(crm_object.name)
        if standing is None or standing.mapping_sha256 != mapping_sha256(crm_object):
            return 0  # acknowledged under another mapping: everything goes again
        return standing.watermark or 0

    def _count(self, delta: Delta) -> None:
        name, counts = delta.crm_object.name, delta.counts()
        if not counts.adds_up:
            raise TerminalError("crm.rows_lost", f"{name}: rows are unaccounted for", "nothing was sent; a defect")
        before = _window_start(self.task.business_date, delta.crm_object)
        expired, without_id, vanished = delta.gone(before)
        asked = self.con.execute(f"select count(*) from {delta.lost_track_of(before)} as lost").fetchone()
        untouched = self._untouched(delta, counts)
        self.counts[name] = {
            "rows": counts.rows + untouched,
            "delivered": counts.send,
            "unchanged": counts.unchanged + untouched,
            "held": dict(counts.held),
            "expired": expired,
            "asked": asked[0] if asked else 0,
        }
        self.left_out |= {f"{name}: {reason}": rows for reason, rows in counts.held.items()}
        self.findings += [*self._held(name, counts), *self._faults(delta)]
        self.findings += self._gone(name, vanished, without_id if self.delivery.send_expired else 0)

    def _untouched(self, delta: Delta, counts: Counts) -> int:
        if delta.crm_object.changes != "sequence":
            return 0
        found = self.con.execute(f"select count(*) from {ident(delta.crm_object.mart)}").fetchone()
        return int(found[0]) - counts.rows if found else 0

    def _held(self, name: str, counts: Counts) -> Iterator[CheckResult]:
        for reason, rows in counts.held.items():
            is_meant = reason in {"hold", "only_known"}
            message = f"{rows} row(s) of {name} not sent: {_REASONS[reason]}"
            evidence = {"object": name, "reason": reason, "rows": rows}
            yield CheckResult("crm.rows_held", f"{self.task.name}/{name}", is_meant, False, message, evidence)

    def _faults(self, delta: Delta) -> Iterator[CheckResult]:
        name = delta.crm_object.name
        for f in delta.faults():
            message = f"{name}: {f.header} {FAULTS[f.fault]}, in {f.rows} row(s); they are held back"
            if f.codes:
                message += f"; not mapped: {', '.join(f.codes)}"
            evidence = {"object": name, "field": f.header, "rows": f.rows, "codes": list(f.codes)}
            subject = f"{self.task.name}/{name}.{f.header}"
            if f.fault == "unmapped":
                yield CheckResult("crm.value_unmapped", subject, False, False, message, evidence)
            elif f.fault == "too_long":
                yield CheckResult("crm.value_too_long", subject, False, False, message, evidence)
            else:
                yield CheckResult("crm.value_missing", subject, False, False, message, evidence)

    def _gone(self, name: str, vanished: int, without_id: int) -> Iterator[CheckResult]:
        subject = f"{self.task.name}/{name}"
        if vanished:
            message = f"{vanished} record(s) of {name} are in the CRM and no longer in its mart; they are not deleted"
            yield CheckResult("crm.vanished", subject, False, False, message, {"object": name, "rows": vanished})
        if without_id:
            message = f"{without_id} record(s) of {name} left the window and cannot be deleted: their CRM id is unknown"
            yield CheckResult("crm.expired_without_id", subject, False, False, message, {"rows": without_id})

    def _write(self, delta: Delta, group: Group) -> None:
        thing = delta.crm_object
        cells = [c for c in delta.cells if not (group.part == "known" and c.column.create_only)]
        order = [c.alias for c in delta.cells if c.column.parent]
        amounts = "".join(f", a{n}" for n in range(len(thing.amounts)))
        query = (
            f"select {line_sql(cells, self.profile.dialect)} as line, external_id, content_hash, "
            f"null::varchar as remote_id, dated{amounts} from {delta.table('fates')} "
            f"where fate = 'send' and part = {text(group.part)} and wave = {group.wave} "
            f"order by {', '.join([*order, 'external_id'])}"
        )
        lines = Lines(self.con, query, header_line([c.column for c in cells]), thing.amounts)
        self._files(thing, group.part, "upsert", thing.id_header, lines)

    def add_expired(self, crm_object: CrmObject) -> None:
        """Write the files that delete what has left its window, children before their parents, and ask for the rest.

        Deleting takes the CRM's own id. Where the answer that told it was lost, a row that gives nothing but the
        external id changes nothing in the CRM, and brings the id back; the next delivery deletes by it.
        """
        before = _window_start(self.task.business_date, crm_object)
        counts = self.counts[crm_object.name]
        if before is None or not self.delivery.send_expired:
            return
        if counts["asked"]:
            self._ask(self.deltas[crm_object.name], before)
        if counts["expired"]:
            self._delete(self.deltas[crm_object.name], before)

    def _ask(self, delta: Delta, before: date) -> None:
        thing = delta.crm_object
        key = next(cell for cell in delta.cells if cell.column.header == thing.id_header)
        query = (
            f"select {line_sql([key], self.profile.dialect)} as line, external_id, null::varchar as content_hash, "
            "null::varchar as remote_id, dated "
            f"from (select *, external_id as {key.alias}, true as may_be_there from {delta.lost_track_of(before)}) "
            "order by external_id"
        )
        self._files(thing, "ask", "upsert", thing.id_header, Lines(self.con, query, header_line([key.column]), ()))

    def _delete(self, delta: Delta, before: date) -> None:
        query = (
            "select remote_id || chr(10) as line, external_id, null::varchar as content_hash, remote_id, dated "
            f"from {delta.table('known')} as known where is_there and remote_id is not null "
            f"and dated < {text(before)} and not exists (select 1 from {delta.table('rendered')} as rendered "
            "where rendered.external_id = known.external_id) order by remote_id"
        )
        self._files(delta.crm_object, "delete", "delete", "Id", Lines(self.con, query, "Id", ()))

    def _files(self, thing: CrmObject, part: str, operation: str, id_header: str, lines: Lines) -> None:
        made = list(write_files(lines, self.delivery.max_file_mb * MEGABYTE, self._next_path(thing.object)))
        for f in made:
            totals = _totals(thing, part, operation, f)
            keeps_rows = thing.changes == "content"
            if not keeps_rows:
                rows_beside(f.path).unlink()
            awaited = Awaited(thing.name, part, rows_beside(f.path) if keeps_rows else None, mapping_sha256(thing))
            self.files.append(Outgoing(f.path, f.rows, f.size_bytes, f.sha256, totals, awaited))
            self.listed.append(
                {
                    "file": f.path.name,
                    "name": thing.name,
                    "object": thing.object,
                    "operation": operation,
                    "external_id": id_header,
                    "load": _delete_place(self.profile, thing) if operation == "delete" else thing.load,
                    "part": part,
                    "rows": f.rows,
                    "keys": f.rows,
                    "first_key": f.first_key,
                    "last_key": f.last_key,
                    "amounts": _plain(f.amounts),
                    "bytes": f.size_bytes,
                    "sha256": f.sha256,
                }
            )

    def _next_path(self, label: str) -> Any:
        taken = len(self.files)

        def path() -> Path:
            nonlocal taken
            taken += 1
            return self._path(taken, label, "csv")

        return path

    def _path(self, number: int, label: str, extension: str) -> Path:
        stamp = (self.stamp + timedelta(seconds=number - 1)).astimezone(UTC).strftime("%Y%m%d%H%M%S")
        name = self.profile.name.pattern.format(
            delivery=self.task.name, number=number, object=label.removesuffix("__c"), stamp=stamp
        )
        return self.task.folder / f"{name}.{extension}"

    def finish(self) -> Made:
        """Write the manifest and the list of rows held back; both last."""
        path = self._path(len(self.files) + 1, _MANIFEST, "json")
        path.parent.mkdir(parents=True, exist_ok=True)
        quarantined = self._quarantined()
        durable.write_text(path, self._manifest(quarantined))
        self._note_held(path.stem)
        totals = {"objects": self.counts, "quarantined": quarantined}
        manifest = Outgoing(path, 0, path.stat().st_size, sha256_of(path), totals)
        return Made((*self.files, manifest), None, self.left_out, tuple(self.findings))

    def _manifest(self, quarantined: Mapping[str, int]) -> str:
        content = {
            "manifest_version": MANIFEST_VERSION,
            "delivery": self.task.name,
            "business_date": self.task.business_date.isoformat(),
            "publication": self.task.publication.sequence,
            "profile": self.profile.profile,
            "dialect": self.profile.dialect,
            "api_version": self.profile.api_version,
            "files": self.listed,
            "objects": self.counts,
            "quarantined": dict(quarantined),
        }
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"

    def _quarantined(self) -> dict[str, int]:
        """Count the keys that no mart has because they are at fault, by entity."""
        found = self.con.execute(
            "select 1 from information_schema.tables where table_name = 'crm_quarantine'"
        ).fetchone()
        if found is None or self.delivery.domain != "billing":
            return {}
        rows = self.con.execute(
            "select entity, count(distinct external_id) from crm_quarantine "
            "where is_blocking group by entity order by entity"
        ).fetchall()
        return {str(entity): int(count) for entity, count in rows}

    def _note_held(self, stem: str) -> None:
        """Keep keys and reasons of the rows held back, for whoever looks after them; no values."""
        each = [
            f"select {text(name)} as object, external_id, fate as reason, fault "
            f"from {delta.table('fates')} where fate not in ('send', 'unchanged')"
            for name, delta in self.deltas.items()
        ]
        query = f"select * from ({' union all '.join(each)}) order by all"
        write_parquet(self.con, query, self.task.settings.refusals / self.task.name / f"held_{stem}.parquet")


def _selected(profile: CrmProfile, delivery: CrmDelivery) -> tuple[CrmObject, ...]:
    known = profile.of_domain(delivery.domain)
    unknown = sorted(set(delivery.objects) - {o.name for o in known})
    if unknown or not known:
        raise TerminalError(
            "crm.unknown_object",
            f"{delivery.delivery}: profile {profile.profile} has no {', '.join(unknown) or 'object'} "
            f"of domain {delivery.domain}",
            f"objects: {', '.join(o.name for o in known) or 'none'}",
        )
    return tuple(o for o in known if not delivery.objects or o.name in delivery.objects)


def _window_start(business_date: date, crm_object: CrmObject) -> date | None:
    return crm_object.window.starts(business_date) if crm_object.window else None


def _delete_place(profile: CrmProfile, crm_object: CrmObject) -> int:
    """Return the place of a delete in the load order: behind all upserts, children before their parents."""
    last = max(o.load for o in profile.objects)
    return 2 * last + 1 - crm_object.load


def _totals(thing: CrmObject, part: str, operation: str, file: CsvFile) -> dict[str, Any]:
    return {"object": thing.name, "operation": operation, "part": part, "amounts": _plain(file.amounts)}


def _plain(amounts: Mapping[str, Decimal]) -> dict[str, str]:
    return {name: f"{total.normalize():f}" for name, total in amounts.items()}
