"""Fine-tuning on ESC-50: heads on the frozen encoder of mn04, trained on folds 1-3 and tested on fold 4, and curves with few clips.

    python benchmarks/finetune.py --data DIR --weights mn04_as_mAP_432.pt [--work DIR] [--dry]

- `auricle train finetune` with the tasks event (one label each; also all layers, six epochs) and tagging; accuracy and calibration error of
  the Listener on whole clips, and of events from windows of 1 s every 0.25 s (an event is right where it has the label of its clip).
- 5, 20 and all clips of each class of ESC-50, and 5, 20 and 50 of each spoken digit (FSDD, two speakers left out for the test), five draws
  each, heads only; 50 of each digit also with all layers.
- The same recipe on auricle-tiny, and on BEATs and CNN14 with random weights, on ten classes: that nothing depends on the encoder.
  (auricle-tiny was trained on clips of ESC-50, so its figure is no measure of its quality.)

Writes docs/results/finetune.json. Twenty minutes on two cores; --work keeps what is finished.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import auricle
from auricle.bench.results import Figure, fingerprint, write_record
from auricle.core.config import encoder_config
from auricle.data import corpora, manifest
from auricle.data.item import Item
from auricle.metrics import calibration
from auricle.metrics.bootstrap import wilson
from auricle.models.encoders.factory import open_encoder, published_size
from auricle.models.folder import save
from auricle.models.model import Model
from auricle.recipes import finetune
from auricle.train import probe
from auricle.train.settings import build_config
from auricle.train.trainer import train

ROOT = Path(__file__).resolve().parents[1]
TEST_FOLD = "4"
TEN = ("dog", "rooster", "rain", "sea waves", "crackling fire", "crying baby", "sneezing", "clock tick", "helicopter", "chainsaw")
SPEAKERS = ("theo", "yweweler")  # of FSDD, for testing
DRAWS = 5


def main() -> None:
    """Train, test, print, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True, help="mn04_as_mAP_432.pt of EfficientAT")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--dry", action="store_true", help="write no record")
    asked = parser.parse_args()
    work = asked.work or Path(tempfile.mkdtemp(prefix="auricle-finetune-"))
    work.mkdir(parents=True, exist_ok=True)
    esc50 = write_manifest(asked.data, "esc50", work)
    digits = write_manifest(asked.data, "fsdd", work)
    figures: list[Figure] = []
    layers = ("method=layers", "epochs=6", "objective.mixup=0.3")
    for name, task, more in (("event_layers", "event", layers), ("event", "event", ()), ("tagging", "tagging", ())):
        model = run(work / f"mn04-{name}", esc50, asked.weights, "window=5", 'folds=["1","2","3"]', f'tasks=["{task}"]', *more)
        figures += test_on_clips(f"mn04_{name}", model, of_fold(esc50))
    figures += test_events("mn04_tagging", model, of_fold(esc50))
    figures += curve("esc50", asked.weights, esc50, (5, 20, None), lambda item: item.fold == TEST_FOLD, work, window=5)
    figures += curve("digits", asked.weights, digits, (5, 20, 50), lambda item: item.source in SPEAKERS, work, window=1)
    trained, tested = by_speaker(digits, work)
    model = run(work / "digits-layers", trained, asked.weights, "window=1", "per_class=50", 'tasks=["event"]', *layers, "epochs=20")
    figures += test_on_clips("digits_50_layers", model, tested)
    for name, start in starts(work).items():
        model = run(work / name, ten_classes(esc50, work), start, 'folds=["1","2","3"]', 'tasks=["event"]')
        figures += [
            figure for figure in test_on_clips(f"{name}_ten", model, of_fold(ten_classes(esc50, work))) if "accuracy" in figure["name"]
        ]
    if not asked.dry:
        command = "python benchmarks/finetune.py --data DIR --weights mn04_as_mAP_432.pt"
        about = "Fine-tuning: heads on the frozen encoder of mn04, ESC-50 folds 1-3, tested on fold 4; curves with few clips."
        extra = {"about": about, "checkpoint": hashlib.sha256(asked.weights.read_bytes()).hexdigest()}
        weights = fingerprint(ROOT / "auricle" / "weights" / "auricle-tiny")
        print(write_record(ROOT / "docs" / "results", "finetune", command=command, seed=0, figures=figures, weights=weights, extra=extra))


