"""Raw outputs of a model on clips: logits of its outputs before any calibration, and its embeddings."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from auricle.bench.embeddings import ClipEmbeddings, open_source
from auricle.core.config import CLIP_LOGITS, EMBEDDING, SIMILARITY, ModelConfig
from auricle.core.errors import InputError, SoundError
from auricle.data.item import Item
from auricle.listen.listener import Listener
from auricle.listen.pipeline import Pipeline, Worker
from auricle.listen.scores import clip_logits, unit
from auricle.signal.streaming import Window


@dataclasses.dataclass(frozen=True, eq=False)
class ClipOutputs:
    """Outputs of one clip in its W windows that are not silent, float32.

    scores: by output, logits (W, K). frames: by output, logits (T, K) of consecutive frames from the start of the clip, nan where it is
    silent. vectors (W, D), similarity (W, E): unit embeddings. seconds (W,): lengths of the windows.
    """

    scores: Mapping[str, np.ndarray]
    frames: Mapping[str, np.ndarray]
    vectors: np.ndarray
    similarity: np.ndarray
    seconds: np.ndarray

    def embeddings(self) -> ClipEmbeddings:
        """As the leak guard takes them."""
        return ClipEmbeddings(self.vectors, self.similarity, self.seconds, np.zeros(0, np.float32), silent=False)


def run(
    listener: Listener,
    items: Sequence[Item],
    columns: Mapping[str, Sequence[int]],
    *,
    progress: Callable[[int, float, float], None] | None = None,
) -> Iterator[ClipOutputs | SoundError | None]:
    """Outputs of each item in order; a SoundError for one that cannot be read, None for one that is silent.

    columns: the outputs to keep, with the indices of their labels. progress: called for each clip with its index, 1 and 1.
    """
    outcomes = listener.pipeline.each(items, lambda item, worker: _run_item(item, worker, columns))
    for index, outcome in enumerate(outcomes):
        if progress is not None:
            progress(index, 1.0, 1.0)
        yield outcome


def _run_item(item: Item, worker: Worker, columns: Mapping[str, Sequence[int]]) -> ClipOutputs | None:
    pipeline = worker.pipeline
    try:
        with open_source(item) as source, pipeline.stream(source) as sound:
            windows = [_run_window(pipeline, window, columns) for window in sound if not (worker.is_stopped or pipeline.is_silent(window))]
            if sound.error:
                raise SoundError(sound.error)
    except InputError as error:  # a shard without the member, or a segment after the end of the file
        raise SoundError(str(error)) from error
    return _join(windows, pipeline.config, columns) if windows else None


@dataclasses.dataclass(frozen=True, eq=False)
class _WindowOutputs:
    start: float
    seconds: float
    last: bool
    arrays: dict[str, np.ndarray]


def _run_window(pipeline: Pipeline, window: Window, columns: Mapping[str, Sequence[int]]) -> _WindowOutputs:
    config, seconds = pipeline.config, window.samples.shape[1] / pipeline.frontend.rate
    outputs = pipeline.outputs(window)
    arrays = {name: unit(outputs[name][0]) for name in (EMBEDDING, SIMILARITY)}
    for name, labels in columns.items():
        spec = config.outputs[name]
        values = clip_logits(outputs, spec) if name == CLIP_LOGITS else outputs[name][0]
        arrays[name] = values[..., list(labels)] if spec.rate is None else values[: math.ceil(seconds * spec.rate), list(labels)]
    return _WindowOutputs(window.start, seconds, window.last, arrays)


def _join(windows: Sequence[_WindowOutputs], config: ModelConfig, columns: Mapping[str, Sequence[int]]) -> ClipOutputs:
    kinds = {name: config.outputs[name].rate for name in columns}
    return ClipOutputs(
        {name: np.stack([window.arrays[name] for window in windows]) for name, rate in kinds.items() if rate is None},
        {name: _join_frames(windows, config, name, rate) for name, rate in kinds.items() if rate is not None},
        np.stack([window.arrays[EMBEDDING] for window in windows]),
        np.stack([window.arrays[SIMILARITY] for window in windows]),
        np.array([window.seconds for window in windows], np.float32),
    )


def _join_frames(windows: Sequence[_WindowOutputs], config: ModelConfig, name: str, rate: float) -> np.ndarray:
    """Frames (T, K) of a clip: windows overlap by twice the context, and each contributes its central part, as in event detection."""
    edge = int(config.window.context * rate)
    parts: list[tuple[int, np.ndarray]] = []
    for window in windows:
        origin = round(window.start * rate)
        first = edge if origin else 0
        stop = len(window.arrays[name]) if window.last else round(config.window.hop * rate) + edge
        parts.append((origin + first, window.arrays[name][first:stop]))
    frames = np.full((max(start + len(part) for start, part in parts), parts[0][1].shape[1]), np.nan, np.float32)
    for start, part in parts:
        frames[start : start + len(part)] = part
    return frames
