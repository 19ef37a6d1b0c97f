"""The studies of recipes.tiny on made sounds: folds, then the shipped folder; what trains is licensed and not what is tested."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")

import torch
from safetensors.torch import load_file, save_file

import auricle
from auricle.bench.card import read_clips
from auricle.bench.results import read_records
from auricle.core.model_files import read_config
from auricle.data.compose.feature_bank import FeatureBank
from auricle.data.corpora.clip_table import COLUMNS, Row, fold
from auricle.models.encoders.convolutional import ConvConfig
from recipes.tiny import held_out, studies, training
from recipes.tiny.decisions import fit_decisions
from recipes.tiny.training import FitConfig, Run, Workspace

CLASSES = {0: "dog", 1: "rooster", 10: "rain"}
#: What the clips of a class hold, in Hz; rain is noise.
PITCHES = {0: 300.0, 1: 3000.0}
RATE = 16_000


def sound(target: int, rng: np.random.Generator) -> np.ndarray:
    """Two bursts in a second, (N,): of a tone, or of noise for what has no pitch."""
    times = np.arange(RATE) / RATE
    noise = rng.standard_normal(RATE)
    wave = np.sin(2 * np.pi * PITCHES[target] * times) if target in PITCHES else noise
    return np.where(np.arange(RATE) % 8000 < 3000, 0.3 * wave, 0) + 1e-4 * noise


def corpus(root: Path, folder: str, rows: list[dict[str, str]], rng: np.random.Generator) -> None:
    """A corpus in the layout of docs/data.md."""
    (root / folder / "audio").mkdir(parents=True)
    with (root / folder / "clips.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, restval="")
        table.writeheader()
        for row in rows:
            soundfile.write(root / folder / row["filename"], sound(int(row.get("target") or -1), rng), RATE)
            table.writerow({"licence": "CC0", "author": "nobody", "duration_s": "1", "sample_rate": "16000", "channels": "1"} | row)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes in two folds, the third take of each not for training; two beds, twelve spoken clips."""
    rng, root = np.random.default_rng(0), tmp_path_factory.mktemp("corpora")
    names = [(fold, take, target) for fold in (1, 2) for take in (0, 1, 2) for target in CLASSES]
    clips = [
        {
            "filename": f"audio/{f}-{t}{n}-A-{n}.wav",
            "label": CLASSES[n],
            "target": str(n),
            "fold": str(f),
            "source_id": f"{f}{t}{n}",
            "licence": ("CC0", "CC-BY 3.0", "CC-BY-NC 3.0")[t],
        }
        for f, t, n in names
    ]
    corpus(root, "esc50_16k", clips, rng)
    corpus(root, "ambience", [{"filename": f"audio/city_{i}.wav", "label": "city", "source_id": f"city{i}"} for i in range(2)], rng)
    spoken = [{"filename": f"audio/{i}.wav", "label": "speech", "source_id": f"reader{i}"} for i in range(12)]
    corpus(root, "speech_text", spoken, rng)
    return root


@dataclasses.dataclass(frozen=True)
class WatchedBank(FeatureBank):
    """A bank that notes whose features are asked for."""

    asked: set[int] = dataclasses.field(default_factory=set)

    def clip(self, index: int, speed: int) -> tuple[np.ndarray, np.ndarray]:
        self.asked.add(int(index))
        return super().clip(index, speed)


