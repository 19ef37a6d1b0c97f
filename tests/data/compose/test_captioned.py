from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from auricle.core.errors import InputError
from auricle.core.records import Event
from auricle.data.compose.captioned import MIX, RELATIONS, compose_captioned_scene
from auricle.data.compose.scenes import Mix, Source
from auricle.data.corpora.esc50 import plain
from auricle.data.gate import find_active_segments
from auricle.data.grammar import (
    LOUDER_DB,
    TEMPLATES,
    Relation,
    SceneContent,
    Statement,
    default_phrases,
    hard_negatives,
    is_true,
    read_phrases,
    render,
)
from auricle.data.prompts import load_class_names

RATE = 8000
TONES = {"dog": 400.0, "cat": 700.0, "cow": 1100.0, "rain": 1700.0, "siren": 2500.0, "sneezing": 3300.0}


def tone(label: str, *lengths: float) -> Source:
    """Bursts of a tone with a second of silence around each."""
    quiet = np.zeros(RATE)
    bursts = [0.3 * np.sin(2 * np.pi * TONES[label] * np.arange(round(length * RATE)) / RATE) for length in lengths]
    return Source(np.concatenate([quiet, *(part for burst in bursts for part in (burst, quiet))]), (label,))


CLIPS = [tone("dog", 0.4, 0.8), tone("cat", 0.6), tone("cow", 1.0), tone("rain", 20.0), tone("siren", 3.0), tone("sneezing", 0.3)]
BED = [Source(np.random.default_rng(0).normal(size=3 * RATE) * 0.01, ("wind",))]


def scenes(relation: Relation, count: int = 16) -> list:
    return [compose_captioned_scene(np.random.default_rng(seed), CLIPS, BED, rate=RATE, relations=[relation]) for seed in range(count)]


def strength(samples: np.ndarray, label: str, onset: float, offset: float) -> float:
    """RMS of the label's own tone in a stretch."""
    time = np.arange(round(onset * RATE), round(offset * RATE)) / RATE
    return float(np.sqrt(2) * abs(np.mean(samples[round(onset * RATE) : round(offset * RATE)] * np.exp(-2j * np.pi * TONES[label] * time))))


@pytest.mark.parametrize("relation", RELATIONS)
def test_captions_are_true_and_negatives_false(relation: Relation) -> None:
    for scene in scenes(relation):
        assert scene.statement.relation == relation and is_true(scene.statement, scene.content)
        assert scene.negatives and not any(is_true(negative.statement, scene.content) for negative in scene.negatives)
        texts = [scene.caption, *(negative.text for negative in scene.negatives)]
        assert len(set(texts)) == len(texts) and not any("{" in text for text in texts)
        assert scene.samples.shape == (10 * RATE,) and scene.samples.dtype == np.float32 and np.abs(scene.samples).max() <= MIX.peak + 1e-6
        assert all(0 <= event.onset < event.offset <= 10.0 for event in scene.content.events)


@pytest.mark.parametrize("relation", RELATIONS)
def test_events_are_where_the_sound_is(relation: Relation) -> None:
    for scene in scenes(relation, 5):
        for label in {event.label for event in scene.content.events}:
            spans = [(event.onset, event.offset) for event in scene.content.events if event.label == label]
            inside = min(strength(scene.samples, label, *span) for span in spans)
            apart = [at / 10 for at in range(100) if all(at / 10 + 0.1 <= onset or at / 10 >= offset for onset, offset in spans)]
            assert all(inside > 3 * strength(scene.samples, label, at, at + 0.1) for at in apart)
        for label in TONES.keys() - scene.content.words:
            assert strength(scene.samples, label, 0.0, 10.0) < 0.002


def test_order_of_two_and_three_can_be_heard() -> None:
    lengths = Counter()
    for scene in scenes("before"):
        labels = scene.statement.labels
        lengths[len(labels)] += 1
        spans = [[event for event in scene.content.events if event.label == label] for label in labels]
        for first, second in pairwise(spans):
            assert second[0].onset - first[-1].offset >= 0.29
        kinds = [negative.kind for negative in scene.negatives]
        assert "order" in kinds and "presence" in kinds
        swapped = next(negative for negative in scene.negatives if negative.kind == "order")
        assert swapped.statement.labels == labels[::-1]
    assert lengths[2] > 2 and lengths[3] > 2


def test_counted_events_are_counted_by_the_gate_too() -> None:
    for seed in range(20):
        scene = compose_captioned_scene(np.random.default_rng(seed), CLIPS, [], rate=RATE, relations=["count"])
        assert len(find_active_segments(scene.samples, RATE)) == scene.statement.times == len(scene.content.events)
        assert default_phrases()[scene.statement.labels[0]].counted
        assert {negative.statement.times for negative in scene.negatives if negative.kind == "count"} <= {
            scene.statement.times - 1,
            scene.statement.times + 1,
        }


def test_loudness_is_as_said() -> None:
    for scene in scenes("louder", 15):
        loud, faint = scene.statement.labels
        rms = {}
        for label in (loud, faint):
            spans = [event for event in scene.content.events if event.label == label]
            rms[label] = np.mean([strength(scene.samples, label, event.onset, event.offset) for event in spans])
        assert 20 * np.log10(rms[loud] / rms[faint]) > LOUDER_DB


