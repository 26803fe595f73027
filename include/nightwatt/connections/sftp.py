"""An SFTP connection's settings: where the other side is, who we are, and who they must be.

Belongs here: the settings and the form of a pinned host key. Does not belong here: connecting.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

import paramiko
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from nightwatt.connections.environment import read_connection


class SftpSettings(BaseSettings):
    """Address and keys of one connection, from `NIGHTWATT_SFTP_<NAME>_*` in the environment."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    host: str
    port: int = Field(22, ge=1, le=65535)
    user: str
    key_file: Path = Field(description="private key; the only way we log in")
    host_key: str = Field(description="the server's public host key, `ssh-ed25519 AAAA...`")
    timeout_seconds: float = Field(30, gt=0, description="how long the server may say nothing")

    @field_validator("host_key")
    @classmethod
    def _is_a_key(cls, value: str) -> str:
        public_key(value)
        return value.strip()

    @property
    def where(self) -> str:
        """Host and port, for messages."""
        return f"{self.host}:{self.port}"


def sftp_settings(name: str, *, code: str) -> SftpSettings:
    """Read the settings of a connection; raises as `read_connection`."""
    return read_connection(SftpSettings, "SFTP", name, code=code)


def public_key(text: str) -> paramiko.PKey:
    """Read a host key written as in `known_hosts`.

    Raises:
        ValueError: it is none.
    """
    kind, _, rest = text.strip().partition(" ")
    try:
        blob = base64.b64decode(rest.split()[0], validate=True)
        return paramiko.PKey.from_type_string(kind, blob)
    except (IndexError, binascii.Error, paramiko.SSHException, ValueError) as e:
        raise ValueError("is not a public key; write it as in known_hosts: ssh-ed25519 AAAA...") from e
