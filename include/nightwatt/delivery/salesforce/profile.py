"""What a CRM org decides, as data: objects, fields, picklist values, limits, load order, what null means.

Belongs here: the typed model of a profile file. Does not belong here: anything an org decides (that is in
`profiles/salesforce/*.yaml`), nor writing by it.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from nightwatt.delivery.specification import PROFILES, Open, Strict, load

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
ColumnType = Literal["text", "date", "datetime", "boolean", "integer", "decimal"]
Domain = Literal["billing", "usage"]


class Special(Strict):
    """A canonical value that decides over the whole row."""

    action: Literal["hold", "only_known"] = Field(
        description="hold: the row is not sent; only_known: it is sent only where the CRM may have it already"
    )
    value: str | None = Field(None, description="the picklist value, where the row is sent")

    @model_validator(mode="after")
    def _consistent(self) -> Special:
        if (self.action == "hold") == (self.value is not None):
            raise ValueError("`only_known` needs a `value`, `hold` must not have one")
        return self


class Instead(Strict):
    """What is written instead, where another column has one of these values."""

    column: Identifier
    values: dict[str, str]


class Column(Strict):
    """One column of a file: a field of the object, or its parent's external id."""

    header: str = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)?$",
        description="API name of the field, or `Relationship.ExternalIdField` for a parent",
    )
    column: Identifier | tuple[Identifier, ...] | None = Field(
        None, description="column of the mart; several are joined by `, `"
    )
    constant: str | None = Field(None, description="the same for every row, instead of a column")
    type: ColumnType = "text"
    enabled: bool = True
    required: bool = Field(False, description="a row without it is held back")
    clears: bool = Field(False, description="null is known to be empty there: `#N/A`; unknown otherwise: left alone")
    when_null: str | None = Field(None, description="written where the mart has nothing")
    map: dict[str, str | Special] | None = Field(None, description="canonical value to the picklist's, or what to do")
    instead: Instead | None = None
    length: int | None = Field(None, ge=1, description="most signs the field takes")
    too_long: Literal["cut", "fault"] = Field("fault", description="what becomes of a longer text")
    decimals: int | None = Field(None, ge=0, le=8, description="of a decimal")
    create_only: bool = Field(
        False, description="may be given once; rows the CRM has go without it, in a file of their own"
    )
    rides_along: bool = Field(False, description="goes with the row, but its change alone sends none")
    parent: tuple[Identifier, ...] = Field((), description="the objects of this profile of which one has this key")
    unconfirmed: tuple[str, ...] = ()
    note: str | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns of the mart that are read."""
        own = (self.column,) if isinstance(self.column, str) else (self.column or ())
        return own + ((self.instead.column,) if self.instead else ())

    @model_validator(mode="after")
    def _consistent(self) -> Column:
        for fault, is_there in (
            ("needs either `column` or `constant`", (self.column is None) == (self.constant is None)),
            ("is required, so null cannot clear it", self.required and self.clears),
            ("has a value for null, which then clears nothing", self.when_null is not None and self.clears),
            (
                "`decimals` belongs to a decimal, and must be there",
                (self.type == "decimal") != (self.decimals is not None),
            ),
            ("`length` and `map` belong to a text", self.type != "text" and (self.length or self.map) is not None),
            (
                "only a text is joined of several columns",
                self.type != "text" and not isinstance(self.column, str | None),
            ),
            ("a parent's external id stands under `Relationship.Field`", bool(self.parent) and "." not in self.header),
            ("a parent's key is written as it is", bool(self.parent) and self.type != "text"),
        ):
            if is_there:
                raise ValueError(f"column {self.header}: {fault}")
        return self


class Through(Strict):
    """The object that has the date, and how it is reached."""

    object: Identifier
    column: Identifier = Field(description="column of the mart that holds that object's key")


class Window(Strict):
    """How long rows stay in the CRM."""

    date: Identifier = Field(description="column of the mart (or of `through`'s) by which they age")
    months: int = Field(ge=1, description="whole months before the month of the business date")
    through: Through | None = None

    def starts(self, business_date: datetime.date) -> datetime.date:
        """Return the first day that is kept: the first of the month so many months before the business date's."""
        months = business_date.year * 12 + business_date.month - 1 - self.months
        return datetime.date(months // 12, months % 12 + 1, 1)


class CrmObject(Strict):
    """One object of the CRM and the mart it is filled from."""

    name: Identifier = Field(description="our name for it; parents, files and the acknowledged state go by it")
    object: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", description="API name")
    load: int = Field(ge=1, description="place in the load order; parents have lower numbers")
    domain: Domain
    mart: Identifier
    key: Identifier = Field(description="column of the mart with the external id")
    filled: tuple[Identifier, ...] = Field((), description="only rows in which these columns have a value")
    changes: Literal["content", "sequence"] = Field(
        "content", description="what tells a changed row: its content's hash, or the load it was last touched by"
    )
    amounts: tuple[Identifier, ...] = Field((), description="columns of the mart summed for the manifest")
    window: Window | None = None
    columns: tuple[Column, ...]

    @property
    def enabled(self) -> tuple[Column, ...]:
        """The columns that are written, in file order."""
        return tuple(c for c in self.columns if c.enabled)

    @property
    def id_header(self) -> str:
        """The header under which rows are told apart."""
        return next(c.header for c in self.enabled if c.column == self.key)

    @property
    def has_create_only(self) -> bool:
        """Whether new rows need a file of their own."""
        return any(c.create_only for c in self.enabled)

    @property
    def parents(self) -> tuple[str, ...]:
        """The objects that must be loaded before."""
        return tuple(dict.fromkeys(p for c in self.enabled for p in c.parent))

    @model_validator(mode="after")
    def _consistent(self) -> CrmObject:
        headers = [c.header for c in self.enabled]
        twice = [h for h, times in Counter(headers).items() if times > 1]
        if twice:
            raise ValueError(f"{self.name}: headers given twice: {', '.join(twice)}")
        keys = [c for c in self.enabled if c.column == self.key and not c.parent]
        if len(keys) != 1 or not keys[0].required:
            raise ValueError(f"{self.name}: exactly one enabled, required column must hold the key {self.key}")
        return self


class NameParts(Strict):
    """How files are named."""

    pattern: str = Field(description="with {delivery}, {number}, {object} and {stamp}, once each")

    @model_validator(mode="after")
    def _all_parts(self) -> NameParts:
        for part in ("delivery", "number", "object", "stamp"):
            if self.pattern.count(f"{{{part}") != 1:
                raise ValueError(f"pattern needs {{{part}}} exactly once")
        if not self.pattern.endswith("_{stamp}"):
            raise ValueError("pattern must end in _{stamp}; the extension is put behind")
        return self


class CrmProfile(Strict):
    """One org's data model."""

    profile: str
    partner: str
    dialect: Literal["bulk", "data_cloud"]
    api_version: str | None = Field(None, description="lowest version of the API that has these objects")
    source: str
    incomplete: bool
    unconfirmed: tuple[Open, ...]
    name: NameParts
    objects: tuple[CrmObject, ...]

    @model_validator(mode="after")
    def _whole(self) -> CrmProfile:
        faults = [*self._name_faults(), *self._parent_faults()]
        if not self.incomplete and self.unconfirmed:
            faults.append("a profile with unconfirmed topics is incomplete; set `incomplete: true` or answer them")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _name_faults(self) -> Iterator[str]:
        twice = [n for n, times in Counter(o.name for o in self.objects).items() if times > 1]
        if twice:
            yield f"objects named twice: {', '.join(twice)}"
        if [o.load for o in self.objects] != sorted(o.load for o in self.objects):
            yield "objects must stand in their load order"

    def _parent_faults(self) -> Iterator[str]:
        load = {o.name: o.load for o in self.objects}
        for o in self.objects:
            for parent in (*o.parents, *((o.window.through.object,) if o.window and o.window.through else ())):
                if parent not in load:
                    yield f"{o.name}: its parent {parent} is no object of this profile"
                elif parent != o.name and load[parent] >= o.load:
                    yield f"{o.name}: its parent {parent} must be loaded before it"

    def of_domain(self, domain: Domain) -> tuple[CrmObject, ...]:
        """Return the objects filled from a domain's marts, in load order."""
        return tuple(o for o in self.objects if o.domain == domain)


def load_profile(name: str, folder: Path = PROFILES) -> CrmProfile:
    """Load a CRM profile by its name, e.g. `salesforce/core_v62`.

    Raises:
        TerminalError: `delivery.profile_unknown` or `delivery.profile_invalid`, naming key and remedy.
    """
    return load(name, CrmProfile, folder)
