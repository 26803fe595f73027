"""Acknowledgements of whole files: what a receiver's document says, and where it says nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nightwatt.delivery.salesforce.acknowledgements import FileAcknowledgement, FileState, read_acknowledgements
from nightwatt.errors import TerminalError

FILE = "crm_cloud_01_usage_day_20250116060000.csv"


def document(folder: Path, said: object) -> Path:
    """Write a document."""
    path = folder / "ack.json"
    path.write_bytes(said if isinstance(said, bytes) else json.dumps(said).encode())
    return path


@pytest.mark.parametrize(
    ("state", "is_accepted"),
    [("JobComplete", True), ("Received", True), ("Failed", False), ("Aborted", False), ("Refused", False)],
)
def test_one_object_is_one_file(tmp_path: Path, state: str, is_accepted: bool) -> None:
    read = read_acknowledgements(document(tmp_path, {"file": FILE, "state": state}))

    assert read == (FileAcknowledgement(file=FILE, state=FileState(state)),)
    assert read[0].is_accepted is is_accepted


def test_a_list_keeps_its_order_and_everything_said(tmp_path: Path) -> None:
    full = {
        "file": FILE,
        "state": "Failed",
        "rows": 96,
        "sha256": "a" * 64,
        "job_id": "c1",
        "message": "INVALID_TYPE_ON_FIELD_IN_RECORD:usage: value not of required type: 'Canary':usage --",
        "at": "2025-01-16T07:02:11Z",
        "tool": "passed over",
    }

    first, second = read_acknowledgements(document(tmp_path, [full, {"file": "b.csv", "state": "Received"}]))

    assert first.model_dump() == {
        "file": FILE,
        "state": FileState.FAILED,
        "rows": 96,
        "sha256": "a" * 64,
        "job_id": "c1",
        "message": "INVALID_TYPE_ON_FIELD_IN_RECORD: usage: value not of required type: … (usage)",
        "at": datetime(2025, 1, 16, 7, 2, 11, tzinfo=UTC),
    }
    assert second.file == "b.csv"


@pytest.mark.parametrize(
    ("said", "code", "message"),
    [
        ({"file": FILE}, "value_invalid", "ack.json, entry 1: state is missing or no value of its kind"),
        (
            [{"file": FILE, "state": "Received"}, {"file": "a/Canary.csv", "state": "Done", "rows": -1}],
            "value_invalid",
            "ack.json, entry 2: file, rows, state is missing or no value of its kind",
        ),
        (["Canary"], "value_invalid", "ack.json, entry 1: the entry is missing or no value of its kind"),
        (
            {"file": FILE, "state": "Received", "at": "2025-01-16T07:02:11"},
            "value_invalid",
            "ack.json, entry 1: at is missing or no value of its kind",
        ),
        ([], "unreadable", "ack.json: an empty list"),
        (b"{Canary", "unreadable", "ack.json: not JSON in UTF-8"),
        (b'{"file": "\xff"}', "unreadable", "ack.json: not JSON in UTF-8"),
    ],
)
def test_a_faulty_document_is_refused_with_place_and_remedy(
    tmp_path: Path, said: object, code: str, message: str
) -> None:
    with pytest.raises(TerminalError) as refused:
        read_acknowledgements(document(tmp_path, said))

    assert refused.value.code == f"acknowledgement.{code}"
    assert refused.value.message == message
    assert refused.value.remedy


def test_a_document_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TerminalError, match=r"acknowledgement.absent.*gone.json"):
        read_acknowledgements(tmp_path / "gone.json")
