"""auricle-tiny: training of the shipped model, and evaluation of its recipe on held-out sounds.

    python -m recipes.tiny.text_tower --data DIR -o runs/words
    python -m recipes.tiny --data DIR --study folds|unseen|ship [--work runs/tiny] [--words runs/words]

Trains on clips whose own licence is CC0, CC BY or public domain; all other clips are used for testing only. Batches are composed in the
mel-power domain (auricle.data.compose.features). `folds`: four runs, each without one fold of every corpus. `unseen`: five runs, each
without the ten classes target % 5 == k, then five without a group of classes. `ship`: one run on everything, calibrated with the outputs of
the fold models on their held-out sounds. Each run resumes after a kill; results are written to docs/results. Expected: see
docs/results.md. Hardware: 2 CPU cores, half an hour per fold on one of them (OMP_NUM_THREADS=1; `--folds 1` and `--folds 2` can run in
parallel). Seed 0.
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
    parser = argparse.ArgumentParser(description="Train auricle-tiny and evaluate its recipe.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--study", choices=("folds", "unseen", "ship"), required=True)
    parser.add_argument("--work", type=Path, default=Path("runs/tiny"))
    parser.add_argument("--words", type=Path, default=Path("runs/words"))
    parser.add_argument("--folds", type=int, nargs="+", choices=FOLDS, default=FOLDS, help="folds to hold out, for a part of the study")
    parser.add_argument("--sets", nargs="+", default=(), help="names of sets of unseen classes (0 to 4, animals ...); all by default")
    parser.add_argument("--epochs", type=int, default=FitConfig.epochs, help="epochs of one run, 4096 composed clips each")
    options = parser.parse_args()
    torch.set_flush_denormal(True)
    workspace = open_workspace(options, Run(fit=FitConfig(epochs=options.epochs)))
    {"folds": folds, "unseen": unseen_classes, "ship": ship}[options.study](workspace)


if __name__ == "__main__":
    main()
