"""Detection over made sounds whose events are known, by frame scores and by short windows."""

from __future__ import annotations

import json
from pathlib import Path

import made_sounds
import numpy as np
import pytest
import tone_model

from auricle.bench import suite as suites
from auricle.bench.compare import compare
from auricle.bench.score import Result, score
from auricle.core.errors import InputError
from auricle.core.records import Event
from auricle.data import manifest
from auricle.data.item import Item
from auricle.listen.listener import load

SUITE = suites.read_suite("detection").model_copy(update={"draws": 20})


def scenes(folder: Path, *, late: float = 0.0) -> list[Item]:
    """Eight files of 8 s with two tones, each 2 s long, and their manifest. late: seconds by which the manifest's events are later."""
    made = []
    for number in range(8):
        names = [made_sounds.LABELS[(number + place) % 3] for place in range(2)]
        onsets = (0.5 + 0.25 * (number % 4), 4.0 + 0.25 * (number % 3))
        samples = np.zeros(8 * made_sounds.RATE, np.float32)
        for name, onset in zip(names, onsets, strict=True):
            tone = tone_model.tone(name, 2.0)
            samples[round(onset * made_sounds.RATE) :][: len(tone)] += tone
        events = tuple(Event(name, onset + late, onset + late + 2.0, 1.0) for name, onset in zip(names, onsets, strict=True))
        made.append(made_sounds.item(folder, f"scene{number}", samples, names[0], events=events))
    manifest.write(folder / "scenes.jsonl", made)
    return manifest.read(folder / "scenes.jsonl")


def values(result: Result) -> dict[str, float]:
    return {one["metric"]: one["value"] for one in result.summary["scores"]}


def test_tones_at_known_times_are_found_by_frames(tone_folder: Path, tmp_path: Path) -> None:
    result = score(load(tone_folder), SUITE, scenes(tmp_path))
    assert result.summary["events_from"] == "frames" and "event_windows" not in result.summary
    assert set(values(result)) == set(SUITE.metrics)
    assert values(result)["collar_f1_macro"] == values(result)["intersection_f1_micro"] == 1.0 and values(result)["psds1"] > 0.95
    assert all(one["low"] <= one["value"] <= one["high"] for one in result.summary["scores"])


def test_tones_at_known_times_are_found_by_windows(tone_folder: Path, tmp_path: Path) -> None:
    result = score(tone_model.without_frames(tone_folder), SUITE.model_copy(update={"windows": None}), scenes(tmp_path))
    assert result.summary["events_from"] == "windows" and result.summary["event_windows"] == {"window": 1.0, "hop": 0.25}
    assert values(result)["intersection_f1_micro"] == 1.0


def test_events_that_are_late_are_not_those_of_the_sound(tone_folder: Path, tmp_path: Path) -> None:
    result = score(load(tone_folder), SUITE, scenes(tmp_path, late=0.9))
    assert values(result)["collar_f1_macro"] == values(result)["psds1"] == 0.0
    assert values(result)["psds2"] > 0.95
    wide = score(load(tone_folder), SUITE.model_copy(update={"collar": 1.0}), scenes(tmp_path, late=0.9))
    assert values(wide)["collar_f1_macro"] == 1.0


def test_a_saved_result_gives_the_same_scores_and_is_compared(tone_folder: Path, tmp_path: Path) -> None:
    items = scenes(tmp_path)
    results = {}
    for name, listener in (("frames", load(tone_folder)), ("windows", tone_model.without_frames(tone_folder))):
        score(listener, SUITE, items).save(tmp_path / name)
        results[name] = Result.load(tmp_path / name)
        assert json.loads(json.dumps(results[name].rows)) == results[name].rows
    told = compare(results["frames"], results["windows"])
    assert [one.metric for one in told.metrics] == list(SUITE.metrics)
    assert told.metrics[0].difference.value == pytest.approx(values(results["windows"])["psds1"] - values(results["frames"])["psds1"])


def test_labels_are_the_models_or_are_named_by_the_suite(tone_folder: Path, tmp_path: Path) -> None:
    items = scenes(tmp_path)
    renamed = [
        Item(item.id, item.audio, events=tuple(Event(f"my {one.label}", one.onset, one.offset, 1.0) for one in item.events))
        for item in items
    ]
    listener = load(tone_folder)
    with pytest.raises(InputError, match="has no label 'my high tone', nor 2 others of the suite detection"):
        score(listener, SUITE, renamed)
    named = SUITE.model_copy(update={"words": {f"my {label}": label for label in made_sounds.LABELS}})
    assert values(score(listener, named, renamed)) == values(score(listener, SUITE, items))


def test_what_cannot_be_scored_is_refused(tone_folder: Path, tmp_path: Path) -> None:
    listener = tone_model.without_frames(tone_folder)
    with pytest.raises(InputError, match="no clip has an event; wanted `events` in the manifest"):
        score(listener, SUITE, made_sounds.tones(tmp_path, each=1))
    long = SUITE.model_copy(update={"windows": suites.ShortWindows(window=20.0, hop=5.0)})
    with pytest.raises(InputError, match=r"window is 20 s; wanted 0.02 to 10 s, as tones takes"):
        score(listener, long, scenes(tmp_path))
