"""What a file is to the partner, whether it began to go up, and whether our copy is still kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from nightwatt.ledger.models import UtcDateTime

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.add_column(sa.Column("role", sa.String(length=20), server_default="data", nullable=False))
        batch_op.add_column(sa.Column("uploading_at", UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("pruned_at", UtcDateTime(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_column("pruned_at")
        batch_op.drop_column("uploading_at")
        batch_op.drop_column("role")
