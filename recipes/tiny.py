"""auricle-tiny: the shipped listening model, and the studies that say how well its recipe hears what it never heard.

    python -m recipes.words --data DIR --out runs/words
    python -m recipes.tiny --data DIR --study folds|unseen|ship [--work runs/tiny] [--words runs/words]

Trains on clips whose own licence is CC0, CC BY or public domain; every other row is only tested on. Batches are composed in the
mel-power domain (auricle.train.compose). `folds`: four trainings, each without one fold of every corpus. `unseen`: five trainings,
each without the ten classes target % 5 == k, then five without a group of classes. `ship`: one training on everything, calibrated
on what the fold models said of sounds they never heard. Each training resumes after a kill and leaves its record in docs/results.
Expected: see docs/results.md. Hardware: 2 cores without a GPU, half an hour a fold on one of them (OMP_NUM_THREADS=1,
`--folds 1` beside `--folds 2`). Seed 0.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, load_model, save_model

from auricle.bench import hearing, left_out, unseen
from auricle.bench.card import write_card
from auricle.bench.results import fingerprint, write_record
from auricle.core.config import SIMILARITY, ModelConfig, Window, of_heads, read_config
from auricle.data import lineage
from auricle.data.cache import FLOOR_DB, FeatureBank, open_bank
from auricle.data.corpora import read
from auricle.data.corpora.table import FOLDS, Row, fold
from auricle.data.licences import trainable
from auricle.listen.listener import load
from auricle.metrics import bootstrap
from auricle.models.encoders.convolutional import ConvConfig
from auricle.models.export import export_in_half
from auricle.models.folder import TEXT, save, write_json
from auricle.models.folder import load as load_model_folder
from auricle.models.model import Model
from auricle.runtime.tokens import TextTower
from auricle.signal.frontend import open_frontend
from auricle.train.calibrate import Decisions, calibrated
from auricle.train.compose import ComposeConfig, Composer
from auricle.train.fit import FitConfig, fit
from auricle.train.joint import fit_joint, fit_likeness

FRONTEND = "auricle-16k"
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
#: How recordings are cut for a model, which no training decides, and the loudness (dBFS) under which nothing sounds. A recording of less
#: than 2 s has silence after it, as short clips have in training: repeated instead, a drum hit becomes a drone.
WINDOW = Window(seconds=5.0, hop=4.4, pad="zero", shortest=2.0, min_frames=32)
SILENCE_DBFS = -70.0
#: Sounds that go on: they may lie under a scene as its background.
STEADY = frozenset(
    {
        "rain",
        "sea waves",
        "wind",
        "crickets",
        "insects",
        "engine",
        "washing machine",
        "vacuum cleaner",
        "airplane",
        "crackling fire",
    }
)


@dataclasses.dataclass(frozen=True)
class Run:
    """Everything that decides the result of a training."""

    seed: int = 0
    dim: int = 256
    fewest: int = 15  # a label enters the vocabulary with so many trainable clips
    speeds: tuple[float, ...] = (0.8, 0.87, 0.93, 1.0, 1.07, 1.15, 1.25)
    encoder: ConvConfig = ConvConfig()
    compose: ComposeConfig = ComposeConfig()
    fit: FitConfig = FitConfig()


@dataclasses.dataclass(frozen=True, eq=False)
class Desk:
    """What all trainings share: rows with their features, the vocabulary, the words, where to work and how to repeat it."""

    rows: list[Row]
    bank: FeatureBank
    vocabulary: list[str]
    data: Path
    words: Path
    work: Path
    run: Run
    folds: tuple[int, ...]
    sets: tuple[str, ...]
    command: str
    variant: str = ""  # what the words were made without, for names of folders and records


def open_desk(options: argparse.Namespace, run: Run) -> Desk:
    """Read the corpora and their features (decoded once, under the work folder)."""
    rows = read(options.data)
    began = time.monotonic()

    def progress(done: int, total: int) -> None:
        if done % 500 == 0 or done == total:
            print(f"decoded {done}/{total} clips in {time.monotonic() - began:.0f} s", flush=True)

    bank = open_bank(rows, options.work / "features", frontend=FRONTEND, speeds=run.speeds, progress=progress)
    count = Counter(label for row in rows if trainable(row) for label in row.labels)
    vocabulary = sorted(label for label, clips in count.items() if clips >= run.fewest)
    command = f"python -m recipes.tiny --data DIR --study {options.study} --epochs {options.epochs}"
    command += "" if tuple(options.folds) == FOLDS else " --folds " + " ".join(map(str, options.folds))
    command += " --sets " + " ".join(options.sets) if options.sets else ""
    variant = _variant(options.words)
    command += f" --words runs/words{variant}" if variant else ""
    made_from = (options.data, options.words, options.work, run, tuple(options.folds), tuple(options.sets))
    return Desk(rows, bank, vocabulary, *made_from, command, variant)


def _variant(words: Path) -> str:
    made = words / "words.json"
    return "-no-lexicon" if made.exists() and not json.loads(made.read_text())["lexicon"] else ""


def train(desk: Desk, name: str, chosen: Sequence[int], vocabulary: list[str]) -> Path:
    """Train on the chosen rows and leave a model folder, not yet calibrated, under the work folder.

    A finished training is not repeated; its joint head and that of likeness, which take seconds, are fitted anew.
    """
    words = torch.from_numpy(TextTower(desk.words, desk.run.dim).embed(vocabulary))
    trained = desk.work / f"{name}.safetensors"
    if not trained.exists():
        _train(desk, name, chosen, vocabulary, words, trained)
    model = Model(model_config(vocabulary, desk.run)).eval()
    missing, unexpected = load_model(model, trained, strict=False)
    if unexpected or not all(name.startswith(("projection.", "heads.similarity.")) for name in missing):
        raise SystemExit(
            f"{trained}: is of another encoder (missing {missing[:3]}, unexpected {unexpected[:3]}); take it away to train anew"
        )
    _fit_heads(desk, model, chosen, vocabulary, words)
    folder = desk.work / (name + desk.variant)
    shutil.rmtree(folder, ignore_errors=True)
    text = {k: v for k, v in load_file(desk.words / "model.safetensors").items() if k.startswith(TEXT)}
    save(folder, model, text, tokenizer=desk.words / "tokenizer.json", half=True)
    export_in_half(load_model_folder(folder), folder)
    return folder


def _train(desk: Desk, name: str, chosen: Sequence[int], vocabulary: list[str], words: torch.Tensor, trained: Path) -> None:
    """Train the model and write its averaged weights."""
    place = {label: index for index, label in enumerate(vocabulary)}
    labels = [tuple(place[label] for label in row.labels if label in place) for row in desk.rows]
    # A recording counts once for every five seconds it lasts: two minutes of an orchestra say more of music than one drum stroke.
    turns = {i: int(np.clip(desk.rows[i].duration // 5, 1, 24)) for i in chosen}
    pool = [i for i in chosen if labels[i] and desk.rows[i].corpus != "ambience" for _ in range(turns[i])]
    beds = [i for i in chosen if desk.rows[i].corpus == "ambience" or STEADY.intersection(desk.rows[i].labels)]
    composer = Composer(desk.bank, labels, pool=pool, backgrounds=beds, vocabulary=len(vocabulary), config=desk.run.compose)
    torch.manual_seed(desk.run.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = Model(model_config(vocabulary, desk.run)).to(device)
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    print(
        f"{name}: {len(pool)} clips, {len(vocabulary)} labels, {sum(p.numel() for p in model.parameters()) / 1e6:.2f} M weights",
        flush=True,
    )
    path = desk.work / f"{name}.checkpoint"
    averaged = fit(model, composer, words, desk.run.fit, seed=desk.run.seed, path=path, report=_reporter(name))
    partial = trained.with_suffix(".partial")
    save_model(averaged.cpu().to(memory_format=torch.contiguous_format), str(partial))  # type: ignore[call-overload]
    partial.replace(trained)
    path.unlink()


def _fit_heads(desk: Desk, model: Model, chosen: Sequence[int], vocabulary: list[str], words: torch.Tensor) -> None:
    """Fit the joint head and that of likeness, on each chosen clip heard as a listener would: a window at least, half a minute at most."""
    clips = [i for i in chosen if set(desk.rows[i].labels) & set(vocabulary)]
    share = torch.tensor([[float(label in desk.rows[i].labels) for label in vocabulary] for i in clips])
    shortest, longest = (round(seconds * open_frontend(FRONTEND).frame_rate) for seconds in (WINDOW.seconds, 30))
    pooled = []
    with torch.no_grad():
        for i in clips:
            features = desk.bank.plain(i)[:longest]
            features = np.pad(features, ((0, max(0, shortest - len(features))), (0, 0)), constant_values=FLOOR_DB)
            pooled.append(model.encoder(torch.from_numpy(features)[None]).pooled[0])
    heard = torch.stack(pooled)
    similarity = model.heads[SIMILARITY]
    assert isinstance(model.projection, torch.nn.Linear) and isinstance(similarity, torch.nn.Linear)
    fit_joint(model.projection, heard, share / share.sum(1, keepdim=True), words)
    fit_likeness(similarity, heard)


def _reporter(name: str) -> Callable[[str], None]:
    began = time.monotonic()
    return lambda line: print(f"{name} {line} {(time.monotonic() - began) / 60:.1f} min", flush=True)


def model_config(vocabulary: list[str], run: Run) -> ModelConfig:
    """config.json of a model folder, not calibrated yet."""
    encoder = run.encoder.model_dump(mode="json")
    rate = open_frontend(FRONTEND).frame_rate / 4
    return of_heads(
        name="auricle-tiny",
        frontend=FRONTEND,
        encoder=encoder,
        labels=vocabulary,
        dim=run.dim,
        rate=rate,
        window=WINDOW,
        silence_dbfs=SILENCE_DBFS,
    )


def folds(desk: Desk) -> dict[int, Path]:
    """Four trainings without a fold; then every figure that needs left-out sounds, each model calibrated on the other three's."""
    folders = {}
    for left in desk.folds:
        chosen = [i for i, row in enumerate(desk.rows) if trainable(row) and fold(row) != left]
        folders[left] = train(desk, f"fold{left}", chosen, desk.vocabulary)
        _accuracy(desk, folders)
    if len(folders) == 1:
        return folders  # decisions are fitted to other folds' sounds
    heard = {left: left_out.labelled_outputs(folder, desk.rows, desk.bank, left) for left, folder in folders.items()}
    for left, folder in folders.items():
        others = [heard[other] for other in folders if other != left]
        _decide(folder, calibrated(others))
    _scenes_and_claims(desk, folders)
    return folders


