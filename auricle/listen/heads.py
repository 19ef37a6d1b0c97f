"""Fitted heads: recordings with labels in, a small file out that adds those labels to any listener of the same model.

Each label is a logistic regression over the vectors of likeness, its scores calibrated on recordings it was not fitted on.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from auricle.core import table
from auricle.core.errors import InputError, ModelError, SoundError
from auricle.core.files import write_bytes
from auricle.listen import fewshot
from auricle.listen.listener import Listener
from auricle.listen.pipeline import Progress, Source
from auricle.listen.scores import sigmoid
from auricle.metrics.bootstrap import wilson
from auricle.metrics.curves import average_precision
from auricle.signal.formats import recordings
from auricle.signal.streaming import cut

_FORMAT = "1"
_AT_ONCE = 256  # examples heard together
_FEWEST = 2  # recordings a label needs, so that one can be left out


@dataclasses.dataclass(frozen=True, eq=False)
class Heads:
    """Labels with a head each. weights (K, E), bias (K,): float32. model, fingerprint: whose vectors they are for."""

    labels: tuple[str, ...]
    weights: np.ndarray
    bias: np.ndarray
    model: str
    fingerprint: str

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        """Probabilities (..., K) of unit vectors (..., E); from one half on a label is present."""
        with np.errstate(invalid="ignore"):  # some matrix kernels raise the flag over lanes that no result comes from
            return sigmoid(vectors @ self.weights.T + self.bias)

    def check(self, listener: Listener) -> None:
        """ModelError unless these heads were fitted to this listener's vectors."""
        if self.fingerprint != listener.fingerprint:
            raise ModelError(
                f"the heads were fitted to {self.model} (weights {self.fingerprint[:8]}), the model here is {listener.config.name} "
                f"(weights {listener.fingerprint[:8]}); give that model with --model, or fit them anew"
            )

    def save(self, path: Path) -> None:
        """Write one safetensors file, whole or not at all. WriteError where it cannot be written."""
        from safetensors.numpy import save

        about = {"format": _FORMAT, "labels": json.dumps(self.labels), "model": self.model, "fingerprint": self.fingerprint}
        write_bytes(path, save({"weights": self.weights, "bias": self.bias}, metadata=about))

    @staticmethod
    def load(path: Path) -> Heads:
        """Read what `save` wrote; ModelError says what is wrong with a file that is something else."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(str(path), framework="numpy") as file:
                about = file.metadata() or {}
                labels = tuple(json.loads(about["labels"]))
                heads = Heads(labels, file.get_tensor("weights"), file.get_tensor("bias"), about["model"], about["fingerprint"])
        except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
            raise ModelError(f"{path}: is no file of heads ({' '.join(str(error).split())[:100]}); make one with auricle fit") from error
        if about.get("format") != _FORMAT or heads.weights.shape[0] != len(labels) or heads.bias.shape != (len(labels),):
            raise ModelError(f"{path}: its labels, weights and format do not fit together; fit it anew with auricle fit")
        return heads


@dataclasses.dataclass(frozen=True)
class Example:
    """One recording, or a stretch of one, with its labels. group: what it may not be told apart from when one is left out."""

    file: str
    labels: tuple[str, ...]
    onset: float = 0.0
    offset: float = float("inf")
    group: str = ""

    def source(self) -> Source:
        """What a listener hears."""
        return self.file if not self.onset and self.offset == float("inf") else cut(self.file, self.onset, self.offset)


@dataclasses.dataclass(frozen=True)
class Report:
    """How heads do on recordings that they were not fitted on.

    average_precision: by label. accuracy (value, low, high): share of examples whose best label is their own, Wilson's interval; None
    where some have several labels. examples: how many. failed: errors of what could not be heard.
    """

    average_precision: Mapping[str, float]
    accuracy: tuple[float, float, float] | None
    examples: Mapping[str, int]
    failed: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        told: dict[str, Any] = {
            "labels": [
                {"label": label, "examples": self.examples[label], "average_precision": round(value, 4)}
                for label, value in self.average_precision.items()
            ],
            "mean_average_precision": round(float(np.mean(list(self.average_precision.values()))), 4),
        }
        if self.accuracy is not None:
            told["accuracy"] = dict(zip(("value", "low", "high"), (round(part, 4) for part in self.accuracy), strict=True))
        return told | {"failed": list(self.failed)}


def read_examples(place: Path, endings: frozenset[str]) -> list[Example]:
    """Examples of a folder with a folder a label or label tracks beside their recordings, or of a table (`core.table`).

    A table's columns are label, file where it is not named after its recording, and as wanted onset, offset, group. A recording with
    several labels has several rows. endings: names that are taken for recordings.
    """
    found = _from_folder(place, endings) if place.is_dir() else _from_table(place, endings)
    merged: dict[tuple[str, float, float], Example] = {}
    for where, example in found:
        key = (example.file, example.onset, example.offset)
        known = merged.setdefault(key, example)
        if known.group != example.group:
            raise InputError(f"{where}: is of group {example.group}, and a row before of {known.group}; wanted one group a recording")
        merged[key] = dataclasses.replace(known, labels=tuple(sorted({*known.labels, *example.labels})))
    if not merged:
        raise InputError(
            f"{place}: has no examples; wanted a folder a label with recordings in it, label tracks beside their recordings, "
            "or rows of file and label"
        )
    return list(merged.values())


def _from_folder(place: Path, endings: frozenset[str]) -> Iterator[tuple[str, Example]]:
    for folder in sorted(path for path in place.iterdir() if not path.name.startswith(".")):
        if folder.suffix.lower() == ".txt" and table.find_recording(folder, endings):
            yield from _from_table(folder, endings)
        for path in sorted(recordings(folder)) if folder.is_dir() else ():
            yield str(path), Example(str(path), (_label(folder.name),), group=str(path))


def _from_table(path: Path, endings: frozenset[str]) -> Iterator[tuple[str, Example]]:
    for row in table.read_annotations(path, endings):
        where, file = f"{path}: line {row.line}", str(row.file)
        if not row.label:
            raise InputError(f"{where}: has no label; wanted a column {', '.join(table.LABEL[:-1])} or {table.LABEL[-1]}")
        yield where, Example(file, (_label(row.label),), row.onset, row.offset, str(row.cells.get("group") or file))


def _label(text: str) -> str:
    return table.normalise_label(text.replace("_", " "))


def fit(listener: Listener, examples: Sequence[Example], *, progress: Progress | None = None) -> tuple[Heads, Report]:
    """Fit a head a label, and say how each does on recordings left out (five parts, whole groups). progress: of hearing them."""
    vectors, heard, failed = _vectors(listener, examples, progress)
    labels = tuple(sorted({label for example in heard for label in example.labels}))
    groups = np.array([example.group or example.file for example in heard])
    truth = np.array([[label in example.labels for label in labels] for example in heard]).reshape(len(heard), len(labels))
    _check_enough(labels, truth, groups)
    weights, bias, held = [], [], np.zeros(truth.shape)
    for place in range(len(labels)):
        own = truth[:, place]
        for left in fewshot.folds(own, groups):
            held[left, place] = fewshot.fit_head(vectors[~left], own[~left]).logits(vectors[left])
        scale, shift = fewshot.fit_platt(held[:, place], own, np.ones(len(own)))
        head = fewshot.fit_head(vectors, own).scaled(scale, shift)
        held[:, place] = held[:, place] * scale + shift
        weights.append(head.weights)
        bias.append(head.bias)
    heads = Heads(labels, np.stack(weights), np.array(bias, np.float32), listener.config.name, listener.fingerprint)
    return heads, _report(labels, truth, held, failed)


def _vectors(
    listener: Listener, examples: Sequence[Example], progress: Progress | None
) -> tuple[np.ndarray, list[Example], tuple[str, ...]]:
    """Vectors of the examples that can be heard, those examples, and what is wrong with the others."""
    rows, heard, failed = [], [], []
    for start in range(0, len(examples), _AT_ONCE):
        some = examples[start : start + _AT_ONCE]
        for example, answer in zip(some, _embedded(listener, some, start, progress), strict=True):
            if isinstance(answer, Exception):
                failed.append(str(answer))
            else:
                rows.append(answer)
                heard.append(example)
    return np.array(rows), heard, tuple(failed)


def _embedded(listener: Listener, examples: Sequence[Example], start: int, progress: Progress | None) -> Iterator[np.ndarray | Exception]:
    """A vector an example, or what is wrong with it. Stretches are cut out first, so only so many are held at once."""
    sources: list[Source | Exception] = []
    for example in examples:
        try:
            sources.append(example.source())
        except (SoundError, InputError) as error:
            sources.append(error)

    def told(place: int, seconds: float, declared: float) -> None:
        if progress is not None:
            progress(start + place, seconds, declared)

    answers = listener.embed_each([source for source in sources if not isinstance(source, Exception)], space="likeness", progress=told)
    return (source if isinstance(source, Exception) else next(answers) for source in sources)


def _check_enough(labels: Sequence[str], truth: np.ndarray, groups: np.ndarray) -> None:
    if len(labels) < 2:
        raise InputError(
            f"there is {'one label' if labels else 'no label'} to learn; wanted two or more, such as a sound and everything else"
        )
    for place, label in enumerate(labels):
        inside, outside = len(set(groups[truth[:, place]])), len(set(groups[~truth[:, place]]))
        if min(inside, outside) < _FEWEST:
            raise InputError(f"{label}: {inside} recordings have it and {outside} have not; wanted at least {_FEWEST} of each")


def _report(labels: Sequence[str], truth: np.ndarray, held: np.ndarray, failed: tuple[str, ...]) -> Report:
    precision = {label: float(average_precision(truth[:, place], held[:, place])) for place, label in enumerate(labels)}
    accuracy = None
    if (truth.sum(axis=1) == 1).all():
        right = int((held.argmax(axis=1) == truth.argmax(axis=1)).sum())
        accuracy = (right / len(truth), *wilson(right, len(truth)))
    return Report(precision, accuracy, {label: int(truth[:, place].sum()) for place, label in enumerate(labels)}, failed)
