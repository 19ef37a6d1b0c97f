"""Fitted heads: a classifier for new labels, fitted to labelled recordings and stored in a small file, for any listener of the same model.

Each label is a binary logistic regression on the similarity embedding, with scores calibrated by cross-validation over recordings.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from auricle.core import table
from auricle.core.errors import InputError, ModelError, SoundError
from auricle.core.files import write_bytes
from auricle.core.labels import normalise_label
from auricle.listen import fewshot
from auricle.listen.listener import Listener
from auricle.listen.pipeline import Progress, Source
from auricle.listen.scores import sigmoid
from auricle.metrics.bootstrap import wilson
from auricle.metrics.curves import average_precision
from auricle.signal.formats import find_audio_files
from auricle.signal.streaming import cut

_FORMAT = "1"
_BATCH = 256  # examples embedded together
_MIN_GROUPS = 2  # recordings that a label needs for cross-validation


@dataclasses.dataclass(frozen=True, eq=False)
class Heads:
    """A linear classifier with K labels. weights (K, E), bias (K,): float32. model, fingerprint: the model whose embeddings it takes."""

    labels: tuple[str, ...]
    weights: np.ndarray
    bias: np.ndarray
    model: str
    fingerprint: str

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        """Probabilities (..., K) of unit vectors (..., E); a label is present from 0.5."""
        with np.errstate(invalid="ignore"):  # some BLAS kernels set this flag for finite operands
            return sigmoid(vectors @ self.weights.T + self.bias)

    def check(self, listener: Listener) -> None:
        """ModelError unless these heads were fitted to embeddings of this listener's model."""
        if self.fingerprint != listener.fingerprint:
            raise ModelError(
                f"the heads were fitted to {self.model} (weights {self.fingerprint[:8]}), the model here is {listener.config.name} "
                f"(weights {listener.fingerprint[:8]}); give that model with --model, or fit the heads again"
            )

    def save(self, path: Path) -> None:
        """Write one safetensors file atomically. WriteError if it cannot be written."""
        from safetensors.numpy import save

        metadata = {"format": _FORMAT, "labels": json.dumps(self.labels), "model": self.model, "fingerprint": self.fingerprint}
        write_bytes(path, save({"weights": self.weights, "bias": self.bias}, metadata=metadata))

    @staticmethod
    def load(path: Path) -> Heads:
        """Read a file that `save` wrote; ModelError for any other."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(str(path), framework="numpy") as file:
                metadata = file.metadata() or {}
                labels = tuple(json.loads(metadata["labels"]))
                heads = Heads(labels, file.get_tensor("weights"), file.get_tensor("bias"), metadata["model"], metadata["fingerprint"])
        except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
            raise ModelError(f"{path}: is not a heads file ({' '.join(str(error).split())[:100]}); make one with auricle fit") from error
        if metadata.get("format") != _FORMAT or heads.weights.shape[0] != len(labels) or heads.bias.shape != (len(labels),):
            raise ModelError(
                f"{path}: the shapes of labels, weights and bias do not agree, or the format is unknown; make it again with auricle fit"
            )
        return heads


@dataclasses.dataclass(frozen=True)
class Example:
    """One recording, or a stretch of one (onset to offset in seconds), with its labels. Cross-validation holds out whole groups."""

    file: str
    labels: tuple[str, ...]
    onset: float = 0.0
    offset: float = float("inf")
    group: str = ""

    def source(self) -> Source:
        """The source for a listener: the file, or a Clip cut from it. SoundError if it cannot be read."""
        return self.file if not self.onset and self.offset == float("inf") else cut(self.file, self.onset, self.offset)


@dataclasses.dataclass(frozen=True)
class Report:
    """Cross-validated results of fitted heads.

    average_precision: by label. accuracy (value, low, high): share of examples whose best label is their own, with Wilson's interval; None
    if some examples have several labels. examples: number of examples by label. failed: errors of files that could not be read.
    """

    average_precision: Mapping[str, float]
    accuracy: tuple[float, float, float] | None
    examples: Mapping[str, int]
    failed: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        result: dict[str, Any] = {
            "labels": [
                {"label": label, "examples": self.examples[label], "average_precision": round(value, 4)}
                for label, value in self.average_precision.items()
            ],
            "mean_average_precision": round(float(np.mean(list(self.average_precision.values()))), 4),
        }
        if self.accuracy is not None:
            result["accuracy"] = dict(zip(("value", "low", "high"), (round(part, 4) for part in self.accuracy), strict=True))
        return result | {"failed": list(self.failed)}


def read_examples(path: Path, suffixes: frozenset[str]) -> list[Example]:
    """Read labelled examples from a folder (one folder per label, or label tracks next to their recordings) or from a table (`core.table`).

    Columns of a table: label or labels, file (unless the table is named after its recording), and optionally onset, offset and group. A
    recording with several labels has several rows, or a cell with all of them. suffixes: suffixes of recordings. InputError for a row that
    does not fit, or without examples.
    """
    rows = _from_folder(path, suffixes) if path.is_dir() else _from_table(path, suffixes)
    merged: dict[tuple[str, float, float], Example] = {}
    for where, example in rows:
        key = (example.file, example.onset, example.offset)
        first = merged.setdefault(key, example)
        if first.group != example.group:
            raise InputError(f"{where}: has group {example.group}, an earlier row has {first.group}; wanted one group per recording")
        merged[key] = dataclasses.replace(first, labels=tuple(sorted({*first.labels, *example.labels})))
    if not merged:
        raise InputError(
            f"{path}: has no examples; wanted one folder of recordings per label, label tracks next to their recordings, "
            "or rows of file and label"
        )
    return list(merged.values())


def _from_folder(path: Path, suffixes: frozenset[str]) -> Iterator[tuple[str, Example]]:
    for entry in sorted(entry for entry in path.iterdir() if not entry.name.startswith(".")):
        if entry.suffix.lower() == ".txt" and table.find_recording(entry, suffixes):
            yield from _from_table(entry, suffixes)
        for file in sorted(find_audio_files(entry)) if entry.is_dir() else ():
            yield str(file), Example(str(file), (_label(entry.name),), group=str(file))


def _from_table(path: Path, suffixes: frozenset[str]) -> Iterator[tuple[str, Example]]:
    for row in table.read_annotations(path, suffixes):
        where, file = f"{path}: line {row.line}", str(row.file)
        try:
            labels = tuple(_label(label) for label in row.labels())
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        if not labels:
            raise InputError(f"{where}: has no label; wanted a column {', '.join(table.LABEL)}, or labels")
        yield where, Example(file, labels, row.onset, row.offset, str(row.cells.get("group") or file))


def _label(text: str) -> str:
    return normalise_label(text.replace("_", " "))


def fit(
    listener: Listener, examples: Sequence[Example], *, progress: Progress | None = None, fitted: Callable[[int, int], None] | None = None
) -> tuple[Heads, Report]:
    """Fit one head per label, and evaluate them by five-fold cross-validation over groups.

    progress: called as examples are embedded; fitted: (labels done, labels), after each head. InputError for fewer than two labels, or a
    label with too few recordings.

    >>> from auricle.listen.heads import Example, fit
    >>> parts = [(0, 2.5), (2.5, 5), (5, 7.5), (7.5, 10)]
    >>> examples = [
    ...     Example(f"examples/{name}.ogg", (name,), onset, offset, group=f"{name} {onset}")
    ...     for name in ("siren", "rain") for onset, offset in parts
    ... ]
    >>> heads, report = fit(listener, examples)
    >>> heads.labels, report.accuracy[0]
    (('rain', 'siren'), 1.0)
    """
    vectors, embedded, failed = _vectors(listener, examples, progress)
    labels = tuple(sorted({label for example in embedded for label in example.labels}))
    groups = np.array([example.group or example.file for example in embedded])
    truth = np.array([[label in example.labels for label in labels] for example in embedded]).reshape(len(embedded), len(labels))
    _check_enough(labels, truth, groups)
    weights, bias, held_out = [], [], np.zeros(truth.shape)
    for index in range(len(labels)):
        target = truth[:, index]
        for test in fewshot.folds(target, groups):
            held_out[test, index] = fewshot.fit_head(vectors[~test], target[~test]).logits(vectors[test])
        scale, shift = fewshot.fit_platt(held_out[:, index], target, np.ones(len(target)))
        head = fewshot.fit_head(vectors, target).scaled(scale, shift)
        held_out[:, index] = held_out[:, index] * scale + shift
        weights.append(head.weights)
        bias.append(head.bias)
        if fitted is not None:
            fitted(index + 1, len(labels))
    heads = Heads(labels, np.stack(weights), np.array(bias, np.float32), listener.config.name, listener.fingerprint)
    return heads, _report(labels, truth, held_out, failed)


def _vectors(
    listener: Listener, examples: Sequence[Example], progress: Progress | None
) -> tuple[np.ndarray, list[Example], tuple[str, ...]]:
    """Embeddings (N, E) of the examples that can be read, those examples, and the errors of the others."""
    rows, embedded, failed = [], [], []
    for start in range(0, len(examples), _BATCH):
        batch = examples[start : start + _BATCH]
        for example, result in zip(batch, _embed(listener, batch, start, progress), strict=True):
            if isinstance(result, Exception):
                failed.append(str(result))
            else:
                rows.append(result)
                embedded.append(example)
    return np.array(rows), embedded, tuple(failed)


def _embed(listener: Listener, examples: Sequence[Example], start: int, progress: Progress | None) -> Iterator[np.ndarray | Exception]:
    """The embedding (E,) of each example, or its error. Stretches are cut first, hence the batches."""
    sources: list[Source | Exception] = []
    for example in examples:
        try:
            sources.append(example.source())
        except (SoundError, InputError) as error:
            sources.append(error)

    def report(index: int, seconds: float, declared: float) -> None:
        if progress is not None:
            progress(start + index, seconds, declared)

    rows = listener.embed_each([source for source in sources if not isinstance(source, Exception)], space="similarity", progress=report)
    return (source if isinstance(source, Exception) else next(rows) for source in sources)


def _check_enough(labels: Sequence[str], truth: np.ndarray, groups: np.ndarray) -> None:
    if len(labels) < 2:
        raise InputError(f"there {'is one label' if labels else 'are no labels'}; wanted two or more, such as a sound and all other sounds")
    for index, label in enumerate(labels):
        positive, negative = len(set(groups[truth[:, index]])), len(set(groups[~truth[:, index]]))
        if min(positive, negative) < _MIN_GROUPS:
            raise InputError(
                f"label {label!r}: recordings with it {positive}, without it {negative}; wanted at least {_MIN_GROUPS} of each"
            )


def _report(labels: Sequence[str], truth: np.ndarray, logits: np.ndarray, failed: tuple[str, ...]) -> Report:
    precision = {label: float(average_precision(truth[:, index], logits[:, index])) for index, label in enumerate(labels)}
    accuracy = None
    if (truth.sum(axis=1) == 1).all():
        correct = int((logits.argmax(axis=1) == truth.argmax(axis=1)).sum())
        accuracy = (correct / len(truth), *wilson(correct, len(truth)))
    return Report(precision, accuracy, {label: int(truth[:, index].sum()) for index, label in enumerate(labels)}, failed)
