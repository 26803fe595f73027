"""Who may see the page, who may press something, and how a forged request is told from a pressed button.

Belongs here: the two roles, the token of a form, the check of where a request comes from. Does not belong here: who a
user is (Airflow's auth manager).
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.configuration import conf
from fastapi import Depends, Form, HTTPException, Request
from itsdangerous import BadSignature, URLSafeTimedSerializer

FORM_HOURS = 12
"""How long a page may lie open before its buttons are refused."""

SEES = Depends(requires_access_dag(method="GET"))
ACTS = Depends(requires_access_dag(method="PUT"))


def may_act(user: BaseUser) -> bool:
    """Return whether a user may press anything; the routes ask again."""
    return bool(get_auth_manager().is_authorized_dag(method="PUT", user=user))


def form_token(user: BaseUser) -> str:
    """Return what a form of this user's carries, and a page elsewhere cannot know."""
    return _signer().dumps(user.get_id())


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(conf.get_mandatory_value("api", "secret_key"), salt="nightwatt-ops-form")


def pressed_here(request: Request, user: GetUserDep, token: Annotated[str, Form()]) -> str:
    """Return the name of the user who pressed a button of this page; refuse every other request.

    The browser sends the login's cookie with requests that other pages make, so the login alone proves nothing: the
    form must carry the token of this user, and the request must come from this very site.

    Raises:
        HTTPException: 403.
    """
    if not _is_from_here(request):
        raise HTTPException(403, "This request does not come from this page. Open the page and press the button there.")
    try:
        named = _signer().loads(token, max_age=FORM_HOURS * 3600)
    except BadSignature as e:
        raise HTTPException(403, "The page was open for too long. Open it again and press the button once more.") from e
    if named != user.get_id():
        raise HTTPException(403, "The page was opened by somebody else. Open it again and press the button once more.")
    return user.get_name()


def _is_from_here(request: Request) -> bool:
    """Whether the browser says that a page of this host made the request; one that says nothing is not trusted."""
    said = request.headers.get("origin") or request.headers.get("referer") or ""
    host = urlsplit(said).netloc
    ours = {request.headers.get("host", ""), urlsplit(conf.get("api", "base_url", fallback="")).netloc}
    return bool(host) and host in ours


PressedBy = Annotated[str, Depends(pressed_here)]
"""The name of the user who pressed a button of this page."""
