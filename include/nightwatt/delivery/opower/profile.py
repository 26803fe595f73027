"""What the partner's specification says, as data: columns, values, names, clock-change convention, folders.

Belongs here: the typed model of what all the partner's profiles share, and of the interval one. Does not belong here:
the billing ones (`billing_profile`), anything the partner decides (that is in `profiles/*.yaml`), nor writing or
checking by it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Generic, Literal, Self, TypeVar

from pydantic import Field, field_validator, model_validator

from nightwatt.delivery.specification import PROFILES, Open, Strict, load

OffsetFormat = Literal["+HHMM", "+HH:MM", "+H"]
FieldName = Literal[
    "service_point_id", "usage_value", "end_date", "end_time", "unit", "quality", "utc_offset", "commodity", "channel"
]  # fmt: skip
ColumnType = Literal["text", "number", "date", "time", "code", "offset"]

_TYPE_OF: dict[FieldName, ColumnType] = {
    "service_point_id": "text",
    "usage_value": "number",
    "end_date": "date",
    "end_time": "time",
    "unit": "code",
    "quality": "code",
    "utc_offset": "offset",
    "commodity": "code",
    "channel": "code",
}
_NEEDED: tuple[FieldName, ...] = ("service_point_id", "usage_value", "end_date", "end_time", "utc_offset")


class Number(Strict):
    """How amounts are written and which are accepted."""

    min_decimals: int = Field(0, ge=0, le=8, description="zeros are added up to this many decimals, never cut above")
    max_decimals: int = Field(8, ge=0, le=8, description="an amount with more is never rounded: it is held back")
    maximum: Decimal
    negative_enabled: bool = Field(False, description="the partner has configured negative amounts")


class Limit(Strict):
    """How long a text may be."""

    characters: int = Field(ge=1)
    confirmed: bool = Field(False, description="printed by the partner: longer is refused; otherwise only warned of")


class BilledColumn(Strict):
    """One column of a billing file, of whichever of the partner's two billing standards."""

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    type: str
    required: bool
    default: str | None = Field(None, description="what the partner reads where the column is empty")
    values: list[str] | None = Field(None, description="every value the partner accepts")
    length: Limit | None = None
    looks_like: str | None = Field(None, description="regular expression; a value of another form is warned of")
    number: Number | None = None
    confirmed: list[str] = Field(default_factory=list)
    unconfirmed: list[str] = Field(default_factory=list)
    note: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if "name" not in self.confirmed:
            raise ValueError(f"column {self.name}: its name is not confirmed, so it cannot be in a file")
        if (self.type == "code") != (self.values is not None):
            raise ValueError(f"column {self.name}: a code column, and no other, needs `values`")
        if (self.type == "number") != (self.number is not None):
            raise ValueError(f"column {self.name}: a number column, and no other, needs `number`")
        if self.looks_like is not None:
            re.compile(self.looks_like)
        return self


class Column(Strict):
    """One column of the file."""

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    field: FieldName = Field(description="which fact of a read goes here")
    type: ColumnType
    required: bool = True
    enabled: bool = True
    confirmed: list[str] = Field(default_factory=list)
    unconfirmed: list[str] = Field(default_factory=list)
    map: dict[str, str | None] | None = Field(None, description="canonical to the partner's value; null: not sent")
    blank: str | None = Field(None, description="written where the source says nothing")
    number: Number | None = None
    note: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.type != _TYPE_OF[self.field]:
            raise ValueError(f"column {self.name}: field {self.field} has type {_TYPE_OF[self.field]}, not {self.type}")
        if self.enabled and "name" not in self.confirmed:
            raise ValueError(f"column {self.name}: its name is not confirmed, so it cannot be enabled")
        if (self.type == "code") != (self.map is not None):
            raise ValueError(f"column {self.name}: a code column, and no other, needs `map`")
        if (self.type == "number") != (self.number is not None):
            raise ValueError(f"column {self.name}: a number column, and no other, needs `number`")
        return self

    @property
    def values(self) -> frozenset[str]:
        """The values the partner accepts here, of a code column."""
        return frozenset(v for v in (*(self.map or {}).values(), self.blank) if v is not None)


Kind = TypeVar("Kind")
"""What tells files of one standard apart: read length in minutes, or the kind of billing file."""


class NameParts(Strict, Generic[Kind]):
    """How files are named."""

    pattern: str
    utility: str = Field(description="regular expression of the code agreed with the partner")
    populations: list[str] = Field(description="tokens agreed on; empty: names of this standard have none")
    types: dict[Kind, str] = Field(description="read length in minutes, or kind of file, to the name's type token")
    extensions: list[str]

    @model_validator(mode="after")
    def _all_parts(self) -> Self:
        for part in ("utility", "population", "version", "type", "stamp", "extension"):
            if part == "population" and not self.populations:
                if "{population}" in self.pattern:
                    raise ValueError("pattern has {population}, but there are no populations")
            elif self.pattern.count(f"{{{part}}}") != 1:
                raise ValueError(f"pattern needs {{{part}}} exactly once")
        return self


