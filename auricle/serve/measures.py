"""Measures: what happens in, Prometheus' text format out."""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from auricle.serve.problems import CLIENT_GONE

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Measures:
    """Counters of one service, in a registry of its own."""

    def __init__(self, waiting: Callable[[], int]) -> None:
        """waiting: how many requests are accepted and not answered."""
        self.registry = CollectorRegistry()
        self.requests = Counter("auricle_requests", "Requests answered.", ["endpoint", "status"], registry=self.registry)
        self.seconds = Histogram(
            "auricle_request_seconds", "Seconds to the end of an answer.", ["endpoint"], buckets=_SECONDS, registry=self.registry
        )
        self.uploaded = Counter("auricle_upload_bytes", "Bytes of uploads that came in.", registry=self.registry)
        self.heard = Counter("auricle_sound_seconds", "Seconds of sound that were heard.", registry=self.registry)
        Gauge("auricle_waiting_jobs", "Requests accepted and not answered yet.", registry=self.registry).set_function(waiting)

    def text(self) -> bytes:
        """All of them, in Prometheus' text format."""
        return generate_latest(self.registry)


class Measured:
    """ASGI: counts and times what goes through it, by the route's own path, so that clients cannot make up new ones."""

    def __init__(self, app: ASGIApp, measures: Measures) -> None:
        self.app, self.measures = app, measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and note the status."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, began = CLIENT_GONE, time.perf_counter()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            endpoint = getattr(scope.get("route"), "path", "other")
            self.measures.requests.labels(endpoint, status).inc()
            self.measures.seconds.labels(endpoint).observe(time.perf_counter() - began)
