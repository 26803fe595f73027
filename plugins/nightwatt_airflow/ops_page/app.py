"""The application Airflow mounts: its routes, what they may do, and how errors look.

Belongs here: putting the routes together. Does not belong here: what a route does (`views.py`, `actions.py`).
"""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from nightwatt.errors import NightWattError
from nightwatt_airflow.ops_page import actions, views
from nightwatt_airflow.ops_page.access import SEES
from nightwatt_airflow.ops_page.render import HERE, STATIC, message_page, static_version

TITLES = {401: "Please log in", 403: "This is not for you to press", 404: "There is no such page"}

# Without these three Airflow would show the app's own API pages to anybody.
app = FastAPI(
    title="NightWatt operations",
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    dependencies=[SEES],
)
app.include_router(views.router)
app.include_router(actions.router)


@app.get("/static/{version}/{name}")
def static(version: str, name: str) -> Response:
    """Return style or script; a browser keeps it until its content has another name."""
    if name not in STATIC or version != static_version():
        raise HTTPException(404, "There is no such file.")
    return Response(
        (HERE / "static" / name).read_bytes(),
        media_type=STATIC[name],
        headers={"Cache-Control": "private, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"},
    )


@app.exception_handler(HTTPException)
async def refused(request: Request, error: HTTPException) -> HTMLResponse:
    """Say why a request was refused."""
    title = TITLES.get(error.status_code, "This did not work")
    return message_page(request, error.status_code, title, str(error.detail))


@app.exception_handler(RequestValidationError)
async def not_understood(request: Request, error: RequestValidationError) -> HTMLResponse:
    """Name the fields that are missing or wrong; never what was written into them."""
    fields = sorted({str(e["loc"][-1]) for e in error.errors()})
    return message_page(request, 422, "Something is missing", f"Missing or not readable: {', '.join(fields)}.")


@app.exception_handler(NightWattError)
async def failed(request: Request, error: NightWattError) -> HTMLResponse:
    """Show an error of ours with its remedy."""
    status = 404 if error.code.startswith(("catalog.", "receipt.", "alert.unknown")) else 409
    return message_page(request, status, "This did not work", error.message, error.remedy)
