"""An independent reader of interval files: is this what the partner takes?

Belongs here: the whole check of one file, from anyone, streaming. Does not belong here: anything the writer uses;
the two share the profile's data and nothing else, so that a mistake in one is seen by the other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from nightwatt.delivery.opower.checker_coverage import Coverage, own_coverage
from nightwatt.delivery.opower.checker_lines import Layout, frames
from nightwatt.delivery.opower.checker_rules import RowRules
from nightwatt.delivery.opower.findings import CheckReport, Collector, Level
from nightwatt.delivery.opower.profile import IntervalProfile, Kind, OpowerProfile


@dataclass(frozen=True)
class Agreed:
    """What is known of a file beforehand; what is not given may be anything the profile allows.

    Attributes:
        utility: the code agreed with the partner.
        population: the token agreed with the partner.
        length_min: read length of an interval file; taken from the name if not given.
        after_stamp: stamp of the last file delivered; this one's must be later.
        size_limit_mb: largest file the partner takes.
    """

    utility: str | None = None
    population: str | None = None
    length_min: int | None = None
    after_stamp: str | None = None
    size_limit_mb: int | None = None


@dataclass(frozen=True)
class Within:
    """The sequence of files this one stands in.

    Attributes:
        coverage: what the files before it covered; it is added to that.
        gap_level: how bad missing time is; in the first incremental file it is no warning.
        found: what takes the findings; whether it wants values too is its own matter.
        expects_corrections: reads that earlier files had are counted, but are no finding; so it is in what we send.
    """

    coverage: Coverage | None = None
    gap_level: Level = Level.WARNING
    found: Collector = field(default_factory=Collector)
    expects_corrections: bool = False


def check_interval_file(
    path: Path,
    profile: IntervalProfile,
    zones: Sequence[str],
    agreed: Agreed | None = None,
    within: Within | None = None,
) -> CheckReport:
    """Check a file by every rule for interval files; memory is bounded, whatever the file holds.

    Args:
        zones: time zones of the services in the file; a label is legal if it is in one of them.
    """
    agreed, within = agreed or Agreed(), within or Within()
    found = within.found
    named = check_name(path.name, profile, found, agreed)
    check_size(path, agreed.size_limit_mb, found)
    length = agreed.length_min or named
    if agreed.length_min is not None and named is not None and agreed.length_min != named:
        found.add("INT_LENGTH_MIXED", detail=f"the name says {named} minutes, the contract {agreed.length_min}")
    if length is None:  # no length, no grid: the rows cannot be judged
        return CheckReport(path.name, findings=found.found())
    with own_coverage(within.coverage) as coverage:
        rules = RowRules(profile, length, zones, found, coverage)
        header = profile.header_line if profile.text.header else None
        for frame in frames(path, Layout([c.name for c in profile.enabled], header, profile.retired_columns), found):
            rules.look(frame)
        rules.finish()
        told = coverage.finish_file(
            length, found, gap_level=within.gap_level, expects_corrections=within.expects_corrections
        )
    return CheckReport(
        file_name=path.name,
        kind=profile.name.types.get(length, ""),
        rows=rules.rows,
        service_points=told.service_points,
        sums=dict(sorted(rules.sums.items())),
        estimated_rows=rules.estimated,
        first_end_at=rules.first_end_at,
        last_end_at=rules.last_end_at,
        gaps=found.count("GAP"),
        overlaps=told.stretches_again,
        corrections=told.reads_again + rules.repeated,
        findings=found.found(),
    )


def check_size(path: Path, size_limit_mb: int | None, found: Collector) -> None:
    """Note a file over the limit agreed."""
    if size_limit_mb is not None and path.stat().st_size > size_limit_mb * 1_000_000:
        found.add("SIZE_LIMIT", detail=f"{path.stat().st_size} bytes, at most {size_limit_mb} MB")


def check_name(
    name: str,
    profile: OpowerProfile[Kind],
    found: Collector,
    agreed: Agreed | None = None,
) -> Kind | None:
    """Check a file name by the profile's pattern; return the read length or kind of file it says, if it is good."""
    agreed = agreed or Agreed()
    match = _name_regex(profile).fullmatch(name)
    if not match:
        found.add("NAME_PATTERN", detail=_what_is_wrong(name, profile))
        return None
    for part, meant in (("utility", agreed.utility), ("population", agreed.population)):
        if meant is not None and match.groupdict().get(part, meant) != meant:
            found.add("NAME_PATTERN", detail=f"the {part} agreed is {meant}")
    try:
        datetime.strptime(match["stamp"], "%Y%m%d%H%M%S")  # noqa: DTZ007  (only: is it a date?)
    except ValueError:
        found.add("NAME_PATTERN", detail="the stamp is not a date and time")
    if agreed.after_stamp is not None and match["stamp"] <= agreed.after_stamp:
        found.add("NAME_STAMP_ORDER", detail=f"{match['stamp']} after {agreed.after_stamp}")
    return next(kind for kind, token in profile.name.types.items() if token == match["type"])


def _name_regex(profile: OpowerProfile[Any]) -> re.Pattern[str]:
    parts = {
        "utility": profile.name.utility,
        "population": "|".join(map(re.escape, profile.name.populations)),
        "version": re.escape(profile.version),
        "type": "|".join(map(re.escape, profile.name.types.values())),
        "stamp": r"\d{14}",
        "extension": "|".join(map(re.escape, profile.name.extensions)),
    }
    pattern = re.escape(profile.name.pattern)
    for part, regex in parts.items():
        pattern = pattern.replace(re.escape(f"{{{part}}}"), f"(?P<{part}>{regex})")
    return re.compile(pattern)


def _what_is_wrong(name: str, profile: OpowerProfile[Any]) -> str:
    """Say which part is likely at fault, for the person who has to rename the file."""
    types = "|".join(profile.name.types.values())
    checks = {
        "the extension must be .gz or .zip": r".*\.(gz|zip)",
        "the stamp needs 14 digits": r".*_\d{14}\..*",
        f"the version must read {profile.version}": rf".*_{re.escape(profile.version)}_.*",
        f"the type must be one of {types.replace('|', ', ')}": rf".*_({types})_.*",
        **_population_hint(profile),
        "the utility code must have 3 or 4 characters": rf"[^_]*_{profile.name.utility}_.*",
    }
    return next((hint for hint, regex in checks.items() if not re.fullmatch(regex, name)), "see the profile's pattern")


def _population_hint(profile: OpowerProfile[Any]) -> dict[str, str]:
    if not profile.name.populations:
        return {"names of this standard have no population": rf"[^_]*_[^_]*_{re.escape(profile.version)}_.*"}
    tokens = profile.name.populations
    return {f"the population must be one of {', '.join(tokens)}": rf"[^_]*_[^_]*_({'|'.join(tokens)})_.*"}
