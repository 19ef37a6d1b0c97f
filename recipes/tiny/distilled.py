"""auricle-tiny distilled from a published model: trained on mixtures of all licensed clips, with a teacher or from names alone.

    python -m recipes.tiny.distilled --data DIR --teacher mn04_as_mAP_432.pt --leave 1 -o runs/distilled/fold1
    python -m recipes.tiny.distilled --data DIR --leave 1 -o runs/distilled/fold1-names

The vocabulary is AudioSet's 527 labels by their plain names and the finer names of the corpora (labels.json). --leave: a fold that is left
out of training, of every corpus; ESC-50's clips of it are classified afterwards. Resumes after a kill. The teacher has not heard ESC-50's
labels but has heard AudioSet. Steps are batches of 32. Hardware: one core, 75 mixtures a second with a teacher and 120 without, with
--precision bfloat16 on a processor that has matrix units for it.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from auricle.bench.results import Figure, write_record
from auricle.core.audioset import labels as audioset_labels
from auricle.core.config import CLIP_LOGITS, SIMILARITY, ModelConfig, Output, Strict, heads_config
from auricle.core.files import atomic_file, write_text
from auricle.core.records import Clip
from auricle.data.compose.feature_bank import FLOOR_DB, FeatureBank, open_bank
from auricle.data.compose.mixtures import MixtureConfig
from auricle.data.corpora import read
from auricle.data.corpora.clip_table import FOLDS, Row, fold
from auricle.data.corpora.synthetic import CORPUS as SYNTHETIC
from auricle.data.licences import is_trainable
from auricle.metrics.bootstrap import wilson
from auricle.models.encoders.convolutional import ConvConfig
from auricle.models.encoders.embedding import Embedding
from auricle.models.encoders.factory import open_encoder
from auricle.models.model import Model
from auricle.recipes.distill import agreement
from auricle.recipes.distilling.batches import MixtureBatches, Sounds, TeacherSounds
from auricle.recipes.distilling.objective import DistillObjective, DistillObjectiveConfig
from auricle.recipes.distilling.teacher import Teacher, open_short_scores
from auricle.recipes.recipe_config import compute_losses
from auricle.signal.frontend import Frontend, open_frontend
from auricle.signal.streaming import read as read_sound
from auricle.train.config import TrainConfig
from auricle.train.trainer import Training, train
from recipes.tiny.label_map import LabelMap, read_label_map
from recipes.tiny.training import SILENCE_DBFS, WINDOW

RESULTS = Path("docs/results")
NAME = "auricle-tiny-2"


@dataclasses.dataclass(frozen=True)
class Run:
    """Settings that determine the result of a run.

    seconds: of a mixture; the first short_share of the steps has short_seconds. min_clips: finer names with fewer licensed clips are not in
    the vocabulary. doubt: a name that the teacher scores lower, everywhere in a clip, is not used for that clip.
    """

    seed: int = 0
    dim: int = 256
    batch: int = 32
    steps: int = 8000
    rate: float = 2e-3
    seconds: float = 4.96
    short_seconds: float = 2.56
    short_share: float = 0.6
    min_clips: int = 5
    doubt: float = 0.01
    precision: Literal["float32", "bfloat16"] = "float32"
    speeds: tuple[float, ...] = (0.85, 1.0, 1.18)
    encoder: Strict = ConvConfig()  # settings of any family
    mixtures: MixtureConfig = MixtureConfig()
    objective: DistillObjectiveConfig = DistillObjectiveConfig(scores=0.3)

    def settings(self) -> TrainConfig:
        """Settings for the trainer."""
        return TrainConfig(
            steps=self.steps,
            learning_rate=self.rate,
            optimiser="muon",
            weight_decay=0.05,
            ema_decay=0.998,
            gradient_limit=5.0,
            precision=self.precision,
            seed=self.seed,
            save_every=250,
            log_every=50,
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Corpus:
    """Clips with their sounds and labels. trainable: indices of the licensed clips; training: of those outside the left-out fold."""

    rows: Sequence[Row]
    sounds: Sounds
    vocabulary: tuple[str, ...]
    trainable: Sequence[int]
    training: Sequence[int]
    map: LabelMap
    teacher: Teacher | None = None


def open_corpus(data: Path, work: Path, run: Run, teacher: Teacher | None, *, leave: int | None, made: Path | None = None) -> Corpus:
    """Read the clips and their features, which are computed once and cached under the work folder.

    made: folder of synthetic clips (recipes.synthetic), which every training has, whatever is left out, and no test.
    """
    rows, names = [row for row in read(data) if row.corpus != SYNTHETIC], read_label_map()
    rows += [] if made is None else read(made, [SYNTHETIC])
    plain = [names.plain[label] for label in audioset_labels()]
    trainable = [index for index, row in enumerate(rows) if is_trainable(row)]
    counts = Counter(name for index in trainable for name in names.names(rows[index]))
    vocabulary = (*plain, *sorted(name for name, count in counts.items() if count >= run.min_clips and name not in set(plain)))
    named, specific = _named(rows, names, vocabulary)
    frontend = open_frontend(open_run_encoder(run).frontend)
    student = _open_bank(rows, work, frontend, run.speeds)
    of_teacher = None
    if teacher is not None:
        bank = _open_bank(rows, work, teacher.frontend, run.speeds)
        short = open_short_scores(teacher, bank, _key(rows), work, seconds=1.0, hop=0.25, progress=_progress("scored"))
        columns = np.array([vocabulary.index(names.plain[label]) for label in teacher.labels])
        highest = np.maximum(short.clips, np.maximum.reduceat(short.scores, short.starts[:-1], axis=0))
        named[:, columns] &= highest >= run.doubt
        specific &= named
        of_teacher = TeacherSounds(bank, teacher.frontend, short, columns)
    sounds = Sounds(student, frontend, named, [str(row.path) for row in rows], of_teacher, specific)
    training = [index for index in trainable if leave is None or rows[index].corpus == SYNTHETIC or fold(rows[index]) != leave]
    return Corpus(rows, sounds, vocabulary, trainable, training, names, teacher)


def _named(rows: Sequence[Row], names: LabelMap, vocabulary: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """bool (clips, K), of all labels of each clip, and of those that say most."""
    column = {name: index for index, name in enumerate(vocabulary)}
    named, specific = np.zeros((len(rows), len(vocabulary)), bool), np.zeros((len(rows), len(vocabulary)), bool)
    for index, row in enumerate(rows):
        named[index, [column[name] for name in names.names(row) if name in column]] = True
        if (own := own_label(row, names)) in column:
            specific[index, column[own]] = True
    return named, specific


def own_label(row: Row, names: LabelMap) -> str:
    """The label of a clip that says most; empty where it has none."""
    return next(iter(names.names(row)), "")


def esc50_labels(corpus: Corpus) -> dict[int, str]:
    """ESC-50's target -> the label of the vocabulary that means it."""
    return {row.target: own_label(row, corpus.map) for row in corpus.rows if row.corpus == "esc50"}


