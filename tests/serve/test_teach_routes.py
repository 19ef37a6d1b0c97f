"""Teaching over HTTP: yes and no make versions, what was taught is found, and proposals say what to look at next."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2 as httpx
import numpy as np
import pytest
import soundfile
from tone_model import RATE, silence, tone

from auricle.archive import sources
from auricle.archive.indexing import index
from auricle.archive.store import TEACHER, Archive
from auricle.listen.listener import Listener
from serve.running import Serve, problem, served


@pytest.fixture(scope="module")
def teaching(listener: Listener, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service over an archive of its own: takes of two tones."""
    folder = tmp_path_factory.mktemp("takes")
    rng = np.random.default_rng(0)
    for number in range(8):
        label = ("low tone", "high tone")[number % 2]
        sound = tone(label, 4, level=0.2 + 0.05 * number) + rng.normal(0, 0.001, 4 * RATE).astype(np.float32)
        soundfile.write(folder / f"{label[:-5]}{number}.wav", sound, RATE)
    soundfile.write(folder / "long.wav", np.concatenate([tone("low tone", 80), silence(4)]), RATE)
    made = Archive.create(tmp_path_factory.mktemp("archives") / "t", listener, window=4.0, hop=4.0)
    index(made, listener, sources.find_recordings([str(folder)]))
    with served(listener, made) as client:
        yield client


def stretches(client: httpx.Client, text: str, name: str) -> list[dict[str, Any]]:
    """Stretches of recordings whose name starts so, as /teach takes them."""
    hits = client.post("/search", json={"text": text, "k": 50}).json()["hits"]
    return [{key: hit[key] for key in ("id", "onset", "offset")} for hit in hits if hit["name"].startswith(name)]


def taught(client: httpx.Client, **said: Any) -> dict[str, Any]:
    answer = client.post("/teach", json=said)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_a_sound_is_taught_and_found(teaching: httpx.Client) -> None:
    low, high = stretches(teaching, "low tone", "low"), stretches(teaching, "high tone", "high")
    assert taught(teaching, name="hum", yes=low[:2], no=high[:2]) == {"name": "hum", "version": 1, "yes": 2, "no": 2}
    assert taught(teaching, name=" hum ", yes=low[:1]) == {"name": "hum", "version": 1, "yes": 2, "no": 2}  # nothing new
    assert taught(teaching, name="hum", yes=low[2:3]) == {"name": "hum", "version": 2, "yes": 3, "no": 2}
    assert {"name": "hum", "version": 2, "yes": 3, "no": 2} in teaching.get("/taught").json()["taught"]
    found = teaching.post("/find", json={"name": "hum", "k": 5}).json()["hits"]
    assert {hit["name"][:3] for hit in found} == {"low", "lon"} and found[0]["score"] > 0.3 and set(found[0]) >= {"id", "tags", "duration"}
    assert teaching.post("/search", json={"taught": "hum", "k": 5}).json()["hits"] == found
    assert teaching.post("/find", json={"name": "hum@1", "k": 5, "where": "duration > 10"}).json()["hits"][0]["name"] == "long.wav"


def test_proposals_are_stretches_that_can_be_answered(teaching: httpx.Client) -> None:
    low = stretches(teaching, "low tone", "low")
    taught(teaching, name="buzz", yes=low[:1], no=stretches(teaching, "high tone", "high")[:1])
    proposals = teaching.get("/taught/buzz/proposals", params={"k": 6}).json()["proposals"]
    assert len(proposals) == 6 and {one["why"] for one in proposals} <= {"check", "unsure", "best"}
    assert low[0]["id"] not in {one["id"] for one in proposals}
    answers = {
        side: [{key: one[key] for key in ("id", "onset", "offset")} for one in proposals if one["name"].startswith("l") is side]
        for side in (True, False)
    }
    told = taught(teaching, name="buzz", yes=answers[True], no=answers[False])
    assert told["version"] == 2 and told["yes"] + told["no"] == 8


def test_a_long_hit_teaches_by_its_first_minute(teaching: httpx.Client) -> None:
    (long,) = stretches(teaching, "low tone", "long")
    assert long["offset"] - long["onset"] == 80
    assert taught(teaching, name="drone", yes=[long])["yes"] == 1


def test_people_who_teach_at_once_take_turns(teaching: httpx.Client) -> None:
    low = stretches(teaching, "low tone", "low")
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda one: taught(teaching, name="many", yes=[one]), low))
    assert sorted(one["version"] for one in told) == [1, 2, 3, 4]


def test_another_process_that_writes_is_a_conflict(teaching: httpx.Client) -> None:
    import fcntl

    service = teaching.app.state.service  # type: ignore[attr-defined]
    with (service.archive.folder / TEACHER).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = teaching.post("/teach", json={"name": "hum", "yes": stretches(teaching, "low tone", "low")[-1:]})
    assert "writing to it" in problem(answer, 409)


@pytest.mark.parametrize(
    "said",
    [
        {"name": "a"},
        {"name": "a", "yes": []},
        {"name": "", "yes": "low"},
        {"name": "a@2", "yes": "low"},
        {"name": "a\nb\x00", "yes": "low"},
        {"name": "a" * 101, "yes": "low"},
        {"name": "both", "yes": "low", "no": "low"},
        {"name": "a", "yes": ["/etc/passwd"]},
        {"name": "a", "yes": [{"file": "/etc/passwd", "onset": 0, "offset": 1}]},
        {"name": "a", "yes": [{"id": "0" * 32, "onset": 1, "offset": 0}]},
    ],
)
def test_lessons_that_make_no_sense(teaching: httpx.Client, said: dict[str, Any]) -> None:
    low = stretches(teaching, "low tone", "low")
    answer = teaching.post("/teach", json={key: low if value == "low" else value for key, value in said.items()})
    assert problem(answer, 422)


def test_what_is_not_there(teaching: httpx.Client, serve: Serve) -> None:
    assert "no recording" in problem(teaching.post("/teach", json={"name": "a", "yes": [{"id": "0" * 32, "onset": 0, "offset": 1}]}), 404)
    assert "was not taught" in problem(teaching.post("/find", json={"name": "nothing"}), 422)
    assert "was not taught" in problem(teaching.get("/taught/nothing/proposals"), 422)
    assert "was not taught" in problem(teaching.post("/search", json={"taught": "nothing"}), 422)
    without = serve(archive=None)
    for answer in (
        without.get("/taught"),
        without.post("/find", json={"name": "a"}),
        without.get("/taught/a/proposals"),
        without.post("/teach", json={"name": "a"}),
    ):
        assert "--archive DIR" in problem(answer, 404)
