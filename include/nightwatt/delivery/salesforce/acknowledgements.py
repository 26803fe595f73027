"""What a receiver says about whole files: Data Cloud's ingestion jobs, and partners who take files over SFTP.

Belongs here: the document such a receiver, or a middleware for it, writes, and reading it. Does not belong here:
results row by row (`results`), and what the platform concludes for its acknowledged state.
"""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from nightwatt.delivery.salesforce.messages import message_class
from nightwatt.errors import TerminalError

_AGAIN = "ask the receiver for the document again; it holds one JSON object for each file, or a list of them"


def _scrubbed(message: str) -> str:
    return message_class(message) if message else ""


class FileState(StrEnum):
    """What a receiver of whole files says: Data Cloud's job states, and two words for everybody else."""

    JOB_COMPLETE = "JobComplete"
    FAILED = "Failed"
    ABORTED = "Aborted"
    RECEIVED = "Received"
    REFUSED = "Refused"

    @property
    def is_accepted(self) -> bool:
        """Whether the receiver has every row of the file."""
        return self in {FileState.JOB_COMPLETE, FileState.RECEIVED}


class FileAcknowledgement(BaseModel):
    """One file's acknowledgement, as the receiver or a middleware writes it in JSON.

    A document holds one object, or a list of them: `{"file": "crm_cloud_01_usage_day_20250116060000.csv",
    "state": "JobComplete", "rows": 96000, "sha256": "…", "job_id": "…", "message": "", "at": "2025-01-16T07:02:11Z"}`.
    Only `file` and `state` are required; what is there must agree with what was sent. Other keys are passed over.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=True)

    file: str = Field(min_length=1, max_length=255, pattern=r"^[^/\\]+$")
    state: FileState
    rows: int | None = Field(default=None, ge=0)
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    job_id: str | None = Field(default=None, max_length=64)
    message: Annotated[str, AfterValidator(_scrubbed)] = ""
    at: AwareDatetime | None = None

    @property
    def is_accepted(self) -> bool:
        """Whether the receiver has every row of the file."""
        return self.state.is_accepted


def read_acknowledgements(path: Path) -> tuple[FileAcknowledgement, ...]:
    """Read a document of acknowledgements, in its own order.

    Raises:
        TerminalError: it is no such document; file, entry, field and remedy are named, never a value.
    """
    try:
        said = json.loads(path.read_text("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise TerminalError("acknowledgement.unreadable", f"{path.name}: not JSON in UTF-8", _AGAIN) from None
    except FileNotFoundError:
        raise TerminalError("acknowledgement.absent", f"{path.name}: there is no such document", _AGAIN) from None
    entries = said if isinstance(said, list) else [said]
    if not entries:
        raise TerminalError("acknowledgement.unreadable", f"{path.name}: an empty list", _AGAIN)
    return tuple(_entry(path, number, entry) for number, entry in enumerate(entries, 1))


def _entry(path: Path, number: int, said: object) -> FileAcknowledgement:
    try:
        return FileAcknowledgement.model_validate(said)
    except ValidationError as e:
        names = ", ".join(sorted({".".join(map(str, fault["loc"])) or "the entry" for fault in e.errors()}))
        raise TerminalError(
            "acknowledgement.value_invalid",
            f"{path.name}, entry {number}: {names} is missing or no value of its kind",
            _AGAIN,
        ) from None
