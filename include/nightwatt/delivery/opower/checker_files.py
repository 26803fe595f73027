"""The checker on files and folders of any kind, one after the other as the partner would get them.

Belongs here: finding the files, their kind and order, and what only the whole sequence shows. Does not belong here:
the check of one file (`checker`, `checker_billing`), printing (`checker_report`), the command line (`cli`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from posixpath import basename
from typing import Any, Literal, cast

import duckdb

from nightwatt.delivery.opower.billing_profile import FileKind, load_billing_profile
from nightwatt.delivery.opower.billing_v2_profile import load_billing_v2_profile
from nightwatt.delivery.opower.checker import Agreed, Within, check_interval_file
from nightwatt.delivery.opower.checker_billing import check_billing_file
from nightwatt.delivery.opower.checker_billing_v2 import check_billing_v2_file
from nightwatt.delivery.opower.checker_chains import Chains
from nightwatt.delivery.opower.checker_coverage import Coverage
from nightwatt.delivery.opower.checker_record import Record
from nightwatt.delivery.opower.findings import CheckReport, Collector, Level
from nightwatt.delivery.opower.profile import OpowerProfile, load_profile
from nightwatt.errors import TerminalError

BILLING: tuple[FileKind, ...] = ("full", "customer", "usage")
V2 = ("billing_bill", "billing_billsegment", "billing_lineitem", "billing_servicequantity")
KINDS = (*BILLING, *V2, "interval5", "interval15", "interval30", "interval60", "interval1440")
_STAMP = re.compile(r"_(\d{8,14})(?=\.|$)")
Order = Literal["given", "stamp"]


@dataclass(frozen=True)
class Question:
    """What is asked of a sequence of files.

    Attributes:
        zones: time zones of the services; interval labels must be right in one of them.
        kind: what all files are; told from each name if not given.
        order: `given`: as listed, files of a folder by stamp; `stamp`: all by stamp.
        agreed: what is known of the files beforehand.
        first_incremental: missing time keeps a file back, as it does in the first file after the history.
        state: whether the files are under review or approved; with `folder`, whether they may go there.
        folder: folder on the partner's server.
        interval_profile: specification of interval files.
        billing_profile: specification of legacy billing files.
        billing_v2_profile: specification of Billing v2 files.
    """

    zones: Sequence[str]
    kind: str | None = None
    order: Order = "given"
    agreed: Agreed = field(default_factory=Agreed)
    first_incremental: bool = False
    state: Literal["review", "approved"] = "review"
    folder: str | None = None
    interval_profile: str = "opower/interval_v2-0-5"
    billing_profile: str = "opower/legacy_billing_v1-19-0"
    billing_v2_profile: str = "opower/billing_v2-0-3"

    @property
    def gap_level(self) -> Level:
        """How bad missing time is."""
        return Level.FILE if self.first_incremental else Level.WARNING


@dataclass(frozen=True)
class Before:
    """What the partner has already.

    Attributes:
        stamps: the newest stamp of each of the partner's queues (`party_and_stamp`).
        coverage: which time the reads sent cover, in the engine of the check.
        record: periods and accounts sent, likewise.
    """

    stamps: Mapping[str, str]
    coverage: Coverage | None = None
    record: Record | None = None


def check_files(
    paths: Sequence[Path],
    question: Question,
    con: duckdb.DuckDBPyConnection,
    *,
    values: bool = False,
    before: Before | None = None,
) -> Iterator[CheckReport]:
    """Check files one after the other, each against those before it.

    Args:
        con: an engine that may spill; temporary tables are made in it.
        before: what the partner has already; the files are judged after it.
        values: put service point ids and odd values into the samples of findings; for a person's eyes only.

    Raises:
        TerminalError: `delivery.check_unreadable` where there is no such file, `delivery.check_kind` where neither name
            nor question says what a file is.
    """
    files = list(_in_order(_found(paths), question.order))
    kinds = [_kind_of(path, question.kind) for path in files]
    customers_come = any(kind in ("full", "customer") for kind in kinds)
    checked = _Sequence(question, con, before or Before({}), customers_come=customers_come)
    for path, kind in zip(files, kinds, strict=True):
        yield checked.check(path, kind, Collector(values=values))


def wrong_folder(state: str, folder: str, profile: OpowerProfile[Any]) -> str | None:
    """Say why files in this state must not go to a folder; nothing where they may."""
    foreign = profile.folders.review if state == "approved" else profile.folders.production
    if basename(folder.rstrip("/")).lower() in {basename(f).lower() for f in foreign}:
        return f"{state} files must not go to {folder}"
    if state == "approved" and profile.incomplete:
        return f"profile {profile.profile} is incomplete: not to {folder} without the operator's word in the contract"
    return None


class _Sequence:
    """The check of one file after the other."""

    def __init__(
        self, question: Question, con: duckdb.DuckDBPyConnection, before: Before, *, customers_come: bool
    ) -> None:
        self._question = question
        self._gap_level = question.gap_level
        self._interval = load_profile(question.interval_profile)
        self._billing = load_billing_profile(question.billing_profile)
        self._v2 = load_billing_v2_profile(question.billing_v2_profile)
        overlap_level = Level.ROW if self._v2.chain.overlap == "refuse" else Level.WARNING
        self._chains = Chains(con, gap_level=self._gap_level, overlap_level=overlap_level)
        self._coverage = before.coverage or Coverage(con)
        self._record = before.record or Record(con, gap_level=self._gap_level, customers_come=customers_come)
        self._stamps = dict(before.stamps)
        self._modes: dict[str, str] = {}

    def check(self, path: Path, kind: str, found: Collector) -> CheckReport:
        """Check the next file."""
        agreed = self._agreed(path, kind)
        self._note_place(path, kind, found)
        if kind in BILLING:
            return check_billing_file(path, self._billing, self._record, found, cast("FileKind", kind), agreed)
        if kind.startswith("billing_"):
            return self._check_v2(path, kind, found, agreed)
        length = int(kind.removeprefix("interval")) if kind in KINDS else None  # interval45: the name alone is wrong
        within = Within(self._coverage, self._gap_level, found)
        return check_interval_file(
            path, self._interval, self._question.zones, replace(agreed, length_min=length), within
        )

    def _check_v2(self, path: Path, kind: str, found: Collector, agreed: Agreed) -> CheckReport:
        known = next((k for k, token in self._v2.name.types.items() if token == kind), None)
        zone = next(iter(self._question.zones), "UTC")
        return check_billing_v2_file(path, self._v2, zone, self._chains, found, kind=known, agreed=agreed)

    def _agreed(self, path: Path, kind: str) -> Agreed:
        """Expect a stamp later than that of the file of this kind and party before it."""
        stamp = _stamp(path)
        before = self._stamps.get(_party(path, kind), self._question.agreed.after_stamp)
        if len(stamp) == 14:
            self._stamps[_party(path, kind)] = max(stamp, before or stamp)
        return replace(self._question.agreed, after_stamp=before)

    def _note_place(self, path: Path, kind: str, found: Collector) -> None:
        profile = self._profile_of(kind)
        if self._question.folder and (why := wrong_folder(self._question.state, self._question.folder, profile)):
            found.add("WRONG_FOLDER", detail=why)
        if kind in BILLING:
            mode = "one file" if kind == "full" else "two files"
            if self._modes.setdefault(_party(path, ""), mode) != mode:
                found.add("MODE_MIXED", detail=f"now {mode}")

    def _profile_of(self, kind: str) -> OpowerProfile[Any]:
        if kind.startswith("billing_"):
            return self._v2
        return self._billing if kind in BILLING else self._interval


def _found(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files; in a folder not those beginning with a point, and no manifest, which holds no rows."""
    for path in paths:
        if path.is_dir():
            inside = [p for p in path.iterdir() if p.is_file() and not p.name.startswith(".") and p.suffix != ".yaml"]
            if not inside:
                raise _unreadable(path, "an empty folder")
            yield from _in_order(inside, "stamp")
        elif path.is_file():
            yield path
        else:
            raise _unreadable(path, "no such file or folder")


