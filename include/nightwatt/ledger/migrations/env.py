"""Alembic's entry point: run the ledger's migrations on the engine that `Ledger.open` passes in."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from nightwatt.ledger.models import Base

ONE_AT_A_TIME = 5_318_008_221
"""Any number, as long as no other program takes it for a lock in the ledger's database."""

engine = context.config.attributes["engine"]

with engine.connect() as connection:
    # In one transaction on SQLite too, which can take schema changes back: killed half-way, nothing happened.
    context.configure(
        connection=connection, target_metadata=Base.metadata, render_as_batch=True, transactional_ddl=True
    )
    with context.begin_transaction():
        # Services that start together all find the ledger missing. SQLite lets one of them begin; PostgreSQL lets all.
        if connection.dialect.name == "postgresql":
            connection.execute(text("select pg_advisory_xact_lock(:number)"), {"number": ONE_AT_A_TIME})
        context.run_migrations()
    connection.commit()
