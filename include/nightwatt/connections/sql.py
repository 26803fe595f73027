"""A database connection's settings: where it is, who we are there, and the password, which stands in neither.

Belongs here: the settings and which databases there is a driver for. Does not belong here: connecting.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from nightwatt.connections.environment import read_connection

DRIVERS = ("postgresql+psycopg", "oracle+oracledb", "sqlite")
"""What rows can be pulled out of. SQLite is for trying things out."""


class SqlSettings(BaseSettings):
    """Address and password of one connection, from `NIGHTWATT_SQL_<NAME>_*` in the environment."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    url: str = Field(
        description="SQLAlchemy address without a password: `oracle+oracledb://reader@host:1521/?service_name=CCB`, "
        "`postgresql+psycopg://reader@host/mdm`"
    )
    password: SecretStr | None = Field(None, description="the password; a file is better")
    password_file: Path | None = Field(None, description="file that holds the password and nothing else")
    timeout_seconds: int = Field(30, ge=1, description="how long the database may take to answer when we connect")

    @field_validator("url")
    @classmethod
    def _without_password(cls, value: str) -> str:
        try:
            url = make_url(value)
        except ArgumentError:
            raise ValueError("is no SQLAlchemy address") from None  # its words would repeat the address
        if url.drivername not in DRIVERS:
            raise ValueError(f"names no database we have a driver for; they are {', '.join(DRIVERS)}")
        if url.password is not None:
            raise ValueError("has a password in it; put that into a file and name it in PASSWORD_FILE")
        return value

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        if self.password and self.password_file:
            raise ValueError("PASSWORD and PASSWORD_FILE are both set; give one")
        if self.password_file and not self.password_file.is_file():
            raise ValueError("PASSWORD_FILE names no file")
        return self

    def address(self) -> URL:
        """Return the address with the password in it; never to be shown."""
        url = make_url(self.url)
        secret = self.password.get_secret_value() if self.password else None
        if self.password_file:
            secret = self.password_file.read_text("utf-8").strip()
        return url.set(password=secret) if secret else url

    @property
    def where(self) -> str:
        """Host, port and database, for messages."""
        url = make_url(self.url)
        return f"{url.host or ''}{f':{url.port}' if url.port else ''}/{url.database or ''}"


def sql_settings(name: str, *, code: str) -> SqlSettings:
    """Read the settings of a connection; raises as `read_connection`."""
    return read_connection(SqlSettings, "SQL", name, code=code)
