"""config.json of a model folder as frozen pydantic models. Unknown keys, missing keys and wrong types are errors that name the key."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

#: Version of the model folder that this release writes. It reads folders of format 1 too (core.format1).
FORMAT = 2
#: Files of a model folder that determine its outputs. The card is not one of them: it quotes measured results.
MODEL_PARTS = ("config.json", "model.onnx", "encode.onnx", "model.safetensors", "tokenizer.json")
#: Training clips of a model, their embeddings, the clips it was calibrated on, and the audio fingerprints of its training clips; they go
#: where the model goes (bench.lineage).
LINEAGE_FILES = ("heard.jsonl", "heard.npy", "calibrated.jsonl", "heard_fingerprints.npy")
#: Report on exported graphs, with the fingerprint of the weights that they come from.
EXPORT = "export.json"

#: Names of the outputs that auricle uses. A model has the ones that its config lists, and may have others.
EMBEDDING, SIMILARITY, CLIP_LOGITS, FRAME_LOGITS = "embedding", "similarity", "clip_logits", "frame_logits"

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Finite = Annotated[float, Field(ge=-1e9, le=1e9)]
Seconds = Annotated[float, Field(gt=0.0, le=3600.0)]
FrameRate = Annotated[float, Field(gt=0.0, le=48_000.0)]
Decibels = Annotated[float, Field(ge=-300.0, le=0.0)]
Activation: TypeAlias = Literal["sigmoid", "softmax"]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


class Strict(BaseModel):
    """Base model: no coercion, no unknown keys, immutable."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class LogitCalibration(Strict):
    """score = activation(scale * logit + bias), one scale and one bias per label (K numbers each).

    With sigmoid this is Platt scaling; with softmax it is temperature scaling: all scales are 1 / temperature and all biases 0.
    """

    scale: tuple[Finite, ...]
    bias: tuple[Finite, ...]

    @property
    def is_temperature(self) -> bool:
        """Whether it divides all logits by one temperature over 0."""
        return len(set(self.scale)) == 1 and self.scale[0] > 0 and not any(self.bias)


class CosineCalibration(Strict):
    """score = sigmoid(scale * cosine + bias) of a text embedding and an audio embedding."""

    scale: Finite
    bias: Finite


class Window(Strict):
    """How recordings are cut into windows for a model. Times in seconds.

    seconds: length of a window. hop: from the start of one window to the start of the next. pad: how a recording shorter than `shortest`
    is padded to it, see signal.crop.fit ('any' leaves it unchanged). min_frames: minimum number of feature frames of the encoder; where
    there are fewer, the last frame is repeated.
    """

    seconds: Seconds
    hop: Seconds
    pad: Literal["any", "zero", "tile", "repeatpad"]
    shortest: Seconds
    min_frames: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.hop > self.seconds:
            raise ValueError(f"hop is {self.hop:g} s and a window {self.seconds:g} s; wanted a hop of at most a window")
        return self

    @property
    def context(self) -> float:
        """Overlap trimmed from each inner edge of a window, seconds."""
        return (self.seconds - self.hop) / 2


#: Hidden states of the encoder, given on request: FRAMES (B, T, D), and LAYER + "0", LAYER + "1" ... (B, L, width), shallow to deep.
FRAMES, LAYER = "frames", "layer."


class Decoding(Strict):
    """How frame scores become events. Times in seconds.

    smooth: length of the median filter. hold: an event reaches the label's threshold, and lasts while the score stays over this fraction of
    it. pause: longest bridged pause. shortest: minimum length of an event.
    """

    smooth: Annotated[float, Field(ge=0.0, le=60.0)] = 0.25
    hold: Annotated[float, Field(gt=0.0, le=1.0)] = 0.3
    pause: Annotated[float, Field(ge=0.0, le=60.0)] = 0.5
    shortest: Annotated[float, Field(ge=0.0, le=60.0)] = 0.1


