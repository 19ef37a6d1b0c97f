"""Error responses as application/problem+json (RFC 9457), with a one-line detail and never a traceback."""

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
CLIENT_CLOSED = 499  # the client disconnected; used only in the metrics
SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "type": "object",
    "properties": {"type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"}},
    "required": ["type", "title", "status", "detail"],
}
#: Meaning of each status, for the OpenAPI document.
MEANING = {
    400: "The request is malformed.",
    401: "The token is missing or wrong.",
    403: "The request comes from another site.",
    404: "Not found.",
    405: "The path does not take this method.",
    408: "The body stalled, or came too slowly.",
    409: "The archive is locked: another process writes to it.",
    410: "The recording is gone, or has changed since it was indexed.",
    413: "The body or the recording is over the limit.",
    416: "The range is outside of the recording.",
    422: "The input is invalid; the detail says what is wrong and what to do.",
    429: "Too many requests are waiting; try again after Retry-After.",
    507: "The disk of the service is full or not writable.",
    503: "The request timed out.",
}


#: Details of errors that the framework raises.
_FRAMEWORK = {
    400: "the body cannot be read; wanted JSON in UTF-8, as described in /openapi.json",
    404: "there is no such path; /openapi.json lists all",
    405: "this path does not take that method; /openapi.json lists the methods",
}


class Problem(HTTPException):
    """An error response. detail: one line that says what came, what was wanted, what to do."""

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)

    def response(self) -> JSONResponse:
        """Build the response."""
        return problem_response(self.status_code, self.detail, self.headers)


def problem_response(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Build a problem response."""
    try:
        title = http.HTTPStatus(status).phrase
    except ValueError:
        title = "Client closed request"
    line = " ".join(detail.split()).encode("utf-8", "backslashreplace").decode()
    content = {"type": "about:blank", "title": title, "status": status, "detail": line}
    return JSONResponse(content, status, dict(headers or {}), media_type=MEDIA)


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses of a route for its problems."""
    content = {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": MEANING[status], "content": content} for status in sorted({400, 401, 403, *statuses})}


def add_handlers(app: FastAPI) -> None:
    """Add exception handlers that turn every error into a problem response."""

    @app.exception_handler(HTTPException)
    async def _on_http_exception(_: Request, error: HTTPException) -> JSONResponse:
        return problem_response(error.status_code, _detail(error), error.headers)

    @app.exception_handler(RequestValidationError)
    async def _on_validation_error(_: Request, error: RequestValidationError) -> JSONResponse:
        return problem_response(422, _validation_detail(error.errors()))

    @app.exception_handler(AuricleError)
    async def _on_auricle_error(_: Request, error: AuricleError) -> JSONResponse:
        return problem_response(_status(error), str(error).replace("--where", "where"))

    @app.exception_handler(Exception)
    async def _on_unexpected_error(_: Request, error: Exception) -> JSONResponse:  # the server logs the traceback
        return problem_response(500, "internal error of the service; please report it, with the traceback in its log")


def _status(error: AuricleError) -> int:
    if isinstance(error, WriteError):
        return http.HTTPStatus.INSUFFICIENT_STORAGE
    return http.HTTPStatus.CONFLICT if isinstance(error, ArchiveError) else http.HTTPStatus.UNPROCESSABLE_ENTITY


def _detail(error: HTTPException) -> str:
    if isinstance(error, Problem):
        return error.detail
    return _FRAMEWORK.get(error.status_code, error.detail)


def _validation_detail(errors: Sequence[Any]) -> str:
    """The first error of pydantic on one line: where, and what was wanted."""
    first = errors[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path")) or "the body"
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{where}: {first['msg'][:1].lower()}{first['msg'][1:]}{more}; see /openapi.json"
