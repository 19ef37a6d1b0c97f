"""Task: everything about one question that a model answers, for training, scoring and listening (numpy).

A module of this package defines one and calls it TASK; so does a file of your own (docs/tasks/own.md). A task reads its target from a field
of the manifest, encodes it as the training target of one model output, decodes that output over a recording to a record, and compares
records with targets. The loss follows from the kind of the output, unless the task has its own.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from auricle.core.config import Activation, Output
from auricle.core.errors import InputError

if TYPE_CHECKING:
    from auricle.metrics.resampled import Metric, Row

Field: TypeAlias = Literal["labels", "events", "captions", "questions", "tracks", "values"]
Kind: TypeAlias = Literal["clip_scores", "frame_scores", "clip_values"]


@dataclasses.dataclass(frozen=True, eq=False)
class Windows:
    """One output over a recording: its values in the W windows that are not silent, in order of time.

    values: (K,) each for clip_scores (as probabilities) and clip_values, (T, K) for frame_scores. starts, seconds: of each window.
    """

    values: Sequence[np.ndarray]
    starts: Sequence[float]
    seconds: Sequence[float]

    def __len__(self) -> int:
        return len(self.values)

    def mean(self) -> np.ndarray:
        """Mean over windows weighted by their lengths, float64 (K,). Only for W > 0 and one vector per window."""
        return np.average(np.asarray(self.values, np.float64), axis=0, weights=self.seconds)

    def max(self) -> np.ndarray:
        """Maximum over windows, float64 (K,). Only for W > 0 and one vector per window."""
        return np.asarray(np.max(np.asarray(self.values, np.float64), axis=0))

    def timeline(self, rate: float) -> np.ndarray:
        """Frame scores of the recording, float64 (T, K) at `rate` frames per second: the mean where windows overlap, 0 outside them."""
        starts = [round(start * rate) for start in self.starts]
        frames = max(start + len(value) for start, value in zip(starts, self.values, strict=True))
        total, count = np.zeros((frames, self.values[0].shape[1])), np.zeros((frames, 1))
        for start, value in zip(starts, self.values, strict=True):
            total[start : start + len(value)] += value
            count[start : start + len(value)] += 1
        return total / np.maximum(count, 1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """One question.

    name: an identifier. about: one line. field: of the manifest, with the targets; a clip without it is not trained on. kind: of the model
    output that answers it. output: name of that output in a new model; None is the task's own name.
    vocabulary: (targets) -> labels of a new output: its K classes or the names of its values.
    encode: (target, spec of the output, seconds of the clip) -> float32 (K,), or (T, K) at spec.rate for frame_scores.
    decode: (windows, spec, duration in seconds) -> JSON-able answer about a recording. windows are never empty; a silent recording has no
    answer. row: (target, windows, spec, duration) -> the fields of a scored recording, JSON-able; windows may be empty. metrics: (rows) ->
    metrics by name, the first decides. Metrics and their intervals are computed from rows alone.
    loss: (logits (B, ...), target (B, ...), mask (B, T) or None) -> loss of each clip (B,), a function of torch tensors; None: binary
    cross-entropy for sigmoid scores, cross-entropy for softmax scores, and the Huber loss for values.
    activation: of scores. unit: of values. page: of the documentation.
    """

    name: str
    about: str
    field: Field
    kind: Kind
    vocabulary: Callable[[Sequence[Any]], Sequence[str]]
    encode: Callable[[Any, Output, float], np.ndarray]
    decode: Callable[[Windows, Output, float], Any]
    row: Callable[[Any, Windows, Output, float], Mapping[str, Any]]
    metrics: Callable[[Sequence[Row]], dict[str, Metric]]
    loss: Callable[[Any, Any, Any], Any] | None = None
    output: str | None = None
    activation: Activation = "sigmoid"
    unit: str | None = None
    page: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            raise InputError(f"task name {self.name!r}; wanted lower-case letters, digits and underscores, such as 'brightness'")

    @property
    def output_name(self) -> str:
        """Name of the output of a new model that answers this task."""
        return self.output or self.name


def thresholds_of(spec: Output) -> np.ndarray | float:
    """Thresholds (K,) of an output for its labels to be present; 0.5 where it has none."""
    return 0.5 if spec.thresholds is None else np.asarray(spec.thresholds)


def absolute_error(rows: Sequence[Row]) -> dict[str, Metric]:
    """`mae`, the mean absolute error of rows with numbers `truth` and `value`; a row without a value does not count."""
    from auricle.metrics.resampled import mean  # imported here, since tagging does not need it

    errors = [{"error": abs(row["truth"] - row["value"])} if row.get("value") is not None else {} for row in rows]
    return {"mae": dataclasses.replace(mean(errors, "error"), lower_is_better=True)}
