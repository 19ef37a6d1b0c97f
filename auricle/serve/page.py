"""The page: files that `make page` built in, to the browser out. Only names that are in the folder are ever opened."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse, Response

from auricle.serve.problems import Problem

FOLDER = Path(__file__).parent / "page"
router = APIRouter(include_in_schema=False)
_MISSING = """<!doctype html><html lang="en"><meta charset="utf-8"><title>auricle</title>
<h1>The page is not built</h1>
<p>The service runs; only its page is missing. In the checkout, run <code>make page</code> (needs Node.js), then load this again.</p>
<p><a href="/openapi.json">What can be asked without the page</a></p></html>
"""


@router.get("/")
async def index() -> Response:
    """The page, or how to build it."""
    page = FOLDER / "index.html"
    return _file(page) if page.is_file() else HTMLResponse(_MISSING, 503)


@router.get("/assets/{name:path}")
async def asset(name: str) -> Response:
    """What the page loads."""
    there = {path.relative_to(FOLDER / "assets").as_posix(): path for path in (FOLDER / "assets").rglob("*") if path.is_file()}
    if name not in there:
        raise Problem(404, "the page has no such file; run make page again")
    return _file(there[name])


def _file(path: Path) -> Response:
    return FileResponse(path, headers={"Cache-Control": "no-cache"})
