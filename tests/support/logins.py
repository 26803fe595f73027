"""Logins of Airflow users who do not exist, for tests that ask its API server.

Belongs here: tokens. Does not belong here: starting the server.
"""

from __future__ import annotations


def token_of(role: str, name: str | None = None) -> str:
    """Return a login of a user with one role: viewer, user, op or admin."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    return get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=name or f"test {role}", role=role.upper()))
