"""The command that uses a finished run: chosen by the outputs of its model, and words that a shell reads."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from auricle.core.config import ModelConfig, encoder_config
from auricle.data.item import Caption, Item
from auricle.train.next_command import next_command

LABELLED = [Item("a", Path("sounds/it's.wav"), labels=("dog", "Gunshot, gunfire")), Item("b", Path("/b.wav"), labels=("dog", "cat"))]
CAPTIONED = [Item("a", Path("sounds/a.wav"), captions=(Caption('a "dog", twice'),))]
SHARD = [Item("a", Path("sounds.tar"), labels=("dog",), member="a.wav")]


def write(folder: Path, config: ModelConfig) -> Path:
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "config.json").write_text(config.model_dump_json())
    return folder


def words(folder: Path, items: list[Item], data: Path | None = None, **more: object) -> list[str]:
    fields = {"name": "x", "source": "", "frontend": "auricle-16k", "window": 10.0, "encoder": {}, "dim": 4}
    run = write(folder, encoder_config(**{**fields, **more}))  # type: ignore[arg-type]
    return shlex.split(next_command(run, items, data))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_model_with_labels_listens() -> None:
    items = [Item("a", Path("sounds/it's.wav"), labels=("dog",))]
    assert words(Path("run"), items, labels=["dog"]) == ["auricle", "listen", "sounds/it's.wav", "--model", "run/model"]


def test_a_model_with_words_classifies_among_labels_or_captions() -> None:
    text = {"text": {"family": "static"}, "projection": "linear"}
    quoted = words(Path("one"), LABELLED, **text)
    assert quoted[:2] == ["auricle", "classify"] and quoted[3:] == ["--labels", 'dog, "Gunshot, gunfire", cat', "--model", "one/model"]
    assert words(Path("two"), CAPTIONED, **text)[4] == '"a dog, twice"'


def test_embeddings_get_a_probe_where_there_are_labels() -> None:
    probe = ["auricle", "train", "linear-probe", "--set", "data=my data.csv", "--set", "model=one/model", "--output", "one/probe"]
    assert words(Path("one"), LABELLED, Path("my data.csv")) == probe
    assert words(Path("two"), LABELLED) == [*probe[:3], "--set", "model=two/model", "--output", "two/probe"]
    assert words(Path("three"), SHARD) == ["auricle", "embed", "RECORDING.wav", "--json", "--model", "three/model"]


def test_a_run_without_a_model_has_none() -> None:
    assert next_command(Path("nothing"), LABELLED, None) == ""
