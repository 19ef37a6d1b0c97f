"""Configs of models to merge: checked for differences, and joined to the config of one model that has the labels of all.

Encoder, front-end and text tower must be the same. Outputs of scores that several models have, by name, are joined to one with the union
of their labels; the rows of their layers belong to labels, so a row is merged from the models that have the label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from auricle.core.config import CLIP_LOGITS, SIMILARITY, LogitCalibration, ModelConfig, Output
from auricle.core.errors import InputError
from auricle.models.encoders.factory import open_encoder
from auricle.models.merge.layout import Layout
from auricle.models.model import Model

#: Settings of an encoder that may differ: K of its own head, which is joined, and what only training uses.
_FREE = ("labels", "dropout")
#: Settings of an output that are joined; all others must be the same.
_JOINED = ("labels", "calibration", "thresholds", "dim", "implies")


def join(configs: Sequence[ModelConfig], *, name: str, base: ModelConfig | None = None) -> Layout:
    """The layout of a merged model of this name. base: of the model that all started from, whose labels are not added.

    InputError names the setting in which two models differ.
    """
    all_configs = [*configs, *([] if base is None else [base])]
    for other in all_configs[1:]:
        _check_same(all_configs[0], other)
    main = next((config for config in configs if config.text is not None), configs[0])
    notes = _notes(configs, main)
    outputs = {key: output for key, output in main.outputs.items() if output.kind == "vectors"}
    labels: dict[str, tuple[str, ...]] = {}
    for config in configs:
        for key, output in config.outputs.items():
            if output.kind != "vectors" and key not in labels:
                outputs[key], more = _join_output(key, [each for each in configs if key in each.outputs])
                labels[key], notes = outputs[key].labels, [*notes, *more]
    outputs[SIMILARITY] = _resize_components(main, outputs)
    encoder = dict(main.encoder)
    own = next((key for key, output in outputs.items() if output.head == "encoder" and output.labels), None)
    if own is not None:
        encoder["labels"] = len(labels[own])
    order = dict.fromkeys([*main.outputs, *labels])  # the order of the main model's outputs, then the others
    fields = dict(main) | {"name": name, "encoder": encoder, "outputs": {key: outputs[key] for key in order}, "licence": _licence(configs)}
    try:
        config = ModelConfig(**fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise InputError(
            f"outputs of the models do not fit together: {first['msg']}; wanted models with the same kinds of outputs"
        ) from error
    with torch.device("meta"):
        names = tuple(key for key in Model(config).state_dict() if not key.endswith("num_batches_tracked"))
    return Layout(config, names, _label_rows(config, all_configs, own, names), tuple(notes))


def _check_same(first: ModelConfig, other: ModelConfig) -> None:
    """InputError for settings of the encoder, the front-end or the text tower that differ."""
    pairs: dict[str, tuple[Any, Any]] = {
        key: (getattr(first, key), getattr(other, key)) for key in ("frontend", "channels") if getattr(first, key) != getattr(other, key)
    }
    one, two = _encoder_settings(first), _encoder_settings(other)
    if one["family"] != two["family"]:
        two = {"family": two["family"]}
    pairs |= {f"encoder.{key}": (one[key], two[key]) for key in two if key not in _FREE}
    if first.projection and other.projection and first.projection != other.projection:
        pairs["projection"] = (first.projection, other.projection)
    if first.text is not None and other.text is not None:
        for key in dict.fromkeys([*first.text.tower, *other.text.tower]):
            pairs |= {f"text.tower.{key}": (first.text.tower.get(key), other.text.tower.get(key))}
    for key, (left, right) in pairs.items():
        if left != right:
            raise InputError(
                f"{key} is {_short(left)} in {first.name} and {_short(right)} in {other.name}; wanted models of one architecture"
            )


def _encoder_settings(config: ModelConfig) -> dict[str, Any]:
    """All settings of an encoder, those that its config leaves to their defaults included."""
    with torch.device("meta"):
        encoder: Any = open_encoder(config.encoder)
    settings: dict[str, Any] = encoder.config.model_dump(mode="json")
    return settings


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _notes(configs: Sequence[ModelConfig], main: ModelConfig) -> list[str]:
    """Differences that do not prevent merging."""
    notes = []
    for config in configs:
        for key in ("window", "silence_dbfs", "projection"):
            if getattr(config, key) != getattr(main, key):
                notes.append(f"{key} differs: that of {main.name} is used, not that of {config.name}")
        if config.text is not None and main.text is not None and config.text != main.text:
            notes.append(f"settings of text (prompt, logit_scale, calibration) differ: those of {main.name} are used, not of {config.name}")
        differing = [key for key, output in config.outputs.items() if output.kind == "vectors" and main.outputs.get(key) != output]
        resized = _components(config) is not None and _components(config) == _components(main)  # it only has other labels
        if left := [key for key in differing if not (key == SIMILARITY and resized)]:
            notes.append(f"{', '.join(left)} of {config.name} differ: those of {main.name} are used")
    return notes


def _licence(configs: Sequence[ModelConfig]) -> str | None:
    """The licences of all models, joined by AND; None where one is unknown."""
    licences = sorted({config.licence or "" for config in configs})
    return None if "" in licences else " AND ".join(licences)


def _join_output(key: str, configs: Sequence[ModelConfig]) -> tuple[Output, list[str]]:
    """An output with the labels of all, and notes on its calibration. InputError where another field differs."""
    outputs = [config.outputs[key] for config in configs]
    for config, output in zip(configs, outputs, strict=True):
        for field in Output.model_fields.keys() - set(_JOINED):
            one, two = getattr(outputs[0], field), getattr(output, field)
            if one != two:
                raise InputError(
                    f"outputs.{key}.{field} is {_short(one)} in {configs[0].name} and {_short(two)} in {config.name}; "
                    "wanted the same, or outputs of different names"
                )
    labels = tuple(dict.fromkeys(label for output in outputs for label in output.labels))
    implies = {label: tuple(dict.fromkeys(name for output in outputs for name in output.implies.get(label, ()))) for label in labels}
    update: dict[str, Any] = {
        "labels": labels,
        "calibration": None,
        "thresholds": None,
        "implies": {label: names for label, names in implies.items() if names},
    }
    notes = []
    if len({output.labels for output in outputs}) > 1 and outputs[0].activation == "softmax":
        notes.append(f"{key}: labels of several models now exclude each other, though their logits were not trained together")
    calibrated = [output for output in outputs if output.calibration is not None]
    if calibrated and len(calibrated) == len(outputs):
        update |= _join_calibrations(outputs, labels)
        notes.append(f"{key}: calibration and thresholds are means of those of the parents; calibrate the merged model again")
    elif calibrated or any(output.thresholds for output in outputs):
        notes.append(f"{key}: calibration and thresholds are dropped, since not all parents have them; calibrate the merged model")
    return Output(**{**dict(outputs[0]), **update}), notes


def _join_calibrations(outputs: Sequence[Output], labels: Sequence[str]) -> dict[str, Any]:
    """Of each label the mean over the outputs that have it. Thresholds only where all outputs have them."""

    def mean(values: Sequence[Sequence[float]]) -> tuple[float, ...]:
        tables = [dict(zip(output.labels, own, strict=True)) for output, own in zip(outputs, values, strict=True)]
        given = [[table[label] for table in tables if label in table] for label in labels]
        return tuple(sum(own) / len(own) for own in given)

    calibrations = [output.calibration for output in outputs if output.calibration is not None]
    if outputs[0].activation == "softmax":  # one temperature for all labels
        scale = sum(each.scale[0] for each in calibrations) / len(calibrations)
        joined = LogitCalibration(scale=(scale,) * len(labels), bias=(0.0,) * len(labels))
    else:
        joined = LogitCalibration(scale=mean([each.scale for each in calibrations]), bias=mean([each.bias for each in calibrations]))
    thresholds = [output.thresholds for output in outputs if output.thresholds is not None]
    return {"calibration": joined, "thresholds": mean(thresholds) if len(thresholds) == len(outputs) else None}


def _components(config: ModelConfig) -> int | None:
    """Number of components in a similarity embedding of 'components and labels'; None for other kinds."""
    output = config.outputs[SIMILARITY]
    return None if output.head != "components and labels" or output.dim is None else output.dim - len(config.labels)


def _resize_components(main: ModelConfig, outputs: Mapping[str, Output]) -> Output:
    """The similarity output, whose width includes the labels where it is made of components and labels."""
    components, clip = _components(main), outputs.get(CLIP_LOGITS)
    if components is None or clip is None:
        return outputs[SIMILARITY]
    return Output(**{**dict(outputs[SIMILARITY]), "dim": components + len(clip.labels)})


def _label_rows(config: ModelConfig, models: Sequence[ModelConfig], own: str | None, names: Sequence[str]) -> dict[str, list[Tensor]]:
    """Layout.rows: of linear heads, and of the encoder's own head. own: an output of that head, None without one."""
    rows: dict[str, list[Tensor]] = {}
    for key, output in config.outputs.items():
        if output.head == "linear":
            for part in ("weight", "bias"):
                rows[f"heads.{key}.{part}"] = [_rows_of(output.labels, each.outputs.get(key)) for each in models]
    if own is not None and len({each.outputs[own].labels if own in each.outputs else () for each in models}) > 1:
        for name in _encoder_label_tensors(config.encoder):
            rows[f"encoder.{name}"] = [_rows_of(config.outputs[own].labels, each.outputs.get(own)) for each in models]
    return rows


def _rows_of(labels: Sequence[str], output: Output | None) -> Tensor:
    """Row of each label in an output of one model, -1 where it has none."""
    index = {} if output is None else {label: row for row, label in enumerate(output.labels)}
    return torch.tensor([index.get(label, -1) for label in labels], dtype=torch.int64)


def _encoder_label_tensors(encoder: Mapping[str, Any]) -> list[str]:
    """Tensors of an encoder with a row per label: those whose first dimension grows by one with one label more.

    InputError where the labels are in a tensor of another form, such as the multi-head attention of EfficientAT.
    """
    shapes = []
    for more in (0, 1):
        with torch.device("meta"):
            built = open_encoder({**encoder, "labels": int(encoder["labels"]) + more})
        shapes.append({name: tuple(tensor.shape) for name, tensor in built.state_dict().items()})
    found = [name for name, shape in shapes[0].items() if shapes[1][name] != shape]
    for name in found:
        if shapes[1][name] != (int(encoder["labels"]) + 1, *shapes[0][name][1:]):
            raise InputError(f"tensor encoder.{name} holds the labels in a form that cannot be joined; wanted models with equal labels")
    return found
