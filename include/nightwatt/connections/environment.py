"""Reading a connection's settings from the environment.

Belongs here: the names of the variables and the words for those that are missing or wrong. Does not belong here: which
settings a kind of connection has.
"""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from nightwatt.errors import TerminalError

Kind = TypeVar("Kind", bound=BaseSettings)


def read_connection(model: type[Kind], kind: str, name: str, *, code: str) -> Kind:
    """Read the settings of a connection from `NIGHTWATT_<KIND>_<NAME>_*`.

    Args:
        model: the settings of this kind.
        kind: what is spoken: `SFTP`, `HTTP`.
        name: the connection's name in the contract.
        code: the code of the error, which says whose connection it is.

    Raises:
        TerminalError: naming the variables that are missing or wrong, never what they hold.
    """
    prefix = f"NIGHTWATT_{kind}_{name.upper()}_"
    try:
        return model(_env_prefix=prefix)
    except ValidationError as e:
        faults = sorted(
            f"{prefix}{'_'.join(map(str, f['loc'])).upper()} ({'not set' if f['type'] == 'missing' else f['msg']})"
            for f in e.errors(include_url=False, include_input=False)
        )
    # Raised out here, so that it does not carry pydantic's error, which may quote what was set.
    raise TerminalError(code, f"connection {name}: {', '.join(faults)}", "set these environment variables")
