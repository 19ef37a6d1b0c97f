"""The first run of recipes.tiny, on made sounds and in seconds: folds, then the shipped folder, then it hears."""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")

import torch
from safetensors.torch import load_file, save_file

import auricle
from auricle.bench import left_out
from auricle.bench.results import read_records
from auricle.data.corpora.table import COLUMNS
from auricle.models.encoders.convolutional import ConvConfig
from auricle.train.fit import FitConfig
from recipes import tiny

CLASSES = {0: "dog", 1: "rooster", 10: "rain"}


def corpus(root: Path, folder: str, rows: list[dict[str, str]], rng: np.random.Generator) -> None:
    """A corpus of noise bursts in the layout of docs/data.md."""
    (root / folder / "audio").mkdir(parents=True)
    with (root / folder / "clips.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, restval="")
        table.writeheader()
        for row in rows:
            wave = rng.standard_normal(16000) * np.where(np.arange(16000) % 8000 < 3000, 0.3, 1e-4)
            soundfile.write(root / folder / row["filename"], wave, 16000)
            table.writerow({"licence": "CC0", "author": "nobody", "duration_s": "1", "sample_rate": "16000", "channels": "1"} | row)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three classes in two folds, two beds, two spoken clips."""
    rng, root = np.random.default_rng(0), tmp_path / "data"
    names = [(fold, take, target) for fold in (1, 2) for take in (0, 1) for target in CLASSES]
    clips = [
        {"filename": f"audio/{f}-{t}{n}-A-{n}.wav", "label": CLASSES[n], "target": str(n), "fold": str(f), "source_id": f"{f}{t}{n}"}
        for f, t, n in names
    ]
    corpus(root, "esc50_16k", clips, rng)
    corpus(root, "ambience", [{"filename": f"audio/city_{i}.wav", "label": "city", "source_id": f"city{i}"} for i in range(2)], rng)
    spoken = [{"filename": f"audio/{i}.wav", "label": "speech", "source_id": f"reader{i}"} for i in range(12)]
    corpus(root, "speech_text", spoken, rng)
    return root


def test_first_run(data: Path, tone_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(left_out, "SCENES_A_FOLD", 3)
    run = tiny.Run(
        dim=8,
        fewest=1,
        speeds=(1.0,),
        encoder=ConvConfig(widths=(4, 8, 8, 12, 16), size=24),
        fit=FitConfig(epochs=1, epoch_clips=16, batch=8, frames=64, short_frames=32),
    )
    options = argparse.Namespace(data=data, study="folds", work=tmp_path / "work", words=tone_folder, folds=(1, 2), sets=(), epochs=1)
    desk = tiny.open_desk(options, run)
    tiny.folds(desk)
    tiny.ship(desk)
    records = read_records(tmp_path / "results")
    assert {"esc50-folds", "scenes", "foreign-sounds"} <= records.keys()
    accuracy = records["esc50-folds"]["figures"][0]
    assert accuracy["n"] == 12 and accuracy["low"] <= accuracy["value"] <= accuracy["high"]
    card = json.loads((tmp_path / "work" / "ship" / "card.json").read_text())
    assert len(card["clips"]) == 26 and card["clips"][0][2] == "nobody"
    heard = auricle.load(tmp_path / "work" / "ship").listen(data / "esc50_16k" / "audio" / "1-00-A-0.wav")
    assert heard.error is None and {*CLASSES.values(), "speech"} <= {tag.label for tag in heard.tags}


def test_a_finished_training_is_not_repeated_but_meets_new_words(
    data: Path, tone_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny.Run(
        dim=8,
        fewest=1,
        speeds=(1.0,),
        encoder=ConvConfig(widths=(4, 8, 8, 12, 16), size=24),
        fit=FitConfig(epochs=1, epoch_clips=8, batch=8, frames=64, short_frames=32),
    )
    options = argparse.Namespace(data=data, study="folds", work=tmp_path / "work", words=tone_folder, folds=(1,), sets=(), epochs=1)
    desk = tiny.open_desk(options, run)
    chosen = range(len(desk.rows))
    first = tiny.train(desk, "fold1", chosen, desk.vocabulary)
    before = load_file(first / "model.safetensors")
    monkeypatch.setattr(tiny, "fit", None)  # a second training would fail
    words = tmp_path / "words"
    words.mkdir()
    text = load_file(tone_folder / "model.safetensors")
    save_file(text | {"text.output": -text["text.output"]}, words / "model.safetensors")
    (words / "tokenizer.json").write_bytes((tone_folder / "tokenizer.json").read_bytes())
    (words / "words.json").write_text('{"lexicon": false}')
    desk = tiny.open_desk(argparse.Namespace(**(vars(options) | {"words": words})), run)
    second = tiny.train(desk, "fold1", chosen, desk.vocabulary)
    after = load_file(second / "model.safetensors")
    assert second.name == "fold1-no-lexicon" and "--words" in desk.command
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed <= {"joint.weight", "joint.bias", "text.output"} and "joint.weight" in changed
