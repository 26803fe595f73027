"""Debian's Chromium, driven by Playwright, and a real API server of Airflow with our plugins to look at.

Belongs here: starting both, and logins. Does not belong here: what a page should show.
"""

from __future__ import annotations

import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, sync_playwright

REPOSITORY = Path(__file__).resolve().parents[2]
CHROMIUM = "/usr/bin/chromium"
# Quiet and alone: no sandbox below root, no graphics, and none of the calls home that a new browser makes.
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
USERS = {"vera": "viewer", "otto": "op"}
READY_SECONDS = 120


@dataclass(frozen=True)
class Site:
    """An API server that answers."""

    address: str
    password: str  # of every user

    def login(self, user: str) -> str:
        """Return a token of a user, as Airflow's login gives it."""
        body = json.dumps({"username": user, "password": self.password}).encode()
        request = urllib.request.Request(
            f"{self.address}/auth/token", body, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return str(json.load(answer)["access_token"])


@contextmanager
def api_server(folder: Path, environment: Mapping[str, str]) -> Iterator[Site]:
    """Run `airflow api-server` on loopback until the block ends, with a viewer and an operator."""
    port, password = _free_port(), secrets.token_urlsafe(12)
    passwords = folder / "passwords.json"
    passwords.write_text(json.dumps(dict.fromkeys(USERS, password)))
    address = f"http://127.0.0.1:{port}"
    given = os.environ | {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder / 'airflow.db'}",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in USERS.items()),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
        "PYTHONPATH": os.pathsep.join(str(REPOSITORY / part) for part in ("include", "plugins")),
        **environment,
    }
    _run(["db", "migrate"], given, folder)
    log = (folder / "api-server.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "airflow", "api-server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"],
        env=given, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        _wait(process, address, folder)
        yield Site(address, password)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()


def _run(arguments: list[str], environment: Mapping[str, str], folder: Path) -> None:
    with (folder / "migrate.log").open("wb") as log:
        subprocess.run(
            [sys.executable, "-m", "airflow", *arguments], env=dict(environment), stdout=log, stderr=log, check=True
        )


def _wait(process: subprocess.Popen[bytes], address: str, folder: Path) -> None:
    give_up = time.monotonic() + READY_SECONDS
    while time.monotonic() < give_up:
        assert process.poll() is None, (folder / "api-server.log").read_text("utf-8")[-3000:]
        try:
            with urllib.request.urlopen(f"{address}/api/v2/version", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            select.select([], [], [], 0.2)  # leave the processor to a server that starts
    raise AssertionError((folder / "api-server.log").read_text("utf-8")[-3000:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a browser that nobody sees."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        try:
            yield browser
        finally:
            browser.close()


def visitor(browser: Browser, site: Site, token: str | None = None, **more: Any) -> BrowserContext:
    """Open a browser profile of one's own, which the caller closes; with a token, logged in as its user."""
    context = browser.new_context(**more)
    if token:
        context.add_cookies([{"name": "_token", "value": token, "url": site.address}])
    return context
