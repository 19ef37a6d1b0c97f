"""The captioner: what each of its two ways may look at, and that it learns to say what it hears."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch

from auricle.models.captioner import Captioner, CaptionerConfig
from auricle.models.encoders.embedding import Embedding

CONFIG = CaptionerConfig(vocabulary=12, begin=0, end=1, hidden_word=2, width=32, depth=1, heads=2, hidden=32, dropout=0.0)


def captioner() -> Captioner:
    torch.manual_seed(0)
    return Captioner(CONFIG, 16)


def heard(rows: int, frames: int = 6) -> Embedding:
    states = torch.randn(rows, frames, 16, generator=torch.Generator().manual_seed(1))
    return Embedding(states.mean(dim=1), states, torch.arange(frames)[None].expand(rows, -1) < 4)


@torch.no_grad()
def test_one_after_the_other_sees_no_later_word_and_no_padding_of_sound() -> None:
    model, clip = captioner(), heard(1)
    ids, changed = torch.tensor([[0, 5, 6, 7]]), torch.tensor([[0, 5, 9, 9]])
    mask = torch.ones_like(ids)
    plain = model(clip, ids, mask)
    torch.testing.assert_close(plain[:, :2], model(clip, changed, mask)[:, :2])
    assert not torch.allclose(plain[:, 2:], model(clip, changed, mask)[:, 2:])
    clip.frames[:, 4:] = 100.0
    torch.testing.assert_close(plain, model(clip, ids, mask))


@torch.no_grad()
def test_in_parallel_no_word_is_seen() -> None:
    model, clip = captioner(), heard(1)
    mask = torch.ones(1, 4, dtype=torch.long)
    one, other = (model(clip, torch.tensor([row]), mask, parallel=True) for row in ([0, 5, 6, 7], [3, 9, 4, 8]))
    torch.testing.assert_close(one, other)
    assert not torch.allclose(one[:, 0], one[:, 1])  # places differ


def test_it_learns_to_say_what_it_hears() -> None:
    model, clips = captioner(), heard(4)
    said = torch.tensor([[0, 3, 4, 5, 1], [0, 6, 7, 1, 1], [0, 8, 1, 1, 1], [0, 9, 10, 11, 1]])
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(80):
        logits = model(clips, said[:, :-1], torch.ones_like(said[:, :-1]))
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), said[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert model.eval().generate(clips, max_length=6) == [[3, 4, 5], [6, 7], [8], [9, 10, 11]]
