"""Loading a catalog: a folder of YAML files, `feeds/*.yaml`, `deliveries/*.yaml`, `audiences/*.yaml`, `holidays.yaml`.

Belongs here: reading, validating, and saying in plain words which file, which key, and what to do.
Does not belong here: the grammar itself (`feed.py`, `delivery.py`, `audience.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from nightwatt.contracts.alerting import Alerting
from nightwatt.contracts.audience import Audience
from nightwatt.contracts.delivery import DELIVERY, Delivery
from nightwatt.contracts.feed import Feed
from nightwatt.contracts.holidays import Holidays
from nightwatt.errors import TerminalError

PACKAGED = Path(__file__).parent / "catalog"

FEED: TypeAdapter[Feed] = TypeAdapter(Feed)
AUDIENCE: TypeAdapter[Audience] = TypeAdapter(Audience)
ALERTING: TypeAdapter[Alerting] = TypeAdapter(Alerting)
HOLIDAYS: TypeAdapter[Holidays] = TypeAdapter(Holidays)

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
    feeds: Mapping[str, Feed]  # of the systems in use
    deliveries: Mapping[str, Delivery]
    idle: Mapping[str, Feed] = field(default_factory=dict)  # never waited for; the models find them without a row
    audiences: Mapping[str, Audience] = field(default_factory=dict)
    holidays: Holidays = field(default_factory=Holidays)  # of the utility; a catalog without holidays.yaml has none

    def feed(self, name: str) -> Feed:
        """Return a feed by name.

        Raises:
            TerminalError: `catalog.unknown_feed`, naming the feeds there are; `catalog.feed_not_used`.
        """
        if name in self.idle:
            raise TerminalError(
                "catalog.feed_not_used",
                f"feed {name} is not in use here",
                f"if it should be: name its system, {self.idle[name].system}, in NIGHTWATT_SYSTEMS, "
                f"and have its file in {self.folder / 'feeds'}",
            )
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


def load_catalog(folder: Path | None = None, systems: Collection[str] | None = None) -> Catalog:
    """Load and validate every contract of a folder (the packaged catalog by default).

    Args:
        folder: a catalog of one's own.
        systems: which of the systems that the packaged catalog knows are in use; all otherwise. A system that only a
            catalog of one's own knows is there to be used, and always is.

    Raises:
        TerminalError: `catalog.absent`; `catalog.invalid`, listing every fault with file, key and remedy;
            `catalog.unknown_system`.
    """
    folder = folder or PACKAGED
    if not folder.is_dir():
        raise TerminalError(
            "catalog.absent", f"there is no catalog folder {folder}", "correct --catalog or NIGHTWATT_CATALOG"
        )
    feeds, feed_faults = _load_all(folder / "feeds", FEED, "feed")
    deliveries, delivery_faults = _load_all(folder / "deliveries", DELIVERY, "delivery")
    audiences, audience_faults = _load_all(folder / "audiences", AUDIENCE, "audience")
    holidays, holiday_faults = _load_holidays(folder / "holidays.yaml")
    faults = feed_faults + delivery_faults + audience_faults + holiday_faults
    if faults:
        raise TerminalError(
            "catalog.invalid",
            f"{len(faults)} fault(s) in {folder}:\n  " + "\n  ".join(map(str, faults)),
            "correct the files named; `nightwatt feeds check` looks again",
        )
    return replace(_in_use(folder, feeds, deliveries, systems), audiences=audiences, holidays=holidays)


def _in_use(
    folder: Path, feeds: dict[str, Feed], deliveries: dict[str, Delivery], systems: Collection[str] | None
) -> Catalog:
    """Set apart what is not in use, and what only the packaged catalog has: the models read that too."""
    packaged = feeds if folder == PACKAGED else _load_all(PACKAGED / "feeds", FEED, "feed")[0]
    choosable = {f.system for f in packaged.values()}
    known = choosable | {f.system for f in feeds.values()}
    if unknown := sorted(set(systems or ()) - known):
        raise TerminalError(
            "catalog.unknown_system",
            f"no feed comes from {', '.join(unknown)}",
            f"name systems among {', '.join(sorted(known))} in NIGHTWATT_SYSTEMS",
        )
    unused = set() if systems is None else choosable - set(systems)
    used = {name: f for name, f in feeds.items() if f.system not in unused}
    idle = {name: f for name, f in {**packaged, **feeds}.items() if name not in used}
    return Catalog(folder, used, deliveries, idle)


def load_alerting(path: Path) -> Alerting:
    """Load and validate how people are told; where there is no such file, by the log and a file below the home.

    Raises:
        TerminalError: `catalog.invalid`.
    """
    if not path.exists():
        return Alerting()
    found, faults = _read(path, ALERTING, "start with `channels:`")
    if found is None:
        raise TerminalError(
            "catalog.invalid",
            f"{len(faults)} fault(s) in {path}:\n  " + "\n  ".join(map(str, faults)),
            "correct the file; `nightwatt alerts test` tries it",
        )
    return found


def check_file(path: Path) -> list[Fault]:
    """Return what is wrong with one feed file; nothing if it is good."""
    _, faults = _load_one(path, FEED, "feed")
    return faults


def _load_all(folder: Path, model: TypeAdapter[Model], name_key: str) -> tuple[dict[str, Model], list[Fault]]:
    found: dict[str, Model] = {}
    faults = [
        Fault(path, "(file)", "is not read: its name does not end in .yaml", f"rename it to {path.stem}.yaml")
        for path in sorted(folder.glob("*.yml"))
    ]
    for path in sorted(folder.glob("*.yaml")):
        contract, problems = _load_one(path, model, name_key)
        faults += problems
        if contract is not None:
            found[path.stem] = contract
    return found, faults


class _UniqueKeys(yaml.SafeLoader):
    """YAML in which a key given twice is a fault; plain YAML lets the last one win without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Build a mapping, refusing a key given twice."""
        keys = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        doubled = [key for n, key in enumerate(keys) if key in keys[:n]]
        if doubled:
            raise yaml.constructor.ConstructorError(
                problem=f"key {doubled[0]} is given twice", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)


@lru_cache(maxsize=512)
def _plain(text: str) -> Any:
    """Return YAML as plain values, not to be changed: each task of a night reads the whole catalog anew."""
    return yaml.load(text, _UniqueKeys)  # noqa: S506  (a SafeLoader)


def _load_holidays(path: Path) -> tuple[Holidays, list[Fault]]:
    if not path.exists():
        return Holidays(), []
    found, faults = _read(path, HOLIDAYS, "start with `holidays:`")
    return found or Holidays(), faults


def _load_one(path: Path, model: TypeAdapter[Model], name_key: str) -> tuple[Model | None, list[Fault]]:
    contract, faults = _read(path, model, f"start with `{name_key}: {path.stem}`")
    if contract is not None and (name := getattr(contract, name_key)) != path.stem:
        return None, [Fault(path, name_key, f"is {name!r}", f"name it like its file: {name_key}: {path.stem}")]
    return contract, faults


def _read(path: Path, model: TypeAdapter[Model], beginning: str) -> tuple[Model | None, list[Fault]]:
    try:
        raw = _plain(path.read_text("utf-8"))
    except (
        yaml.YAMLError,
        ValueError,
        OSError,
    ) as e:  # a ValueError: bytes that are no text, a day that does not exist
        return None, [Fault(path, "(file)", f"cannot be read as YAML: {_first_line(e)}", "correct the YAML")]
    if not isinstance(raw, dict):
        return None, [Fault(path, "(file)", "is not a mapping of keys", beginning)]
    try:
        return model.validate_python(raw), []
    except ValidationError as e:
        return None, list(_faults(path, raw, e))


def _faults(path: Path, raw: object, error: ValidationError) -> Iterator[Fault]:
    for e in error.errors(include_url=False):
        places = e["loc"][:-1] if _names_an_alternative(e["loc"], raw, e["type"]) else e["loc"]
        key = ".".join(_keys(places, raw)) or "(whole contract)"
        yield Fault(path, key, e["msg"].removeprefix("Value error, "), _remedy(e["type"], e.get("ctx", {})))


def _names_an_alternative(places: Sequence[int | str], raw: object, kind: str) -> bool:
    """Whether the last place is no key of the file but the name of the form a section was read as."""
    here = raw
    for place in places[:-1]:
        if isinstance(here, dict):
            here = here.get(place, here)
        elif isinstance(here, list) and isinstance(place, int) and place < len(here):
            here = here[place]
    return kind == "value_error" and isinstance(here, dict) and bool(places) and places[-1] not in here


def _keys(places: Sequence[int | str], raw: object) -> Iterator[str]:
    """Yield the keys as the file has them, without the names of alternatives that the checker puts between."""
    here = raw
    for place, following in zip_longest(places, places[1:]):
        leads_on = isinstance(here, dict) and isinstance(here.get(place), dict | list)
        if isinstance(here, dict) and following not in {None, "[key]"} and not leads_on:
            continue
        yield str(place)
        if isinstance(here, dict):
            here = here.get(place)
        elif isinstance(here, list) and isinstance(place, int) and place < len(here):
            here = here[place]


def _remedy(kind: str, context: Mapping[str, Any]) -> str:
    fixed = {
        "missing": "add this key",
        "extra_forbidden": "remove this key or correct its spelling",
        "string_type": "put it in quotes, so that YAML reads it as text",
        "union_tag_invalid": f"use one of {context.get('expected_tags')}",
        "union_tag_not_found": f"say which one with the key {context.get('discriminator')}",
    }
    if kind in fixed:
        return fixed[kind]
    if kind in {"literal_error", "enum"}:
        return f"use one of {context.get('expected', 'the known values')}"
    return "correct this value; `nightwatt feeds schema` shows what is allowed"


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
