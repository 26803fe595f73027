"""Roles and first logins: what `init.sh` makes in Airflow's database, again and again without effect.

Belongs here: the three logins whose passwords lie in secret files, and what a viewer may see besides Airflow's own
list. Does not belong here: the logins of people, which an admin makes in the browser.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
from airflow.providers.fab.auth_manager.security_manager.override import FabAirflowSecurityManagerOverride
from airflow.providers.fab.www.security.permissions import ACTION_CAN_READ, RESOURCE_PLUGIN
from werkzeug.security import check_password_hash

SECRETS = Path(os.environ.get("NIGHTWATT_SECRETS", "/run/secrets"))
LOGINS = {"admin": "Admin", "operator": "Op", "viewer": "Viewer"}
SHORTEST = 12

# Airflow shows the pages of plugins in its menu to whoever may read the list of plugins; these two may not by default.
SEE_OUR_PAGES = ("Viewer", "User")


def main() -> None:
    """Bring roles and logins to what the files say."""
    passwords = {name: password_of(name) for name in LOGINS}
    with get_application_builder() as builder:
        manager = builder.sm
        builder.add_permissions(update_perms=True)
        manager.sync_roles()
        permission = manager.create_permission(ACTION_CAN_READ, RESOURCE_PLUGIN)
        for role in SEE_OUR_PAGES:
            manager.add_permission_to_role(manager.find_role(role), permission)
        for name, role in LOGINS.items():
            print(f"login {name} ({role}): {settle(manager, name, role, passwords[name])}")


def password_of(name: str) -> str:
    """Return the password in a login's secret file."""
    path = SECRETS / f"{name}_password"
    password = path.read_text("utf-8").strip() if path.is_file() else ""
    if len(password) < SHORTEST:
        sys.exit(f"{path} must hold a password of {SHORTEST} characters or more; deploy/make_secrets.sh makes one")
    return password


def settle(manager: FabAirflowSecurityManagerOverride, name: str, role: str, password: str) -> str:
    """Make a login, or give it the password of its file if that was changed; say which."""
    user = manager.find_user(username=name)
    if user is None:
        address = f"{name}@nightwatt.invalid"
        if not manager.add_user(name, name.title(), "NightWatt", address, manager.find_role(role), password):
            sys.exit(f"the login {name} could not be made; see the lines above")
        return "made"
    if check_password_hash(user.password, password):
        return "as it was"
    manager.reset_password(user.id, password)
    return "has a new password"


main()
