"""The production shape, started by hand: each service's own command and health check, on a private PostgreSQL.

What a container would give a service is given here by `tests.support.compose`; SFTP servers run in a mount namespace
of their own, because they make users.
"""

from __future__ import annotations

import base64
import io
import os
import re
import stat
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import paramiko
import pytest
from sqlalchemy import select
from tests.support.compose import AIRFLOW, COMPOSE, REPOSITORY, Stack, make_secrets, production, shell
from tests.support.openssh import wait_for
from tests.support.postgres import free_port

from nightwatt.ledger import Ledger
from nightwatt.ledger.models import NightDecision
from nightwatt_plugin import NightWattPlugin

pytestmark = [pytest.mark.system, pytest.mark.timeout(900), pytest.mark.filterwarnings("default")]

LOGINS = {"admin": "Admin", "operator": "Op", "viewer": "Viewer"}
LASTING = (*AIRFLOW, "watchdog")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """PostgreSQL, `init` once, and every service started and healthy."""
    with production(tmp_path_factory.mktemp("services"), {"NIGHTWATT_SYSTEMS": "mdm"}) as made:
        for name in LASTING:
            made.services.start(name)
        for name in LASTING:
            made.services.wait_until_healthy(name)
        yield made


def test_init_makes_the_logins_once(stack: Stack) -> None:
    assert [f"login {name} ({role}): made" in stack.first_init for name, role in LOGINS.items()] == [True] * 3

    again = stack.services.run("init")

    assert [f"login {name} ({role}): as it was" in again for name, role in LOGINS.items()] == [True] * 3
    for line in (stack.first_init + again).splitlines():
        assert not any((stack.secrets / f"{name}_password").read_text().strip() in line for name in LOGINS)


def test_a_changed_password_file_changes_the_password(stack: Stack) -> None:
    path = stack.secrets / "viewer_password"
    before = path.read_text()
    path.write_text("another password, long enough")

    said = stack.services.run("init")

    assert "login viewer (Viewer): has a new password" in said
    old = {"username": "viewer", "password": before.strip()}
    assert httpx.post(f"{stack.address}/auth/token", json=old, timeout=60).status_code == 401
    assert stack.status("viewer", "GET", "/api/v2/dags") == 200


def test_airflow_says_that_all_its_parts_live(stack: Stack) -> None:
    health = httpx.get(f"{stack.address}/api/v2/monitor/health", timeout=60).json()

    assert {name: part["status"] for name, part in health.items()} == {
        "metadatabase": "healthy",
        "scheduler": "healthy",
        "triggerer": "healthy",
        "dag_processor": "healthy",
    }


def test_the_dags_are_read_and_none_fails(stack: Stack) -> None:
    headers = stack.token("operator")
    dags = httpx.get(f"{stack.address}/api/v2/dags?limit=100", headers=headers, timeout=60).json()["dags"]
    errors = httpx.get(f"{stack.address}/api/v2/importErrors", headers=headers, timeout=60).json()

    files = {path.stem for path in (REPOSITORY / "dags").glob("[a-z]*.py")}
    without_feeds = {"account_changes"}  # no feed of the packaged catalog is pulled every few minutes
    assert {dag["dag_id"] for dag in dags} == files - without_feeds
    assert errors["total_entries"] == 0, errors


WHO_MAY = {  # nobody, viewer, operator, admin
    ("GET", "/api/v2/dags"): (401, 200, 200, 200),
    ("GET", "/api/v2/plugins"): (401, 200, 200, 200),  # without it the menu shows none of our pages
    ("PATCH", "/api/v2/dags/usage_daily"): (401, 403, 200, 200),
    ("GET", "/api/v2/connections"): (401, 403, 200, 200),
    ("GET", "/api/v2/config"): (401, 403, 403, 403),
    ("GET", "/nightwatt/models/"): (401, 404, 404, 404),  # let in; the page is not written yet
    ("GET", "/nightwatt/ops/"): (401, 200, 200, 200),
}


@pytest.mark.parametrize(("method", "path"), WHO_MAY)
def test_each_role_may_what_it_should(stack: Stack, method: str, path: str) -> None:
    body = {"json": {"is_paused": True}} if method == "PATCH" else {}
    found = tuple(stack.status(who, method, path, **body) for who in (None, "viewer", "operator", "admin"))

    assert found == WHO_MAY[method, path]


def test_nobody_enters_our_pages_and_a_viewer_changes_nothing(stack: Stack) -> None:
    routes = [
        (method, mounted["url_prefix"] + re.sub(r"\{[^}]*\}", "1", route.path))
        for mounted in NightWattPlugin.fastapi_apps
        for route in mounted["app"].routes
        for method in sorted(route.methods - {"HEAD"})
    ]
    changing = [(method, path) for method, path in routes if method != "GET"]

    assert routes
    assert {stack.status(None, *route) for route in routes} == {401}
    assert {route: stack.status("viewer", *route) for route in changing} == dict.fromkeys(changing, 403)
    assert 403 not in {stack.status("operator", *route) for route in routes if route not in changing}


