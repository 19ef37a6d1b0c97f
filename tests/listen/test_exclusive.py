"""Heads whose labels exclude each other: shares of one whole, and the best one present, wherever the model answers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")

import published_models

import auricle
from auricle.core.config import FRAME_LOGITS, Output
from auricle.core.model_files import read_config
from auricle.listen.pipeline import WindowResult
from auricle.listen.timeline import Timeline
from auricle.runtime.exporting import export
from auricle.tasks import tagging

RATE = 32_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published_models.tagger(tmp_path_factory.mktemp("exclusive") / "tagger", activation="softmax")


@pytest.fixture(scope="module")
def listener(folder: Path) -> auricle.Listener:
    return auricle.load(folder)


def noise(seconds: float, seed: int = 0) -> auricle.Clip:
    samples = 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return auricle.Clip(samples.astype(np.float32), RATE, f"{seconds:g} s")


def shares(logits: np.ndarray) -> np.ndarray:
    """By hand: e to the power of each over their sum."""
    return np.array([np.exp(one) / sum(np.exp(other) for other in logits) for one in logits.astype(np.float64)])


def scores(listener: auricle.Listener, heard: auricle.Analysis) -> np.ndarray:
    told = {tag.label: tag.score for tag in heard.tags}
    return np.array([told[label] for label in listener.labels])


def test_scores_of_one_window_are_shares_and_the_best_is_present(listener: auricle.Listener) -> None:
    (outputs,) = listener.outputs(noise(4.0))
    heard = listener.tag(noise(4.0), top=None)
    wanted = shares(outputs["clip_logits"][0])
    np.testing.assert_allclose(scores(listener, heard), wanted, atol=1e-6)
    assert [tag.label for tag in heard.tags if tag.present] == [listener.labels[int(wanted.argmax())]] == [heard.tags[0].label]
    assert wanted.max() < 0.5  # one is present although none is over one half


def test_over_windows_shares_are_averaged_by_time(listener: auricle.Listener) -> None:
    clip = noise(9.0)
    pairs = zip(listener.open(clip), listener.outputs(clip), strict=True)
    parts = [(part.seconds, shares(outputs["clip_logits"][0])) for part, outputs in pairs]
    assert len(parts) > 1
    heard = listener.tag(clip, top=None)
    wanted = sum(seconds * share for seconds, share in parts) / sum(seconds for seconds, _ in parts)
    np.testing.assert_allclose(scores(listener, heard), wanted, atol=1e-6)
    assert scores(listener, heard).sum() == pytest.approx(1.0) and sum(tag.present for tag in heard.tags) == 1


def test_silent_windows_have_no_say_and_silence_has_no_label(listener: auricle.Listener) -> None:
    silence = np.zeros((1, 40 * RATE), np.float32)
    heard = listener.tag(auricle.Clip(silence, RATE), top=None)
    assert heard.silent and not any(tag.present or tag.score for tag in heard.tags)
    silence[:, : 3 * RATE] = noise(3.0).samples
    heard = listener.tag(auricle.Clip(silence, RATE), top=None)
    assert scores(listener, heard).sum() == pytest.approx(1.0) and heard.tags[0].present


def test_the_same_logits_without_softmax_are_independent(folder: Path, listener: auricle.Listener, tmp_path: Path) -> None:
    other = published_models.tagger(tmp_path / "tagger")
    assert json.loads((folder / "config.json").read_text())["outputs"]["clip_logits"]["activation"] == "softmax"
    independent = auricle.load(other)
    (outputs,) = independent.outputs(noise(4.0))
    heard = independent.tag(noise(4.0), top=None)
    np.testing.assert_allclose(scores(independent, heard), 1 / (1 + np.exp(-outputs["clip_logits"][0])), atol=1e-6)
    assert independent.fingerprint != listener.fingerprint


def test_exported_graphs_answer_alike(folder: Path, listener: auricle.Listener, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    export(folder, tmp_path / "graphs")
    heard, wanted = (one.tag(noise(4.0), top=None) for one in (auricle.load(tmp_path / "graphs", "onnx"), listener))
    np.testing.assert_allclose([tag.score for tag in heard.tags], [tag.score for tag in wanted.tags], atol=1e-5)
    assert [(tag.label, tag.present) for tag in heard.tags] == [(tag.label, tag.present) for tag in wanted.tags]


def test_archives_keep_the_best_label_of_each_window(listener: auricle.Listener, tmp_path: Path) -> None:
    pytest.importorskip("lancedb")
    from auricle.archive import sources
    from auricle.archive.indexing import index
    from auricle.archive.store import Archive

    soundfile.write(tmp_path / "noise.wav", noise(4.0).samples[0], RATE, subtype="FLOAT")
    archive = Archive.create(tmp_path / "archive", listener)
    index(archive, listener, sources.find_recordings([str(tmp_path / "noise.wav")]))
    (row,) = archive.table("windows").search().limit(None).to_arrow().to_pylist()
    heard = listener.tag(tmp_path / "noise.wav", top=None)
    assert row["tags"] == heard.tags[0].label
    assert sum(score["score"] for score in row["scores"]) == pytest.approx(1.0, abs=1e-5)


def test_events_are_those_of_the_windows_best_label(folder: Path) -> None:
    config = read_config(folder / "config.json")
    frame = Output(kind="frame_scores", head="encoder", labels=config.labels, rate=50.0, activation="softmax")
    timeline = Timeline(config.model_copy(update={"outputs": {**config.outputs, FRAME_LOGITS: frame}}))
    frames = np.tile(np.array([0.6, 0.4, 0.0, 0.0, 0.0], np.float32), (200, 1))
    clip = np.array([0.4, 0.3, 0.2, 0.1, 0.0], np.float32)
    timeline.add(WindowResult(0.0, 4.0, last=True, sounding=True, clip=clip, frames=frames, vector=None, similarity=None))
    assert [(event.label, event.onset, event.offset) for event in timeline.events(4.0)] == [("label 0", 0.0, 4.0)]


def test_present_by_hand() -> None:
    equal = np.array([0.25, 0.25, 0.25, 0.25])
    assert tagging.present(equal, 0.5, exclusive=True).tolist() == [True, False, False, False]
    assert not tagging.present(equal, 0.5).any() and tagging.present(equal, 0.25).all()
    assert not tagging.present(np.zeros(3), 0.0, exclusive=True).any()
    assert tagging.present(np.zeros(0), 0.5, exclusive=True).shape == (0,)
