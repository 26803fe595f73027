"""Loading a catalog: a folder of YAML files, `feeds/*.yaml` and `deliveries/*.yaml`.

Belongs here: reading, validating, and saying in plain words which file, which key, and what to do.
Does not belong here: the grammar itself (`feed.py`, `delivery.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from nightwatt.contracts.delivery import Delivery
from nightwatt.contracts.feed import Feed
from nightwatt.errors import TerminalError

PACKAGED = Path(__file__).parent / "catalog"

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Fault:
    """One thing wrong with one contract file."""

    file: Path
    key: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file.name}: {self.key}: {self.problem} -> {self.remedy}"


@dataclass(frozen=True)
class Catalog:
    """The contracts of one deployment, by name."""

    folder: Path
    feeds: Mapping[str, Feed]
    deliveries: Mapping[str, Delivery]

    def feed(self, name: str) -> Feed:
        """Return a feed by name.

        Raises:
            TerminalError: `catalog.unknown_feed`, naming the feeds there are.
        """
        if name not in self.feeds:
            raise TerminalError(
                "catalog.unknown_feed",
                f"there is no feed {name!r} in {self.folder}",
                f"known feeds: {', '.join(sorted(self.feeds)) or 'none'}",
            )
        return self.feeds[name]

    def delivery(self, name: str) -> Delivery:
        """Return a delivery by name.

        Raises:
            TerminalError: `catalog.unknown_delivery`, naming the deliveries there are.
        """
        if name not in self.deliveries:
            raise TerminalError(
                "catalog.unknown_delivery",
                f"there is no delivery {name!r} in {self.folder}",
                f"known deliveries: {', '.join(sorted(self.deliveries)) or 'none'}",
            )
        return self.deliveries[name]

    def feeds_of(self, domain: str) -> list[Feed]:
        """Return the feeds of one domain, by name."""
        return [f for _, f in sorted(self.feeds.items()) if f.domain == domain]


def load_catalog(folder: Path | None = None) -> Catalog:
    """Load and validate every contract of a folder (the packaged catalog by default).

    Raises:
        TerminalError: `catalog.invalid`, listing every fault with file, key and remedy.
    """
    folder = folder or PACKAGED
    feeds, feed_faults = _load_all(folder / "feeds", Feed, "feed")
    deliveries, delivery_faults = _load_all(folder / "deliveries", Delivery, "delivery")
    faults = feed_faults + delivery_faults
    if faults:
        raise TerminalError(
            "catalog.invalid",
            f"{len(faults)} fault(s) in {folder}:\n  " + "\n  ".join(map(str, faults)),
            "correct the files named; `nightwatt feeds check` looks again",
        )
    return Catalog(folder, feeds, deliveries)


def check_file(path: Path) -> list[Fault]:
    """Return what is wrong with one feed file; nothing if it is good."""
    _, faults = _load_one(path, Feed, "feed")
    return faults


def _load_all(folder: Path, model: type[Model], name_key: str) -> tuple[dict[str, Model], list[Fault]]:
    found: dict[str, Model] = {}
    faults: list[Fault] = []
    for path in sorted(folder.glob("*.yaml")):
        contract, problems = _load_one(path, model, name_key)
        faults += problems
        if contract is not None:
            found[path.stem] = contract
    return found, faults


def _load_one(path: Path, model: type[Model], name_key: str) -> tuple[Model | None, list[Fault]]:
    try:
        raw = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as e:
        return None, [Fault(path, "(file)", f"cannot be read as YAML: {_first_line(e)}", "correct the YAML")]
    if not isinstance(raw, dict):
        return None, [Fault(path, "(file)", "is not a mapping of keys", f"start with `{name_key}: {path.stem}`")]
    try:
        contract = model.model_validate(raw)
    except ValidationError as e:
        return None, list(_faults(path, e))
    if raw.get(name_key) != path.stem:
        return None, [
            Fault(path, name_key, f"is {raw.get(name_key)!r}", f"name it like its file: {name_key}: {path.stem}")
        ]
    return contract, []


def _faults(path: Path, error: ValidationError) -> Iterator[Fault]:
    for e in error.errors(include_url=False):
        key = ".".join(str(part) for part in e["loc"]) or "(whole contract)"
        yield Fault(path, key, e["msg"].removeprefix("Value error, "), _remedy(e["type"], e.get("ctx", {})))


def _remedy(kind: str, context: Mapping[str, Any]) -> str:
    if kind == "missing":
        return "add this key"
    if kind == "extra_forbidden":
        return "remove this key or correct its spelling"
    if kind in {"literal_error", "enum"}:
        return f"use one of {context.get('expected', 'the known values')}"
    return "correct this value; `nightwatt feeds schema` shows what is allowed"


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
