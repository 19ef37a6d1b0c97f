from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from auricle.core.errors import InputError
from auricle.data import endpoint
from auricle.data.cleaning import clean
from auricle.data.endpoint import Endpoint
from auricle.data.item import Caption, Item

KEY = "sk-very-secret"


class Server(ThreadingHTTPServer):
    """Answers each request with the next of `answers`: a status and a body, or a body made of the request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[tuple[int, Any]] = []
        self.asked: list[tuple[dict[str, str], Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(({**self.headers, "path": self.path}, asked))
        status, body = self.server.answers.pop(0) if self.server.answers else (200, said(f"heard: {asked['messages'][1]['content']}"))
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        if status == 302:
            self.send_header("Location", f"{self.server.url}/elsewhere")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


def said(text: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", "content": text}}]}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield running
        running.shutdown()


def test_a_caption_is_asked_for_and_comes_back(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    server.answers.append((200, said(' "A dog barks." ')))
    rewrite = Endpoint(f"{server.url}/", "small-model", key="MY_KEY")
    assert rewrite("DOG.wav big dog") == "A dog barks."
    headers, asked = server.asked[0]
    assert (headers["path"], headers["Authorization"]) == ("/v1/chat/completions", f"Bearer {KEY}")
    assert asked["model"] == "small-model" and asked["messages"][1] == {"role": "user", "content": "DOG.wav big dog"}
    assert KEY not in repr(rewrite)
    server.answers.append((200, said("Nothing.")))
    assert rewrite("my first upload") == ""
    Endpoint(server.url, "m")("x")
    assert "Authorization" not in server.asked[-1][0]


def test_it_is_a_rewriter_of_the_three_stages(server: Server) -> None:
    items = [Item(letter, Path("/a.wav"), captions=(Caption(f"text {letter}"),)) for letter in "abc"]
    cleaned = clean(items, Endpoint(server.url, "m"), workers=3)
    assert [found.captions[0].text for found in cleaned.items] == ["heard: text a", "heard: text b", "heard: text c"]


def test_what_passes_is_asked_again(server: Server) -> None:
    server.answers += [(503, b""), (429, b"slow down")]
    assert Endpoint(server.url, "m", pause=0.001)("rain") == "heard: rain"
    server.answers += [(500, b"")] * 3
    with pytest.raises(InputError, match="answered 500, 3 times in a row"):
        Endpoint(server.url, "m", tries=3, pause=0.0)("rain")
    assert len(server.asked) == 6


def test_faults_are_told_at_once_and_never_with_the_key(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    monkeypatch.setattr(endpoint, "MAX_RESPONSE_BYTES", 1000)
    rewrite = Endpoint(server.url, "m", key="MY_KEY", tries=3, pause=0.0)
    for answer, wanted in [
        ((401, f"bad key {KEY}".encode()), "answered 401; check"),
        ((302, b""), "answered 302"),
        ((200, b"<html>"), "is not JSON"),
        ((200, b"[" * 900), "is not JSON"),
        ((200, b" " * 2000), "more than 1000 bytes"),
        ((200, {"choices": []}), "has no choices"),
        ((200, said(None)), "has no choices"),
    ]:
        server.answers.append(answer)
        with pytest.raises(InputError, match=wanted) as raised:
            rewrite("rain")
        assert KEY not in str(raised.value) and raised.value.__cause__ is None
    assert len(server.asked) == 7 and all(headers["path"].endswith("completions") for headers, _ in server.asked)
    monkeypatch.setenv("MY_KEY", f"{KEY}\nX: y")
    with pytest.raises(InputError, match="check the address and the key in MY_KEY") as raised:
        rewrite("rain")
    assert KEY not in str(raised.value)
    monkeypatch.delenv("MY_KEY")
    with pytest.raises(InputError, match="MY_KEY is not set"):
        rewrite("rain")


def test_nobody_there_and_nobody_who_answers() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/v1"
        with pytest.raises(InputError, match="no answer"):
            Endpoint(url, "m", timeout=0.05, tries=2, pause=0.0)("rain")
    with pytest.raises(InputError, match="no answer"):
        Endpoint(url, "m", tries=1)("rain")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/v1", "localhost:8000", "https://user:secret@host/v1", ""])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(InputError, match="url is not usable") as raised:
        Endpoint(url, "m")
    assert "secret" not in str(raised.value)
