"""A model of the partner: takes files in the order in which they arrive, and ends in a state.

Belongs here: what the partner is documented to do with a file, row by row. Does not belong here: anything of the
writer, of the checker or of a profile: it shares no line with them, so that what all of them have wrong can show.

By the partner's pages "Data File Order", "Additional Business Rules", "Usage Fields", "Account Fields", "Interval Data
File Specifications": files load in order of arrival; of several rows about the same thing the last one counts, inside a
file and across files; a period is corrected by the very same period, or by a longer one from an old start past the
newest end; `active_date` never changes; an empty estimate flag means estimated; a read is its instant, with the offset.
"""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from itertools import pairwise

_NAME = re.compile(
    r"opwr_[a-z0-9]{3,4}_(?P<population>res|nonres|nonres-smb|nonres-lci)_v\d+-\d+-\d+_"
    r"(?P<kind>full|customer|usage|interval(?P<minutes>5|15|30|60|1440))_(?P<stamp>\d{14})\.(?P<packed>gz|zip)"
)
_DIGITS = re.compile(r"-?\d+(\.\d+)?")


class FileRefused(Exception):
    """The partner does not take the file at all."""


@dataclass(frozen=True)
class ReadKey:
    """What tells interval reads apart."""

    service_point_id: str
    end_at: datetime  # UTC
    service_type: str
    quantity: str
    units: str


@dataclass(frozen=True)
class Amount:
    """What was read or billed."""

    value: Decimal
    is_estimated: bool
    charge: Decimal | None = None


@dataclass(frozen=True)
class Period:
    """Days billed: from the first to the boundary day."""

    start: date
    end: date

    @property
    def days(self) -> int:
        return (self.end - self.start).days


@dataclass(frozen=True)
class Rejected:
    """One row the partner did not take."""

    file: str
    line: int
    why: str


