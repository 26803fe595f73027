#!/bin/sh
# Run once by the PostgreSQL image on an empty data folder: Airflow's metadata beside the ledger.
set -eu
createdb --username "$POSTGRES_USER" --owner "$POSTGRES_USER" airflow
