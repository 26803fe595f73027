"""The Airflow side of NightWatt: adapters between DAG files and `nightwatt`.

Belongs here: what Airflow must load to run our DAGs. Does not belong here: business rules.
"""
