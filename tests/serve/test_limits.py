"""Limits: too much, too long, too slow, too many, too late; each refused with a problem, and the service goes on."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import numpy as np
import pytest
import soundfile
from tone_model import RATE, tone

from auricle.core.records import Analysis
from auricle.listen.listener import Listener
from auricle.serve.jobs import Job, JobQueue, JobSpec
from serve.running import Serve, connected, problem, replied, until, waiting


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients here read the answer at once: nobody has to linger for them."""
    monkeypatch.setattr("auricle.serve.bodies._LINGER", 0.2)


def flac(seconds: float) -> bytes:
    """A recording that is small for how long it lasts."""
    written = io.BytesIO()
    soundfile.write(written, np.tile(tone("low tone", 1), round(seconds)), RATE, format="FLAC")
    return written.getvalue()


def head(path: str, *lines: str) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()


def test_two_gibibytes_are_refused_before_a_byte_is_read(serve: Serve) -> None:
    client = serve()
    with connected(client) as connection:
        connection.sendall(head("/listen", f"Content-Length: {2 << 30}", "Expect: 100-continue"))
        answer = replied(connection)
    assert "2147483648" in problem(answer, 413) and answer.headers["connection"] == "close"
    assert "auricle_upload_bytes_total 0.0" in client.get("/metrics").text


def test_a_client_that_sends_all_the_same_sees_why_it_was_refused(serve: Serve) -> None:
    client = serve(max_bytes=1_000_000)
    assert "1000000" in problem(client.post("/listen", content=bytes(20_000_000)), 413)


@pytest.mark.parametrize("path", ["/listen", "/search/sound", "/search"])
def test_too_much_is_refused_while_it_streams(serve: Serve, path: str) -> None:
    client = serve(max_bytes=3_000_000)

    def endless() -> Iterator[bytes]:
        for _ in range(40_000):  # 2.6 GB
            yield bytes(1 << 16)

    answer = client.post(path, content=endless(), headers={"content-type": "application/json"})
    assert "more than" in problem(answer, 413)
    assert list(client.app.state.service.folder.iterdir()) == []  # type: ignore[attr-defined]


def test_a_stalled_upload_is_given_up(serve: Serve) -> None:
    client = serve(idle_timeout=0.3)
    with connected(client) as connection:
        connection.sendall(head("/listen", "Content-Length: 5000") + b"RIFF")
        answer = replied(connection)
    assert "no byte came" in problem(answer, 408)
    until(lambda: waiting(client) == 0)


def test_an_upload_that_drips_is_given_up(serve: Serve) -> None:
    client = serve(rate_window=0.5)
    with connected(client) as connection:
        connection.sendall(head("/listen", "Content-Length: 5000"))
        done = threading.Event()

        def drip() -> None:
            while not done.wait(0.05):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        answer = replied(connection)
        done.set()
        thread.join()
    assert "bytes per second" in problem(answer, 408)


def test_a_head_that_drips_is_given_up(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auricle.serve.server._HEADER_TIMEOUT", 0.3)
    with connected(serve()) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: local")
        assert connection.recv(100) == b""


@pytest.mark.parametrize("path", ["/listen", "/embed", "/search/sound"])
def test_what_lasts_too_long_is_refused(serve: Serve, path: str) -> None:
    client = serve(max_seconds=60)
    assert "lasts 90 s" in problem(client.post(path, content=flac(90)), 413)
    undeclared = bytearray(flac(90))
    undeclared[21] &= 0xF0  # the header's number of samples: zero means unknown
    undeclared[22:26] = bytes(4)
    assert "lasts more than 60 s" in problem(client.post(path, content=bytes(undeclared)), 413)
    assert client.post(path, content=flac(60)).status_code == 200


def test_too_many_are_told_to_come_again(serve: Serve, sounds: Path) -> None:
    client = serve(max_requests=1)
    content = (sounds / "low.wav").read_bytes()
    with connected(client) as connection:
        connection.sendall(head("/tag", f"Content-Length: {len(content)}", "Connection: close") + content[:100])
        until(lambda: waiting(client) == 1)
        refused = client.post("/tag", content=content)
        assert problem(refused, 429) and int(refused.headers["retry-after"]) > 0
        connection.sendall(content[100:])
        assert replied(connection).status_code == 200
    assert client.post("/tag", content=content).status_code == 200


def test_an_answer_that_takes_too_long_is_given_up(serve: Serve, sounds: Path) -> None:
    client = serve(timeout=0.05)
    late = client.post("/listen", content=flac(1800))
    assert problem(late, 503) and int(late.headers["retry-after"]) > 0
    until(lambda: client.post("/tag", content=(sounds / "low.wav").read_bytes()).status_code == 200)


def test_nobody_hears_for_a_client_that_left(serve: Serve) -> None:
    client = serve()
    content = flac(1800)
    with connected(client) as connection:
        connection.sendall(head("/listen", f"Content-Length: {len(content)}") + content)
        until(lambda: waiting(client) == 1)
    until(lambda: waiting(client) == 0)
    assert 'auricle_requests_total{endpoint="/listen",status="499"} 1.0' in client.get("/metrics").text


def test_a_job_that_is_given_up_ends_and_the_others_go_on(listener: Listener, sounds: Path, tmp_path: Path) -> None:
    long = tmp_path / "long.flac"
    long.write_bytes(flac(3000))
    jobs = JobQueue(listener)
    given_up, never, short = (Job(path, path.stat().st_size, JobSpec(), 3600) for path in (long, long, sounds / "low.wav"))
    never.cancelled = True
    for job in (given_up, never, short):
        jobs.submit(job)
    jobs.start()
    until(lambda: given_up.seconds > 0)
    given_up.cancelled = True
    heard = given_up.future.result(timeout=60)
    assert isinstance(heard, Analysis) and heard.error == "cancelled" and given_up.seconds < 3000
    heard = short.future.result(timeout=60)
    assert isinstance(heard, Analysis) and heard.error is None and heard.duration == 3
    jobs.stop()
    assert never.seconds == 0 and not never.future.done()


def test_other_bodies_are_small(client: httpx.Client) -> None:
    assert "wanted at most 1048576" in problem(
        client.post("/search", content=b" " * (2 << 20), headers={"content-type": "application/json"}), 413
    )
