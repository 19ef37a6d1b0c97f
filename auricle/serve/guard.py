"""The guard: a request in; let through, or a problem out. It reads no body, and adds the headers that keep browsers careful."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from auricle.serve.problems import Problem
from auricle.serve.settings import Settings, is_loopback

#: What needs no token: the page must be there to ask for one, and whoever restarts services asks for health.
OPEN = ("/health", "/", "/assets/")
_SAFE = ("GET", "HEAD", "OPTIONS")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; media-src 'self' blob:; worker-src blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
}


class Guard:
    """ASGI: asks for the token where there is one, and else for signs that the request comes from this machine's own page."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may come in."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def careful(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        fault = self._fault(scope["method"], scope["path"], Headers(scope=scope))
        await (self.app if fault is None else fault.response())(scope, receive, careful)

    def _fault(self, method: str, path: str, headers: Headers) -> Problem | None:
        if self.settings.token is not None:
            return self._token_fault(self.settings.token, path, headers)
        return _foreign(method, headers)

    def _token_fault(self, token: str, path: str, headers: Headers) -> Problem | None:
        if path in OPEN or path.startswith(OPEN[-1]):
            return None
        scheme, _, said = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(said.strip().encode(), token.encode()):
            return None
        what = "a wrong token" if said else "no token"
        detail = f"the request has {what}; wanted the header: Authorization: Bearer TOKEN"
        return Problem(401, detail, headers={"WWW-Authenticate": "Bearer"})


def _foreign(method: str, headers: Headers) -> Problem | None:
    """A page of another site can make a browser ask us by a name of its own (DNS rebinding), or post across sites."""
    host = headers.get("host", "")
    if not is_loopback(_name(host)):
        return Problem(403, "the request names another host; wanted localhost or 127.0.0.1, or a service with a token")
    origin = headers.get("origin")
    if method not in _SAFE and origin is not None and _place(origin) != host.lower():
        return Problem(403, "the request comes from the page of another site; wanted our own page, or a program that sends no Origin")
    return None


def _name(host: str) -> str:
    """The name or address of HOST, HOST:PORT or [ADDRESS]:PORT; empty where it is none of these."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _place(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
