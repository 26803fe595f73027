"""An HTTP connection's settings: where the service is, and how we show who we are.

Belongs here: the settings. Does not belong here: asking.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from nightwatt.connections.environment import read_connection

_HERE = {"127.0.0.1", "localhost", "::1"}


class HttpSettings(BaseSettings):
    """Address and OAuth client of one connection, from `NIGHTWATT_HTTP_<NAME>_*` in the environment."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    url: str = Field(description="the service's address, `https://gis.example/arcgis/rest/services`")
    token_url: str | None = Field(None, description="where OAuth tokens are had; without it nobody asks who we are")
    client_id: str | None = Field(None, description="our OAuth client's id")
    client_secret: SecretStr | None = Field(None, description="its secret; a file is better")
    client_secret_file: Path | None = Field(None, description="file that holds the secret and nothing else")
    client_auth: Literal["client_secret_basic", "client_secret_post"] = Field(
        "client_secret_basic", description="whether id and secret go into the header or the body of the request"
    )
    scope: str | None = Field(None, description="scopes to ask for, separated by blanks")
    ca_file: Path | None = Field(None, description="certificates to trust instead of the system's")
    timeout_seconds: float = Field(30, gt=0, description="how long the service may say nothing")

    @field_validator("url", "token_url")
    @classmethod
    def _is_safe(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.username or parts.password:
            raise ValueError("has a name or password in it; give an OAuth client instead")
        if not parts.hostname or parts.query or parts.fragment:
            raise ValueError("is no address of the form https://host/path")
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _HERE):
            raise ValueError("must begin with https://")
        return value

    @model_validator(mode="after")
    def _client_is_whole(self) -> Self:
        if self.token_url and not (self.client_id and (self.client_secret or self.client_secret_file)):
            raise ValueError("TOKEN_URL needs CLIENT_ID, and CLIENT_SECRET_FILE or CLIENT_SECRET")
        if self.client_secret and self.client_secret_file:
            raise ValueError("CLIENT_SECRET and CLIENT_SECRET_FILE are both set; give one")
        for name, path in (("CLIENT_SECRET_FILE", self.client_secret_file), ("CA_FILE", self.ca_file)):
            if path and not path.is_file():
                raise ValueError(f"{name} names no file")
        return self

    def secret(self) -> str:
        """Return the client's secret; never to be shown."""
        if self.client_secret_file:
            return self.client_secret_file.read_text("utf-8").strip()
        return self.client_secret.get_secret_value() if self.client_secret else ""

    @property
    def where(self) -> str:
        """Host and path, for messages."""
        parts = urlsplit(self.url)
        return f"{parts.netloc}{parts.path}"


def http_settings(name: str, *, code: str) -> HttpSettings:
    """Read the settings of a connection; raises as `read_connection`."""
    return read_connection(HttpSettings, "HTTP", name, code=code)
