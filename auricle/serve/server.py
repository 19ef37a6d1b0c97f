"""The server: an app and its settings in; connections answered until a signal ends it, and everything accepted answered by then."""

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

_HEAD = 10.0  # seconds in which the head of a request has to come


def bind(settings: Settings) -> socket.socket:
    """A socket that listens. InputError where the host or the port cannot be had."""
    try:
        family, _, _, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        bound = socket.create_server(address[:2], family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        raise InputError(f"{settings.host}:{settings.port}: cannot be listened on ({error}); choose another --host or --port") from error
    # Connections inherit it. asyncio sets it only where the socket names its protocol; without it every answer waits 40 ms for an ACK.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return bound


def address(bound: socket.socket) -> str:
    """Where a browser finds it."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(app: FastAPI, settings: Settings, *, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C: then no new connection is taken, and what was accepted is answered. announce: told the address."""
    bound = bind(settings)
    announce(address(bound))
    # uvicorn raises the signal that ended it once more when all is answered: a graceful end is no failure.
    kept = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        uvicorn.Server(configured(app, settings)).run(sockets=[bound])
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
        bound.close()


def configured(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How uvicorn serves the app."""
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
        timeout_graceful_shutdown=round(settings.timeout + settings.pace_over),
    )


class _Protocol(H11Protocol):
    """uvicorn's, which also ends connections whose next head does not come in time: it would wait for ever for one that drips."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start to wait for the first head."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Go on waiting unless a request is at work."""
        super().data_received(data)
        self._wait()

    def on_response_complete(self) -> None:
        """Start to wait for the next head."""
        super().on_response_complete()
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """No more comes."""
        self._stop()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop()
        elif self._timer is None:
            self._timer = self.loop.call_later(_HEAD, self._end)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        self._timer = None
        if not self.transport.is_closing() and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()
