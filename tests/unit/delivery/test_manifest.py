"""The fileset manifest: what it says, by the profile's form."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError
from tests.support.delivery import contract, profile

from nightwatt.delivery.opower.manifest import announced, manifest_text
from nightwatt.delivery.opower.profile import Manifest
from nightwatt.delivery.parcels import Outgoing
from nightwatt.ledger.models import SendingRole

FILES = tuple(
    Outgoing(Path(f"opwr_gec_res_v2-0-5_interval60_2025011606000{n}.gz"), 24, 1000 + n, f"hash{n}", {}) for n in (0, 1)
)


def test_the_packaged_form_says_what_is_confirmed_and_nothing_else() -> None:
    text = manifest_text(profile().manifest, FILES)

    assert text == "meta:\n  version: 1\ntransfer:\n  validity_window: 86400\n"


def test_further_keys_and_the_list_of_files_are_the_profiles_word() -> None:
    form = Manifest.model_validate(
        profile().manifest.model_dump()
        | {
            "extra": {"transfer.ordered": True, "meta.sender": "gec"},
            "files": {"key": "transfer.files", "name": "file", "size_bytes": "size", "sha256": "checksum"},
        }
    )

    assert yaml.safe_load(manifest_text(form, FILES)) == {
        "meta": {"version": 1, "sender": "gec"},
        "transfer": {
            "validity_window": 86400,
            "ordered": True,
            "files": [
                {"file": FILES[0].path.name, "size": 1000, "checksum": "hash0"},
                {"file": FILES[1].path.name, "size": 1001, "checksum": "hash1"},
            ],
        },
    }


def test_it_goes_first_with_the_stamp_of_the_first_file(tmp_path: Path) -> None:
    asking = contract(destination={"connection": "opower", "manifest": True})

    made = announced(FILES, asking, profile(), tmp_path)

    assert made[1:] == FILES
    assert (made[0].path.name, made[0].role) == ("opwr_gec_res_manifest_20250116060000.yaml", SendingRole.MANIFEST)
    assert made[0].totals == {"announces": [file.path.name for file in FILES]}


@pytest.mark.parametrize("is_asked", [True, False])
def test_nothing_is_announced_where_nobody_asks_or_nothing_goes(tmp_path: Path, is_asked: bool) -> None:
    destination = {"connection": "opower", "manifest": is_asked}
    files = () if is_asked else FILES

    assert announced(files, contract(destination=destination), profile(), tmp_path) == files
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_would_not_tell_sets_apart_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"needs \{stamp\} exactly once"):
        Manifest.model_validate(profile().manifest.model_dump() | {"name": "opwr_{utility}_manifest.yaml"})
