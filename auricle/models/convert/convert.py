"""A published checkpoint in, a model folder out: recognised, translated key by key, loaded strictly, tried once, written whole."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import Tensor
from torch.overrides import TorchFunctionMode

from auricle.core import hub
from auricle.core.config import FORMAT, PublishedConfig
from auricle.core.errors import ModelError
from auricle.models.convert import checkpoint, health
from auricle.models.convert.checkpoint import Checkpoint
from auricle.models.convert.format import BANK, WINDOW, Format
from auricle.models.convert.formats import formats
from auricle.models.convert.rules import translate
from auricle.models.convert.wrappers import unwrap
from auricle.models.published import PublishedModel
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


def assemble(found: Checkpoint, *, name: str, allow: Sequence[str] = ()) -> tuple[PublishedModel, dict[str, Tensor], Report]:
    """A checkpoint as our module with its weights, the front-end's own tensors, and the report.

    allow: patterns of names (ours where missing, published where unexpected) that may be missing or left over; anything else is refused.
    """
    found = unwrap(found, lambda below: any(candidate.recognise(below) for candidate in formats()))
    kind = recognise(found)
    config = settled(found, kind, name)
    translated = translate(found.tensors, kind.rules(found))
    frontend = {key: translated.tensors.pop(key).float().contiguous() for key in _FRONTEND if key in translated.tensors}
    model = PublishedModel(config)
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
    model.load_state_dict({key: value for key, value in tensors.items() if key in wanted}, strict=False)
    model.eval().requires_grad_(False)
    state = health.check(model, frontend)
    model.config = model.config.model_copy(update={"label_rate": state.label_rate})
    notes = [*found.notes, *state.notes]
    if config.labels and "activation" not in config.model_fields_set:
        notes.append(
            f"the checkpoint does not tell whether its {len(config.labels)} labels exclude each other; they are taken as independent. "
            'If they do, add "activation": "softmax" to config.json'
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


def convert(source: Path, into: Path, *, name: str | None = None, allow: Sequence[str] = (), tokenizer: Path | None = None) -> Report:
    """Write the model folder `into` of a checkpoint: config.json, model.safetensors, card.json and, for words, tokenizer.json.

    tokenizer: tokenizer.json of the text tower, where it does not lie beside the checkpoint. The folder appears whole or not at all.
    """
    if into.exists() and any(into.iterdir()):
        raise ModelError(f"{into} is there already and not empty; wanted a new folder")
    found = checkpoint.read(source)
    model, frontend, report = assemble(found, name=name or source.stem, allow=allow)
    if report.faults:
        raise ModelError(f"{source}: {'; '.join(report.faults)}; the weights cannot be used")
    kind = next(one for one in formats() if one.name == report.format)
    words = _tokenizer(source, tokenizer, kind) if model.text is not None else None
    write(into, model, frontend, card=card(report, model.config), tokenizer=words)
    return report


def write(
    into: Path,
    model: PublishedModel,
    frontend: Mapping[str, Tensor],
    *,
    card: Mapping[str, object] | None = None,
    tokenizer: Path | None = None,
) -> None:
    """Write a model folder, whole or not at all. frontend: the tensors BANK and WINDOW where there are any."""
    into.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{into.name}-", dir=into.parent))
    try:
        state = {key: value.contiguous() for key, value in model.state_dict().items() if not key.endswith("num_batches_tracked")}
        save_file(_unshared({**state, **frontend}), partial / "model.safetensors")
        (partial / "config.json").write_text(json.dumps(_written(model.config), indent=1, ensure_ascii=False) + "\n")
        (partial / "card.json").write_text(json.dumps(card or {"summary": model.config.name}, indent=1, ensure_ascii=False) + "\n")
        if tokenizer is not None:
            shutil.copyfile(tokenizer, partial / "tokenizer.json")
        for file in partial.iterdir():
            file.chmod(0o644)  # safetensors writes for its owner alone
        partial.chmod(0o755)
        if into.exists():
            into.rmdir()
        partial.rename(into)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _written(config: PublishedConfig) -> dict[str, Any]:
    """What config.json holds. activation is left out where it is the default: folders from before it was there keep their fingerprint."""
    return config.model_dump(mode="json", exclude={"activation"} if config.activation == "sigmoid" else None)


def card(report: Report, config: PublishedConfig) -> dict[str, object]:
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


def settled(found: Checkpoint, kind: Format, name: str) -> PublishedConfig:
    """The config that a checkpoint of a format decides. ModelError where its sizes cannot be read."""
    try:
        decided = {"format": FORMAT, "kind": "published", "name": name, "source": found.path.name, **kind.settings(found)}
        return PublishedConfig.model_validate_json(json.dumps(decided))
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


def _bank(frontend: dict[str, Tensor], config: PublishedConfig) -> str | None:
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


def _unshared(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors that share memory (tied weights) as copies, which safetensors asks for."""
    seen: set[int] = set()
    told = {}
    for key, value in tensors.items():
        pointer = value.untyped_storage().data_ptr()
        told[key] = value.clone() if pointer in seen else value
        seen.add(pointer)
    return told


@torch.no_grad()
def load(folder: Path, config: PublishedConfig) -> PublishedModel:
    """The module of a converted folder, in evaluation mode. ModelError where its tensors are not what config.json says."""
    path = folder / "model.safetensors"
    with _Undrawn():
        model = PublishedModel(config)
    tensors = {key: value for key, value in checkpoint.read(path).tensors.items() if key not in _FRONTEND}
    try:
        found = model.load_state_dict(tensors, strict=False, assign=True)
    except RuntimeError as error:
        raise ModelError(f"{path}: {str(error).splitlines()[-1].strip()}; convert the checkpoint again") from error
    missing = [key for key in found.missing_keys if not key.endswith("num_batches_tracked")]
    if missing or found.unexpected_keys:
        raise ModelError(f"{path}: missing {missing[:3]}, unexpected {list(found.unexpected_keys)[:3]}; convert the checkpoint again")
    return model.eval().requires_grad_(False)


class _Undrawn(TorchFunctionMode):
    """While it is on, in this thread, weights are not drawn: a tower of 100 million numbers is built in no time, to be filled at once."""

    def __torch_function__(self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        if func in (Tensor.uniform_, Tensor.normal_, Tensor.erfinv_):
            return args[0]
        return func(*args, **(kwargs or {}))
