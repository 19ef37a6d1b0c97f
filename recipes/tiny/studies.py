"""The studies of auricle-tiny: evaluation on held-out folds and classes, and training of the shipped model."""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from auricle.bench.card import write_card
from auricle.bench.results import fingerprint, write_record
from auricle.core.files import write_text
from auricle.core.model_files import read_config
from auricle.data import class_exclusion
from auricle.data.compose.feature_bank import open_feature_bank
from auricle.data.corpora import read
from auricle.data.corpora.clip_table import FOLDS, fold
from auricle.data.licences import is_trainable
from auricle.listen.listener import load
from auricle.metrics import bootstrap
from auricle.models.folder import write_json
from recipes.tiny import CORPORA, evaluation, held_out, unseen
from recipes.tiny.decisions import Decisions, fit_decisions
from recipes.tiny.training import FRONTEND, Run, Workspace, train_model

SCENES = (
    "Composed 10 s scenes of held-out ESC-50 clips over ambience, 1-4 events: tags, events with 200 ms collars, calibration; "
    "gated_: the energy-gated clip classifier. Window, tag rule and event decoding were chosen on fold 1's scenes."
)
FALSE_POSITIVES = (
    "Share of held-out files outside ESC-50 with a false positive of an ESC-50 class; all_foreign joins speech, digits, music, "
    "instruments and synthetic silence. The allowed share of false positives was chosen on folds 1 and 2, with earlier models."
)
#: Training data of the text tower, by variant.
LEXICON = {
    "": " The text tower was trained with a lexicon of sound attributes, written with these class names in view; no recordings of these "
    "classes were used for training.",
    "-no-lexicon": " The text tower was trained with a sentence model and captions only; the encoders are those of the study with the "
    "lexicon.",
}
RESULTS = Path("docs/results")


def open_workspace(options: argparse.Namespace, run: Run) -> Workspace:
    """Read the corpora and their features, which are computed once and cached under the work folder."""
    rows = [row for row in read(options.data) if row.corpus in CORPORA]
    start = time.monotonic()

    def progress(done: int, total: int) -> None:
        if done % 500 == 0 or done == total:
            print(f"decoded {done}/{total} clips in {time.monotonic() - start:.0f} s", flush=True)

    bank = open_feature_bank(rows, options.work / "features", frontend=FRONTEND, speeds=run.speeds, progress=progress)
    counts = Counter(label for row in rows if is_trainable(row) for label in row.labels)
    vocabulary = sorted(label for label, clips in counts.items() if clips >= run.min_clips)
    command = f"python -m recipes.tiny --data DIR --study {options.study} --epochs {options.epochs}"
    command += "" if tuple(options.folds) == FOLDS else " --folds " + " ".join(map(str, options.folds))
    command += " --sets " + " ".join(options.sets) if options.sets else ""
    variant = _variant(options.words)
    command += f" --words runs/words{variant}" if variant else ""
    arguments = (options.data, options.words, options.work, run, tuple(options.folds), tuple(options.sets))
    return Workspace(rows, bank, vocabulary, *arguments, command, variant)


def _variant(words: Path) -> str:
    path = words / "words.json"
    return "-no-lexicon" if path.exists() and not json.loads(path.read_text())["lexicon"] else ""


def folds(workspace: Workspace) -> dict[int, Path]:
    """Train four models, each without one fold; calibrate each on the other three folds; evaluate on its held-out fold."""
    folders = {}
    for left in workspace.folds:
        train_rows = [i for i, row in enumerate(workspace.rows) if is_trainable(row) and fold(row) != left]
        folders[left] = train_model(workspace, f"fold{left}", train_rows, workspace.vocabulary)
        _evaluate_accuracy(workspace, folders)
    if len(folders) == 1:
        return folders  # calibration needs the outputs of other folds
    outputs = {left: held_out.labelled_outputs(folder, workspace.rows, workspace.bank, left) for left, folder in folders.items()}
    for left, folder in folders.items():
        others = [outputs[other] for other in folders if other != left]
        _set_decisions(folder, fit_decisions(others))
    _evaluate_detection(workspace, folders)
    return folders


def _evaluate_accuracy(workspace: Workspace, folders: dict[int, Path]) -> None:
    """Record the ESC-50 accuracy of the finished folds, on all clips of each held-out fold."""
    figures, hits, groups = [], [], []
    for left, folder in folders.items():
        right, sources = held_out.esc50_hits(folder, workspace.rows, workspace.bank, left)
        hits.append(right)
        groups.append(sources)
        low, high = bootstrap.wilson(int(right.sum()), len(right))
        figures.append({"name": f"fold{left}", "value": float(right.mean()), "low": low, "high": high, "n": len(right)})
    pooled, sources = np.concatenate(hits).astype(float), np.unique(np.concatenate(groups), return_inverse=True)[1]
    low, high = bootstrap.interval_of(lambda items: float(pooled[items].mean()), len(pooled), groups=sources, seed=workspace.run.seed)
    figures.insert(0, {"name": "accuracy", "value": float(pooled.mean()), "low": low, "high": high, "n": len(pooled)})
    about = "ESC-50 leave-one-fold-out over folds 1-4: trained on licensed clips, tested on all clips of the held-out fold."
    _record(workspace, "esc50-folds", figures, about)