def write_manifest(data: Path, corpus: str, work: Path) -> Path:
    """A manifest of a prepared corpus with its own labels; returns its path."""
    rows = corpora.read(data, [corpus])
    items = [
        dataclasses.replace(item, labels=(row.label.replace("_", " "),))
        for item, row in zip(manifest.items_from_rows(rows), rows, strict=True)
    ]
    manifest.write(work / f"{corpus}.jsonl", items)
    return work / f"{corpus}.jsonl"


def ten_classes(path: Path, work: Path) -> Path:
    """A manifest of ten classes, which is quick to train on."""
    manifest.write(work / "ten.jsonl", [item for item in manifest.read(path) if item.labels[0] in TEN])
    return work / "ten.jsonl"


def of_fold(path: Path) -> list[Item]:
    """The test clips of a manifest of ESC-50."""
    return [item for item in manifest.read(path) if item.fold == TEST_FOLD]


def by_speaker(path: Path, work: Path) -> tuple[Path, list[Item]]:
    """A manifest of the digits of the training speakers, and the digits of the others."""
    items = manifest.read(path)
    manifest.write(work / "digits-training.jsonl", [item for item in items if item.source not in SPEAKERS])
    return work / "digits-training.jsonl", [item for item in items if item.source in SPEAKERS]


def run(out: Path, data: Path, start: Path | str, *settings: str) -> Path:
    """Fine-tune, or take what is there; returns the model folder."""
    if not (out / "figures.json").exists():
        given = [f"start={start}", f"data={data}", f"cache={out.parent / 'cache'}", *settings]
        config = build_config(finetune.Config, given)
        assert isinstance(config, finetune.Config)
        train(finetune.build(config), out, report=lambda line: print(f"{out.name}: {line}", flush=True))
    return out / "model"


def starts(work: Path) -> dict[str, Path | str]:
    """auricle-tiny, and BEATs and CNN14 of their published sizes with random weights."""
    found: dict[str, Path | str] = {"tiny": "auricle-tiny"}
    for name, size in (("beats", "beats-base"), ("cnn14", "cnn14")):
        found[name] = folder = work / f"{name}-random"
        if not folder.exists():
            torch.manual_seed(0)
            settings = published_size(size)
            encoder: Any = open_encoder(settings)
            fields = {"frontend": encoder.frontend, "encoder": settings, "dim": encoder.size, "window": 5.0}
            save(folder, Model(encoder_config(name=name, source="random weights", **fields)), {})
    return found


def test_on_clips(name: str, model: Path, items: Sequence[Item]) -> list[Figure]:
    """Accuracy of the best label of each test clip, and the calibration error of its score."""
    analyses = auricle.load(model).each([str(item.audio) for item in items], parts=("tags",), top=1)
    best = [analysis.tags[0] for analysis in analyses]
    right = np.array([tag.label == item.labels[0] for tag, item in zip(best, items, strict=True)])
    scores = np.array([tag.score for tag in best])
    return [share(f"{name}_accuracy", right), *calibration_figures(f"{name}_ece", scores, right)]


def test_events(name: str, model: Path, items: Sequence[Item]) -> list[Figure]:
    """Precision of events from short windows in the test clips, and the calibration error of their scores."""
    listener = auricle.load(model)
    analyses = listener.detect([str(item.audio) for item in items], window=1.0, hop=0.25)
    events = [(event, item.labels[0]) for analysis, item in zip(analyses, items, strict=True) for event in analysis.events]
    right = np.array([event.label == label for event, label in events])
    found = np.array([any(event.label == item.labels[0] for event in each.events) for each, item in zip(analyses, items, strict=True)])
    scores = np.array([event.score for event, _ in events])
    return [
        share(f"{name}_events_precision", right),
        share(f"{name}_events_recall", found),
        *calibration_figures(f"{name}_events_ece", scores, right),
    ]


