"""Where a feed's files really come from: a folder here, an SFTP server, a database, an HTTP service.

Belongs here: the keys below `arrival.source`. Does not belong here: addresses and secrets, which settings hold by the
connection's name, and fetching (`arrival`).

Files of a folder or a server arrive as they are. A database and an HTTP service have no files: what they give is first
written, whole, as one file of the feed into its inbound folder, and arrives from there like any other.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

ConnectionName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LocalSource(_Strict):
    """The feed's folder below the inbound folder."""

    kind: Literal["local"] = "local"


class SftpSource(_Strict):
    """A folder on a server, read with a key from a host whose key is pinned."""

    kind: Literal["sftp"]
    connection: ConnectionName = Field(description="name of the connection: NIGHTWATT_SFTP_<NAME>_* settings")
    folder: str = Field(description="folder on the server")
    done_folder: str | None = Field(
        None, description="folder on the server a file is moved to once it is received; it stays where it is otherwise"
    )

    @property
    def name(self) -> str:
        """The source as the ledger names it; all feeds of one connection share it."""
        return f"{self.kind}:{self.connection}"

    @property
    def place(self) -> str:
        """Where the files lie, for messages."""
        return f"{self.folder} on {self.name}"


class SqlSource(_Strict):
    """Rows of a database changed since the last extraction."""

    kind: Literal["sql"]
    connection: ConnectionName = Field(description="name of the connection: NIGHTWATT_SQL_<NAME>_* settings")
    table: str = Field(description="table or view, with its schema; its columns are those of the contract, by name")
    changed_at: str | None = Field(
        None, description="column with the time of a row's last change; without it every extraction takes all rows"
    )
    look_back_min: int = Field(
        60,
        ge=0,
        description="minutes before the last mark that are read again: a transaction may commit long after it stamped",
    )

    @property
    def name(self) -> str:
        """The source as the ledger names it; all feeds of one connection share it."""
        return f"{self.kind}:{self.connection}"

    @property
    def place(self) -> str:
        """Where the rows lie, for messages."""
        return f"{self.table} on {self.name}"


class HttpSource(_Strict):
    """Rows of a service that answers in pages of JSON. A column's name says where in a row its value lies."""

    kind: Literal["http"]
    connection: ConnectionName = Field(description="name of the connection: NIGHTWATT_HTTP_<NAME>_* settings")
    path: str = Field(pattern=r"^[^:?#]*$", description="path below the connection's address")
    parameters: dict[str, str] = Field(default_factory=dict, description="query parameters of every page")
    rows_at: str = Field("", description="where in an answer the list of rows lies, names joined by dots; its top else")
    next_at: str | None = Field(
        None, description="where in an answer the next page's address lies, or with `page_parameter` its token"
    )
    page_parameter: str | None = Field(
        None, description="query parameter the token, or without `next_at` the number of rows read so far, goes into"
    )
    more_at: str | None = Field(
        None, description="where in an answer it says whether more rows follow; otherwise an empty page is the last"
    )
    changed_at: str | None = Field(
        None, description="column with the time of a row's last change; without it every pull takes all rows"
    )
    changed_since_parameter: str | None = Field(
        None, description="query parameter that asks for rows changed since; left out of a pull of all rows"
    )
    changed_since: str = Field(
        "{since:%Y-%m-%dT%H:%M:%SZ}",
        description="what goes into it, with `{since:...}` for the time in UTC, or `{since_ms}` for it in milliseconds",
    )
    look_back_min: int = Field(
        60, ge=0, description="minutes before the last mark that are asked for again: a change may show late"
    )

    @model_validator(mode="after")
    def _pages_hang_together(self) -> Self:
        if self.more_at and (self.next_at or not self.page_parameter):
            raise ValueError("more_at belongs to paging by the number of rows: page_parameter without next_at")
        if (self.changed_at is None) != (self.changed_since_parameter is None):
            raise ValueError("changed_at and changed_since_parameter go together: one is asked by the other")
        self.since_text(datetime(2026, 3, 9, tzinfo=UTC))
        return self

    def since_text(self, since: datetime) -> str:
        """Return what asks for rows changed since an instant, in the service's own words."""
        try:
            return self.changed_since.format(since=since, since_ms=int(since.timestamp() * 1000))
        except (KeyError, IndexError, ValueError, AttributeError) as e:
            raise ValueError("changed_since may hold {since:%Y-%m-%d %H:%M:%S} and the like, or {since_ms}") from e

    @property
    def name(self) -> str:
        """The source as the ledger names it; all feeds of one connection share it."""
        return f"{self.kind}:{self.connection}"

    @property
    def place(self) -> str:
        """Where the rows lie, for messages."""
        return f"{self.path} on {self.name}"


FarSource = SftpSource | SqlSource | HttpSource
"""Sources elsewhere: they have a name in the ledger, and may be away."""

Source = Annotated[LocalSource | SftpSource | SqlSource | HttpSource, Field(discriminator="kind")]
