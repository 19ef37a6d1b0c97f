"""Losses over tokens and hidden patches, by hand."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from auricle.nn.losses.captioning import next_token_cross_entropy, token_cross_entropy  # noqa: E402
from auricle.nn.losses.masked_spectrogram import masked_patches, match_within_clip, ssast  # noqa: E402

SURE = math.log(1 + 2 * math.exp(-2.0))  # of a logit of 2 among zeros, three words


def test_tokens_by_hand() -> None:
    tokens, mask = torch.tensor([[0, 1, 2, 2]]), torch.tensor([[True, True, True, False]])
    logits = 2.0 * torch.nn.functional.one_hot(tokens, 3).float()
    logits[0, 3] = torch.tensor([50.0, 0.0, 0.0])  # padding, and wrong
    assert token_cross_entropy(logits, tokens, mask).item() == pytest.approx(SURE, abs=1e-6)
    smooth = token_cross_entropy(logits, tokens, mask, smoothing=0.3)
    assert smooth.item() == pytest.approx(SURE + 0.2 * 2.0, abs=1e-6)  # two thirds of 0.3 lie on words whose logit is 2 less


def test_the_next_token_is_one_to_the_right() -> None:
    tokens, mask = torch.tensor([[0, 1, 2]]), torch.tensor([[True, True, True]])
    logits = torch.zeros(1, 3, 3)
    logits[0, 0, 1] = logits[0, 1, 2] = 2.0
    logits[0, 2] = torch.tensor([90.0, 0.0, 0.0])  # nothing comes after the last
    assert next_token_cross_entropy(logits, tokens, mask).item() == pytest.approx(SURE, abs=1e-6)


def test_patches_are_told_apart_within_their_clip() -> None:
    hidden = torch.eye(2)[None].repeat(2, 1, 1)
    assert match_within_clip(2 * hidden, hidden).item() == pytest.approx(math.log(1 + math.exp(-2)), abs=1e-6)
    # a true patch picks among guesses: a guess that is large everywhere takes from the other true patch, not from its own
    guessed = torch.tensor([[[3.0, 3.0], [0.0, 1.0]]])
    wanted = (math.log(1 + math.exp(-3)) + math.log(1 + math.exp(2))) / 2
    assert match_within_clip(guessed, hidden[:1]).item() == pytest.approx(wanted, abs=1e-6)
    parts = ssast(guessed, hidden[:1] + 0.1, hidden[:1])
    assert parts["draw"].item() == pytest.approx(0.1, abs=1e-6)


def test_only_hidden_patches_count_and_each_is_normalised() -> None:
    patches = torch.tensor([[[1.0, 2.0, 3.0], [10.0, 20.0, 30.0], [5.0, 5.0, 9.0]]])
    hidden = torch.tensor([[True, True, False]])
    drawn = torch.zeros(1, 3, 3)
    drawn[0, 2] = 1e6
    assert masked_patches(drawn, patches, hidden).item() == pytest.approx(2 / 3, abs=1e-5)  # both become -1, 0, 1
    assert masked_patches(drawn, patches, hidden, normalised=False).item() == pytest.approx((14 + 1400) / 6, rel=1e-6)
