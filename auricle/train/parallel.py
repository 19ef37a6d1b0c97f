"""Several processes as one training: who this process is, how it joins the others, and what they tell each other.

A process that `torchrun` started is told by the environment which it is (RANK, WORLD_SIZE, LOCAL_RANK); any other is alone.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from auricle.core.errors import InputError
from auricle.train.layers import layers

#: How long ranks wait for one that writes a checkpoint or what comes of the training.
_PATIENCE = datetime.timedelta(hours=2)


@dataclasses.dataclass(frozen=True)
class Place:
    """Which of how many processes this is, and what it computes on."""

    rank: int
    world: int
    device: torch.device


def told() -> tuple[int, int]:
    """(rank, how many) as the environment says; (0, 1) for a process by itself."""
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))


@contextlib.contextmanager
def joined(device: str) -> Iterator[Place]:
    """This process among the others, which leave together. device: 'cpu', 'cuda', or 'auto' for a GPU where there is one."""
    rank, world = told()
    kind = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    if kind == "cuda" and not torch.cuda.is_available():
        raise InputError("device is 'cuda', but torch sees no GPU; wanted 'cpu', or a torch built for this GPU")
    own = torch.device(kind, int(os.environ.get("LOCAL_RANK", 0))) if kind == "cuda" else torch.device(kind)
    if own.type == "cuda":
        torch.cuda.set_device(own)
    if world == 1:
        yield Place(rank, world, own)
        return
    distributed.init_process_group("nccl" if own.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield Place(rank, world, own)
        distributed.barrier()
    finally:
        distributed.destroy_process_group()


def spread(step: nn.Module, kind: str, place: Place) -> nn.Module:
    """The module that is called in training: itself when alone; else its copies ('ddp') or its shards ('fsdp') work together.

    All start from the weights of rank 0. Shards are cut layer by layer.
    """
    if kind == "fsdp":
        if place.world == 1:
            raise InputError("parallel is 'fsdp', but there is one process; wanted torchrun with several, or 'ddp'")
        if numbers := [name for name, parameter in step.named_parameters() if parameter.ndim == 0]:
            raise InputError(f"{numbers[0]} is a single number, which cannot be sharded; wanted a vector of one, or parallel 'ddp'")
        for value in (*step.parameters(), *step.buffers()):  # the other kind does so by itself
            if value.is_floating_point():
                distributed.broadcast(value.data, src=0)
        for layer in layers(step):
            fully_shard(layer)
        fully_shard(step)
        return step
    if place.world == 1:
        return step
    # A model may have parts that an objective does not use, such as the labels' head under a contrastive one.
    return DistributedDataParallel(step, find_unused_parameters=True)


@contextlib.contextmanager
def apart(module: nn.Module, *, last: bool) -> Iterator[None]:
    """Gradients are exchanged in the last of several micro-batches only."""
    if isinstance(module, FSDPModule):
        module.set_requires_gradient_sync(last)
    if isinstance(module, DistributedDataParallel) and not last:
        with module.no_sync():
            yield
        return
    yield


def averaged(values: Tensor, place: Place) -> Tensor:
    """Mean of each value over ranks, (n,)."""
    if place.world > 1:
        distributed.all_reduce(values)
        values = values / place.world
    return values


def whole(values: Mapping[Any, Any]) -> dict[Any, Any]:
    """Tensors by name, put together where they are shards; other values as they are. Every rank must call it."""
    return {name: value.full_tensor() if isinstance(value, DTensor) else value for name, value in values.items()}


@torch.no_grad()
def take(values: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Set tensors, which may be shards, from whole ones of the same names."""
    for name, value in values.items():
        value.copy_(_laid(found[name], value))


def whole_optimiser(optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """Its state with whole tensors. Every rank must call it."""
    state = optimiser.state_dict()
    return {**state, "state": {place: whole(values) for place, values in state["state"].items()}}


def restore_optimiser(optimiser: torch.optim.Optimizer, found: Mapping[str, Any]) -> None:
    """Take up what `whole_optimiser` gave; every rank has read it."""
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    state = {
        place: {name: _laid(value, parameters[place]) if _like(value, parameters[place]) else value for name, value in values.items()}
        for place, values in found["state"].items()
    }
    optimiser.load_state_dict({**found, "state": state})


def _like(value: Any, parameter: Tensor) -> bool:
    return isinstance(value, Tensor) and value.shape == parameter.shape


def _laid(value: Tensor, like: Tensor) -> Tensor:
    """A whole tensor, cut as another one is."""
    if not isinstance(like, DTensor):
        return value
    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements)