def _accuracy(desk: Desk, folders: dict[int, Path]) -> None:
    """ESC-50 accuracy of the folds that are done: all rows of the left-out fold, the best of the 50 classes."""
    figures, hits, groups = [], [], []
    for left, folder in folders.items():
        right, sources = left_out.esc50_hits(folder, desk.rows, desk.bank, left)
        hits.append(right)
        groups.append(sources)
        low, high = bootstrap.wilson(int(right.sum()), len(right))
        figures.append({"name": f"fold{left}", "value": float(right.mean()), "low": low, "high": high, "n": len(right)})
    pooled, sources = np.concatenate(hits).astype(float), np.unique(np.concatenate(groups), return_inverse=True)[1]
    low, high = bootstrap.interval_of(lambda items: float(pooled[items].mean()), len(pooled), groups=sources, seed=desk.run.seed)
    figures.insert(0, {"name": "accuracy", "value": float(pooled.mean()), "low": low, "high": high, "n": len(pooled)})
    about = "ESC-50 leave-one-fold-out over folds 1-4: licensed rows train, all rows of the left-out fold are tested."
    _record(desk, "esc50-folds", figures, about)


def _scenes_and_claims(desk: Desk, folders: dict[int, Path]) -> None:
    parts, plain, claims = [], [], []
    for left, folder in folders.items():
        listener, scenes = load(folder), left_out.scenes_of_fold(desk.rows, left)
        parts.append(hearing.hear_scenes(listener, scenes))
        plain.append(hearing.hear_scenes(listener, scenes, hearing.gated_classifier(listener)))
        outside = left_out.foreign_sounds(desk.rows, left)
        claims += hearing.false_claims(listener, outside, left_out.esc50_words(desk.rows))
        print(f"fold {left}: scenes and {len(outside)} foreign sounds heard", flush=True)
    joined = hearing.SceneScores.joined(parts)
    figures = hearing.scene_figures(joined, desk.vocabulary, seed=desk.run.seed)
    gated = hearing.scene_figures(hearing.SceneScores.joined(plain), desk.vocabulary, seed=desk.run.seed)
    figures |= {f"gated_{name}": gated[name] for name in ("event_f1", "event_f1_macro")}
    n = len(joined.references)
    rows = [{"name": name, "value": value, "low": low, "high": high, "n": n} for name, (value, low, high) in figures.items()]
    (RESULTS / "reliability.svg").write_text(hearing.reliability_svg(joined))
    about = SCENES
    _record(desk, "scenes", rows, about, pictures=["reliability.svg"])
    about = CLAIMS
    _record(
        desk,
        "foreign-sounds",
        hearing.claim_figures(claims, {"all_foreign": (*left_out.FOREIGN, left_out.SILENCE)}),
        about,
        claims=hearing.claim_counts(claims),
    )


