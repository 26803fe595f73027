"""The services of docker-compose.yaml, started by hand: the same commands and settings, on this machine.

Belongs here: what a container would have given a service (its paths, its neighbours' names, its secrets), and
starting, asking and stopping it. Does not belong here: what a service must do.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psutil
import yaml
from tests.support.postgres import Server, free_port, running_server

REPOSITORY = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yaml").read_text("utf-8"))
AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer")
PASSWORD = "a password of tests only"
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def filled(text: str, given: Mapping[str, str]) -> str:
    """Return a value of the compose file with its variables filled in, as compose does it."""

    def one(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        if given.get(name):
            return given[name]
        assert kind == "-", f"{name} must be given: {rest}"
        return str(rest)

    return VARIABLE.sub(one, text)


@dataclass
class Services:
    """Some services and what they run on.

    `paths` says what stands here for a text of the compose file: a folder of the container, a neighbour's address.
    """

    folder: Path
    given: Mapping[str, str]
    paths: Mapping[str, str]
    extra: Mapping[str, str] = field(default_factory=dict)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def here(self, text: str) -> str:
        """Return a text of the compose file as it reads on this machine."""
        text = filled(str(text), self.given)
        for there, here in self.paths.items():
            text = text.replace(there, here)
        return text

    def environment(self, name: str) -> dict[str, str]:
        """Return the whole environment of a service: nothing of ours but the search path."""
        asked = {k: self.here(v) for k, v in COMPOSE["services"][name].get("environment", {}).items()}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self.folder / "user"), "LANG": "C.UTF-8"} | asked | dict(self.extra)

    def command(self, name: str) -> list[str]:
        """Return the command of a service, after the entry point of its image."""
        return [
            str(REPOSITORY / "deploy" / "entrypoint.sh"),
            *(self.here(a) for a in COMPOSE["services"][name]["command"]),
        ]

    def start(self, name: str) -> None:
        """Start a lasting service in a process group of its own."""
        with self.log(name).open("ab") as log:
            self.running[name] = subprocess.Popen(
                self.command(name),
                env=self.environment(name),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,
            )

    def run(self, name: str) -> str:
        """Run a service that ends, and return what it said."""
        ended = subprocess.run(
            self.command(name), env=self.environment(name), cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, f"{name}: {ended.stdout}\n{ended.stderr}"
        return ended.stdout

    def health(self, name: str) -> int:
        """Run a service's own health check once; 0 is healthy."""
        kind, *command = COMPOSE["services"][name]["healthcheck"]["test"]
        assert kind == "CMD"
        ended = subprocess.run(
            [self.here(argument) for argument in command],
            env=self.environment(name),
            cwd=self.folder,
            capture_output=True,
            check=False,
        )
        with self.log(f"{name}-health").open("ab") as log:
            log.write(ended.stdout + ended.stderr)
        return ended.returncode

    def wait_until_healthy(self, name: str, seconds: float = 180) -> None:
        """Ask again and again, as the container engine would."""
        end = time.monotonic() + seconds
        while self.health(name):
            code = self.running[name].poll()
            assert code is None, f"{name} ended with {code}:\n{self.said(name)}"
            assert time.monotonic() < end, f"{name} is not healthy after {seconds:.0f} s:\n{self.said(name)}"

    def log(self, name: str) -> Path:
        """Return where a service's output goes."""
        return self.folder / f"{name}.log"

    def said(self, name: str) -> str:
        """Return the end of what a service and its health check said."""
        logs = [p for p in (self.log(name), self.log(f"{name}-health")) if p.exists()]
        return "\n".join(f"--- {p.name}\n{p.read_text('utf-8', 'replace')[-4000:]}" for p in logs)

    def stop(self, name: str, grace: float = 30) -> int:
        """Ask a service to stop, as the container engine would, and return how it ended; then take its children."""
        process = self.running.pop(name)
        family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(grace)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
        finally:
            for child in family:
                if child.is_running():
                    child.kill()

    def stop_all(self) -> None:
        """Stop what still runs."""
        for name in list(self.running):
            self.stop(name)