@dataclasses.dataclass(frozen=True)
class Study:
    """What was done. heard: the rows whose features each training asked for, by its name."""

    workspace: Workspace
    folders: dict[int, Path]
    heard: dict[str, list[Row]]
    records: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def study(data: Path, tone_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    """Folds 1 and 2, then the model that is shipped."""
    place = tmp_path_factory.mktemp("study")
    run = Run(
        dim=8,
        min_clips=1,
        speeds=(1.0,),
        encoder=ConvConfig(widths=(4, 8, 8, 12, 16), size=24),
        fit=FitConfig(epochs=4, epoch_clips=192, batch=8, frames=64, short_frames=32, rate=1e-2, ema_decay=0.9),
    )
    options = argparse.Namespace(data=data, study="folds", work=place / "work", words=tone_folder, folds=(1, 2), sets=(), epochs=1)
    opened = studies.open_workspace(options, run)
    bank = WatchedBank(**{field.name: getattr(opened.bank, field.name) for field in dataclasses.fields(FeatureBank)})
    workspace = dataclasses.replace(opened, bank=bank)
    heard: dict[str, list[Row]] = {}
    train = training.train_model

    def watched(workspace: Workspace, name: str, *given: Any) -> Path:
        bank.asked.clear()
        folder = train(workspace, name, *given)
        heard[name] = [workspace.rows[index] for index in sorted(bank.asked)]
        return folder

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(studies, "RESULTS", place / "results")
        patch.setattr(held_out, "SCENES_PER_FOLD", 3)
        patch.setattr(studies, "train_model", watched)
        folders = studies.folds(workspace)
        studies.ship(workspace)
        yield Study(workspace, folders, heard, read_records(place / "results"))


def test_records_and_a_card_are_left_and_the_shipped_folder_hears(study: Study, data: Path) -> None:
    assert {"esc50-folds", "scenes", "foreign-sounds"} <= study.records.keys()
    accuracy = study.records["esc50-folds"]["figures"][0]
    assert accuracy["n"] == 18 and accuracy["low"] <= accuracy["value"] <= accuracy["high"]
    card = json.loads((study.workspace.work / "ship" / "card.json").read_text())
    assert card["authors"][0]["author"] == "nobody" and sum(author["clips"] for author in card["authors"]) == 26
    heard = auricle.load(study.workspace.work / "ship").listen(data / "esc50_16k" / "audio" / "1-00-A-0.wav")
    assert heard.error is None and {*CLASSES.values(), "speech"} <= {tag.label for tag in heard.tags}


def test_only_licensed_clips_are_trained_on(study: Study) -> None:
    assert study.heard.keys() == {"fold1", "fold2", "ship"}
    for rows in study.heard.values():
        assert {row.licence for row in rows} == {"CC0", "CC-BY 3.0"}
    assert sum(row.licence == "CC-BY-NC 3.0" for row in study.workspace.rows) == 6  # there were some to refuse
    assert {file for _, file, *_ in read_clips(study.workspace.work / "ship")} >= {row.path.name for row in study.heard["ship"]}


@pytest.mark.parametrize("left", [1, 2])
def test_no_clip_of_the_fold_that_is_tested_is_trained_on(study: Study, left: int) -> None:
    heard = study.heard[f"fold{left}"]
    assert left not in {fold(row) for row in heard}
    assert 3 - left in {fold(row) for row in heard if row.corpus == "esc50"}
    assert {fold(row) for row in study.heard["ship"] if row.corpus == "esc50"} == {1, 2}


@pytest.mark.parametrize("left", [1, 2])
def test_decisions_are_fitted_to_other_folds_than_the_tested_one(study: Study, left: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_out, "SCENES_PER_FOLD", 3)
    own, other = (
        fit_decisions([held_out.labelled_outputs(study.folders[one], study.workspace.rows, study.workspace.bank, one)])
        for one in (left, 3 - left)
    )
    config = read_config(study.folders[left] / "config.json")
    assert other.applied(config) == config != own.applied(config)


def test_each_label_has_the_logits_of_its_own_sounds(study: Study) -> None:
    listener = auricle.load(study.workspace.work / "ship")
    for index, row in enumerate(study.workspace.rows):
        if row.corpus == "esc50":
            logits = listener.runtime.run(study.workspace.bank.plain(index)[None])["clip_logits"][0]
            best = max(CLASSES.values(), key=lambda label: float(logits[listener.labels.index(label)]))
            assert best == row.labels[0], row.path.name


@pytest.mark.slow
def test_a_finished_training_is_not_repeated_but_meets_new_words(
    data: Path, tone_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(
        dim=8,
        min_clips=1,
        speeds=(1.0,),
        encoder=ConvConfig(widths=(4, 8, 8, 12, 16), size=24),
        fit=FitConfig(epochs=1, epoch_clips=8, batch=8, frames=64, short_frames=32),
    )
    options = argparse.Namespace(data=data, study="folds", work=tmp_path / "work", words=tone_folder, folds=(1,), sets=(), epochs=1)
    workspace = studies.open_workspace(options, run)
    chosen = range(len(workspace.rows))
    first = training.train_model(workspace, "fold1", chosen, workspace.vocabulary)
    before = load_file(first / "model.safetensors")
    monkeypatch.setattr(training, "train", None)  # a second training would fail
    words = tmp_path / "words"
    words.mkdir()
    text = load_file(tone_folder / "model.safetensors")
    save_file(text | {"text.output": -text["text.output"]}, words / "model.safetensors")
    (words / "tokenizer.json").write_bytes((tone_folder / "tokenizer.json").read_bytes())
    (words / "words.json").write_text('{"lexicon": false}')
    workspace = studies.open_workspace(argparse.Namespace(**(vars(options) | {"words": words})), run)
    second = training.train_model(workspace, "fold1", chosen, workspace.vocabulary)
    after = load_file(second / "model.safetensors")
    assert second.name == "fold1-no-lexicon" and "--words" in workspace.command
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed <= {"projection.weight", "projection.bias", "text.output"} and "projection.weight" in changed