def _key(rows: Sequence[Row]) -> str:
    return json.dumps([str(row.path) for row in rows])


def _open_bank(rows: Sequence[Row], work: Path, frontend: Frontend, speeds: tuple[float, ...]) -> FeatureBank:
    key = hashlib.sha256(f"{_key(rows)} {frontend.name} {speeds}".encode() + np.asarray(frontend.bank).tobytes()).hexdigest()[:16]

    def decode(index: int) -> Clip:
        return read_sound(rows[index].path, rate=None, mono=True)

    return open_bank(decode, len(rows), work / f"power-{key}", frontend, speeds=speeds, progress=_progress(f"features {frontend.name}"))


def _progress(what: str) -> Callable[[int, int], None]:
    def report(done: int, total: int) -> None:
        if done % 500 == 0 or done == total:
            print(f"{what} {done} of {total} clips", flush=True)

    return report


def open_run_encoder(run: Run) -> Any:
    """The encoder of a run, with random weights."""
    return open_encoder(run.encoder.model_dump(mode="json"))


def model_config(vocabulary: Sequence[str], run: Run) -> ModelConfig:
    """Config of a model that is not calibrated yet. Similarity is by the pooled vector: there are too many labels."""
    encoder = open_run_encoder(run)
    rate = _encode_silence(encoder, round(WINDOW.seconds * open_frontend(encoder.frontend).frame_rate)).frame_rate
    config = heads_config(
        name=NAME,
        frontend=encoder.frontend,
        encoder=run.encoder.model_dump(mode="json"),
        labels=list(vocabulary),
        dim=run.dim,
        rate=rate,
        window=WINDOW.model_copy(update={"hop": int(WINDOW.hop * rate + 1e-6) / rate}),  # whole frames
        silence_dbfs=SILENCE_DBFS,
    )
    similarity = Output(kind="vectors", head="pooled", dim=encoder.size)
    return ModelConfig(**{**dict(config), "outputs": {**config.outputs, SIMILARITY: similarity}})