@dataclass
class Stack:
    """PostgreSQL and the services on it."""

    services: Services
    server: Server
    address: str  # of the pages
    secrets: Path
    first_init: str
    tokens: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def ledger_address(self) -> str:
        """Return the ledger's address, for a test that looks into it."""
        return self.server.address("nightwatt").replace("@", f":{quote(PASSWORD)}@", 1)

    def token(self, login: str) -> dict[str, str]:
        """Log in, once, and return the header that says so."""
        password = (self.secrets / f"{login}_password").read_text().strip()
        if (login, password) not in self.tokens:
            asked = {"username": login, "password": password}
            answer = httpx.post(f"{self.address}/auth/token", json=asked, timeout=60)
            assert answer.status_code == 201, answer.text
            self.tokens[login, password] = answer.json()["access_token"]
        return {"Authorization": f"Bearer {self.tokens[login, password]}"}

    def ask(self, login: str | None, method: str, path: str, **more: Any) -> httpx.Response:
        """Return the answer to a request of somebody, or of nobody."""
        headers = self.token(login) if login else {}
        return httpx.request(method, f"{self.address}{path}", headers=headers, timeout=60, **more)

    def status(self, login: str | None, method: str, path: str, **more: Any) -> int:
        """Return how such a request is answered."""
        return self.ask(login, method, path, **more).status_code


@contextmanager
def production(
    folder: Path, given: Mapping[str, str] | None = None, extra: Mapping[str, str] | None = None
) -> Iterator[Stack]:
    """Run PostgreSQL and `init`; services are then started one by one, and stopped when the block ends.

    Args:
        folder: an empty folder.
        given: what .env says besides the example's values.
        extra: variables of every service that the compose file knows nothing of.
    """
    (folder / "user").mkdir()
    secrets = make_secrets(folder)
    with running_server(PASSWORD) as server:
        port = free_port()
        paths = {
            "/run/secrets": str(secrets),
            "/etc/nightwatt/alerting": str(secrets / "alerting"),
            "/opt/nightwatt": str(REPOSITORY),
            "/var/lib/nightwatt": str(folder / "home"),
            "@postgres:5432": f"@127.0.0.1:{server.port}",
            "http://api-server:8080": f"http://127.0.0.1:{port}",
            "127.0.0.1:8080": f"127.0.0.1:{port}",
            "0.0.0.0": "127.0.0.1",
            "8080": str(port),
        }
        ours = {
            "NIGHTWATT_SECRETS": str(secrets),
            "NIGHTWATT_POSTGRES": f"127.0.0.1:{server.port}",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(server.port),
        }
        values = example() | {"NIGHTWATT_INBOUND": str(folder / "home" / "inbound"), "NIGHTWATT_BASE_URL": ""}
        services = Services(folder, values | dict(given or {}), paths, ours | dict(extra or {}))
        _make_databases(services, server)
        made = Stack(services, server, f"http://127.0.0.1:{port}", secrets, services.run("init"))
        try:
            yield made
        finally:
            services.stop_all()


def example() -> dict[str, str]:
    """Return what deploy/example.env sets."""
    lines = (REPOSITORY / "deploy" / "example.env").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def make_secrets(folder: Path) -> Path:
    """Let the script of the deployment make them, beside a copy of itself."""
    (folder / "deploy").mkdir()
    script = shutil.copy(REPOSITORY / "deploy" / "make_secrets.sh", folder / "deploy")
    shutil.copy(REPOSITORY / "deploy" / "alerting.yaml", folder / "deploy")
    for _ in range(2):  # the second time it keeps what is there
        said = subprocess.run([script], check=True, capture_output=True, text=True).stdout
    assert {line.split()[0] for line in said.splitlines()} == {"kept"}
    secrets = folder / "secrets"
    (secrets / "postgres_password").write_text(PASSWORD)
    for key in ("opower_key", "crm_key"):
        shutil.copy(secrets / f"{key}.pub", secrets / f"{key}_pub")  # as compose mounts it
    return secrets


def _make_databases(services: Services, server: Server) -> None:
    """Do what the image of PostgreSQL does on an empty data folder: its own database, then our script."""
    environment = services.environment("init") | {"POSTGRES_USER": "nightwatt", "PGPASSWORD": PASSWORD}
    environment["PATH"] = f"{server.programs}:{environment['PATH']}"
    subprocess.run(["createdb", "--username", "nightwatt", "nightwatt"], check=True, env=environment)
    subprocess.run([REPOSITORY / "deploy" / "postgres-init.sh"], check=True, env=environment)
    health = COMPOSE["services"]["postgres"]["healthcheck"]["test"][1:]
    assert subprocess.run(health, env=environment, check=False, capture_output=True).returncode == 0


def shell(*arguments: str | Path) -> str:
    """Return a command as a line for a shell."""
    return shlex.join(str(a) for a in arguments)
