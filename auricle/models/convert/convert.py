"""A published checkpoint in, a model folder out: recognised, translated key by key, loaded strictly, tried once, written whole."""

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
from auricle.models.folder import not_initialised, save
from auricle.models.model import Model
from auricle.signal.banks import closest_preset

_LISTED = 20  # names of tensors in one message
_FRONTEND = (BANK, WINDOW)
_SAME_BANK = 1e-5  # what rounding leaves between two ways to compute one bank


@dataclasses.dataclass(frozen=True)
class Report:
    """What became of every tensor of a checkpoint.

    format, source: what it was recognised as, and whose code writes it. parameters: numbers in our module.
    loaded: tensors taken; ignored: name -> reason; missing, unexpected: allowed ones, by name.
    bank: what the mel matrix that it carries is, None where it carries none. faults: what the health check found. notes: what it found
    besides, what was unwrapped, and which of several sets of weights was taken.
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


def recognise(found: Checkpoint) -> Format:
    """The format of a checkpoint; ModelError lists the formats when it is none of them."""
    for candidate in formats():
        if candidate.recognise(found):
            return candidate
    some = ", ".join(list(found.tensors)[:3])
    known = ", ".join(sorted(one.name for one in formats()))
    raise ModelError(f"{found.path}: not a format that auricle knows (its tensors begin {some}); it reads {known}")


def assemble(found: Checkpoint, *, name: str, allow: Sequence[str] = ()) -> tuple[Model, dict[str, Tensor], Report]:
    """A checkpoint as our module with its weights, the front-end's own tensors, and the report.

    allow: patterns of names (ours where missing, published where unexpected) that may be missing or left over; anything else is refused.
    """
    found = unwrap(found, lambda below: any(candidate.recognise(below) for candidate in formats()))
    kind = recognise(found)
    config = settled(found, kind, name)
    translated = translate(found.tensors, kind.rules(found))
    frontend = {key: translated.tensors.pop(key).float().contiguous() for key in _FRONTEND if key in translated.tensors}
    with not_initialised():
        model = Model(config)
    wanted = model.state_dict()
    tensors = {key: value.to(wanted[key].dtype) if key in wanted else value for key, value in translated.tensors.items()}
    misshapen = [key for key, value in tensors.items() if key in wanted and value.shape != wanted[key].shape]
    if misshapen:
        key = misshapen[0]
        raise ModelError(
            f"{found.path}: {len(misshapen)} tensors have another shape than this architecture's, such as {key}: "
            f"{tuple(tensors[key].shape)} for {tuple(wanted[key].shape)}; it is a variant that {kind.name} does not cover"
        )
    # What batch norms count while training plays no part afterwards; older checkpoints lack it.
    missing = [key for key in wanted if key not in tensors and not key.endswith("num_batches_tracked")]
    unexpected = [*translated.unexpected, *(key for key in tensors if key not in wanted)]
    _refuse(found.path, kind, "missing", missing, allow)
    _refuse(found.path, kind, "unexpected", unexpected, allow)
    if missing:  # allowed: these are drawn, the same ones each time
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = Model(config)
    model.load_state_dict({key: value.contiguous() for key, value in tensors.items() if key in wanted}, strict=False, assign=True)
    model.eval().requires_grad_(False)
    state = health.check(model, frontend)
    model.config = settled(found, kind, name, label_rate=state.label_rate)
    notes = [*found.notes, *state.notes]
    if config.labels and "activation" not in kind.settings(found):
        notes.append(
            f"the checkpoint does not tell whether its {len(config.labels)} labels exclude each other; they are taken as independent. "
            'If they do, set "activation": "softmax" in the outputs of config.json'
        )
    report = Report(
        format=kind.name,
        source=kind.source,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        loaded=len(tensors) + len(frontend),
        ignored={**found.ignored, **translated.ignored},
        missing=tuple(missing),
        unexpected=tuple(unexpected),
        bank=_bank(frontend, config),
        faults=state.faults,
        notes=tuple(notes),
    )
    return model, frontend, report


def convert(
    source: Path, into: Path, *, name: str | None = None, allow: Sequence[str] = (), tokenizer: Path | None = None
) -> tuple[Report, Model]:
    """Write the model folder `into` of a checkpoint: config.json, model.safetensors, card.json and, for words, tokenizer.json.

    tokenizer: tokenizer.json of the text tower, where it does not lie beside the checkpoint. The folder appears whole or not at all.
    Returns the report and the module, in evaluation mode.
    """
    if into.exists() and any(into.iterdir()):
        raise ModelError(f"{into} is there already and not empty; wanted a new folder")
    found = checkpoint_file.read(source)
    model, frontend, report = assemble(found, name=name or source.stem, allow=allow)
    if report.faults:
        raise ModelError(f"{source}: {'; '.join(report.faults)}; the weights cannot be used")
    kind = next(one for one in formats() if one.name == report.format)
    words = _tokenizer(source, tokenizer, kind) if model.text is not None else None
    save(into, model, frontend, card=card(report, model.config), tokenizer=words)
    return report, model


def card(report: Report, config: ModelConfig) -> dict[str, object]:
    """card.json of a converted folder: where it came from and what was left out. Its licence is its publisher's to state."""
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


def settled(found: Checkpoint, kind: Format, name: str, *, label_rate: float | None = None) -> ModelConfig:
    """The config that a checkpoint of a format decides; label_rate: times a second that its head scores its labels, if it does.

    ModelError where its sizes cannot be read.
    """
    try:
        measured = {} if label_rate is None else {"label_rate": label_rate}
        return encoder_config(name=name, source=found.path.name, **{**kind.settings(found), **measured})
    except (LookupError, ValueError, TypeError, ArithmeticError, AttributeError) as error:  # of whatever stands in a foreign config.json
        what = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise ModelError(f"{found.path}: looks like {kind.name}, but its sizes cannot be read ({what})") from error


def _refuse(path: Path, kind: Format, what: str, names: Sequence[str], allow: Sequence[str]) -> None:
    refused = [name for name in names if not any(re.fullmatch(pattern, name) for pattern in allow)]
    if refused:
        more = f" and {len(refused) - _LISTED} more" if len(refused) > _LISTED else ""
        raise ModelError(
            f"{path}: {len(refused)} tensors of {kind.name} are {what}: {', '.join(refused[:_LISTED])}{more}; "
            "nothing was loaded. To go on without them, allow them by name"
        )


def _bank(frontend: dict[str, Tensor], config: ModelConfig) -> str | None:
    if BANK not in frontend:
        return None
    match = closest_preset(np.asarray(frontend[BANK].numpy()))
    if match.name is None:
        return f"its own, of a shape {tuple(frontend[BANK].shape)} that no preset has; config.json says {config.frontend}"
    told = "the same as" if match.difference < _SAME_BANK else f"{match.difference:.2g} of the largest weight away from"
    return f"its own, {told} that of preset {match.name}; config.json says {config.frontend}"


def _tokenizer(source: Path, given: Path | None, kind: Format) -> Path:
    beside = given or (source if source.is_dir() else source.parent) / "tokenizer.json"
    if beside.is_file():
        return beside
    if given is None and kind.tokenizer is not None:
        try:
            return hub.find(f"{kind.tokenizer}/tokenizer.json")
        except ModelError as error:
            raise ModelError(
                f"{source}: its words need the tokenizer.json of {kind.tokenizer} ({error}); put that file beside the weights, or name it"
            ) from error
    raise ModelError(f"{beside} is missing; the text tower needs the tokenizer.json of its authors: put it beside the weights, or name it")
