"""The grammar of `alerting.yaml`: through which channels messages go, which go where, and when people sleep.

Belongs here: the typed model of that one file. Does not belong here: addresses and secrets, which an environment
variable or a file holds, and sending (`alerting`).
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from nightwatt.contracts.schedule import WallTime

ChannelName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


def _below_the_home(path: str) -> str:
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise ValueError("a path below the home: no leading slash, no `..`")
    return path


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LogChannel(_Strict):
    """A line in the log of whoever looks."""

    kind: Literal["log"]


class FileChannel(_Strict):
    """A line of JSON a message, in a file below the home."""

    kind: Literal["file"]
    path: Annotated[str, AfterValidator(_below_the_home)] = Field(
        "alerts/messages.jsonl", description="path below the home"
    )


class AppriseChannel(_Strict):
    """E-mail, Slack, PagerDuty, a webhook and whatever else Apprise has an address for."""

    kind: Literal["apprise"]
    url_env: str | None = Field(
        None, pattern=r"^[A-Z][A-Z0-9_]*$", description="environment variable that holds the Apprise address"
    )
    url_file: str | None = Field(None, description="file that holds it instead, such as a mounted secret")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.url_env is None) == (self.url_file is None):
            raise ValueError("give either url_env or url_file: where the address lies, never the address")
        return self


Channel = Annotated[LogChannel | FileChannel | AppriseChannel, Field(discriminator="kind")]


class Route(_Strict):
    """Messages that go to some channels."""

    channels: tuple[ChannelName, ...] = Field(min_length=1)
    severities: tuple[Literal["warning", "critical"], ...] = Field(("warning", "critical"), min_length=1)
    domains: tuple[Literal["billing", "usage", "reference"], ...] = Field(
        (), description="only what is about these; all otherwise. What is about no domain goes to every route"
    )


class QuietHours(_Strict):
    """Hours of the utility's wall clock in which warnings are kept for later; what is critical goes out at once."""

    start: WallTime
    end: WallTime
    channels: tuple[ChannelName, ...] = Field((), description="channels they hold for; all otherwise")


def _without_set_up() -> dict[ChannelName, Channel]:
    return {"log": LogChannel(kind="log"), "file": FileChannel(kind="file", path="alerts/messages.jsonl")}


class Alerting(_Strict):
    """How people are told."""

    channels: dict[ChannelName, Channel] = Field(default_factory=_without_set_up, description="channels by name")
    routes: tuple[Route, ...] = Field((Route(channels=("log", "file")),), description="a message goes where any says")
    quiet_hours: QuietHours | None = None
    tries: int = Field(6, ge=1, description="how often a message is tried before its channel counts as failed")
    runbooks: str = Field("docs/runbooks", description="where the runbooks lie, as people reach them: a folder or URL")
    page: str | None = Field(None, description="address of the ops page, to be named in messages")

    @model_validator(mode="after")
    def _known_channels(self) -> Self:
        named = [name for route in self.routes for name in route.channels]
        named += self.quiet_hours.channels if self.quiet_hours else ()
        if unknown := sorted(set(named) - set(self.channels)):
            raise ValueError(f"{', '.join(unknown)}: not among `channels`")
        return self
