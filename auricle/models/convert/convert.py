"""Convert a published checkpoint to a model folder: detect its format, rename tensors, load them strictly, check the model, save it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from pydantic import ValidationError
from torch import Tensor

from auricle.core import hub
from auricle.core.config import ModelConfig, encoder_config
from auricle.core.errors import ModelError
from auricle.models.convert import checkpoint_file, health
from auricle.models.convert.checkpoint_file import Checkpoint
from auricle.models.convert.format import BANK, WINDOW, Format
from auricle.models.convert.formats import formats
from auricle.models.convert.rules import translate
from auricle.models.convert.wrappers import unwrap
from auricle.models.folder import save, skip_init
from auricle.models.model import Model
from auricle.signal.banks import closest_preset

_LISTED = 20  # names of tensors in one message
_FRONTEND = (BANK, WINDOW)
_BANK_TOLERANCE = 1e-5  # rounding differences between two implementations of one filterbank


@dataclasses.dataclass(frozen=True)
class Report:
    """Report of a conversion, with every tensor of the checkpoint.

    format, source: detected format, and the repository whose code writes it. parameters: of the module. loaded: number of loaded tensors;
    ignored: name -> reason; missing, unexpected: allowed ones, by name. bank: description of the checkpoint's mel filterbank, None without
    one. faults: errors of the health check. notes: its warnings, removed prefixes, and the choice between several sets of weights.
    """

    format: str
    source: str
    parameters: int
    loaded: int
    ignored: dict[str, str]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    bank: str | None
    faults: tuple[str, ...]
    notes: tuple[str, ...]


def recognise(checkpoint: Checkpoint) -> Format:
    """Detect the format of a checkpoint. ModelError, which lists the formats, when it has none of them."""
    for candidate in formats():
        if candidate.recognise(checkpoint):
            return candidate
    some = ", ".join(list(checkpoint.tensors)[:3])
    known = ", ".join(sorted(one.name for one in formats()))
    raise ModelError(f"{checkpoint.path}: not a supported format (first tensors: {some}); wanted one of {known}")


def load_checkpoint(checkpoint: Checkpoint, *, name: str, allow: Sequence[str] = ()) -> tuple[Model, dict[str, Tensor], Report]:
    """Build the module of a checkpoint and load its weights. Returns the module, the front-end's tensors and the report.

    allow: patterns of tensor names that may be missing (our names) or unexpected (published names). ModelError for any others.
    """
    checkpoint = unwrap(checkpoint, lambda below: any(candidate.recognise(below) for candidate in formats()))
    fmt = recognise(checkpoint)
    config = model_config(checkpoint, fmt, name)
    translated = translate(checkpoint.tensors, fmt.rules(checkpoint))
    frontend = {key: translated.tensors.pop(key).float().contiguous() for key in _FRONTEND if key in translated.tensors}
    with skip_init():
        model = Model(config)
    wanted = model.state_dict()
    tensors = {key: value.to(wanted[key].dtype) if key in wanted else value for key, value in translated.tensors.items()}
    misshapen = [key for key, value in tensors.items() if key in wanted and value.shape != wanted[key].shape]
    if misshapen:
        key = misshapen[0]
        raise ModelError(
            f"{checkpoint.path}: {len(misshapen)} tensors have another shape than this architecture's, such as {key}: "
            f"{tuple(tensors[key].shape)} for {tuple(wanted[key].shape)}; it is a variant that {fmt.name} does not cover"
        )
    # Batch norms use their counters in training only, and older checkpoints lack them.
    missing = [key for key in wanted if key not in tensors and not key.endswith("num_batches_tracked")]
    unexpected = [*translated.unexpected, *(key for key in tensors if key not in wanted)]
    _check_allowed(checkpoint.path, fmt, "missing", missing, allow)
    _check_allowed(checkpoint.path, fmt, "unexpected", unexpected, allow)
    if missing:  # initialised randomly with a fixed seed
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = Model(config)
    model.load_state_dict({key: value.contiguous() for key, value in tensors.items() if key in wanted}, strict=False, assign=True)
    model.eval().requires_grad_(False)
    state = health.check_model(model, frontend)
    model.config = model_config(checkpoint, fmt, name, label_rate=state.label_rate)
    notes = [*checkpoint.notes, *state.notes]
    if config.labels and "activation" not in fmt.settings(checkpoint):
        notes.append(
            f"the checkpoint does not state whether its {len(config.labels)} labels are exclusive; they are taken as independent. "
            'If they are exclusive, set "activation": "softmax" in the outputs of config.json'
        )
    report = Report(
        format=fmt.name,
        source=fmt.source,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        loaded=len(tensors) + len(frontend),
        ignored={**checkpoint.ignored, **translated.ignored},
        missing=tuple(missing),
        unexpected=tuple(unexpected),
        bank=_describe_filterbank(frontend, config),
        faults=state.faults,
        notes=tuple(notes),
    )
    return model, frontend, report


def convert(
    source: Path, into: Path, *, name: str | None = None, allow: Sequence[str] = (), tokenizer: Path | None = None
) -> tuple[Report, Model]:
    """Convert a checkpoint to the model folder `into`: config.json, model.safetensors, card.json and, for a text tower, tokenizer.json.

    tokenizer: tokenizer.json of the text tower, if it is not next to the checkpoint. The folder is written atomically. Returns the report
    and the module, in evaluation mode. ModelError where the checkpoint cannot be converted.
    """
    if into.exists() and any(into.iterdir()):
        raise ModelError(f"{into} exists and is not empty; wanted a new folder")
    checkpoint = checkpoint_file.read(source)
    model, frontend, report = load_checkpoint(checkpoint, name=name or source.stem, allow=allow)
    if report.faults:
        raise ModelError(f"{source}: {'; '.join(report.faults)}; the weights cannot be used")
    fmt = next(one for one in formats() if one.name == report.format)
    tokenizer_file = _find_tokenizer(source, tokenizer, fmt) if model.text is not None else None
    save(into, model, frontend, card=model_card(report, model.config), tokenizer=tokenizer_file)
    return report, model


def model_card(report: Report, config: ModelConfig) -> dict[str, object]:
    """Content of card.json of a converted folder: its source and the report. The licence is that of the publisher."""
    return {
        "summary": f"{config.name}, converted from published weights ({report.format}; code: {report.source})",
        "licence": "that of the published weights; see where they came from",
        "source": config.source,
        "format": report.format,
        "parameters": report.parameters,
        "mel matrix": report.bank or "the preset's",
        "ignored": report.ignored,
        "allowed": {"missing": list(report.missing), "unexpected": list(report.unexpected)},
        "notes": list(report.notes),
    }


def model_config(checkpoint: Checkpoint, fmt: Format, name: str, *, label_rate: float | None = None) -> ModelConfig:
    """Config of a checkpoint. label_rate: frame rate of its frame logits, if it has them. ModelError where its sizes cannot be read."""
    try:
        rate = {} if label_rate is None else {"label_rate": label_rate}
        return encoder_config(name=name, source=checkpoint.path.name, **{**fmt.settings(checkpoint), **rate})
    except (LookupError, ValueError, TypeError, ArithmeticError, AttributeError) as error:  # a foreign config.json may contain anything
        what = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise ModelError(f"{checkpoint.path}: looks like {fmt.name}, but its sizes cannot be read ({what})") from error


def _check_allowed(path: Path, fmt: Format, what: str, names: Sequence[str], allow: Sequence[str]) -> None:
    refused = [name for name in names if not any(re.fullmatch(pattern, name) for pattern in allow)]
    if refused:
        more = f" and {len(refused) - _LISTED} more" if len(refused) > _LISTED else ""
        raise ModelError(
            f"{path}: {len(refused)} tensors of {fmt.name} are {what}: {', '.join(refused[:_LISTED])}{more}; "
            "nothing was loaded. To convert without them, allow them by name (--allow)"
        )


def _describe_filterbank(frontend: dict[str, Tensor], config: ModelConfig) -> str | None:
    if BANK not in frontend:
        return None
    match = closest_preset(np.asarray(frontend[BANK].numpy()))
    if match.name is None:
        return f"its own, of a shape {tuple(frontend[BANK].shape)} that no preset has; config.json has {config.frontend}"
    relation = "the same as" if match.difference < _BANK_TOLERANCE else f"{match.difference:.2g} of the largest weight away from"
    return f"its own, {relation} that of preset {match.name}; config.json has {config.frontend}"


def _find_tokenizer(source: Path, tokenizer: Path | None, fmt: Format) -> Path:
    path = tokenizer or (source if source.is_dir() else source.parent) / "tokenizer.json"
    if path.is_file():
        return path
    if tokenizer is None and fmt.tokenizer is not None:
        try:
            return hub.find(f"{fmt.tokenizer}/tokenizer.json")
        except ModelError as error:
            raise ModelError(
                f"{source}: the text tower needs the tokenizer.json of {fmt.tokenizer} ({error}); put it next to the weights, or name it"
            ) from error
    raise ModelError(f"{path} is missing; the text tower needs the tokenizer.json of its authors: put it next to the weights, or name it")
