"""Where a feed's files really come from: a folder here, an SFTP server, a database, an HTTP service.

Belongs here: the keys below `arrival.source`. Does not belong here: addresses and secrets, which settings hold by the
connection's name, and fetching (`arrival`).

Files of a folder or a server arrive as they are. A database and an HTTP service have no files: what they give is first
written, whole, as one file of the feed into its inbound folder, and arrives from there like any other.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

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


class HttpSource(_Strict):
    """Rows of a service that answers in pages of JSON."""

    kind: Literal["http"]
    connection: ConnectionName = Field(description="name of the connection: NIGHTWATT_HTTP_<NAME>_* settings")
    path: str = Field(description="path of the first page below the connection's address")
    rows_at: str = Field("", description="where in an answer the list of rows lies, names joined by dots; its top else")
    next_at: str | None = Field(None, description="where in an answer the address or the token of the next page lies")
    page_parameter: str | None = Field(
        None, description="query parameter the token, or the number of rows read so far, goes into"
    )
    changed_since_parameter: str | None = Field(
        None, description="query parameter for the last mark; without it every pull takes all rows"
    )


Source = Annotated[LocalSource | SftpSource | SqlSource | HttpSource, Field(discriminator="kind")]
