"""The warehouse: the one room that opens DuckDB files, runs dbt and publishes.

Belongs here: the writer's lock, connections, what dbt reads and how it is run, the published warehouse
and its retention, read-only queries on it. Does not belong here: the SQL of the models (the dbt project)
and where a night's files come from (the caller passes plain paths).
"""

from nightwatt.warehouse import reconciliation
from nightwatt.warehouse.audiences import Audiences
from nightwatt.warehouse.build import BuildResult, build
from nightwatt.warehouse.dbt import DbtResult, NodeResult, run_dbt
from nightwatt.warehouse.inputs import BuildInputs, StoreVersionInput, TableInput
from nightwatt.warehouse.mask_key import MaskKey, mask_key
from nightwatt.warehouse.meta import LastBuild, last_build, last_build_of
from nightwatt.warehouse.meters import reporting
from nightwatt.warehouse.model_docs import page_path, write_model_docs
from nightwatt.warehouse.publish import PublishResult, Terms, publish
from nightwatt.warehouse.published_reconciliation import published_comparisons
from nightwatt.warehouse.query import published, run_sql, stream_sql
from nightwatt.warehouse.retention import collect, kept_store_versions, roll_back
from nightwatt.warehouse.tables import PublishedTable, personal_classes, published_tables
from nightwatt.warehouse.versions import Version, current_version, kept_versions

__all__ = [
    "Audiences",
    "BuildInputs",
    "BuildResult",
    "DbtResult",
    "LastBuild",
    "MaskKey",
    "NodeResult",
    "PublishResult",
    "PublishedTable",
    "StoreVersionInput",
    "TableInput",
    "Terms",
    "Version",
    "build",
    "collect",
    "current_version",
    "kept_store_versions",
    "kept_versions",
    "last_build",
    "last_build_of",
    "mask_key",
    "page_path",
    "personal_classes",
    "publish",
    "published",
    "published_comparisons",
    "published_tables",
    "reconciliation",
    "reporting",
    "roll_back",
    "run_dbt",
    "run_sql",
    "stream_sql",
    "write_model_docs",
]
