"""Labels judged by families of AudioSet's tree: what is right, wrong, neutral, and when a model is not judged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tone_model

from auricle.bench import known_sounds
from auricle.bench.known_sounds import OUTCOMES, PATH, Judgement, Outcome, count, fault, judge, judge_labels, make, meaning, read_known
from auricle.core.records import Label
from auricle.listen.listener import Listener, load

KNOWN = {one.name: one for one in read_known()}
VOCABULARY = ("Engine", "Vehicle", "Rain", "Idling", "Music", "Lawn mower", "machine 7")


def said(*labels: str, present: bool = True) -> list[Label]:
    return [Label(label, 0.8, present) for label in labels]


def test_a_name_stands_for_all_below_it() -> None:
    assert {"engine", "idling", "car", "motorcycle", "vehicle"} <= KNOWN["engine"].right
    assert "helicopter" not in KNOWN["engine"].right | KNOWN["engine"].neutral  # Vehicle is right by itself alone
    assert "piano" in KNOWN["chord"].right and "church bell" not in KNOWN["chord"].right | KNOWN["chord"].neutral
    assert "chirp tweet" not in KNOWN["tone"].right


def test_every_sound_has_a_maker_and_the_other_way_round() -> None:
    assert sorted(KNOWN) == sorted(known_sounds._MAKERS) and 8 <= len(KNOWN) <= 12


def test_a_name_that_the_ontology_lacks_is_refused(tmp_path: Path) -> None:
    for part in ("right", "neutral", "alone", "except"):
        stored = json.loads(PATH.read_text(encoding="utf-8"))
        stored["sounds"]["chord"][part] = ["Musick"]
        (tmp_path / f"{part}.json").write_text(json.dumps(stored))
        with pytest.raises(KeyError, match="musick"):
            read_known(tmp_path / f"{part}.json")


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("engine", "engine"),
        ("clock alarm", "alarm clock"),
        ("door wood knock", "knock"),
        ("Accelerating, revving, vroom", None),
        ("x7", ""),
    ],
)
def test_what_labels_mean(label: str, name: str | None) -> None:
    assert meaning(label) == (known_sounds.normalise_name(label) if name is None else name or None)


@pytest.mark.parametrize(
    ("tags", "outcome", "wrong"),
    [
        (said("Vehicle"), "right", []),
        (said("Idling", "Rumble"), "right", []),
        (said("Rain"), "wrong", ["Rain"]),
        (said("machine 7"), "wrong", ["machine 7"]),
        (said("Engine", "Music"), "partly right", ["Music"]),
        (said("Motorboat, speedboat"), "nothing said", []),
        (said("Rain", present=False), "nothing said", []),
        ([], "nothing said", []),
    ],
)
def test_an_engine_is_judged_by_present_labels(tags: list[Label], outcome: Outcome, wrong: list[str]) -> None:
    judged = judge_labels(KNOWN["engine"], tags, VOCABULARY)
    assert judged.outcome == outcome and [one.label for one in judged.wrong] == wrong
    told = judged.to_dict()
    assert told["outcome"] == outcome and list(told["wrong"]) == wrong and str(judged).startswith(outcome.split()[0])
    assert all(label in str(judged) for label in wrong)


def test_a_model_without_a_right_label_is_not_judged() -> None:
    judged = judge_labels(KNOWN["hum"], said("Rain"), VOCABULARY)
    assert judged.outcome == "no label for it" and str(judged) == "not judged, no label for it; said: Rain 0.80"


def test_saying_nothing_is_right_for_a_quiet_room() -> None:
    assert judge_labels(KNOWN["quiet room"], [], VOCABULARY).outcome == "right"
    assert judge_labels(KNOWN["quiet room"], said("Rain"), VOCABULARY).outcome == "wrong"


def test_recordings_are_the_same_each_time() -> None:
    for name in ("tone", "knocks", "white noise"):
        assert np.array_equal(make(KNOWN[name]).samples, make.__wrapped__(KNOWN[name]).samples)  # not the kept one
    assert make(KNOWN["tone"]).samples.dtype == np.float32


def outcomes(**numbers: int) -> list[Judgement]:
    return [Judgement(KNOWN["tone"], outcome) for outcome in OUTCOMES for _ in range(numbers.get(outcome.split()[0], 0))]


@pytest.mark.parametrize(
    ("numbers", "is_fault"),
    [
        ({"right": 3, "wrong": 4}, True),
        ({"right": 4, "wrong": 4}, False),
        ({"nothing": 3, "wrong": 4, "no": 5}, True),
        ({"partly": 6, "wrong": 1}, False),
        ({"wrong": 3}, False),  # too few
        ({"no": 12}, False),
        ({}, False),
    ],
)
def test_only_a_model_that_is_grossly_wrong_is_at_fault(numbers: dict[str, int], is_fault: bool) -> None:
    judged = outcomes(**numbers)
    found = fault(judged)
    assert (found is not None) == is_fault
    if found is not None:
        assert f"{numbers['wrong']} of 7" in found
    assert sum(count(judged).values()) == len(judged)


def test_a_model_of_tones_is_not_judged_but_says_what_it_hears(tone_folder: Path) -> None:
    listener = load(tone_folder)
    judged = {one.sound.name: one for one in judge(listener)}
    assert set(judged) == set(KNOWN)
    tone = judged["tone"]
    assert [one.label for one in (*tone.right, *tone.neutral, *tone.wrong)] == ["middle tone"]  # 1 kHz
    assert listener.config.labels == tone_model.LABELS


def test_the_shipped_model_is_mostly_right() -> None:
    listener = load("auricle-tiny")
    counted = count(judge(listener))
    assert counted["right"] >= 5 and counted["wrong"] <= 2


def test_labels_in_another_order_are_a_fault() -> None:
    listener: Listener = load("auricle-tiny")
    labels = listener.config.labels
    judged = []
    for sound in read_known():
        answer = listener.tag(make(sound), top=None)
        shifted = [Label(labels[(labels.index(tag.label) + 7) % len(labels)], tag.score, tag.present) for tag in answer.tags]
        judged.append(judge_labels(sound, shifted, labels))
    assert fault(judged) is not None
