"""The key that hides personal columns of audiences, and the SQL that uses it without ever spelling it.

Belongs here: finding or making the key, HMAC-SHA256 as an expression over bound parameters. Does not belong here:
which columns are hidden (`audience_tables.py`).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from nightwatt.errors import TerminalError
from nightwatt.settings import Settings

_BLOCK = 64  # bytes SHA-256 works on at a time
_SHORTEST = 32
_DIGITS = 32  # hexadecimal digits kept: 128 bits


class MaskKey:
    """A secret key. It shows in no text of it."""

    __slots__ = ("_key",)

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def __repr__(self) -> str:
        """Say that there is one."""
        return "MaskKey(***)"

    @property
    def fingerprint(self) -> str:
        """A word for this key that says nothing of it: what was hashed with another one must be written anew."""
        return hmac.new(self._key, b"nightwatt mask key", hashlib.sha256).hexdigest()[:16]

    @property
    def parameters(self) -> Mapping[str, bytes]:
        """What `masked` needs bound: the key with its two paddings, as HMAC has them (RFC 2104)."""
        key = hashlib.sha256(self._key).digest() if len(self._key) > _BLOCK else self._key
        block = key.ljust(_BLOCK, b"\0")
        return {"inner": bytes(b ^ 0x36 for b in block), "outer": bytes(b ^ 0x5C for b in block)}


def masked(column: str) -> str:
    """Return SQL for the keyed hash of a quoted column's text: equal values are equal, null stays null."""
    inner = f"unhex(sha256($inner::blob || encode(cast({column} as varchar))))"
    return f"left(sha256($outer::blob || {inner}), {_DIGITS})"


def mask_key(settings: Settings) -> MaskKey:
    """Return the key of this home, made once where none is given.

    Raises:
        TerminalError: `audience.mask_key`, when the key given is too short or its file cannot be read.
    """
    if settings.mask_key is not None:
        return _checked(settings.mask_key.get_secret_value(), "NIGHTWATT_MASK_KEY")
    path = settings.mask_key_file or settings.root / "secrets" / "mask.key"
    if settings.mask_key_file is None and not path.exists():
        _make(path)
    try:
        return _checked(path.read_text("utf-8").strip(), str(path))
    except (OSError, UnicodeDecodeError) as e:
        raise TerminalError(
            "audience.mask_key", f"{path} cannot be read ({type(e).__name__})", "correct NIGHTWATT_MASK_KEY_FILE"
        ) from None


def _checked(key: str, where: str) -> MaskKey:
    if len(key) < _SHORTEST:
        raise TerminalError(
            "audience.mask_key",
            f"the key in {where} is shorter than {_SHORTEST} characters",
            "make one: python -c 'import secrets; print(secrets.token_urlsafe(48))'",
        )
    return MaskKey(key)


def _make(path: Path) -> None:
    """Write a key that nobody else can read; whoever comes second takes the first one's."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(secrets.token_urlsafe(48) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(aside, path)
    except FileExistsError:
        pass
    finally:
        aside.unlink()
