"""Hearing uploads: the answers are the command line's, whatever comes, and nothing of it stays."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2 as httpx
import pytest
from typer.testing import CliRunner

from auricle import cli
from serve.running import Serve, problem


def said(*words: str) -> dict[str, object]:
    """What the command line prints as JSON."""
    done = CliRunner().invoke(cli.app, list(words))
    told: dict[str, object] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (
            "/listen?labels=low+tone,+deep+hum&labels=dog&k=2",
            ("listen", "--labels", "low tone, deep hum", "--labels", "dog", "-k", "2"),
        ),
        (
            "/listen?labels=low+tone&label=deep,+hum&label=%22dog%22",
            ("listen", "--label", "deep, hum", "--labels", "low tone", "--label", '"dog"'),
        ),
        ("/listen?k=all", ("listen", "-k", "all")),
        ("/tag", ("tag",)),
        ("/detect", ("detect",)),
        ("/embed", ("embed",)),
    ],
)
def test_the_answer_is_what_the_command_line_prints(
    client: httpx.Client, sounds: Path, tone_folder: Path, path: str, words: tuple[str, ...]
) -> None:
    file = sounds / "long.wav"
    expected = said(*words, str(file), "--json", "--model", str(tone_folder)) | {"file": "long.wav"}
    raw = client.post(f"{path}{'&' if '?' in path else '?'}name=long.wav", content=file.read_bytes())
    form = client.post(path, files={"file": ("long.wav", file.read_bytes())})
    assert raw.status_code == form.status_code == 200
    assert raw.json() == form.json() == expected
    assert list(raw.json()) == list(expected)


def test_likeness_has_its_own_space(client: httpx.Client, sounds: Path) -> None:
    words, likeness = (
        client.post(f"/embed?space={space}", content=(sounds / "low.wav").read_bytes()).json() for space in ("words", "likeness")
    )
    assert len(words["embedding"]) == 8 and len(likeness["embedding"]) == 5
    assert sum(value**2 for value in likeness["embedding"]) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\sounds\\a b.wav", "a b.wav"),
        ("ein\nzwei\x1b[31m.wav", "ein?zwei?[31m.wav"),
        ("..", "recording"),
        ("", "recording"),
    ],
)
def test_names_are_echoed_and_nothing_else(client: httpx.Client, sounds: Path, name: str, told: str) -> None:
    content = (sounds / "low.wav").read_bytes()
    assert client.post("/tag", params={"name": name}, content=content).json()["file"] == told
    assert problem(client.post("/tag", params={"name": name}, content=b"no sound"), 422).startswith(f"{told}: ")


def test_a_cut_file_is_heard_as_far_as_it_goes(client: httpx.Client, sounds: Path) -> None:
    content = (sounds / "long.wav").read_bytes()
    heard = client.post("/listen?name=cut.wav", content=content[: len(content) // 2])
    assert heard.status_code == 200
    assert 0.4 < heard.json()["coverage"] < 0.6 and heard.json()["error"].startswith("cut.wav: only ")
    assert {event["label"] for event in heard.json()["events"]} == {"low tone", "middle tone"}


def corrupt(kind: str, sounds: Path) -> bytes:
    whole = (sounds / "high.flac").read_bytes()
    return {"empty": b"", "text": b"this is no sound" * 99, "head": whole[:30], "zeros": bytes(5000), "wav": b"RIFF" + bytes(40)}[kind]


@pytest.mark.parametrize("path", ["/listen", "/tag", "/detect", "/embed", "/search/sound"])
@pytest.mark.parametrize("kind", ["empty", "text", "head", "zeros", "wav"])
def test_what_is_no_sound_is_told_in_one_line(client: httpx.Client, sounds: Path, path: str, kind: str) -> None:
    content = corrupt(kind, sounds)
    assert problem(client.post(path, params={"name": "a.wav"}, content=content), 422).startswith("a.wav: ")
    assert problem(client.post(path, files={"file": ("b.wav", content)}), 422).startswith("b.wav: ")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/mixed; boundary=b", b"--b\r\n\r\nx\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b", b"x" * 999),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nhalf'),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="other"\r\n\r\nx\r\n--b--\r\n'),
        ("multipart/form-data; boundary=b", 2 * b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n' + b"--b--\r\n"),
        ("multipart/form-data; boundary=b", b"--b\r\n" + b"a" * 99_999),
    ],
)
def test_forms_that_are_none(client: httpx.Client, kind: str, body: bytes) -> None:
    assert "form" in problem(client.post("/tag", content=body, headers={"content-type": kind}), 422)


@pytest.mark.parametrize(
    "query",
    [
        "labels=",
        "label=",
        "label=%20",
        "label=" + "a" * 501,
        "labels=a,,b",
        "labels=" + ",".join("a" * 101),
        "labels=" + "a" * 501,
        "labels=%20_",
        "k=0",
        "k=-1",
        "k=x",
    ],
)
def test_what_makes_no_sense_is_refused_before_it_is_heard(client: httpx.Client, sounds: Path, query: str) -> None:
    assert problem(client.post(f"/listen?{query}", content=(sounds / "low.wav").read_bytes()), 422)


def test_labels_have_commas_in_quotes_and_those_that_cannot_be_read_are_listed(client: httpx.Client, sounds: Path) -> None:
    content = (sounds / "low.wav").read_bytes()
    told = client.post("/listen", params={"labels": ['"deep, hum", dog', "\u72d7, dog"]}, content=content).json()
    assert [label["label"] for label in told["labels"]] == ["deep, hum", "dog"] and told["unread"] == ["\u72d7"]
    assert [label["scored_by"] for label in told["labels"]] == ["text", "label"]
    assert "unread" not in client.post("/tag", content=content).json()


def test_phrases_that_mean_a_label_are_answered_by_it_and_denials_are_listed(client: httpx.Client, sounds: Path) -> None:
    content = (sounds / "low.wav").read_bytes()
    told = client.post("/listen", params={"labels": "the sound of a low tone, no dog, deep hum, low tone"}, content=content).json()
    phrase, text, label = told["labels"]
    assert (
        phrase == label | {"label": "the sound of a low tone"} and phrase["named"] == "low tone" and phrase["times"] and phrase["present"]
    )
    assert (text["label"], text["scored_by"], "named" in text) == ("deep hum", "text", False)
    assert bool(text.get("times")) == text["present"] and told["negated"] == ["no dog"]
    assert "negated" not in client.post("/listen", params={"labels": "dog"}, content=content).json()


def test_many_at_once_each_get_their_own_answer(client: httpx.Client, sounds: Path) -> None:
    """Different questions share batches: none gets what another asked for."""
    files = {"low tone": "low.wav", "high tone": "high.flac", "middle tone": "long.wav"}

    def ask(number: int) -> bool:
        label = list(files)[number % 3]
        content = b"no sound" if number % 5 == 4 else (sounds / files[label]).read_bytes()
        path = ("/listen?labels=dog,deep+hum&k=1", f"/listen?labels={label}", "/tag?k=3", "/detect", "/embed")[number // 3 % 5]
        answer = client.post(path, content=content)
        if number % 5 == 4:
            return answer.status_code == 422
        told = answer.json()
        if path == "/embed":
            return len(told["embedding"]) == 8
        asked = [label["label"] for label in told.get("labels", [])]
        right = asked == (["dog", "deep hum"] if "dog" in path else [label] if "labels" in path else [])
        tags = len(told["tags"]) == (1 if "k=1" in path else 3 if "k=3" in path else 5) if "tags" in told else path == "/detect"
        names = {tag["label"] for tag in told.get("tags", told.get("events"))}
        return right and tags and (label in names or label == "middle tone")

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(60)))


def test_nothing_of_an_upload_stays(serve: Serve, sounds: Path) -> None:
    client = serve()
    folder = client.app.state.service.folder  # type: ignore[attr-defined]
    for content in ((sounds / "low.wav").read_bytes(), b"no sound", b""):
        client.post("/listen", content=content)
        client.post("/tag", files={"file": content})
    assert list(folder.iterdir()) == [] and folder.stat().st_mode & 0o077 == 0
