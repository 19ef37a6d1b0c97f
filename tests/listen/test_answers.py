"""Outputs beyond a model's own labels: answered by their tasks, in every form of a result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auricle.core.config import Output
from auricle.core.errors import InputError
from auricle.core.notebook import analysis_html
from auricle.core.records import Analysis, Clip, Event, Label
from auricle.core.remarks import answer_texts
from auricle.listen.answers import find_tasks
from auricle.listen.listener import Listener
from auricle.present.html_report import render
from auricle.tasks.task import Task, Windows, absolute_error

torch = pytest.importorskip("torch")

from auricle.core.config import encoder_config  # noqa: E402
from auricle.models.folder import save  # noqa: E402
from auricle.models.model import Model  # noqa: E402
from auricle.runtime.open import open_runtime  # noqa: E402
from tests.published_models import CNN  # noqa: E402

RATE = 32_000


def level(kind: str = "clip_values") -> Task:
    return Task(
        name="level",
        about="how loud?",
        field="values",
        kind=kind,  # type: ignore[arg-type]
        vocabulary=lambda targets: ["level"],
        encode=lambda target, spec, seconds: np.array([target["level"]], np.float32),
        decode=lambda windows, spec, duration: {"windows": len(windows), "level": float(windows.mean()[0])},
        row=lambda target, windows, spec, duration: {"truth": target["level"], "value": float(windows.mean()[0])},
        metrics=absolute_error,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with labels, a value, and a second set of exclusive labels."""
    torch.manual_seed(0)
    into: Path = tmp_path_factory.mktemp("models") / "several"
    fields: dict[str, Any] = {"frontend": "panns-32k", "encoder": {**CNN, "labels": 2}, "dim": 24, "labels": ["a", "b"], "window": 2.0}
    config = encoder_config(name="several", source="random weights", **fields)
    further = {
        "level": Output(kind="clip_values", head="linear", labels=("level",), task="level"),
        "digits": Output(kind="clip_scores", head="linear", labels=("one", "two"), activation="softmax", task="event"),
    }
    save(into, Model(type(config)(**{**dict(config), "outputs": {**config.outputs, **further}})), {})
    return into


def noise(seconds: float) -> Clip:
    return Clip(0.1 * np.random.default_rng(0).standard_normal((1, round(seconds * RATE))).astype(np.float32), RATE)


def test_every_output_with_a_known_task_is_answered(folder: Path) -> None:
    listener = Listener(open_runtime(folder), tasks=[level()])
    analysis = listener.listen(noise(5.0))
    assert set(analysis.answers) == {"level", "digits"} and analysis.answers["level"]["windows"] >= 3
    assert isinstance(analysis.answers["digits"], Label) and analysis.answers["digits"].label in ("one", "two")
    assert {tag.label for tag in analysis.tags} == {"a", "b"}
    written = json.loads(analysis.to_json())["answers"]
    assert written["digits"]["label"] == analysis.answers["digits"].label
    quiet = listener.listen(Clip(np.zeros((1, RATE), np.float32), RATE))
    assert quiet.silent and not quiet.answers and "answers" not in json.loads(quiet.to_json())


def test_tasks_that_are_not_given_are_named(folder: Path) -> None:
    listener = Listener(open_runtime(folder))
    assert listener.unknown_tasks == ["level"] and set(listener.listen(noise(1.0)).answers) == {"digits"}


def test_tasks_that_fit_no_output_are_refused(folder: Path) -> None:
    config = open_runtime(folder).config
    with pytest.raises(InputError, match="decodes clip_scores, but the output level has clip_values"):
        find_tasks(config, [level("clip_scores")])
    with pytest.raises(InputError, match="wanted each name once"):
        find_tasks(config, [level(), level()])
    plain = type(config)(**{**dict(config), "outputs": {name: each for name, each in config.outputs.items() if each.task is None}})
    with pytest.raises(InputError, match="has no output for the task level"):
        find_tasks(plain, [level()])


def test_windows_are_joined() -> None:
    scores = Windows([np.array([0.2, 0.4]), np.array([0.8, 0.0])], [0.0, 1.0], [1.0, 3.0])
    assert scores.mean().tolist() == pytest.approx([0.65, 0.1]) and scores.max().tolist() == [0.8, 0.4]
    frames = Windows([np.full((4, 1), 1.0), np.full((4, 1), 3.0)], [0.0, 1.0], [2.0, 2.0])
    assert frames.timeline(2.0)[:, 0].tolist() == [1, 1, 2, 2, 3, 3]


def test_answers_are_shown_as_text(folder: Path) -> None:
    answers = {
        "pitch": {"pitch": 440.25},
        "digit": Label("two", 0.9, True),
        "steps": (Event("step", 1.0, 1.5, 0.8),),
        "tags": (Label("a", 0.7, True), Label("b", 0.1, False)),
        "count": 3,
    }
    analysis = Analysis("x.wav", duration=2.0, coverage=1.0, answers=answers)
    texts = answer_texts(analysis.to_dict())
    assert texts == {"pitch": "pitch 440.2", "digit": "two (0.90)", "steps": "step 0:01.0-0:01.5", "tags": "a (0.70)", "count": "3"}
    assert "digit: two (0.90)" in analysis_html(analysis.to_dict())
    assert "digit: two (0.90)" in render([Analysis("x.wav", answers=answers)], ["x.wav"], config=open_runtime(folder).config, folder=folder)
