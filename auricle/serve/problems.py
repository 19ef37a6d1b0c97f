"""Problems: errors in, application/problem+json (RFC 9457) out, with our one line as detail and never a traceback."""

from __future__ import annotations

import http
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from auricle.core.errors import ArchiveError, AuricleError, WriteError

MEDIA = "application/problem+json"
CLIENT_GONE = 499  # nobody reads the answer; it is counted under this number
SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "type": "object",
    "properties": {"type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"}},
    "required": ["type", "title", "status", "detail"],
}
#: What each status means here, for the OpenAPI document.
MEANING = {
    400: "The request is malformed.",
    401: "The token is missing or wrong.",
    403: "The request comes from another site.",
    404: "There is no such thing here.",
    405: "The path does not take this method.",
    408: "The body stalled, or came too slowly.",
    409: "The archive cannot be used so now: another process writes to it.",
    410: "The recording is gone, or has changed since it was indexed.",
    413: "The body or the recording is over the limit.",
    416: "The range is outside of the recording.",
    422: "What came cannot be used; the detail says what is wrong and what to do.",
    429: "Too many requests are waiting; Retry-After says when to come again.",
    507: "The service's disk is full, or cannot be written.",
    503: "It took too long, and was given up.",
}


#: What the framework refuses by itself, in our words.
_FRAMEWORK = {
    400: "the body cannot be read; wanted JSON in UTF-8, as /openapi.json tells",
    404: "nothing is at this path; /openapi.json lists what is",
    405: "this path does not take that method; /openapi.json tells which it takes",
}


class Problem(HTTPException):
    """An answer that is an error. detail: one line that says what came, what was wanted, what to do."""

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)

    def response(self) -> JSONResponse:
        """As what is sent."""
        return answer(self.status_code, self.detail, self.headers)


def answer(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """A problem as what is sent."""
    try:
        title = http.HTTPStatus(status).phrase
    except ValueError:
        title = "Client closed request"
    line = " ".join(detail.split()).encode("utf-8", "backslashreplace").decode()
    told = {"type": "about:blank", "title": title, "status": status, "detail": line}
    return JSONResponse(told, status, dict(headers or {}), media_type=MEDIA)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route says in the OpenAPI document of the problems that it can answer with."""
    content = {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": MEANING[status], "content": content} for status in sorted({400, 401, 403, *statuses})}


def install(app: FastAPI) -> None:
    """Make every error of the app a problem."""

    @app.exception_handler(HTTPException)
    async def _refused(_: Request, error: HTTPException) -> JSONResponse:
        return answer(error.status_code, _said(error), error.headers)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return answer(422, _first(error.errors()))

    @app.exception_handler(AuricleError)
    async def _ours(_: Request, error: AuricleError) -> JSONResponse:
        return answer(_status(error), str(error).replace("--where", "where"))

    @app.exception_handler(Exception)
    async def _unforeseen(_: Request, error: Exception) -> JSONResponse:  # the server logs what it was
        return answer(500, "an error of the service itself; its log says more: report it")


def _status(error: AuricleError) -> int:
    if isinstance(error, WriteError):
        return http.HTTPStatus.INSUFFICIENT_STORAGE
    return http.HTTPStatus.CONFLICT if isinstance(error, ArchiveError) else http.HTTPStatus.UNPROCESSABLE_ENTITY


def _said(error: HTTPException) -> str:
    if isinstance(error, Problem):
        return error.detail
    return _FRAMEWORK.get(error.status_code, error.detail)


def _first(errors: Sequence[Any]) -> str:
    """The first of pydantic's errors as one line: where, and what was wanted."""
    first = errors[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path")) or "the body"
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{where}: {first['msg'][:1].lower()}{first['msg'][1:]}{more}; /openapi.json tells what is wanted"
