"""Merging: two fine-tunes of one start on two tasks, merged by every method, compared with each specialist on its held-out clips.

    python benchmarks/merging.py --data DIR --weights mn04_as_mAP_432.pt [--work DIR] [--only train | measure]

Starts: EfficientAT's mn04 (0.98 M parameters, AudioSet) and the shipped model. Pairs: animals and indoor things of ESC-50 (trained on folds
1 to 3, tested on fold 4), spoken digits and instrument families of General MIDI (other instruments in the test). Statistics of batch norms
are matched on training clips. The task of a clip is known, or not (`joint`: the labels of both). Settings are the defaults of each method,
and none was chosen on the test clips. Writes docs/results/merging.json. A quarter of an hour on two cores; --work keeps finished parts.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

import auricle
from auricle.bench.results import Figure, write_record
from auricle.bench.score import evaluate as evaluate_suite
from auricle.bench.suite import load_items, read_suite
from auricle.core.config import CLIP_LOGITS
from auricle.core.files import write_text
from auricle.core.model_files import fingerprint
from auricle.data.corpora import esc50, fsdd
from auricle.data.corpora.clip_table import Row, read_table
from auricle.data.item import Item
from auricle.data.manifest import write
from auricle.metrics import bootstrap
from auricle.metrics.event import correct
from auricle.models.merge import permutations
from auricle.models.merge.similarity import block_cosines
from auricle.models.model import Model
from auricle.recipes import finetune
from auricle.recipes.merging.config import MergeConfig
from auricle.recipes.merging.folders import Parent, read_parent
from auricle.recipes.merging.labelled_features import LabelledFeatures, read_features
from auricle.recipes.merging.merge import NEED_BASE, merge
from auricle.recipes.merging.merger import Merger
from auricle.recipes.merging.similarity import compare
from auricle.runtime.catalog import find_folder
from auricle.train.trainer import TrainConfig, train

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results"
TINY = "auricle-tiny"
#: Families of General MIDI programs, eight programs each.
FAMILIES = (
    "piano", "chromatic percussion", "organ", "guitar", "bass", "strings", "ensemble", "brass", "reed", "pipe", "synth lead", "synth pad",
    "synth effects", "ethnic", "percussive", "sound effects",
)  # fmt: skip
#: Window of each task's models, seconds.
SECONDS = {"animals": 2.5, "things": 2.5, "digits": 1.0, "instruments": 1.0}
#: Passes over the clips.
EPOCHS = 5.0
PAIRS = (("animals", "things"), ("digits", "instruments"))
DRAWS = 5
#: Recordings of each task for statistics.
CLIPS = 128
#: Start of the trainings -> pairs of tasks.
RUNS = (("mn04", PAIRS[0]), ("mn04", PAIRS[1]), ("tiny", PAIRS[1]))
#: Name of a figure -> settings of the merge.
METHODS: dict[str, dict[str, Any]] = {
    "linear": {"method": "linear"},
    "slerp": {"method": "slerp"},
    "task_arithmetic": {"method": "task-arithmetic"},
    "ties": {"method": "ties"},
    "dare": {"method": "dare"},
    "dare_ties": {"method": "dare", "combine": "ties"},
    "fisher": {"method": "fisher"},
    "regmean": {"method": "regmean"},
    "emr": {"method": "emr"},
    "rebasin": {"method": "rebasin"},
}


def rows_of(task: str, data: Path) -> list[tuple[Row, str, str]]:
    """Clips of a task: row, label, and `train`, `validation` or `test`."""
    if task in ("animals", "things"):
        targets = range(10) if task == "animals" else range(30, 40)
        rows = [row for row in esc50.read(data) if row.target in targets]
        return [(row, esc50.plain(row.label), "test" if row.fold == "4" else _part(row)) for row in rows]
    if task == "digits":
        return [(row, row.label, "test" if row.fold == "test" else _part(row, row.path.stem)) for row in fsdd.read(data)]
    rows = [row for row in read_table(data, "gm_instruments", "gm_instruments", lambda row: ()) if row.source[3:].isdecimal()]
    return [(row, FAMILIES[int(row.source[3:]) // 8], "test" if row.fold in ("4", "5") else _part(row)) for row in rows]


def _part(row: Row, name: str = "") -> str:
    """A seventh of the sources (or of the clips, by name) is for validation."""
    return "validation" if sum((name or row.source).encode()) % 7 == 0 else "train"


def write_manifests(data: Path, work: Path, task: str) -> None:
    """work/TASK.jsonl with the clips to train on, work/TASK-test.jsonl with the others."""
    items = [
        Item(id=row.path.stem, audio=row.path, labels=(label,), corpus=row.corpus, source=row.source, fold=part)
        for row, label, part in rows_of(task, data)
    ]
    write(work / f"{task}.jsonl", [item for item in items if item.fold != "test"])
    write(work / f"{task}-test.jsonl", [item for item in items if item.fold == "test"])


def run_finetune(work: Path, start: str, name: str, task: str, *, seed: int = 0) -> Path:
    """Fine-tune a start on a task; returns the model folder, which is kept if it exists."""
    folder = work / name
    if not (folder / "figures.json").exists():
        config = finetune.Config(
            data=work / f"{task}.jsonl",
            cache=work / "cache",
            start=start,
            tasks=("event",),
            method="whole",
            window=SECONDS[task],
            epochs=EPOCHS,
            validation_fold="validation",
            keep_text=start == TINY,
            seed=seed,
            train=TrainConfig(learning_rate=3e-4, save_every=24, keep=1),
        )
        # The weights of the last step: validation on few clips would often keep the untrained encoder, and nothing would be merged.
        training = dataclasses.replace(finetune.build(config), validate=None)
        print(name, train(training, folder, report=lambda line: print(name, line, flush=True)), flush=True)
    return folder / "model"


@dataclasses.dataclass(frozen=True, eq=False)
class Test:
    """Held-out clips of a task, with the labels of the task."""

    data: LabelledFeatures
    labels: tuple[str, ...]


@torch.inference_mode()
def hits(model: Model, test: Test) -> tuple[np.ndarray, np.ndarray]:
    """Whether each clip is classified correctly, float (N,): among the labels of its task, and among all labels of the model."""
    logits = torch.cat([model(features)[CLIP_LOGITS] for features in test.data.clips()]).float().numpy()

    def right(labels: Sequence[str]) -> np.ndarray:
        truth = np.array([labels.index(item.labels[0]) for item in test.data.items])
        return correct(truth, logits[:, [model.config.labels.index(label) for label in labels]]).astype(float)

    return right(test.labels), right(model.config.labels)


def accuracy(name: str, right: np.ndarray, note: str = "") -> Figure:
    """Share of correct clips with Wilson's interval."""
    low, high = bootstrap.wilson(int(right.sum()), len(right))
    return {"name": name, "value": float(right.mean()), "low": low, "high": high, "n": len(right), "note": note}


