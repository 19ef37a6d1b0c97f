"""Comparison of contrastive, captioning and combined training on the same composed scenes: three data sizes, three seeds.

    python -m recipes.captioned --data DIR -o runs/captioned
    python -m recipes.captionstew_study --data DIR --scenes runs/captioned [--work runs/captionstew] [--jobs 2]

Every run has the same number of steps (auricle/recipes/captionstew.py, small towers); only the number of different scenes varies.
Evaluated on held-out source recordings: a linear probe on the encoder's embeddings, trained on ESC-50's folds 1 to 3 and tested on fold 4;
text-to-audio retrieval among test scenes; and whether the true caption scores higher than the same caption with its order swapped (chance
0.5). A captioner has no joint embedding: it ranks by the likelihood of a caption, which is also computed for `both`. An untrained encoder
is the baseline. Resumes after a kill. Writes docs/results/captionstew.json and captionstew.svg. Hardware: an hour on two cores. Seeds 0-2.
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
    "retrieval": f"mAP@10 of captions among {RANKED} held-out scenes",
    "order": "share of held-out scenes whose caption in true order scores higher (chance 0.5)",
}


def config_of(scenes: Path, work: Path, objective: captionstew.Objective, *, count: int, seed: int) -> captionstew.Config:
    """Config of one run: the first `count` scenes of the manifest."""
    part = work / f"train-{count}.jsonl"
    if not part.exists():
        manifest.write(part, manifest.read(scenes / "train.jsonl")[:count])
    settings = TrainConfig(steps=STEPS, learning_rate=2e-3, optimiser="muon", seed=seed, save_every=STEPS)
    return captionstew.Config(data=part, cache=work / "cache", objective=objective, window=SECONDS, batch=BATCH, seed=seed, train=settings)


def train_and_evaluate(scenes: Path, data: Path, work: Path, name: str) -> None:
    """Train one model, or keep it untrained, and write its scores per test item to NAME.npz."""
    objective, count, seed = name.rsplit("-", 2)
    untrained = objective == "untrained"
    of_model: captionstew.Objective = next((one for one in OBJECTIVES if one == objective), "both")
    config = config_of(scenes, work, of_model, count=int(count), seed=int(seed))
    training = captionstew.build(config)
    if not untrained:
        train(training, work / name)
    model = training.model
    assert isinstance(model, MultiLossModel)
    scores = evaluate(model.eval(), scenes, data, work)
    with atomic_file(work / f"{name}.npz") as partial, partial.open("wb") as stream:
        np.savez(stream, **scores)  # type: ignore[arg-type]
    print(f"{name}: " + "  ".join(f"{key} {value.mean():.3f}" for key, value in scores.items() if not key.endswith("group")), flush=True)


@torch.inference_mode()
def evaluate(model: MultiLossModel, scenes: Path, data: Path, work: Path) -> dict[str, np.ndarray]:
    """Scores of all metrics per test item: hits (0 or 1) or average precision."""
    scores = dict(probe_hits(model, data, work))
    test, order = (manifest.read(scenes / f"{part}.jsonl") for part in ("test", "order"))
    texts = [item.captions[0].text for item in test[:RANKED]]
    true_texts, false_texts = [item.captions[0].text for item in order], [swapped_caption(item) for item in order]
    test_encoded = list(encode_files(model, [item.audio for item in test[:RANKED]], work))
    order_encoded = list(encode_files(model, [item.audio for item in order], work))
    relevant = np.array([[one == other for other in texts] for one in texts])
    if model.contrast is not None:
        similarity = embed_text(model, texts) @ embed_audio(model, test_encoded).T
        scores["retrieval"] = retrieval.average_precisions_at(relevant, similarity, 10)
        audio, true, false = embed_audio(model, order_encoded), embed_text(model, true_texts), embed_text(model, false_texts)
        scores["order"] = _wins((audio * true).sum(1), (audio * false).sum(1))
    if model.captioner is not None:
        suffix = "_by_words" if model.contrast is not None else ""
        ranking = rank_by_likelihood(model, test_encoded, texts)
        scores[f"retrieval{suffix}"] = retrieval.average_precisions_at(relevant, ranking, 10)
        true, false = (log_likelihood(model, order_encoded, captions) for captions in (true_texts, false_texts))
        scores[f"order{suffix}"] = _wins(true, false)
    return scores


def _wins(true: np.ndarray, false: np.ndarray) -> np.ndarray:
    return np.asarray((true > false) + 0.5 * (true == false), np.float64)


def swapped_caption(item: Item) -> str:
    """A scene's false caption, with its sounds in another order."""
    return next(caption.text for caption in item.captions if caption.style == "swapped")


