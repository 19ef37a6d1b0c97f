"""Which encoder learns most in the same time: trainings of twenty minutes of one core each, with the teacher, without fold 1.

    python -m recipes.tiny.encoders --data DIR --teacher mn04_as_mAP_432.pt [--only plain residual] [--minutes 20]

The candidates are those of encoders.json. Seconds of the processor are counted, not of the clock: those of some steps are measured first,
and as many steps are trained as fit, with the whole schedule. Resumes after a kill, as long as the work folder is kept. Writes
docs/results/student-encoders.json with the candidates that are finished. Hardware: one core.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from auricle.bench.results import Figure, write_record
from auricle.core.files import write_text
from auricle.data.compose.mixtures import MixtureConfig
from auricle.models.encoders.factory import open_encoder
from auricle.models.model import Model
from auricle.recipes.distill import agreement
from auricle.recipes.distilling.teacher import Teacher
from recipes.tiny.distilled import RESULTS, Corpus, Run, esc50_accuracy, model_config, open_corpus, train_model

PATH = Path(__file__).parent / "encoders.json"
FOLD = 1
_MEASURED = 24  # steps whose seconds are measured


def candidates() -> dict[str, Any]:
    """Name -> config of an encoder."""
    stored = json.loads(PATH.read_text(encoding="utf-8"))["encoders"]
    return {name: open_encoder(settings).config for name, settings in stored.items()}


def seconds_per_step(corpus: Corpus, run: Run, teacher: Teacher, out: Path) -> float:
    """Seconds of the processor for a step of training, short and long ones in proportion; the training of out is not kept."""
    parts = []
    for share, seconds in ((run.short_share, run.short_seconds), (1 - run.short_share, run.seconds)):
        few = dataclasses.replace(run, seconds=seconds, short_share=0.0, steps=_MEASURED // 4)
        many = dataclasses.replace(few, steps=_MEASURED)
        spent = []
        for index, one in enumerate((few, few, many)):  # the first one warms up
            start = time.process_time()
            train_model(corpus, one, teacher, out / f"{seconds}-{index}")
            spent.append(time.process_time() - start)
        parts.append(share * (spent[2] - spent[1]) / (many.steps - few.steps))
    return sum(parts)


@torch.no_grad()
def seconds_per_hour(corpus: Corpus, run: Run) -> float:
    """Seconds of the processor for an hour of sound in windows of run.seconds, by torch, without the front-end; the fastest of five."""
    model = Model(model_config(corpus.vocabulary, run)).eval()
    features = torch.full((32, round(run.seconds * corpus.sounds.frontend.frame_rate), corpus.sounds.frontend.mels), -40.0)
    spent = []
    for _ in range(5):
        start = time.process_time()
        model(features)
        spent.append(time.process_time() - start)
    return min(spent) / (32 * run.seconds) * 3600


def measure(corpus: Corpus, run: Run, teacher: Teacher, folder: Path, minutes: float) -> dict[str, float]:
    """Train a candidate for so many minutes of the processor and measure it on the fold that was left out; once, then read."""
    found = folder / "figures.json"
    if found.exists():
        figures: dict[str, float] = json.loads(found.read_text(encoding="utf-8"))
        return figures
    steps = folder / "steps.json"
    if not steps.exists():
        write_text(steps, json.dumps(int(60 * minutes / seconds_per_step(corpus, run, teacher, folder / "measured"))))
    run = dataclasses.replace(run, steps=json.loads(steps.read_text(encoding="utf-8")))
    objective = train_model(corpus, run, teacher, folder / "training")
    accuracy, low, high, count = esc50_accuracy(objective, corpus, FOLD)
    left_out = sorted(set(corpus.trainable) - set(corpus.training))
    figures = {
        "esc50_accuracy": accuracy,
        "low": low,
        "high": high,
        "n": count,
        **agreement(objective, corpus.sounds, left_out, run.seconds),
        "mixtures": run.steps * run.batch,
        "weights": sum(weight.numel() for weight in objective.model.encoder.parameters()),
        "seconds_per_hour": seconds_per_hour(corpus, run),
    }
    write_text(found, json.dumps(figures, indent=1) + "\n")
    return figures


def record(results: dict[str, dict[str, float]], command: str, minutes: float, seed: int) -> Path:
    """Write docs/results/student-encoders.json."""
    figures: list[Figure] = []
    for name, one in results.items():
        accuracy: Figure = {"name": name, "value": one["esc50_accuracy"], "low": one["low"], "high": one["high"], "n": int(one["n"])}
        figures.append(accuracy)
        for other in ("vectors", "first_label", "mixtures", "weights", "seconds_per_hour"):
            figures.append({"name": f"{name}_{other}", "value": one[other]})
    about = (
        f"Students of EfficientAT mn04, which has heard AudioSet, trained for {minutes:g} minutes of one core each without fold {FOLD}: "
        "the share of its ESC-50 clips that are classified rightly among the 50 classes; _vectors: mean cosine with the teacher's vectors "
        "on left-out clips; _first_label: share with the teacher's first label; _weights: of the encoder; _seconds_per_hour: of one core "
        "by torch, for an hour of sound, without the front-end."
    )
    return write_record(RESULTS, "student-encoders", command=command, seed=seed, figures=figures, extra={"about": about})


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and measure the candidates one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--teacher", required=True, help="a model with AudioSet's labels, by name or path")
    parser.add_argument("--made", type=Path, help="folder of recipes.synthetic, whose clips are learnt from too")
    parser.add_argument("--only", nargs="+", choices=sorted(candidates()), help="candidates, in this order (default: all)")
    parser.add_argument("--minutes", type=float, default=20.0, help="of one core for each")
    parser.add_argument("--noise", type=float, default=0.25, help="share of mixtures with steady noise under all of it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path("runs/distilled/features"), help="cache of features")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/encoders"))
    asked = parser.parse_args(arguments)
    torch.set_flush_denormal(True)
    torch.set_num_threads(1)
    teacher, results = Teacher(asked.teacher), {}
    for name in asked.only or candidates():
        run = Run(seed=asked.seed, encoder=candidates()[name], mixtures=MixtureConfig(noise_share=asked.noise))
        corpus = open_corpus(asked.data, asked.work, run, teacher, leave=FOLD, made=asked.made)
        results[name] = measure(corpus, run, teacher, asked.output / name, asked.minutes)
        print(name, {key: round(value, 4) for key, value in results[name].items()}, flush=True)
    command = f"python -m recipes.tiny.encoders --data DIR --teacher {Path(asked.teacher).name} --minutes {asked.minutes:g}"
    command += f" --noise {asked.noise:g}" + (f" --made {asked.made}" if asked.made else "")
    print(record(results, command, asked.minutes, asked.seed))


if __name__ == "__main__":
    main()
