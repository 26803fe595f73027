"""What the partner's Billing v2 specification says, as data: four files, their keys, instants, chains of segments.

Belongs here: the typed model of a Billing v2 profile. Does not belong here: what all profiles of the partner share
(`profile`), legacy billing (`billing_profile`), anything the partner decides (that is in `profiles/*.yaml`), nor
checking by it. Nothing writes these files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from nightwatt.delivery.opower.profile import BilledColumn, OpowerProfile, check_column_names
from nightwatt.delivery.specification import PROFILES, Strict, load

FileKind = Literal["bill", "bill_segment", "line_item", "service_quantity"]
ColumnType = Literal["identifier", "text", "number", "datetime", "code"]

AGREEMENT, STARTS, ENDS = "service_agreement_id", "bill_segment_start_datetime", "bill_segment_end_datetime"
_NEEDED: dict[str, ColumnType] = {AGREEMENT: "identifier", STARTS: "datetime", ENDS: "datetime"}
"""Columns of a segment file that the rule of touching segments speaks of."""


class Column(BilledColumn):
    """One column of a file."""

    type: ColumnType
    key: bool = Field(False, description="part of the file's primary key")


class Datetime(Strict):
    """How an instant is written."""

    separators: list[str] = Field(min_length=1, description="what may stand between date and time")


class Chain(Strict):
    """How segments of a service agreement follow each other."""

    overlap: Literal["warn", "refuse"] = Field(description="what a segment over the time of another one is")


class BillingV2Profile(OpowerProfile[FileKind]):
    """One version of the partner's Billing v2 standard."""

    standard: Literal["billing_v2"]
    datetime: Datetime
    chain: Chain
    files: dict[FileKind, list[Column]]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for kind, columns in self.files.items():
            retired = self.retired_columns
            check_column_names([c.name for c in columns], retired)
            if kind not in self.name.types:
                raise ValueError(f"no name for {kind} files")
            if not any(c.key for c in columns):
                raise ValueError(f"{kind} files have no key")
        own = {c.name: c.type for c in self.files.get("bill_segment", [])}
        absent = [name for name, kind in _NEEDED.items() if own.get(name) != kind]
        if absent:
            raise ValueError(f"bill_segment: no column, or none of the right type, for {', '.join(absent)}")
        return self

    def header_line(self, kind: FileKind) -> str:
        """Return the header of a kind of file, without line end."""
        return self.header_of(c.name for c in self.files[kind])


def load_billing_v2_profile(name: str, folder: Path = PROFILES) -> BillingV2Profile:
    """Load a Billing v2 profile by its name, e.g. `opower/billing_v2-0-3`.

    Raises:
        TerminalError: `delivery.profile_unknown` or `delivery.profile_invalid`, naming key and remedy.
    """
    return load(name, BillingV2Profile, folder)
