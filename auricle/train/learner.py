"""One step of learning: a batch in, changed weights out; in parts, on several processes, in half precision, watched."""

from __future__ import annotations

import contextlib
import copy
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from auricle.core.errors import InputError
from auricle.train import lora, parallel
from auricle.train.batches import Batch
from auricle.train.config import TrainConfig
from auricle.train.ema import Ema
from auricle.train.freeze import freeze, train_mode
from auricle.train.nonfinite import refuse
from auricle.train.optimiser import optimisers
from auricle.train.schedule import lr_factor

Objective = Callable[[nn.Module, Batch], dict[str, Tensor]]


class Step(nn.Module):
    """Model and objective as one module, so that copies and shards work whatever parts of the model the objective calls."""

    def __init__(self, model: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.model = model
        self.objective = objective

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The weighted parts of the loss by name, each ()."""
        return self.objective(self.model, batch)


class Learner:
    """A model with all that teaches it. flops: operations of this process in the very first step, forward and back; 0 before it."""

    def __init__(self, model: nn.Module, objective: Objective, settings: TrainConfig, place: parallel.Place) -> None:
        _refuse_hidden(model, objective)
        if settings.parallel == "fsdp" and settings.optimiser == "muon":
            raise InputError("optimiser 'muon' needs whole matrices, which parallel 'fsdp' cuts; wanted 'adamw' or 'ddp'")
        if settings.lora is not None:
            lora.adapt(model, settings.lora, seed=settings.seed)
        freeze(model, settings.freeze)
        self.settings, self.place, self.flops = settings, place, 0.0
        self._step = Step(model, objective).to(place.device)
        self._unsharded = copy.deepcopy(self._step).cpu() if settings.parallel == "fsdp" and place.rank == 0 else None
        self._module = parallel.spread(self._step, settings.parallel, place)
        self._optimisers = optimisers(self._step, settings)
        self._learning = [parameter for parameter in self._step.parameters() if parameter.requires_grad]
        self._average: Ema | None = None
        if settings.ema_decay is not None:
            copies = {name: value.detach().clone() for name, value in self._step.state_dict().items()}
            self._average = Ema(copies, decay=settings.ema_decay)
        train_mode(self._module)

    def learn(self, batch: Batch, number: int, *, name: Callable[[int], str]) -> dict[str, float]:
        """Step `number` with this rank's batch. Returns the parts of the loss, means over ranks, and the gradient's length.

        name: what an item is called, should the batch spoil the loss.
        """
        torch.manual_seed(_seed(self.settings.seed, number, self.place.rank))
        batch = batch.to(self.place.device)
        for optimiser in self._optimisers:
            optimiser.zero_grad()
        parts = self._gradients(batch, count=number == 0)
        length = self._limited()
        own = torch.stack([*parts.values(), length]).tolist()
        figures = dict(zip([*parts, "gradient"], own, strict=True))
        if self.place.world > 1:
            shared = parallel.averaged(torch.tensor(own, dtype=torch.float64, device=self.place.device), self.place).tolist()
            figures = dict(zip(figures, shared, strict=True))
        if not all(map(math.isfinite, figures.values())):
            refuse(dict(zip(figures, own, strict=True)), batch, step=number, name=name)
        self._move(number)
        return figures

    def lr_at(self, number: int) -> float:
        """The learning rate of a step."""
        settings, done = self.settings, number / self.settings.steps
        fractions = {"warmup_fraction": settings.warmup_fraction, "min_lr_fraction": settings.min_lr_fraction}
        return settings.learning_rate * lr_factor(settings.schedule, done, **fractions)

    def state(self) -> dict[str, Any]:
        """Everything that the next step depends on, whole on rank 0. Every rank must call it."""
        learnt = [parallel.whole_optimiser(each) for each in self._optimisers]
        state = {"model": parallel.whole(self._step.state_dict()), "optimisers": learnt, "flops": self.flops}
        if self._average is not None:
            state |= {"ema": parallel.whole(self._average.values), "averaged": self._average.steps}
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` gave."""
        parallel.take(self._step.state_dict(), state["model"])
        for optimiser, found in zip(self._optimisers, state["optimisers"], strict=True):
            parallel.restore_optimiser(optimiser, found)
        self.flops = state["flops"]
        if self._average is not None:
            parallel.take(self._average.values, state["ema"])
            self._average.steps = state["averaged"]

    def finished(self) -> nn.Module | None:
        """The model in evaluation mode, averaged where that was asked, adaptations merged; None on ranks above 0. Ends the training."""
        state = self.state()
        if self.place.rank > 0:
            return None
        step = self._step if self._unsharded is None else self._unsharded
        step.load_state_dict(state.get("ema", state["model"]))
        lora.plain(step.model)
        return step.model.eval()

    def _gradients(self, batch: Batch, *, count: bool) -> dict[str, Tensor]:
        """Work through the parts of a batch; each counts by its rows. Returns the parts of the loss, without gradients."""
        totals: dict[str, Tensor] = {}
        pieces = list(_pieces(batch, self.settings.accumulate))
        for place, piece in enumerate(pieces):
            share = len(piece) / len(batch)
            counter = FlopCounterMode(display=False) if count and place == 0 else None
            with parallel.apart(self._module, last=place == len(pieces) - 1), counter or contextlib.nullcontext():
                with torch.autocast(self.place.device.type, torch.bfloat16, enabled=self.settings.precision == "bfloat16"):
                    parts = self._module(piece)
                (torch.stack([part.float() for part in parts.values()]).sum() * share).backward()  # type: ignore[no-untyped-call]
            for name, part in parts.items():
                totals[name] = totals.get(name, 0.0) + part.detach().float() * share
            if counter is not None:
                self.flops = counter.get_total_flops() / share
        return totals

    def _limited(self) -> Tensor:
        """Length of the whole gradient before it is cut to its limit, ()."""
        length = nn.utils.clip_grad_norm_(self._learning, self.settings.gradient_limit or math.inf)
        found: Tensor = parallel.whole({"": length})[""]
        return found.float()

    def _move(self, number: int) -> None:
        rate = self.lr_at(number)
        for optimiser in self._optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * group["lr_scale"]
            optimiser.step()
        if self._average is not None:
            self._average.update(self._step.state_dict())


def _pieces(batch: Batch, count: int) -> Iterator[Batch]:
    rows = len(batch)
    if count > rows:
        raise InputError(f"accumulate is {count}, but a process has {rows} clips a step; wanted at most as many")
    for place in range(count):
        yield batch.part(slice(rows * place // count, rows * (place + 1) // count)) if count > 1 else batch


def _seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])


def _refuse_hidden(model: nn.Module, objective: Objective) -> None:
    """An objective that is no module, but reaches one with parameters of its own, would leave these as they are without a word."""
    if isinstance(objective, nn.Module):
        return
    inner = objective.func if isinstance(objective, functools.partial) else objective
    reached = [cell.cell_contents for cell in getattr(inner, "__closure__", None) or ()]
    reached += [getattr(inner, "__self__", None), *vars(getattr(inner, "__self__", inner)).values()]
    if isinstance(objective, functools.partial):
        reached += [*objective.args, *objective.keywords.values()]
    known = {id(parameter) for parameter in model.parameters()}
    for module in reached:
        if isinstance(module, nn.Module) and any(id(parameter) not in known for parameter in module.parameters()):
            kind = type(module).__name__
            raise InputError(f"the objective uses {kind}, whose parameters would not learn; wanted an objective that is an nn.Module")
