from __future__ import annotations

import numpy as np
import pytest

from auricle.bench import regression


def clouds(seed: int, each: int = 40) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    middles = 2.0 * np.eye(3, 6)
    places = np.repeat(np.arange(3), each)
    return middles[places] + rng.standard_normal((3 * each, 6)), places


def objective(vectors: np.ndarray, places: np.ndarray, weights: np.ndarray, bias: np.ndarray, ridge: float) -> float:
    logits = vectors @ weights.T + bias
    share = logits[np.arange(len(places)), places] - np.log(np.exp(logits).sum(axis=1))
    return float(-share.mean() + 0.5 * ridge * (weights**2).sum())


def test_no_step_from_the_optimum_is_downhill() -> None:
    vectors, places = clouds(0)
    vectors = (vectors - vectors.mean(axis=0)) / np.sqrt(((vectors - vectors.mean(axis=0)) ** 2).mean())  # as fit brings them
    found = regression.fit(vectors, places, 3, ridge=0.01)
    least = objective(vectors, places, found.weights, found.bias, 0.01)
    rng = np.random.default_rng(1)
    for _ in range(30):
        away = found.weights + 1e-2 * rng.standard_normal(found.weights.shape), found.bias + 1e-2 * rng.standard_normal(3)
        assert objective(vectors, places, *away, 0.01) > least


def test_shift_and_scale_of_the_vectors_change_no_answer() -> None:
    vectors, places = clouds(0)
    plain = regression.fit(vectors, places, 3, ridge=0.1).logits(vectors)
    moved = regression.fit(5 * vectors + 7, places, 3, ridge=0.1).logits(5 * vectors + 7)
    assert np.allclose(plain, moved, atol=1e-2)


def test_a_start_changes_the_way_and_not_the_end() -> None:
    vectors, places = clouds(0)
    start = regression.fit(vectors, places, 3, ridge=1.0)
    cold, warm = regression.fit(vectors, places, 3, ridge=0.01), regression.fit(vectors, places, 3, ridge=0.01, start=start)
    assert np.allclose(cold.weights, warm.weights, atol=1e-2)


def test_the_ridge_is_chosen_by_what_was_held_out() -> None:
    rng = np.random.default_rng(3)
    noise, places = rng.standard_normal((60, 40)), rng.integers(3, size=60)  # nothing to learn: the firmest is the likeliest
    groups = [str(number // 2) for number in range(60)]
    assert regression.fit_cross_validated(noise, places, 3, groups=groups, seed=0).ridge == regression.RIDGES[0]
    vectors, truth = clouds(0, each=20)
    assert regression.fit_cross_validated(50 * vectors, truth, 3, groups=groups, seed=0).ridge < regression.RIDGES[0]


def test_copies_in_one_group_are_never_on_both_sides() -> None:
    """Each clip ten times over: were copies split, learning them by heart would look best."""
    rng = np.random.default_rng(4)
    noise, places = np.repeat(rng.standard_normal((12, 40)), 10, axis=0), np.repeat(rng.integers(3, size=12), 10)
    whole = [str(number // 10) for number in range(120)]
    assert regression.fit_cross_validated(noise, places, 3, groups=whole, seed=0).ridge == regression.RIDGES[0]
    split = [str(number) for number in range(120)]
    assert regression.fit_cross_validated(noise, places, 3, groups=split, seed=0).ridge == regression.RIDGES[-1]


@pytest.mark.parametrize("groups", [["one"] * 6])
def test_one_recording_alone_is_learnt_with_the_middle_ridge(groups: list[str]) -> None:
    vectors, places = clouds(0, each=2)
    assert regression.fit_cross_validated(vectors, places, 3, groups=groups, seed=0).ridge == regression.RIDGES[2]
