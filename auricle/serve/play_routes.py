"""Routes that stream recordings of the archive by the hash of their content, so that clients never send a path."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath
from fastapi.responses import Response, StreamingResponse

from auricle.archive.recordings import Recording, encode_wav
from auricle.serve.answers import RecordingId, Seconds
from auricle.serve.problems import Problem, problem_responses
from auricle.serve.service import Service, Serving
from auricle.signal.formats import MEDIA

router = APIRouter()
_BLOCK = 1 << 18
_LONGEST = 60.0  # seconds of an excerpt
_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_MEDIA_TYPES: dict[str, Any] = dict.fromkeys(sorted({*MEDIA.values(), "application/octet-stream"}), _BINARY)
_SOUND_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The recording.", "content": _MEDIA_TYPES},
    206: {"description": "The part given by Range.", "content": _MEDIA_TYPES},
    **problem_responses(404, 410, 416, 422, 429, 503),
}
_CUT_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The excerpt, 16 bit.", "content": {"audio/wav": _BINARY}},
    **problem_responses(404, 410, 422, 429, 503),
}
Id = Annotated[RecordingId, InPath()]


@router.get("/sound/{id}", response_class=Response, responses=_SOUND_RESPONSES)
async def sound(service: Serving, request: Request, id: Id) -> Response:
    """Serve a recording of the archive unchanged, whole or in part (Range)."""
    recording, file = await service.run_in_thread(lambda: _open_recording(service, id))
    headers = {"Accept-Ranges": "bytes", "ETag": f'"{id}"', "Cache-Control": "private, no-cache"}
    try:
        # A part is valid only for the same content that the client has the rest of.
        same = request.headers.get("if-range", headers["ETag"]) == headers["ETag"]
        part = _parse_range(request.headers.get("range", ""), recording.size) if same else None
    except Problem:
        file.close()
        raise
    first, last = part or (0, recording.size - 1)
    headers["Content-Length"] = str(last - first + 1)
    if part is not None:
        headers["Content-Range"] = f"bytes {first}-{last}/{recording.size}"
    # By the suffix of the name in the archive, so that a recording is never served as HTML.
    kind = MEDIA.get(Path(recording.file).suffix.lower(), "application/octet-stream")
    return StreamingResponse(_blocks(file, first, last), 200 if part is None else 206, headers, media_type=kind)


@router.get("/sound/{id}/cut", response_class=Response, responses=_CUT_RESPONSES)
async def cut(service: Serving, id: Id, onset: Annotated[Seconds, Query()], offset: Annotated[Seconds, Query()]) -> Response:
    """Serve up to 60 s of a recording as WAV, for formats that browsers do not play and for long files."""
    if not onset < offset <= onset + _LONGEST:
        raise Problem(422, f"the interval goes from {onset:g} to {offset:g} s; wanted onset < offset, at most {_LONGEST:g} s apart")

    def answer() -> bytes:
        return encode_wav(service.recording(id).path, onset, offset)

    return Response(await service.run_in_thread(answer), media_type="audio/wav", headers={"Cache-Control": "private, no-cache"})


def _open_recording(service: Service, id: str) -> tuple[Recording, BinaryIO]:
    """Open a recording, and check that it is unchanged since it was indexed."""
    recording = service.recording(id)
    try:
        file = open(recording.path, "rb")  # noqa: SIM115  closed by _blocks
    except OSError as error:
        raise Problem(410, f"{recording.file}: cannot be read ({error.strerror}); check that it is there and readable") from error
    status = os.fstat(file.fileno())
    if (status.st_size, status.st_mtime_ns) != (recording.size, recording.modified):
        file.close()
        raise Problem(410, f"{recording.file}: has changed since it was indexed; index its folder again")
    return recording, file


def _parse_range(header: str, size: int) -> tuple[int, int] | None:
    """First and last byte of a Range header with one part; None for the whole, and for headers to be ignored (RFC 9110, 14.2)."""
    match = re.fullmatch(r"bytes=([0-9]{0,18})-([0-9]{0,18})", header)
    if match is None or not any(match.groups()):
        return None
    start, end = match.groups()
    if start and end and int(end) < int(start):
        return None
    first = int(start) if start else max(0, size - int(end))
    if first >= size:
        raise Problem(416, f"the range {header} is outside of {size} bytes", headers={"Content-Range": f"bytes */{size}"})
    return first, min(int(end), size - 1) if start and end else size - 1


async def _blocks(file: BinaryIO, first: int, last: int) -> AsyncIterator[bytes]:
    """Yield bytes first to last of a file, read in a thread, and close the file at the end."""
    with file:
        file.seek(first)
        left = last - first + 1
        while left > 0 and (block := await asyncio.to_thread(file.read, min(_BLOCK, left))):
            left -= len(block)
            yield block
