"""Merging of model folders (`auricle merge`): arguments are checked, models read and merged, and the result written with its lineage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from auricle.core.errors import InputError
from auricle.models.running import find_device
from auricle.recipes.merging.config import MergeConfig
from auricle.recipes.merging.folders import Parent, read_checkpoints, read_parent, shared_extra, write_merged
from auricle.recipes.merging.labelled_features import LabelledFeatures, read_features
from auricle.recipes.merging.merger import Merged, Merger

#: Methods that need the model that all parents were fine-tuned from, and those that need recordings.
NEED_BASE, NEED_DATA = ("task-arithmetic", "ties", "dare", "emr"), ("greedy", "fisher", "regmean")


def merge(
    models: Sequence[str | Path],
    output: Path,
    config: MergeConfig,
    *,
    base: str | Path | None = None,
    data: Sequence[Path] = (),
    device: str | None = None,
) -> Merged:
    """Merge models and write the folder `output`. Returns what is in it.

    models: two or more, by name or path; for ema one folder of a training with its checkpoints. base: of NEED_BASE, the model that all were
    fine-tuned from. data: one manifest for all models, or one per model in their order; for NEED_DATA, and for the statistics of batch
    norms. device: where the models are run on the data (models.running.find_device). InputError for models that do not fit together (names
    the setting or the tensor), and for arguments that the method lacks.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError(f"{output} already exists; wanted a new folder for -o")
    _check_arguments(models, config, base, data)
    parents = read_checkpoints(Path(models[0])) if config.method == "ema" else [read_parent(model) for model in models]
    origin = None if base is None else read_parent(base)
    shared_extra([*parents, *([] if origin is None else [origin])])
    merger = Merger(parents, config, base=origin, data=_read_data(parents, data, config, device))
    merged = merger.run(name=output.name)
    everyone = [*parents, *([] if origin is None else [origin])]
    items = [item for each in merger.data for item in each.items]
    write_merged(output, merged.model, everyone, items, about=_card(config, merged))
    return merged


def _check_arguments(models: Sequence[str | Path], config: MergeConfig, base: str | Path | None, data: Sequence[Path]) -> None:
    method, count = config.method, len(models)
    if (count != 1) if method == "ema" else (count != 2) if method == "slerp" else (count < 2):
        wanted = {"ema": "one folder of a training", "slerp": "two models"}.get(method, "two or more models")
        raise InputError(f"{method} got {count} {'model' if count == 1 else 'models'}; wanted {wanted}")
    if (method in NEED_BASE) != (base is not None):
        needs = "needs --base, the model that all were fine-tuned from" if base is None else "does not use --base; leave it out"
        raise InputError(f"{method} {needs}")
    if method in NEED_DATA and not data:
        raise InputError(f"{method} needs --data, a manifest with recordings (docs/data.md)")
    if len(data) not in (0, 1, count):
        raise InputError(f"{len(data)} manifests for {count} models; wanted one for all, or one for each")
    if method == "emr" and config.task >= count:
        raise InputError(f"task is {config.task}, counted from 0, of {count} models; wanted the number of a model")
    if config.draws > 1 and (method != "dare" or not data):
        raise InputError("draws is for dare with --data; wanted both, or draws=1")


def _read_data(parents: Sequence[Parent], data: Sequence[Path], config: MergeConfig, device: str | None) -> list[LabelledFeatures]:
    found = find_device(device)
    parts = {name.removeprefix("frontend."): tensor.numpy() for name, tensor in parents[0].extra.items() if name.startswith("frontend.")}
    return [read_features(path, parents[0].config, cache=config.cache, frontend_parts=parts, device=found) for path in data]


def _card(config: MergeConfig, merged: Merged) -> dict[str, Any]:
    """Method and settings for card.json."""
    used = {name: value for name, value in config.model_dump(mode="json").items() if name not in ("method", "cache")}
    return {"method": config.method, "settings": used, "models": list(merged.names), "notes": list(merged.notes)} | (
        {"figures": dict(merged.figures)} if merged.figures else {}
    )
