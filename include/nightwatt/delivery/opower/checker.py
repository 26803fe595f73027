"""An independent reader of interval files: is this what the partner takes?

Belongs here: the whole check of one file, from anyone, streaming. Does not belong here: anything the writer uses;
the two share the profile's data and nothing else, so that a mistake in one is seen by the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from nightwatt.delivery.opower.checker_lines import Unreadable, blocks, clean_text, columns, unpacked
from nightwatt.delivery.opower.checker_rules import RowRules
from nightwatt.delivery.opower.findings import CheckReport, Collector
from nightwatt.delivery.opower.profile import IntervalProfile


def check_interval_file(
    path: Path,
    profile: IntervalProfile,
    zones: Sequence[str],
    *,
    utility: str | None = None,
    population: str | None = None,
    length_min: int | None = None,
    after_stamp: str | None = None,
    size_limit_mb: int | None = None,
) -> CheckReport:
    """Check a file by every rule for interval files; memory grows with the service points, not with the rows.

    Args:
        zones: time zones of the services in the file; a label is legal if it is in one of them.
        utility: the code agreed with the partner; any of the right form if not given.
        population: the token agreed with the partner; any known one if not given.
        length_min: read length; taken from the name if not given.
        after_stamp: stamp of the last file delivered; this one's must be later.
        size_limit_mb: largest file the partner takes.
    """
    found = Collector()
    named = check_name(path.name, profile, found, utility=utility, population=population, after_stamp=after_stamp)
    if size_limit_mb is not None and path.stat().st_size > size_limit_mb * 1_000_000:
        found.add("SIZE_LIMIT", detail=f"{path.stat().st_size} bytes, at most {size_limit_mb} MB")
    length = length_min or named
    if length_min is not None and named is not None and length_min != named:
        found.add("INT_LENGTH_MIXED", detail=f"the name says {named} minutes, the contract {length_min}")
    if length is None:  # no length, no grid: the rows cannot be judged
        return CheckReport(path.name, findings=found.found())
    rules = RowRules(profile, length, zones, found)
    try:
        with unpacked(path, found) as stream:
            _look(blocks(stream), profile, rules, found)
    except Unreadable as e:
        if str(e) != "zip":
            found.add("UNREADABLE", detail=str(e))
    rules.finish()
    return CheckReport(
        file_name=path.name,
        rows=rules.rows,
        service_points=rules.service_points,
        sums=dict(sorted(rules.sums.items())),
        estimated_rows=rules.estimated,
        first_end_at=rules.first_end_at,
        last_end_at=rules.last_end_at,
        findings=found.found(),
    )


def _look(pieces: Iterable[bytes], profile: IntervalProfile, rules: RowRules, found: Collector) -> None:
    names = [c.name for c in profile.enabled]
    line = 1
    for raw in pieces:
        block = clean_text(raw, line, found)
        if line == 1 and profile.text.header:
            header, _, block = block.partition(b"\n")
            line = 2
            if not _header_is_right(header.decode("utf-8"), profile, found):
                return
        if block:
            rules.look(columns(block, names, line, found))
            line += block.count(b"\n")
    if line == 1 and profile.text.header:
        found.add("HEADER_MISMATCH", [1], detail="the file is empty")


def _header_is_right(header: str, profile: IntervalProfile, found: Collector) -> bool:
    if header == profile.header_line:
        return True
    retired = [name for name in header.split("\t") if name in profile.retired_columns]
    if retired:
        found.add("INT_RETIRED_COLUMN", [1], detail=", ".join(retired))
    else:
        found.add("HEADER_MISMATCH", [1], detail=f"expected {profile.header_line.replace(chr(9), ' ')}")
    return False


def check_name(
    name: str,
    profile: IntervalProfile,
    found: Collector,
    *,
    utility: str | None = None,
    population: str | None = None,
    after_stamp: str | None = None,
) -> int | None:
    """Check a file name by the profile's pattern; return the read length it says, if it is good."""
    match = _name_regex(profile).fullmatch(name)
    if not match:
        found.add("NAME_PATTERN", detail=_what_is_wrong(name, profile))
        return None
    for part, agreed in (("utility", utility), ("population", population)):
        if agreed is not None and match[part] != agreed:
            found.add("NAME_PATTERN", detail=f"the {part} agreed is {agreed}")
    try:
        datetime.strptime(match["stamp"], "%Y%m%d%H%M%S")  # noqa: DTZ007  (only: is it a date?)
    except ValueError:
        found.add("NAME_PATTERN", detail="the stamp is not a date and time")
    if after_stamp is not None and match["stamp"] <= after_stamp:
        found.add("NAME_STAMP_ORDER", detail=f"{match['stamp']} after {after_stamp}")
    return next(length for length, token in profile.name.types.items() if token == match["type"])


def _name_regex(profile: IntervalProfile) -> re.Pattern[str]:
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


def _what_is_wrong(name: str, profile: IntervalProfile) -> str:
    """Say which part is likely at fault, for the person who has to rename the file."""
    checks = {
        "the extension must be .gz or .zip": r".*\.(gz|zip)",
        "the stamp needs 14 digits": r".*_\d{14}\..*",
        f"the version must read {profile.version}": rf".*_{re.escape(profile.version)}_.*",
        f"the type must be one of {', '.join(profile.name.types.values())}": (
            rf".*_({'|'.join(profile.name.types.values())})_.*"
        ),
        f"the population must be one of {', '.join(profile.name.populations)}": (
            rf"[^_]*_[^_]*_({'|'.join(profile.name.populations)})_.*"
        ),
        "the utility code must have 3 or 4 characters": rf"[^_]*_{profile.name.utility}_.*",
    }
    return next((hint for hint, regex in checks.items() if not re.fullmatch(regex, name)), "see the profile's pattern")
