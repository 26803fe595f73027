#!/bin/sh
# What must be there before any service starts: both schemas, the one-slot writer pool, roles and first logins.
# Runs again without effect.
set -eu
airflow db migrate
airflow pools set warehouse_writer 1 "one writer of the reads store, the warehouse and the publication at a time"
python -c 'from nightwatt.ledger import Ledger; from nightwatt.settings import Settings; Ledger.open(Settings().ledger_address).close()'
python "$(dirname "$0")/logins.py"
