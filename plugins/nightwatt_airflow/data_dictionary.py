"""The page that documents the models, inside Airflow and behind its login.

Belongs here: one route that hands out the page, to whoever may see DAGs. Does not belong here: writing the page
(`nightwatt.warehouse.model_docs`).
"""

from __future__ import annotations

from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import FileResponse

from nightwatt.settings import Settings
from nightwatt.warehouse import page_path

# The page is one file with its own scripts (which compile templates, hence eval); it may call nobody.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data:; font-src data:; connect-src 'none'; frame-ancestors 'self'"
)

# Without these three Airflow would show the app's own API pages to anybody.
app = FastAPI(
    title="NightWatt data dictionary",
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    dependencies=[Depends(requires_access_dag(method="GET"))],
)


@app.get("/")
def page() -> FileResponse:
    """Return the page as it was last written."""
    path = page_path(Settings())
    if not path.is_file():
        raise HTTPException(404, "The page is not written yet: `nightwatt docs` writes it, and so does every night.")
    return FileResponse(path, media_type="text/html", headers={"Content-Security-Policy": _POLICY})
