"""Sound event detection over composed scenes of ESC-50's fold 4: models with frame-level scores, and one without by short windows.

    python benchmarks/detection.py compose --data DIR --work DIR
    python benchmarks/detection.py score --work DIR --model mn04=mn04_as_mAP_432.pt [--model NAME=PATH ...]
    python benchmarks/detection.py score --work DIR --model mn04=mn04_as_mAP_432.pt --pad zero
    python benchmarks/detection.py record --work DIR

`compose` writes DIR/scenes.jsonl: scenes of 10 s with one, two and four sources of fold 4 over ambience, and DIR/train.jsonl: scenes with
one to four sources of folds 1 to 3 over other ambience, to train a frame head on:

    auricle train finetune --set start=auricle-tiny --set data=DIR/train.jsonl --set tasks=["detection"] -o DIR/heads

`score` writes DIR/NAME-COUNT.json, a result for each number of sources, and skips those that are there, so that it can be repeated after an
interruption. `record` writes docs/results/detection.json from all of them. The suite is `detection` with a collar of 0.5 s.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile

from auricle.bench import suite as suites
from auricle.bench.results import Figure, fingerprint, write_record
from auricle.bench.score import score
from auricle.core.files import make_folder
from auricle.data import corpora, manifest
from auricle.data.compose.scenes import Mix, compose_scene, load_source
from auricle.data.corpora.clip_table import Row
from auricle.data.item import Item
from auricle.listen.listener import Listener, load

ROOT = Path(__file__).resolve().parents[1]
RATE, SEED = 16_000, 15
COUNTS, SCENES, TRAINING_SCENES = (1, 2, 4), 60, 600
#: ESC-50's classes by the labels of AudioSet that mean the same; the other three (can opening, drinking, washing machine) have none.
AUDIOSET = {
    "airplane": "Fixed-wing aircraft, airplane",
    "breathing": "Breathing",
    "brushing teeth": "Toothbrush",
    "car horn": "Vehicle horn, car horn, honking",
    "cat": "Cat",
    "chainsaw": "Chainsaw",
    "chirping birds": "Bird vocalization, bird call, bird song",
    "church bells": "Church bell",
    "clapping": "Clapping",
    "clock alarm": "Alarm clock",
    "clock tick": "Tick-tock",
    "coughing": "Cough",
    "cow": "Cattle, bovinae",
    "crackling fire": "Crackle",
    "crickets": "Cricket",
    "crow": "Crow",
    "crying baby": "Baby cry, infant cry",
    "dog": "Dog",
    "door wood creaks": "Creak",
    "door wood knock": "Knock",
    "engine": "Engine",
    "fireworks": "Fireworks",
    "footsteps": "Walk, footsteps",
    "frog": "Frog",
    "glass breaking": "Shatter",
    "hand saw": "Sawing",
    "helicopter": "Helicopter",
    "hen": "Cluck",
    "insects": "Insect",
    "keyboard typing": "Computer keyboard",
    "laughing": "Laughter",
    "mouse click": "Clicking",
    "pig": "Pig",
    "pouring water": "Pour",
    "rain": "Rain",
    "rooster": "Crowing, cock-a-doodle-doo",
    "sea waves": "Waves, surf",
    "sheep": "Sheep",
    "siren": "Siren",
    "sneezing": "Sneeze",
    "snoring": "Snoring",
    "thunderstorm": "Thunderstorm",
    "toilet flush": "Toilet flush",
    "train": "Train",
    "vacuum cleaner": "Vacuum cleaner",
    "water drops": "Drip",
    "wind": "Wind",
}
#: What each model was trained on, for the notes.
NOTES = {
    "mn04": "mn04 of EfficientAT, trained on AudioSet",
    "tiny": "auricle-tiny as shipped, which was trained on most of these clips: no measure of its hearing",
    "tiny_heads": "frame head trained on scenes of folds 1 to 3; its encoder, auricle-tiny's, was trained on most clips of fold 4 too",
    "mn04_heads": "frame head trained on scenes of folds 1 to 3, on mn04's encoder, which has not heard ESC-50",
}


def compose(data: Path, work: Path) -> None:
    """Write the scenes and their manifests."""
    rows = [row for row in corpora.read(data, ["esc50"]) if row.labels[0] in AUDIOSET]
    ambience = sorted({row.label: row for row in corpora.read(data, ["ambience"]) if not set(row.labels) & set(AUDIOSET)}.items())
    backgrounds = [row for _, row in ambience]
    test = [row for row in rows if row.fold == "4"]
    items = [item for count in COUNTS for item in _scenes(work, test, backgrounds[::2], number=SCENES, sources=(count, count))]
    manifest.write(work / "scenes.jsonl", items)
    training = [row for row in rows if row.fold in ("1", "2", "3")]
    manifest.write(work / "train.jsonl", _scenes(work, training, backgrounds[1::2], number=TRAINING_SCENES, sources=(1, 4)))
    print(f"{work}: {len(items)} scenes of {len(test)} clips, {TRAINING_SCENES} of {len(training)} to train on")


def _scenes(work: Path, rows: Sequence[Row], backgrounds: Sequence[Row], *, number: int, sources: tuple[int, int]) -> Iterator[Item]:
    clips, beds = ([load_source(row, rate=RATE) for row in some] for some in (rows, backgrounds))
    name = "-".join(map(str, dict.fromkeys(sources)))
    make_folder(work / "scenes")
    for index in range(number):
        samples, events = compose_scene(np.random.default_rng([SEED, *sources, index]), clips, beds, rate=RATE, mix=Mix(events=sources))
        path = work / "scenes" / f"{name}_{index:03}.flac"
        soundfile.write(path, samples, RATE)
        yield Item(path.stem, path, events=tuple(events), corpus="esc50", source=path.stem, site="freesound", fold=name)


def open_model(model: str, pad: str | None) -> Listener:
    """The model, with windows padded to its own length by this policy (auricle.signal.crop.fit) instead of the one of its config."""
    listener = load(model)
    if pad is not None:
        runtime = listener.runtime
        runtime.config = runtime.config.model_copy(update={"window": runtime.config.window.model_copy(update={"pad": pad})})
        listener = Listener(runtime)
    return listener


def run(work: Path, name: str, model: str, pad: str | None = None) -> None:
    """Score one model on the scenes of each number of sources that has no result yet; with pad, on those of two sources."""
    listener = open_model(model, pad)
    frames = listener.config.frame is not None
    windows = [{"window": 1.0, "hop": 0.25}, *([] if frames or pad else [{"window": 2.0, "hop": 0.25}])]
    own = {} if set(AUDIOSET) <= set(listener.labels) else AUDIOSET
    items = manifest.read(work / "scenes.jsonl")
    for window in windows:
        told = (name if frames else f"{name}_{window['window']:g}s") + (f"_{pad}" if pad else "")
        for count in (2,) if pad else COUNTS:
            path = work / f"{told}-{count}.json"
            if path.is_file():
                continue
            settings = {"windows": window, "collar": 0.5, "words": own, "labels": tuple(sorted(AUDIOSET))}
            suite = suites.Suite.model_validate({**suites.read_suite("detection").model_dump(), **settings})
            result = score(listener, suite, [item for item in items if item.fold == str(count)], allow_leaked=True)
            path.write_text(json.dumps({**result.summary, "note": NOTES.get(name, ""), "pad": pad}, indent=1, ensure_ascii=False))
            print(
                path.name, {one["metric"]: round(one["value"], 3) for one in result.summary["scores"]}, result.summary["leaked"], flush=True
            )


def record(work: Path) -> None:
    """Write the record."""
    figures: list[Figure] = []
    marks = {}
    for path in sorted(work.glob("*-[0-9].json")):
        summary = json.loads(path.read_text())
        name, count = path.stem.rsplit("-", 1)
        windows = summary.get("event_windows")
        how = "frame scores" if windows is None else f"windows of {windows['window']:g} s every {windows['hop']:g} s"
        how += f", padded to 10 s ({summary['pad']})" if summary.get("pad") else ""
        note = f"{summary['note']}; {how}, sources in a scene: {count}"
        figures += [
            {
                "name": f"{name}_{count}_{one['metric']}",
                "value": one["value"],
                "low": one["low"],
                "high": one["high"],
                "n": one["n"],
                "note": note,
            }
            for one in summary["scores"]
        ]
        marks[path.stem] = summary["leaked"]
    about = (
        "Events in scenes of 10 s composed of clips of ESC-50's fold 4 (47 classes) over ambience, 6 to 24 dB over it; F1 by collars "
        "allows 0.5 s. Intervals are over scenes."
    )
    shipped = fingerprint(ROOT / "auricle" / "weights" / "auricle-tiny")
    command = "python benchmarks/detection.py compose, score and record"
    extra = {"about": about, "leaked": marks}
    print(write_record(ROOT / "docs/results", "detection", command=command, seed=SEED, figures=figures, weights=shipped, extra=extra))


def main() -> None:
    """Run the step that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("compose", "score", "record"))
    parser.add_argument("--data", type=Path, help="the folder of docs/data.md (compose)")
    parser.add_argument("--work", type=Path, required=True, help="folder of the scenes and results")
    parser.add_argument("--model", action="append", default=[], metavar="NAME=PATH", help="a model to score; several times for several")
    parser.add_argument("--pad", choices=("zero", "tile"), help="pad windows to the model's own length, on scenes of two sources (score)")
    asked = parser.parse_args()
    if asked.step == "compose":
        if asked.data is None:
            parser.error("compose needs --data")
        compose(asked.data, asked.work)
    elif asked.step == "score":
        for given in asked.model or ["tiny=auricle-tiny"]:
            name, _, model = given.partition("=")
            run(asked.work, name, model, asked.pad)
    else:
        record(asked.work)


if __name__ == "__main__":
    main()