class Output(Strict):
    """One named output of a model.

    kind: its shape: clip_scores (B, K), frame_scores (B, T, K), clip_values (B, V), vectors (B, D). head: the module that computes it from
    the encoder's output: the 'encoder' itself, the 'projection', its 'pooled' vector, a 'linear' layer, or 'components and labels'
    (models.model). task: the task that it answers (auricle.tasks); None for the outputs that the Listener knows by name. labels: K label
    names, or the names of V values. unit: of values. rate: frames per second. dim: D. activation: maps logits to scores: 'sigmoid' for
    independent labels, 'softmax' for exclusive ones. calibration: of the logits; without one, they are used as they are. thresholds: scores
    from which a label is present; 0.5 where there are none. joined: name of the frame_scores that are combined with these clip_scores into
    one logit per label (tasks.tagging.combine_logits). implies: label -> labels that are true wherever it is, such as dog -> animal; their
    scores are never below its own. decoding: of frame_scores to events; None for tasks.detection.RULE.
    """

    kind: Literal["clip_scores", "frame_scores", "clip_values", "vectors"]
    head: Literal["encoder", "projection", "pooled", "linear", "components and labels"]
    task: str | None = None
    labels: tuple[str, ...] = ()
    unit: str | None = None
    rate: FrameRate | None = None
    dim: Annotated[int, Field(gt=0)] | None = None
    activation: Activation = "sigmoid"
    calibration: LogitCalibration | None = None
    thresholds: tuple[Probability, ...] | None = None
    joined: str | None = None
    implies: dict[str, tuple[str, ...]] = {}
    decoding: Decoding | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels have duplicates")
        if (self.kind == "frame_scores") != (self.rate is not None):
            raise ValueError("frame_scores need a rate; other kinds must have none")
        if self.decoding is not None and self.kind != "frame_scores":
            raise ValueError("only frame_scores have a decoding")
        if (self.kind == "vectors") == bool(self.labels):
            raise ValueError("scores and values need labels; vectors must have none")
        if self.joined is not None and self.kind != "clip_scores":
            raise ValueError("only clip_scores can be joined with frame_scores")
        numbers = () if self.calibration is None else (self.calibration.scale, self.calibration.bias)
        for values in (*numbers, *(() if self.thresholds is None else (self.thresholds,))):
            if len(values) != len(self.labels):
                raise ValueError(f"{len(values)} calibration or threshold numbers for {len(self.labels)} labels")
        if self.activation == "softmax" and self.calibration is not None and not self.calibration.is_temperature:
            raise ValueError("the calibration of a softmax needs one scale over 0 for all labels, and biases of 0")
        self._check_implies()
        return self

    def _check_implies(self) -> None:
        if self.implies and (self.activation == "softmax" or not self.kind.endswith("_scores")):
            raise ValueError("only scores of independent labels can imply each other; wanted no `implies` here")
        if unknown := {name for label, implied in self.implies.items() for name in (label, *implied)} - set(self.labels):
            raise ValueError(f"implies names {sorted(unknown)[0]!r}, which is no label of this output")

    def implied(self, label: str) -> frozenset[str]:
        """All labels that are true wherever this one is, over any number of steps, itself not among them."""
        found: set[str] = set()
        queue = list(self.implies.get(label, ()))
        while queue:
            if (name := queue.pop()) not in found and name != label:
                found.add(name)
                queue += self.implies.get(name, ())
        return frozenset(found)


class TextConfig(Strict):
    """The text side of a model.

    tower: config of the text encoder (models.text, or {"family": "static"}: runtime.tokens). prompt: template with {label}, or the name
    of a protocol (data.prompts). logit_scale: factor of cosines before a softmax. calibration, threshold: of the cosine of one text;
    without a calibration there is no score of a single text.
    """

    tower: dict[str, Any]
    prompt: Annotated[str, Field(min_length=1)] = "{label}"
    logit_scale: Positive | None = None
    calibration: CosineCalibration | None = None
    threshold: Probability = 0.5