def change(name: str, right: np.ndarray, before: np.ndarray) -> Figure:
    """Difference to the specialist on the same clips, in points, with a bootstrapped interval."""
    low, high = bootstrap.interval(100 * (right - before))
    return {"name": name, "value": float(100 * (right - before).mean()), "low": low, "high": high, "n": len(right), "unit": "points"}


class Pair:
    """Two specialists of one start, their base, and their data."""

    def __init__(self, work: Path, name: str, start: str, tasks: Sequence[str]) -> None:
        self.name, self.tasks = name.replace("-", "_"), tuple(tasks)
        self.parents = [read_parent(work / f"{name}-{task}" / "model") for task in tasks]
        self.base = read_parent(start)
        self.training = [self._read(work / f"{task}.jsonl", parent, work) for task, parent in zip(tasks, self.parents, strict=True)]
        self.tests = [
            Test(self._read(work / f"{task}-test.jsonl", parent, work), parent.config.labels)
            for task, parent in zip(tasks, self.parents, strict=True)
        ]

    def _read(self, path: Path, parent: Parent, work: Path) -> LabelledFeatures:
        return read_features(path, parent.config, cache=work / "cache", frontend_parts={})

    def merger(self, config: MergeConfig, *, data: bool = True) -> Merger:
        """A merge of both with these settings."""
        return Merger(self.parents, config, base=self.base if config.method in NEED_BASE else None, data=self.training if data else [])

    def figures(self) -> list[Figure]:
        """Specialists, then every method."""
        own = [hits(parent.model, test)[0] for parent, test in zip(self.parents, self.tests, strict=True)]
        figures = [accuracy(f"{self.name}_{task}_specialist", right) for task, right in zip(self.tasks, own, strict=True)]
        for name, settings in METHODS.items():
            tasks = (0, 1) if settings["method"] == "emr" else (0,)
            models = [self.merger(MergeConfig(**settings, task=task, clips=CLIPS)).merge([0, 1], name="merged")[0] for task in tasks]
            figures += self.compared(name, own, (models[0], models[-1]))
        model, _ = self.merger(MergeConfig(), data=False).merge([0, 1], name="merged")
        return figures + self.compared("linear_without_data", own, (model, model))

    def compared(self, method: str, own: Sequence[np.ndarray], models: Sequence[Model]) -> list[Figure]:
        """Accuracy of a merged model and its change from each specialist. models: of each task."""
        figures = []
        for index, (task, test) in enumerate(zip(self.tasks, self.tests, strict=True)):
            model, name = models[index], f"{self.name}_{task}_{method}"
            right, joint = hits(model, test)
            figures += [accuracy(name, right), change(f"{name}_change", right, own[index])]
            if len(model.config.labels) > len(test.labels):
                figures.append(accuracy(f"{name}_joint", joint))
            print(name, round(right.mean(), 3), round(100 * (right - own[index]).mean(), 1), flush=True)
        return figures

    def permuted(self) -> list[Figure]:
        """The second specialist with its units in random order, as of a model from a different start: its function is the same."""
        own = [hits(parent.model, test)[0] for parent, test in zip(self.parents, self.tests, strict=True)]
        before, second = list(self.parents), self.parents[1]
        state, generator = dict(second.state), torch.Generator().manual_seed(0)
        for symmetry in permutations.symmetries(second.model):
            state = permutations.permute(state, symmetry, torch.randperm(symmetry[0].size(state), generator=generator))
        model = copy.deepcopy(second.model)
        model.load_state_dict(state, strict=False)
        self.parents[1] = dataclasses.replace(second, model=model, state=state)
        matrices = [{name: t for name, t in each.encoder.named_parameters() if t.ndim > 1} for each in (before[0].model, model)]
        cosine = block_cosines(*matrices, block=lambda name: "")[""]
        figures: list[Figure] = [
            {
                "name": f"{self.name}_{'_'.join(self.tasks)}_permuted_cosine",
                "value": cosine,
                "note": "of the encoders' matrices and kernels",
            }
        ]
        for method in ("linear", "rebasin"):
            merged = self.merger(MergeConfig.model_validate({"method": method})).merge([0, 1], name="merged")[0]
            figures += self.compared(f"permuted_{method}", own, (merged, merged))
        self.parents = before
        return figures

    def draws(self, drop: float) -> list[Figure]:
        """Accuracy of DARE over DRAWS seeds: mean, lowest and highest."""
        merger = self.merger(MergeConfig(method="dare", drop=drop, clips=CLIPS))
        models = [merger.merge([0, 1], name="draw", seed=seed)[0] for seed in range(DRAWS)]
        note = f"mean, lowest and highest of {DRAWS} seeds, drop {drop:g}"
        figures: list[Figure] = []
        for task, test in zip(self.tasks, self.tests, strict=True):
            values = [float(hits(model, test)[0].mean()) for model in models]
            numbers = {"value": float(np.mean(values)), "low": min(values), "high": max(values)}
            figures.append(Figure(name=f"{self.name}_{task}_dare_{round(100 * drop)}_draws", n=DRAWS, note=note, **numbers))  # type: ignore[typeddict-item]
        return figures


