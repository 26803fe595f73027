"""The fileset transfer manifest: what follows, said before the first file of a set.

Belongs here: its content and name by the profile's form, for files of any standard. Does not belong here: when a set is
sent (`deliver`), and what the partner decides about the form (that is in the profile).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from nightwatt import durable
from nightwatt.contracts.delivery import OpowerDelivery
from nightwatt.delivery.opower.profile import Manifest, ManifestFiles, OpowerProfile
from nightwatt.delivery.outbox import sha256_of
from nightwatt.delivery.parcels import Outgoing
from nightwatt.delivery.stamps import stamp_of
from nightwatt.ledger.models import SendingRole


def announced(
    files: Sequence[Outgoing], delivery: OpowerDelivery, profile: OpowerProfile[Any], folder: Path
) -> tuple[Outgoing, ...]:
    """Return the files of a set, behind the manifest that announces them where the contract asks for one."""
    if not files or not delivery.destination.manifest:
        return tuple(files)
    form = profile.manifest
    stamp = stamp_of(files[0].path.name)
    name = form.name.format(stamp=stamp, utility=delivery.utility_code, population=delivery.population)
    path = folder / name
    durable.write_text(path, manifest_text(form, files))
    totals = {"announces": [file.path.name for file in files]}
    manifest = Outgoing(path, 0, path.stat().st_size, sha256_of(path), totals, role=SendingRole.MANIFEST)
    return (manifest, *files)


def manifest_text(form: Manifest, files: Sequence[Outgoing]) -> str:
    """Return the manifest of a set of files; the same set gives the same text."""
    content: dict[str, Any] = {}
    _put(content, "meta.version", form.meta_version)
    _put(content, "transfer.validity_window", form.validity_window)
    for key, value in form.extra.items():
        _put(content, key, value)
    if form.files is not None:
        _put(content, form.files.key, [_listed(form.files, file) for file in files])
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def _listed(keys: ManifestFiles, file: Outgoing) -> dict[str, str | int]:
    facts: dict[str | None, str | int] = {
        keys.name: file.path.name,
        keys.size_bytes: file.size_bytes,
        keys.sha256: file.sha256,
        keys.rows: file.rows,
    }
    return {key: value for key, value in facts.items() if key is not None}


def _put(content: dict[str, Any], key: str, value: object) -> None:
    *above, last = key.split(".")
    for level in above:
        content = content.setdefault(level, {})
    content[last] = value