def test_who_may_act_acts_and_the_ledger_knows_the_name(stack: Stack) -> None:
    feed, day = "/nightwatt/ops/feeds/mdm_interval_gas", datetime.now(ZoneInfo("America/New_York")).date()
    ledger = Ledger.open(stack.ledger_address)
    with ledger.run(
        "arrive", "mdm_interval_gas", day, "test"
    ):  # before anything ever happened there is nothing to press
        pass
    page = stack.ask("operator", "GET", feed).text
    (token, *_) = re.findall(r'name="token" value="([^"]+)"', page)

    def press(who: str, button: str, origin: str) -> int:
        fields = {"token": token, "back": "feed", "reason": "the meters are being replaced"}
        headers = stack.token(who) | {"Origin": origin}
        return httpx.post(f"{stack.address}{feed}/{day}/{button}", data=fields, headers=headers, timeout=60).status_code

    assert "<form" not in stack.ask("viewer", "GET", feed).text
    assert [press(who, "skip", stack.address) for who in ("viewer", "admin")] == [403, 403]  # the token is not theirs
    assert press("operator", "skip", "http://elsewhere.example") == 403
    assert press("operator", "skip", stack.address) == 303
    with ledger.read() as session:
        (decision,) = session.scalars(select(NightDecision))
    ledger.close()
    assert (decision.feed, decision.business_date, decision.choice) == ("mdm_interval_gas", day, "skip")
    assert (decision.decided_by, decision.reason) == ("operator", "the meters are being replaced")


def test_a_health_check_fails_where_its_service_is_gone(stack: Stack) -> None:
    stack.services.stop("triggerer")
    assert stack.services.health("triggerer") != 0

    stack.services.start("triggerer")
    stack.services.wait_until_healthy("triggerer")


# ---- SFTP -----------------------------------------------------------------------------------------------------


@dataclass
class Sshd:
    """An SFTP service in a mount namespace of its own; `srv` is what it sees as /srv."""

    port: int
    srv: Path
    keys: Path
    host_key: str

    def client(self, user: str, key: str, **more: Any) -> paramiko.SSHClient:
        """Log in with one of the keys, holding the server to its pinned key."""
        client = paramiko.SSHClient()
        kind, text = self.host_key.split()[:2]
        pinned = paramiko.PKey.from_type_string(kind, base64.b64decode(text))
        client.get_host_keys().add(f"[127.0.0.1]:{self.port}", kind, pinned)
        client.connect(
            "127.0.0.1",
            self.port,
            user,
            key_filename=str(self.keys / key),
            look_for_keys=False,
            allow_agent=False,
            **more,
        )
        return client


def image_steps(name: str, *programs: str) -> list[str]:
    """Return what an image's build does with some programs, except installing packages."""
    text = (REPOSITORY / "deploy" / f"{name}.Dockerfile").read_text("utf-8").replace("\\\n", "")
    steps = [step.strip() for line in text.splitlines() if line.startswith("RUN ") for step in line[4:].split("&&")]
    return [step for step in steps if step.split()[0] in programs]


def start_sshd(folder: Path, name: str, prepare: str, port: int) -> subprocess.Popen[bytes]:
    """Start an SFTP service's script where /etc, /srv and /run are copies that only it sees."""
    assert os.geteuid() == 0, "SFTP services make users and change roots: run this as root"
    for place in ("etc", "srv", "run"):
        (folder / place).mkdir(exist_ok=True)
    subprocess.run(["cp", "-a", "/etc/.", str(folder / "etc")], check=True)
    for place in ("etc", "srv", "run"):
        (folder / place).chmod(0o755)
    service, script = COMPOSE["services"][name], REPOSITORY / "deploy" / f"{name}.sh"
    limited = ["setpriv", "--no-new-privs"] if "no-new-privileges:true" in service.get("security_opt", []) else []
    if service.get("cap_drop") == ["ALL"]:
        kept = "".join(f",+{capability.lower()}" for capability in service["cap_add"])
        limited.append(f"--bounding-set=-all{kept}")
    steps = [
        "set -eu",
        *(shell("mount", "--bind", folder / place, f"/{place}") for place in ("etc", "srv", "run")),
        prepare,
        "exec " + shell(*limited, script, "-p", str(port), "-o", f"ListenAddress=127.0.0.1:{port}"),
    ]
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", "\n".join(steps)],
            env={"PATH": os.environ["PATH"], "NIGHTWATT_SECRETS": str(folder / "secrets")},
            stdout=log,
            stderr=subprocess.STDOUT,
        )