def soup(work: Path) -> list[Figure]:
    """Three fine-tunes on the animals with other seeds: each alone, their uniform soup and the greedy one (of validation clips)."""
    parents = [read_parent(work / name / "model") for name in ("mn04-animals", "mn04-animals-1", "mn04-animals-2")]

    def features(name: str) -> LabelledFeatures:
        return read_features(work / name, parents[0].config, cache=work / "cache", frontend_parts={})

    data, test = features("animals.jsonl"), features("animals-test.jsonl")
    rows = [row for row, item in enumerate(data.items) if item.fold == "validation"]
    chosen = LabelledFeatures([data.items[row] for row in rows], [data.features[row] for row in rows])
    held_out = Test(test, parents[0].config.labels)
    right = [hits(parent.model, held_out)[0] for parent in parents]
    figures = [accuracy(f"soup_animals_{index}", each) for index, each in enumerate(right)]
    for method in ("linear", "greedy"):
        model = Merger(parents, MergeConfig.model_validate({"method": method}), data=[chosen]).run(name=method).model
        figures.append(accuracy(f"soup_animals_{'uniform' if method == 'linear' else method}", hits(model, held_out)[0]))
        print(figures[-1]["name"], figures[-1]["value"], flush=True)
    return figures


def similarity(work: Path) -> list[Figure]:
    """Cosine of encoders' weights: of the pairs, and of two small models trained from different starts."""
    figures: list[Figure] = []
    for name, tasks in RUNS:
        found = compare([work / f"{name}-{task}" / "model" for task in tasks], data=work / f"{tasks[0]}-test.jsonl", cache=work / "cache")
        key = "_".join([name.replace("-", "_"), *tasks])
        figures.append({"name": f"{key}_cosine", "value": found.encoder, "note": "of the encoders' matrices and kernels"})
        figures.append({"name": f"{key}_cka", "value": found.cka or 0.0, "note": f"linear CKA of embeddings of the {tasks[0]} test"})
    return figures


