"""auricle-tiny: the shipped listening model, and the studies that say how well its recipe hears what it never heard.

    python -m recipes.tiny.text_tower --data DIR --out runs/words
    python -m recipes.tiny --data DIR --study folds|unseen|ship [--work runs/tiny] [--words runs/words]

Trains on clips whose own licence is CC0, CC BY or public domain; every other row is only tested on. Batches are composed in the
mel-power domain (auricle.data.compose.features). `folds`: four trainings, each without one fold of every corpus. `unseen`: five trainings,
each without the ten classes target % 5 == k, then five without a group of classes. `ship`: one training on everything, calibrated
on what the fold models said of sounds they never heard. Each training resumes after a kill and leaves its record in docs/results.
Expected: see docs/results.md. Hardware: 2 cores without a GPU, half an hour a fold on one of them (OMP_NUM_THREADS=1,
`--folds 1` beside `--folds 2`). Seed 0.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from auricle.data.corpora.clip_table import FOLDS
from recipes.tiny.studies import folds, open_workspace, ship, unseen_classes
from recipes.tiny.training import FitConfig, Run


def main() -> None:
    """Run one study."""
    parser = argparse.ArgumentParser(description="Train auricle-tiny and study its recipe.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--study", choices=("folds", "unseen", "ship"), required=True)
    parser.add_argument("--work", type=Path, default=Path("runs/tiny"))
    parser.add_argument("--words", type=Path, default=Path("runs/words"))
    parser.add_argument(
        "--folds", type=int, nargs="+", choices=FOLDS, default=FOLDS, help="which folds to leave out, for a part of the study"
    )
    parser.add_argument("--sets", nargs="+", default=(), help="which sets of unseen classes, by name: 0 to 4, animals ...; all by default")
    parser.add_argument("--epochs", type=int, default=FitConfig.epochs, help="length of one training, 4096 samples an epoch")
    options = parser.parse_args()
    torch.set_flush_denormal(True)
    workspace = open_workspace(options, Run(fit=FitConfig(epochs=options.epochs)))
    {"folds": folds, "unseen": unseen_classes, "ship": ship}[options.study](workspace)


if __name__ == "__main__":
    main()
