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
from torch.distributed.checkpoint import state_dict as collected
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from auricle.core.errors import InputError

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

    All start from the weights of rank 0. Shards are cut at every entry of a ModuleList or ModuleDict, such as the blocks of an encoder.
    """
    if kind == "fsdp":
        if place.world == 1:
            raise InputError("parallel is 'fsdp', but there is one process; wanted torchrun with several, or 'ddp'")
        for value in (*step.parameters(), *step.buffers()):  # the other kind does so by itself
            if value.is_floating_point():
                distributed.broadcast(value.data, src=0)
        for block in blocks(step):
            fully_shard(block)
        fully_shard(step)
        return step
    if place.world == 1:
        return step
    # A model may have parts that an objective does not use, such as the labels' head under a contrastive one.
    return DistributedDataParallel(step, find_unused_parameters=True)


def blocks(module: nn.Module) -> list[nn.Module]:
    """Entries of module lists, the innermost first, that hold weights and are modules of their own."""
    lists = [each for each in module.modules() if isinstance(each, nn.ModuleList | nn.ModuleDict)]
    found = [child for each in lists for child in each.children() if not isinstance(child, nn.ModuleList | nn.ModuleDict)]
    return [child for child in reversed(found) if any(True for _ in child.parameters())]


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


def whole_state(step: nn.Module, optimisers: list[torch.optim.Optimizer]) -> dict[str, Any]:
    """Weights and optimisers as plain tensors of rank 0; of shards, put together. Every rank must call it."""
    if not isinstance(step, FSDPModule):
        return {"model": step.state_dict(), "optimisers": [each.state_dict() for each in optimisers]}
    options = collected.StateDictOptions(full_state_dict=True, cpu_offload=True)
    model, found = collected.get_state_dict(step, optimisers, options=options)
    return {"model": model, "optimisers": found}


def whole(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors by name, put together where they are shards. Every rank must call it."""
    return {name: value.full_tensor() if isinstance(value, DTensor) else value for name, value in values.items()}


def take(values: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Set tensors, which may be shards, from whole ones of the same names."""
    for name, value in values.items():
        new = found[name].to(value.device)
        value.copy_(distribute_tensor(new, value.device_mesh, value.placements) if isinstance(value, DTensor) else new)


def restore(step: nn.Module, optimisers: list[torch.optim.Optimizer], state: dict[str, Any]) -> None:
    """Take up what `whole_state` gave; every rank has read it."""
    if isinstance(step, FSDPModule):
        options = collected.StateDictOptions(full_state_dict=True)
        collected.set_state_dict(step, optimisers, model_state_dict=state["model"], optim_state_dict=state["optimisers"], options=options)
        return
    step.load_state_dict(state["model"])
    for optimiser, found in zip(optimisers, state["optimisers"], strict=True):
        optimiser.load_state_dict(found)
