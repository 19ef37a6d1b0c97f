"""Zero-shot classification of ESC-50 classes that a training like that of the shipped model left out, with a teacher and from names alone.

    python -m recipes.tiny.distilled_unseen --data DIR --teacher mn04_as_mAP_432.pt --sets 0 3 --work runs/ship

Set k has the ten classes with target % 5 == k. No clip of them is in training, in any corpus, nor one whose name is wider than theirs
(bell for church bells). The joint space is fitted to the clips that are left, and each clip of the ten classes is called by the nearest
name. With a teacher the classes are not unseen: it was trained on AudioSet and tells the student, in every mixture, how much of them it
hears. Writes docs/results/distilled-unseen.json. Hardware: one core, four trainings of a third of an hour each.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from auricle.bench.results import Figure, write_record
from auricle.core.config import EMBEDDING
from auricle.data.compose.mixtures import MixtureConfig
from auricle.recipes.distilling.teacher import Teacher
from auricle.runtime.catalog import find_folder
from auricle.runtime.tokens import TextTower
from recipes.tiny import unseen
from recipes.tiny.assembled import encode_clips, fit_words, open_training
from recipes.tiny.distilled import Corpus, Run, esc50_labels, open_corpus, own_label, train_model

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results"
ABOUT = (
    "Ten ESC-50 classes (target % 5 == k) held out of training with all clips that have such a name or a wider one; zero-shot "
    "accuracy among the ten by their names, chance 0.10. teacher_: with a teacher that was trained on AudioSet, and so has heard them. The "
    "lexicon of the text tower describes how they sound."
)


def held_out(corpus: Corpus, number: int) -> tuple[str, ...]:
    """The ten labels of a set, in the order of ESC-50's targets."""
    classes = esc50_labels(corpus)
    return tuple(classes[target] for target in sorted(classes) if target % 5 == number)


def without(corpus: Corpus, classes: Sequence[str]) -> Corpus:
    """The same with no training clip that has one of these names, or whose own name is wider than one of them."""
    plain = corpus.map.plain
    audioset = {name: original for original, name in plain.items()}
    wider = {plain[above] for name in classes if name in audioset for above in corpus.map.ancestors(audioset[name])}
    left = [
        clip
        for clip in corpus.training
        if not set(names := corpus.map.names(corpus.rows[clip])) & set(classes) and not set(names[:1]) & wider
    ]
    return dataclasses.replace(corpus, training=left)


@torch.no_grad()
def call_by_name(corpus: Corpus, run: Run, training: Path, words: Path, classes: Sequence[str]) -> np.ndarray:
    """Whether each ESC-50 clip of the classes (N,) is called by its name, in a joint space fitted to the training clips."""
    tower, model = TextTower(words, run.dim), open_training(training, corpus, run)
    fit_words(model, corpus, corpus.training, encode_clips(model, corpus, corpus.training, training), tower.embed(list(corpus.vocabulary)))
    text, right = tower.embed(list(classes)), []
    for clip, row in enumerate(corpus.rows):
        if row.corpus == "esc50" and (own := own_label(row, corpus.map)) in classes:
            vector = nn.functional.normalize(model(torch.from_numpy(corpus.sounds.student.plain(clip))[None])[EMBEDDING], dim=1)[0].numpy()
            right.append(classes[int((text @ vector).argmax())] == own)
    return np.array(right)


def main() -> None:
    """Train with and without a teacher for each set, classify, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--teacher", required=True, help="a model with AudioSet's labels, by name or path")
    parser.add_argument("--work", type=Path, default=Path("runs/ship"), help="as that of recipes.tiny.ship, whose cached features are read")
    parser.add_argument("--words", default="auricle-tiny", help="model whose text tower is used, by name or path")
    parser.add_argument("--sets", type=int, nargs="+", choices=range(5), default=[0, 3])
    parser.add_argument("--steps", type=int, default=4000, help="batches of 32 mixtures, in each training")
    parser.add_argument("--noise", type=float, default=0.25)
    parser.add_argument("--precision", default=Run.precision, choices=("float32", "bfloat16"))
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    torch.set_flush_denormal(True)
    run = Run(seed=asked.seed, steps=asked.steps, precision=asked.precision, mixtures=MixtureConfig(noise_share=asked.noise))
    made, words, figures = asked.work / "made", find_folder(asked.words), list[Figure]()
    for prefix, teacher in (("names", None), ("teacher", Teacher(asked.teacher))):
        corpus = open_corpus(asked.data, asked.work / "features", run, teacher, leave=None, made=made if made.exists() else None)
        found: list[tuple[str, np.ndarray]] = []
        for number in asked.sets:
            classes, training = held_out(corpus, number), asked.work / f"unseen{number}-{prefix}"
            smaller = without(corpus, classes)
            print(f"set {number}, {prefix}: {len(smaller.training)} of {len(corpus.training)} clips", flush=True)
            train_model(smaller, run, teacher, training)
            found.append((str(number), call_by_name(smaller, run, training, words, classes)))
            print(f"set {number}, {prefix}: {found[-1][1].mean():.3f}", flush=True)
        figures += [{**figure, "name": f"{prefix}_{figure['name']}"} for figure in unseen.figures(found, asked.seed)]
    command = f"python -m recipes.tiny.distilled_unseen --data DIR --teacher {Path(asked.teacher).name} --steps {asked.steps}"
    command += f" --sets {' '.join(map(str, asked.sets))} --noise {asked.noise:g} --precision {asked.precision}"
    extra: dict[str, Any] = {"about": ABOUT}
    print(write_record(RESULTS, "distilled-unseen", command=command, seed=asked.seed, figures=figures, extra=extra))


if __name__ == "__main__":
    main()
