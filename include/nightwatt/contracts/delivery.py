"""The grammar of a delivery contract: what goes to which partner, in which form, by when.

Belongs here: the typed model of one delivery YAML file. Does not belong here: the partner's file
format, which is a specification profile (data) read by `delivery`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from nightwatt.contracts.feed import WallTime

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Destination(_Strict):
    """Where the partner picks files up. Address and keys come from the environment, never from here."""

    transport: Literal["sftp"] = "sftp"
    connection: Identifier = Field(description="name of the connection: NIGHTWATT_SFTP_<NAME>_* settings")
    review_folder: str = Field("/shared_files", description="folder while files are under review")
    production_folder: str = Field("/uploads", description="folder once the partner approved")


class Delivery(_Strict):
    """One named package going out."""

    delivery: Identifier
    title: str
    partner: Identifier
    owner: str = Field(description="who to call")
    profile: str = Field(description="specification profile, e.g. opower/interval_v2-0-5")
    utility_code: str = Field(pattern=r"^[a-z0-9]{3,4}$", description="code agreed with the partner")
    population: str = Field("res", description="population token agreed with the partner")
    commodity: Literal["electricity", "gas"]
    feeds: tuple[Identifier, ...] = Field(
        (), description="feeds whose reads it carries; every feed of this commodity and length otherwise"
    )
    length_min: Literal[5, 15, 30, 60, 1440]
    state: Literal["review", "approved"] = Field("review", description="whether files go to review or production")
    allow_incomplete_profile: bool = Field(
        False, description="the operator's word that an incomplete profile may go to production"
    )
    destination: Destination
    deadline: WallTime = Field(description="wall-clock time on the business date")
    max_file_mb: int = Field(4096, ge=1, description="split above this many megabytes, on service points")
