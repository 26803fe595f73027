"""The production shape, as far as it can be checked without a container engine.

Belongs here: rules about docker-compose.yaml and the files beside it. Does not belong here: starting anything.
"""

from __future__ import annotations

import re
import runpy
import stat
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.providers.fab import get_provider_info as fab
from airflow.providers.openlineage import get_provider_info as openlineage
from flask_appbuilder.const import AUTH_DB
from tests.support.compose import AIRFLOW, COMPOSE, REPOSITORY, example, filled

from nightwatt.contracts.alerting import Alerting, AppriseChannel
from nightwatt.contracts.catalog import load_catalog

SERVICES: dict[str, Any] = COMPOSE["services"]
SERVERS = ("sftp", "partner")
OURS = tuple(name for name in SERVICES if name not in {"postgres", *SERVERS})
LOGINS = {"admin_password", "operator_password", "viewer_password"}
SECRET_WORDS = re.compile(r"PASSWORD|SECRET|FERNET|PRIVATE|TOKEN")


def environments() -> list[tuple[str, str, str]]:
    """Every environment variable of every service."""
    return [(s, k, str(v)) for s, given in SERVICES.items() for k, v in given.get("environment", {}).items()]


def test_the_services_are_those_of_the_production_shape() -> None:
    assert set(SERVICES) == {"postgres", "init", *AIRFLOW, "watchdog", "sftp", "partner"}


