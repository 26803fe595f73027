"""The Opower files of one delivery: which reads, written and checked.

Belongs here: selecting, writing, checking and totalling the interval files, and which folder they may go to. Does not
belong here: the bytes (`interval_writer`), judging them (`checker`), and the order of a delivery's steps (`deliver`).

What goes into a file is everything loaded after the publication that the last *delivered* file was made from,
through the present one; the first file takes all reads there are. So late reads, corrections and replayed rejects
are in, whatever their date, and nothing is in twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from posixpath import basename

import duckdb

from nightwatt.contracts.delivery import OpowerIntervalDelivery
from nightwatt.delivery.opower.checker import Agreed, check_interval_file
from nightwatt.delivery.opower.findings import CheckReport
from nightwatt.delivery.opower.interval_writer import Selection, Written, write_interval_files
from nightwatt.delivery.opower.profile import IntervalProfile, load_profile
from nightwatt.delivery.parcels import Made, Outgoing, Task
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

    def remote_folder(self) -> str:
        """Return the folder of the delivery's state, refusing what must not go to production."""
        return _remote_folder(self._delivery, self._profile)

    def is_covered(self, last: Sending) -> bool:
        """Return whether no read was loaded since the last file."""
        return last.through_sequence >= self._task.publication.through_sequence

    def make(self, con: duckdb.DuckDBPyConnection, last: Sending | None) -> Made:
        """Write the reads loaded since the last file, and read every file back with the independent checker."""
        selection = Selection(
            commodity=self._delivery.commodity,
            length_min=self._delivery.length_min,
            since_sequence=last.through_sequence if last else None,
            through_sequence=self._task.publication.through_sequence,
            feeds=self._delivery.feeds,
        )
        stamp = self._task.first_stamp(last)
        written = write_interval_files(con, self._delivery, self._profile, selection, self._task.folder, stamp)
        reports = self._check(written, stamp_of(last.file_name) if last else None)
        files = tuple(
            Outgoing(file.path, report.rows, file.size_bytes, file.sha256, _totals(report, written, first=number == 0))
            for number, (file, report) in enumerate(zip(written.files, reports, strict=True))
        )
        findings = tuple(self._findings(written, reports)) if files else ()
        return Made(files, selection.since_sequence, dict(written.left_out), findings)

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
        """Read every file back with the independent checker, and compare its totals with the writer's."""
        reports = []
        for file in written.files:
            report = check_interval_file(
                file.path,
                self._profile,
                written.zones,
                Agreed(
                    utility=self._delivery.utility_code,
                    population=self._delivery.population,
                    length_min=self._delivery.length_min,
                    after_stamp=after_stamp,
                    size_limit_mb=self._delivery.max_file_mb,
                ),
            )
            after_stamp = stamp_of(file.name)
            if report.blocking:
                raise TerminalError(
                    "delivery.check_failed",
                    f"{file.path}: not sent:\n  " + "\n  ".join(map(str, report.blocking)),
                    "nothing went to the partner; correct the cause and run the delivery again",
                )
            reports.append(report)
        self._reconcile(written, reports)
        return reports

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


def _totals(report: CheckReport, written: Written, *, first: bool) -> dict[str, object]:
    return {
        "sums": {key: str(value) for key, value in report.sums.items()},
        "service_points": report.service_points,
        "estimated_rows": report.estimated_rows,
        "first_end_at": _iso(report.first_end_at),
        "last_end_at": _iso(report.last_end_at),
        "warnings": report.codes,
        "left_out": dict(written.left_out) if first else {},
        "estimate_defaulted": written.estimate_defaulted if first else 0,
    }


def _iso(instant: datetime | None) -> str | None:
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _remote_folder(delivery: OpowerIntervalDelivery, profile: IntervalProfile) -> str:
    """Return the folder of the delivery's state, refusing what must not go to production."""
    approved = delivery.state == "approved"
    folder = delivery.destination.production_folder if approved else delivery.destination.review_folder
    foreign = profile.folders.review if approved else profile.folders.production
    if basename(folder.rstrip("/")).lower() in {basename(f).lower() for f in foreign}:
        raise TerminalError(
            "delivery.wrong_folder",
            f"{delivery.delivery} is in state {delivery.state}, which must not go to {folder}",
            "correct `state` or the destination's folders in the delivery contract",
        )
    if approved and profile.incomplete and not delivery.allow_incomplete_profile:
        raise TerminalError(
            "delivery.profile_incomplete",
            f"{delivery.delivery} is approved for production, but profile {profile.profile} is incomplete: "
            f"{', '.join(o.topic for o in profile.unconfirmed)}",
            "have the partner confirm these topics, or set allow_incomplete_profile in the contract on your own word",
        )
    return folder
