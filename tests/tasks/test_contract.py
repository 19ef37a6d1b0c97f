"""One contract over all questions: decode(encode(y)) == y, perfect scores best, silence and no labels do not raise."""

from __future__ import annotations

import dataclasses
import importlib
import json
from collections.abc import Callable, Collection
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import auricle.tasks
from auricle.core.config import Output
from auricle.core.records import Event
from auricle.metrics.frames import FrameScores
from auricle.metrics.retrieval import scores_of_ranks
from auricle.tasks import detection, registry
from auricle.tasks.task import Task, Windows

LABELS = ("dog", "rain", "siren", "speech")
RATE = 12.5


def _place(event: Event) -> tuple[str, int, int]:
    return event.label, round(event.onset * RATE), round(event.offset * RATE)


@dataclasses.dataclass(frozen=True)
class Case:
    """Targets of one question, how its decoded records read as a target again, and rows of a perfect and of a wrong estimate."""

    targets: list[Any]
    again: Callable[[Any], Any]
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    decoding: dict[str, Any] = dataclasses.field(default_factory=dict)
    plain: Callable[[Any], Any] = lambda target: target
    rows: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])


def _events(*times: tuple[str, float, float]) -> tuple[Event, ...]:
    return tuple(Event(label, onset, offset, 1.0) for label, onset, offset in times)


def _named(records: Collection[Any]) -> set[str]:
    return {record.label for record in records if record.present}


def _ranked(rank: int) -> list[dict[str, Any]]:
    return [{"way": way, "ranks": [rank], **scores_of_ranks([rank])} for way in ("text_to_audio", "audio_to_text")]


FIRST = _events(("dog", 0.0, 1.04), ("rain", 0.8, 7.92), ("dog", 2.4, 2.56), ("siren", 7.04, 8.0))
SECOND = _events(("speech", 3.2, 6.4), ("siren", 0.0, 0.16))


def _graded(estimate: tuple[Event, ...]) -> list[dict[str, Any]]:
    scores = detection.encode(estimate, LABELS, frame_rate=RATE, frames=100)
    return [detection.grade(FIRST, estimate, FrameScores(scores, np.arange(101) / RATE, LABELS), 8.0)]


CASES = {
    "event": Case(
        list(LABELS),
        lambda label: label.label,
        rows=(
            [{"truth": label, "right": 1.0, "top5": 1.0} for label in LABELS],
            [{"truth": label, "right": 0.0, "top5": 1.0} for label in LABELS],
        ),
    ),
    "tagging": Case(
        [{"dog"}, {"rain", "siren"}, {"speech", "dog", "rain", "siren"}],
        _named,
        plain=set,
        rows=(
            [{"truth": [0], "scores": [0.9, 0.1]}, {"truth": [1], "scores": [0.2, 0.8]}],
            [{"truth": [0], "scores": [0.1, 0.9]}, {"truth": [1], "scores": [0.8, 0.2]}],
        ),
    ),
    "detection": Case(
        [FIRST, SECOND],
        lambda events: sorted(map(_place, events)),
        settings={"frame_rate": RATE, "frames": 100},
        decoding={"frame_rate": RATE},
        rows=(_graded(FIRST), _graded(())),
        plain=lambda events: sorted(map(_place, events)),
    ),
    "retrieval": Case(
        [{"dog"}, {"rain", "speech"}], lambda hits: {hit.name for hit in hits if hit.score > 0}, plain=set, rows=(_ranked(1), _ranked(2))
    ),
}


def module_of(name: str) -> ModuleType:
    return importlib.import_module(f"auricle.tasks.{name}")


def encoded(name: str, target: Any) -> np.ndarray:
    return np.asarray(module_of(name).encode(target, LABELS, **CASES[name].settings))


def test_every_file_is_a_question_with_a_case() -> None:
    folder = Path(str(auricle.tasks.__file__)).parent
    assert set(CASES) == {path.stem for path in folder.glob("*.py")} - {"__init__", "task", "registry"}


