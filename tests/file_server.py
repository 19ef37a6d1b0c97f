"""A server of one file on this machine, with Range and If-Range, that can be told to break: for tests of downloads."""

from __future__ import annotations

import http.server
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


class FileServer:
    """The file, and what went over the line.

    content, etag: of the file. cut: bytes after which a response ends, one for each response, then none. errors: HTTP status of the next
    responses. has_length, has_ranges: responses have a Content-Length, and Range is honoured. chunk_only: the body is sent in chunks.
    redirect: the address to which /moved leads. asked: path and Range of each request.
    """

    def __init__(self, content: bytes) -> None:
        self.content, self.etag = content, '"one"'
        self.cut: list[int] = []
        self.errors: list[int] = []
        self.has_length = self.has_ranges = True
        self.chunk_only = False
        self.redirect = ""
        self.asked: list[tuple[str, str | None]] = []
        self.url = ""

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        self.asked.append((handler.path, handler.headers.get("Range")))
        if handler.path == "/moved":
            handler.send_response(302)
            handler.send_header("Location", self.redirect)
            handler.end_headers()
            return
        if self.errors:
            handler.send_error(self.errors.pop(0))
            return
        start, status = 0, 200
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range") or "")
        if asked and self.has_ranges and handler.headers.get("If-Range") in (None, self.etag):
            start, status = int(asked[1]), 206
        if start >= len(self.content) > 0 and status == 206:
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(self.content)}")
            handler.end_headers()
            return
        body = self.content[start:]
        handler.send_response(status)
        handler.send_header("ETag", self.etag)
        if status == 206:
            handler.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        if self.chunk_only:
            handler.send_header("Transfer-Encoding", "chunked")
        elif self.has_length:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        part = body[: self.cut.pop(0)] if self.cut else body
        with suppress(ConnectionError):  # the other side may have seen enough
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part) if self.chunk_only else part)
            if self.chunk_only and len(part) == len(body):
                handler.wfile.write(b"0\r\n\r\n")
        handler.close_connection = True


@contextmanager
def serve(content: bytes) -> Iterator[FileServer]:
    """Serve a file at the address `url` of what this gives."""
    state = FileServer(content)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            state.answer(self)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is printed."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        state.url = f"http://127.0.0.1:{server.server_port}/file.pt"
        yield state
        server.shutdown()


def closed_address() -> str:
    """An address at which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/file.pt"