def _in_order(paths: Iterable[Path], order: Order) -> list[Path]:
    """By stamp; of one stamp customers before usage, as the partner needs them."""
    listed = list(paths)
    if order == "given":
        return listed
    return sorted(listed, key=lambda p: (_stamp(p), "_customer_" not in p.name, p.name))


def _kind_of(path: Path, kind: str | None) -> str:
    if kind is not None:
        return kind
    found = re.search(r"(?:^|_)(full|customer|usage|interval\d+|billing_[a-z]+)(?:_|\.|$)", path.name)
    if found is None:
        raise TerminalError(
            "delivery.check_kind",
            f"{path.name}: the name does not say what kind of file it is",
            f"say it with --kind: {', '.join(KINDS)}",
        )
    return found[1]


def party_and_stamp(name: str) -> tuple[str, str]:
    """Return which of the partner's queues a file is in, and its stamp."""
    path = Path(name)
    return _party(path, _kind_of(path, None)), _stamp(path)


def _stamp(path: Path) -> str:
    found = _STAMP.search(path.name)
    return found[1] if found else ""


def _party(path: Path, kind: str) -> str:
    """What tells the partner's queues apart: utility, population and kind."""
    return "_".join([*path.name.split("_")[:3], kind])


def _unreadable(path: Path, why: str) -> TerminalError:
    return TerminalError("delivery.check_unreadable", f"{path}: {why}", "name a file, or a folder with files")
