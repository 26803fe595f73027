"""What the partner's legacy billing specification says, as data: blocks of columns, files, periods, amounts.

Belongs here: the typed model of a legacy billing profile. Does not belong here: what all profiles of the partner share
(`profile`), anything the partner decides (that is in `profiles/*.yaml`), nor writing or checking by it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from nightwatt.delivery.opower.profile import BilledColumn, OpowerProfile, check_column_names
from nightwatt.delivery.specification import PROFILES, Strict, load

FileKind = Literal["full", "customer", "usage"]
Block = Literal["customer", "account", "service_point", "usage"]
BillingType = Literal["identifier", "text", "number", "date", "days", "code"]

JOIN = "service_point_id"
"""What a usage row and a customer row have in common."""

_NEEDED: dict[Block, dict[str, BillingType]] = {
    "customer": {"customer_id": "identifier", "premise_id": "identifier"},
    "account": {
        "account_id": "identifier",
        "active_date": "date",
        "inactive_date": "date",
        "is_account_deletion": "code",
    },
    "service_point": {JOIN: "identifier"},
    "usage": {
        JOIN: "identifier",
        "usage_value": "number",
        "date_to": "date",
        "duration": "days",
        "is_estimate": "code",
    },
}
"""Columns the standard's rules speak of: without them nothing can be checked."""


class BillingColumn(BilledColumn):
    """One column of a block."""

    type: BillingType
    column: str | None = Field(
        None,
        description="column of dim_service_agreement, in the usage block of fct_billed_usage, that fills it",
    )
    map: dict[str, str] | None = Field(None, description="of a code column: the mart's value to the partner's")
    estimated: list[str] = Field(default_factory=list, description="of `values`, those that say: not a reading")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        unknown = sorted({*self.estimated, *filter(None, [self.default])} - set(self.values or ()))
        if self.type == "code" and unknown:
            raise ValueError(f"column {self.name}: not among its values: {', '.join(unknown)}")
        if self.map is not None and (self.column is None or not set(self.map.values()) <= set(self.values or ())):
            raise ValueError(f"column {self.name}: `map` needs a `column`, and leads to one of `values`")
        return self


class Period(Strict):
    """How a read's period is told from its end date and its days."""

    date_to: Literal["boundary", "last_day"] = Field(
        description="boundary: the day after the last one (start = date_to - duration); last_day: one day later"
    )
    longest_days: int = Field(ge=1, description="a longer period is warned of")


class BillingProfile(OpowerProfile[FileKind]):
    """One version of the partner's legacy billing standard."""

    standard: Literal["legacy_billing"]
    files: dict[FileKind, list[Block]] = Field(description="kind of file to its blocks, in order")
    join_column_twice: bool = Field(description="whether a `full` file repeats service_point_id in its usage block")
    period: Period
    zero: Literal["accept", "warn"] = Field(description="what an amount of 0 is")
    cancelled: Literal["zero", "hold"] = Field(
        description="how a bill that was taken back and not made again is said: its period again with 0, or not at all"
    )
    deletion_enabled: bool = Field(description="the partner has enabled is_account_deletion")
    blocks: dict[Block, list[BillingColumn]]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for kind in ("full", "customer", "usage"):
            if kind not in self.files or kind not in self.name.types:
                raise ValueError(f"no blocks or no name for {kind} files")
        for block, needed in _NEEDED.items():
            own = {c.name: c.type for c in self.blocks.get(block, [])}
            absent = [name for name, kind in needed.items() if own.get(name) != kind]
            if absent:
                raise ValueError(f"block {block}: no column, or none of the right type, for {', '.join(absent)}")
        for block, columns in self.blocks.items():
            check_column_names([c.name for c in columns], self.retired_columns)
            if block == "usage" and columns[0].name != JOIN:
                raise ValueError(f"the usage block begins with {JOIN}")
        return self

    def columns(self, kind: FileKind) -> list[BillingColumn]:
        """Return the columns of a kind of file, in order."""
        found: list[BillingColumn] = []
        for block in self.files[kind]:
            found += [c for c in self.blocks[block] if self.join_column_twice or c.name not in {f.name for f in found}]
        return found

    def header_line(self, kind: FileKind) -> str:
        """Return the header of a kind of file, without line end."""
        return self.header_of(c.name for c in self.columns(kind))


def load_billing_profile(name: str, folder: Path = PROFILES) -> BillingProfile:
    """Load a legacy billing profile by its name, e.g. `opower/legacy_billing_v1-19-0`.

    Raises:
        TerminalError: `delivery.profile_unknown` or `delivery.profile_invalid`, naming key and remedy.
    """
    return load(name, BillingProfile, folder)
