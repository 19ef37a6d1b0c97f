"""Contrast, captioning or both? The same composed scenes, three sizes of data, three seeds; what the encoders know afterwards.

    python -m recipes.captioned --data DIR --out runs/captioned
    python -m recipes.captionstew_study --data DIR --scenes runs/captioned [--work runs/captionstew] [--jobs 2]

Every training has the same steps (auricle/recipes/captionstew.py, small towers), so that only the number of different scenes grows.
Scored on left-out source recordings: a linear probe of ESC-50's fold 4 on the encoder's vectors, learnt from folds 1 to 3; retrieval among
test scenes by words; and whether the true caption fits better than the same with its order swapped (chance 0.5). A captioner alone has no
joint space: it ranks by how likely a caption is to it, which is also tried for `both`. An encoder that was not trained stands beside them.
Resumes after a kill. Writes docs/results/captionstew.json and captionstew.svg. Hardware: an hour of two cores. Seeds 0 to 2.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from auricle.bench import regression
from auricle.bench.results import Figure, write_record
from auricle.core.config import EMBEDDING
from auricle.core.files import atomic_file, write_text
from auricle.data import manifest
from auricle.data.corpora import read
from auricle.data.corpora.clip_table import Row, fold
from auricle.data.item import Item
from auricle.metrics import bootstrap, retrieval
from auricle.models.encoders.embedding import Embedding
from auricle.recipes import captionstew
from auricle.recipes.multi_loss import MultiLossModel
from auricle.recipes.vocabulary import Words
from auricle.signal.frontend import open_frontend
from auricle.signal.streaming import read as read_sound
from auricle.train.trainer import TrainConfig, train

RESULTS = Path("docs/results")
OBJECTIVES: tuple[captionstew.Objective, ...] = ("contrastive", "captioning", "both")
SIZES, SEEDS = (400, 1600, 6000), (0, 1, 2)
STEPS, BATCH, SECONDS, TEST_FOLD = 150, 32, 5.0, 4
RANKED = 120  # test scenes among which captions are ranked
METRICS = {
    "probe": "accuracy of a linear probe on ESC-50's fold 4 (fifty classes)",
    "retrieval": f"mAP@10 of captions among {RANKED} left-out scenes",
    "order": "share of left-out scenes whose caption in true order fits better (chance 0.5)",
}


def config_of(scenes: Path, work: Path, objective: captionstew.Objective, *, count: int, seed: int) -> captionstew.Config:
    """One training: the first `count` scenes of the manifest."""
    part = work / f"train-{count}.jsonl"
    if not part.exists():
        manifest.write(part, manifest.read(scenes / "train.jsonl")[:count])
    settings = TrainConfig(steps=STEPS, learning_rate=2e-3, optimiser="muon", seed=seed, save_every=STEPS)
    return captionstew.Config(data=part, cache=work / "cache", objective=objective, window=SECONDS, batch=BATCH, seed=seed, train=settings)


def learn_and_score(scenes: Path, data: Path, work: Path, name: str) -> None:
    """Train one model, or leave it as it begins, and write what each test item got: NAME.npz."""
    objective, count, seed = name.rsplit("-", 2)
    untrained = objective == "untrained"
    chosen: captionstew.Objective = next((known for known in OBJECTIVES if known == objective), "both")
    config = config_of(scenes, work, chosen, count=int(count), seed=int(seed))
    training = captionstew.build(config)
    if not untrained:
        train(training, work / name)
    learner = training.model
    assert isinstance(learner, MultiLossModel)
    told = scored(learner.eval(), scenes, data, work)
    with atomic_file(work / f"{name}.npz") as partial, partial.open("wb") as stream:
        np.savez(stream, **told)  # type: ignore[arg-type]
    print(f"{name}: " + "  ".join(f"{key} {value.mean():.3f}" for key, value in told.items() if not key.endswith("group")), flush=True)


@torch.inference_mode()
def scored(learner: MultiLossModel, scenes: Path, data: Path, work: Path) -> dict[str, np.ndarray]:
    """For each test item of each metric whether, or how well, it was right."""
    told = dict(probed(learner, data, work))
    test, order = (manifest.read(scenes / f"{part}.jsonl") for part in ("test", "order"))
    said = [item.captions[0].text for item in test[:RANKED]]
    heard, others = list(listened(learner, [item.audio for item in test[:RANKED]], work)), [swapped(item) for item in order]
    ordered = list(listened(learner, [item.audio for item in order], work))
    alike = np.array([[one == other for other in said] for one in said])
    if learner.contrast is not None:
        vectors, words = joint(learner, heard), read_words(learner, said)
        told["retrieval"] = retrieval.average_precisions_at(alike, words @ vectors.T, 10)
        vectors = joint(learner, ordered)
        true, false = (read_words(learner, texts) for texts in ([item.captions[0].text for item in order], others))
        told["order"] = _beats((vectors * true).sum(1), (vectors * false).sum(1))
    if learner.captioner is not None:
        suffix = "_by_words" if learner.contrast is not None else ""
        told[f"retrieval{suffix}"] = retrieval.average_precisions_at(alike, ranked_by_words(learner, heard, said), 10)
        first = likelihood(learner, ordered, [item.captions[0].text for item in order])
        told[f"order{suffix}"] = _beats(first, likelihood(learner, ordered, others))
    return told


def _beats(true: np.ndarray, false: np.ndarray) -> np.ndarray:
    return np.asarray((true > false) + 0.5 * (true == false), np.float64)


def swapped(item: Item) -> str:
    """A scene's caption with its sounds in another order, which is false."""
    return next(caption.text for caption in item.captions if caption.style == "swapped")


