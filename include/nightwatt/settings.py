"""Where things lie and the few numbers a deployment sets.

Belongs here: paths under one home folder, the utility's time zone, limits, connection addresses, read
from `NIGHTWATT_*` environment variables. Does not belong here: anything about one feed or one partner
(that is a contract in the catalog).
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PROJECT_ROOT = Path(__file__).resolve().parents[2]


def _listed(names: object) -> object:
    """Read `a, b` as the two names it is."""
    return tuple(n for n in map(str.strip, names.split(",")) if n) if isinstance(names, str) else names


class Settings(BaseSettings):
    """Settings of one NightWatt home. Two homes never share a file, so they can live side by side."""

    model_config = SettingsConfigDict(env_prefix="NIGHTWATT_", extra="ignore", frozen=True)

    home: Path = Field(PROJECT_ROOT / "var", description="everything NightWatt writes lies under this folder")
    zone: str = Field("America/New_York", description="the utility's time zone (IANA name)")
    catalog: Path | None = Field(None, description="catalog folder of one's own; the packaged one otherwise")
    systems: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)] = Field(
        ("ccb", "mdm"),
        min_length=1,
        description="the source systems in use, separated by commas; the catalog's feeds of others are not waited for",
    )
    dbt_project: Path = Field(PROJECT_ROOT / "dbt_project", description="the dbt project folder")
    ledger_url: str | None = Field(None, description="SQLAlchemy address; SQLite under the home otherwise")
    memory_limit: str = Field(
        "2GB",
        pattern=r"^\d+(\.\d+)? ?[KMGT]i?B$",
        description="memory one DuckDB may use before it spills to disk",
    )
    clock_at: AwareDatetime | None = Field(
        None,
        description="what the platform's clock shows at its start; the real time otherwise (replays, demonstrations)",
    )
    threads: int | None = Field(None, description="threads one DuckDB may use; all cores otherwise")
    max_uncompressed_gb: int = Field(64, description="a file that unpacks to more than this is refused")
    max_expansion: int = Field(200, description="a file that unpacks to more than this many times its size is refused")
    max_line_bytes: int = Field(1_000_000, description="a line longer than this makes the file unreadable")
    keep_publications: int = Field(5, description="how many publications stay on disk")
    alerting: Path | None = Field(
        None, description="how people are told, a file of one's own; `alerting.yaml` of the catalog otherwise"
    )
    airflow_url: str | None = Field(
        None, description="where the watchdog finds Airflow's API server, to see whether its services live"
    )
    heartbeat_url: SecretStr | None = Field(
        None, description="address of an outside monitor that the watchdog calls after each good look"
    )
    mask_key: SecretStr | None = Field(
        None,
        description="key that personal columns of audiences are hashed with, 32 characters or more; "
        "that in `secrets/mask.key` under the home otherwise, made there once",
    )
    mask_key_file: Path | None = Field(None, description="a file that holds this key instead")

    @cached_property
    def tz(self) -> ZoneInfo:
        """The utility's time zone."""
        return ZoneInfo(self.zone)

    @property
    def memory_amount(self) -> tuple[float, str]:
        """The memory limit as amount and unit, for sharing it between engines."""
        return float(self.memory_limit.rstrip("KMGTiB ")), self.memory_limit.lstrip("0123456789. ")

    @property
    def root(self) -> Path:
        """The home as an absolute path."""
        return self.home.expanduser().resolve()

    @property
    def inbound(self) -> Path:
        """Where source systems drop files: one folder per `arrival.folder` of the feeds."""
        return self.root / "inbound"

    @property
    def landing(self) -> Path:
        """Archive of every file that arrived, under its content hash."""
        return self.root / "landing"

    @property
    def lake(self) -> Path:
        """Immutable Parquet: `<feed>/load=<sequence>/*.parquet`."""
        return self.root / "lake"

    @property
    def rejects(self) -> Path:
        """Rejected lines with reason and raw text: `<feed>/load=<sequence>.parquet`."""
        return self.root / "rejects"

    @property
    def reads(self) -> Path:
        """The reads store: data files and versioned manifests."""
        return self.root / "reads"

    @property
    def warehouse(self) -> Path:
        """The folder of the DuckDB file that dbt builds. May be deleted and rebuilt."""
        return self.root / "warehouse"

    @property
    def published(self) -> Path:
        """The published warehouse: `nightwatt.duckdb` and the Parquet it views."""
        return self.root / "published"

    @property
    def audiences(self) -> Path:
        """What audiences see: a folder of its own for each, sharing no file with any other."""
        return self.root / "audiences"

    @property
    def outbox(self) -> Path:
        """Files on their way to partners, and the archive of those sent."""
        return self.root / "outbox"

    @property
    def sent(self) -> Path:
        """What was sent, searchable: an index a file, made again from the outbox where it is missing."""
        return self.root / "sent"

    @property
    def acknowledged(self) -> Path:
        """What partners have acknowledged: `<delivery>/<object>/v<version>.parquet`, and the answers it is made of."""
        return self.root / "acknowledged"

    @property
    def answers(self) -> Path:
        """Where partners' answers are dropped: one folder a delivery."""
        return self.inbound / "acks"

    @property
    def refusals(self) -> Path:
        """Rows a partner refused or that were held back, keys and reasons only: `<delivery>/*.parquet`."""
        return self.root / "refusals"

    @property
    def scratch(self) -> Path:
        """Spill and temporary files; safe to delete when nothing runs."""
        return self.root / "scratch"

    @property
    def ledger_address(self) -> str:
        """SQLAlchemy address of the ledger."""
        return self.ledger_url or f"sqlite:///{self.root / 'ledger' / 'ledger.db'}"
