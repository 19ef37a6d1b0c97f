"""Downloads from a server on this machine: continued where they broke off, refused where they are not the wanted file, never half there."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from file_server import FileServer, closed_address, serve

from auricle.core import download
from auricle.core.download import DownloadError, fetch
from auricle.core.errors import ModelError, WriteError

CONTENT = random.Random(0).randbytes(300_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
WHOLE = {"most": len(CONTENT), "size": len(CONTENT), "sha256": DIGEST}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setattr(download, "_PAUSE", 0.01)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serve(CONTENT) as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "new" / "folder" / "file.pt"


def left(target: Path) -> set[str]:
    return {path.name for path in target.parent.iterdir()}


@pytest.mark.parametrize("length", [True, False])
def test_a_file_arrives_whole(server: FileServer, target: Path, length: bool) -> None:
    server.has_length = length
    seen: list[tuple[int, int]] = []
    assert fetch(server.url, target, **WHOLE, progress=lambda done, whole: seen.append((done, whole))) == DIGEST
    assert target.read_bytes() == CONTENT and left(target) == {"file.pt"}
    assert seen[-1] == (len(CONTENT), len(CONTENT) if length else 0) and seen == sorted(seen)
    assert server.asked == [("/file.pt", None)]
    before = os.umask(0)
    os.umask(before)
    assert target.stat().st_mode & 0o777 == 0o666 & ~before


def test_a_file_of_unknown_hash_tells_it(server: FileServer, target: Path) -> None:
    assert fetch(server.url, target, most=400_000) == DIGEST


@pytest.mark.parametrize("chunked", [False, True])
def test_a_connection_that_breaks_is_continued(server: FileServer, target: Path, chunked: bool) -> None:
    server.cut, server.chunk_only = [100_000, 50_000], chunked
    assert fetch(server.url, target, **WHOLE) == DIGEST
    assert target.read_bytes() == CONTENT and left(target) == {"file.pt"}
    assert [asked for _, asked in server.asked] == [None, "bytes=100000-", "bytes=150000-"]


def test_a_later_call_continues(server: FileServer, target: Path) -> None:
    server.cut, server.errors = [100_000], []
    stopped = KeyboardInterrupt()

    def stop(done: int, whole: int) -> None:
        if done >= 100_000:
            raise stopped

    with pytest.raises(KeyboardInterrupt):
        fetch(server.url, target, **WHOLE, progress=stop)
    assert not target.exists() and left(target) == {".file.pt.part", ".file.pt.etag"}
    assert fetch(server.url, target, **WHOLE) == DIGEST
    assert server.asked[-1] == ("/file.pt", "bytes=100000-") and left(target) == {"file.pt"}


def test_a_file_that_changed_meanwhile_starts_again(server: FileServer, target: Path) -> None:
    server.cut, server.content = [100_000, 0, 0, 0, 0], CONTENT[::-1]
    with pytest.raises(DownloadError, match=r"the connection ended after 100000 of 300000 bytes\); 0\.1 MB are kept, and the same command"):
        fetch(server.url, target, **WHOLE)
    server.content, server.etag, server.cut = CONTENT, '"two"', []
    assert fetch(server.url, target, **WHOLE) == DIGEST and server.asked[-1] == ("/file.pt", "bytes=100000-")


def test_a_part_of_another_address_or_without_a_validator_is_not_continued(server: FileServer, target: Path) -> None:
    target.parent.mkdir(parents=True)
    part, note = target.with_name(".file.pt.part"), target.with_name(".file.pt.etag")
    for text in ('["http://127.0.0.1/other", "\\"one\\""]', "no json", '{"a": 1}', None):
        part.write_bytes(b"x" * 1000)
        note.write_text(text) if text else note.unlink(missing_ok=True)
        assert fetch(server.url, target, **WHOLE) == DIGEST and server.asked[-1] == ("/file.pt", None)
        target.unlink()


def test_a_part_that_is_whole_is_moved_into_place(server: FileServer, target: Path) -> None:
    target.parent.mkdir(parents=True)
    target.with_name(".file.pt.part").write_bytes(CONTENT)
    target.with_name(".file.pt.etag").write_text(f'["{server.url}", "\\"one\\""]')
    assert fetch(server.url, target, **WHOLE) == DIGEST and server.asked == [("/file.pt", "bytes=300000-")]


def test_a_server_without_ranges_starts_again(server: FileServer, target: Path) -> None:
    server.has_ranges, server.cut = False, [100_000]
    assert fetch(server.url, target, **WHOLE) == DIGEST and target.read_bytes() == CONTENT


def test_errors_of_the_server_that_pass(server: FileServer, target: Path) -> None:
    server.errors = [503, 500, 429]
    assert fetch(server.url, target, **WHOLE) == DIGEST and len(server.asked) == 4


@pytest.mark.parametrize(("status", "attempts", "named"), [(503, 4, "503 Service Unavailable"), (404, 1, "404 Not Found"), (403, 1, "403")])
def test_errors_of_the_server_that_stay(server: FileServer, target: Path, status: int, attempts: int, named: str) -> None:
    server.errors = [status] * 9
    with pytest.raises(DownloadError, match=f"could not be downloaded \\(the server answered {named}"):
        fetch(server.url, target, **WHOLE)
    assert len(server.asked) == attempts and left(target) == set()


def test_without_a_network_it_says_so_at_once(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "_PAUSE", 1000.0)
    with pytest.raises(DownloadError, match=r"could not be downloaded \(Connection refused\)$"):
        fetch(closed_address(), target, **WHOLE)
    assert left(target) == set()


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"most": 400_000, "size": None, "sha256": "0" * 64}, f"its SHA-256 is {DIGEST}; wanted {'0' * 64}"),
        ({"most": 400_000, "size": 299_999, "sha256": None}, "has 300000 bytes; wanted 299999"),
        ({"most": 200_000, "size": None, "sha256": None}, "300000 bytes; wanted at most 200000|is larger than 200000 bytes"),
    ],
)
@pytest.mark.parametrize("length", [True, False])
def test_another_file_is_refused_and_nothing_left(
    server: FileServer, target: Path, wanted: dict[str, object], message: str, length: bool
) -> None:
    server.has_length = length
    with pytest.raises(ModelError, match=message):
        fetch(server.url, target, **wanted)  # type: ignore[arg-type]
    assert left(target) == set()


def test_a_refused_file_does_not_replace_one_that_is_there(server: FileServer, target: Path) -> None:
    target.parent.mkdir(parents=True)
    target.write_text("old")
    with pytest.raises(ModelError):
        fetch(server.url, target, most=400_000, sha256="0" * 64)
    assert target.read_text() == "old" and left(target) == {"file.pt"}


def test_a_slow_server_is_left(server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_GRACE", 0.0)
    monkeypatch.setattr(download, "_MIN_RATE", 1e12)
    with pytest.raises(DownloadError, match="took longer than 0 minutes"):
        fetch(server.url, target, **WHOLE)
    assert not target.exists()


def test_redirects_are_followed_but_never_away_from_https(server: FileServer, target: Path) -> None:
    moved, server.redirect = server.url.replace("file.pt", "moved"), server.url
    server.cut = [100_000]
    assert fetch(moved, target, **WHOLE) == DIGEST
    assert [asked for path, asked in server.asked if path == "/file.pt"] == [None, "bytes=100000-"]
    for address in ("file:///etc/passwd", "ftp://127.0.0.1/x"):
        server.redirect = address
        with pytest.raises(DownloadError, match="could not be downloaded"):
            fetch(moved, target.with_name("other"), most=10_000)
    request = download.urllib.request.Request("https://example.org/a")
    with pytest.raises(download.urllib.error.HTTPError, match="wanted HTTPS"):
        download._Redirects().redirect_request(request, None, 302, "Found", {}, "http://example.org/b")


def test_one_process_at_a_time(server: FileServer, target: Path) -> None:
    def again(done: int, whole: int) -> None:
        with pytest.raises(DownloadError, match="another process downloads this file"):
            fetch(server.url, target, **WHOLE)

    assert fetch(server.url, target, **WHOLE, progress=again) == DIGEST and len(server.asked) == 1


def test_a_full_disk_is_said_before_and_during(server: FileServer, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 5, 5))  # type: ignore[attr-defined]
        with pytest.raises(WriteError, match=r"the download needs 0\.3 MB, 0\.0 MB are free"):
            fetch(server.url, target, **WHOLE)
    assert left(target) == set()

    def full(done: int, whole: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(WriteError, match="the disk is full"):
        fetch(server.url, target, **WHOLE, progress=full)
    assert not target.exists()