@dataclass
class Receiver:
    """The partner's state after the files so far.

    Attributes:
        reads: interval reads.
        periods: billed periods by service point.
        accounts: the last row of each account and service point, by column.
        occupant: the account that was last said to be at a service point.
        rejected: rows not taken.
        replaced: reads and periods that a later row took the place of.
        widened: periods among them whose place a longer one took.
        repeated: those among them of which the later row said nothing new: sent twice for nothing.
    """

    reads: dict[ReadKey, Amount] = field(default_factory=dict)
    periods: dict[str, dict[Period, Amount]] = field(default_factory=lambda: defaultdict(dict))
    accounts: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    occupant: dict[str, str] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    replaced: int = 0
    widened: int = 0
    repeated: int = 0
    names: list[str] = field(default_factory=list)

    def take(self, name: str, data: bytes) -> None:
        """Load the file that has arrived.

        Raises:
            FileRefused: the name, the packing, the header or the columns are not the partner's.
        """
        named = _NAME.fullmatch(name)
        if named is None:
            raise FileRefused(f"{name}: the name")
        if name in self.names:
            raise FileRefused(f"{name}: came before")
        self.names.append(name)
        text = _unpacked(name, data).decode("utf-8")
        lines = text.replace("\r\n", "\n").split("\n")
        if lines.pop() != "":
            raise FileRefused(f"{name}: the last line has no end")
        header = lines[0].split("\t")
        for number, line in enumerate(lines[1:], 2):
            cells = line.split("\t")
            if len(cells) != len(header):
                raise FileRefused(f"{name}: line {number} has {len(cells)} columns, the header {len(header)}")
            why = self._take_row(dict(zip(header, cells, strict=True)), named["kind"], named["minutes"])
            if why:
                self.rejected.append(Rejected(name, number, why))

    def holes(self, step: timedelta) -> list[tuple[ReadKey, ReadKey]]:
        """Return neighbouring reads of one channel that lie further apart than a step."""
        channels: dict[tuple[str, str, str, str], list[ReadKey]] = defaultdict(list)
        for key in self.reads:
            channels[key.service_point_id, key.service_type, key.quantity, key.units].append(key)
        found = []
        for keys in channels.values():
            keys.sort(key=lambda k: k.end_at)
            found += [(a, b) for a, b in pairwise(keys) if b.end_at - a.end_at != step]
        return found

    # ---- rows ---------------------------------------------------------------------------------------------------

    def _take_row(self, row: dict[str, str], kind: str, minutes: str | None) -> str:
        if minutes:
            return self._take_read(row, int(minutes))
        why = ""
        if kind in {"full", "customer"}:
            why = self._take_account(row)
        if not why and kind in {"full", "usage"}:
            why = self._take_usage(row)
        return why

    def _take_read(self, row: dict[str, str], minutes: int) -> str:
        amount = _amount(row)
        if isinstance(amount, str):
            return amount
        if not row["service_point_id"]:
            return "no service point"
        local = f"{row['date']} {row['time']} {row['UTC_offset']}"
        end = _instant(local)
        if end is None:
            return f"no instant: {local}"
        if (end.hour * 60 + end.minute) % minutes:
            return f"{local} is not on the grid of {minutes} minutes"
        key = ReadKey(
            row["service_point_id"],
            end.astimezone(UTC),
            row["service_type"],
            row["service_quantity_identifier"],
            row["units"],
        )
        self.replaced += key in self.reads
        self.repeated += self.reads.get(key) == amount
        self.reads[key] = amount
        return ""

    def _take_account(self, row: dict[str, str]) -> str:
        for needed in ("customer_id", "premise_id", "account_id", "active_date", "service_point_id"):
            if not row[needed]:
                return f"no {needed}"
        key = row["account_id"], row["service_point_id"]
        for (account, _), known in self.accounts.items():
            if account == row["account_id"] and known["active_date"] != row["active_date"]:
                return "active_date changed"
        try:
            ends = [_date(row[name]) for name in ("active_date", "inactive_date") if row[name]]
        except ValueError:
            return "no date"
        if ends != sorted(ends):
            return "inactive before active"
        self.accounts.pop(key, None)  # the last row is the newest one, also in the order of this dictionary
        self.accounts[key] = {name: value for name, value in row.items() if name not in _USAGE_COLUMNS}
        self.occupant[row["service_point_id"]] = row["account_id"]
        return ""

    def _take_usage(self, row: dict[str, str]) -> str:
        point = row["service_point_id"]
        if point not in self.occupant:
            return "no customer file had the service point"
        amount = _amount(row)
        if isinstance(amount, str):
            return amount
        try:
            end, days = _date(row["date_to"]), int(row["duration"])
        except ValueError:
            return "no period"
        if days < 1:
            return "no period"
        return self._put_on_record(self.periods[point], Period(end - timedelta(days=days), end), amount)

    def _put_on_record(self, record: dict[Period, Amount], period: Period, amount: Amount) -> str:
        if period in record:  # exact overwrite
            self.replaced += 1
            self.repeated += record[period] == amount
            record[period] = amount
            return ""
        overlapped = [known for known in record if known.start < period.end and period.start < known.end]
        if overlapped:
            newest = max(record, key=lambda known: known.end)
            is_legal = (
                period.end > newest.end
                and period.days > newest.days
                and any(known.start == period.start for known in record)
            )
            if not is_legal:
                return "overlaps what is on record"
            for known in overlapped:
                self.replaced += 1
                self.widened += 1
                del record[known]
        record[period] = amount
        return ""


_USAGE_COLUMNS = {"usage_value", "date_to", "duration", "is_estimate", "usage_charge"}


def _amount(row: dict[str, str]) -> Amount | str:
    if not _DIGITS.fullmatch(row["usage_value"]):
        return f"no amount: {row['usage_value']!r}"
    flag = row["is_estimate"] or "E"
    if flag not in {"A", "E", "U"}:
        return f"no estimate flag: {flag!r}"
    charge = row.get("usage_charge", "")
    try:
        return Amount(Decimal(row["usage_value"]), flag != "A", Decimal(charge) if charge else None)
    except InvalidOperation:
        return f"no charge: {charge!r}"


@cache
def _instant(local: str) -> datetime | None:
    try:
        return datetime.strptime(local, "%Y%m%d %H%M %z")
    except ValueError:
        return None


def _date(text: str) -> date:
    if not re.fullmatch(r"\d{8}", text):
        raise ValueError(text)
    return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).date()


def _unpacked(name: str, data: bytes) -> bytes:
    if name.endswith(".gz"):
        return gzip.decompress(data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (member,) = archive.namelist()
        return archive.read(member)
