"""Does every recipe learn at all? Each on 32 made sounds from its defaults, to its end: what is learnt by heart.

    python benchmarks/overfit.py [--only NAME ...] [--work DIR] [--dry]

Contrastive recipes: R@1 among the 32 pairs, words to sounds and back; 1.0 is wanted. Games of hiding: what is drawn of hidden patches,
against what their mean would get; less is wanted. Captioning alone: its own words for each sound, compared with the captions of that sound.
Writes docs/results/overfit.json. Ten minutes of one core; --work keeps finished trainings.
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
    "mae": ("ssast", {"game": "mae"}),
}
SLOWER = {"siglip": 400}  # steps; its bias has far to go


def learnt(name: str, work: Path) -> list[Figure]:
    """One training to its end, and its figures."""
    module, changes = OTHERS.get(name, (name, {}))
    recipe = importlib.import_module(f"auricle.recipes.{module}")
    settings = {"train": {"steps": SLOWER.get(name, 300), "learning_rate": 2e-3, "seed": 0}, **changes}
    config = recipe.Config.model_validate_json(json.dumps({"cache": str(work / "cache"), **settings}))
    training = recipe.build(config)
    figures = train(training, work / name, report=lambda line: print(f"{name}: {line}", flush=True))
    if name == "captioning":
        figures = {"said": said_right(training.model, training.batches)}
    return [{"name": f"{name}_{key}", "value": value, "n": 32} for key, value in figures.items()]


@torch.inference_mode()
def said_right(learner: Any, batches: Any) -> float:
    """Share of sounds of which the captioner says one of their own captions, word for word."""
    assert isinstance(learner, MultiLossModel) and learner.captioner is not None and learner.words is not None
    right = 0
    batch = batches.batch(0)
    for item, ids in zip(
        batch.items.tolist(), learner.captioner.say(learner.model.encode(batch.features, batch.mask), longest=40), strict=True
    ):
        true = [caption.text.lower() for caption in batches.items[item].captions if caption.weight]
        right += learner.words.text(ids) in true
    return right / len(batch)


def main() -> None:
    """Train each, print, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[*CONTRASTIVE, *OTHERS], choices=[*CONTRASTIVE, *OTHERS])
    parser.add_argument("--work", type=Path)
    parser.add_argument("--dry", action="store_true", help="write no record")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        figures = [figure for name in asked.only for figure in learnt(name, asked.work or Path(place))]
    for figure in figures:
        print(f"{figure['name']:36} {figure['value']:.4f}")
    if not asked.dry:
        about = "Every recipe on 32 made sounds: what is learnt by heart (draw: error of hidden patches; mean: that of their mean)."
        command = "python benchmarks/overfit.py"
        print(write_record(ROOT / "docs" / "results", "overfit", command=command, seed=0, figures=figures, extra={"about": about}))


if __name__ == "__main__":
    main()