class Text(Strict):
    """Delimiter, encoding, line end, header, and words that must not stand for a null."""

    delimiter: Literal["\t"]
    encoding: Literal["utf-8"]
    line_end: Literal["\n", "\r\n"]
    header: bool
    null_words: list[str]


class Compression(Strict):
    """How the file is packed. Part of the profile because it decides the bytes."""

    format: Literal["gzip"]
    level: int = Field(ge=0, le=3)


class Time(Strict):
    """How the end of an interval is labelled."""

    offset_format: OffsetFormat
    clock_change: Literal["I", "II"]


class Folders(Strict):
    """Which folders are for what, as the partner names them."""

    review: list[str]
    production: list[str]


class ManifestFiles(Strict):
    """Under which keys a manifest lists the files that follow. The partner's public page breaks off before them."""

    key: str = Field(description="where the list stands; a dot goes one level down")
    name: str
    size_bytes: str | None = None
    sha256: str | None = None
    rows: str | None = None


class Manifest(Strict):
    """The fileset transfer manifest: a small YAML file before the first data file of its set."""

    name: str = Field(description="pattern with {stamp}, that of the first data file; and {utility}, {population}")
    confirmed: list[str] = Field(default_factory=list)
    unconfirmed: list[str] = Field(default_factory=list)
    meta_version: str | int
    validity_window: int = Field(ge=1, description="seconds from receipt after which missing files are an error")
    extra: dict[str, str | int | bool] = Field(
        default_factory=dict, description="further keys as agreed; a dot goes one level down"
    )
    files: ManifestFiles | None = Field(None, description="null: the files are not listed")

    @field_validator("name")
    @classmethod
    def _tells_sets_apart(cls, value: str) -> str:
        if value.count("{stamp}") != 1:
            raise ValueError("needs {stamp} exactly once")
        value.format(stamp="", utility="", population="")
        return value


class OpowerProfile(Strict, Generic[Kind]):
    """What every profile of this partner says, whatever the standard."""

    profile: str
    partner: str
    version: str = Field(pattern=r"^v\d+-\d+-\d+$")
    source: str
    incomplete: bool
    unconfirmed: list[Open]
    name: NameParts[Kind]
    text: Text
    compression: Compression
    folders: Folders
    manifest: Manifest
    retired_columns: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _open_topics(self) -> Self:
        if not self.incomplete and self.unconfirmed:
            raise ValueError("a profile with unconfirmed topics is incomplete; set `incomplete: true` or answer them")
        return self

    def header_of(self, names: Iterable[str]) -> str:
        """Return the header of a file with these columns, without line end."""
        return self.text.delimiter.join(names)


def check_column_names(names: Sequence[str], retired: Iterable[str]) -> None:
    """Refuse a list of columns with one named twice, or one the partner has removed.

    Raises:
        ValueError: naming them.
    """
    twice = [n for n, times in Counter(names).items() if times > 1]
    if twice:
        raise ValueError(f"columns named twice: {', '.join(twice)}")
    removed = sorted(set(names) & set(retired))
    if removed:
        raise ValueError(f"columns the partner has removed: {', '.join(removed)}")


class IntervalProfile(OpowerProfile[int]):
    """One version of the partner's interval standard."""

    standard: Literal["interval"]
    time: Time
    columns: list[Column]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        check_column_names([c.name for c in self.columns], self.retired_columns)
        absent = [f for f in _NEEDED if f not in {c.field for c in self.enabled}]
        if absent:
            raise ValueError(f"no enabled column for: {', '.join(absent)}")
        return self

    @property
    def enabled(self) -> list[Column]:
        """The columns that are written, in file order."""
        return [c for c in self.columns if c.enabled]

    @property
    def header_line(self) -> str:
        """The header, without line end."""
        return self.header_of(c.name for c in self.enabled)

    def column(self, field: FieldName) -> Column | None:
        """Return the column of a fact, enabled or not."""
        return next((c for c in self.columns if c.field == field), None)

    @property
    def number(self) -> Number:
        """The rules for amounts."""
        column = self.column("usage_value")
        assert column is not None and column.number is not None  # noqa: S101  (validated above)
        return column.number


def load_profile(name: str, folder: Path = PROFILES) -> IntervalProfile:
    """Load an interval profile by its name, e.g. `opower/interval_v2-0-5`.

    Raises:
        TerminalError: `delivery.profile_unknown` or `delivery.profile_invalid`, naming key and remedy.
    """
    return load(name, IntervalProfile, folder)