def curve(name: str, start: Path, data: Path, sizes: Sequence[int | None], is_test: Any, work: Path, *, window: float) -> list[Figure]:
    """Accuracy of heads fitted to a few clips of each class, on the same encodings, mean of several draws with their range."""
    items = manifest.read(data)
    training, test = ([item for item in items if is_test(item) == side] for side in (False, True))
    given = [f"start={start}", f"data={data}", f"window={window}", 'tasks=["event"]', f"cache={work / 'cache'}"]
    config = build_config(finetune.Config, given)
    assert isinstance(config, finetune.Config)
    plan = finetune.make_plan(config)
    head = plan.heads[0]
    path = work / f"{name}-{window:g}-encoded.pt"
    if not path.exists():
        sets = {}
        for side, clips in (("training", training), ("test", test)):
            batches = finetune.make_batches(config, plan, clips)
            encoded = probe.encode_all(
                plan.model, batches, frames=False, what=f"{name} {side}", report=lambda line: print(line, flush=True)
            )
            sets[side] = (encoded.pooled, encoded.targets[head.name], encoded.seconds, encoded.items)
        torch.save(sets, path)
    sets = torch.load(path, weights_only=True)
    figures: list[Figure] = []
    for size in sizes:
        accuracies = [_accuracy(plan, head, sets, training, size, seed) for seed in range(DRAWS if size else 1)]
        label = size or "all"
        note = f"mean of {len(accuracies)} draws of {label} clips a class; lowest and highest draw" if size else "all training clips"
        low, high = (min(accuracies), max(accuracies)) if size else wilson(round(accuracies[0] * len(test)), len(test))
        mean = float(np.mean(accuracies))
        figures.append({"name": f"{name}_{label}_accuracy", "value": mean, "low": low, "high": high, "n": len(test), "note": note})
        print(figures[-1], flush=True)
    return figures


def _accuracy(plan: finetune.Plan, head: Any, sets: Any, training: list[Item], size: int | None, seed: int) -> float:
    """Accuracy on the test clips of a head fitted to a draw of the training clips; a fifth of its sources chooses the penalty."""
    chosen = training if size is None else finetune.few(training, size, seed=seed)
    names = {item.id for item in chosen}
    config = finetune.Config(seed=seed, held_out=0.2)
    fitted, held = finetune.split(chosen, config)
    fitted_names, held_names = {item.id for item in fitted}, {item.id for item in held}
    pooled, targets, seconds, indices = sets["training"]
    rows = [place for place, index in enumerate(indices.tolist()) if training[index].id in names]
    fit_rows = [place for place in rows if training[int(indices[place])].id in fitted_names]
    held_rows = [place for place in rows if training[int(indices[place])].id in held_names]

    def encoded(places: list[int]) -> probe.Encoded:
        return probe.Encoded(
            pooled[places], None, None, {head.name: targets[places]}, seconds[places], indices[places], torch.zeros(len(places))
        )

    linear: Any = plan.model.heads[head.name]

    def score(_: Any) -> float:
        with torch.no_grad():
            return float((linear(pooled[held_rows]).argmax(dim=1) == targets[held_rows].argmax(dim=1)).float().mean())

    probe.fit_heads(plan.model, [head], encoded(fit_rows), score=score, report=lambda line: None)
    test_pooled, test_targets = sets["test"][:2]
    with torch.no_grad():
        return float((linear(test_pooled).argmax(dim=1) == test_targets.argmax(dim=1)).float().mean())


def share(name: str, right: np.ndarray) -> Figure:
    """A share with Wilson's interval."""
    low, high = wilson(int(right.sum()), len(right))
    figure: Figure = {"name": name, "value": float(right.mean()), "low": low, "high": high, "n": len(right)}
    print(figure, flush=True)
    return figure


def calibration_figures(name: str, scores: np.ndarray, right: np.ndarray) -> list[Figure]:
    """Expected calibration error with an interval by resampling clips."""
    rng = np.random.default_rng(0)
    draws = [rng.integers(len(right), size=len(right)) for _ in range(1000)]
    errors = [calibration.expected_error(scores[draw], right[draw]) for draw in draws]
    low, high = np.quantile(errors, [0.025, 0.975]).tolist()
    figure: Figure = {
        "name": name, "value": float(calibration.expected_error(scores, right)), "low": low, "high": high, "n": len(right),
    }  # fmt: skip
    print(figure, flush=True)
    return [figure]


if __name__ == "__main__":
    main()
