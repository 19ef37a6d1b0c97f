"""uvicorn server of the app, with graceful shutdown."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from auricle.core.errors import InputError
from auricle.serve.settings import Settings

_HEADER_TIMEOUT = 10.0  # seconds for the request line and headers


def bind(settings: Settings) -> socket.socket:
    """Open a listening socket. InputError where the host or the port is unavailable."""
    try:
        family, _, _, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        bound = socket.create_server(address[:2], family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        raise InputError(f"{settings.host}:{settings.port}: cannot listen there ({error}); choose another --host or --port") from error
    # Inherited by connections. asyncio sets it only for sockets with an explicit protocol; without it each response waits 40 ms for an ACK.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return bound


def address(bound: socket.socket) -> str:
    """URL of a socket."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(app: FastAPI, settings: Settings, *, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; then finish accepted requests and accept no new ones. announce: called with the URL."""
    bound = bind(settings)
    announce(address(bound))
    # uvicorn raises the signal again after a graceful shutdown; ignore that, so that the exit code is 0.
    handlers = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        uvicorn.Server(uvicorn_config(app, settings)).run(sockets=[bound])
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        bound.close()


def uvicorn_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """Config of uvicorn for the app."""
    return uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=round(settings.timeout + settings.rate_window),
    )


class _Protocol(H11Protocol):
    """uvicorn's protocol with a timeout for request headers, against clients that send them very slowly."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start the timeout for the first request."""
        super().connection_made(transport)
        self._update_timer()

    def data_received(self, data: bytes) -> None:
        """Stop the timeout once a request is in progress."""
        super().data_received(data)
        self._update_timer()

    def on_response_complete(self) -> None:
        """Start the timeout for the next request."""
        super().on_response_complete()
        self._update_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timeout."""
        self._stop_timer()
        super().connection_lost(exc)

    def _update_timer(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_timer()
        elif self._timer is None:
            self._timer = self.loop.call_later(_HEADER_TIMEOUT, self._close_idle)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close_idle(self) -> None:
        self._timer = None
        if not self.transport.is_closing() and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()
