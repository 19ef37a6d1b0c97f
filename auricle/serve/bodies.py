"""Bodies: what a client sends in, no more of it and no more slowly than agreed out. Nothing is kept here."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from auricle.core.units import megabytes
from auricle.serve.problems import CLIENT_GONE, Problem
from auricle.serve.settings import Settings

#: Paths whose body is a recording.
UPLOADS = frozenset(("/listen", "/tag", "/detect", "/embed", "/search/sound"))
JSON_BYTES = 1 << 20  # of any other body
_LINGER = 2.0  # seconds for which what is not wanted is read and dropped, so that a client which is still sending sees our answer
_SMALL = 1 << 16  # bytes left unread that are not worth a new connection


class Bodies:
    """ASGI: holds every body to its limits, and ends connections whose body was not wanted."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on with a body that keeps to the limits, and without what is left of it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self.settings.max_bytes if scope["path"] in UPLOADS else JSON_BYTES
        body = Body(receive, Headers(scope=scope), limit, self.settings)

        async def ending(message: Message) -> None:
            if body.is_large and not body.complete:
                if message["type"] == "http.response.start":
                    MutableHeaders(scope=message)["Connection"] = "close"
                elif not message.get("more_body", False):
                    await send({**message, "more_body": True})
                    await body.drop()
                    message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        app = self.app if body.declared is None or body.declared <= limit else body.too_large().response()
        await app(scope, body.receive, ending)


class Body:
    """The body of one request."""

    def __init__(self, receive: Receive, headers: Headers, limit: int, settings: Settings) -> None:
        self._receive, self._limit, self._settings = receive, limit, settings
        length = headers.get("content-length", "")
        self.declared = int(length) if length.isdecimal() else None
        chunked = "transfer-encoding" in headers
        self.complete = not chunked and not self.declared
        self.is_large = chunked or (self.declared or 0) > _SMALL
        self._read = 0
        self._mark: tuple[float, int] | None = None  # when the pace was last looked at, and bytes read by then

    async def receive(self) -> Message:
        """The next message, in time and within the limit, or a Problem. Once the body is complete, it waits as long as it takes."""
        if self.complete:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), self._settings.patience)
        except TimeoutError as error:
            waited = self._settings.patience
            raise Problem(408, f"no byte came for {waited:g} s; send the body without pauses", headers=_CLOSE) from error
        if message["type"] == "http.disconnect":
            raise Problem(CLIENT_GONE, "the client left before its body was complete")
        self.complete = not message.get("more_body", False)
        self._read += len(message.get("body", b""))
        if self._read > self._limit:
            raise self.too_large()
        self._check_pace()
        return message

    def too_large(self) -> Problem:
        """What is told of a body over the limit."""
        size = f"{self.declared}" if self.declared is not None else f"more than {self._limit}"
        wanted = f"{self._limit} ({megabytes(self._limit)})"
        return Problem(413, f"the body has {size} bytes; wanted at most {wanted}: send a shorter or a compressed recording")

    def _check_pace(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._mark is None:
            self._mark = now, self._read
        since, had = self._mark
        if now - since < self._settings.pace_over:
            return
        pace = (self._read - had) / (now - since)
        if pace < self._settings.pace and not self.complete:
            detail = f"the body came at {pace:.0f} bytes a second; wanted {self._settings.pace:g} or more: use a better connection"
            raise Problem(408, detail, headers=_CLOSE)
        self._mark = now, self._read

    async def drop(self) -> None:
        """Read what still comes for a moment, and forget it."""
        try:
            async with asyncio.timeout(_LINGER):
                while not self.complete:
                    message = await self._receive()
                    self.complete = message["type"] == "http.disconnect" or not message.get("more_body", False)
        except TimeoutError:
            return


_CLOSE = {"Connection": "close"}
