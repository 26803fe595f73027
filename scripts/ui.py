"""Airflow in the browser, with the same home as `make run`: what `make ui` starts.

Belongs here: starting Airflow's four services on loopback and stopping all of them again. Does not belong here: the
production shape (docker-compose.yaml).

The services are started one by one and not by `airflow standalone`, which leaves them running when it is told to
stop, and whose log servers listen on every network address.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TextIO

import airflow_home
import night_screen
import psutil

from nightwatt.ledger import Ledger
from nightwatt.ledger.night import newest_business_date
from nightwatt.settings import Settings

PORT = int(os.environ.get("NIGHTWATT_UI_PORT", "8080"))
SERVICES = {
    "api-server": ["api-server", "--host", airflow_home.HOST, "--port", str(PORT)],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
READY_SECONDS = 180
GRACE_SECONDS = 15
PASSWORDS = "simple_auth_manager_passwords.json.generated"


def main() -> int:
    """Run until told to stop (Ctrl-C, SIGTERM, SIGHUP) or until a service dies."""
    if is_taken(PORT):
        print(f"port {PORT} is in use; choose another: NIGHTWATT_UI_PORT=8081 make ui", file=sys.stderr)
        return 1
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    settings = Settings()
    folder = airflow_home.prepare(settings, PORT)
    logs = settings.root / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    print(f"starting Airflow for {settings.root} (logs in {logs}); Ctrl-C stops it", flush=True)
    with night_screen.quiet(logs / "airflow-setup.log") as screen, contextlib.ExitStack() as stack:
        airflow_home.migrate()
        airflow_home.start_partners(settings, stack)
        services = {name: start(name, logs) for name in SERVICES}
        try:
            return watch(services, stop, folder, logs, screen)
        finally:
            print("stopping Airflow", file=screen, flush=True)
            stop_all(services)
            print("stopped", file=screen, flush=True)


def is_taken(port: int) -> bool:
    """Return whether something listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex((airflow_home.HOST, port)) == 0


def start(name: str, logs: Path) -> subprocess.Popen[bytes]:
    """Start a service in a session of its own, so that Ctrl-C reaches this process only."""
    with (logs / f"airflow-{name}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "airflow", *SERVICES[name]],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def watch(
    services: dict[str, subprocess.Popen[bytes]], stop: threading.Event, folder: Path, logs: Path, screen: TextIO
) -> int:
    """Say when Airflow is ready, then wait for the end."""
    give_up, is_ready = time.monotonic() + READY_SECONDS, False
    while not stop.wait(1):
        for name, process in services.items():
            if process.poll() is not None:
                print(f"{name} ended by itself; see {logs / f'airflow-{name}.log'}", file=screen, flush=True)
                return 1
        if not is_ready and is_healthy():
            is_ready = True
            address = f"http://{airflow_home.HOST}:{PORT}"
            print(f"\n  {address}\n  user admin, password in {folder / PASSWORDS}", file=screen)
            print(f"  the newest night: {address}/nightwatt/ops/{newest_night()}\n", file=screen, flush=True)
        if not is_ready and time.monotonic() > give_up:
            print(f"Airflow is not ready after {READY_SECONDS} s; see {logs}", file=screen, flush=True)
            return 1
    return 0


def newest_night() -> str:
    """Return what the ops page's address needs to show the newest night files came for; nothing if none did."""
    settings = Settings()
    ledger = Ledger.open(settings.ledger_address)
    with ledger.read() as session:
        newest = newest_business_date(session)
    ledger.close()
    return f"?date={newest}" if newest else ""


def is_healthy() -> bool:
    """Return whether all four services say so."""
    try:
        with urllib.request.urlopen(f"http://{airflow_home.HOST}:{PORT}/api/v2/monitor/health", timeout=5) as answer:
            health = json.load(answer)
    except (OSError, urllib.error.URLError, ValueError):
        return False
    return all(part["status"] == "healthy" for part in health.values() if part.get("status") is not None)


def stop_all(services: dict[str, subprocess.Popen[bytes]]) -> None:
    """Ask every service and all it started to stop; after a grace, make them."""
    family: list[psutil.Process] = []
    for process in services.values():
        with contextlib.suppress(psutil.NoSuchProcess):
            service = psutil.Process(process.pid)
            family += [service, *service.children(recursive=True)]
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.terminate()
    _, alive = psutil.wait_procs(family, timeout=GRACE_SECONDS)
    for member in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    for process in services.values():
        process.wait()


if __name__ == "__main__":
    sys.exit(main())
