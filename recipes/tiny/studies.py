"""The studies of auricle-tiny: what the recipe hears of sounds that it was not trained on, and the model that is shipped."""

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
from recipes.tiny import evaluation, left_out, unseen
from recipes.tiny.decisions import Decisions, calibrated
from recipes.tiny.training import FRONTEND, Run, Workspace, train_model

SCENES = (
    "Composed 10 s scenes of left-out ESC-50 clips over ambience, 1-4 events: tags, events with 200 ms collars, calibration; "
    "gated_: the energy-gated clip classifier. Window, tag rule and event decoding were chosen on fold 1's scenes."
)
CLAIMS = (
    "Share of left-out files outside ESC-50 in which an ESC-50 sound is claimed present that is not there; "
    "all_foreign joins speech, digits, music, instruments and made silence. The allowed share of false claims was chosen on folds 1 "
    "and 2, with earlier models."
)
#: What the text tower was told, by variant of the words.
LEXICON = {
    "": " The text tower learned from a lexicon of how everyday sounds sound, written with these classes' names in view; no sound of "
    "them was heard, and their attributes are known by name only.",
    "-no-lexicon": " The text tower knows a sentence model and captions alone; the encoders are those of the study with the lexicon.",
}
RESULTS = Path("docs/results")


def open_workspace(options: argparse.Namespace, run: Run) -> Workspace:
    """Read the corpora and their features (decoded once, under the work folder)."""
    rows = read(options.data)
    began = time.monotonic()

    def progress(done: int, total: int) -> None:
        if done % 500 == 0 or done == total:
            print(f"decoded {done}/{total} clips in {time.monotonic() - began:.0f} s", flush=True)

    bank = open_feature_bank(rows, options.work / "features", frontend=FRONTEND, speeds=run.speeds, progress=progress)
    count = Counter(label for row in rows if is_trainable(row) for label in row.labels)
    vocabulary = sorted(label for label, clips in count.items() if clips >= run.fewest)
    command = f"python -m recipes.tiny --data DIR --study {options.study} --epochs {options.epochs}"
    command += "" if tuple(options.folds) == FOLDS else " --folds " + " ".join(map(str, options.folds))
    command += " --sets " + " ".join(options.sets) if options.sets else ""
    variant = _variant(options.words)
    command += f" --words runs/words{variant}" if variant else ""
    made_from = (options.data, options.words, options.work, run, tuple(options.folds), tuple(options.sets))
    return Workspace(rows, bank, vocabulary, *made_from, command, variant)


def _variant(words: Path) -> str:
    made = words / "words.json"
    return "-no-lexicon" if made.exists() and not json.loads(made.read_text())["lexicon"] else ""


def folds(workspace: Workspace) -> dict[int, Path]:
    """Four trainings without a fold; then every figure that needs left-out sounds, each model calibrated on the other three's."""
    folders = {}
    for left in workspace.folds:
        chosen = [i for i, row in enumerate(workspace.rows) if is_trainable(row) and fold(row) != left]
        folders[left] = train_model(workspace, f"fold{left}", chosen, workspace.vocabulary)
        _accuracy(workspace, folders)
    if len(folders) == 1:
        return folders  # decisions are fitted to other folds' sounds
    heard = {left: left_out.labelled_outputs(folder, workspace.rows, workspace.bank, left) for left, folder in folders.items()}
    for left, folder in folders.items():
        others = [heard[other] for other in folders if other != left]
        _decide(folder, calibrated(others))
    _scenes_and_claims(workspace, folders)
    return folders


def _accuracy(workspace: Workspace, folders: dict[int, Path]) -> None:
    """ESC-50 accuracy of the folds that are done: all rows of the left-out fold, the best of the 50 classes."""
    figures, hits, groups = [], [], []
    for left, folder in folders.items():
        right, sources = left_out.esc50_hits(folder, workspace.rows, workspace.bank, left)
        hits.append(right)
        groups.append(sources)
        low, high = bootstrap.wilson(int(right.sum()), len(right))
        figures.append({"name": f"fold{left}", "value": float(right.mean()), "low": low, "high": high, "n": len(right)})
    pooled, sources = np.concatenate(hits).astype(float), np.unique(np.concatenate(groups), return_inverse=True)[1]
    low, high = bootstrap.interval_of(lambda items: float(pooled[items].mean()), len(pooled), groups=sources, seed=workspace.run.seed)
    figures.insert(0, {"name": "accuracy", "value": float(pooled.mean()), "low": low, "high": high, "n": len(pooled)})
    about = "ESC-50 leave-one-fold-out over folds 1-4: licensed rows train, all rows of the left-out fold are tested."
    _record(workspace, "esc50-folds", figures, about)


