"""How a file is written: the outer shape of delimited text, of SAP's IDoc flat files, and of Parquet.

Belongs here: the typed models of a contract's `format` section. Does not belong here: the columns and the rest
of a feed (`feed.py`), record layouts of IDocs (`idoc_records.py`), reading (intake).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def _known_encoding(name: str) -> str:
    try:
        "".encode(name)
    except LookupError as e:
        raise ValueError(f"unknown encoding {name!r}; use a name Python knows, such as utf-8 or cp1252") from e
    return name


EncodingName = Annotated[str, AfterValidator(_known_encoding)]
SegmentName = Annotated[str, Field(pattern=r"^\S{1,30}$")]
StatusCode = Annotated[str, Field(pattern=r"^\d{2}$")]

ERROR_STATUSES = (
    "02", "04", "05", "07", "09", "11", "15", "17", "20", "21", "23", "25", "26", "27", "29", "31", "34", "36",
    "37", "40", "51", "52", "54", "56", "57", "60", "61", "63", "65", "68",
)  # fmt: skip
"""Status values that say an IDoc went wrong or is not to be processed, unless a contract lists its own."""


class CellFormat(BaseModel):
    """How the text of one cell is to be read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    null_values: tuple[str, ...] = Field(("",), description="texts that mean blank, after trimming")
    decimal_sign: Literal[".", ","] = "."
    thousands_sign: Literal[",", ".", " ", "'"] | None = None

    @model_validator(mode="after")
    def _decimals_differ(self) -> Self:
        if self.decimal_sign == self.thousands_sign:
            raise ValueError("decimal_sign and thousands_sign are the same; one of them must change")
        return self


class TextFormat(CellFormat):
    """What every file of text lines has."""

    compression: Literal["plain", "gz", "zst", "zip"] = "plain"
    encoding: EncodingName = Field("utf-8", description="any codec Python knows, e.g. utf-8, latin-1, cp1252, utf-16")


class DelimitedFormat(TextFormat):
    """The outer shape of a delimited file."""

    kind: Literal["delimited"] = "delimited"
    delimiter: str = Field(",", min_length=1, max_length=1)
    header: bool = Field(
        True, description="the first line names the columns and must name exactly those of the contract"
    )
    quote: str | None = Field(
        None, min_length=1, max_length=1, description="quote sign; none for feeds that never quote"
    )

    @model_validator(mode="after")
    def _signs_differ(self) -> Self:
        if self.delimiter == self.decimal_sign and self.quote is None:
            raise ValueError("the delimiter is also the decimal sign, and nothing is quoted; one of them must change")
        if self.quote == self.delimiter:
            raise ValueError("quote and delimiter are the same; one of them must change")
        return self


class _Unheaded:
    """What a format answers that has neither a header line nor quoted fields."""

    @property
    def header(self) -> bool:
        """No line names columns."""
        return False

    @property
    def quote(self) -> None:
        """Nothing is quoted."""

    @property
    def delimiter(self) -> str:
        """No sign stands between fields; a trailer line, where the sender writes one, has the usual one."""
        return ","


class IdocFormat(_Unheaded, TextFormat):
    """A flat file of one or many IDocs, a record a line. Which segments there are is the customer's, never ours."""

    kind: Literal["idoc"]
    client: str = Field(pattern=r"^\d{3}$", description="SAP client (MANDT) that every record must name")
    idoc_type: str = Field(min_length=1, max_length=30, description="basic type (IDOCTYP) of the control record")
    message_type: str = Field(min_length=1, max_length=30, description="message type (MESTYP) of the control record")
    row_segment: SegmentName = Field(description="segment of which each occurrence is a row")
    other_segments: tuple[SegmentName, ...] = Field(
        (), description="further segments that may occur and are passed over; any other one is a reject"
    )
    padding: Literal["full", "trimmed"] = Field(
        "full",
        description="whether records keep their full width (524 and 1063) or come without trailing blanks; a full one "
        "that is shorter is cut, of the others only the last line of a file can be seen to be",
    )
    error_statuses: tuple[StatusCode, ...] = Field(
        ERROR_STATUSES,
        description="status values that put an IDoc aside: of its newest status record, or its control record",
    )

    @model_validator(mode="after")
    def _rows_are_not_passed_over(self) -> Self:
        if self.row_segment in self.other_segments:
            raise ValueError("row_segment is also among other_segments; its rows are not passed over")
        return self


class ParquetFormat(_Unheaded, CellFormat):
    """A Parquet file with the contract's columns by name, best all of them text; the order does not matter.

    What is pulled out of a database or a service is written so. It has none of the marks that files of lines have.
    """

    kind: Literal["parquet"]

    @property
    def compression(self) -> Literal["plain"]:
        """Its pages are packed, the file is not."""
        return "plain"

    @property
    def encoding(self) -> str:
        """The text in it is UTF-8 by its own rules."""
        return "utf-8"


def _delimited_by_default(raw: object) -> object:
    if isinstance(raw, Mapping) and "kind" not in raw:
        with_kind: dict[str, Any] = {**raw, "kind": "delimited"}
        return with_kind
    return raw


Format = Annotated[
    Annotated[DelimitedFormat | IdocFormat | ParquetFormat, Field(discriminator="kind")],
    BeforeValidator(_delimited_by_default),
]
"""The `format` section; without `kind` it is delimited text."""
