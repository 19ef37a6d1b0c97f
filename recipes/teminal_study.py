"""Temporal order before and after TeminAL's post-training on composed scenes.

    python -m recipes.captioned --data DIR -o runs/captioned
    python -m recipes.teminal_study --data DIR --scenes runs/captioned [--work runs/teminal]

A dual encoder with ramp-weighted temporal pooling is trained contrastively on all scenes (recipe captionstew, contrastive), then by recipe
teminal: stage a, then stage b on scenes of consecutive sounds, with wrong captions of the same scene as hard negatives. Evaluated on
held-out source recordings, before and after each stage: whether the true caption of a scene scores higher than the same caption with its
order swapped (chance 0.5), and zero-shot accuracy on ESC-50's fold 4, fifty classes by their label phrases. Seed 0. Resumes after a kill.
Writes docs/results/teminal.json. Hardware: twenty minutes on one core.
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
from recipes.captionstew_study import BATCH, SECONDS, TEST_FOLD, embed_audio, embed_text, encode_files, swapped_caption

RESULTS = Path("docs/results")
STEPS, SEED = 400, 0
STAGE_STEPS, STAGE_RATES = {"a": 150, "b": 400}, {"a": 5e-4, "b": 1e-3}


def stages(scenes: Path, work: Path) -> list[tuple[str, Training]]:
    """Name and training of each stage whose predecessor is finished; each stage starts from the model of the one before."""
    data, cache = scenes / "train.jsonl", work / "cache"
    settings = TrainConfig(steps=STEPS, learning_rate=2e-3, optimiser="muon", seed=SEED, save_every=100)
    config = captionstew.Config(
        data=data, cache=cache, objective="contrastive", ordered=True, window=SECONDS, batch=BATCH, seed=SEED, train=settings
    )
    built = [("before", captionstew.build(config))]
    stage: teminal.Stage
    for name, stage, earlier in (("stage_a", "a", "before"), ("stage_b", "b", "stage_a")):
        if not (work / earlier / "model").is_dir():
            break
        start = str(work / earlier / "model")
        later = settings.model_copy(update={"steps": STAGE_STEPS[stage], "learning_rate": STAGE_RATES[stage]})
        staged = teminal.Config(data=data, cache=cache, start=start, stage=stage, window=SECONDS, batch=BATCH, seed=SEED, train=later)
        built.append((name, teminal.build(staged)))
    return built


@torch.inference_mode()
def evaluate(model: MultiLossModel, scenes: Path, data: Path, work: Path) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
    """For both metrics: hits per test item, and groups of items from one recording (None: each its own)."""
    order = manifest.read(scenes / "order.jsonl")
    audio = embed_audio(model, list(encode_files(model, [item.audio for item in order], work)))
    true, false = (embed_text(model, texts) for texts in ([item.captions[0].text for item in order], list(map(swapped_caption, order))))
    in_order = (audio * true).sum(1) > (audio * false).sum(1)
    rows = [row for row in read(data, ["esc50"]) if fold(row) == TEST_FOLD]
    names = sorted({row.labels[0] for row in rows})
    text = embed_text(model, [default_phrases()[name].said for name in names])
    audio = embed_audio(model, list(encode_files(model, [row.path for row in rows], work)))
    hits = (audio @ text.T).argmax(axis=1) == np.array([names.index(row.labels[0]) for row in rows])
    groups = np.unique([row.source for row in rows], return_inverse=True)[1]
    return {"order": (in_order.astype(float), None), "zero_shot": (hits.astype(float), groups)}


def main() -> None:
    """Train the stages that are missing, evaluate each, and write the result record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scenes", type=Path, default=Path("runs/captioned"))
    parser.add_argument("--work", type=Path, default=Path("runs/teminal"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    scores: dict[str, dict[str, tuple[np.ndarray, np.ndarray | None]]] = {}
    for index in range(3):
        name, training = stages(options.scenes, options.work)[index]
        train(training, options.work / name)
        model = training.model
        assert isinstance(model, MultiLossModel)
        scores[name] = evaluate(model.eval(), options.scenes, options.data, options.work)
        print(name, {key: float(hits.mean()) for key, (hits, _) in scores[name].items()}, flush=True)
    figures: list[Figure] = []
    notes = {
        "order": "the caption in true order scores higher than the swapped one; chance 0.5",
        "zero_shot": "ESC-50 fold 4, fifty classes by phrases",
    }
    for key, note in notes.items():
        for name, parts in scores.items():
            hits, groups = parts[key]
            low, high = bootstrap.interval_of(lambda items, hits=hits: float(hits[items].mean()), len(hits), groups=groups)  # type: ignore[misc]
            figures.append({"name": f"{key}_{name}", "value": float(hits.mean()), "low": low, "high": high, "n": len(hits), "note": note})
        change = scores["stage_b"][key][0] - scores["before"][key][0]
        groups = scores["before"][key][1]
        low, high = bootstrap.interval_of(lambda items, change=change: float(change[items].mean()), len(change), groups=groups)  # type: ignore[misc]
        figures.append(
            {
                "name": f"{key}_change",
                "value": float(change.mean()),
                "low": low,
                "high": high,
                "n": len(change),
                "note": "stage b minus before",
            }
        )
    about = (
        f"A dual encoder of composed scenes ({STEPS} steps of {BATCH}), then TeminAL's two stages of {STAGE_STEPS['a']} and "
        f"{STAGE_STEPS['b']}; held-out recordings."
    )
    command = "python -m recipes.teminal_study --data DIR --scenes runs/captioned"
    print(write_record(RESULTS, "teminal", command=command, seed=SEED, figures=figures, extra={"about": about}))


if __name__ == "__main__":
    main()