def probe_hits(model: MultiLossModel, data: Path, work: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Hits of a linear probe on fold 4 of ESC-50, and the source recording of each clip."""
    rows = read(data, ["esc50"])
    test = [row for row in rows if fold(row) == TEST_FOLD]
    training = [row for row in rows if fold(row) != TEST_FOLD]
    names = sorted({row.label for row in rows})

    def embed(some: Sequence[Row]) -> tuple[np.ndarray, np.ndarray]:
        pooled = torch.cat([one.pooled for one in encode_files(model, [row.path for row in some], work)])
        return nn.functional.normalize(pooled, dim=-1).numpy(), np.array([names.index(row.label) for row in some])

    (train_vectors, train_labels), (test_vectors, test_labels) = embed(training), embed(test)
    probe = regression.fit_cross_validated(train_vectors, train_labels, len(names), groups=[row.source for row in training], seed=0)
    yield "probe", (probe.logits(test_vectors).argmax(axis=1) == test_labels).astype(np.float64)
    yield "probe_group", np.unique([row.source for row in test], return_inverse=True)[1]


def encode_files(model: MultiLossModel, files: Sequence[Path], work: Path, *, batch: int = 32) -> Iterator[Embedding]:
    """Encoder outputs of recordings, cropped or padded to five seconds, batch by batch."""
    features = cached_features(files, model.model.config.frontend, work)
    for start in range(0, len(files), batch):
        yield model.model.encode(torch.from_numpy(features[start : start + batch].astype(np.float32)))


def cached_features(files: Sequence[Path], frontend: str, work: Path) -> np.ndarray:
    """Features of recordings of five seconds, float16 (n, T, F), computed once."""
    key = hashlib.sha256("\n".join([frontend, *map(str, files)]).encode()).hexdigest()[:16]
    path = work / f"features-{key}.npy"
    if not path.exists():
        extractor, clips = open_frontend(frontend), []
        size = round(SECONDS * extractor.rate)
        for file in files:
            samples = read_sound(file, rate=extractor.rate, mono=True).samples[0][:size]
            clips.append(extractor.features(np.pad(samples, (0, size - len(samples)))).astype(np.float16))
        with atomic_file(path) as partial, partial.open("wb") as stream:
            np.save(stream, np.stack(clips))
    return np.asarray(np.load(path, mmap_mode="r"))


def embed_audio(model: MultiLossModel, encoded: Sequence[Embedding]) -> np.ndarray:
    """Unit embeddings of sounds in the joint space, (n, D)."""
    vectors = torch.cat([model.model.apply_heads(one)[EMBEDDING] for one in encoded])
    return nn.functional.normalize(vectors, dim=-1).numpy()


def embed_text(model: MultiLossModel, texts: Sequence[str]) -> np.ndarray:
    """Unit embeddings of captions in the joint space, (n, D)."""
    assert model.tokenizer is not None and model.model.text is not None
    return nn.functional.normalize(model.model.text(*model.tokenizer(texts)), dim=-1).numpy()


def log_likelihood(model: MultiLossModel, encoded: Sequence[Embedding], texts: Sequence[str]) -> np.ndarray:
    """Mean log-probability per token of each sound's own caption, (n,), by autoregressive decoding."""
    values, start = [], 0
    for one in encoded:
        some = texts[start : start + len(one.pooled)]
        values.append(_log_likelihood(model, one, some))
        start += len(some)
    return torch.cat(values).numpy()


def _log_likelihood(model: MultiLossModel, encoded: Embedding, texts: Sequence[str]) -> Tensor:
    assert model.tokenizer is not None and model.captioner is not None
    ids, mask = model.tokenizer(texts)
    log_probabilities = model.captioner(encoded, ids, mask)[:, :-1].log_softmax(dim=-1)
    each = log_probabilities.gather(2, ids[:, 1:, None])[..., 0] * mask[:, 1:]
    mean: Tensor = each.sum(dim=1) / mask[:, 1:].sum(dim=1)
    return mean


def rank_by_likelihood(model: MultiLossModel, encoded: Sequence[Embedding], texts: Sequence[str]) -> np.ndarray:
    """Log-likelihood of each caption for each sound, minus the caption's mean over sounds: (captions, sounds)."""
    columns = []
    for one in encoded:
        for row in range(len(one.pooled)):
            frames = one.frames[row : row + 1].expand(len(texts), -1, -1)
            columns.append(_log_likelihood(model, Embedding(one.pooled[row : row + 1], frames, None), texts))
    scores = torch.stack(columns, dim=1).numpy()
    return np.asarray(scores - scores.mean(axis=1, keepdims=True))


def run_names() -> list[str]:
    """Names of all runs, in order of execution: a seed is completed before the next one."""
    runs = [f"{objective}-{count}-{seed}" for seed in SEEDS for count in SIZES for objective in OBJECTIVES]
    return [*(f"untrained-{SIZES[0]}-{seed}" for seed in SEEDS), *runs]


def make_figures(work: Path) -> list[Figure]:
    """Means over seeds for each objective, data size and metric; bootstrap intervals over test items, each averaged over seeds."""
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
    return [*figures, *_differences(work), _data_wait(work)]


def _differences(work: Path) -> Iterator[Figure]:
    """Captioning minus contrastive for each data size and metric, paired by test item, means over seeds."""
    for count in SIZES:
        for key in METRICS:
            delta = np.mean(
                [
                    np.load(work / f"captioning-{count}-{seed}.npz")[key] - np.load(work / f"contrastive-{count}-{seed}.npz")[key]
                    for seed in SEEDS
                ],
                axis=0,
            )
            groups = np.load(work / f"contrastive-{count}-{SEEDS[0]}.npz")["probe_group"] if key == "probe" else None
            low, high = bootstrap.interval_of(lambda items, delta=delta: float(delta[items].mean()), len(delta), groups=groups)  # type: ignore[misc]
            name, note = f"captioning_less_contrastive_{count}_{key}", "difference on the same items, means over seeds"
            yield {"name": name, "value": float(delta.mean()), "low": low, "high": high, "n": len(delta), "note": note}


def _data_wait(work: Path) -> Figure:
    """Share of the time spent waiting for data, of the run that waited most."""
    shares = []
    for name in run_names():
        if not name.startswith("untrained"):
            with (work / name / "log.csv").open(encoding="utf-8") as file:
                shares.append(np.mean([float(row["data_wait"]) for row in csv.DictReader(file)]))
    note = "share of a run's time spent waiting for data; the maximum of all runs, two at a time on two cores"
    return {"name": "data_wait", "value": float(max(shares)), "n": len(shares), "note": note}


def svg(figures: Sequence[Figure]) -> str:
    """The plot: a panel per metric, with a line and intervals per objective over the number of scenes."""
    by_name = {figure["name"]: figure for figure in figures}
    colours = {"contrastive": "#2a6fdb", "captioning": "#d1603d", "both": "#3a9d5d"}
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" width="780" height="260" font-family="sans-serif" font-size="11">']
    parts.append('<rect width="780" height="260" fill="white"/>')
    for panel, metric in enumerate(METRICS):
        parts += _panel(by_name, metric, left=50 + 250 * panel, colours=colours)
    for row, (objective, colour) in enumerate(colours.items()):
        parts.append(f'<text x="{60 + 110 * row}" y="252" fill="{colour}">{objective}</text>')
    return "\n".join([*parts, '<text x="400" y="252" fill="#888">grey: untrained encoder (order: chance)</text>', "</svg>"]) + "\n"


def _panel(by_name: Mapping[str, Figure], metric: str, *, left: int, colours: Mapping[str, str]) -> list[str]:
    shown = [by_name[f"{objective}_{count}_{metric}"] for objective in colours for count in SIZES]
    baseline = 0.5 if metric == "order" else by_name[f"untrained_{metric}"]["value"]
    low, high = min(0.0 if metric != "order" else 0.45, baseline), max(float(figure["high"] or 0) for figure in shown) * 1.05

    def height(value: float) -> float:
        return 210 - 170 * (value - low) / (high - low)

    parts = [f'<text x="{left}" y="24" font-weight="bold">{metric}</text>']
    parts += [
        f'<text x="{left - 6}" y="{height(value) + 4:.0f}" text-anchor="end">{value:.2f}</text>' for value in (low, (low + high) / 2, high)
    ]
    parts.append(
        f'<line x1="{left}" x2="{left + 190}" y1="{height(baseline):.1f}" y2="{height(baseline):.1f}" stroke="#999" stroke-dasharray="4"/>'
    )
    for objective, colour in colours.items():
        points = [(left + 20 + 75 * index, by_name[f"{objective}_{count}_{metric}"]) for index, count in enumerate(SIZES)]
        line = " ".join(f"{x},{height(figure['value']):.1f}" for x, figure in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, figure in points:
            ends = height(float(figure["low"] or 0)), height(float(figure["high"] or 0))
            parts.append(f'<line x1="{x}" x2="{x}" y1="{ends[0]:.1f}" y2="{ends[1]:.1f}" stroke="{colour}" stroke-opacity="0.5"/>')
    return [*parts, *(f'<text x="{left + 20 + 75 * p}" y="228" text-anchor="middle">{count}</text>' for p, count in enumerate(SIZES))]


def main() -> None:
    """Run the runs that are missing, then write the result record and its plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scenes", type=Path, default=Path("runs/captioned"))
    parser.add_argument("--work", type=Path, default=Path("runs/captionstew"))
    parser.add_argument("--jobs", type=int, default=2, help="parallel runs, one core each")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    if options.one:
        torch.set_num_threads(1)
        train_and_evaluate(options.scenes, options.data, options.work, options.one)
        return
    for count in SIZES:  # writes manifests, tokenizer and decoded scenes before parallel runs need them
        captionstew.build(config_of(options.scenes, options.work, "both", count=count, seed=0))
    command_line: list[Any] = [
        sys.executable,
        "-m",
        "recipes.captionstew_study",
        "--data",
        options.data,
        "--scenes",
        options.scenes,
        "--work",
        options.work,
    ]
    with ThreadPoolExecutor(options.jobs) as pool:
        missing = [name for name in run_names() if not (options.work / f"{name}.npz").exists()]
        list(pool.map(lambda name: subprocess.run([*map(str, command_line), "--one", name], check=True), missing))
    figures = make_figures(options.work)
    write_text(RESULTS / "captionstew.svg", svg(figures))
    about = (
        f"Composed scenes of ESC-50's folds 1 to 3 with captions, {STEPS} steps of {BATCH} each; tested on fold 4. Means of three seeds; "
        "intervals over test items."
    )
    command = "python -m recipes.captionstew_study --data DIR --scenes runs/captioned"
    extra = {"about": about, "pictures": ["captionstew.svg"]}
    print(write_record(RESULTS, "captionstew", command=command, seed=0, figures=figures, extra=extra))


if __name__ == "__main__":
    main()