class LegacyNames(Strict):
    """Other names in folders of format 1: the graph file, and, old to new, the outputs of the graph and prefixes of tensors."""

    graph: str = "encode.onnx"
    outputs: dict[str, str] = {}
    tensors: dict[str, str] = {}


class ModelConfig(Strict):
    """config.json of a model folder.

    source: where the weights come from. frontend: preset of signal.frontend. channels: how the channels of a recording are mixed.
    encoder: config of models.encoders, not checked here. projection: kind of the projection from the encoder's vector into the space
    that audio and text share; None where there is none. outputs: by name. silence_dbfs: a 100 ms block below this RMS is silence.
    """

    format: int
    name: str
    source: str = ""
    licence: str | None = None
    frontend: str
    channels: Literal["mono"] = "mono"
    window: Window
    encoder: dict[str, Any]
    projection: Literal["relu", "residual", "linear"] | None = None
    text: TextConfig | None = None
    outputs: dict[str, Output]
    silence_dbfs: Decibels = -70.0
    _names: LegacyNames = PrivateAttr(default=LegacyNames())

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.format != FORMAT:
            raise ValueError(f"format is {self.format}; this release reads {FORMAT} and 1")
        missing = [name for name in (EMBEDDING, SIMILARITY) if name not in self.outputs]
        if missing:
            raise ValueError(f"outputs lack {', '.join(missing)}")
        clip, frame = self.outputs.get(CLIP_LOGITS), self.outputs.get(FRAME_LOGITS)
        if frame is not None and (clip is None or clip.labels != frame.labels):
            raise ValueError(f"{FRAME_LOGITS} and {CLIP_LOGITS} have different labels")
        if clip is not None and clip.joined is not None and clip.joined not in self.outputs:
            raise ValueError(f"{CLIP_LOGITS} are joined with {clip.joined!r}, which is no output")
        step = self.window.hop * self.frame_rate
        if step < 1 or not math.isclose(step, round(step), abs_tol=1e-6):
            raise ValueError(f"a hop of {self.window.hop:g} s is {step:g} frames; wanted a whole number, so that windows line up")
        return self

    @property
    def names(self) -> LegacyNames:
        """Names in the files of the folder; they differ only in format 1. Not part of config.json."""
        return self._names

    def with_names(self, names: LegacyNames) -> ModelConfig:
        """Copy with the names of an older folder."""
        copied = self.model_copy()
        copied._names = names
        return copied

    @property
    def clip(self) -> Output | None:
        """The recording-level scores, None for a model without labels of its own."""
        return self.outputs.get(CLIP_LOGITS)

    @property
    def frame(self) -> Output | None:
        """The frame-level scores, None for a model that scores whole windows only."""
        return self.outputs.get(FRAME_LOGITS)

    @property
    def labels(self) -> tuple[str, ...]:
        """The vocabulary: K labels, none for a model without labels of its own."""
        return () if self.clip is None else self.clip.labels

    @property
    def activation(self) -> Activation:
        """Activation of the recording-level logits; with "softmax" the labels exclude each other."""
        return "sigmoid" if self.clip is None else self.clip.activation

    @property
    def dim(self) -> int:
        """D of the embedding."""
        return self.outputs[EMBEDDING].dim or 0

    @property
    def frame_rate(self) -> float:
        """Frames per second of the frame-level scores; 50 where there are none."""
        return _FRAME_RATE if self.frame is None or self.frame.rate is None else self.frame.rate

    def with_calibrations(
        self,
        calibrations: Mapping[str, LogitCalibration],
        thresholds: Mapping[str, Sequence[float]],
        text: CosineCalibration,
    ) -> ModelConfig:
        """Copy with calibrations and thresholds of some outputs, by name, and a calibration of texts."""
        update = {name: {"calibration": calibrations[name], "thresholds": tuple(thresholds[name])} for name in calibrations}
        table = {name: Output(**{**_fields(output), **update.get(name, {})}) for name, output in self.outputs.items()}
        text_config = None if self.text is None else TextConfig(**{**_fields(self.text), "calibration": text})
        return ModelConfig(**{**_fields(self), "outputs": table, "text": text_config})


