"""Download of one file over HTTP: resumed by Range, bounded in size and time, checked, and in place only when it is whole."""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import json
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from auricle.core.errors import AuricleError, ModelError, WriteError
from auricle.core.files import make_folder, move_file, write_errors, write_text
from auricle.core.units import megabytes

_TIMEOUT = 30.0  # seconds without a byte after which a connection counts as broken
_TRIES = 4  # attempts in a row without a new byte
_PAUSE = 1.0  # seconds before the second attempt; doubled before each further one
_GRACE, _MIN_RATE = 60.0, 50_000.0  # a download takes at most _GRACE seconds and its largest size at _MIN_RATE bytes per second
_BLOCK = 1 << 16  # bytes that are read at once
_RETRIED = {408, 429, 500, 502, 503, 504}  # HTTP status of errors that may pass
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
_UNSATISFIED = re.compile(r"bytes \*/(\d+)")

#: Called with the bytes that are there and those of the whole file (0 while unknown).
Progress = Callable[[int, int], None]


class DownloadError(AuricleError):
    """A file that could not be transferred: no network, an error of the server, too slow. What arrived is kept for the next call."""


class _Interrupted(Exception):  # noqa: N818  handled in this module
    """A transfer that broke off and may be continued. has_answered: the server sent a response."""

    def __init__(self, reason: object, *, has_answered: bool) -> None:
        super().__init__(str(reason) or type(reason).__name__)
        self.has_answered = has_answered


def fetch(
    url: str, target: Path, *, most: int, size: int | None = None, sha256: str | None = None, progress: Progress | None = None
) -> str:
    """Download a file to `target`, whose folder is created, and return its SHA-256.

    most: largest accepted size in bytes. size, sha256: what the file must have, where that is known. An interrupted transfer is continued,
    in this call and in later ones, from a hidden file next to the target, if the server still offers the same file. DownloadError where it
    cannot be transferred, ModelError where it is not the wanted file (nothing is left then), WriteError where it cannot be written.
    """
    make_folder(target.parent)
    part, note = target.with_name(f".{target.name}.part"), target.with_name(f".{target.name}.etag")
    try:
        with write_errors(target), _open_locked(part) as stream:
            try:
                _Transfer(url, stream, note, most=most, size=size, progress=progress or (lambda done, whole: None)).run()
                digest = _check_content(url, part, size, sha256)
            except ModelError:
                part.unlink(missing_ok=True)
                raise
            move_file(part, target)
        return digest
    finally:
        if not part.exists():
            note.unlink(missing_ok=True)


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def _open_locked(part: Path) -> Iterator[BinaryIO]:
    """Open the partial file to append; DownloadError where another process writes it. The lock of a killed process is released."""
    with part.open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_same = os.fstat(stream.fileno()).st_ino == part.stat().st_ino  # not that of a process which has just moved it into place
        except (BlockingIOError, FileNotFoundError):
            is_same = False
        if not is_same:
            raise DownloadError(f"{part.parent}: another process downloads this file; wait for it, then run the command again")
        try:
            yield stream
        finally:
            if not os.fstat(stream.fileno()).st_size:
                part.unlink(missing_ok=True)


