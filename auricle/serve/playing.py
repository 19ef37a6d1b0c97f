"""Routes that play the archive's recordings, by the hash of their content: no path ever comes from a client."""

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
from auricle.serve.answers import Identity, Seconds
from auricle.serve.problems import Problem, documented
from auricle.serve.service import Service, Serving
from auricle.signal.formats import MEDIA

router = APIRouter()
_BLOCK = 1 << 18
_LONGEST = 60.0  # seconds of a cut
_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_KINDS_SAID: dict[str, Any] = dict.fromkeys(sorted({*MEDIA.values(), "application/octet-stream"}), _BINARY)
_PLAYED: dict[int | str, dict[str, Any]] = {
    200: {"description": "The recording.", "content": _KINDS_SAID},
    206: {"description": "The part that Range asks for.", "content": _KINDS_SAID},
    **documented(404, 410, 416, 422, 429, 503),
}
_CUT: dict[int | str, dict[str, Any]] = {
    200: {"description": "The stretch, 16 bits.", "content": {"audio/wav": _BINARY}},
    **documented(404, 410, 422, 429, 503),
}
Id = Annotated[Identity, InPath()]


@router.get("/sound/{id}", response_class=Response, responses=_PLAYED)
async def sound(service: Serving, request: Request, id: Id) -> Response:
    """A recording of the archive as it is, whole or in part (Range)."""
    recording, file = await service.ask(lambda: _opened(service, id))
    headers = {"Accept-Ranges": "bytes", "ETag": f'"{id}"', "Cache-Control": "private, no-cache"}
    try:
        # A part is only meant for the very content that the client has some of.
        same = request.headers.get("if-range", headers["ETag"]) == headers["ETag"]
        part = _part(request.headers.get("range", ""), recording.size) if same else None
    except Problem:
        file.close()
        raise
    first, last = part or (0, recording.size - 1)
    headers["Content-Length"] = str(last - first + 1)
    if part is not None:
        headers["Content-Range"] = f"bytes {first}-{last}/{recording.size}"
    # By the ending of the archive's own name; a browser is never told that a recording is a page.
    kind = MEDIA.get(Path(recording.file).suffix.lower(), "application/octet-stream")
    return StreamingResponse(_blocks(file, first, last), 200 if part is None else 206, headers, media_type=kind)


@router.get("/sound/{id}/cut", response_class=Response, responses=_CUT)
async def cut(service: Serving, id: Id, onset: Annotated[Seconds, Query()], offset: Annotated[Seconds, Query()]) -> Response:
    """Up to 60 s of a recording as WAV, for what browsers do not play and for long files."""
    if not onset < offset <= onset + _LONGEST:
        raise Problem(422, f"the stretch goes from {onset:g} to {offset:g} s; wanted onset < offset, at most {_LONGEST:g} s apart")

    def answer() -> bytes:
        return encode_wav(service.recording(id).path, onset, offset)

    return Response(await service.ask(answer), media_type="audio/wav", headers={"Cache-Control": "private, no-cache"})


def _opened(service: Service, id: str) -> tuple[Recording, BinaryIO]:
    """The recording, opened, and still what it was once it is open."""
    recording = service.recording(id)
    try:
        file = open(recording.path, "rb")  # noqa: SIM115  closed by _blocks
    except OSError as error:
        raise Problem(410, f"{recording.file}: cannot be read ({error.strerror}); check that it is there and readable") from error
    said = os.fstat(file.fileno())
    if (said.st_size, said.st_mtime_ns) != (recording.size, recording.modified):
        file.close()
        raise Problem(410, f"{recording.file}: has changed since it was indexed; index its folder again")
    return recording, file


def _part(said: str, size: int) -> tuple[int, int] | None:
    """First and last byte of a Range of one part; None for the whole, and for what RFC 9110 (14.2) lets us pass over."""
    found = re.fullmatch(r"bytes=([0-9]{0,18})-([0-9]{0,18})", said)
    if found is None or not any(found.groups()):
        return None
    start, end = found.groups()
    if start and end and int(end) < int(start):
        return None
    first = int(start) if start else max(0, size - int(end))
    if first >= size:
        raise Problem(416, f"the range {said} is outside of {size} bytes", headers={"Content-Range": f"bytes */{size}"})
    return first, min(int(end), size - 1) if start and end else size - 1


async def _blocks(file: BinaryIO, first: int, last: int) -> AsyncIterator[bytes]:
    """Bytes first to last of a file, read off the event loop; the file is closed at the end, however it comes."""
    with file:
        file.seek(first)
        left = last - first + 1
        while left > 0 and (block := await asyncio.to_thread(file.read, min(_BLOCK, left))):
            left -= len(block)
            yield block
