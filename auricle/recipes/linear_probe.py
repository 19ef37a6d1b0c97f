"""Linear probe: a linear head on a model's embeddings, the simplest way to adapt a model to new labels.

Logistic regression, cross-validated by recording, as `auricle fit` does with a folder or a table. `auricle listen --head` applies the head.
`auricle score` evaluates models with a probe of the same kind.

    auricle train linear-probe --set data=labelled.jsonl --set model=runs/base/model
"""

from __future__ import annotations

from pathlib import Path

import auricle
from auricle.core.config import Strict
from auricle.core.errors import InputError
from auricle.data import manifest
from auricle.listen.heads import Example, fit
from auricle.recipes import synthetic


class Config(Strict):
    """data: a manifest with labels; synthetic sounds without one. model: by name or path; the built-in one by default."""

    data: Path | None = None
    cache: Path = Path("runs/cache")
    model: str | None = None


def run(config: Config, out: Path) -> dict[str, float]:
    """Write out/probe.head. Returns cross-validated mean average precision, and accuracy where each recording has one label."""
    path = config.data or synthetic.write_manifest(config.cache / "made")
    items = [item for item in manifest.read(path) if item.labels]
    if not items:
        raise InputError(f"{path} has no item with a label; wanted a manifest with labels, see docs/data.md")
    if member := next((item for item in items if item.member), None):
        raise InputError(f"item {member.id} is inside a shard; wanted a manifest of files")
    examples = [
        Example(str(item.audio), item.labels, item.start, float("inf") if item.end is None else item.end, item.source or item.id)
        for item in items
    ]
    heads, report = fit(auricle.load(config.model), examples)
    heads.save(out / "probe.head")
    scores = report.to_dict()
    figures = {"mean_average_precision": float(scores["mean_average_precision"])}
    return figures | ({"accuracy": float(scores["accuracy"]["value"])} if "accuracy" in scores else {})
