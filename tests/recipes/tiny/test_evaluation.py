"""Measures of hearing: a perfect listener gets the best figures, claims are counted by file, the drawing holds every bin."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from auricle.core.records import Clip, Event
from auricle.data.corpora.clip_table import Row
from recipes.tiny import evaluation, held_out, unseen

LABELS = ("dog", "rain", "siren")


def scores(truth: np.ndarray, estimates: list[list[Event]]) -> evaluation.SceneScores:
    """Two scenes, a dog in the first, rain and a siren in the second."""
    references = [[Event("dog", 1.0, 2.0, 1.0)], [Event("rain", 0.0, 9.0, 1.0), Event("siren", 3.0, 4.0, 1.0)]]
    return evaluation.SceneScores(truth, np.array([[True, False, False], [False, True, True]]), references, estimates)


def test_a_perfect_listener() -> None:
    exact = [[Event("dog", 1.1, 2.1, 0.9)], [Event("rain", 0.0, 9.5, 0.9), Event("siren", 2.9, 4.1, 0.9)]]
    figures = evaluation.scene_figures(scores(np.array([[1.0, 0, 0], [0, 1.0, 1.0]]), exact), LABELS, seed=0, draws=50)
    assert figures["map"][0] == 1.0
    assert figures["event_f1"][0] == figures["event_f1_macro"][0] == 1.0
    assert figures["ece"][0] == 0.0


def test_a_late_event_counts_twice_against() -> None:
    late = [[Event("dog", 1.4, 2.4, 0.9)], []]
    figures = evaluation.scene_figures(scores(np.full((2, 3), 0.5), late), LABELS, seed=0, draws=50)
    assert figures["event_f1"][0] == 0.0
    assert figures["ece"][0] == pytest.approx(0.0)  # half of the six decisions are true, and each was given one half


def sound(corpus: str, name: str) -> evaluation.OutOfDomain:
    return evaluation.OutOfDomain(corpus, Path(name))


def test_claims_are_counted_by_file() -> None:
    false_positives = [
        (sound("fsdd", "a"), ["dog", "cat"]),
        (sound("fsdd", "b"), []),
        (sound("kenney", "c"), ["dog"]),
        (sound("sonicpi", "d"), []),
    ]
    figures = {figure["name"]: figure for figure in evaluation.false_positive_figures(false_positives, {"all": ("fsdd", "sonicpi")})}
    assert figures["all"]["value"] == pytest.approx(1 / 3) and figures["all"]["n"] == 3
    assert figures["fsdd"]["value"] == 0.5 and figures["kenney"]["value"] == 1.0
    assert evaluation.false_positive_counts(false_positives) == {"fsdd": {"dog": 1, "cat": 1}, "kenney": {"dog": 1}}


def test_silence_is_quiet_and_the_same_each_time() -> None:
    once, again = held_out.silences(3), held_out.silences(3)
    assert len(once) == held_out.SILENCES_PER_FOLD
    for one, other in zip(once, again, strict=True):
        assert isinstance(one.source, Clip) and isinstance(other.source, Clip)
        assert np.array_equal(one.source.samples, other.source.samples)
        assert np.sqrt(np.mean(np.square(one.source.samples))) < 10 ** (-59 / 20)


def test_the_reliability_plot_is_a_drawing() -> None:
    root = ElementTree.fromstring(evaluation.reliability_svg(scores(np.array([[0.9, 0.1, 0.1], [0.2, 0.8, 0.6]]), [[], []])))
    assert len(root.findall(".//{http://www.w3.org/2000/svg}circle")) == 5


def test_unseen_sets_cover_every_class_once(tmp_path: Path) -> None:
    rows = [Row(Path(str(t)), f"c{t}", (f"class {t}",), "esc50", str(t), "CC0", target=t) for t in range(50)]
    lines = "".join(f"{t},class_{t},Class,{group}\n" for t in range(50) for group in [("Animals", "Natural x", "Human, y")[t % 3]])
    (tmp_path / "classes.csv").write_text("target,category,display_name,group\n" + lines.replace("Human, y", '"Human, y"'))
    sets = unseen.splits(rows, tmp_path / "classes.csv")
    assert all(len(classes) == 10 for classes in sets["fifths"].values())
    assert sorted(sum(sets["fifths"].values(), ())) == sorted(f"class {t}" for t in range(50))
    assert set(sets["groups"]) == {"animals", "natural", "human"}


def test_unseen_figures_average_sets_not_clips() -> None:
    figures = unseen.figures([("0", np.array([True] * 4)), ("1", np.array([False] * 12))], seed=0)
    assert figures[0]["value"] == 0.5 and figures[0]["n"] == 16
