"""Reception of uploads into a private temporary folder: a raw body, or the field `file` of a form."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path, PurePosixPath
from typing import Any

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from auricle.core.files import write_errors
from auricle.serve.problems import CLIENT_CLOSED, Problem

_BLOCK = 1 << 20  # bytes buffered before they are written
_DEFAULT_NAME = "recording"


class Upload:
    """A file that is being received. name: from the client, used only in responses."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self.size = 0
        self._buffer = bytearray()
        self._file = path.open("wb", buffering=0)

    def append(self, data: bytes) -> None:
        """Add bytes to the buffer."""
        self._buffer += data
        self.size += len(data)

    async def write(self, *, least: int = 1) -> None:
        """Write the buffer, in a thread, if it has at least `least` bytes."""
        if len(self._buffer) >= least:
            data, self._buffer = self._buffer, bytearray()
            with write_errors(self.name):
                await asyncio.to_thread(self._file.write, data)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def use_client_name(self, line: str) -> str:
        """Replace the temporary path in an error message by the client's name."""
        return line.replace(str(self.path), self.name)


@contextlib.asynccontextmanager
async def receive_upload(request: Request, folder: Path, name: str | None) -> AsyncIterator[Upload]:
    """Context manager: receive the recording in a request's body as a file that is removed at the end."""
    display_name = clean_name(name) if name else _DEFAULT_NAME
    with tempfile.TemporaryDirectory(dir=folder) as own:
        # The suffix matters for mp3, which has no fixed header; nothing else of a client's name is used on disk.
        upload = Upload(Path(own) / ("sound.mp3" if display_name.lower().endswith(".mp3") else "sound"), display_name)
        try:
            form = _Form(upload, request) if _is_multipart(request) else None
            await _fill(upload, request, form)
        finally:
            upload.close()
        if form is not None:
            form.check(renamed=name is None)
        if not upload.size:
            raise Problem(422, f"{upload.name}: is empty (0 bytes); wanted a recording as the body, or as the form's field 'file'")
        yield upload


async def _fill(upload: Upload, request: Request, form: _Form | None) -> None:
    try:
        async for piece in request.stream():
            (upload.append if form is None else form.feed)(piece)
            await upload.write(least=_BLOCK)
        await upload.write()
    except ClientDisconnect as error:
        raise Problem(CLIENT_CLOSED, "the client disconnected before its body was complete") from error


def clean_name(name: str) -> str:
    """Last part of a client's file name, shortened and printable."""
    last = PurePosixPath(name.replace("\\", "/")).name
    return "".join(letter if letter.isprintable() else "?" for letter in last)[:200] if last.strip(". ") else _DEFAULT_NAME


def _is_multipart(request: Request) -> bool:
    return request.headers.get("content-type", "").lower().startswith("multipart/")


class _Form:
    """Streaming parser of a form that extracts the field `file`."""

    def __init__(self, upload: Upload, request: Request) -> None:
        kind, options = parse_options_header(request.headers["content-type"])
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise Problem(422, "the body is multipart without a boundary; wanted multipart/form-data, or the recording itself")
        self._upload = upload
        self._file_count, self._inside, self._ended = 0, False, False
        self._name: str | None = None
        self._header, self._value = b"", b""
        self._disposition: dict[bytes, bytes] = {}
        callbacks: dict[str, Any] = {name: getattr(self, f"_{name}") for name in _CALLBACKS}
        self._parser = MultipartParser(options[b"boundary"], callbacks)  # type: ignore[arg-type]  # a TypedDict of the same

    def feed(self, data: bytes) -> None:
        """Parse bytes of the body."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise Problem(422, f"the form is malformed ({error}); wanted multipart/form-data with one field 'file'") from error

    def check(self, *, renamed: bool) -> None:
        """Raise a Problem unless the form had exactly one complete file."""
        if self._file_count != 1 or not self._ended:
            fault = "ends before its last boundary" if not self._ended else f"has {self._file_count} fields 'file'"
            raise Problem(422, f"the form {fault}; wanted exactly one, with the recording")
        if renamed and self._name:
            self._upload.name = self._name

    def _on_part_begin(self) -> None:
        self._disposition = {}

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = parse_options_header(self._value)[1]
        self._header, self._value = b"", b""

    def _on_headers_finished(self) -> None:
        self._inside = self._disposition.get(b"name") == b"file"
        if self._inside:
            self._file_count += 1
            self._name = clean_name(self._disposition.get(b"filename", b"").decode("utf-8", "replace"))

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._inside and self._file_count == 1:
            self._upload.append(data[start:end])

    def _on_part_end(self) -> None:
        self._inside = False

    def _on_end(self) -> None:
        self._ended = True


_CALLBACKS = (
    "on_part_begin",
    "on_header_field",
    "on_header_value",
    "on_header_end",
    "on_headers_finished",
    "on_part_data",
    "on_part_end",
    "on_end",
)