def test_the_file_is_one_that_compose_takes() -> None:
    command = [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", "vendor.compose-spec"]
    checked = subprocess.run(
        [*command, REPOSITORY / "docker-compose.yaml"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout


def test_the_example_fills_every_variable_in() -> None:
    text = filled((REPOSITORY / "docker-compose.yaml").read_text("utf-8"), example())
    assert "${" not in text
    assert yaml.safe_load(text)["services"].keys() == SERVICES.keys()


def test_every_airflow_service_is_one_of_its_own() -> None:
    assert [SERVICES[name]["command"][:2] for name in AIRFLOW] == [["airflow", name] for name in AIRFLOW]


@pytest.mark.parametrize("name", [*AIRFLOW, "watchdog"])
def test_every_service_waits_for_the_database_and_what_init_makes(name: str) -> None:
    service = SERVICES[name]
    assert service["depends_on"] == {
        "postgres": {"condition": "service_healthy"},
        "init": {"condition": "service_completed_successfully"},
    }


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"init"}))
def test_every_lasting_service_has_a_health_check_and_comes_back(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_secrets_come_from_files_and_have_no_default() -> None:
    assert {s["file"].split("/")[1] for s in COMPOSE["secrets"].values()} == {"secrets"}
    assert "/secrets/" in (REPOSITORY / ".gitignore").read_text("utf-8").splitlines()
    for service, key, value in environments():
        if SECRET_WORDS.search(key):
            is_path = value.startswith("/run/secrets/")
            assert is_path or re.fullmatch(r"cat /run/secrets/\w+", value), f"{service}: {key}"
        assert not re.search(r"://[^/@]*:[^/@]*@", value), f"{service}: {key} holds a password"


def test_every_mounted_secret_is_declared_and_every_secret_read_is_mounted() -> None:
    for name, service in SERVICES.items():
        mounted = set(service.get("secrets", []))
        assert mounted <= set(COMPOSE["secrets"]), name
        read = set(re.findall(r"/run/secrets/(\w+)", str(service.get("environment", {}))))
        assert read <= mounted, name


def test_what_only_a_deployment_knows_must_be_given() -> None:
    text = (REPOSITORY / "docker-compose.yaml").read_text("utf-8")
    must = set(re.findall(r"\$\{(\w+):\?", text))
    connections = {d.destination.connection.upper() for d in load_catalog().deliveries.values()}
    assert connections == {"OPOWER", "CRM"}
    asked = {f"NIGHTWATT_SFTP_{name}_{part}" for name in connections for part in ("HOST", "USER", "HOST_KEY")}
    inbound = {"NIGHTWATT_INBOUND", "NIGHTWATT_INBOUND_LISTEN", "NIGHTWATT_SOURCE_KEYS"}
    assert must == inbound | asked
    assert must <= example().keys()
    assert not any(SECRET_WORDS.search(key) for key in example())


def test_pages_are_published_on_this_machine_only() -> None:
    published = {name: s["ports"] for name, s in SERVICES.items() if "ports" in s}
    assert list(published) == ["api-server", "sftp"]
    assert all(port.startswith("127.0.0.1:") for port in published["api-server"])
    # Source systems come from elsewhere: to an address somebody has chosen, never to all of them by default.
    assert all(port.startswith("${NIGHTWATT_INBOUND_LISTEN:?") for port in published["sftp"])
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert SERVICES["postgres"]["networks"] == ["inside"]


def test_logins_are_kept_in_the_database_and_made_by_an_admin_only() -> None:
    managers = {value for _, key, value in environments() if key == "AIRFLOW__CORE__AUTH_MANAGER"}
    assert managers == {"airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"}
    settings = runpy.run_path(str(REPOSITORY / "deploy" / "logins_config.py"))
    assert (settings["AUTH_TYPE"], settings["AUTH_USER_REGISTRATION"]) == (AUTH_DB, False)
    assert "AUTH_ROLE_PUBLIC" not in settings  # whoever is not logged in has no role
    passwords = {name: {s for s in given.get("secrets", []) if s in LOGINS} for name, given in SERVICES.items()}
    assert {name: seen for name, seen in passwords.items() if seen} == {"init": LOGINS}


def test_secrets_are_shared_by_the_services_that_must_understand_each_other() -> None:
    shared = {"postgres_password", "fernet_key", "api_secret_key", "jwt_secret"}
    assert all(shared <= set(SERVICES[name]["secrets"]) for name in OURS)


def test_every_secret_is_made_by_the_script() -> None:
    script = (REPOSITORY / "deploy" / "make_secrets.sh").read_text("utf-8")
    for name in COMPOSE["secrets"]:
        stem = name.removesuffix("_pub")
        assert re.search(rf"\b{stem}\b", script) or (name in LOGINS and stem.split("_")[0] in script), name


def test_every_airflow_setting_exists() -> None:
    """A misspelt setting is silently ignored by Airflow, so its own list is asked."""
    spec = find_spec("airflow")
    assert spec is not None
    assert spec.submodule_search_locations
    listing = Path(spec.submodule_search_locations[0]) / "config_templates" / "config.yml"
    sections = yaml.safe_load(listing.read_text("utf-8"))
    for provider in (fab, openlineage):
        sections |= provider.get_provider_info()["config"]
    for _, key, _ in environments():
        if key.startswith("AIRFLOW__"):
            section, option = key.removeprefix("AIRFLOW__").removesuffix("_CMD").lower().split("__")
            assert option in sections[section]["options"], key


def test_every_nightwatt_setting_exists() -> None:
    from nightwatt.settings import Settings

    known = {f"NIGHTWATT_{name.upper()}" for name in Settings.model_fields}
    ours = {key for _, key, _ in environments() if key.startswith("NIGHTWATT_") and "_SFTP_" not in key}
    assert ours
    assert ours <= known


def test_files_the_services_need_are_there() -> None:
    for service in SERVICES.values():
        if "build" in service:
            assert (REPOSITORY / service["build"]["dockerfile"]).is_file()
    for dockerfile in REPOSITORY.glob("deploy/*Dockerfile"):
        for line in dockerfile.read_text("utf-8").splitlines():
            if line.startswith("COPY"):
                sources = [word for word in line.split()[1:-1] if not word.startswith("--")]
                missing = [s for s in sources if not (REPOSITORY / s).exists()]
                assert not missing, f"{dockerfile.name}: {missing}"


@pytest.mark.parametrize("script", sorted(p.name for p in REPOSITORY.glob("deploy/*.sh")))
def test_scripts_are_executable_and_parse(script: str) -> None:
    path = REPOSITORY / "deploy" / script
    assert path.stat().st_mode & stat.S_IXUSR
    subprocess.run(["sh", "-n", str(path)], check=True)
    assert "set -eu" in path.read_text("utf-8")


def test_the_channels_of_the_deployment_are_channels() -> None:
    text = (REPOSITORY / "deploy" / "alerting.yaml").read_text("utf-8")
    lines = [line.removeprefix("#   ") for line in text.splitlines() if line.startswith("#   ")]
    suggested = "\n".join(line for line in lines if not line.startswith("secrets/"))
    now, then = (Alerting.model_validate(yaml.safe_load(said)) for said in (text, suggested))

    assert set(now.channels) == {"log", "file"}  # nobody is told by an address that is not there
    files = [c.url_file for c in then.channels.values() if isinstance(c, AppriseChannel)]
    folder = SERVICES["watchdog"]["environment"]["NIGHTWATT_ALERTING"].rpartition("/")[0]
    assert len(files) == 3
    assert all(file and file.startswith(f"{folder}/") for file in files)
