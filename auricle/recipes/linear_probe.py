"""A linear head over a model's vectors: the plainest way to take a model over to labels of one's own.

Fitted in closed steps and cross-validated over groups that are never split, as `auricle fit` does with a folder or a table; the head then
adds its labels to `auricle listen --head`. `auricle score` measures models by a probe of the same kind.

    auricle train linear-probe --set data=labelled.jsonl --set model=runs/base/model
"""

from __future__ import annotations

from pathlib import Path

import auricle
from auricle.core.config import Strict
from auricle.core.errors import InputError
from auricle.data import manifest
from auricle.listen.heads import Example, fit
from auricle.recipes import made


class Config(Strict):
    """data: a manifest with labels; without one, made sounds. model: by name or path; the shipped one by default."""

    data: Path | None = None
    cache: Path = Path("runs/cache")
    model: str | None = None


def run(config: Config, out: Path) -> dict[str, float]:
    """Write out/probe.head. Figures: mean average precision, and accuracy where each recording has one label, on what was left out."""
    path = config.data or made.manifest(config.cache / "made")
    items = [item for item in manifest.read(path) if item.labels]
    if not items:
        raise InputError(f"{path} has no item with a label; wanted a manifest with labels, see docs/data.md")
    if inside := next((item for item in items if item.member), None):
        raise InputError(f"item {inside.id} lies in a shard; wanted a manifest of files")
    examples = [
        Example(str(item.audio), item.labels, item.start, float("inf") if item.end is None else item.end, item.source or item.id)
        for item in items
    ]
    heads, report = fit(auricle.load(config.model), examples)
    heads.save(out / "probe.head")
    told = report.to_dict()
    figures = {"mean_average_precision": float(told["mean_average_precision"])}
    return figures | ({"accuracy": float(told["accuracy"]["value"])} if "accuracy" in told else {})
