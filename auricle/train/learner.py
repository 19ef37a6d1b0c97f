"""The training step: loss, gradients (accumulated, exchanged between ranks, clipped), optimisers and EMA."""

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
from auricle.train.freeze import freeze, set_train_mode
from auricle.train.nonfinite import raise_nonfinite
from auricle.train.optimiser import make_optimisers
from auricle.train.schedule import lr_factor

Objective = Callable[[nn.Module, Batch], dict[str, Tensor]]


class ModelWithLoss(nn.Module):
    """Model and objective as one module, so that DDP and FSDP wrap every part of the model that the objective calls."""

    def __init__(self, model: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.model = model
        self.objective = objective

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The weighted parts of the loss by name, each ()."""
        return self.objective(self.model, batch)


class Learner:
    """A model with its objective, optimisers and EMA.

    flops: floating-point operations of this process in the first step, forward and backward; 0 before it.
    """

    def __init__(self, model: nn.Module, objective: Objective, settings: TrainConfig, process: parallel.Process) -> None:
        """Applies LoRA and freezing to the model, in place. InputError for settings that exclude each other."""
        _check_objective(model, objective)
        if settings.parallel == "fsdp" and settings.optimiser == "muon":
            raise InputError("optimiser 'muon' needs whole matrices, which parallel 'fsdp' shards; wanted 'adamw' or 'ddp'")
        if settings.lora is not None:
            lora.apply_lora(model, settings.lora, seed=settings.seed)
        freeze(model, settings.freeze)
        self.settings, self.process, self.flops = settings, process, 0.0
        self._module = ModelWithLoss(model, objective).to(process.device)
        self._unsharded = copy.deepcopy(self._module).cpu() if settings.parallel == "fsdp" and process.rank == 0 else None
        self._wrapped = parallel.wrap(self._module, settings.parallel, process)
        self._optimisers = make_optimisers(self._module, settings)
        self._trainable = [parameter for parameter in self._module.parameters() if parameter.requires_grad]
        self._ema: Ema | None = None
        if settings.ema_decay is not None:
            copies = {name: value.detach().clone() for name, value in self._module.state_dict().items()}
            self._ema = Ema(copies, decay=settings.ema_decay)
        set_train_mode(self._wrapped)

    def train_step(self, batch: Batch, step: int, *, name: Callable[[int], str]) -> dict[str, float]:
        """Run one step with this rank's batch. Returns the parts of the loss and the gradient norm, means over ranks.

        name: item to its name, for the ModelError that is raised where a value is not finite.
        """
        torch.manual_seed(_seed(self.settings.seed, step, self.process.rank))
        batch = batch.to(self.process.device)
        for optimiser in self._optimisers:
            optimiser.zero_grad()
        parts = self._backward(batch, count_flops=step == 0)
        norm = self._clip_gradients()
        own = torch.stack([*parts.values(), norm]).tolist()
        figures = dict(zip([*parts, "gradient"], own, strict=True))
        if self.process.world > 1:
            mean = parallel.mean_over_ranks(torch.tensor(own, dtype=torch.float64, device=self.process.device), self.process).tolist()
            figures = dict(zip(figures, mean, strict=True))
        if not all(map(math.isfinite, figures.values())):
            raise_nonfinite(dict(zip(figures, own, strict=True)), batch, step=step, name=name)
        self._update(step)
        return figures

    def lr_at(self, step: int) -> float:
        """Learning rate of a step."""
        settings, done = self.settings, step / self.settings.steps
        fractions = {"warmup_fraction": settings.warmup_fraction, "min_lr_fraction": settings.min_lr_fraction}
        return settings.learning_rate * lr_factor(settings.schedule, done, **fractions)

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on, with full tensors. Every rank must call it."""
        optimisers = [parallel.optimiser_state(each) for each in self._optimisers]
        state = {"model": parallel.full_tensors(self._module.state_dict()), "optimisers": optimisers, "flops": self.flops}
        if self._ema is not None:
            state |= {"ema": parallel.full_tensors(self._ema.values), "averaged": self._ema.steps}
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state of `state_dict`, which every rank has read."""
        parallel.copy_tensors(self._module.state_dict(), state["model"])
        for optimiser, saved in zip(self._optimisers, state["optimisers"], strict=True):
            parallel.load_optimiser_state(optimiser, saved)
        self.flops = state["flops"]
        if self._ema is not None:
            parallel.copy_tensors(self._ema.values, state["ema"])
            self._ema.steps = state["averaged"]

    def weights(self) -> dict[str, Tensor]:
        """Copies of the current weights on the CPU, those of the EMA where set, with full tensors. Every rank must call it."""
        values = self._module.state_dict() if self._ema is None else self._ema.values
        full: dict[str, Tensor] = parallel.full_tensors(values)
        return {name: value.detach().to("cpu", copy=True) for name, value in full.items()}

    @torch.no_grad()
    def evaluate(self, validate: Callable[[nn.Module], dict[str, float]]) -> dict[str, float]:
        """Figures of the current weights, those of the EMA where set. Every rank must call it; rank 0 measures."""
        figures: list[Any] = [None]
        own = self.weights()
        if self.process.rank == 0:
            module = self._module if self._unsharded is None else self._unsharded
            before = {name: value.detach().clone() for name, value in module.state_dict().items()} if self._ema is not None else None
            if self._ema is not None or self._unsharded is not None:
                module.load_state_dict(own)
            module.eval()
            figures = [validate(module.model)]
            if before is not None:
                module.load_state_dict(before)
        set_train_mode(self._wrapped)
        measured: dict[str, float] = parallel.from_first_rank(figures[0], self.process)
        return measured

    def trained_model(self, best: dict[str, Tensor] | None = None) -> nn.Module | None:
        """The model in evaluation mode, with LoRA merged; None on ranks above 0. Ends the training. Every rank must call it.

        best: weights of `weights` to use instead of the current ones.
        """
        state = self.weights() if best is None else best
        if self.process.rank > 0:
            return None
        module = self._module if self._unsharded is None else self._unsharded
        module.load_state_dict(state)
        lora.merge_and_unload(module.model)
        return module.model.eval()

    def _backward(self, batch: Batch, *, count_flops: bool) -> dict[str, Tensor]:
        """Compute gradients micro-batch by micro-batch, each weighted by its rows. Returns the parts of the loss, detached."""
        totals: dict[str, Tensor] = {}
        pieces = list(_micro_batches(batch, self.settings.accumulate))
        for index, piece in enumerate(pieces):
            share = len(piece) / len(batch)
            counter = FlopCounterMode(display=False) if count_flops and index == 0 else None
            with parallel.sync_gradients(self._wrapped, last=index == len(pieces) - 1), counter or contextlib.nullcontext():
                with torch.autocast(self.process.device.type, torch.bfloat16, enabled=self.settings.precision == "bfloat16"):
                    parts = self._wrapped(piece)
                (torch.stack([part.float() for part in parts.values()]).sum() * share).backward()  # type: ignore[no-untyped-call]
            for name, part in parts.items():
                totals[name] = totals.get(name, 0.0) + part.detach().float() * share
            if counter is not None:
                self.flops = counter.get_total_flops() / share
        return totals

    def _clip_gradients(self) -> Tensor:
        """Clip the gradient norm to its limit. Returns the norm before clipping, ()."""
        norm = nn.utils.clip_grad_norm_(self._trainable, self.settings.gradient_limit or math.inf)
        full: Tensor = parallel.full_tensors({"": norm})[""]
        return full.float()

    def _update(self, step: int) -> None:
        """Set the learning rate of the step, then update weights and EMA."""
        rate = self.lr_at(step)
        for optimiser in self._optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * group["lr_scale"]
            optimiser.step()
        if self._ema is not None:
            self._ema.update(self._module.state_dict())


def _micro_batches(batch: Batch, count: int) -> Iterator[Batch]:
    rows = len(batch)
    if count > rows:
        raise InputError(f"accumulate is {count}, but a process has {rows} clips per step; wanted at most as many")
    for index in range(count):
        yield batch.select(slice(rows * index // count, rows * (index + 1) // count)) if count > 1 else batch


def _seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])


def _check_objective(model: nn.Module, objective: Objective) -> None:
    """InputError for an objective that is not a module but uses one with parameters of its own, which would not be trained."""
    if isinstance(objective, nn.Module):
        return
    inner = objective.func if isinstance(objective, functools.partial) else objective
    reached = [cell.cell_contents for cell in getattr(inner, "__closure__", None) or ()]
    reached += [getattr(inner, "__self__", None), *vars(getattr(inner, "__self__", inner)).values()]
    if isinstance(objective, functools.partial):
        reached += [*objective.args, *objective.keywords.values()]
    of_model = {id(parameter) for parameter in model.parameters()}
    for module in reached:
        if isinstance(module, nn.Module) and any(id(parameter) not in of_model for parameter in module.parameters()):
            kind = type(module).__name__
            raise InputError(f"the objective uses {kind}, whose parameters would not be trained; wanted an objective that is an nn.Module")
