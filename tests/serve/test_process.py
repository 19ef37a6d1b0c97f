"""The command itself, in a process of its own: it starts, says where, and ends without losing what it accepted."""

from __future__ import annotations

import contextlib
import io
import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import numpy as np
import pytest
import soundfile
import typer
from tone_model import RATE, tone

from auricle.archive.store import Archive
from auricle.cli import archive
from auricle.core.errors import AuricleError
from serve.running import connected, problem, replied, until, waiting

ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def process(*words: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`auricle serve` and the address that it tells."""
    settings = {name: value for name, value in os.environ.items() if name != "AURICLE_TOKEN"} | environment
    settings["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [settings.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "auricle", "serve", "--port", "0", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=settings) as running:
        assert running.stderr is not None
        line = running.stderr.readline()
        found = re.search(r"http://\S+", line)
        try:
            assert found, line + running.stderr.read()
            yield running, found[0]
        finally:
            running.kill()


def hours(count: float) -> bytes:
    """A recording that takes a while to hear."""
    written = io.BytesIO()
    soundfile.write(written, np.tile(tone("low tone", 10), round(count * 360)), RATE, format="FLAC")
    return written.getvalue()


def test_a_signal_loses_no_accepted_request(tone_folder: Path) -> None:
    content = hours(0.3)
    with process("--model", str(tone_folder)) as (running, url), httpx.Client(base_url=url) as client, contextlib.ExitStack() as stack:
        asked = [stack.enter_context(connected(client)) for _ in range(3)]
        for connection in asked:
            connection.settimeout(120)
            connection.sendall(f"POST /listen HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content)
        until(lambda: waiting(client) == 3)
        running.send_signal(signal.SIGTERM)
        until(lambda: refuses(url))
        assert select.select([asked[-1]], [], [], 0)[0] == []  # it was at work all the while
        answers = [replied(connection) for connection in asked]
        assert [answer.status_code for answer in answers] == [200] * 3
        assert {(answer.json()["duration"], answer.json()["coverage"]) for answer in answers} == {(1080, 1)}
        assert running.wait(timeout=60) == 0
        assert running.stderr is not None and running.stderr.read() == ""


def refuses(url: str) -> bool:
    """Does it take no new connection?"""
    at = httpx.URL(url)
    try:
        socket.create_connection((at.host, at.port or 0), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def test_the_command_serves_an_archive_with_a_token(tone_folder: Path, archive: Archive, tmp_path: Path) -> None:
    token = "a-token-of-some-length"
    words = ("--archive", str(archive.folder), "--model", str(tone_folder), "--max-mb", "0.01")
    with process(*words, AURICLE_TOKEN=token) as (_, url):
        assert httpx.get(f"{url}/health").json()["archive"]["files"] == 3
        assert problem(httpx.post(f"{url}/search", json={"text": "low tone"}), 401)
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx.post(f"{url}/search", json={"text": "low tone"}, headers=headers).json()["hits"]
        assert "10000" in problem(httpx.post(f"{url}/listen", content=bytes(10_001), headers=headers), 413)
        assert not any(name.startswith("auricle") for name in os.listdir(tmp_path))


def refused(*words: str) -> str:
    """The line with which the command ends."""
    app = typer.Typer()
    archive.add_to(app)
    with pytest.raises(AuricleError) as caught:
        app(["serve", *words], standalone_mode=False)
    return str(caught.value)


def test_what_cannot_be_served_is_told_in_one_line(tone_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AURICLE_TOKEN", raising=False)
    model = ("--model", str(tone_folder))
    assert "AURICLE_TOKEN" in refused("--host", "0.0.0.0", *model)
    assert "is not an archive" in refused("--archive", str(tmp_path), *model)
    assert "above 0" in refused("--waiting", "0", *model)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "choose another" in refused("--port", str(taken.getsockname()[1]), *model)
