"""Taking in what the CRM says about files sent, and moving the acknowledged state by it.

Belongs here: which file an answer belongs to, whether all its rows are accounted for, keeping keys and outcomes,
switching the state. Does not belong here: reading a result file (`results`) or a document about whole files
(`acknowledgements`), and the state itself (`state`).

Answers are files named after ours: `<our file>.successful.csv`, `.failed.csv`, `.unprocessed.csv` (Bulk API results of
the job or jobs that loaded it), or a JSON document that names files. Nothing moves until uploaded = successful + failed
+ unprocessed. An answer that comes twice changes nothing; one that does not come leaves its rows to go again.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date
from pathlib import Path

import duckdb
from sqlalchemy.orm import Session

from nightwatt import duck
from nightwatt.contracts.delivery import CrmDelivery
from nightwatt.delivery import outbox
from nightwatt.delivery.salesforce.acknowledgements import FileAcknowledgement, read_acknowledgements
from nightwatt.delivery.salesforce.profile import CrmObject, CrmProfile, load_profile
from nightwatt.delivery.salesforce.results import BulkResults, Settlement, read_results, settle
from nightwatt.delivery.salesforce.state import StateStore, write_parquet
from nightwatt.delivery.stamps import stamp_of
from nightwatt.duck import ident, text
from nightwatt.errors import NightWattError, TerminalError
from nightwatt.ledger import Ledger, acknowledgements, checks
from nightwatt.ledger.acknowledgements import Expected
from nightwatt.ledger.checks import CheckResult
from nightwatt.ledger.models import Acknowledged, AnswerState
from nightwatt.settings import Settings

_NAMED = re.compile(
    r"^(?P<file>.+?)(?:\.csv)?[._-](?P<kind>successful|failed|unprocessed)(?:results|records)?(?:[._-]\d+)?\.csv$",
    re.IGNORECASE,
)
SHOWN_CLASSES = 20


@dataclass(frozen=True)
class Taken:
    """What taking answers in came to."""

    delivery: str
    files: int = 0  # of ours, that are answered now
    accepted: int = 0
    refused: int = 0
    unprocessed: int = 0
    again: int = 0  # answered before; nothing changed
    waiting: int = 0  # files of ours nobody has answered for
    findings: tuple[CheckResult, ...] = ()


@dataclass
class _Answers:
    """The files that say something about one file of ours."""

    expected: Expected
    successful: list[Path] = field(default_factory=list)
    failed: list[Path] = field(default_factory=list)
    unprocessed: list[Path] = field(default_factory=list)
    whole: list[tuple[Path, FileAcknowledgement]] = field(default_factory=list)

    @property
    def paths(self) -> list[Path]:
        return [*self.successful, *self.failed, *self.unprocessed, *(p for p, _ in self.whole)]

    def results(self) -> BulkResults:
        return BulkResults(tuple(self.successful), tuple(self.failed), tuple(self.unprocessed))


@dataclass(frozen=True)
class _Reading:
    """An answer whose rows are all accounted for, with keys and outcomes on disk."""

    answers: _Answers
    state: AnswerState
    settlement: Settlement
    kept: Path | None
    findings: tuple[CheckResult, ...] = ()


class AnswerReader:
    """Takes the answers to one delivery in."""

    def __init__(
        self, delivery: CrmDelivery, settings: Settings, ledger: Ledger, business_date: date, run_id: int | None = None
    ) -> None:
        self._delivery = delivery
        self._settings = settings
        self._ledger = ledger
        self._business_date = business_date
        self._run_id = run_id
        self._profile: CrmProfile = load_profile(delivery.profile)
        self._store = StateStore(settings, ledger, delivery.delivery)
        self._findings: list[CheckResult] = []

    @property
    def folder(self) -> Path:
        """Where answers are dropped."""
        return self._settings.answers / self._delivery.delivery

    def take(self, paths: Sequence[Path] | None = None) -> Taken:
        """Read the answers given, or those in the inbound folder, and move the acknowledged state.

        Raises:
            TransientError: `delivery.busy`, another process delivers or takes answers in.
        """
        with outbox.only_one(self._settings.outbox, self._delivery.delivery):
            found = self._belonging(self._listed() if paths is None else list(paths))
            again = [a for a in found if a.expected.answer.state == AnswerState.ACKNOWLEDGED]
            read: list[_Reading] = []
            with duck.memory_engine(self._settings) as con:
                for answers in found:
                    if answers not in again:
                        read += self._read(con, answers)
                self._apply(con, read)
            done = [*(r.answers for r in read), *again]
            self._put_away(done, [a for a in found if a not in done])
            return self._taken(read, again)

    def _listed(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return sorted(p for p in self.folder.iterdir() if p.is_file() and not p.name.startswith("."))

    def _belonging(self, paths: Iterable[Path]) -> list[_Answers]:
        """Find the file of ours each answer is about, oldest first."""
        found: dict[int, _Answers] = {}
        for path in paths:
            if path.suffix == ".json":
                self._sort_document(path, found)
            else:
                self._sort_results(path, found)
        return [found[number] for number in sorted(found)]

    def _sort_results(self, path: Path, found: dict[int, _Answers]) -> None:
        named = _NAMED.match(path.name)
        answers = self._of(f"{named['file']}.csv", found) if named else None
        if named is None or answers is None:
            self._note_unknown(path)
            return
        getattr(answers, named["kind"].lower()).append(path)

    def _sort_document(self, path: Path, found: dict[int, _Answers]) -> None:
        try:
            entries = read_acknowledgements(path)
        except TerminalError as e:
            self._note_unreadable(path, e)
            return
        for entry in entries:
            answers = self._of(entry.file, found)
            if answers is None:
                self._note_unknown(path)
            else:
                answers.whole.append((path, entry))

    def _of(self, file_name: str, found: dict[int, _Answers]) -> _Answers | None:
        with self._ledger.read() as session:
            expected = acknowledgements.of_file(session, self._delivery.delivery, file_name)
        if expected is None:
            return None
        return found.setdefault(expected.sending.id, _Answers(expected))

    def _read(self, con: duckdb.DuckDBPyConnection, answers: _Answers) -> Iterator[_Reading]:
        """Yield the reading of an answer that accounts for every row; say what is wrong with another."""
        try:
            reading = self._read_whole(con, answers) if answers.whole else self._read_rows(con, answers)
        except NightWattError as e:
            self._note_unreadable(answers.paths[0], e)
            return
        if reading is not None:
            yield reading

    def _read_rows(self, con: duckdb.DuckDBPyConnection, answers: _Answers) -> _Reading | None:
        is_delete = answers.expected.answer.part == "delete"
        self._load_sent(con, answers.expected, key="remote_id" if is_delete else "external_id")
        key = "Id" if is_delete else self._object(answers.expected).id_header
        read_results(con, answers.results(), key=key, into="_results")
        settlement = settle(con, uploaded="_sent", results="_results", into="_settled")
        if not settlement.is_complete:
            self._note_incomplete(answers, settlement)
            return None
        return self._kept(con, answers, settlement)

    def _read_whole(self, con: duckdb.DuckDBPyConnection, answers: _Answers) -> _Reading | None:
        """Read what is said about a whole file: all rows are there, or nobody knows which."""
        said, sending = answers.whole[-1][1], answers.expected.sending
        if said.rows not in {None, sending.rows} or said.sha256 not in {None, sending.content_sha256}:
            raise TerminalError(
                "acknowledgement.other_file",
                f"{answers.whole[-1][0].name}: {said.file} has other rows or another checksum there than here",
                "find out with the receiver which file it took; the file's rows go again meanwhile",
            )
        if not said.is_accepted:
            nothing = Settlement(sending.rows, 0, 0, 0, sending.rows, 0)
            return _Reading(answers, AnswerState.REFUSED, nothing, None, (self._refused_file(answers, said),))
        settlement = Settlement(sending.rows, sending.rows, 0, 0, 0, 0)
        if answers.expected.answer.rows_path is None:
            return _Reading(answers, AnswerState.ACKNOWLEDGED, settlement, None)
        self._load_sent(con, answers.expected, key="external_id")
        con.execute(
            "create or replace temp table _settled as select external_id, 'accepted' as outcome, "
            "null::varchar as remote_id, null::varchar as error_code, null::varchar as message from _sent"
        )
        return self._kept(con, answers, settlement)

    def _load_sent(self, con: duckdb.DuckDBPyConnection, expected: Expected, *, key: str) -> None:
        """Load what a file carried, by the key its answer has."""
        place = self._settings.root / (expected.answer.rows_path or "")
        if expected.answer.rows_path is None or not place.is_file():
            raise TerminalError(
                "acknowledgement.rows_unknown",
                f"what {expected.sending.file_name} carried is not known here any more",
                "restore the outbox from its backup; until then its rows go again",
            )
        con.execute(
            f"create or replace temp table _sent as select {ident(key)} as external_id, "
            f"external_id as own_id, content_hash, dated from read_parquet({text(place)})"
        )

    def _kept(self, con: duckdb.DuckDBPyConnection, answers: _Answers, settlement: Settlement) -> _Reading:
        """Keep keys and outcomes, in our own words; the state can be made again from them."""
        expected = answers.expected
        stamp, part = stamp_of(expected.sending.file_name), expected.answer.part
        at = text(self._ledger.clock().astimezone(UTC).replace(tzinfo=None))
        query = (
            f"select own_id as external_id, content_hash, remote_id, dated, {text(part)} as part, "
            f"{text(stamp)} as stamp, {at}::timestamp as answered_at, outcome, error_code "
            "from _settled join _sent using (external_id) order by own_id"
        )
        kept = write_parquet(con, query, self._store.answer_path(expected))
        # A record asked for and not there is refused: that is the answer.
        findings = tuple(self._refused_rows(con, answers, settlement)) if settlement.refused and part != "ask" else ()
        return _Reading(answers, AnswerState.ACKNOWLEDGED, settlement, kept, findings)

    def _apply(self, con: duckdb.DuckDBPyConnection, read: Sequence[_Reading]) -> None:
        """Move the state of each object, with everything said about its files, in one step each."""
        for name in dict.fromkeys(r.answers.expected.answer.object_name for r in read):
            self._apply_object(con, name, [r for r in read if r.answers.expected.answer.object_name == name])

    def _apply_object(self, con: duckdb.DuckDBPyConnection, name: str, read: Sequence[_Reading]) -> None:
        kept = [r.kept for r in read if r.kept is not None]
        version, superseded = self._fold(con, name, read, kept) if kept else (None, [])
        at = self._ledger.clock()
        with self._ledger.write() as session:
            for r in read:
                s = r.settlement
                counts = {"accepted": s.accepted, "refused": s.refused, "unprocessed": s.unprocessed}
                place = str(r.kept.relative_to(self._settings.root)) if r.kept else None
                acknowledgements.note(session, r.answers.expected.sending.id, r.state, at, counts, place)
            session.flush()
            if version is None:
                version, superseded = self._moved_watermark(session, name, read)
            if version is not None:
                acknowledgements.switch(session, version)
            for sending_id in superseded:
                acknowledgements.note(session, sending_id, AnswerState.SUPERSEDED, at)
            checks.record(session, [f for r in read for f in r.findings], self._business_date, at, self._run_id)
        self._store.remove_old(name)

    def _fold(
        self, con: duckdb.DuckDBPyConnection, name: str, read: Sequence[_Reading], kept: Sequence[Path]
    ) -> tuple[Acknowledged, list[int]]:
        """Return the next version, on disk, and the open files all of whose rows it knows more recently."""
        table = ident("_folded")
        answered = {r.answers.expected.sending.id for r in read}
        with self._ledger.read() as session:
            waiting = acknowledgements.still_open(session, self._delivery.delivery, name)
        others = [w for w in waiting if w.sending.id not in answered]
        rows = self._store.fold(con, name, kept, table, forget_before=self._forget_before(name), waiting=others)
        path = self._store.write(con, name, table)
        version = self._version(name, max(r.answers.expected.sending.id for r in read), rows)
        version.path = str(path.relative_to(self._settings.root))
        return version, [w.sending.id for w in others if self._is_superseded(con, w, table)]

    def _is_superseded(self, con: duckdb.DuckDBPyConnection, waiting: Expected, state: str) -> bool:
        place = self._settings.root / (waiting.answer.rows_path or "")
        if not place.is_file():
            return False
        stamp = text(stamp_of(waiting.sending.file_name))
        before = self._forget_before(waiting.answer.object_name)
        counts = f"(dated is null or dated >= {text(before)})" if before else "true"
        found = con.execute(
            f"select count(*) from read_parquet({text(place)}) as sent where {counts} and not exists ("
            f"select 1 from {state} as known where known.external_id = sent.external_id and known.stamp > {stamp})"
        ).fetchone()
        return found == (0,)

    def _moved_watermark(
        self, session: Session, name: str, read: Sequence[_Reading]
    ) -> tuple[Acknowledged | None, list[int]]:
        """Return how far loads are wholly acknowledged now, of objects whose changes are told by loads."""
        standing = acknowledgements.current(session, self._delivery.delivery, name)
        for r in reversed(read):
            sending, answer = r.answers.expected.sending, r.answers.expected.answer
            batch = acknowledgements.of_batch(session, sending, name)
            is_whole = all(e.answer.state == AnswerState.ACKNOWLEDGED for e in batch)
            if not is_whole or (standing is not None and standing.sending_id >= batch[-1].sending.id):
                continue
            version = self._version(name, batch[-1].sending.id, sum(e.sending.rows for e in batch))
            version.watermark, version.mapping_sha256 = sending.through_sequence, answer.mapping_sha256
            waiting = acknowledgements.still_open(session, self._delivery.delivery, name)
            return version, [w.sending.id for w in waiting if w.sending.id < batch[0].sending.id]
        return None, []

    def _version(self, name: str, sending_id: int, rows: int) -> Acknowledged:
        return Acknowledged(
            delivery=self._delivery.delivery,
            object_name=name,
            rows=rows,
            sending_id=sending_id,
            at=self._ledger.clock(),
        )

    def _forget_before(self, name: str) -> date | None:
        """Return the day before which records are the CRM's to remove, where the contract says so."""
        window = next((o.window for o in self._profile.objects if o.name == name), None)
        return window.starts(self._business_date) if window and not self._delivery.send_expired else None

    def _object(self, expected: Expected) -> CrmObject:
        found = next((o for o in self._profile.objects if o.name == expected.answer.object_name), None)
        if found is None:
            raise TerminalError(
                "crm.unknown_object",
                f"profile {self._profile.profile} has no object {expected.answer.object_name} any more",
                "name the profile the file was written by in the delivery contract",
            )
        return found

    def _put_away(self, answered: Iterable[_Answers], others: Iterable[_Answers]) -> None:
        """Move what was taken in out of the inbound folder; what also speaks of files not settled yet stays."""
        needed = {p for a in others for p in a.paths}
        for path in dict.fromkeys(p for a in answered for p in a.paths if p not in needed):
            if path.parent == self.folder and path.is_file():
                place = self._store.folder("taken") / path.name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(path, place)

    def _taken(self, read: Sequence[_Reading], again: Sequence[_Answers]) -> Taken:
        with self._ledger.write() as session:
            checks.record(session, self._findings, self._business_date, self._ledger.clock(), self._run_id)
            waiting = acknowledgements.still_open(session, self._delivery.delivery)
        return Taken(
            delivery=self._delivery.delivery,
            files=len(read),
            accepted=sum(r.settlement.accepted for r in read),
            refused=sum(r.settlement.refused for r in read),
            unprocessed=sum(r.settlement.unprocessed for r in read),
            again=len(again),
            waiting=len(waiting),
            findings=(*(f for r in read for f in r.findings), *self._findings),
        )

    # --- what is to be said -----------------------------------------------------------------------------

    def _refused_rows(
        self, con: duckdb.DuckDBPyConnection, answers: _Answers, settlement: Settlement
    ) -> Iterator[CheckResult]:
        """Keep the refused keys with the CRM's message without values, and say how many of each there are."""
        expected = answers.expected
        name, file_name = expected.answer.object_name, expected.sending.file_name
        query = (
            "select own_id as external_id, error_code, message from _settled join _sent using (external_id) "
            "where outcome = 'refused' order by own_id"
        )
        store = self._settings.refusals / self._delivery.delivery
        write_parquet(con, query, store / f"refused_{Path(file_name).stem}.parquet")
        classes = con.execute(
            "select message, count(*) from _settled where outcome = 'refused' group by message order by 2 desc, 1"
        ).fetchmany(SHOWN_CLASSES)
        evidence = {"object": name, "file": file_name, "classes": {str(m): int(n) for m, n in classes}}
        most = f"; most often: {classes[0][0]}" if classes else ""
        message = f"the CRM refused {settlement.refused} of {settlement.uploaded} row(s) of {name}{most}"
        yield CheckResult("crm.row_refused", f"{self._delivery.delivery}/{name}", False, False, message, evidence)

    def _refused_file(self, answers: _Answers, said: FileAcknowledgement) -> CheckResult:
        name = answers.expected.answer.object_name
        message = f"the CRM did not take {said.file} ({said.state.value}); its rows go again"
        evidence = {"object": name, "state": said.state.value, "message": said.message}
        return CheckResult("crm.file_refused", f"{self._delivery.delivery}/{name}", False, False, message, evidence)

    def _note_incomplete(self, answers: _Answers, found: Settlement) -> None:
        name = answers.expected.sending.file_name
        message = (
            f"{name}: {found.uploaded} row(s) sent, {found.accepted} accepted, {found.refused} refused, "
            f"{found.unprocessed} unprocessed; {found.missing} without a result, {found.surplus} too many"
        )
        subject = f"{self._delivery.delivery}/{answers.expected.answer.object_name}"
        self._findings.append(CheckResult("crm.results_incomplete", subject, False, False, message))

    def _note_unknown(self, path: Path) -> None:
        message = (
            f"{path.name} names no file of {self._delivery.delivery} that awaits an answer; it is left where it is"
        )
        self._findings.append(CheckResult("crm.answer_unknown", self._delivery.delivery, False, False, message))

    def _note_unreadable(self, path: Path, error: NightWattError) -> None:
        message = f"{path.name} is left where it is: {error}"
        self._findings.append(CheckResult("crm.answer_unreadable", self._delivery.delivery, False, False, message))


def rebuild(con: duckdb.DuckDBPyConnection, store: StateStore, object_name: str) -> Acknowledged | None:
    """Make the state of an object again from every answer kept; None where there is none.

    The answers lie beside the state. The ledger says which of them count.
    """
    with store.ledger.read() as session:
        known = acknowledgements.answered(session, store.delivery, object_name)
        waiting = acknowledgements.still_open(session, store.delivery, object_name)
    if not known:
        return None
    paths = [store.settings.root / e.answer.answer_path for e in known if e.answer.answer_path]
    table = ident("_folded")
    rows = store.fold(con, object_name, paths, table, from_nothing=True, waiting=waiting)
    version = Acknowledged(
        delivery=store.delivery,
        object_name=object_name,
        path=str(store.write(con, object_name, table).relative_to(store.settings.root)),
        rows=rows,
        sending_id=known[-1].sending.id,
        at=store.ledger.clock(),
    )
    with store.ledger.write() as session:
        acknowledgements.switch(session, version)
    return version
