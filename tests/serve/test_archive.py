"""The archive over HTTP: searching it, and playing what is in it and nothing else."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2 as httpx
import numpy as np
import pytest
import soundfile
from tone_model import RATE, tone

from auricle.archive import sources
from auricle.archive.indexing import index
from auricle.archive.search import Query, Searcher
from auricle.archive.store import Archive
from auricle.listen.listener import Listener
from serve.running import Serve, problem


def hits(client: httpx.Client, **asked: Any) -> list[dict[str, Any]]:
    answer = client.post("/search", json=asked)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["hits"]
    return found


def identity(client: httpx.Client, name: str) -> str:
    return next(hit["id"] for hit in hits(client, text="low tone", k=50) if hit["name"] == name)


def test_words_give_the_hits_of_the_archive_itself(client: httpx.Client, archive: Archive, listener: Listener) -> None:
    expected = Searcher(archive, listener).search(Query("a middle tone", unwanted=("low tone",), where="duration > 5"), k=3)
    found = hits(client, text="a middle tone", k=3, where="duration > 5", **{"not": ["low tone"]})
    assert [(hit["file"], hit["onset"], hit["offset"], tuple(hit["tags"])) for hit in found] == [
        (hit.file, hit.onset, hit.offset, hit.tags) for hit in expected
    ]
    assert found[0]["name"] == "long.wav" and (found[0]["onset"], found[0]["offset"]) == (20, 32) and found[0]["duration"] == 44
    assert len(found[0]["id"]) == 32


def test_a_hit_finds_its_like_and_not_itself(client: httpx.Client) -> None:
    like = {"id": identity(client, "low.wav"), "onset": 0, "offset": 3}
    first, *_ = hits(client, like=like)
    assert first["name"] == "long.wav" and first["score"] > 0.99
    assert "low.wav" not in [hit["name"] for hit in hits(client, like=like, k=50)]
    both = hits(client, like=like, text="low tone", k=50)
    assert both[0]["name"] == "long.wav"


def test_an_upload_finds_its_like(client: httpx.Client, sounds: Path) -> None:
    content = (sounds / "high.flac").read_bytes()
    found = client.post("/search/sound", params={"k": 1}, content=content).json()["hits"]
    assert [hit["name"] for hit in found] == ["high.flac"] and found[0]["score"] > 0.99
    filtered = client.post("/search/sound", params={"where": "duration > 5"}, files={"file": content}).json()["hits"]
    assert {hit["name"] for hit in filtered} == {"long.wav"}


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"text": ""},
        {"text": "  "},
        {"text": "a" * 501},
        {"text": "a", "k": 0},
        {"text": "a", "k": 201},
        {"text": "a", "k": "3"},
        {"text": "a", "unknown": 1},
        {"text": "a", "where": "no such column = 1"},
        {"text": "a", "where": "file ="},
        {"text": "a", "where": "1; drop table windows"},
        {"like": {"id": "0" * 31, "onset": 0, "offset": 1}},
        {"like": {"id": "/etc/passwd", "onset": 0, "offset": 1}},
        {"like": {"id": "0" * 32, "onset": 2, "offset": 1}},
        {"like": {"id": "0" * 32, "onset": 0, "offset": 1e400}},
        {"like": "/etc/passwd"},
    ],
)
def test_searches_that_make_no_sense(client: httpx.Client, asked: dict[str, Any]) -> None:
    text = str(asked).replace("'", '"').replace("inf", "1e400")
    assert problem(client.post("/search", content=text, headers={"content-type": "application/json"}), 422)


def test_what_is_no_json(client: httpx.Client) -> None:
    for content in (b"", b"{", b"[]", b'"a"', b"\xff", b'{"text": "\\ud800"}', b"[" * 100_000):
        answer = client.post("/search", content=content, headers={"content-type": "application/json"})
        assert answer.status_code in (400, 422) and problem(answer, answer.status_code)


def test_unknown_recordings(client: httpx.Client) -> None:
    assert "no recording" in problem(client.post("/search", json={"like": {"id": "0" * 32, "onset": 0, "offset": 1}}), 404)
    assert "no recording" in problem(client.get("/sound/" + "0" * 32), 404)
    assert "no recording" in problem(client.get("/sound/" + "0" * 32 + "/cut?onset=0&offset=1"), 404)


@pytest.mark.parametrize("range_", [None, "bytes=0-", "bytes=0-99", "bytes=100-199", "bytes=-10", "bytes=95000-999999999", "bytes=5-5"])
def test_recordings_are_played_whole_or_in_part(client: httpx.Client, sounds: Path, range_: str | None) -> None:
    content = (sounds / "low.wav").read_bytes()
    answer = client.get(f"/sound/{identity(client, 'low.wav')}", headers={"Range": range_} if range_ else {})
    start, _, end = (range_ or "bytes=0-").removeprefix("bytes=").partition("-")
    first = int(start) if start else len(content) - int(end)
    expected = content[first : int(end) + 1 if start and end else None]
    assert answer.status_code == (206 if range_ else 200) and answer.content == expected
    assert answer.headers["content-type"] == "audio/wav" and answer.headers["accept-ranges"] == "bytes"
    if range_:
        assert answer.headers["content-range"] == f"bytes {first}-{first + len(expected) - 1}/{len(content)}"


@pytest.mark.parametrize("range_", ["bytes=999999999-", "bytes=-0"])
def test_ranges_outside_of_the_recording(client: httpx.Client, range_: str) -> None:
    answer = client.get(f"/sound/{identity(client, 'low.wav')}", headers={"Range": range_})
    assert problem(answer, 416) and answer.headers["content-range"].startswith("bytes */")


@pytest.mark.parametrize("range_", ["bytes=5-2", "bytes=a-b", "bytes=0-1,5-6", "seconds=0-1", "bytes=", "bytes=" + "9" * 400 + "-"])
def test_ranges_that_make_no_sense_are_passed_over(client: httpx.Client, sounds: Path, range_: str) -> None:
    answer = client.get(f"/sound/{identity(client, 'low.wav')}", headers={"Range": range_})
    assert answer.content == (sounds / "low.wav").read_bytes()


def test_a_part_of_another_content_is_not_given(client: httpx.Client) -> None:
    one = identity(client, "low.wav")
    whole = client.get(f"/sound/{one}", headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert whole.status_code == 200 and len(whole.content) > 10
    assert client.get(f"/sound/{one}", headers={"Range": "bytes=0-9", "If-Range": whole.headers["etag"]}).status_code == 206


def test_cuts_are_wav(client: httpx.Client) -> None:
    answer = client.get(f"/sound/{identity(client, 'long.wav')}/cut", params={"onset": 21.5, "offset": 23})
    samples, rate = soundfile.read(io.BytesIO(answer.content))
    assert answer.headers["content-type"] == "audio/wav" and rate == RATE and len(samples) == 1.5 * RATE
    assert soundfile.info(io.BytesIO(answer.content)).subtype == "PCM_16"
    assert np.abs(np.fft.rfft(samples)).argmax() / 1.5 == pytest.approx(1000, abs=1)


@pytest.mark.parametrize(
    "span", ["onset=0&offset=61", "onset=2&offset=1", "onset=-1&offset=1", "onset=0&offset=nan", "onset=90&offset=91", "onset=1"]
)
def test_cuts_that_make_no_sense(client: httpx.Client, span: str) -> None:
    assert problem(client.get(f"/sound/{identity(client, 'long.wav')}/cut?{span}"), 422)


SECRETS = (
    "/etc/passwd",
    "../../../../etc/passwd",
    "..%2f..%2fetc/passwd",
    "%2e%2e/%2e%2e/etc/passwd",
    "....//etc/passwd",
    "\\..\\etc\\passwd",
)


@pytest.mark.parametrize("secret", SECRETS)
def test_no_path_of_a_client_is_ever_opened(client: httpx.Client, sounds: Path, secret: str) -> None:
    for name in (secret, str(sounds / "low.wav"), quote(str(sounds / "low.wav"), safe="")):
        for path in ("/sound/", "/assets/", "/sound/" + "0" * 32 + "/"):
            answer = client.get(path + name)
            assert answer.status_code in (404, 422) and b"root:" not in answer.content and b"RIFF" not in answer.content


def test_recordings_that_are_gone_or_changed(serve: Serve, listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "sounds"
    folder.mkdir()
    for name, label in (("gone.wav", "low tone"), ("changed.wav", "high tone"), ("page.wav", "middle tone")):
        soundfile.write(folder / name, tone(label, 3), RATE)
    made = Archive.create(tmp_path / "a", listener)
    index(made, listener, sources.find_recordings([str(folder)]))
    client = serve(archive=made)
    ids = {name: identity(client, name) for name in ("gone.wav", "changed.wav", "page.wav")}
    (folder / "gone.wav").unlink()
    soundfile.write(folder / "changed.wav", tone("low tone", 3), RATE)
    secret = tmp_path / "secret"
    secret.write_text("a secret")
    (folder / "page.wav").unlink()
    os.symlink(secret, folder / "page.wav")
    assert {hit["name"] for hit in hits(client, text="low tone", k=50) if hit["missing"]} == {"gone.wav"}
    for name, why in (("gone.wav", "no longer exists"), ("changed.wav", "has changed"), ("page.wav", "has changed")):
        assert why in problem(client.get(f"/sound/{ids[name]}"), 410)
        assert why in problem(client.get(f"/sound/{ids[name]}/cut?onset=0&offset=1"), 410)
        assert why in problem(client.post("/search", json={"like": {"id": ids[name], "onset": 0, "offset": 1}}), 410)
    with monkeypatch.context() as patched:  # changed in the moment between the look at it and its opening
        patched.setattr("auricle.archive.recordings.Recording.fault", lambda _: None)
        assert "has changed" in problem(client.get(f"/sound/{ids['page.wav']}"), 410)
    soundfile.write(folder / "back.wav", tone("low tone", 3), RATE)
    index(made, listener, sources.find_recordings([str(folder)]))
    assert client.get(f"/sound/{identity(client, 'back.wav')}").status_code == 200  # found without starting the service again


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep names in Unicode")
def test_a_recording_whose_name_is_not_utf8(serve: Serve, listener: Listener, tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/lat\xe9in.wav")
    with open(path, "wb") as file:
        soundfile.write(file, tone("low tone", 3), RATE, format="WAV")
    made = Archive.create(tmp_path / "a", listener)
    index(made, listener, sources.find_recordings([path]))
    client = serve(archive=made)
    (hit,) = hits(client, text="low tone")
    assert (hit["file"], hit["name"]) == (rf"{tmp_path}/lat\xe9in.wav", r"lat\xe9in.wav")
    assert client.get(f"/sound/{hit['id']}").content == Path(path).read_bytes()
    assert client.get(f"/sound/{hit['id']}/cut?onset=0&offset=1").content[:4] == b"RIFF"
    assert hits(client, like={"id": hit["id"], "onset": 0, "offset": 1}) == []


def test_a_service_without_an_archive(serve: Serve, sounds: Path) -> None:
    client = serve(archive=None)
    assert client.get("/health").json()["archive"] is None
    one = "0" * 32
    for answer in (
        client.post("/search", json={"text": "low tone"}),
        client.post("/search/sound", content=(sounds / "low.wav").read_bytes()),
        client.get(f"/sound/{one}"),
        client.get(f"/sound/{one}/cut?onset=0&offset=1"),
    ):
        assert "--archive DIR" in problem(answer, 404)
    assert client.post("/tag", content=(sounds / "low.wav").read_bytes()).status_code == 200


def test_health_counts_the_archive(client: httpx.Client) -> None:
    told = client.get("/health").json()
    assert told["status"] == "ok" and told["model"] == "tones" and told["archive"]["files"] == 3 and told["archive"]["windows"] > 5