def _decide(folder: Path, decisions: Decisions) -> None:
    """Set the calibrations and thresholds of a model folder's config.json."""
    config = decisions.applied(read_config(folder / "config.json"))
    write_json(folder / "config.json", config.model_dump(mode="json"))


def unseen_classes(desk: Desk) -> None:
    """Ten trainings: five without every fifth class, five without a group; then the left-out classes by their names alone."""
    for study, sets in unseen.splits(desk.rows, desk.data / "esc50_16k" / "classes.csv").items():
        results = []
        for name, classes in sets.items():
            if desk.sets and name not in desk.sets:
                continue
            kept = set(map(id, lineage.without(desk.rows, classes)))
            chosen = [i for i, row in enumerate(desk.rows) if id(row) in kept and trainable(row)]
            vocabulary = [label for label in desk.vocabulary if label not in classes and any(label in desk.rows[i].labels for i in chosen)]
            folder = train(desk, f"unseen-{study}-{name}", chosen, vocabulary)
            results.append((name, unseen.hits(folder, desk.rows, desk.bank, classes)))
            about = unseen.ABOUT[study] + LEXICON[desk.variant]
            _record(desk, f"unseen-{study}{desk.variant}", unseen.figures(results, desk.run.seed), about)


def ship(desk: Desk) -> None:
    """One training on everything that may train, with decisions fitted to what the fold models said of left-out sounds."""
    done = [left for left in FOLDS if (desk.work / f"fold{left}" / "encode.onnx").exists()]
    if not done:
        raise SystemExit("the shipped model's decisions rest on left-out sounds: run --study folds first")
    heard = [left_out.labelled_outputs(desk.work / f"fold{left}", desk.rows, desk.bank, left) for left in done]
    chosen = [i for i, row in enumerate(desk.rows) if trainable(row)]
    folder = train(desk, "ship", chosen, desk.vocabulary)
    _decide(folder, calibrated(heard))
    recipe = dataclasses.asdict(desk.run) | {"encoder": desk.run.encoder.model_dump(mode="json")}
    write_card(folder, [desk.rows[i] for i in chosen], recipe=recipe, results=RESULTS)
    print(f"copy {folder} to auricle/weights/auricle-tiny; fingerprint {fingerprint(folder)}")


def _record(desk: Desk, name: str, figures: list[Any], about: str, **extra: Any) -> None:
    path = write_record(RESULTS, name, command=desk.command, seed=desk.run.seed, figures=figures, extra={"about": about, **extra})
    print(f"{path}: {figures[0]['name']} {figures[0]['value']:.3f}", flush=True)


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
    desk = open_desk(options, Run(fit=FitConfig(epochs=options.epochs)))
    {"folds": folds, "unseen": unseen_classes, "ship": ship}[options.study](desk)


if __name__ == "__main__":
    main()
