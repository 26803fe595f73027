"""Which time the reads sent so far cover, so that a new file is judged against everything sent before it.

Belongs here: the checker's coverage after each file, kept below `sent/` and brought up to date from the copies. Does
not belong here: judging (`checker_coverage`), nor any code of the writer.

What is kept is what the checker itself knew after reading a file; its name is the hash of that file's bytes, so it can
be written before anybody knows whether the file arrives, and never stands for another one. All of it can be deleted and
is made again by reading the copies once more, as far as they have not been pruned.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from nightwatt.contracts.delivery import OpowerIntervalDelivery
from nightwatt.delivery import outbox
from nightwatt.delivery.opower.checker import Agreed, Within, check_interval_file
from nightwatt.delivery.opower.checker_coverage import Coverage
from nightwatt.delivery.opower.profile import IntervalProfile
from nightwatt.ledger import Ledger, sendings
from nightwatt.ledger.models import Sending
from nightwatt.settings import Settings

KEPT = 3
"""Of how many files the coverage is kept; the newest may be of one that is written again."""


class SentCoverage:
    """The coverage of one delivery's files: sent, or waiting to be, since its history began."""

    def __init__(
        self, settings: Settings, ledger: Ledger, delivery: OpowerIntervalDelivery, profile: IntervalProfile
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._delivery = delivery
        self._profile = profile
        self._folder = settings.sent / delivery.delivery / "coverage"

    def load(self, con: duckdb.DuckDBPyConnection) -> Coverage:
        """Return what the files so far cover, in an engine of the caller's that may spill."""
        coverage = Coverage(con)
        files = self._files()
        known = next((n for n in range(len(files), 0, -1) if self._place(files[n - 1].content_sha256).exists()), 0)
        if known:
            coverage.load(self._place(files[known - 1].content_sha256))
        for file in files[known:]:
            self._add(coverage, file)
        return coverage

    def save(self, coverage: Coverage, sha256: str) -> None:
        """Keep what is covered once the file with this hash is sent, too."""
        self._folder.mkdir(parents=True, exist_ok=True)
        coverage.save(self._place(sha256))
        self._forget({sha256, *(file.content_sha256 for file in self._files()[-KEPT:])})

    def _files(self) -> Sequence[Sending]:
        with self._ledger.read() as session:
            return sendings.since_history(session, self._delivery.delivery)

    def _add(self, coverage: Coverage, file: Sending) -> None:
        """Read the copy of a file once more; what is wrong in it was told when it was sent."""
        copy = outbox.folder_of(self._settings.outbox, file.delivery, file.business_date) / file.file_name
        if copy.is_file():
            agreed = Agreed(length_min=self._delivery.length_min)
            check_interval_file(copy, self._profile, [self._settings.zone], agreed, Within(coverage))

    def _place(self, sha256: str) -> Path:
        return self._folder / f"{sha256[:32]}.parquet"

    def _forget(self, kept: set[str]) -> None:
        names = {self._place(sha256).name for sha256 in kept}
        for path in self._folder.iterdir():
            if path.name not in names:
                path.unlink()