@pytest.fixture(scope="module")
def sftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """The inbound server with two source systems."""
    folder = tmp_path_factory.mktemp("sftp")
    secrets = make_secrets(folder)
    keys = folder / "keys"
    keys.mkdir()
    for system in ("ccb", "mdm"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(keys / system)], check=True)
    prepare = "\n".join(
        [
            *image_steps("sftp", "groupadd", "install"),
            "mkdir /etc/nightwatt/source_keys",
            shell("cp", REPOSITORY / "deploy" / "sftp_sshd_config", "/etc/nightwatt/sshd_config"),
            shell("cp", keys / "ccb.pub", keys / "mdm.pub", "/etc/nightwatt/source_keys"),
        ]
    )
    port = free_port()
    process = start_sshd(folder, "sftp", prepare, port)
    try:
        wait_for(port)
        yield Sshd(port, folder / "srv", keys, (secrets / "inbound_host_key.pub").read_text())
    finally:
        process.terminate()
        process.wait(10)


def test_a_source_system_drops_a_file_where_its_feeds_look(sftp: Sshd) -> None:
    with closing(sftp.client("ccb", "ccb")) as client, closing(client.open_sftp()) as files:
        files.putfo(io.BytesIO(b"one,two\n"), "prem.csv.part")
        files.posix_rename("prem.csv.part", "prem.csv")
        listed = files.listdir(".")

    landed = sftp.srv / "inbound" / "ccb" / "prem.csv"
    kept = landed.stat()
    assert "prem.csv" in listed
    assert landed.read_bytes() == b"one,two\n"
    # The services run as user and group 50000: they may read it, and nobody else may.
    assert (kept.st_gid, stat.S_IMODE(kept.st_mode)) == (50000, 0o640)


def test_a_source_system_sees_no_other_s_files(sftp: Sshd) -> None:
    (sftp.srv / "inbound" / "ccb" / "secret.csv").write_bytes(b"x")

    with closing(sftp.client("mdm", "mdm")) as client, closing(client.open_sftp()) as files:
        for refused in (
            lambda: files.listdir("/inbound/ccb"),
            lambda: files.open("/inbound/ccb/secret.csv"),
            lambda: files.open("/inbound/ccb/mine.csv", "w"),
            lambda: files.open("/etc/passwd"),
        ):
            with pytest.raises((PermissionError, FileNotFoundError)):
                refused()


def test_a_key_opens_one_door_and_no_shell(sftp: Sshd) -> None:
    with pytest.raises(paramiko.AuthenticationException):
        sftp.client("ccb", "mdm")
    with pytest.raises(paramiko.AuthenticationException):
        sftp.client("root", "ccb")
    with closing(sftp.client("ccb", "ccb")) as client:
        _, said, _ = client.exec_command("id")
        assert b"uid=" not in said.read()


def test_the_health_check_of_the_sftp_services_tells_listening_from_not(sftp: Sshd) -> None:
    for name in ("sftp", "partner"):
        check = COMPOSE["services"][name]["healthcheck"]["test"][1:]
        for port, healthy in ((sftp.port, True), (free_port(), False)):
            here = [word.replace("127.0.0.1/22", f"127.0.0.1/{port}") for word in check]
            assert (subprocess.run(here, capture_output=True, check=False).returncode == 0) is healthy


def test_a_system_whose_name_is_no_user_name_is_refused(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    prepare = [
        *image_steps("sftp", "groupadd", "install"),
        "mkdir /etc/nightwatt/source_keys",
        "touch '/etc/nightwatt/source_keys/CC B.pub'",
    ]
    process = start_sshd(tmp_path, "sftp", "\n".join(prepare), free_port())

    assert process.wait(30) == 1
    assert "a source system's name is of a-z, 0-9, _ and -" in (tmp_path / "sftp.log").read_text()


def test_the_partner_for_trials_takes_what_the_courier_brings(tmp_path: Path) -> None:
    secrets = make_secrets(tmp_path)
    prepare = "\n".join(
        [
            *image_steps("partner", "useradd", "install"),
            shell("cp", REPOSITORY / "deploy" / "partner_sshd_config", "/etc/ssh/sshd_config"),
        ]
    )
    port = free_port()
    process = start_sshd(tmp_path, "partner", prepare, port)
    try:
        wait_for(port)
        server = Sshd(port, tmp_path / "srv", secrets, (secrets / "trial_host_key.pub").read_text())
        with closing(server.client("partner", "opower_key")) as client, closing(client.open_sftp()) as files:
            files.putfo(io.BytesIO(b"x"), "/shared_files/a.gz")
        assert (tmp_path / "srv" / "partner" / "shared_files" / "a.gz").read_bytes() == b"x"
    finally:
        process.terminate()
        process.wait(10)
