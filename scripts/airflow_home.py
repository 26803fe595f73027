"""The Airflow of one NightWatt home: its settings, its metadata database, its writer pool.

Belongs here: what `run_night.py` and `ui.py` must agree on, so that both show the same runs. Does not belong
here: production settings (docker-compose.yaml). Import this before anything of Airflow, which reads its settings
once.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import time
from pathlib import Path

from nightwatt.settings import PROJECT_ROOT, Settings

HOST = "127.0.0.1"


def prepare(settings: Settings, port: int = 8080) -> Path:
    """Point Airflow at the home through the environment, in UTC, and return its folder."""
    folder = settings.root / "airflow"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)  # holds the generated keys and the admin's password
    address = f"http://{HOST}:{port}"
    for name in [n for n in os.environ if n.startswith("AIRFLOW__")]:
        del os.environ[name]  # left over from somebody's shell
    os.environ |= {
        "NIGHTWATT_HOME": str(settings.root),
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT_ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__DEFAULT_TIMEZONE": "utc",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder / 'airflow.db'}",
        **_keys(folder / "keys.json"),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(folder / "logs"),
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__API__WORKERS": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "TZ": "UTC",
    }
    time.tzset()
    return folder


def _keys(path: Path) -> dict[str, str]:
    """Return the keys Airflow's services must share, made once.

    Left to themselves, services that start together on a new home each make their own, and then refuse each other.
    """
    if not path.exists():
        made = {
            "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
            "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(64),
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(made, indent=1), encoding="utf-8")
    return dict(json.loads(path.read_text("utf-8")))


def migrate() -> None:
    """Create or migrate the metadata database and the writer pool. Call `prepare` first."""
    from airflow.models.pool import Pool
    from airflow.utils.db import initdb

    from nightwatt_airflow.defaults import WRITER_POOL, WRITER_POOL_DESCRIPTION

    initdb()
    Pool.create_or_update_pool(WRITER_POOL, 1, WRITER_POOL_DESCRIPTION, include_deferred=False)


def start_partners(settings: Settings, stack: contextlib.ExitStack) -> None:
    """Start the partners' SFTP servers on loopback, until the stack closes, and tell the courier where they are."""
    from nightwatt.delivery.loopback import FOLDERS, LoopbackServer

    partner = settings.root / "partner"
    for connection, root, folders in (
        ("opower", partner / "files", FOLDERS),
        ("crm", partner / "crm", ("incoming",)),
    ):
        server = stack.enter_context(LoopbackServer(root, keys=partner / f"{connection}_keys", folders=folders))
        os.environ.update(server.environment(connection))
