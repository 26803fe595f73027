"""In which phase a file was sent, which days it covers, and who let a population go to production."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from nightwatt.ledger.models import Big, UtcDateTime

revision = "0003"
down_revision = "0002"

ADDED = ("phase", "first_day", "last_day", "sample_size", "sample_seed", "approval_id")


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("phase", sa.String(length=20), server_default="incremental", nullable=False))
    op.add_column("deliveries", sa.Column("first_day", sa.Date(), nullable=True))
    op.add_column("deliveries", sa.Column("last_day", sa.Date(), nullable=True))
    op.add_column("deliveries", sa.Column("sample_size", sa.Integer(), nullable=True))
    op.add_column("deliveries", sa.Column("sample_seed", Big, nullable=True))
    op.add_column("deliveries", sa.Column("approval_id", sa.Integer(), nullable=True))
    op.create_table(
        "approvals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("delivery", sa.String(length=100), nullable=False),
        sa.Column("sending_id", sa.Integer(), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("decision", sa.String(length=20), nullable=False),
        sa.Column("decided_by", sa.String(length=255), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["sending_id"], ["deliveries.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_approvals_delivery", "approvals", ["delivery"], unique=False)


def downgrade() -> None:
    op.drop_table("approvals")
    for name in ADDED:
        op.drop_column("deliveries", name)