def probed(learner: MultiLossModel, data: Path, work: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Hits of a linear probe on fold 4 of ESC-50, and which recordings the clips were cut from."""
    rows = read(data, ["esc50"])
    tested = [row for row in rows if fold(row) == TEST_FOLD]
    known = [row for row in rows if fold(row) != TEST_FOLD]
    names = sorted({row.label for row in rows})

    def vectors(some: Sequence[Row]) -> tuple[np.ndarray, np.ndarray]:
        heard = torch.cat([one.pooled for one in listened(learner, [row.path for row in some], work)])
        return nn.functional.normalize(heard, dim=-1).numpy(), np.array([names.index(row.label) for row in some])

    (learnt, truth), (asked, wanted) = vectors(known), vectors(tested)
    probe = regression.chosen(learnt, truth, len(names), groups=[row.source for row in known], seed=0)
    yield "probe", (probe.logits(asked).argmax(axis=1) == wanted).astype(np.float64)
    yield "probe_group", np.unique([row.source for row in tested], return_inverse=True)[1]


def listened(learner: MultiLossModel, files: Sequence[Path], work: Path, *, at_once: int = 32) -> Iterator[Embedding]:
    """What the encoder says of recordings of five seconds, some at once."""
    heard = features_of(files, learner.model.config.frontend, work)
    for start in range(0, len(files), at_once):
        yield learner.model.encode(torch.from_numpy(heard[start : start + at_once].astype(np.float32)))


def features_of(files: Sequence[Path], frontend: str, work: Path) -> np.ndarray:
    """float16 (n, T, F) of recordings of five seconds, worked out once."""
    key = hashlib.sha256("\n".join([frontend, *map(str, files)]).encode()).hexdigest()[:16]
    path = work / f"features-{key}.npy"
    if not path.exists():
        ears, clips = open_frontend(frontend), []
        size = round(SECONDS * ears.rate)
        for file in files:
            samples = read_sound(file, rate=ears.rate, mono=True).samples[0][:size]
            clips.append(ears.features(np.pad(samples, (0, size - len(samples)))).astype(np.float16))
        with atomic_file(path) as partial, partial.open("wb") as stream:
            np.save(stream, np.stack(clips))
    return np.asarray(np.load(path, mmap_mode="r"))


def joint(learner: MultiLossModel, heard: Sequence[Embedding]) -> np.ndarray:
    """Unit vectors of sounds in the joint space, (n, D)."""
    vectors = torch.cat([learner.model.apply_heads(one)[EMBEDDING] for one in heard])
    return nn.functional.normalize(vectors, dim=-1).numpy()


def read_words(learner: MultiLossModel, texts: Sequence[str]) -> np.ndarray:
    """Unit vectors of captions in the joint space, (n, D)."""
    assert learner.words is not None and learner.model.text is not None
    return nn.functional.normalize(learner.model.text(*learner.words(texts)), dim=-1).numpy()


def likelihood(learner: MultiLossModel, heard: Sequence[Embedding], texts: Sequence[str]) -> np.ndarray:
    """Mean log-probability of a word of each sound's own caption, (n,), one word after the other."""
    told, start = [], 0
    for one in heard:
        some = texts[start : start + len(one.pooled)]
        told.append(_of_captions(learner, one, some))
        start += len(some)
    return torch.cat(told).numpy()


def _of_captions(learner: MultiLossModel, heard: Embedding, texts: Sequence[str]) -> Tensor:
    words, captioner = learner.words, learner.captioner
    assert isinstance(words, Words) and captioner is not None
    ids, mask = words(texts)
    logits = captioner(heard, ids, mask)[:, :-1].log_softmax(dim=-1)
    each = logits.gather(2, ids[:, 1:, None])[..., 0] * mask[:, 1:]
    mean: Tensor = each.sum(dim=1) / mask[:, 1:].sum(dim=1)
    return mean


def ranked_by_words(learner: MultiLossModel, heard: Sequence[Embedding], texts: Sequence[str]) -> np.ndarray:
    """How likely each caption is to each sound, less how likely it is on average: (captions, sounds)."""
    columns = []
    for one in heard:
        for row in range(len(one.pooled)):
            frames = one.frames[row : row + 1].expand(len(texts), -1, -1)
            columns.append(_of_captions(learner, Embedding(one.pooled[row : row + 1], frames, None), texts))
    scores = torch.stack(columns, dim=1).numpy()
    return np.asarray(scores - scores.mean(axis=1, keepdims=True))


def names() -> list[str]:
    """Every training, those that tell most first."""
    trained = [f"{objective}-{count}-{seed}" for seed in SEEDS for count in SIZES for objective in OBJECTIVES]
    return [*(f"untrained-{SIZES[0]}-{seed}" for seed in SEEDS), *trained]


def figures_of(work: Path) -> list[Figure]:
    """Mean over seeds of each objective, size and metric; interval by bootstrap over test items, each with its mean over seeds."""
    figures: list[Figure] = []
    for objective in ("untrained", *OBJECTIVES):
        for count in SIZES[:1] if objective == "untrained" else SIZES:
            runs = [np.load(work / f"{objective}-{count}-{seed}.npz") for seed in SEEDS]
            for key in runs[0].files:
                if key.endswith("group"):
                    continue
                each = np.mean([run[key] for run in runs], axis=0)
                groups = runs[0][f"{key}_group"] if f"{key}_group" in runs[0].files else None
                low, high = bootstrap.interval_of(lambda items, each=each: float(each[items].mean()), len(each), groups=groups)  # type: ignore[misc]
                spread = ", ".join(f"{run[key].mean():.3f}" for run in runs)
                note = f"{METRICS[key.removesuffix('_by_words')]}; seeds {spread}"
                name = f"{objective}_{count}_{key}" if objective != "untrained" else f"untrained_{key}"
                figures.append({"name": name, "value": float(each.mean()), "low": low, "high": high, "n": len(each), "note": note})
    return [*figures, *_compared(work), _waited(work)]


def _compared(work: Path) -> Iterator[Figure]:
    """Captioning less contrast, item by item, means over seeds: what each size of data says of the two."""
    for count in SIZES:
        for key in METRICS:
            apart = np.mean(
                [
                    np.load(work / f"captioning-{count}-{seed}.npz")[key] - np.load(work / f"contrastive-{count}-{seed}.npz")[key]
                    for seed in SEEDS
                ],
                axis=0,
            )
            groups = np.load(work / f"contrastive-{count}-{SEEDS[0]}.npz")["probe_group"] if key == "probe" else None
            low, high = bootstrap.interval_of(lambda items, apart=apart: float(apart[items].mean()), len(apart), groups=groups)  # type: ignore[misc]
            name, note = f"captioning_less_contrastive_{count}_{key}", "difference on the same items, means over seeds"
            yield {"name": name, "value": float(apart.mean()), "low": low, "high": high, "n": len(apart), "note": note}


def _waited(work: Path) -> Figure:
    """Share of a training's time spent waiting for data, of the training that waited most."""
    shares = []
    for name in names():
        if not name.startswith("untrained"):
            with (work / name / "log.csv").open(encoding="utf-8") as file:
                shares.append(np.mean([float(row["data_wait"]) for row in csv.DictReader(file)]))
    note = "of a training's time, spent waiting for data; the most of all trainings, two at a time on two cores"
    return {"name": "data_wait", "value": float(max(shares)), "n": len(shares), "note": note}


def svg(figures: Sequence[Figure]) -> str:
    """A panel a metric: figure over the number of scenes, a line an objective, with intervals."""
    found = {figure["name"]: figure for figure in figures}
    colours = {"contrastive": "#2a6fdb", "captioning": "#d1603d", "both": "#3a9d5d"}
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" width="780" height="260" font-family="sans-serif" font-size="11">']
    parts.append('<rect width="780" height="260" fill="white"/>')
    for panel, metric in enumerate(METRICS):
        parts += _panel(found, metric, left=50 + 250 * panel, colours=colours)
    for row, (objective, colour) in enumerate(colours.items()):
        parts.append(f'<text x="{60 + 110 * row}" y="252" fill="{colour}">{objective}</text>')
    return "\n".join([*parts, '<text x="400" y="252" fill="#888">grey: untrained encoder (order: chance)</text>', "</svg>"]) + "\n"


def _panel(found: Mapping[str, Figure], metric: str, *, left: int, colours: Mapping[str, str]) -> list[str]:
    shown = [found[f"{objective}_{count}_{metric}"] for objective in colours for count in SIZES]
    ground = 0.5 if metric == "order" else found[f"untrained_{metric}"]["value"]
    low, high = min(0.0 if metric != "order" else 0.45, ground), max(float(figure["high"] or 0) for figure in shown) * 1.05

    def height(value: float) -> float:
        return 210 - 170 * (value - low) / (high - low)

    parts = [f'<text x="{left}" y="24" font-weight="bold">{metric}</text>']
    parts += [
        f'<text x="{left - 6}" y="{height(value) + 4:.0f}" text-anchor="end">{value:.2f}</text>' for value in (low, (low + high) / 2, high)
    ]
    parts.append(
        f'<line x1="{left}" x2="{left + 190}" y1="{height(ground):.1f}" y2="{height(ground):.1f}" stroke="#999" stroke-dasharray="4"/>'
    )
    for objective, colour in colours.items():
        places = [(left + 20 + 75 * place, found[f"{objective}_{count}_{metric}"]) for place, count in enumerate(SIZES)]
        line = " ".join(f"{x},{height(figure['value']):.1f}" for x, figure in places)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, figure in places:
            ends = height(float(figure["low"] or 0)), height(float(figure["high"] or 0))
            parts.append(f'<line x1="{x}" x2="{x}" y1="{ends[0]:.1f}" y2="{ends[1]:.1f}" stroke="{colour}" stroke-opacity="0.5"/>')
    return [*parts, *(f'<text x="{left + 20 + 75 * p}" y="228" text-anchor="middle">{count}</text>' for p, count in enumerate(SIZES))]


def main() -> None:
    """Run what is not there yet, then write the record and its plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scenes", type=Path, default=Path("runs/captioned"))
    parser.add_argument("--work", type=Path, default=Path("runs/captionstew"))
    parser.add_argument("--jobs", type=int, default=2, help="trainings side by side, one core each")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    if asked.one:
        torch.set_num_threads(1)
        learn_and_score(asked.scenes, asked.data, asked.work, asked.one)
        return
    for count in SIZES:  # manifests, words and decoded scenes are there before two trainings ask for them
        captionstew.build(config_of(asked.scenes, asked.work, "both", count=count, seed=0))
    here: list[Any] = [
        sys.executable,
        "-m",
        "recipes.captionstew_study",
        "--data",
        asked.data,
        "--scenes",
        asked.scenes,
        "--work",
        asked.work,
    ]
    with ThreadPoolExecutor(asked.jobs) as pool:
        left = [name for name in names() if not (asked.work / f"{name}.npz").exists()]
        list(pool.map(lambda name: subprocess.run([*map(str, here), "--one", name], check=True), left))
    figures = figures_of(asked.work)
    write_text(RESULTS / "captionstew.svg", svg(figures))
    about = (
        f"Composed scenes of ESC-50's folds 1 to 3 with captions, {STEPS} steps of {BATCH} each; scored on fold 4. Means of three seeds; "
        "intervals over test items."
    )
    command = "python -m recipes.captionstew_study --data DIR --scenes runs/captioned"
    extra = {"about": about, "pictures": ["captionstew.svg"]}
    print(write_record(RESULTS, "captionstew", command=command, seed=0, figures=figures, extra=extra))


if __name__ == "__main__":
    main()
