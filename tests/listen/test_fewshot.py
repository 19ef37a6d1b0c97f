"""Few-shot heads: what they separate, how they are calibrated, and that leaving out is by recording."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auricle.core.errors import InputError
from auricle.listen import fewshot
from auricle.listen.scores import unit

WIDTH = 32


def cloud(seed: int, count: int, *, towards: int | None = None, by: float = 2.0) -> np.ndarray:
    """Unit vectors (count, 32): noise, with a lean to one axis."""
    vectors = np.random.default_rng(seed).standard_normal((count, WIDTH)) / np.sqrt(WIDTH)
    if towards is not None:
        vectors[:, towards] += by
    return unit(vectors)


def test_five_examples_find_the_rest() -> None:
    head = fewshot.fit_few_shot(cloud(0, 5, towards=3), cloud(1, 0), cloud(2, 400), [f"{number}.wav" for number in range(5)])
    assert (head.scores(cloud(3, 50, towards=3)) > 0.5).mean() > 0.9
    assert (head.scores(cloud(4, 500)) > 0.5).mean() < 0.02


def test_a_no_moves_what_is_like_it_out() -> None:
    wanted, mistaken = cloud(0, 5, towards=3), unit(cloud(1, 20, towards=3) + cloud(8, 20, towards=7))
    others, groups = cloud(2, 400), [f"{number}.wav" for number in range(25)]
    before = fewshot.fit_few_shot(wanted, mistaken[:0], others, groups[:5])
    after = fewshot.fit_few_shot(wanted, mistaken, others, groups)
    meant, alike, noise = cloud(3, 50, towards=3), unit(cloud(5, 50, towards=3) + cloud(6, 50, towards=7)), cloud(4, 200)

    def apart(head: fewshot.Head) -> float:
        """How far what is like it lies from it, of the way to noise."""
        ours, theirs, far = (float(head.logits(vectors).mean()) for vectors in (meant, alike, noise))
        return (ours - theirs) / (ours - far)

    assert apart(after) > apart(before)


def test_what_is_common_in_the_archive_is_found() -> None:
    others = np.concatenate([cloud(2, 300), cloud(6, 200, towards=3)])
    head = fewshot.fit_few_shot(cloud(0, 5, towards=3), cloud(1, 0), others, [f"{number}.wav" for number in range(5)])
    assert (head.scores(cloud(3, 50, towards=3)) > 0.5).mean() > 0.9
    assert (head.scores(cloud(4, 500)) > 0.5).mean() < 0.05


def test_one_example_ranks_its_like_first() -> None:
    head = fewshot.fit_few_shot(cloud(0, 1, towards=3), cloud(1, 0), cloud(2, 400), ["a.wav"])
    scores = head.scores(cloud(3, 50, towards=3))
    assert (scores > head.scores(cloud(4, 50)).max()).mean() > 0.9


def test_windows_of_one_recording_are_no_proof_of_each_other() -> None:
    """Twenty windows of one recording are as sure as one example, not as twenty recordings."""
    yes, others = cloud(0, 20, towards=3, by=1.0), cloud(2, 400)
    one = fewshot.fit_few_shot(yes, yes[:0], others, ["a.wav"] * 20)
    many = fewshot.fit_few_shot(yes, yes[:0], others, [f"{number}.wav" for number in range(20)])
    assert one.logits(yes).mean() != pytest.approx(many.logits(yes).mean(), rel=1e-3)


def test_the_same_examples_give_the_same_bits_and_their_order_nothing() -> None:
    yes, no, others, groups = cloud(0, 6, towards=3), cloud(1, 3), cloud(2, 50), [f"{number}.wav" for number in range(9)]
    first, second = fewshot.fit_few_shot(yes, no, others, groups), fewshot.fit_few_shot(yes, no, others, groups)
    assert first.weights.tobytes() == second.weights.tobytes() and first.bias == second.bias
    turned = fewshot.fit_few_shot(yes[::-1], no[::-1], others[::-1], groups[:6][::-1] + groups[6:][::-1])
    np.testing.assert_allclose(turned.weights, first.weights, rtol=1e-4, atol=1e-5)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 4), st.integers(0, 4), st.integers(0, 4), st.integers(0, 99))
def test_any_few_examples_give_finite_scores(yes: int, no: int, others: int, seed: int) -> None:
    groups = [f"{number % 2}.wav" for number in range(yes + no)]
    parts = cloud(seed, yes), cloud(seed + 1, no), cloud(seed + 2, others)
    if not no + others:
        with pytest.raises(InputError, match="at least one of each"):
            fewshot.fit_few_shot(*parts, groups)
        return
    assert np.isfinite(fewshot.fit_few_shot(*parts, groups).scores(cloud(5, 9))).all()


def test_examples_that_do_not_differ_give_no_answer() -> None:
    coefficients = fewshot._logistic_regression(np.zeros((4, 3)), np.array([1.0, 0, 1, 0]), np.ones(4), np.ones(3))
    assert np.array_equal(coefficients, np.zeros(3))


def test_folds_leave_recordings_out_whole_and_each_once() -> None:
    truth, groups = np.array([1, 1, 0, 0, 1, 0, 1], bool), np.array(["a", "a", "b", "c", "d", "c", "e"])
    left = list(fewshot.folds(truth, groups, 3))
    assert (np.sum(left, axis=0) == 1).all()
    for fold in left:
        assert set(groups[fold]).isdisjoint(groups[~fold])


def test_a_side_without_examples_is_refused() -> None:
    with pytest.raises(InputError, match="4 positive and 0 negative"):
        fewshot.fit_head(cloud(0, 4), np.ones(4, bool))


@pytest.mark.parametrize(("examples", "size"), [(3, 40), (20, 40), (21, 40), (90, 40)])
def test_a_newton_step_solves_its_equations(examples: int, size: int) -> None:
    rng = np.random.default_rng(0)
    scaled, gradient, penalty = rng.standard_normal((examples, size)), rng.standard_normal(size), np.append(np.full(size - 1, 0.3), 1e-6)
    step = fewshot._newton_step(scaled, gradient, penalty)
    assert np.allclose((scaled.T @ scaled + np.diag(penalty)) @ step, gradient, atol=1e-8)
