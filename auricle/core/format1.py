"""Reader of config.json in format 1, which had two kinds of models. The files and the fingerprint of a folder stay as they are."""

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
    LegacyNames,
    LogitCalibration,
    ModelConfig,
    Positive,
    Probability,
    Seconds,
    Strict,
    Window,
    encoder_config,
    heads_config,
)

_OUTPUTS = {"clip": CLIP_LOGITS, "frames": FRAME_LOGITS, "likeness": SIMILARITY, "embedding": EMBEDDING}
_TENSORS = {
    "joint.": "projection.",
    "clip.": f"heads.{CLIP_LOGITS}.",
    "frames.": f"heads.{FRAME_LOGITS}.",
    "likeness.": f"heads.{SIMILARITY}.",
}
_SHORTEST = 2.0  # seconds to which shorter recordings were padded with silence
_MIN_FRAMES = 32


class _Calibration(Strict):
    clip: LogitCalibration
    frame: LogitCalibration
    text: CosineCalibration


class _Threshold(Strict):
    clip: tuple[Probability, ...]
    frame: tuple[Probability, ...]
    text: Probability


class _Tagger(Strict):
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
    """Converted and trained encoders; the fields are arguments of config.encoder_config."""

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


def upgrade_config(text: bytes) -> ModelConfig:
    """Convert JSON of format 1 to a ModelConfig. Raises pydantic's ValidationError where it is not valid format 1."""
    if json.loads(text).get("kind") == "published":
        fields = _Published.model_validate_json(text).model_dump(exclude={"format", "kind"})
        return encoder_config(**fields).with_names(LegacyNames(graph="model.onnx", outputs=_OUTPUTS))
    return _read_tagger(_Tagger.model_validate_json(text))


def _read_tagger(old: _Tagger) -> ModelConfig:
    hop = old.window - 2 * old.context
    config = heads_config(
        name=old.name,
        frontend=old.frontend,
        encoder={"family": "convolutional", "frontend": old.frontend, **old.encoder},
        labels=old.labels,
        dim=old.dim,
        rate=old.frame_rate,
        window=Window(seconds=old.window, hop=hop, pad="zero", shortest=_SHORTEST, min_frames=_MIN_FRAMES),
        silence_dbfs=old.silence_dbfs,
    )
    calibrations = {CLIP_LOGITS: old.calibration.clip, FRAME_LOGITS: old.calibration.frame}
    thresholds = {CLIP_LOGITS: old.threshold.clip, FRAME_LOGITS: old.threshold.frame}
    config = config.with_calibrations(calibrations, thresholds, old.calibration.text)
    text = None if config.text is None else config.text.model_copy(update={"threshold": old.threshold.text})
    names = LegacyNames(graph="model.onnx", outputs=_OUTPUTS, tensors=_TENSORS)
    return config.model_copy(update={"text": text}).with_names(names)


def downgrade_decisions(text: str, config: ModelConfig) -> str:
    """JSON of format 1 of a tagger with the calibrations and thresholds of a config."""
    fields = json.loads(text)
    assert config.text is not None and config.text.calibration is not None
    fields["calibration"]["text"], fields["threshold"]["text"] = config.text.calibration.model_dump(mode="json"), config.text.threshold
    for old, name in (("clip", CLIP_LOGITS), ("frame", FRAME_LOGITS)):
        output = config.outputs[name].model_dump(mode="json")
        fields["calibration"][old], fields["threshold"][old] = output["calibration"], output["thresholds"]
    return json.dumps(fields, ensure_ascii=False, indent=1) + "\n"
