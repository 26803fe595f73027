"""Specification profiles: what a partner decides, as data beside the code.

Belongs here: finding a profile by name, reading it into a partner's model with clear errors, a part that several
profiles share (`extends`), what all profiles say about open topics. Does not belong here: the models (the partner's
folder) and the data (`profiles/*.yaml`).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nightwatt.errors import TerminalError

PROFILES = Path(__file__).parent / "profiles"


class Strict(BaseModel):
    """A part of a profile; a key nobody knows is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Open(Strict):
    """One thing the partner has not confirmed, and what is assumed meanwhile."""

    topic: str
    mark: Literal["UNC", "DER", "OURS"] = Field(description="unconfirmed, derived, or decided by us")
    assumed: str
    question: int | None = Field(None, description="number of the question put to the partner")


Profile = TypeVar("Profile", bound=BaseModel)


def load(name: str, model: type[Profile], folder: Path = PROFILES) -> Profile:
    """Load a specification profile by its name, e.g. `opower/interval_v2-0-5`.

    Raises:
        TerminalError: `delivery.profile_unknown` or `delivery.profile_invalid`, naming key and remedy.
    """
    path = (folder / f"{name}.yaml").resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        known = sorted(str(p.relative_to(folder).with_suffix("")) for p in folder.rglob("[!_]*.yaml"))
        raise TerminalError(
            "delivery.profile_unknown", f"there is no profile {name!r}", f"known profiles: {', '.join(known)}"
        )
    try:
        return model.model_validate(_whole(path, folder))
    except yaml.YAMLError as e:
        raise _invalid(path, " ".join(str(e).split())[:300]) from e
    except ValidationError as e:
        faults = (
            f"{'.'.join(str(p) for p in f['loc']) or '(whole profile)'}: {f['msg'].removeprefix('Value error, ')}"
            for f in e.errors(include_url=False)
        )
        raise _invalid(path, "\n  ".join(faults)) from e


def _whole(path: Path, folder: Path) -> Any:
    """Return a profile's values with those of the part it extends: its own go before, open topics are put together."""
    own = _plain(path.read_text("utf-8"))
    if not isinstance(own, dict) or "extends" not in own:
        return own
    name = f"{own['extends']}.yaml"
    parts = [part for part in ((folder / name).resolve(), PROFILES / name) if part.is_file()]
    if not parts or not parts[0].name.startswith("_"):
        raise _invalid(path, f"extends: there is no shared part {own['extends']!r}")
    return _joined(_plain(parts[0].read_text("utf-8")), {k: v for k, v in own.items() if k != "extends"})


def _joined(shared: Any, own: Any, key: str = "") -> Any:
    if isinstance(shared, dict) and isinstance(own, dict):
        return shared | {k: _joined(shared.get(k), v, k) for k, v in own.items()}
    return [*own, *shared] if key == "unconfirmed" and shared else own


@lru_cache(maxsize=64)
def _plain(content: str) -> Any:
    """Return YAML as plain values, not to be changed: a night reads a profile many times, and it is long."""
    return yaml.safe_load(content)


def _invalid(path: Path, faults: str) -> TerminalError:
    return TerminalError(
        "delivery.profile_invalid",
        f"{path.name} is not a valid specification profile:\n  {faults}",
        "correct the keys named; the comments in the file say what each is for",
    )
