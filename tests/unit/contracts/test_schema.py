"""The exported JSON Schemas agree with the models that judge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from tests.support.contracts import ALL, FAULTS

from nightwatt.contracts.catalog import PACKAGED, check_file
from nightwatt.contracts.schema import json_schemas

NOT_IN_A_SCHEMA = ("(whole contract)", "(file)")


def validator(kind: str) -> jsonschema.Draft202012Validator:
    schema = json_schemas()[kind]
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize(("kind", "folder"), [("feed", "feeds"), ("delivery", "deliveries")])
def test_the_packaged_catalog_fits_the_schema(kind: str, folder: str) -> None:
    files = sorted((PACKAGED / folder).glob("*.yaml"))
    assert files
    for path in files:
        assert list(validator(kind).iter_errors(yaml.safe_load(path.read_text("utf-8")))) == []


@pytest.mark.parametrize("name", ALL)
def test_every_branch_of_the_grammar_fits_the_schema(name: str) -> None:
    assert list(validator("feed").iter_errors(yaml.safe_load(ALL[name]))) == []


def plain_faults() -> Iterator[str]:
    """Yield the faults a schema can see: keys and kinds, not rules between keys."""
    for case, (_, _, _, key, problem, _) in FAULTS.items():
        seen = ("Extra", "required", "should be", "valid string", "greater", "less than or equal", "at most")
        if key not in NOT_IN_A_SCHEMA and not key.endswith("[key]") and any(word in problem for word in seen):
            yield case


@pytest.mark.parametrize("case", list(plain_faults()))
def test_the_schema_refuses_what_the_models_refuse(tmp_path: Path, case: str) -> None:
    text, old, new, *_ = FAULTS[case]
    path = tmp_path / "sample.yaml"
    path.write_text(text.replace(old, new, 1), "utf-8")
    assert check_file(path)
    assert list(validator("feed").iter_errors(yaml.safe_load(path.read_text("utf-8"))))


def test_every_key_of_the_schemas_refuses_strangers() -> None:
    def objects(schema: Any) -> Iterator[dict[str, Any]]:
        if isinstance(schema, dict):
            if "properties" in schema:
                yield schema
            for value in schema.values():
                yield from objects(value)

    for schema in json_schemas().values():
        assert all(
            s["additionalProperties"] is False for s in objects({k: v for k, v in schema.items() if k == "$defs"})
        )
        assert "oneOf" in schema or schema["additionalProperties"] is False