def _fields(config: Strict) -> dict[str, Any]:
    return {name: getattr(config, name) for name in type(config).model_fields}


#: Nominal frame rate (Hz) of models without frame-level scores; a recording shorter than one frame is not scored.
_FRAME_RATE = 50.0


def encoder_config(  # noqa: PLR0913  the fields of a config are its arguments
    *,
    name: str,
    source: str,
    frontend: str,
    window: float,
    encoder: Mapping[str, Any],
    dim: int,
    policy: str = "any",
    projection: str | None = None,
    text: Mapping[str, Any] | None = None,
    labels: Sequence[str] = (),
    prompt: str = "{label}",
    logit_scale: float | None = None,
    label_rate: float | None = None,
    activation: str = "sigmoid",
    silence_dbfs: float = -70.0,
) -> ModelConfig:
    """Build the config of an encoder, with the labels of its own head, a projection and a text tower where it has them.

    window: seconds; windows overlap by a tenth, so that the last one is never very short. policy: how a shorter recording is padded.
    label_rate: frames per second of the encoder's label scores; None where it scores whole windows only.
    """
    rate = label_rate or _FRAME_RATE
    scores = {"head": "encoder", "labels": list(labels), "activation": activation}
    outputs: dict[str, Any] = {
        EMBEDDING: {"kind": "vectors", "head": "pooled" if projection is None else "projection", "dim": dim},
        SIMILARITY: {"kind": "vectors", "head": "pooled"},
    }
    if labels:
        outputs[CLIP_LOGITS] = {"kind": "clip_scores", **scores}
    if labels and label_rate:
        outputs[FRAME_LOGITS] = {"kind": "frame_scores", "rate": label_rate, **scores}
    text_config = None if text is None else {"tower": dict(text), "prompt": prompt, "logit_scale": logit_scale}
    hop = max(1.0, math.floor(0.9 * window * rate)) / rate
    fields = {
        "format": FORMAT,
        "name": name,
        "source": source,
        "frontend": frontend,
        "window": {"seconds": window, "hop": min(window, hop), "pad": policy, "shortest": window},
        "encoder": dict(encoder),
        "projection": projection,
        "text": text_config,
        "outputs": outputs,
        "silence_dbfs": silence_dbfs,
    }
    return ModelConfig.model_validate_json(json.dumps(fields))


def heads_config(
    *,
    name: str,
    frontend: str,
    encoder: Mapping[str, Any],
    labels: Sequence[str],
    dim: int,
    rate: float,
    window: Window,
    silence_dbfs: float = -70.0,
) -> ModelConfig:
    """Build the uncalibrated config of an encoder with joined linear heads over one vocabulary and a static text tower.

    rate: frames per second of the encoder. dim: D of the embedding and of the similarity embedding.
    """
    scores = {"head": "linear", "labels": tuple(labels)}
    outputs = {
        EMBEDDING: Output(kind="vectors", head="projection", dim=dim),
        CLIP_LOGITS: Output(kind="clip_scores", joined=FRAME_LOGITS, **scores),  # type: ignore[arg-type]
        FRAME_LOGITS: Output(kind="frame_scores", rate=rate, **scores),  # type: ignore[arg-type]
        SIMILARITY: Output(kind="vectors", head="components and labels", dim=dim),
    }
    return ModelConfig(
        format=FORMAT,
        name=name,
        frontend=frontend,
        window=window,
        encoder=dict(encoder),
        projection="linear",
        text=TextConfig(tower={"family": "static"}, prompt="bare"),
        outputs=outputs,
        silence_dbfs=silence_dbfs,
    )
