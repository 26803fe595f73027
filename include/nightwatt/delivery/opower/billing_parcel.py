"""The Opower billing files of one delivery: which customers and periods, written and checked.

Belongs here: selecting, writing, checking and totalling the billing files. Does not belong here: the window and the
folder (`phased`), the bytes (`billing_writer`), judging them (`checker_billing`), the order of a delivery's steps.

The checker is given what the partner was sent of the same service points and accounts, so that a file is judged
against everything before it; it reads that from the archive by itself, as it reads the new files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial

import duckdb

from nightwatt import duck
from nightwatt.contracts.delivery import OpowerBillingDelivery
from nightwatt.delivery import sent_index
from nightwatt.delivery.opower.billing_profile import FileKind, load_billing_profile
from nightwatt.delivery.opower.billing_record import Sent
from nightwatt.delivery.opower.billing_writer import BillingFile, Selection, Totals, Written, write_billing_files
from nightwatt.delivery.opower.checker import Agreed
from nightwatt.delivery.opower.checker_billing import check_billing_file
from nightwatt.delivery.opower.checker_history import put_on_record
from nightwatt.delivery.opower.checker_record import Record
from nightwatt.delivery.opower.findings import CheckReport, Collector
from nightwatt.delivery.opower.manifest import announced
from nightwatt.delivery.opower.phased import Phased
from nightwatt.delivery.parcels import Made, Outgoing, Task
from nightwatt.delivery.phases import PhaseKind
from nightwatt.delivery.stamps import stamp_of
from nightwatt.errors import TerminalError
from nightwatt.ledger import sendings
from nightwatt.ledger.checks import CheckResult
from nightwatt.ledger.models import Sending


class OpowerBillingMaker:
    """Makes the billing files of one task."""

    def __init__(self, task: Task, delivery: OpowerBillingDelivery) -> None:
        self._task = task
        self._delivery = delivery
        self._profile = load_billing_profile(delivery.profile)
        self._phased = Phased(task, "billing")

    def remote_folder(self) -> str:
        """Return the folder of the phase and the population's state, refusing what must not go there."""
        return self._phased.remote_folder(self._delivery, self._profile)

    def covered_by(self, last: Sending | None) -> Sending | None:
        """Return the sending that holds all this task would send."""
        return self._phased.covered_by(last)

    def make(self, con: duckdb.DuckDBPyConnection, last: Sending | None) -> Made:
        """Write what the phase's window holds, and read every file back with the independent checker."""
        task, window = self._task, self._phased.window(last)
        sent = self._sent()
        selection = Selection(task.phase.kind, window, task.business_date, sent)
        written = write_billing_files(con, self._delivery, self._profile, selection, task.folder, task.first_stamp())
        reports = self._check(written, sent)
        files = tuple(
            Outgoing(
                made.file.path,
                report.rows,
                made.file.size_bytes,
                made.file.sha256,
                _totals(report, written, first=number == 0),
            )
            for number, (made, report) in enumerate(zip(written.files, reports, strict=True))
        )
        findings = tuple(self._findings(written, reports)) if files else ()
        files = announced(files, self._delivery, self._profile, task.folder)
        return Made(files, window, dict(written.left_out), findings)

    def _sent(self) -> Sent:
        """Return the archive of what the partner has or will have got before these files.

        A sample makes no record, and is not judged against one.
        """
        task = self._task
        with task.ledger.read() as session:
            delivered = [(row.id, row.phase) for row in sendings.arriving(session, task.name)]
        samples = {number for number, phase in delivered if phase == PhaseKind.SAMPLE}
        index = partial(sent_index.ensure, task.settings, task.ledger, task.name, waiting=True)
        others = {number for number, _ in delivered} - samples
        if task.phase.kind is PhaseKind.SAMPLE:
            return Sent(samples=tuple(index(samples | others)))
        return Sent(tuple(index(others)), tuple(index(samples)))

    # ---- judging ------------------------------------------------------------------------------------------------

    def _check(self, written: Written, sent: Sent) -> list[CheckReport]:
        newest = self._task.newest_sent()
        after = stamp_of(newest.file_name) if newest else None
        reports: list[CheckReport] = []
        if not written.files:
            return reports
        with duck.memory_engine(self._task.settings) as con:
            record = Record(con, customers_come=True)
            paths = [made.file.path for made in written.files]
            put_on_record(record, con, self._profile, sent.indexes, paths)
            for made in written.files:
                reports.append(self._checked(made, record, after))
                after = stamp_of(made.file.name)
        self._reconcile(written, reports)
        return reports

    def _checked(self, made: BillingFile, record: Record, after_stamp: str | None) -> CheckReport:
        agreed = Agreed(
            utility=self._delivery.utility_code,
            population=self._delivery.population,
            after_stamp=after_stamp,
            size_limit_mb=self._delivery.max_file_mb,
        )
        report = check_billing_file(made.file.path, self._profile, record, Collector(), made.kind, agreed)
        if report.blocking:
            raise TerminalError(
                "delivery.check_failed",
                f"{made.file.path}: not sent:\n  " + "\n  ".join(map(str, report.blocking)),
                "nothing went to the partner; correct the cause and run the delivery again",
            )
        return report

    def _reconcile(self, written: Written, reports: Sequence[CheckReport]) -> None:
        read: dict[FileKind, Totals] = {}
        for made, report in zip(written.files, reports, strict=True):
            read[made.kind] = _added(read.get(made.kind), report)
        if read != dict(written.totals):
            told = {kind: (t.rows, t.service_points) for kind, t in read.items()}
            meant = {kind: (t.rows, t.service_points) for kind, t in written.totals.items()}
            raise TerminalError(
                "delivery.totals_differ",
                f"{self._task.name}: the files hold rows and service points {told}, the warehouse {meant}, "
                "or their sums differ",
                "nothing was sent; a defect in the writer or the checker, or a publication meanwhile: run it again",
            )

    def _findings(self, written: Written, reports: Sequence[CheckReport]) -> Iterator[CheckResult]:
        """Yield what the checker and the writer had to say."""
        name = self._task.name
        for f in (f for report in reports for f in report.findings):
            yield CheckResult(f.code, name, False, False, f.message, {"lines": list(f.lines), "count": f.count})
        for reason, count in written.left_out.items():
            message = f"{count} left out: {reason}"
            yield CheckResult("delivery.left_out", name, False, False, message, {"reason": reason, "count": count})
        if written.not_expressible:
            message = f"{written.not_expressible} periods held: the partner takes no correction that would say them"
            yield CheckResult(
                "billing.not_expressible", name, False, False, message, {"count": written.not_expressible}
            )
        if written.active_dates_kept:
            message = f"{written.active_dates_kept} accounts said with the active date that was said first"
            evidence = {"count": written.active_dates_kept}
            yield CheckResult("delivery.active_date_kept", name, False, False, message, evidence)


def _added(so_far: Totals | None, report: CheckReport) -> Totals:
    before = so_far or Totals(0, 0, {}, 0)
    sums = {
        key: before.sums.get(key, Decimal(0)) + report.sums.get(key, Decimal(0))
        for key in [*before.sums, *(key for key in report.sums if key not in before.sums)]
    }
    return Totals(
        before.rows + report.rows,
        before.service_points + report.service_points,
        sums,
        before.estimated + report.estimated_rows,
    )


def _totals(report: CheckReport, written: Written, *, first: bool) -> Mapping[str, object]:
    return {
        "kind": report.kind,
        "sums": {key: str(value) for key, value in report.sums.items()},
        "service_points": report.service_points,
        "estimated_rows": report.estimated_rows,
        "first_day": report.first_day.isoformat() if report.first_day else None,
        "last_day": report.last_day.isoformat() if report.last_day else None,
        "gaps": report.gaps,
        "corrections": report.corrections,
        "warnings": report.codes,
        "left_out": dict(written.left_out) if first else {},
        "not_expressible": written.not_expressible if first else 0,
        "active_dates_kept": written.active_dates_kept if first else 0,
    }
