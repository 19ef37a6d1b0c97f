"""Middleware for access control: token, host and origin of requests, and security headers of responses."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from auricle.serve.problems import Problem
from auricle.serve.settings import Settings, is_loopback

#: Paths without a token: the page, which asks the user for one, and the health check.
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
    """ASGI middleware: checks the token where one is set, else that the request comes from this machine and not from another site."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app, or respond with a Problem."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        problem = self._problem(scope["method"], scope["path"], Headers(scope=scope))
        await (self.app if problem is None else problem.response())(scope, receive, send_with_headers)

    def _problem(self, method: str, path: str, headers: Headers) -> Problem | None:
        if self.settings.token is not None:
            return self._token_problem(self.settings.token, path, headers)
        return _cross_site_problem(method, headers)

    def _token_problem(self, token: str, path: str, headers: Headers) -> Problem | None:
        if path in OPEN or path.startswith(OPEN[-1]):
            return None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode()):
            return None
        state = "a wrong token" if given else "no token"
        detail = f"the request has {state}; wanted the header: Authorization: Bearer TOKEN"
        return Problem(401, detail, headers={"WWW-Authenticate": "Bearer"})


def _cross_site_problem(method: str, headers: Headers) -> Problem | None:
    """A Problem for requests that a page of another site makes a browser send: DNS rebinding, or cross-site posts."""
    host = headers.get("host", "")
    if not is_loopback(_host_name(host)):
        return Problem(403, "the Host header names another host; wanted localhost or 127.0.0.1, or a service with a token")
    origin = headers.get("origin")
    if method not in _SAFE and origin is not None and _origin_host(origin) != host.lower():
        return Problem(403, "the Origin header names another site; wanted the page of this service, or no Origin")
    return None


def _host_name(host: str) -> str:
    """Name or address of HOST, HOST:PORT or [ADDRESS]:PORT; empty if it is none of these."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _origin_host(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
