"""The app: a listener, maybe an archive, and settings in; an ASGI app out."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import Response

import auricle
from auricle.archive.store import Archive
from auricle.listen.listener import Listener
from auricle.serve import listen_routes, page, playing, problems, search_routes, teach_routes
from auricle.serve.answers import Health
from auricle.serve.bodies import Bodies
from auricle.serve.guard import Guard
from auricle.serve.measures import Measured
from auricle.serve.problems import documented
from auricle.serve.service import Service, Serving
from auricle.serve.settings import Settings

router = APIRouter()


def build(listener: Listener, archive: Archive | None, settings: Settings) -> FastAPI:
    """The app. An archive of another model is refused (ArchiveError)."""
    service = Service(listener, archive, settings)
    app = FastAPI(
        title="auricle",
        version=auricle.__version__,
        summary="Hears: which sounds are in a recording, when, and how well it fits your words.",
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
        lifespan=service.running,
        redirect_slashes=False,
    )
    app.state.service = service
    problems.install(app)
    for part in (router, listen_routes.router, search_routes.router, teach_routes.router, playing.router, page.router):
        app.include_router(part)
    app.add_middleware(Bodies, settings=settings)
    app.add_middleware(Guard, settings=settings)
    app.add_middleware(Measured, measures=service.measures)
    _document(app, with_token=settings.token is not None)
    return app


@router.get("/health", response_model=Health, responses=documented())
async def health(service: Serving) -> dict[str, Any]:
    """That the service is up, and what it serves. Needs no token."""
    archive = service.archive
    counted = None
    if archive is not None:
        # Not among the archive's requests: how many of these wait says nothing of health.
        facts = await asyncio.to_thread(lambda: [archive.table(name).count_rows() for name in ("files", "windows")])
        counted = {"files": facts[0], "windows": facts[1]}
    limits = {"bytes": service.settings.max_bytes, "seconds": service.settings.max_seconds}
    model = service.listener.config.name
    return {"status": "ok", "version": auricle.__version__, "model": model, "archive": counted, "limits": limits}


_TEXT: dict[int | str, dict[str, Any]] = {200: {"description": "Prometheus' text format.", "content": {"text/plain": {"schema": {}}}}}


@router.get("/metrics", response_class=Response, responses=_TEXT | documented())
async def metrics(service: Serving) -> Response:
    """Requests, seconds, uploads, what waits, and sound heard."""
    return Response(service.measures.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _document(app: FastAPI, *, with_token: bool) -> None:
    """Add to the OpenAPI document what FastAPI cannot know: what a problem is, and the token."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            parts = made().setdefault("components", {})
            parts.setdefault("schemas", {})["Problem"] = problems.SCHEMA
            if with_token:
                parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
                made()["security"] = [{"token": []}]
                made()["paths"]["/health"]["get"]["security"] = []
        return made()

    app.openapi = openapi  # type: ignore[method-assign]
