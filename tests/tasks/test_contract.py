"""One contract over all questions: decode(encode(y)) == y, perfect scores best, silence and no labels do not raise."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Collection
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import auricle.tasks
from auricle.core.records import Event

LABELS = ("dog", "rain", "siren", "speech")
RATE = 12.5


def _place(event: Event) -> tuple[str, int, int]:
    return event.label, round(event.onset * RATE), round(event.offset * RATE)


@dataclasses.dataclass(frozen=True)
class Case:
    """Targets of one question, and how its decoded records read as a target again."""

    targets: list[Any]
    again: Callable[[Any], Any]
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    decoding: dict[str, Any] = dataclasses.field(default_factory=dict)
    measuring: dict[str, Any] = dataclasses.field(default_factory=dict)
    plain: Callable[[Any], Any] = lambda target: target


def _events(*times: tuple[str, float, float]) -> tuple[Event, ...]:
    return tuple(Event(label, onset, offset, 1.0) for label, onset, offset in times)


def _named(records: Collection[Any]) -> set[str]:
    return {record.label for record in records if record.present}


FIRST = _events(("dog", 0.0, 1.04), ("rain", 0.8, 7.92), ("dog", 2.4, 2.56), ("siren", 7.04, 8.0))
SECOND = _events(("speech", 3.2, 6.4), ("siren", 0.0, 0.16))
CASES = {
    "event": Case(list(LABELS), lambda label: label.label),
    "tagging": Case([{"dog"}, {"rain", "siren"}, {"speech", "dog", "rain", "siren"}], _named, plain=set),
    "detection": Case(
        [FIRST, SECOND],
        lambda events: sorted(map(_place, events)),
        settings={"frame_rate": RATE, "frames": 100},
        decoding={"frame_rate": RATE},
        measuring={"frame_rate": RATE},
        plain=lambda events: sorted(map(_place, events)),
    ),
    "retrieval": Case([{"dog"}, {"rain", "speech"}], lambda hits: {hit.name for hit in hits if hit.score > 0}, plain=set),
}


def module_of(name: str) -> ModuleType:
    return importlib.import_module(f"auricle.tasks.{name}")


def encoded(name: str, target: Any) -> np.ndarray:
    return np.asarray(module_of(name).encode(target, LABELS, **CASES[name].settings))


def test_every_file_is_a_question_with_a_case() -> None:
    folder = Path(str(auricle.tasks.__file__)).parent
    assert set(CASES) == {path.stem for path in folder.glob("*.py")} - {"__init__"}


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


@pytest.mark.parametrize("name", CASES)
def test_a_perfect_estimate_scores_best(name: str) -> None:
    case, module = CASES[name], module_of(name)
    arrays = [encoded(name, target) for target in case.targets]
    assert module.measure(case.targets, arrays, LABELS, **case.measuring) == pytest.approx(1)
    wrong = [1 - array for array in arrays]
    assert module.measure(case.targets, wrong, LABELS, **case.measuring) < 1


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
