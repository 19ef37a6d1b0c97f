"""Middleware that limits the size and the transfer rate of request bodies."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from auricle.core.units import megabytes
from auricle.serve.problems import CLIENT_CLOSED, Problem
from auricle.serve.settings import Settings

#: Paths whose body is a recording.
UPLOADS = frozenset(("/listen", "/tag", "/detect", "/embed", "/search/sound"))
JSON_BYTES = 1 << 20  # of any other body
_LINGER = 2.0  # seconds in which the rest of a refused body is read and dropped, so that a client that is still sending gets the response
_SMALL = 1 << 16  # unread bytes up to which the connection is kept


class BodyLimits:
    """ASGI middleware: enforces the limits, and closes connections with an unread body."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app with a limited body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self.settings.max_bytes if scope["path"] in UPLOADS else JSON_BYTES
        body = LimitedBody(receive, Headers(scope=scope), limit, self.settings)

        async def send_and_close(message: Message) -> None:
            if body.is_large and not body.complete:
                if message["type"] == "http.response.start":
                    MutableHeaders(scope=message)["Connection"] = "close"
                elif not message.get("more_body", False):
                    await send({**message, "more_body": True})
                    await body.drain()
                    message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        app = self.app if body.declared is None or body.declared <= limit else body.too_large().response()
        await app(scope, body.receive, send_and_close)


class LimitedBody:
    """The body of one request."""

    def __init__(self, receive: Receive, headers: Headers, limit: int, settings: Settings) -> None:
        self._receive, self._limit, self._settings = receive, limit, settings
        length = headers.get("content-length", "")
        self.declared = int(length) if length.isdecimal() else None
        chunked = "transfer-encoding" in headers
        self.complete = not chunked and not self.declared
        self.is_large = chunked or (self.declared or 0) > _SMALL
        self._read = 0
        self._mark: tuple[float, int] | None = None  # time of the last rate check, and bytes read by then

    async def receive(self) -> Message:
        """Receive the next message. Problem where it is late or the body too large; no time limit once the body is complete."""
        if self.complete:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), self._settings.idle_timeout)
        except TimeoutError as error:
            limit = self._settings.idle_timeout
            raise Problem(408, f"no byte came for {limit:g} s; send the body without pauses", headers=_CLOSE) from error
        if message["type"] == "http.disconnect":
            raise Problem(CLIENT_CLOSED, "the client disconnected before its body was complete")
        self.complete = not message.get("more_body", False)
        self._read += len(message.get("body", b""))
        if self._read > self._limit:
            raise self.too_large()
        self._check_rate()
        return message

    def too_large(self) -> Problem:
        """The Problem for a body over the limit."""
        size = f"{self.declared}" if self.declared is not None else f"more than {self._limit}"
        wanted = f"{self._limit} ({megabytes(self._limit)})"
        return Problem(413, f"the body has {size} bytes; wanted at most {wanted}: send a shorter or a compressed recording")

    def _check_rate(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._mark is None:
            self._mark = now, self._read
        since, bytes_then = self._mark
        if now - since < self._settings.rate_window:
            return
        rate = (self._read - bytes_then) / (now - since)
        if rate < self._settings.min_rate and not self.complete:
            detail = f"the body came at {rate:.0f} bytes per second; wanted at least {self._settings.min_rate:g}: use a faster connection"
            raise Problem(408, detail, headers=_CLOSE)
        self._mark = now, self._read

    async def drain(self) -> None:
        """Read and drop the rest of the body, for at most _LINGER seconds."""
        try:
            async with asyncio.timeout(_LINGER):
                while not self.complete:
                    message = await self._receive()
                    self.complete = message["type"] == "http.disconnect" or not message.get("more_body", False)
        except TimeoutError:
            return


_CLOSE = {"Connection": "close"}