@pytest.mark.parametrize("name", CASES)
def test_declares_itself(name: str) -> None:
    module = module_of(name)
    assert module.__doc__ and "Convention:" in module.__doc__ and hasattr(module, "Target")
    assert importlib.import_module(f"auricle.metrics.{name}")


@pytest.mark.parametrize("name", CASES)
def test_decodes_what_it_encodes(name: str) -> None:
    case = CASES[name]
    for target in case.targets:
        records = module_of(name).decode(encoded(name, target), LABELS, **case.decoding)
        assert case.again(records) == case.plain(target)


def spec_of(task: Task) -> Output:
    rate = RATE if task.kind == "frame_scores" else None
    return Output(kind=task.kind, head="linear", labels=LABELS, rate=rate, activation=task.activation)


def rows_of(task: Task, arrays: list[np.ndarray], targets: list[Any]) -> list[dict[str, Any]]:
    windows = [Windows([array], [0.0], [8.0]) for array in arrays]
    return [dict(task.row(target, each, spec_of(task), 8.0)) for target, each in zip(targets, windows, strict=True)]


@pytest.mark.parametrize("name", registry.BUILT_IN)
def test_a_perfect_output_scores_best_and_is_decoded_to_the_target(name: str) -> None:
    task, case = registry.find(name), CASES[name]
    spec = spec_of(task)
    targets = [(target,) for target in case.targets] if name == "event" else case.targets
    assert set(task.vocabulary(targets)) == set(LABELS)
    arrays = [task.encode(target, spec, 8.0) for target in targets]
    for target, array in zip(case.targets, arrays, strict=True):
        assert case.again(task.decode(Windows([array], [0.0], [8.0]), spec, 8.0)) == case.plain(target)
    perfect, wrong = (next(iter(task.metrics(rows_of(task, given, targets)).values())) for given in (arrays, [1 - each for each in arrays]))
    assert perfect.statistic(perfect.rows) == pytest.approx(1)
    assert wrong.statistic(wrong.rows) < 1


@pytest.mark.parametrize("name", registry.BUILT_IN)
def test_a_silent_recording_has_a_row(name: str) -> None:
    task = registry.find(name)
    target = CASES[name].targets[0]
    row = task.row((target,) if name == "event" else target, Windows([], [], []), spec_of(task), 8.0)
    assert json.loads(json.dumps(dict(row))) == dict(row)


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name].rows[0]])
def test_rows_have_every_metric_and_perfect_ones_score_best(name: str) -> None:
    best, wrong = (module_of(name).metrics(rows) for rows in CASES[name].rows)
    assert tuple(best) == module_of(name).METRICS
    first = best[module_of(name).METRICS[0]]
    assert first.statistic(first.rows) == pytest.approx(1)
    first = wrong[module_of(name).METRICS[0]]
    assert first.statistic(first.rows) < 1


@pytest.mark.parametrize("name", CASES)
def test_silence_and_no_labels_do_not_raise(name: str) -> None:
    case, module = CASES[name], module_of(name)
    shape = encoded(name, case.targets[0]).shape
    records = module.decode(np.zeros(shape, np.float32), LABELS, **case.decoding)
    if name in ("tagging", "detection"):
        assert not [record for record in records if getattr(record, "present", True)]
    if name != "event":  # which asks for the one sound that there is
        assert not encoded(name, ()).any()
        assert module.decode(np.zeros((*shape[:-1], 0), np.float32), (), **case.decoding) == ()


def test_more_frames_of_nothing_change_no_event() -> None:
    module, case = module_of("detection"), CASES["detection"]
    for target in case.targets:
        frames = encoded("detection", target)
        padded = np.concatenate([frames, np.zeros((37, len(LABELS)), np.float32)])
        assert module.decode(padded, LABELS, frame_rate=RATE) == module.decode(frames, LABELS, frame_rate=RATE)
