"""Distributed training: process groups, DDP and FSDP, and exchange of values between ranks.

`torchrun` sets RANK, WORLD_SIZE and LOCAL_RANK in the environment; a process without these is the only one.
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
from auricle.train.layers import list_layers

#: How long ranks wait for rank 0 to write a checkpoint or the results.
_TIMEOUT = datetime.timedelta(hours=2)


@dataclasses.dataclass(frozen=True)
class Process:
    """Rank of this process, number of processes (`world`), and its device."""

    rank: int
    world: int
    device: torch.device


def rank_and_world() -> tuple[int, int]:
    """(rank, world size) from the environment; (0, 1) for a single process."""
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))


@contextlib.contextmanager
def process_group(device: str) -> Iterator[Process]:
    """Join the process group; all ranks leave it together. device: 'cpu', 'cuda', or 'auto' for a GPU where there is one.

    InputError where device is 'cuda' and torch finds no GPU.
    """
    rank, world = rank_and_world()
    kind = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    if kind == "cuda" and not torch.cuda.is_available():
        raise InputError("device is 'cuda', but torch finds no GPU; wanted 'cpu', or a torch built for this GPU")
    own = torch.device(kind, int(os.environ.get("LOCAL_RANK", 0))) if kind == "cuda" else torch.device(kind)
    if own.type == "cuda":
        torch.cuda.set_device(own)
    if world == 1:
        yield Process(rank, world, own)
        return
    distributed.init_process_group("nccl" if own.type == "cuda" else "gloo", timeout=_TIMEOUT)
    try:
        yield Process(rank, world, own)
        distributed.barrier()
    finally:
        distributed.destroy_process_group()


def wrap(step: nn.Module, kind: str, process: Process) -> nn.Module:
    """Wrap the module for training: replicated ('ddp') or sharded layer by layer ('fsdp'); unchanged for a single process.

    All ranks start from the weights of rank 0. InputError for 'fsdp' with a single process or with scalar parameters.
    """
    if kind == "fsdp":
        if process.world == 1:
            raise InputError("parallel is 'fsdp', but there is one process; wanted torchrun with several, or 'ddp'")
        if scalars := [name for name, parameter in step.named_parameters() if parameter.ndim == 0]:
            raise InputError(f"{scalars[0]} is a scalar, which cannot be sharded; wanted a vector of length one, or parallel 'ddp'")
        for value in (*step.parameters(), *step.buffers()):  # DistributedDataParallel does this itself
            if value.is_floating_point():
                distributed.broadcast(value.data, src=0)
        for layer in list_layers(step):
            fully_shard(layer)
        fully_shard(step)
        return step
    if process.world == 1:
        return step
    # An objective need not use every part of the model: a contrastive one does not use the classification head.
    return DistributedDataParallel(step, find_unused_parameters=True)


@contextlib.contextmanager
def sync_gradients(module: nn.Module, *, last: bool) -> Iterator[None]:
    """Exchange gradients in the last of several micro-batches only."""
    if isinstance(module, FSDPModule):
        module.set_requires_gradient_sync(last)
    if isinstance(module, DistributedDataParallel) and not last:
        with module.no_sync():
            yield
        return
    yield


def mean_over_ranks(values: Tensor, process: Process) -> Tensor:
    """Mean of each value over ranks, (n,) to (n,)."""
    if process.world > 1:
        distributed.all_reduce(values)
        values = values / process.world
    return values


def full_tensors(values: Mapping[Any, Any]) -> dict[Any, Any]:
    """Gather sharded tensors; other values are returned unchanged. Every rank must call it."""
    return {name: value.full_tensor() if isinstance(value, DTensor) else value for name, value in values.items()}


@torch.no_grad()
def copy_tensors(values: Mapping[str, Tensor], source: Mapping[str, Tensor]) -> None:
    """Copy full tensors into those of the same names, which may be sharded."""
    for name, value in values.items():
        value.copy_(_shard_like(source[name], value))


def optimiser_state(optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """State dict of an optimiser with full tensors. Every rank must call it."""
    state = optimiser.state_dict()
    return {**state, "state": {index: full_tensors(values) for index, values in state["state"].items()}}


def load_optimiser_state(optimiser: torch.optim.Optimizer, source: Mapping[str, Any]) -> None:
    """Load a state dict of `optimiser_state`, which every rank has read."""
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    state = {
        index: {
            name: _shard_like(value, parameters[index]) if _same_shape(value, parameters[index]) else value
            for name, value in values.items()
        }
        for index, values in source["state"].items()
    }
    optimiser.load_state_dict({**source, "state": state})


def _same_shape(value: Any, parameter: Tensor) -> bool:
    return isinstance(value, Tensor) and value.shape == parameter.shape


def _shard_like(value: Tensor, like: Tensor) -> Tensor:
    """Shard a full tensor as another one is sharded."""
    if not isinstance(like, DTensor):
        return value
    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements)


def from_first_rank(value: Any, process: Process) -> Any:
    """The value of rank 0 on every rank."""
    values = [value]
    if process.world > 1:
        distributed.broadcast_object_list(values, src=0, device=process.device)
    return values[0]
