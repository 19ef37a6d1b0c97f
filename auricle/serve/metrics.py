"""Prometheus metrics of the service."""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from auricle.serve.problems import CLIENT_CLOSED

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """Metrics of one service, in its own registry."""

    def __init__(self, waiting: Callable[[], int]) -> None:
        """waiting: returns the number of accepted requests without a response yet."""
        self.registry = CollectorRegistry()
        self.requests = Counter("auricle_requests", "Requests answered.", ["endpoint", "status"], registry=self.registry)
        self.seconds = Histogram(
            "auricle_request_seconds", "Seconds to the end of an answer.", ["endpoint"], buckets=_SECONDS, registry=self.registry
        )
        self.uploaded = Counter("auricle_upload_bytes", "Bytes of uploads received.", registry=self.registry)
        self.audio_seconds = Counter("auricle_sound_seconds", "Seconds of audio processed.", registry=self.registry)
        Gauge("auricle_waiting_jobs", "Requests accepted and not answered yet.", registry=self.registry).set_function(waiting)

    def text(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        return generate_latest(self.registry)


class MetricsMiddleware:
    """ASGI middleware: counts and times requests by the path pattern of the route, so that clients cannot create new label values."""

    def __init__(self, app: ASGIApp, measures: Metrics) -> None:
        self.app, self.metrics = app, measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app and record status and time."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, started = CLIENT_CLOSED, time.perf_counter()

        async def send_and_record(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_and_record)
        finally:
            endpoint = getattr(scope.get("route"), "path", "other")
            self.metrics.requests.labels(endpoint, status).inc()
            self.metrics.seconds.labels(endpoint).observe(time.perf_counter() - started)