def zero_shot(work: Path, data: Path) -> list[Figure]:
    """ESC-50 by words under the text tower of the shipped model, on clips that it was not trained on: start, specialists, merged."""
    suite, start = read_suite("esc50"), find_folder(TINY)
    heard = {json.loads(line)["source"] for line in (start / "heard.jsonl").read_text().splitlines() if '"esc50"' in line}
    items = [item for item in load_items(suite, data) if item.source not in heard]
    folders = {"start": start, **{task: work / f"tiny-{task}" / "model" for task in PAIRS[1]}, "merged": work / "tiny-merged"}
    if not folders["merged"].exists():
        config = MergeConfig(cache=work / "cache")
        merge([folders[task] for task in PAIRS[1]], folders["merged"], config, data=[work / f"{task}.jsonl" for task in PAIRS[1]])
    figures: list[Figure] = []
    for name, folder in folders.items():
        run = evaluate_suite(auricle.load(folder), suite, items, allow_leaked=True)
        score = next(each for each in run.result().summary["scores"] if each["metric"] == "accuracy")
        figures.append(Figure(name=f"zero_shot_{name}", value=score["value"], low=score["low"], high=score["high"], n=score["n"]))
        print(figures[-1], flush=True)
    return figures


def kept(work: Path, name: str, compute: Callable[[], list[Figure]]) -> list[Figure]:
    """Figures of one part, computed unless an earlier run has kept them in work/NAME.json."""
    path = work / f"{name}.json"
    if not path.exists():
        write_text(path, json.dumps(compute()))
    figures: list[Figure] = json.loads(path.read_text())
    return figures


def main() -> None:
    """Train what is missing, measure, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the prepared corpora")
    parser.add_argument("--weights", required=True, help="EfficientAT's mn04_as_mAP_432.pt")
    parser.add_argument("--work", type=Path, default=None, help="folder of trainings and decoded recordings, kept")
    parser.add_argument("--only", default="", help="train, measure, or the name of one training, such as mn04-digits")
    arguments = parser.parse_args()
    work = arguments.work or Path(tempfile.mkdtemp())
    work.mkdir(parents=True, exist_ok=True)
    starts = {"mn04": arguments.weights, "tiny": TINY}
    for start, task, seed in [*((start, task, 0) for start, pair in RUNS for task in pair), ("mn04", "animals", 1), ("mn04", "animals", 2)]:
        name = f"{start}-{task}{f'-{seed}' if seed else ''}"
        if arguments.only in ("", "train", name):
            write_manifests(arguments.data, work, task)
            run_finetune(work, starts[start], name, task, seed=seed)
    if arguments.only not in ("", "measure"):
        return
    figures: list[Figure] = []
    for start, tasks in RUNS:
        name = f"{start}-{'-'.join(tasks)}"

        def measure(start: str = start, tasks: Sequence[str] = tasks) -> list[Figure]:
            pair = Pair(work, start, starts[start], tasks)
            return [*pair.figures(), *pair.permuted(), *pair.draws(0.5), *pair.draws(0.9)]

        figures += kept(work, name, measure)
    figures += kept(work, "soup", lambda: soup(work)) + kept(work, "similarity", lambda: similarity(work))
    figures += kept(work, "zero-shot", lambda: zero_shot(work, arguments.data))
    about = "Two fine-tunes of one start, merged by every method, on held-out clips of both tasks; docs/merging.md describes them."
    command = "python benchmarks/merging.py --data DIR --weights mn04_as_mAP_432.pt"
    write_record(
        RESULTS, "merging", command=command, seed=0, figures=figures, weights=fingerprint(find_folder(TINY)), extra={"about": about}
    )


if __name__ == "__main__":
    main()
