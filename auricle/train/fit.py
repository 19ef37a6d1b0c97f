"""The training loop of the shipped model: composed batches in, averaged weights out; a kill costs at most an epoch."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from auricle.core.config import CLIP_LOGITS, EMBEDDING, FRAME_LOGITS
from auricle.models.model import Model
from auricle.nn.losses.scores import presence, shared_cross_entropy
from auricle.nn.losses.vectors import words_contrast
from auricle.train import checkpoint
from auricle.train.average import Average
from auricle.train.compose import Batch, Composer
from auricle.train.muon import Muon, hidden_weights
from auricle.train.schedule import warm_cosine


@dataclasses.dataclass(frozen=True)
class FitConfig:
    """One training. epochs of epoch_clips samples each; the first short_share of them on canvases of short_frames, the rest of frames."""

    epochs: int = 24
    epoch_clips: int = 4096
    batch: int = 32
    frames: int = 248
    short_frames: int = 128
    short_share: float = 0.6
    rate: float = 2e-3
    decay: float = 0.05
    average: float = 0.998
    presence_weight: float = 0.3
    frames_weight: float = 0.3
    words_weight: float = 0.5
    temperature: float = 0.07


def total_loss(outputs: Mapping[str, Tensor], batch: Batch, words: Tensor, config: FitConfig) -> dict[str, Tensor]:
    """The parts of the loss by name, weighted; words (K, D) are the unit vectors of the vocabulary."""
    return {
        "event": shared_cross_entropy(outputs[CLIP_LOGITS], batch["share"]),
        "clip": config.presence_weight * presence(outputs[CLIP_LOGITS], batch["clip"]),
        "frames": config.frames_weight * presence(outputs[FRAME_LOGITS], batch["frames"]),
        "words": config.words_weight * words_contrast(outputs[EMBEDDING], words, batch["share"], temperature=config.temperature),
    }


def fit(
    model: Model,
    composer: Composer,
    words: Tensor,
    config: FitConfig,
    *,
    seed: int,
    path: Path,
    report: Callable[[str], None],
) -> nn.Module:
    """Train and return the averaged model. path: the checkpoint, resumed from where it exists. report: told one line an epoch."""
    device = next(model.parameters()).device
    words = words.to(device)
    optimisers = _optimisers(model, config)
    average = Average(model, decay=config.average)
    first = _resume(path, model, optimisers, average)
    steps = config.epoch_clips // config.batch
    for epoch in range(first, config.epochs):
        rng = np.random.default_rng([seed, epoch])  # an epoch's data depends on nothing before it, so a resumed run sees the same
        torch.manual_seed(seed * 1000 + epoch)  # dropout
        frames = config.short_frames if epoch < config.short_share * config.epochs else config.frames
        start, totals = time.monotonic(), dict[str, float]()
        model.train()
        for step in range(steps):
            for group in (group for optimiser in optimisers for group in optimiser.param_groups):
                group["lr"] = config.rate * warm_cosine((epoch * steps + step) / (config.epochs * steps))
            batch = Batch({k: v.to(device) for k, v in composer.batch(rng, size=config.batch, frames=frames).items()})
            parts = total_loss(model(batch["features"]), batch, words, config)
            loss = torch.stack(list(parts.values())).sum()
            if not torch.isfinite(loss):
                raise FloatingPointError(f"loss is {loss.item()} in epoch {epoch}, step {step}; lower the learning rate ({config.rate})")
            model.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            for optimiser in optimisers:
                optimiser.step()
            average.update(model)
            for name, part in parts.items():
                totals[name] = totals.get(name, 0.0) + part.item() / steps
        _save(path, model, optimisers, average, epoch + 1)
        speed = config.epoch_clips / (time.monotonic() - start)
        report(f"epoch {epoch + 1}/{config.epochs} " + " ".join(f"{k} {v:.3f}" for k, v in totals.items()) + f" {speed:.0f} clips/s")
    return average.model


def _optimisers(model: Model, config: FitConfig) -> list[torch.optim.Optimizer]:
    """Muon for the encoder's hidden weights; AdamW for its first kernels, the heads, and all gains and biases, which do not decay."""
    hidden = hidden_weights(model.encoder)
    taken = set(map(id, hidden))
    others = [p for p in model.parameters() if p.ndim > 1 and id(p) not in taken]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": others, "weight_decay": config.decay}, {"params": plain, "weight_decay": 0.0}]
    return [Muon(hidden, lr=config.rate, weight_decay=config.decay), torch.optim.AdamW(groups, lr=config.rate)]


def _save(path: Path, model: nn.Module, optimisers: list[torch.optim.Optimizer], average: Average, epoch: int) -> None:
    state = {"model": model.state_dict(), "optimisers": [each.state_dict() for each in optimisers]}
    checkpoint.save(path, {**state, "average": average.model.state_dict(), "steps": average.steps, "epoch": epoch})


def _resume(path: Path, model: nn.Module, optimisers: list[torch.optim.Optimizer], average: Average) -> int:
    if not path.exists():
        return 0
    state = checkpoint.load(path)
    model.load_state_dict(state["model"])
    for optimiser, found in zip(optimisers, state["optimisers"], strict=True):
        optimiser.load_state_dict(found)
    average.model.load_state_dict(state["average"])
    average.steps = state["steps"]
    return int(state["epoch"])