@torch.no_grad()
def _encode_silence(encoder: Any, frames: int) -> Embedding:
    encoded: Embedding = encoder(torch.full((1, frames, open_frontend(encoder.frontend).mels), FLOOR_DB))
    return encoded


def train_model(corpus: Corpus, run: Run, teacher: Teacher | None, out: Path) -> DistillObjective:
    """Train, or go on with an interrupted training, and return the model with its averaged weights."""
    torch.manual_seed(run.seed)
    model = Model(model_config(corpus.vocabulary, run)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    encoder, of_teacher = open_run_encoder(run), corpus.sounds.teacher
    objective = DistillObjective(model, teacher, np.zeros(0, int) if of_teacher is None else of_teacher.columns, run.objective)
    batches = MixtureBatches(
        corpus.sounds,
        run.mixtures,
        clips=corpus.training,
        batch=run.batch,
        steps=run.steps,
        lengths=[(run.short_share, run.short_seconds), (1 - run.short_share, run.seconds)],
        frames=functools.cache(lambda frames: _encode_silence(encoder, frames).frames.shape[1]),
        seed=run.seed,
    )
    found: list[DistillObjective] = []

    def finish(trained: nn.Module, folder: Path) -> dict[str, float]:
        assert isinstance(trained, DistillObjective)
        with atomic_file(folder / "student.pt") as partial:
            torch.save({"model": trained.state_dict(), "vocabulary": corpus.vocabulary}, partial)
        found.append(trained)
        return {}

    train(Training(objective, compute_losses, batches, run.settings(), finish), out, report=functools.partial(print, flush=True))
    if not found:
        objective.load_state_dict(torch.load(out / "student.pt", weights_only=True)["model"])
        found.append(objective.eval())
    return found[0]


@torch.no_grad()
def esc50_accuracy(objective: DistillObjective, corpus: Corpus, leave: int) -> tuple[float, float, float, int]:
    """Share of the left-out ESC-50 clips whose class has the highest score among the 50, with its interval, and their number."""
    rows = [index for index, row in enumerate(corpus.rows) if row.corpus == "esc50" and fold(row) == leave]
    classes = esc50_labels(corpus)
    columns = [corpus.vocabulary.index(classes[target]) for target in sorted(classes)]
    right = 0
    for index in rows:
        features = torch.from_numpy(corpus.sounds.student.plain(index))[None]
        logits = objective.model(features)[CLIP_LOGITS][0, columns]
        right += sorted(classes)[int(logits.argmax())] == corpus.rows[index].target
    return right / len(rows), *wilson(right, len(rows)), len(rows)


def main() -> None:
    """Train one model and measure it on the fold that was left out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--teacher", help="a model with AudioSet's labels, by name or path; names alone without one")
    parser.add_argument("--leave", type=int, choices=FOLDS, help="fold that is left out")
    parser.add_argument("--noise", type=float, default=0.0, help="share of mixtures with steady noise under all of it")
    parser.add_argument("--made", type=Path, help="folder of recipes.synthetic, whose clips are learnt from too")
    parser.add_argument("--work", type=Path, default=Path("runs/distilled/features"), help="cache of features")
    parser.add_argument("--steps", type=int, default=Run.steps)
    parser.add_argument("--seed", type=int, default=Run.seed)
    parser.add_argument("--precision", default=Run.precision, choices=("float32", "bfloat16"), help="bfloat16 where the processor has it")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--record", action="store_true", help="write docs/results/distilled-NAME.json, of the name of the output folder")
    options = parser.parse_args()
    torch.set_flush_denormal(True)
    run = Run(seed=options.seed, steps=options.steps, precision=options.precision, mixtures=MixtureConfig(noise_share=options.noise))
    teacher = None if options.teacher is None else Teacher(options.teacher)
    corpus = open_corpus(options.data, options.work, run, teacher, leave=options.leave, made=options.made)
    print(f"{len(corpus.training)} clips to train on, {len(corpus.vocabulary)} labels", flush=True)
    objective = train_model(corpus, run, teacher, options.output)
    if options.leave is not None:
        _measure(objective, corpus, run, options)
    finished = {"leave": options.leave, "steps": run.steps, "seed": run.seed}
    write_text(options.output / "training.json", json.dumps(finished) + "\n")  # last: all else is there


def _measure(objective: DistillObjective, corpus: Corpus, run: Run, options: argparse.Namespace) -> None:
    """Classify the fold that was left out; write esc50.json, and a record where one is asked for."""
    accuracy, low, high, count = esc50_accuracy(objective, corpus, options.leave)
    figures: dict[str, Any] = {"esc50_accuracy": accuracy, "low": low, "high": high, "n": count}
    if corpus.teacher is not None:
        left_out = [index for index, row in enumerate(corpus.rows) if row.corpus != SYNTHETIC and fold(row) == options.leave]
        figures |= agreement(objective, corpus.sounds, left_out, run.seconds)
    write_text(options.output / "esc50.json", json.dumps(figures, indent=1) + "\n")
    print(figures)
    if options.record:
        print(record(options, figures, len(corpus.training)))


def left_fold(training: Path) -> int | None:
    """The fold that a training left out; None for none."""
    leave: int | None = json.loads((training / "training.json").read_text(encoding="utf-8"))["leave"]
    return leave


def record(options: argparse.Namespace, figures: Mapping[str, float], clips: int) -> Path:
    """Write docs/results/distilled-NAME.json, of the name of the output folder."""
    found: list[Figure] = [
        {
            "name": "esc50_accuracy",
            "value": figures["esc50_accuracy"],
            "low": figures["low"],
            "high": figures["high"],
            "n": int(figures["n"]),
        }
    ]
    notes = {"vectors": "mean cosine with the teacher's vectors, left-out clips", "first_label": "share with the teacher's first label"}
    found += [{"name": name, "value": figures[name], "note": note} for name, note in notes.items() if name in figures]
    trained = "with the teacher EfficientAT mn04, which has heard AudioSet" if options.teacher else "names alone"
    about = (
        f"One training, {trained}: {options.steps * Run.batch} mixtures of {clips} licensed clips, without fold {options.leave}; "
        "ESC-50's clips of it are classified among the 50 classes by the head of recordings."
    )
    teacher = f" --teacher {Path(options.teacher).name}" if options.teacher else ""
    command = f"python -m recipes.tiny.distilled --data DIR{teacher} --leave {options.leave} --steps {options.steps}"
    command += (f" --made {options.made}" if options.made else "") + (f" --noise {options.noise}" if options.noise else "")
    command += f" --precision {options.precision} -o {options.output}"
    return write_record(
        RESULTS, f"distilled-{options.output.name}", command=command, seed=options.seed, figures=found, extra={"about": about}
    )


if __name__ == "__main__":
    main()
