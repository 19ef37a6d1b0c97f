"""Services that run in a thread, and what tests ask of them."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx2 as httpx
import uvicorn

from auricle.archive.store import Archive
from auricle.listen.listener import Listener
from auricle.serve import app as serving
from auricle.serve import server
from auricle.serve.settings import Settings

Serve = Callable[..., httpx.Client]


@contextlib.contextmanager
def served(listener: Listener, archive: Archive | None, **settings: Any) -> Iterator[httpx.Client]:
    """A client of a service that runs while the block does."""
    chosen = Settings(port=0, **settings)
    bound = server.bind(chosen)
    app = serving.build(listener, archive, chosen)
    running = uvicorn.Server(server.uvicorn_config(app, chosen))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        while not running.started:
            assert thread.is_alive()
            time.sleep(0.01)
        with httpx.Client(base_url=server.address(bound), timeout=60) as client:
            client.app = app  # type: ignore[attr-defined]
            yield client
    finally:
        running.should_exit = True
        thread.join()
        bound.close()


def problem(answer: httpx.Response, status: int) -> str:
    """The detail of an answer that has to be a problem: one line, and nothing of our insides."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert set(told) == {"type", "title", "status", "detail"} and told["status"] == status
    assert told["detail"] and "\n" not in told["detail"] and "Traceback" not in told["detail"] and "auricle-serve-" not in told["detail"]
    return str(told["detail"])


def waiting(client: httpx.Client) -> float:
    """Requests that are accepted and not answered yet."""
    line = next(line for line in client.get("/metrics").text.splitlines() if line.startswith("auricle_waiting_jobs"))
    return float(line.split()[1])


def until(said: Callable[[], bool]) -> None:
    """Wait for what has to come to pass."""
    end = time.monotonic() + 30
    while not said():
        assert time.monotonic() < end, "it did not come to pass in half a minute"
        time.sleep(0.01)


def connected(client: httpx.Client) -> socket.socket:
    """A plain connection to a client's service."""
    made = socket.create_connection((client.base_url.host, client.base_url.port), timeout=30)
    return made


def replied(connection: socket.socket) -> httpx.Response:
    """All that comes on a plain connection until it is closed, as an answer."""
    text = b""
    while block := connection.recv(1 << 16):
        text += block
    head, _, body = text.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return httpx.Response(int(first.split()[1]), headers=[tuple(line.split(": ", 1)) for line in lines], content=body)  # type: ignore[misc]
