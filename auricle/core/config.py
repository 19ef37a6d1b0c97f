"""Strict configs: JSON in, frozen objects out; an unknown key, a missing key or a wrong type is an error that names it."""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from auricle.core.errors import ModelError

#: Version of the model folder that this release reads.
FORMAT = 1
#: Parts of a model folder that decide its answers; the card is not among them, since it quotes the figures.
MODEL_PARTS = ("config.json", "model.onnx", "model.safetensors", "tokenizer.json")
#: Report of the graphs that were exported of converted weights; it says of which.
EXPORT = "export.json"

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Activation: TypeAlias = Literal["sigmoid", "softmax"]


class Strict(BaseModel):
    """No coercion, no unknown keys, no change after construction."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Line(Strict):
    """Calibration of one head, a line per label: score = sigmoid(scale * logit + bias). Both have K numbers."""

    scale: tuple[Finite, ...]
    bias: tuple[Finite, ...]


class TextLine(Strict):
    """Calibration of words against sound: score = sigmoid(scale * cosine + bias)."""

    scale: Finite
    bias: Finite


class Calibration(Strict):
    """From what the heads say to probabilities."""

    clip: Line
    frame: Line
    text: TextLine


class Uncalibrated(Strict):
    """What published heads say, taken as it is. Of cosines nothing is known."""

    clip: Line
    frame: Line
    text: None = None


class Threshold(Strict):
    """Scores from which a label counts as present: K per head, one for any words."""

    clip: tuple[Probability, ...]
    frame: tuple[Probability, ...]
    text: Probability


class ModelConfig(Strict):
    """config.json of a model folder.

    frontend: preset of signal.frontend. frame_rate: output frames a second. dim: D of the joint space.
    window, context: seconds a window lasts and seconds trimmed from each inner edge. labels: the vocabulary, K words.
    encoder: the torch side's own settings, opaque here. silence_dbfs: a 100 ms block below this RMS is silence.
    """

    format: int
    name: str
    frontend: str
    frame_rate: Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
    dim: Annotated[int, Field(gt=0)]
    window: Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
    context: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
    labels: Annotated[tuple[str, ...], Field(min_length=1)]
    calibration: Calibration
    threshold: Threshold
    encoder: dict[str, Any]
    silence_dbfs: Finite = -70.0

    @property
    def activation(self) -> Activation:
        """The labels of a listening model are independent of each other."""
        return "sigmoid"

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.format != FORMAT:
            raise ValueError(f"format is {self.format}; this release reads {FORMAT}")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels repeat")
        clip, frame = self.calibration.clip, self.calibration.frame
        for values in (clip.scale, clip.bias, frame.scale, frame.bias, self.threshold.clip, self.threshold.frame):
            if len(values) != len(self.labels):
                raise ValueError(f"{len(values)} calibration or threshold numbers for {len(self.labels)} labels")
        step = (self.window - 2 * self.context) * self.frame_rate
        if step < 1 or not math.isclose(step, round(step), abs_tol=1e-6):
            raise ValueError(f"window - 2 * context is {step:g} frames; wanted a whole number, so that windows line up")
        return self

    @property
    def step(self) -> float:
        """Seconds from the start of one window to the start of the next."""
        return self.window - 2 * self.context


class PublishedConfig(Strict):
    """config.json of a model folder that was converted from published weights; read as ModelConfig is.

    source: where the weights came from. frontend: preset of signal.frontend. window: seconds that the model takes at once.
    policy: how a shorter window is filled up to it ('any' leaves it as it is). labels: words of the checkpoint's own head, if it has one.
    dim: width of the space that sounds and words share, or of the encoder. projection, text: see models.published; None where absent.
    prompt: the sentence that its authors put a label into. logit_scale: what cosines are multiplied by before a softmax.
    label_rate: times a second that the head scores its labels; None where it scores whole windows only.
    activation: what makes probabilities of the head's logits; with "softmax" its labels exclude each other, and the best one is present.
    """

    format: int
    kind: Literal["published"]
    name: str
    source: str
    frontend: str
    window: Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
    policy: Literal["any", "zero", "tile", "repeatpad"]
    encoder: dict[str, Any]
    dim: Annotated[int, Field(gt=0)]
    projection: Literal["relu", "residual", "linear"] | None = None
    text: dict[str, Any] | None = None
    labels: tuple[str, ...] = ()
    prompt: Annotated[str, Field(pattern=r"\{label\}")] = "{label}"
    logit_scale: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] | None = None
    label_rate: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] | None = None
    activation: Activation = "sigmoid"
    silence_dbfs: Finite = -70.0

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.format != FORMAT:
            raise ValueError(f"format is {self.format}; this release reads {FORMAT}")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels repeat")
        return self

    @property
    def frame_rate(self) -> float:
        """Frames a second of the scores in time; where there are none, what the shortest sound is measured by."""
        return self.label_rate or 50.0

    @property
    def step(self) -> float:
        """Seconds from the start of one window to the start of the next: windows overlap by a tenth, and no last one is a sliver."""
        return max(1.0, math.floor(0.9 * self.window * self.frame_rate)) / self.frame_rate

    @property
    def context(self) -> float:
        """Seconds trimmed from each inner edge of a window."""
        return (self.window - self.step) / 2

    @functools.cached_property
    def calibration(self) -> Uncalibrated:
        """Lines that change nothing."""
        same = Line(scale=(1.0,) * len(self.labels), bias=(0.0,) * len(self.labels))
        return Uncalibrated(clip=same, frame=same)

    @functools.cached_property
    def threshold(self) -> Threshold:
        """One half, everywhere: published heads come without thresholds."""
        half = (0.5,) * len(self.labels)
        return Threshold(clip=half, frame=half, text=0.5)


#: Either kind of config.json.
Config: TypeAlias = ModelConfig | PublishedConfig


def read_config(path: Path) -> Config:
    """The config.json at that path; ModelError with one line where it cannot be used."""
    try:
        text = path.read_bytes()
        published = isinstance(found := json.loads(text), dict) and found.get("kind") == "published"
        return PublishedConfig.model_validate_json(text) if published else ModelConfig.model_validate_json(text)
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}; wanted the config.json of a model folder") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "config"
        raise ModelError(f"{path}: {where}: {first['msg']} ({error.error_count()} problem(s)); wanted format {FORMAT}") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not JSON ({error}); wanted format {FORMAT}") from error


def fingerprint(folder: str | Path) -> str | None:
    """SHA-256 over the parts of a model folder that decide its answers; None where there is no such folder.

    Graphs are the same model as the weights that they were exported of, within rounding: they have the fingerprint of these.
    """
    return _origin(Path(folder) / EXPORT) or digest_of(Path(folder), MODEL_PARTS)


def digest_of(folder: Path, parts: Sequence[str]) -> str | None:
    """SHA-256 over some files of a folder, as far as they are there; None where none is."""
    paths = [folder / part for part in parts]
    if not any(path.is_file() for path in paths):
        return None
    digest = hashlib.sha256()
    for path in paths:
        if path.is_file():
            digest.update(f"{path.name}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _origin(path: Path) -> str | None:
    """Fingerprint of the weights that an export was made of."""
    try:
        told = json.loads(path.read_bytes())["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return told if isinstance(told, str) else None
