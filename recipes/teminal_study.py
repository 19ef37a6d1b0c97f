"""Does a model learn which sound came first? TeminAL's post-training on composed scenes, before and after.

    python -m recipes.captioned --data DIR --out runs/captioned
    python -m recipes.teminal_study --data DIR --scenes runs/captioned [--work runs/teminal]

A dual encoder that pools what comes early and what late is trained by contrast on all scenes (recipe captionstew, contrastive), then by
recipe teminal: stage a, then stage b on scenes of sounds after each other, with wrong captions of the same scene among the negatives.
Scored on left-out source recordings, before and after each stage: whether the true caption of a scene fits better than the same with its
order swapped (chance 0.5), and ESC-50's fold 4 zero-shot, fifty classes by their phrases. Seed 0. Resumes after a kill. Writes
docs/results/teminal.json. Hardware: twenty minutes of one core.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from auricle.bench.results import Figure, write_record
from auricle.data import manifest
from auricle.data.corpora import read
from auricle.data.corpora.clip_table import fold
from auricle.data.grammar import default_phrases
from auricle.metrics import bootstrap
from auricle.recipes import captionstew, teminal
from auricle.recipes.multi_loss import MultiLossModel
from auricle.train.trainer import TrainConfig, Training, train
from recipes.captionstew_study import BATCH, SECONDS, TEST_FOLD, joint, listened, read_words, swapped

RESULTS = Path("docs/results")
STEPS, SEED = 400, 0
STAGE_STEPS, STAGE_RATES = {"a": 150, "b": 400}, {"a": 5e-4, "b": 1e-3}


def stages(scenes: Path, work: Path) -> list[tuple[str, Training]]:
    """Name and training of each stage; each goes on from the one before, which has to be done."""
    data, cache = scenes / "train.jsonl", work / "cache"
    settings = TrainConfig(steps=STEPS, learning_rate=2e-3, optimiser="muon", seed=SEED, save_every=100)
    plain = captionstew.Config(
        data=data, cache=cache, objective="contrastive", ordered=True, window=SECONDS, batch=BATCH, seed=SEED, train=settings
    )
    found = [("before", captionstew.build(plain))]
    stage: teminal.Stage
    for name, stage, earlier in (("stage_a", "a", "before"), ("stage_b", "b", "stage_a")):
        if not (work / earlier / "model").is_dir():
            break
        start = str(work / earlier / "model")
        later = settings.model_copy(update={"steps": STAGE_STEPS[stage], "learning_rate": STAGE_RATES[stage]})
        config = teminal.Config(data=data, cache=cache, start=start, stage=stage, window=SECONDS, batch=BATCH, seed=SEED, train=later)
        found.append((name, teminal.build(config)))
    return found


@torch.inference_mode()
def scored(learner: MultiLossModel, scenes: Path, data: Path, work: Path) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
    """Hits, and groups of clips from one recording, of both questions."""
    order = manifest.read(scenes / "order.jsonl")
    heard = joint(learner, list(listened(learner, [item.audio for item in order], work)))
    true, false = (read_words(learner, texts) for texts in ([item.captions[0].text for item in order], list(map(swapped, order))))
    right = (heard * true).sum(1) > (heard * false).sum(1)
    rows = [row for row in read(data, ["esc50"]) if fold(row) == TEST_FOLD]
    names = sorted({row.labels[0] for row in rows})
    words = read_words(learner, [default_phrases()[name].said for name in names])
    sounds = joint(learner, list(listened(learner, [row.path for row in rows], work)))
    hits = (sounds @ words.T).argmax(axis=1) == np.array([names.index(row.labels[0]) for row in rows])
    groups = np.unique([row.source for row in rows], return_inverse=True)[1]
    return {"order": (right.astype(float), None), "zero_shot": (hits.astype(float), groups)}


def main() -> None:
    """Train what is not there yet, score each stage, write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scenes", type=Path, default=Path("runs/captioned"))
    parser.add_argument("--work", type=Path, default=Path("runs/teminal"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    asked.work.mkdir(parents=True, exist_ok=True)
    told: dict[str, dict[str, tuple[np.ndarray, np.ndarray | None]]] = {}
    for place in range(3):
        name, training = stages(asked.scenes, asked.work)[place]
        train(training, asked.work / name)
        learner = training.model
        assert isinstance(learner, MultiLossModel)
        told[name] = scored(learner.eval(), asked.scenes, asked.data, asked.work)
        print(name, {key: float(hits.mean()) for key, (hits, _) in told[name].items()}, flush=True)
    figures: list[Figure] = []
    notes = {"order": "true order fits better than swapped; chance 0.5", "zero_shot": "ESC-50 fold 4, fifty classes by phrases"}
    for key, note in notes.items():
        for name, parts in told.items():
            hits, groups = parts[key]
            low, high = bootstrap.interval_of(lambda items, hits=hits: float(hits[items].mean()), len(hits), groups=groups)  # type: ignore[misc]
            figures.append({"name": f"{key}_{name}", "value": float(hits.mean()), "low": low, "high": high, "n": len(hits), "note": note})
        change = told["stage_b"][key][0] - told["before"][key][0]
        groups = told["before"][key][1]
        low, high = bootstrap.interval_of(lambda items, change=change: float(change[items].mean()), len(change), groups=groups)  # type: ignore[misc]
        figures.append(
            {
                "name": f"{key}_change",
                "value": float(change.mean()),
                "low": low,
                "high": high,
                "n": len(change),
                "note": "after less before",
            }
        )
    about = (
        f"A dual encoder of composed scenes ({STEPS} steps of {BATCH}), then TeminAL's two stages of {STAGE_STEPS['a']} and "
        f"{STAGE_STEPS['b']}; left-out recordings."
    )
    command = "python -m recipes.teminal_study --data DIR --scenes runs/captioned"
    print(write_record(RESULTS, "teminal", command=command, seed=SEED, figures=figures, extra={"about": about}))


if __name__ == "__main__":
    main()
