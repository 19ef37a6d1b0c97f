"""config.json of format 1, which had two kinds of models, read as a ModelConfig. Folders keep their files and their fingerprint."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field

from auricle.core.config import (
    CLIP_LOGITS,
    EMBEDDING,
    FRAME_LOGITS,
    SIMILARITY,
    CosineCalibration,
    Decibels,
    FrameRate,
    LogitCalibration,
    ModelConfig,
    Names,
    Positive,
    Probability,
    Seconds,
    Strict,
    Window,
    of_encoder,
    of_heads,
)

_OUTPUTS = {"clip": CLIP_LOGITS, "frames": FRAME_LOGITS, "likeness": SIMILARITY, "embedding": EMBEDDING}
_TENSORS = {
    "joint.": "projection.",
    "clip.": f"heads.{CLIP_LOGITS}.",
    "frames.": f"heads.{FRAME_LOGITS}.",
    "likeness.": f"heads.{SIMILARITY}.",
}
_SHORTEST = 2.0  # seconds that a shorter recording was filled up to with silence
_FEWEST = 32  # feature frames


class _Calibration(Strict):
    clip: LogitCalibration
    frame: LogitCalibration
    text: CosineCalibration


class _Threshold(Strict):
    clip: tuple[Probability, ...]
    frame: tuple[Probability, ...]
    text: Probability


class _Listening(Strict):
    """Models with a recording-level and a frame-level head over one vocabulary, and the static text tower."""

    format: Literal[1]
    name: str
    frontend: str
    frame_rate: FrameRate
    dim: Annotated[int, Field(gt=0)]
    window: Seconds
    context: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
    labels: Annotated[tuple[str, ...], Field(min_length=1)]
    calibration: _Calibration
    threshold: _Threshold
    encoder: dict[str, Any]
    silence_dbfs: Decibels = -70.0


class _Published(Strict):
    """Converted and trained encoders; the fields are arguments of config.of_encoder."""

    format: Literal[1]
    kind: Literal["published"]
    name: str
    source: str
    frontend: str
    window: Seconds
    policy: Literal["any", "zero", "tile", "repeatpad"]
    encoder: dict[str, Any]
    dim: Annotated[int, Field(gt=0)]
    projection: Literal["relu", "residual", "linear"] | None = None
    text: dict[str, Any] | None = None
    labels: tuple[str, ...] = ()
    prompt: Annotated[str, Field(pattern=r"\{label\}")] = "{label}"
    logit_scale: Positive | None = None
    label_rate: Positive | None = None
    activation: Literal["sigmoid", "softmax"] = "sigmoid"
    silence_dbfs: Decibels = -70.0


def upgraded(text: bytes) -> ModelConfig:
    """The config that this JSON of format 1 stands for. pydantic's ValidationError where it is not as format 1 had it."""
    if json.loads(text).get("kind") == "published":
        fields = _Published.model_validate_json(text).model_dump(exclude={"format", "kind"})
        return of_encoder(**fields).with_names(Names(graph="model.onnx", outputs=_OUTPUTS))
    return _listening(_Listening.model_validate_json(text))


def _listening(old: _Listening) -> ModelConfig:
    hop = old.window - 2 * old.context
    plain = of_heads(
        name=old.name,
        frontend=old.frontend,
        encoder={"family": "convolutional", "frontend": old.frontend, **old.encoder},
        labels=old.labels,
        dim=old.dim,
        rate=old.frame_rate,
        window=Window(seconds=old.window, hop=hop, pad="zero", shortest=_SHORTEST, min_frames=_FEWEST),
        silence_dbfs=old.silence_dbfs,
    )
    calibrations = {CLIP_LOGITS: old.calibration.clip, FRAME_LOGITS: old.calibration.frame}
    decided = plain.decided(calibrations, {CLIP_LOGITS: old.threshold.clip, FRAME_LOGITS: old.threshold.frame}, old.calibration.text)
    text = None if decided.text is None else decided.text.model_copy(update={"threshold": old.threshold.text})
    names = Names(graph="model.onnx", outputs=_OUTPUTS, tensors=_TENSORS)
    return decided.model_copy(update={"text": text}).with_names(names)
