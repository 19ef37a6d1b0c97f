"""Linear probing: new linear heads are fitted to the outputs of a frozen encoder before, or instead of, training it.

Heads that start from a probe do not distort the encoder in the first steps of a fine-tuning (Kumar et al. 2022, arXiv:2202.10054).
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from auricle.core.errors import InputError
from auricle.core.units import clock
from auricle.models.model import Model
from auricle.train.batches import Batch, Batches
from auricle.train.objective import TaskHead, clip_losses

#: Tried strengths of the L2 penalty on standardised features, falling; the one with the best validation is used.
PENALTIES = (1.0, 1e-1, 1e-2, 1e-3, 1e-4)
#: Those for heads of an encoder that is trained next: with a head that fits all clips there is no gradient left.
STRONG_PENALTIES = PENALTIES[:2]
_STEPS = 60  # of L-BFGS, from the weights of the penalty before
_TRIED = 3  # of them to measure how long all take
_MAX_FRAMES = 100_000  # of a frame head's training; more are subsampled by clip
_REPORT_EVERY = 2.0  # seconds


@dataclasses.dataclass(frozen=True, eq=False)
class Encoded:
    """Outputs of a frozen encoder for N windows: pooled (N, D), frames (N, T, D) and mask (N, T), and targets by output.

    items (N,): index of the clip of each window. starts, seconds (N,): its position and length.
    """

    pooled: Tensor
    frames: Tensor | None
    mask: Tensor | None
    targets: Mapping[str, Tensor]
    seconds: Tensor
    items: Tensor
    starts: Tensor


@torch.no_grad()
def encode_all(model: Model, batches: Batches, *, frames: bool, what: str, report: Callable[[str], None], whole: bool = False) -> Encoded:
    """Encode every clip once: its first window, or with `whole` all its windows. frames: keep the frames too. what: for the progress."""
    rows: list[tuple[Tensor, Tensor | None, Tensor | None, Batch]] = []
    started = reported = time.monotonic()
    done = 0
    model.eval()
    starts: list[float] = []
    for batch, firsts in batches.in_order(whole=whole):
        encoded = model.encode(batch.features, batch.mask)
        mask = encoded.mask if encoded.mask is not None else torch.ones(encoded.frames.shape[:2], dtype=torch.bool)
        rows.append((encoded.pooled, encoded.frames if frames else None, mask if frames else None, batch))
        starts += firsts
        done = int(batch.items[-1]) + 1
        if time.monotonic() - reported > _REPORT_EVERY or done == len(batches.items):
            reported = time.monotonic()
            left = (reported - started) / done * (len(batches.items) - done)
            report(f"encoding {what}: {done} of {len(batches.items)} clips{f', {clock(left)} left' if left >= 1 else ''}")
    if not rows:
        raise InputError(f"none of the {what} can be read; wanted at least one")
    return Encoded(
        pooled=torch.cat([row[0] for row in rows]),
        frames=_stack([row[1] for row in rows if row[1] is not None]) if frames else None,
        mask=_stack([row[2] for row in rows if row[2] is not None]) if frames else None,
        targets={name: _stack([row[3].targets[name] for row in rows], fill=torch.nan) for name in rows[0][3].targets},
        seconds=torch.cat([row[3].mask.sum(dim=1) for row in rows]) / batches.frontend.frame_rate,
        items=torch.cat([row[3].items for row in rows]),
        starts=torch.tensor(starts),
    )


def fit_heads(
    model: Model,
    heads: Sequence[TaskHead],
    data: Encoded,
    *,
    score: Callable[[TaskHead], float],
    report: Callable[[str], None],
    penalties: Sequence[float] = PENALTIES,
) -> dict[str, float]:
    """Fit each linear head of the model, in place, and return the best score of each by the name of its output.

    score: measures a head as it is in the model, higher is better; it chooses the strength of the L2 penalty among `penalties`.
    """
    scores = {}
    for head in heads:
        linear = model.heads[head.name]
        assert isinstance(linear, nn.Linear)
        features, target = _training_data(head, data)
        mean, deviation = features.mean(dim=0), features.std(dim=0, correction=0)
        deviation = deviation.clamp(min=max(1e-6, 0.1 * float(deviation.mean())))  # features that hardly vary must not count much
        standardised = (features - mean) / deviation
        weight, bias = torch.zeros_like(linear.weight), torch.zeros_like(linear.bias)
        trials = []
        for penalty in penalties:
            weight, bias = _fit(weight, bias, head, standardised, target, penalty=penalty)
            _set(linear, weight / deviation, bias - (weight / deviation) @ mean)
            trials.append((score(head), penalty, linear.weight.detach().clone(), linear.bias.detach().clone()))
        best, penalty, weight, bias = max(trials, key=lambda trial: trial[0])
        _set(linear, weight, bias)
        scores[head.name] = best
        report(f"head {head.name} fitted to {len(target)} clips: validation {best:.4g} at an L2 penalty of {penalty:g}")
    return scores


def fit_seconds(model: Model, heads: Sequence[TaskHead], clips: int, *, penalties: Sequence[float] = PENALTIES) -> float:
    """How long fit_heads will take with so many windows, at most: measured on random features of the shapes that it will have."""
    seconds = 0.0
    for head in heads:
        linear, window = model.heads[head.name], model.config.window.seconds
        assert isinstance(linear, nn.Linear)
        rows = clips if head.spec.rate is None else min(_MAX_FRAMES, round(clips * window * head.spec.rate))
        generator = torch.Generator().manual_seed(0)
        features = torch.randn(rows, linear.in_features, generator=generator)
        target = (torch.rand(rows, linear.out_features, generator=generator) < 0.1).float()
        times = [time.perf_counter()]
        for chosen, steps in ((slice(2), 1), (slice(None), _TRIED)):  # the first optimiser of a process loads more of torch
            weight, bias = torch.zeros_like(linear.weight), torch.zeros_like(linear.bias)
            _fit(weight, bias, head, features[chosen], target[chosen], penalty=penalties[-1], steps=steps)
            times.append(time.perf_counter())
        seconds += (times[2] - times[1]) / _TRIED * _STEPS * len(penalties)
    return seconds


def _training_data(head: TaskHead, data: Encoded) -> tuple[Tensor, Tensor]:
    """Features (N, D) and targets (N, K) of a head: of clips, or of the real frames; of very many frames, those of evenly spaced clips."""
    targets = data.targets[head.name]
    if head.spec.kind != "frame_scores":
        return data.pooled, targets
    assert data.frames is not None and data.mask is not None
    step = -(-data.frames.shape[0] * data.frames.shape[1] // _MAX_FRAMES)
    count = min(data.frames.shape[1], targets.shape[1])
    mask = data.mask[::step, :count]
    return data.frames[::step, :count][mask], targets[::step, :count][mask]


def _fit(
    weight: Tensor, bias: Tensor, head: TaskHead, features: Tensor, target: Tensor, *, penalty: float, steps: int = _STEPS
) -> tuple[Tensor, Tensor]:
    """Weights of the least loss by L-BFGS, from these."""
    weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=steps, line_search_fn="strong_wolfe")
    rows = dataclasses.replace(head, spec=head.spec.model_copy(update={"kind": "clip_scores"})) if head.spec.rate else head

    def loss() -> Tensor:
        optimiser.zero_grad()
        losses = clip_losses(rows, nn.functional.linear(features, weight, bias), target)
        known = ~losses.isnan()
        total = losses[known].sum() / known.sum().clamp(min=1) + penalty * weight.square().sum() / len(weight)
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return weight.detach(), bias.detach()


@torch.no_grad()
def _set(linear: nn.Linear, weight: Tensor, bias: Tensor) -> None:
    linear.weight.copy_(weight)
    linear.bias.copy_(bias)


def _stack(parts: Sequence[Tensor], *, fill: float = 0.0) -> Tensor:
    """Concatenate batches (B, T, ...) whose T differ, padded."""
    if parts[0].ndim < 2 or len({part.shape[1] for part in parts}) == 1:
        return torch.cat(list(parts))
    longest = max(part.shape[1] for part in parts)
    padded = []
    for part in parts:
        extra = part.new_full((part.shape[0], longest - part.shape[1], *part.shape[2:]), fill)
        padded.append(torch.cat([part, extra], dim=1))
    return torch.cat(padded)
