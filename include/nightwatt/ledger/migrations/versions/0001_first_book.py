"""The first book: every table of the first slice, and the sequence at zero."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from nightwatt.ledger.models import Big, UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("delivery", sa.String(length=100), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("publication_sequence", Big, nullable=False),
        sa.Column("since_sequence", Big, nullable=True),
        sa.Column("through_sequence", Big, nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", Big, nullable=False),
        sa.Column("rows", Big, nullable=False),
        sa.Column("totals", sa.JSON(), nullable=True),
        sa.Column("remote_path", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("intended_at", UtcDateTime(), nullable=False),
        sa.Column("renaming_at", UtcDateTime(), nullable=True),
        sa.Column("delivered_at", UtcDateTime(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("delivery", "business_date", "file_name", name="uq_deliveries_file"),
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_deliveries_business_date"), ["business_date"], unique=False)
        batch_op.create_index(batch_op.f("ix_deliveries_delivery"), ["delivery"], unique=False)

    op.create_table(
        "publications",
        sa.Column("sequence", Big, autoincrement=False, nullable=False),
        sa.Column("domain", sa.String(length=50), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("through_sequence", Big, nullable=False),
        sa.Column("store_version", sa.Integer(), nullable=True),
        sa.Column("tables", sa.JSON(), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("published_at", UtcDateTime(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("sequence"),
    )
    with op.batch_alter_table("publications", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_publications_domain"), ["domain"], unique=False)

    op.create_table(
        "receipts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("feed", sa.String(length=100), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("part", sa.String(length=50), nullable=True),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", Big, nullable=False),
        sa.Column("unpacked_bytes", Big, nullable=False),
        sa.Column("line_count", Big, nullable=False),
        sa.Column("needs_cleaning", sa.Boolean(), nullable=True),
        sa.Column("sent_at", UtcDateTime(), nullable=False),
        sa.Column("arrived_at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("control_rows", Big, nullable=True),
        sa.Column("supersedes_id", sa.Integer(), nullable=True),
        sa.Column("superseded_by_id", sa.Integer(), nullable=True),
        sa.Column("rows_in", Big, nullable=True),
        sa.Column("rows_kept", Big, nullable=True),
        sa.Column("rows_rejected", Big, nullable=True),
        sa.Column("rows_ignored", Big, nullable=True),
        sa.Column("is_complete", sa.Boolean(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["superseded_by_id"],
            ["receipts.id"],
        ),
        sa.ForeignKeyConstraint(
            ["supersedes_id"],
            ["receipts.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("feed", "business_date", "content_sha256", name="uq_receipts_content"),
    )
    with op.batch_alter_table("receipts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_receipts_business_date"), ["business_date"], unique=False)
        batch_op.create_index(batch_op.f("ix_receipts_feed"), ["feed"], unique=False)

    op.create_table(
        "runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(length=50), nullable=False),
        sa.Column("subject", sa.String(length=100), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=True),
        sa.Column("started_by", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_runs_business_date"), ["business_date"], unique=False)
        batch_op.create_index(batch_op.f("ix_runs_stage"), ["stage"], unique=False)

    op.create_table(
        "sequence_counter",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("last_value", Big, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "checks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("code", sa.String(length=100), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=True),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("blocks", sa.Boolean(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["runs.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("checks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_checks_business_date"), ["business_date"], unique=False)
        batch_op.create_index(batch_op.f("ix_checks_code"), ["code"], unique=False)
        batch_op.create_index(batch_op.f("ix_checks_run_id"), ["run_id"], unique=False)

    op.create_table(
        "loads",
        sa.Column("sequence", Big, autoincrement=False, nullable=False),
        sa.Column("receipt_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("lake_path", sa.Text(), nullable=False),
        sa.Column("records_out", Big, nullable=True),
        sa.Column("totals", sa.JSON(), nullable=True),
        sa.Column("store_version", sa.Integer(), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["receipt_id"],
            ["receipts.id"],
        ),
        sa.PrimaryKeyConstraint("sequence"),
    )
    with op.batch_alter_table("loads", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_loads_receipt_id"), ["receipt_id"], unique=False)

    op.create_table(
        "reject_summaries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("receipt_id", sa.Integer(), nullable=False),
        sa.Column("load_sequence", Big, nullable=False),
        sa.Column("code", sa.String(length=100), nullable=False),
        sa.Column("column_name", sa.String(length=200), nullable=True),
        sa.Column("lines", Big, nullable=False),
        sa.Column("first_line", Big, nullable=False),
        sa.Column("open_lines", Big, nullable=False),
        sa.ForeignKeyConstraint(
            ["receipt_id"],
            ["receipts.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("reject_summaries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reject_summaries_load_sequence"), ["load_sequence"], unique=False)
        batch_op.create_index(batch_op.f("ix_reject_summaries_receipt_id"), ["receipt_id"], unique=False)
    op.execute("INSERT INTO sequence_counter (id, last_value) VALUES (1, 0)")


def downgrade() -> None:
    with op.batch_alter_table("reject_summaries", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_reject_summaries_receipt_id"))
        batch_op.drop_index(batch_op.f("ix_reject_summaries_load_sequence"))

    op.drop_table("reject_summaries")
    with op.batch_alter_table("loads", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_loads_receipt_id"))

    op.drop_table("loads")
    with op.batch_alter_table("checks", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_checks_run_id"))
        batch_op.drop_index(batch_op.f("ix_checks_code"))
        batch_op.drop_index(batch_op.f("ix_checks_business_date"))

    op.drop_table("checks")
    op.drop_table("sequence_counter")
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_runs_stage"))
        batch_op.drop_index(batch_op.f("ix_runs_business_date"))

    op.drop_table("runs")
    with op.batch_alter_table("receipts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_receipts_feed"))
        batch_op.drop_index(batch_op.f("ix_receipts_business_date"))

    op.drop_table("receipts")
    with op.batch_alter_table("publications", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_publications_domain"))

    op.drop_table("publications")
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_deliveries_delivery"))
        batch_op.drop_index(batch_op.f("ix_deliveries_business_date"))

    op.drop_table("deliveries")
