"""Routes of the web page that `make page` builds. Only files inside its folder are opened."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse, Response

from auricle.serve.problems import Problem

FOLDER = Path(__file__).parent / "page"
router = APIRouter(include_in_schema=False)
_MISSING = """<!doctype html><html lang="en"><meta charset="utf-8"><title>auricle</title>
<h1>The page is not built</h1>
<p>The service works without it. To build the page, run <code>make page</code> in the checkout (needs Node.js), then reload.</p>
<p><a href="/openapi.json">API description</a></p></html>
"""


@router.get("/")
async def index() -> Response:
    """Serve the page, or instructions to build it."""
    page = FOLDER / "index.html"
    return _file(page) if page.is_file() else HTMLResponse(_MISSING, 503)


@router.get("/assets/{name:path}")
async def asset(name: str) -> Response:
    """Serve a file of the page."""
    files = {path.relative_to(FOLDER / "assets").as_posix(): path for path in (FOLDER / "assets").rglob("*") if path.is_file()}
    if name not in files:
        raise Problem(404, "the page has no such file; run make page again")
    return _file(files[name])


def _file(path: Path) -> Response:
    return FileResponse(path, headers={"Cache-Control": "no-cache"})
