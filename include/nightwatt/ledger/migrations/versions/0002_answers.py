"""What partners say about the rows of a file, and which version of the acknowledged state counts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from nightwatt.ledger.models import Big, UtcDateTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "answers",
        sa.Column("sending_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("delivery", sa.String(length=100), nullable=False),
        sa.Column("object_name", sa.String(length=100), nullable=False),
        sa.Column("part", sa.String(length=20), nullable=False),
        sa.Column("rows_path", sa.Text(), nullable=True),
        sa.Column("mapping_sha256", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("accepted", Big, nullable=True),
        sa.Column("refused", Big, nullable=True),
        sa.Column("unprocessed", Big, nullable=True),
        sa.Column("answered_at", UtcDateTime(), nullable=True),
        sa.Column("answer_path", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["sending_id"], ["deliveries.id"]),
        sa.PrimaryKeyConstraint("sending_id"),
    )
    with op.batch_alter_table("answers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_answers_delivery"), ["delivery"], unique=False)
    op.create_table(
        "acknowledged",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("delivery", sa.String(length=100), nullable=False),
        sa.Column("object_name", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("rows", Big, nullable=False),
        sa.Column("watermark", Big, nullable=True),
        sa.Column("mapping_sha256", sa.String(length=64), nullable=True),
        sa.Column("sending_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["sending_id"], ["deliveries.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("delivery", "object_name", "version", name="uq_acknowledged_version"),
    )


def downgrade() -> None:
    op.drop_table("acknowledged")
    with op.batch_alter_table("answers", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_answers_delivery"))

    op.drop_table("answers")
