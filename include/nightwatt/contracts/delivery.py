"""The grammar of a delivery contract: what goes to which partner, in which form, by when.

Belongs here: the typed model of one delivery YAML file, a small family told apart by `kind`. Does not belong
here: the partner's file format, which is a specification profile (data) read by `delivery`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from nightwatt.contracts.schedule import WallTime
from nightwatt.contracts.watch import Watch

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Domain = Literal["billing", "usage"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Delivery(_Strict):
    """What every delivery says about itself."""

    delivery: Identifier
    title: str
    partner: Identifier
    owner: str = Field(description="who to call")
    profile: str = Field(description="specification profile, e.g. opower/interval_v2-0-5")
    deadline: WallTime = Field(description="wall-clock time on the business date")
    keep_years: int = Field(7, ge=1, description="years our copies of files sent are kept; `nightwatt sent prune`")

    queues: ClassVar[bool] = False
    """Whether tonight's files are made while earlier ones wait for the partner to come back."""
    remembers: ClassVar[bool] = True
    """Whether what a file holds depends on every file since the last full history."""


class _Sftp(_Strict):
    """A server of the partner's. Address and keys come from the environment, never from here."""

    transport: Literal["sftp"] = "sftp"
    connection: Identifier = Field(description="name of the connection: NIGHTWATT_SFTP_<NAME>_* settings")
    rename: bool = Field(
        True,
        description="whether the partner lets a file go up under a temporary name and be renamed; "
        "otherwise it grows under its final name",
    )


class Destination(_Sftp):
    """Where Opower picks files up."""

    review_folder: str = Field("/shared_files", description="folder of samples, history, and files under review")
    production_folder: str = Field("/uploads", description="folder of incrementals, once the population is approved")
    manifest: bool = Field(
        False, description="whether a fileset manifest, in the profile's form, goes before the files of each set"
    )

    def collects(self, folder: str) -> bool:
        """Return whether the partner takes files out of a folder by itself."""
        return folder.rstrip("/") == self.production_folder.rstrip("/")

    @property
    def folders(self) -> frozenset[str]:
        """Every folder files may go to."""
        return frozenset({self.review_folder, self.production_folder})

    def folder_for(self, *, production: bool) -> str:
        """Return the folder of files under review, or of those that went there with an approval."""
        return self.production_folder if production else self.review_folder


class OpowerDelivery(_Delivery):
    """What every delivery to Opower says about itself."""

    utility_code: str = Field(pattern=r"^[a-z0-9]{3,4}$", description="code agreed with the partner")
    population: str = Field("res", description="population token agreed with the partner")
    customer_classes: tuple[str, ...] = Field(
        (), description="classes of customers in the population, as in `dim_service_agreement`; all of them otherwise"
    )
    allow_incomplete_profile: bool = Field(
        False, description="the operator's word that an incomplete profile may go to production"
    )
    destination: Destination
    max_file_mb: int = Field(4096, ge=1, description="split above this many megabytes, on service points")
    watch: Watch = Field(Watch(), description="when a file counts as missing or incomplete")


class OpowerIntervalDelivery(OpowerDelivery):
    """Interval reads to Opower, one file a read length."""

    queues: ClassVar[bool] = True
    remembers: ClassVar[bool] = False

    kind: Literal["opower_interval"]
    commodity: Literal["electricity", "gas"]
    feeds: tuple[Identifier, ...] = Field(
        (), description="feeds whose reads it carries; every feed of this commodity and length otherwise"
    )
    length_min: Literal[5, 15, 30, 60, 1440]

    @property
    def domain(self) -> Domain:
        """The domain whose publication the files are made from."""
        return "usage"


class OpowerBillingDelivery(OpowerDelivery):
    """Billed usage to Opower, with the customers, accounts and service points it belongs to."""

    queues: ClassVar[bool] = True

    kind: Literal["opower_billing"]
    mode: Literal["full", "two_files"] = Field(
        "two_files", description="one file with everything in every row, or customers first and usage second"
    )
    commodity: Literal["electricity", "gas"] | None = None
    system: Literal["CCB", "ISU"] | None = Field(
        None, description="customer system it carries the agreements of; needed where two have the same utility's"
    )

    @property
    def domain(self) -> Domain:
        """The domain whose publication the files are made from."""
        return "billing"


class CrmDestination(_Sftp):
    """Where the CRM's loader picks files up."""

    folder: str = Field(pattern=r"^/", description="folder on the partner's server")

    def collects(self, folder: str) -> bool:  # noqa: ARG002  (the same question as of other destinations)
        """Return whether the loader takes files out of a folder by itself: it does."""
        return True

    @property
    def folders(self) -> frozenset[str]:
        """Every folder files may go to."""
        return frozenset({self.folder})

    def folder_for(self, *, production: bool) -> str:  # noqa: ARG002  (the same question as of other destinations)
        """Return the one folder there is."""
        return self.folder


class CrmDelivery(_Delivery):
    """The customer picture to the CRM: a file an object with what changed since the CRM's last word, and a manifest."""

    remembers: ClassVar[bool] = False

    kind: Literal["crm"]
    domain: Domain = Field(description="the domain whose publication the files are made from")
    objects: tuple[Identifier, ...] = Field(
        (), description="objects of the profile that are sent, by their names there; all of the domain otherwise"
    )
    destination: CrmDestination
    max_file_mb: int = Field(
        100, ge=1, le=100, description="split above this many megabytes, on rows; the Bulk API takes no more than 100"
    )
    send_expired: bool = Field(
        True, description="send files that delete what has left the window; where the CRM does it by itself, false"
    )


Delivery = Annotated[OpowerIntervalDelivery | OpowerBillingDelivery | CrmDelivery, Field(discriminator="kind")]
"""One named package going out."""

DELIVERY: TypeAdapter[OpowerIntervalDelivery | OpowerBillingDelivery | CrmDelivery] = TypeAdapter(Delivery)
"""Reads and describes a delivery of any kind."""