def test_one_generator_one_scene() -> None:
    for seed in range(6):
        first, again = (compose_captioned_scene(np.random.default_rng(seed), CLIPS, BED, rate=RATE) for _ in range(2))
        assert (first.samples == again.samples).all() and first.content == again.content
        assert (first.caption, first.negatives) == (again.caption, again.negatives)
    assert len(
        {compose_captioned_scene(np.random.default_rng(seed), CLIPS, BED, rate=RATE).statement.relation for seed in range(25)}
    ) == len(RELATIONS)


def test_nothing_that_sounds_in_the_background_is_said_to_be_absent() -> None:
    for scene in scenes("without", 20):
        assert "wind" not in scene.statement.labels[1:]
    rainy = [Source(np.random.default_rng(0).normal(size=3 * RATE) * 0.01, ("rain",))]
    for seed in range(10):
        scene = compose_captioned_scene(np.random.default_rng(seed), CLIPS, rainy, rate=RATE, relations=["while"])
        assert "rain" not in {event.label for event in scene.content.events}


def test_what_cannot_be_composed_is_told() -> None:
    with pytest.raises(InputError, match="none of 1 clips can be used"):
        compose_captioned_scene(np.random.default_rng(0), [Source(np.ones(RATE), ("zither",))], [], rate=RATE)
    with pytest.raises(InputError, match="no scene of 'before' in 20 attempts with 1 clips"):
        compose_captioned_scene(np.random.default_rng(0), CLIPS[:1], [], rate=RATE, relations=["before"])
    with pytest.raises(InputError, match="no scene of 'count'"):
        compose_captioned_scene(np.random.default_rng(0), [tone("cow", 4.0)], [], rate=RATE, relations=["count"])
    with pytest.raises(InputError, match="no scene of 'louder'"):
        compose_captioned_scene(np.random.default_rng(0), CLIPS, [], rate=RATE, relations=["louder"], mix=Mix(snr=(12.0, 13.0)))


def heard(*spans: tuple[str, float, float], words: tuple[str, ...] = ()) -> SceneContent:
    events = tuple(Event(label, onset, offset, 1.0) for label, onset, offset in spans)
    return SceneContent(events, frozenset(words) | {event.label for event in events}, {"a": 20.0, "b": 10.0})


@pytest.mark.parametrize(
    ("statement", "true"),
    [
        (Statement("sounds", ("a",)), True),
        (Statement("sounds", ("w",)), True),
        (Statement("sounds", ("x",)), False),
        (Statement("before", ("a", "b")), True),
        (Statement("before", ("b", "a")), False),
        (Statement("before", ("a", "c")), False),
        (Statement("before", ("a", "x")), False),
        (Statement("before", ("a", "b", "d")), True),
        (Statement("while", ("b", "c")), True),
        (Statement("while", ("a", "c")), False),
        (Statement("while", ("a", "b")), False),
        (Statement("count", ("a",), 2), True),
        (Statement("count", ("a",), 1), False),
        (Statement("count", ("x",), 1), False),
        (Statement("louder", ("a", "b")), True),
        (Statement("louder", ("b", "a")), False),
        (Statement("without", ("a", "x")), True),
        (Statement("without", ("a", "w")), False),
        (Statement("without", ("x", "a")), False),
    ],
)
def test_truth_of_statements(statement: Statement, true: bool) -> None:
    scene = heard(("a", 0.0, 1.0), ("a", 1.6, 2.0), ("c", 1.9, 4.0), ("b", 3.0, 5.0), ("d", 5.0, 6.0), words=("w",))
    assert is_true(statement, scene) == true


def test_templates() -> None:
    phrases = default_phrases()
    assert render(Statement("before", ("dog", "rain")), phrases) == "a dog barking before rain falling"
    assert render(Statement("before", ("dog", "rain")), phrases, template=3) == "rain falling after a dog barking"
    assert render(Statement("while", ("dog", "rain")), phrases) == "a dog barking while rain is falling"
    assert render(Statement("count", ("dog",), 3), phrases) == "a dog barking three times"
    assert render(Statement("without", ("dog", "siren")), phrases) == "a dog barking and no sound of a siren wailing"
    assert render(Statement("before", ("dog", "cat", "cow")), phrases) == "a dog barking, then a cat meowing, then a cow mooing"
    assert 60 % np.lcm.reduce([len(templates) for templates in TEMPLATES.values()]) == 0
    with pytest.raises(InputError, match="no phrase for zither"):
        render(Statement("sounds", ("zither",)), phrases)
    assert {kind for kind, _ in hard_negatives(Statement("count", ("dog",), 1), ["cat"])} == {"count", "presence"}


def test_every_label_of_esc50_has_a_phrase(tmp_path: Path) -> None:
    assert set(default_phrases()) == {plain(name) for name in load_class_names("esc50").names}
    (tmp_path / "bad.json").write_text(json.dumps({"dog": {"said": "a dog"}}))
    with pytest.raises(InputError, match=r"bad\.json: dog\.clause: Field required"):
        read_phrases(tmp_path / "bad.json")
