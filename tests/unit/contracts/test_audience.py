"""The grammar of an audience: what is not said is not there, and a contradiction is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from nightwatt.contracts.audience import Audience
from nightwatt.contracts.catalog import load_catalog
from nightwatt.errors import TerminalError

FIELD: dict[str, Any] = {
    "audience": "field",
    "title": "Field crews",
    "owner": "operations@nightwatt.invalid",
    "classes": {"location": "show"},
    "tables": [
        {"table": "crm_device", "all_but": []},
        {"table": "crm_service_point", "columns": ["service_point_key"], "rows": {"where": "is_solar"}},
    ],
}


def test_classes_that_are_not_named_are_dropped_and_what_is_not_personal_is_shown() -> None:
    audience = Audience.model_validate(FIELD)
    given = {c: audience.treatment(c) for c in ("none", "location", "identity", "a class nobody knows")}
    assert given == {"none": "show", "location": "show", "identity": "drop", "a class nobody knows": "drop"}


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        ([{"table": "a"}], "either `columns` or `all_but`"),
        ([{"table": "a", "columns": ["x"], "all_but": ["y"]}], "either `columns` or `all_but`"),
        ([{"table": "a", "columns": []}], "at least 1 item"),
        ([{"table": "a", "columns": ["x"], "show": ["y"]}], r"show \['y'\] are not among"),
        ([{"table": "a", "all_but": ["x"], "show": ["x"]}], r"show \['x'\] are not among"),
        ([{"table": "a", "all_but": []}, {"table": "a", "all_but": []}], r"\['a'\] are listed twice"),
        ([{"table": "a", "all_but": [], "rows": {}}], "give `where`, or `table` with `through`"),
        ([{"table": "a", "all_but": [], "rows": {"table": "b"}}], "`table` and `through` go together"),
        ([{"table": "a", "all_but": [], "rows": {"where": "x", "their": "y"}}], "`their` names a column of `table`"),
        (
            [
                {"table": "a", "all_but": [], "rows": {"table": "b", "through": "x"}},
                {"table": "b", "all_but": [], "rows": {"table": "c", "through": "x"}},
                {"table": "c", "all_but": [], "rows": {"table": "b", "through": "x"}},
            ],
            "in a circle",
        ),
        ([{"table": "a; drop", "all_but": []}], "match pattern"),
        ([], "at least 1 item"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(tables: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Audience.model_validate({**FIELD, "tables": tables})


def test_an_audience_is_part_of_the_catalog_and_its_faults_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "audiences"
    folder.mkdir()
    (folder / "field.yaml").write_text(yaml.safe_dump(FIELD), "utf-8")
    assert load_catalog(tmp_path).audiences == {"field": Audience.model_validate(FIELD)}
    (folder / "field.yaml").write_text(yaml.safe_dump({**FIELD, "classes": {"locaton": "show"}}), "utf-8")
    with pytest.raises(TerminalError, match=r"field\.yaml: classes\.locaton"):
        load_catalog(tmp_path)
