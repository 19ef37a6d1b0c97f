"""A training that takes a moment: vectors of noise and of words, two small towers, contrast between them."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import torch
from torch import Tensor, nn

from auricle.nn.losses.contrast import InfoNce
from auricle.train.batches import Batch
from auricle.train.parallel import rank_and_world
from auricle.train.trainer import TrainConfig, Training

WIDTH, CLIPS = 8, 8


class Feed:
    """CLIPS rows a step, shared out over ranks; a row's words are told by its number."""

    def __init__(self, *, spoilt: int | None = None) -> None:
        self.waited, self.left_out, self.spoilt = 0.0, 0, spoilt

    def batch(self, step: int) -> Batch:
        generator = torch.Generator().manual_seed(step)
        items = torch.randint(0, 40, (CLIPS,), generator=generator)
        features = torch.sin(items[:, None, None] + torch.arange(3)[:, None] * torch.arange(1.0, WIDTH + 1))
        features += 0.1 * torch.randn(features.shape, generator=generator)
        if step == self.spoilt:
            features[3] = torch.nan
        rank, world = rank_and_world()
        whole = Batch(features, torch.ones(CLIPS, 3, dtype=torch.bool), [str(item) for item in items.tolist()], None, items, items)
        return whole.select(slice(rank, None, world))

    def stream(self, start: int, stop: int) -> Generator[Batch]:
        for step in range(start, stop):
            yield self.batch(step)

    def name(self, item: int) -> str:
        return f"clip{item}"


class Towers(nn.Module):
    """Sounds through blocks with dropout, words from a table; `spare` is used by nothing."""

    def __init__(self, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.entry = nn.Linear(WIDTH, WIDTH)
        blocks = [nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.Dropout(dropout)) for _ in range(2)]
        self.blocks = nn.ModuleList(blocks)
        self.words = nn.Embedding(40, WIDTH)
        self.spare = nn.Linear(WIDTH, 2)

    def sound(self, features: Tensor) -> Tensor:
        x = self.entry(features).mean(1)
        for block in self.blocks:
            x = x + block(x)
        return x


class Contrast(nn.Module):
    """The objective, with a scale that learns."""

    def __init__(self) -> None:
        super().__init__()
        self.contrast = InfoNce()

    def forward(self, model: Towers, batch: Batch) -> dict[str, Tensor]:
        return {"contrast": self.contrast(model.sound(batch.features), model.words(batch.items), batch.groups)}


def squares(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """An objective that is a mean over rows."""
    assert isinstance(model, Towers)
    gap = model.sound(batch.features) - model.words(batch.items)
    return {"near": gap.square().mean(), "small": 0.1 * model.words(batch.items).square().mean()}


def training(*, dropout: float = 0.0, spoilt: int | None = None, objective: Any = None, **settings: Any) -> Training:
    """Six steps unless said otherwise."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Towers(dropout=dropout)
    given = {"steps": 6, "learning_rate": 1e-2, "device": "cpu", "save_every": 2, "log_every": 2, **settings}
    return Training(model, objective or Contrast(), Feed(spoilt=spoilt), TrainConfig(**given))