def _evaluate_detection(workspace: Workspace, folders: dict[int, Path]) -> None:
    """Record tags and events of composed scenes, and false positives on out-of-domain sounds."""
    parts, gated_parts, false_positives = [], [], []
    for left, folder in folders.items():
        listener, scenes = load(folder), held_out.scenes_of_fold(workspace.rows, left)
        parts.append(evaluation.score_scenes(listener, scenes))
        gated_parts.append(evaluation.score_scenes(listener, scenes, evaluation.gated_classifier(listener)))
        outside = held_out.out_of_domain_sounds(workspace.rows, left)
        false_positives += evaluation.find_false_positives(listener, outside, held_out.esc50_labels(workspace.rows))
        print(f"fold {left}: evaluated scenes and {len(outside)} out-of-domain sounds", flush=True)
    joined = evaluation.SceneScores.joined(parts)
    figures = evaluation.scene_figures(joined, workspace.vocabulary, seed=workspace.run.seed)
    gated = evaluation.scene_figures(evaluation.SceneScores.joined(gated_parts), workspace.vocabulary, seed=workspace.run.seed)
    figures |= {f"gated_{name}": gated[name] for name in ("event_f1", "event_f1_macro")}
    n = len(joined.references)
    rows = [{"name": name, "value": value, "low": low, "high": high, "n": n} for name, (value, low, high) in figures.items()]
    write_text(RESULTS / "reliability.svg", evaluation.reliability_svg(joined))
    _record(workspace, "scenes", rows, SCENES, pictures=["reliability.svg"])
    _record(
        workspace,
        "foreign-sounds",
        evaluation.false_positive_figures(false_positives, {"all_foreign": (*held_out.OUT_OF_DOMAIN, held_out.SILENCE)}),
        FALSE_POSITIVES,
        false_positives=evaluation.false_positive_counts(false_positives),
    )


def _set_decisions(folder: Path, decisions: Decisions) -> None:
    """Write calibrations and thresholds to a model folder's config.json."""
    config = decisions.applied(read_config(folder / "config.json"))
    write_json(folder / "config.json", config.model_dump(mode="json"))


def unseen_classes(workspace: Workspace) -> None:
    """Train ten models, five without every fifth class and five without a group; evaluate zero-shot on the held-out classes."""
    for study, sets in unseen.splits(workspace.rows, workspace.data / "esc50_16k" / "classes.csv").items():
        results = []
        for name, classes in sets.items():
            if workspace.sets and name not in workspace.sets:
                continue
            remaining = set(map(id, class_exclusion.exclude_classes(workspace.rows, classes)))
            train_rows = [i for i, row in enumerate(workspace.rows) if id(row) in remaining and is_trainable(row)]
            vocabulary = [
                label
                for label in workspace.vocabulary
                if label not in classes and any(label in workspace.rows[i].labels for i in train_rows)
            ]
            folder = train_model(workspace, f"unseen-{study}-{name}", train_rows, vocabulary)
            results.append((name, unseen.hits(folder, workspace.rows, workspace.bank, classes)))
            about = unseen.ABOUT[study] + LEXICON[workspace.variant]
            _record(workspace, f"unseen-{study}{workspace.variant}", unseen.figures(results, workspace.run.seed), about)


def ship(workspace: Workspace) -> None:
    """Train on all licensed clips; calibrate with the outputs of the fold models on their held-out sounds."""
    trained_folds = [left for left in FOLDS if (workspace.work / f"fold{left}" / "encode.onnx").exists()]
    if not trained_folds:
        raise SystemExit("there are no fold models, whose outputs calibrate the shipped model; run --study folds first")
    outputs = [held_out.labelled_outputs(workspace.work / f"fold{left}", workspace.rows, workspace.bank, left) for left in trained_folds]
    train_rows = [i for i, row in enumerate(workspace.rows) if is_trainable(row)]
    folder = train_model(workspace, "ship", train_rows, workspace.vocabulary)
    _set_decisions(folder, fit_decisions(outputs))
    recipe = dataclasses.asdict(workspace.run) | {"encoder": workspace.run.encoder.model_dump(mode="json")}
    write_card(folder, [workspace.rows[i] for i in train_rows], recipe=recipe, results=RESULTS)
    print(f"copy {folder} to auricle/weights/auricle-tiny; fingerprint {fingerprint(folder)}")


def _record(workspace: Workspace, name: str, figures: list[Any], about: str, **extra: Any) -> None:
    path = write_record(RESULTS, name, command=workspace.command, seed=workspace.run.seed, figures=figures, extra={"about": about, **extra})
    print(f"{path}: {figures[0]['name']} {figures[0]['value']:.3f}", flush=True)
