"""The Opower files of one delivery: which reads, written and checked.

Belongs here: selecting, writing, checking and totalling the interval files. Does not belong here: the window and the
folder (`phased`), the bytes (`interval_writer`), judging them (`checker`), the order of a delivery's steps (`deliver`).

What goes into an incremental is everything loaded after the publication that the last *delivered* file was made from,
through the present one, and what that one was cut short of; the first file takes all reads there are. So late reads,
corrections and replayed rejects are in, whatever their date, and nothing is in twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import duckdb

from nightwatt import duck
from nightwatt.contracts.delivery import OpowerIntervalDelivery
from nightwatt.delivery.opower.checker import Agreed, Within, check_interval_file
from nightwatt.delivery.opower.checker_coverage import Coverage
from nightwatt.delivery.opower.findings import CheckReport
from nightwatt.delivery.opower.interval_writer import Selection, Written, write_interval_files
from nightwatt.delivery.opower.manifest import announced
from nightwatt.delivery.opower.packing import WrittenFile
from nightwatt.delivery.opower.phased import Phased
from nightwatt.delivery.opower.population import Population, agreements_through
from nightwatt.delivery.opower.profile import load_profile
from nightwatt.delivery.opower.sent_coverage import SentCoverage
from nightwatt.delivery.parcels import Made, Outgoing, Task
from nightwatt.delivery.phases import PhaseKind
from nightwatt.delivery.stamps import stamp_of
from nightwatt.errors import TerminalError
from nightwatt.ledger.checks import CheckResult
from nightwatt.ledger.models import Sending


class OpowerMaker:
    """Makes the interval files of one task."""

    def __init__(self, task: Task, delivery: OpowerIntervalDelivery) -> None:
        self._task = task
        self._delivery = delivery
        self._profile = load_profile(delivery.profile)
        self._phased = Phased(task, "interval")

    def remote_folder(self) -> str:
        """Return the folder of the phase and the population's state, refusing what must not go there."""
        return self._phased.remote_folder(self._delivery, self._profile)

    def covered_by(self, last: Sending | None) -> Sending | None:
        """Return the sending that holds all this task would send."""
        return self._phased.covered_by(last)

    def make(self, con: duckdb.DuckDBPyConnection, last: Sending | None) -> Made:
        """Write the reads of the phase's window, and read every file back with the independent checker."""
        delivery, window = self._delivery, self._phased.window(last)
        whose = Population(
            delivery.customer_classes,
            is_history=self._task.phase.kind is not PhaseKind.INCREMENTAL,
            day=self._task.business_date,
            sample=window.sample,
            agreements_since=_agreements_known(last),
        )
        selection = Selection(delivery.commodity, delivery.length_min, window, delivery.feeds, whose.look_up(con))
        known = agreements_through(con) if delivery.customer_classes else None
        newest = self._task.newest_sent()
        written = write_interval_files(
            con, delivery, self._profile, selection, self._task.folder, self._task.first_stamp()
        )
        reports = self._check(written, stamp_of(newest.file_name) if newest else None)
        files = tuple(
            Outgoing(
                file.path, report.rows, file.size_bytes, file.sha256, _totals(report, written, known, first=number == 0)
            )
            for number, (file, report) in enumerate(zip(written.files, reports, strict=True))
        )
        findings = tuple(self._findings(written, reports)) if files else ()
        files = announced(files, self._delivery, self._profile, self._task.folder)
        return Made(files, window, dict(written.left_out), findings)

    def _findings(self, written: Written, reports: Sequence[CheckReport]) -> Iterator[CheckResult]:
        """Yield what the checker and the writer had to say."""
        name = self._task.name
        for f in (f for report in reports for f in report.findings):
            yield CheckResult(f.code, name, False, False, f.message, {"lines": list(f.lines), "count": f.count})
        for reason, count in written.left_out.items():
            if count:
                # A missing read has no value to send; it goes with a later file, when it comes.
                yield CheckResult("delivery.left_out", name, reason == "missing", False, f"{count} left out: {reason}")

    def _check(self, written: Written, after_stamp: str | None) -> list[CheckReport]:
        """Read every file back with the independent checker, after all those sent before; compare the totals."""
        if not written.files:
            return []
        settings, phase = self._task.settings, self._task.phase.kind
        sent = SentCoverage(settings, self._task.ledger, self._delivery, self._profile)
        reports = []
        with duck.memory_engine(settings) as engine:
            # A history starts over, and a sample is a world of its own.
            coverage = sent.load(engine) if phase is PhaseKind.INCREMENTAL else Coverage(engine)
            for file in written.files:
                reports.append(self._checked(file, written.zones, after_stamp, coverage))
                after_stamp = stamp_of(file.name)
            if phase is not PhaseKind.SAMPLE:
                sent.save(coverage, written.files[-1].sha256)
        self._reconcile(written, reports)
        return reports

    def _checked(
        self, file: WrittenFile, zones: Sequence[str], after_stamp: str | None, coverage: Coverage
    ) -> CheckReport:
        agreed = Agreed(
            utility=self._delivery.utility_code,
            population=self._delivery.population,
            length_min=self._delivery.length_min,
            after_stamp=after_stamp,
            size_limit_mb=self._delivery.max_file_mb,
        )
        within = Within(coverage, expects_corrections=True)
        report = check_interval_file(file.path, self._profile, zones, agreed, within)
        if report.blocking:
            raise TerminalError(
                "delivery.check_failed",
                f"{file.path}: not sent:\n  " + "\n  ".join(map(str, report.blocking)),
                "nothing went to the partner; correct the cause and run the delivery again",
            )
        return report

    def _reconcile(self, written: Written, reports: Sequence[CheckReport]) -> None:
        sums: dict[str, Decimal] = {}
        for report in reports:
            for key, value in report.sums.items():
                sums[key] = sums.get(key, Decimal(0)) + value
        read = (sum(r.rows for r in reports), sum(r.service_points for r in reports), sums)
        meant = (written.totals.rows, written.totals.service_points, dict(written.totals.sums))
        if read != meant:
            raise TerminalError(
                "delivery.totals_differ",
                f"{self._task.name}: the files hold {read[0]} rows of {read[1]} service points, "
                f"the warehouse {meant[0]} of {meant[1]}, or their sums differ",
                "nothing was sent; a defect in the writer or the checker, or reads changed meanwhile: run it again",
            )


def _totals(report: CheckReport, written: Written, agreements: int | None, *, first: bool) -> dict[str, object]:
    return {
        "sums": {key: str(value) for key, value in report.sums.items()},
        "service_points": report.service_points,
        "estimated_rows": report.estimated_rows,
        "first_end_at": _iso(report.first_end_at),
        "last_end_at": _iso(report.last_end_at),
        "warnings": report.codes,
        "left_out": dict(written.left_out) if first else {},
        "estimate_defaulted": written.estimate_defaulted if first else 0,
        "agreements_through": agreements,
    }


def _agreements_known(last: Sending | None) -> int | None:
    """Return the newest load of agreements that the last file knew."""
    if last is None:
        return None
    known = (last.totals or {}).get("agreements_through")
    return int(known) if known is not None else last.through_sequence


def _iso(instant: datetime | None) -> str | None:
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
