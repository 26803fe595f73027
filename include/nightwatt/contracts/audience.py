"""The grammar of an audience: which tables, columns and rows of the published warehouse it may see, and how.

Belongs here: the typed model of one audience YAML file and the rules between its keys. Does not belong here:
holding it against the tables there are, and writing its files (warehouse).

What is not said is not there: a table that is not listed, a column that is not asked for, a class of personal data
that `classes` does not name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
PersonalClass = Literal["none", "identifier", "identity", "location", "financial", "consumption", "sensitive"]
Treatment = Literal["show", "hash", "drop"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rows(_Strict):
    """Which rows of a table an audience sees. All conditions given must hold."""

    where: Identifier | None = Field(
        None,
        description="a column of true and false that must be true: of `table` if that is given, else the table's own",
    )
    table: Identifier | None = Field(
        None, description="only rows that hang on one of this table; of a table the audience sees, only those it sees"
    )
    through: Identifier | None = Field(None, description="the column of this table that leads there")
    their: Identifier | None = Field(None, description="its name in that table; the same otherwise")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if (self.table is None) != (self.through is None):
            raise ValueError("`table` and `through` go together: which table, and the column that leads there")
        if self.their and not self.table:
            raise ValueError("`their` names a column of `table`, which is not given")
        if not (self.where or self.table):
            raise ValueError("give `where`, or `table` with `through`; leave `rows` out for all rows")
        return self


class AudienceTable(_Strict):
    """One table, as an audience sees it."""

    table: Identifier = Field(description="a published table")
    columns: tuple[Identifier, ...] | None = Field(None, min_length=1, description="the columns it sees")
    all_but: tuple[Identifier, ...] | None = Field(
        None, description="instead: every column but these; an empty list for all, as far as `classes` allow"
    )
    show: tuple[Identifier, ...] = Field(
        (), description="columns shown as they are, whatever `classes` says of their class"
    )
    rows: Rows | None = Field(None, description="which rows it sees; all of them otherwise")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.columns is None) == (self.all_but is None):
            raise ValueError("give either `columns` or `all_but`, and not both")
        asked, left_out = set(self.columns or self.show), set(self.all_but or ())
        beside = (set(self.show) - asked) | (set(self.show) & left_out)
        if beside:
            raise ValueError(f"show {sorted(beside)} are not among the columns asked for")
        return self


class Audience(_Strict):
    """One audience: people who may not see everything, and get files of their own."""

    audience: Identifier
    title: str
    owner: str = Field(description="who decides what it sees")
    keep: int = Field(2, ge=1, description="how many publications of its own stay on disk")
    classes: dict[PersonalClass, Treatment] = Field(
        default_factory=dict,
        description="what becomes of columns by their class of personal data: shown, hashed with the platform's key "
        "(equal values stay equal, in every table), or dropped; a class not named here is dropped, but for `none`",
    )
    tables: tuple[AudienceTable, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_table_once(self) -> Self:
        names = [t.table for t in self.tables]
        if doubled := sorted({n for n in names if names.count(n) > 1}):
            raise ValueError(f"tables {doubled} are listed twice")
        self._check_circles()
        return self

    def _check_circles(self) -> None:
        """Rows that hang on rows that hang on them would be nobody's."""
        leads_to = {t.table: t.rows.table for t in self.tables if t.rows and t.rows.table}
        for start in leads_to:
            seen, here = {start}, leads_to.get(start)
            while here is not None and here not in seen:
                seen.add(here)
                here = leads_to.get(here)
            if here is not None:
                raise ValueError(f"the rows of {start} hang on each other in a circle, through {here}")

    def treatment(self, personal_class: str) -> Treatment:
        """Return what becomes of a class of columns."""
        treatments: Mapping[str, Treatment] = {str(name): treatment for name, treatment in self.classes.items()}
        return treatments.get(personal_class, "show" if personal_class == "none" else "drop")
