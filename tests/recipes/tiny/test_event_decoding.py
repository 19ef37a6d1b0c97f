"""Decoding that is chosen by the events of mixtures: which one wins, thresholds of labels, and what counts as known."""

from __future__ import annotations

import numpy as np
import pytest

from auricle.core.config import Decoding
from recipes.tiny.event_decoding import THRESHOLDS, ScoredMixtures, count_events, fit_decoding

RATE, FRAMES = 25.0, 125


def mixtures(level: float = 0.9, floor: float = 0.02, *, noise: float = 0.0, tail: float = 0.0, count: int = 40) -> ScoredMixtures:
    """One event of the first label each, at a random time; a second label is never there and has the scores of the floor."""
    rng = np.random.default_rng(3)
    scores, active = np.full((count, FRAMES, 2), floor), np.zeros((count, FRAMES, 2), bool)
    for index in range(count):
        start = int(rng.integers(5, 70))
        active[index, start : start + 30, 0] = True
        scores[index, start : start + 30, 0] = level
        scores[index, start + 30 : start + 48, 0] = tail or floor
    scores += noise * rng.random(scores.shape)
    everywhere = np.ones((count, 2), bool)
    return ScoredMixtures(scores.astype(np.float16), everywhere, everywhere, active, RATE)


def test_perfect_scores_give_all_events() -> None:
    decoding, thresholds, f1 = fit_decoding(mixtures())
    assert f1 == 1.0 and 0.02 < thresholds[0] <= 0.9 and isinstance(decoding, Decoding)


def test_a_long_tail_asks_for_a_high_hold() -> None:
    tried = [Decoding(hold=0.3), Decoding(hold=1.0)]
    decoding, _, f1 = fit_decoding(mixtures(tail=0.36), tried)
    assert decoding.hold == 1.0 and f1 == 1.0
    index = int(np.flatnonzero(THRESHOLDS == 0.8)[0])
    low, high = (count_events(mixtures(tail=0.36), rule)[index, 0] for rule in tried)
    assert low.tolist() == [0, 40, 40] and high.tolist() == [40, 40, 40]  # events that end 0.7 s late, and in time


def test_labels_that_are_not_known_count_for_nothing() -> None:
    found = mixtures(floor=0.5)
    assert count_events(found, Decoding())[0, 1].tolist() == [0, 40, 0]
    known = found.known.copy()
    known[:, 1] = False
    unknown = ScoredMixtures(found.scores, found.present, known, found.active, RATE)
    assert count_events(unknown, Decoding())[0, 1].tolist() == [0, 0, 0]


def test_events_of_labels_that_are_not_present_are_missed_and_none_is_found() -> None:
    found = mixtures()
    absent = ScoredMixtures(found.scores, np.zeros_like(found.present), found.known, found.active, RATE)
    assert count_events(absent, Decoding())[:, 0].tolist() == [[0, 0, 40]] * len(THRESHOLDS)


@pytest.mark.parametrize(("prior", "lowest"), [(0.0, 0.05), (1000.0, 0.3)])
def test_a_label_with_few_events_stays_near_all_others(prior: float, lowest: float) -> None:
    rng = np.random.default_rng(0)
    scores, active = np.full((60, FRAMES, 2), 0.25, np.float16), np.zeros((60, FRAMES, 2), bool)
    for index in range(60):
        label = int(index == 0)
        start = int(rng.integers(5, 70))
        active[index, start : start + 30, label] = True
        scores[index, start : start + 30, label] = 0.6
    scores[1:, :, 1] = 0.01
    everywhere = np.ones((60, 2), bool)
    scores[0, :, 1] = np.where(active[0, :, 1], 0.28, 0.01)
    _, thresholds, _ = fit_decoding(ScoredMixtures(scores, everywhere, everywhere, active, RATE), [Decoding(hold=1.0)], prior=prior)
    assert thresholds[1] >= lowest if prior else thresholds[1] <= 0.28
