"""Overfit check: every recipe is trained on 32 synthetic sounds with its default settings.

    python benchmarks/overfit.py [--only NAME ...] [--work DIR] [--dry]

Contrastive recipes: R@1 among the 32 pairs in both directions; expected 1.0. Masked prediction: reconstruction error of masked patches,
compared with predicting their mean; expected lower. Captioning: share of sounds for which the generated caption is one of its own.
Writes docs/results/overfit.json. Ten minutes on one core; --work keeps finished runs.
"""

from __future__ import annotations

import argparse
import importlib
import json
import tempfile
from pathlib import Path
from typing import Any

import torch

from auricle.bench.results import Figure, write_record
from auricle.recipes.multi_loss import MultiLossModel
from auricle.train.trainer import train

ROOT = Path(__file__).resolve().parents[1]
CONTRASTIVE = ("msclap", "laion_clap", "wavcaps", "reclap", "slap", "base", "captionstew", "teminal")
OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "siglip": ("msclap", {"loss": "siglip"}),
    "captioning": ("captionstew", {"objective": "captioning"}),
    "ssast": ("ssast", {}),
    "mae": ("ssast", {"method": "mae"}),
}
STEPS = {"siglip": 400}  # more than the others, because its bias starts far from its optimum


def run_recipe(name: str, work: Path) -> list[Figure]:
    """Train one recipe and return its figures."""
    module, changes = OTHERS.get(name, (name, {}))
    recipe = importlib.import_module(f"auricle.recipes.{module}")
    settings = {"train": {"steps": STEPS.get(name, 300), "learning_rate": 2e-3, "seed": 0}, **changes}
    config = recipe.Config.model_validate_json(json.dumps({"cache": str(work / "cache"), **settings}))
    training = recipe.build(config)
    figures = train(training, work / name, report=lambda line: print(f"{name}: {line}", flush=True))
    if name == "captioning":
        figures = {"said": captions_correct(training.model, training.batches)}
    return [{"name": f"{name}_{key}", "value": value, "n": 32} for key, value in figures.items()]


@torch.inference_mode()
def captions_correct(model: Any, batches: Any) -> float:
    """Share of sounds for which the generated caption equals one of their own."""
    assert isinstance(model, MultiLossModel) and model.captioner is not None and model.tokenizer is not None
    correct = 0
    batch = batches.batch(0)
    for item, ids in zip(
        batch.items.tolist(), model.captioner.generate(model.model.encode(batch.features, batch.mask), max_length=40), strict=True
    ):
        true = [caption.text.lower() for caption in batches.items[item].captions if caption.weight]
        correct += model.tokenizer.decode(ids) in true
    return correct / len(batch)


def main() -> None:
    """Train each recipe, print the figures, and write the result record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[*CONTRASTIVE, *OTHERS], choices=[*CONTRASTIVE, *OTHERS])
    parser.add_argument("--work", type=Path)
    parser.add_argument("--dry", action="store_true", help="write no record")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        figures = [figure for name in options.only for figure in run_recipe(name, options.work or Path(scratch))]
    for figure in figures:
        print(f"{figure['name']:36} {figure['value']:.4f}")
    if not options.dry:
        about = "Overfit check of every recipe on 32 synthetic sounds (draw: error of masked patches; mean: that of predicting their mean)."
        command = "python benchmarks/overfit.py"
        print(write_record(ROOT / "docs" / "results", "overfit", command=command, seed=0, figures=figures, extra={"about": about}))


if __name__ == "__main__":
    main()
