"""Construction of the ASGI app, and the routes /health and /metrics."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import Response

import auricle
from auricle.archive.store import Archive
from auricle.listen.listener import Listener
from auricle.serve import listen_routes, page, play_routes, problems, search_routes, teach_routes
from auricle.serve.answers import Health
from auricle.serve.bodies import BodyLimits
from auricle.serve.guard import Guard
from auricle.serve.metrics import MetricsMiddleware
from auricle.serve.parameters import check_names
from auricle.serve.problems import problem_responses
from auricle.serve.service import Service, Serving
from auricle.serve.settings import Settings

router = APIRouter()


def build(listener: Listener, archive: Archive | None, settings: Settings) -> FastAPI:
    """Build the app. ArchiveError where the archive was made by another model."""
    service = Service(listener, archive, settings)
    app = FastAPI(
        title="auricle",
        version=auricle.__version__,
        summary="Sound recognition: which sounds are in a recording, when, and how well it matches your own labels.",
        docs_url=None,  # these pages load scripts from other sites
        redoc_url=None,
        lifespan=service.lifespan,
        redirect_slashes=False,
    )
    app.state.service = service
    problems.add_handlers(app)
    for part in (listen_routes.router, search_routes.router, teach_routes.router, play_routes.router):
        app.include_router(part, dependencies=[Depends(check_names)])
    for part in (router, page.router):
        app.include_router(part)
    app.add_middleware(BodyLimits, settings=settings)
    app.add_middleware(Guard, settings=settings)
    app.add_middleware(MetricsMiddleware, measures=service.metrics)
    _document(app, with_token=settings.token is not None)
    return app


@router.get("/health", response_model=Health, responses=problem_responses())
async def health(service: Serving) -> dict[str, Any]:
    """Status of the service, and what it serves. Needs no token."""
    archive = service.archive
    size = None
    if archive is not None:
        # Not in the thread pool of archive requests, so that a health check does not wait for them.
        files, windows = await asyncio.to_thread(lambda: [archive.table(name).count_rows() for name in ("files", "windows")])
        size = {"files": files, "windows": windows}
    limits = {"bytes": service.settings.max_bytes, "seconds": service.settings.max_seconds}
    model = service.listener.config.name
    return {"status": "ok", "version": auricle.__version__, "model": model, "archive": size, "limits": limits}


_TEXT: dict[int | str, dict[str, Any]] = {200: {"description": "Prometheus' text format.", "content": {"text/plain": {"schema": {}}}}}


@router.get("/metrics", response_class=Response, responses=_TEXT | problem_responses())
async def metrics(service: Serving) -> Response:
    """Prometheus metrics: requests, latencies, uploads, waiting jobs, and seconds of audio processed."""
    return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _document(app: FastAPI, *, with_token: bool) -> None:
    """Add to the OpenAPI document what FastAPI does not generate: the problem schema and the token."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            parts = generate().setdefault("components", {})
            parts.setdefault("schemas", {})["Problem"] = problems.SCHEMA
            if with_token:
                parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
                generate()["security"] = [{"token": []}]
                generate()["paths"]["/health"]["get"]["security"] = []
        return generate()

    app.openapi = openapi  # type: ignore[method-assign]