def _scenes_and_claims(workspace: Workspace, folders: dict[int, Path]) -> None:
    parts, plain, false_positives = [], [], []
    for left, folder in folders.items():
        listener, scenes = load(folder), left_out.scenes_of_fold(workspace.rows, left)
        parts.append(evaluation.hear_scenes(listener, scenes))
        plain.append(evaluation.hear_scenes(listener, scenes, evaluation.gated_classifier(listener)))
        outside = left_out.out_of_domain_sounds(workspace.rows, left)
        false_positives += evaluation.find_false_positives(listener, outside, left_out.esc50_words(workspace.rows))
        print(f"fold {left}: scenes and {len(outside)} foreign sounds heard", flush=True)
    joined = evaluation.SceneScores.joined(parts)
    figures = evaluation.scene_figures(joined, workspace.vocabulary, seed=workspace.run.seed)
    gated = evaluation.scene_figures(evaluation.SceneScores.joined(plain), workspace.vocabulary, seed=workspace.run.seed)
    figures |= {f"gated_{name}": gated[name] for name in ("event_f1", "event_f1_macro")}
    n = len(joined.references)
    rows = [{"name": name, "value": value, "low": low, "high": high, "n": n} for name, (value, low, high) in figures.items()]
    write_text(RESULTS / "reliability.svg", evaluation.reliability_svg(joined))
    about = SCENES
    _record(workspace, "scenes", rows, about, pictures=["reliability.svg"])
    about = CLAIMS
    _record(
        workspace,
        "foreign-sounds",
        evaluation.false_positive_figures(false_positives, {"all_foreign": (*left_out.FOREIGN, left_out.SILENCE)}),
        about,
        false_positives=evaluation.false_positive_counts(false_positives),
    )


def _decide(folder: Path, decisions: Decisions) -> None:
    """Set the calibrations and thresholds of a model folder's config.json."""
    config = decisions.applied(read_config(folder / "config.json"))
    write_json(folder / "config.json", config.model_dump(mode="json"))


def unseen_classes(workspace: Workspace) -> None:
    """Ten trainings: five without every fifth class, five without a group; then the left-out classes by their names alone."""
    for study, sets in unseen.splits(workspace.rows, workspace.data / "esc50_16k" / "classes.csv").items():
        results = []
        for name, classes in sets.items():
            if workspace.sets and name not in workspace.sets:
                continue
            kept = set(map(id, class_exclusion.exclude_classes(workspace.rows, classes)))
            chosen = [i for i, row in enumerate(workspace.rows) if id(row) in kept and is_trainable(row)]
            vocabulary = [
                label for label in workspace.vocabulary if label not in classes and any(label in workspace.rows[i].labels for i in chosen)
            ]
            folder = train_model(workspace, f"unseen-{study}-{name}", chosen, vocabulary)
            results.append((name, unseen.hits(folder, workspace.rows, workspace.bank, classes)))
            about = unseen.ABOUT[study] + LEXICON[workspace.variant]
            _record(workspace, f"unseen-{study}{workspace.variant}", unseen.figures(results, workspace.run.seed), about)


def ship(workspace: Workspace) -> None:
    """One training on everything that may train, with decisions fitted to what the fold models said of left-out sounds."""
    done = [left for left in FOLDS if (workspace.work / f"fold{left}" / "encode.onnx").exists()]
    if not done:
        raise SystemExit("the shipped model's decisions rest on left-out sounds: run --study folds first")
    heard = [left_out.labelled_outputs(workspace.work / f"fold{left}", workspace.rows, workspace.bank, left) for left in done]
    chosen = [i for i, row in enumerate(workspace.rows) if is_trainable(row)]
    folder = train_model(workspace, "ship", chosen, workspace.vocabulary)
    _decide(folder, calibrated(heard))
    recipe = dataclasses.asdict(workspace.run) | {"encoder": workspace.run.encoder.model_dump(mode="json")}
    write_card(folder, [workspace.rows[i] for i in chosen], recipe=recipe, results=RESULTS)
    print(f"copy {folder} to auricle/weights/auricle-tiny; fingerprint {fingerprint(folder)}")


def _record(workspace: Workspace, name: str, figures: list[Any], about: str, **extra: Any) -> None:
    path = write_record(RESULTS, name, command=workspace.command, seed=workspace.run.seed, figures=figures, extra={"about": about, **extra})
    print(f"{path}: {figures[0]['name']} {figures[0]['value']:.3f}", flush=True)
