"""Right and false labels by kind of sound: what labels mean, what is counted, and the sounds that are made."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import auricle
from auricle.data import corpora
from recipes.tiny.families import PATH, Meanings, figures, judge, made_sounds, measure, read_kinds
from recipes.tiny.label_map import read_label_map

KINDS = {kind.name: kind for kind in read_kinds()}
MEANINGS = Meanings(read_label_map())


def test_a_name_stands_for_all_below_it() -> None:
    assert {"music", "piano", "cello"} <= KINDS["instruments"].right
    assert "dog" not in KINDS["instruments"].right | KINDS["instruments"].neutral
    assert "wind" not in KINDS["noise"].right and "static" in KINDS["noise"].right


def test_a_name_that_the_ontology_lacks_is_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    stored = json.loads(PATH.read_text(encoding="utf-8"))
    stored["kinds"]["music"]["right"] = ["Musick"]
    (tmp_path / "families.json").write_text(json.dumps(stored))
    with pytest.raises(KeyError, match="musick"):
        read_kinds(tmp_path / "families.json")


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Violin, fiddle", "violin fiddle"),
        ("violin", "violin fiddle"),
        ("dog", "dog"),
        ("siren", "siren"),
        ("a thing without a name", None),
    ],
)
def test_what_labels_mean(label: str, name: str | None) -> None:
    assert (name in MEANINGS.of(label)) if name else not MEANINGS.of(label)


def test_false_and_right_are_counted_by_recording() -> None:
    present = [["piano", "dog"], ["piano", "siren", "dog"], ["music"], [], ["Sine wave"], ["a thing without a name"]]
    judged = judge(present, KINDS["instruments"], MEANINGS)
    assert (judged.count, judged.false, judged.right) == (6, 3, 3)
    assert judged.labels == {"dog": 2, "siren": 1, "a thing without a name": 1}
    false, right = figures("A model.v1", {"instruments": judged})
    assert false["name"] == "a_model_v1_instruments_false" and right["n"] == 6
    assert false["low"] < false["value"] == 0.5 < false["high"]


@pytest.mark.parametrize("kind", ["silence", "tones", "noise"])
def test_made_sounds_depend_on_the_seed_alone(kind: str) -> None:
    first, again, other = (made_sounds(kind, seed=seed) for seed in (0, 0, 1))
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[1].samples, other[1].samples)
    levels = [10 * np.log10(np.mean(clip.samples.astype(float) ** 2) + 1e-20) for clip in first]
    assert max(levels) < (-71 if kind == "silence" else -8) and (kind == "silence" or min(levels) > -42)
    peaks = [
        np.max(np.abs(np.fft.rfft(clip.samples[0])) ** 2) / np.sum(np.abs(np.fft.rfft(clip.samples[0])) ** 2 + 1e-12) for clip in first
    ]
    assert (np.median(peaks) > 0.3) == (kind == "tones")


def test_left_out_rows_count_where_the_model_was_trained_on_others_of_their_corpus(three_classes: Path) -> None:
    row = next(iter(corpora.read(three_classes, ["esc50"])))
    rows = [dataclasses.replace(row, corpus="kenney", label="click", labels=(), source="new")]
    listener = auricle.load()
    by_corpus, left_out = (measure(listener, rows, seed=0, left_out=apart) for apart in (False, True))
    assert "games" not in by_corpus and left_out["games"].count == 1
