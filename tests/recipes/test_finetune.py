"""Fine-tuning on synthetic sounds: every method, events, tasks of one's own, and what comes out."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import auricle
from auricle.core.config import CLIP_LOGITS, Output
from auricle.core.errors import InputError
from auricle.core.records import Event
from auricle.data import manifest
from auricle.recipes import finetune, synthetic, validation
from auricle.tasks import registry as task_registry
from auricle.train.objective import TaskHead
from auricle.train.settings import build_config
from auricle.train.trainer import train


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthetic.write_manifest(tmp_path_factory.mktemp("made"), count=24)


def settings(data: Path, *more: str) -> finetune.Config:
    given = [f"data={data}", f"cache={data.parent / 'cache'}", "held_out=0.25", "batch=8", *more]
    config = build_config(finetune.Config, given)
    assert isinstance(config, finetune.Config)
    return config


def run(data: Path, out: Path, *more: str) -> dict[str, float]:
    return train(finetune.build(settings(data, *more)), out, report=lambda line: None)


def test_heads_on_a_frozen_encoder_find_labels_and_events(data: Path, tmp_path: Path) -> None:
    figures = run(data, tmp_path)
    assert figures["tagging_map"] > 0.9 and figures["detection_segment_f1_macro"] > 0.8
    listener = auricle.load(tmp_path / "model")
    item = manifest.read(data)[3]
    analysis = listener.listen(item.audio)
    assert {event.label for event in analysis.events} & set(item.labels)
    before = auricle.load()
    words = ["a dog", "rain"]
    assert np.allclose(listener.embed_text(words), before.embed_text(words))  # the text tower stays with a frozen encoder
    assert np.allclose(listener.embed_audio(item.audio), before.embed_audio(item.audio), atol=1e-3)  # the shipped graph is rounded
    lineage = (tmp_path / "model" / "heard.jsonl").read_text().splitlines()
    assert len(lineage) > 24 and json.loads(lineage[-1])["corpus"] == "made"  # clips of the start too


def test_clips_longer_than_a_window_are_validated_on_its_events(data: Path, tmp_path: Path) -> None:
    assert max(event.offset for item in manifest.read(data) for event in item.events) > 1.5
    assert run(data, tmp_path, "window=1.12")["detection_segment_f1_macro"] > 0.5


@pytest.mark.parametrize("method", ["layers", "whole", "lora"])
def test_the_encoder_is_trained_too(data: Path, tmp_path: Path, method: str) -> None:
    run(data, tmp_path, f"method={method}", "epochs=1", "train.patience=1")
    listener = auricle.load(tmp_path / "model")
    item = manifest.read(data)[0]
    assert not np.allclose(listener.embed_audio(item.audio), auricle.load().embed_audio(item.audio), atol=1e-5)
    assert not listener.runtime.has_text_tower  # it no longer fits


@pytest.mark.parametrize("noise", ["down-weight", "co-teaching"])
def test_options_against_wrong_labels_train(data: Path, tmp_path: Path, noise: str) -> None:
    figures = run(
        data, tmp_path, "method=whole", "epochs=1", f"objective.noise={noise}", "objective.mixup=0.2", "label_weights=true", "balanced=true"
    )
    assert figures["tagging_map"] > 0.5


def test_captions_train_a_text_tower(data: Path, tmp_path: Path) -> None:
    captioned = [dataclasses.replace(item, labels=(), events=()) for item in manifest.read(data)]
    manifest.write(tmp_path / "captioned.jsonl", captioned)
    run(tmp_path / "captioned.jsonl", tmp_path / "run", f"cache={data.parent / 'cache'}", "epochs=1")
    listener = auricle.load(tmp_path / "run" / "model")
    assert listener.embed_text(["a low tone, then hiss"]).shape == listener.embed_audio(captioned[0].audio).shape


def test_one_label_alone_is_refused(data: Path, tmp_path: Path) -> None:
    manifest.write(tmp_path / "one.jsonl", [dataclasses.replace(item, labels=("dog",), events=()) for item in manifest.read(data)])
    with pytest.raises(InputError, match="'dog' is the only label"):
        finetune.build(settings(tmp_path / "one.jsonl", f"cache={data.parent / 'cache'}"))


def test_a_crop_has_the_labels_of_its_events(data: Path) -> None:
    spec = Output(kind="clip_scores", head="linear", labels=("a", "b", "c"))
    encode = validation.target_encoder(TaskHead(task_registry.find("tagging"), CLIP_LOGITS, spec))
    events = (Event("a", 0.0, 1.0, 1.0), Event("b", 4.0, 5.0, 1.0))
    item = dataclasses.replace(manifest.read(data)[0], labels=("a", "b", "c"), events=events)
    assert encode(item, 0.0, 2.0).tolist() == [1, 0, 1]  # c has no event, so that nothing says where it is
    assert encode(item, 3.0, 2.0).tolist() == [0, 1, 1]
    assert encode(dataclasses.replace(item, events=()), 3.0, 2.0).tolist() == [1, 1, 1]


def test_sources_are_never_split(data: Path) -> None:
    items = [dataclasses.replace(item, source=str(index % 6)) for index, item in enumerate(manifest.read(data))]
    training, validation = finetune.split(items, settings(data))
    assert {item.source for item in training} & {item.source for item in validation} == set()
    assert len(training) + len(validation) == len(items)
    assert finetune.split(items, settings(data)) == (training, validation)


def test_few_clips_of_each_label(data: Path) -> None:
    items = [dataclasses.replace(item, labels=(item.labels[0],), events=()) for item in manifest.read(data)]
    chosen = finetune.few(items, 2, seed=0)
    counts = [sum(label in item.labels for item in chosen) for label in {item.labels[0] for item in items}]
    assert max(counts) == 2 and finetune.few(items, 2, seed=0) == chosen


def test_events_are_cut_with_the_clip() -> None:
    events = [Event("a", 1.0, 2.0, 1.0), Event("b", 4.0, 9.0, 1.0)]
    assert validation.cut_events(events, 1.5, 3.0) == [Event("a", 0.0, 0.5, 1.0), Event("b", 2.5, 3.0, 1.0)]
    assert validation.cut_events(events, 2.0, 1.0) == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (['folds=["9"]'], "no clip is in the folds 9"),
        (['tasks=["captioning"]'], "no task 'captioning'"),
        (['tasks=["tagging", "event"]'], "wanted tasks of different outputs"),
        (["objective.noise=co-teaching", "method=layers"], "co-teaching trains two whole models"),
        (["start=nothing"], "no model 'nothing'"),
    ],
)
def test_errors_say_what_is_wrong(data: Path, more: list[str], message: str) -> None:
    with pytest.raises(InputError if "start" not in more[0] else Exception, match=message):
        finetune.build(settings(data, *more))