def _check_content(url: str, part: Path, size: int | None, sha256: str | None) -> str:
    """SHA-256 of a transferred file. ModelError where it, or the size, is another one than wanted."""
    found, digest = part.stat().st_size, file_hash(part)
    if size not in (None, found):
        raise ModelError(f"{url}: has {found} bytes; wanted {size}; nothing was kept")
    if sha256 not in (None, digest):
        raise ModelError(f"{url}: its SHA-256 is {digest}; wanted {sha256}: the file is damaged, or it was replaced; nothing was kept")
    return digest


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Redirects over HTTPS alone; from an address without it, over HTTP too."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        allowed = ("https:",) if req.full_url.startswith("https:") else ("https:", "http:")
        if not newurl.lower().startswith(allowed):
            raise urllib.error.HTTPError(newurl, 400, f"redirected to {newurl[:200]}; wanted HTTPS", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Transfer:
    """The transfer of one file into an open partial file, over as many connections as it takes."""

    def __init__(self, url: str, stream: BinaryIO, note: Path, *, most: int, size: int | None, progress: Progress) -> None:
        self._url, self._stream, self._note, self._most, self._size, self._progress = url, stream, note, most, size, progress
        self._seconds = _GRACE + most / _MIN_RATE
        self._deadline = time.monotonic() + self._seconds
        self._opener = urllib.request.build_opener(_Redirects)

    def run(self) -> None:
        """Transfer until the file is whole. DownloadError or ModelError otherwise."""
        failures, received = 0, False
        while True:
            before = self._done()
            try:
                return self._connect()
            except _Interrupted as broken:
                grew = self._done() > before
                failures, received = 0 if grew else failures + 1, received or grew
                if failures >= _TRIES or not (broken.has_answered or received):
                    kept = f"; {megabytes(self._done())} are kept, and the same command continues" if self._done() else ""
                    raise DownloadError(f"{self._url} could not be downloaded ({broken}){kept}") from broken
            self._check_time()
            time.sleep(min(_PAUSE * 2 ** max(0, failures - 1), max(0.0, self._deadline - time.monotonic())))

    def _done(self) -> int:
        return os.fstat(self._stream.fileno()).st_size

    def _check_time(self) -> None:
        if time.monotonic() > self._deadline:
            raise DownloadError(
                f"{self._url} took longer than {self._seconds / 60:.0f} minutes, at less than {_MIN_RATE / 1000:.0f} kB a second; "
                f"{megabytes(self._done())} are kept, and the same command continues"
            )

    def _connect(self) -> None:
        """One connection: ask for what is missing, and append it."""
        done, validator = self._done(), self._read_validator()
        if done and validator is None:
            done = self._restart()
        headers = {"User-Agent": "auricle", "Accept-Encoding": "identity"}
        if done and validator is not None:
            headers |= {"Range": f"bytes={done}-", "If-Range": validator}
        try:
            response = self._opener.open(urllib.request.Request(self._url, headers=headers), timeout=_TIMEOUT)
        except urllib.error.HTTPError as error:
            with error:
                return self._refused(error, done)
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise _Interrupted(getattr(reason, "strerror", None) or reason, has_answered=False) from error
        with response:
            done, whole = self._start(response, done)
            self._check_size(whole, done)
            self._write_validator(response.headers)
            for block in self._blocks(response):
                done += len(block)
                if done > min(self._most, whole or self._most):
                    raise ModelError(f"{self._url}: is larger than {whole or self._most} bytes; nothing was kept")
                self._stream.write(block)
                self._stream.flush()
                self._progress(done, whole or 0)
        if whole is not None and done < whole:
            raise _Interrupted(f"the connection ended after {done} of {whole} bytes", has_answered=True)

    def _start(self, response: Any, done: int) -> tuple[int, int | None]:
        """Bytes that stay, and the size of the whole file, if the server states it."""
        if response.status == 206:
            stated = _RANGE.match(response.headers.get("Content-Range", ""))
            if stated is not None and int(stated[1]) == done:
                return done, int(stated[2])
            self._restart()
            raise _Interrupted("the server sent another part than was asked for", has_answered=True)
        length = response.headers.get("Content-Length", "")
        return self._restart(), int(length) if length.isdecimal() else None

    def _refused(self, error: urllib.error.HTTPError, done: int) -> None:
        """Handle an error of the server: the file is whole already, or there may be another attempt, or there is none."""
        if error.code == 416:
            stated = _UNSATISFIED.match(error.headers.get("Content-Range", ""))
            if stated is not None and int(stated[1]) == done:
                return
            self._restart()
            raise _Interrupted("the server has not the part that was asked for", has_answered=True)
        if error.code in _RETRIED:
            raise _Interrupted(f"the server answered {error.code} {error.reason}", has_answered=True)
        raise DownloadError(f"{self._url} could not be downloaded (the server answered {error.code} {error.reason})") from error

    def _check_size(self, whole: int | None, done: int) -> None:
        """Refuse a file of another size before it is transferred, or for which there is no room."""
        if whole is None:
            return
        if self._size not in (None, whole):
            raise ModelError(f"{self._url}: has {whole} bytes; wanted {self._size}: its publisher replaced it; nothing was kept")
        if whole > self._most:
            raise ModelError(f"{self._url}: has {whole} bytes; wanted at most {self._most}; nothing was kept")
        folder, wanted = self._note.parent, whole - done
        if wanted > (free := shutil.disk_usage(folder).free):
            raise WriteError(f"{folder}: the download needs {megabytes(wanted)}, {megabytes(free)} are free; free some space")

    def _blocks(self, response: Any) -> Iterator[bytes]:
        while True:
            self._check_time()
            try:
                block = response.read1(_BLOCK)
            except (OSError, http.client.HTTPException) as error:
                raise _Interrupted(error, has_answered=True) from error
            if not block:
                return
            yield block

    def _restart(self) -> int:
        self._stream.truncate(0)
        return 0

    def _read_validator(self) -> str | None:
        """The validator of the file whose first part is there, if it was read from the same address."""
        try:
            url, validator = json.loads(self._note.read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError):
            return None
        return validator if url == self._url and isinstance(validator, str) else None

    def _write_validator(self, headers: Any) -> None:
        etag = headers.get("ETag", "")
        validator = headers.get("Last-Modified") if etag.startswith("W/") or not etag else etag  # If-Range takes no weak one
        if validator is None or not validator.isprintable():
            self._note.unlink(missing_ok=True)
        else:
            write_text(self._note, json.dumps([self._url, validator]))
