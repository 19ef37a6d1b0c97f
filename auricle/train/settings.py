"""Settings of recipes: overridden by strings such as `train.steps=200`, and listed with their values and meanings.

Config.SIZES, where present, gives other defaults for each value of the field `size`.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import ValidationError

from auricle.core.config import Strict
from auricle.core.errors import InputError


@dataclasses.dataclass(frozen=True)
class Setting:
    """One setting of a recipe. name: dotted. value: as JSON. meaning: from the docstring of its config; choices: where these are fixed."""

    name: str
    value: str
    meaning: str
    choices: tuple[str, ...]


def list_settings(config: Strict, prefix: str = "") -> Iterator[Setting]:
    """Every setting of a config with its value, in the order of their definition; an optional config that is None has its fields too."""
    texts = _meanings(type(config))
    for name, field in type(config).model_fields.items():
        value, inner = getattr(config, name), _nested_config(field.annotation)
        if isinstance(value, Strict):
            yield from list_settings(value, f"{prefix}{name}.")
            continue
        yield Setting(f"{prefix}{name}", json.dumps(config.model_dump(mode="json")[name]), texts.get(name, ""), _choices(field.annotation))
        if inner is not None:  # a config is enabled by setting one of its fields
            inner_texts = _meanings(inner)
            for key, each in inner.model_fields.items():
                yield Setting(f"{prefix}{name}.{key}", "", inner_texts.get(key, ""), _choices(each.annotation))


def _meanings(model: type[Strict]) -> dict[str, str]:
    """What the docstrings of a config and its bases say of each field, after `name: ` or `name, name: ` at the start of a sentence."""
    texts: dict[str, str] = {}
    for kind in reversed(model.__mro__):
        names = "|".join(getattr(kind, "model_fields", ())) or "-"
        parts = re.split(rf"(?:^|(?<=[.;] ))((?:{names})(?:, (?:{names}))*): ", " ".join((kind.__dict__.get("__doc__") or "").split()))
        for named, text in zip(parts[1::2], parts[2::2], strict=True):
            texts |= dict.fromkeys(named.split(", "), text.strip().rstrip(".;"))
    return {name: texts[name] for name in model.model_fields if name in texts}


def _choices(annotation: Any) -> tuple[str, ...]:
    """The values of a Literal, which may be optional."""
    kinds = (annotation, *typing.get_args(annotation))
    return next((typing.get_args(kind) for kind in kinds if typing.get_origin(kind) is Literal), ())


def build_config(model: type[Strict], settings: Sequence[str]) -> Strict:
    """A config with values overridden by strings `key=value`; keys are dotted, values are JSON or plain text.

    A text that is also valid JSON, such as 5, is read as the type of the field. InputError names the setting and what was expected.
    """
    values: dict[str, Any] = model().model_dump(mode="json")
    size = next((text for key, _, text in (setting.partition("=") for setting in reversed(settings)) if key == "size"), None)
    for name, value in getattr(model, "SIZES", {}).get(size, {}).items():
        values[name] = {**values[name], **value} if name == "train" else value
    texts: dict[tuple[str, ...], str] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key:
            raise InputError(f"--set {setting!r}; wanted KEY=VALUE, such as train.steps=200")
        path = tuple(key.split("."))
        _check_path(model, path)
        texts[path] = text
        _set_value(values, path, _parse_value(text))
    try:
        return model.model_validate_json(json.dumps(values))
    except ValidationError as error:
        wrong = {tuple(map(str, each["loc"])) for each in error.errors() if each["type"] == "string_type"}
    for path, text in texts.items():  # valid JSON, but the field is text: '5', 'true'
        if any(where[: len(path)] == path for where in wrong):
            _set_value(values, path, text)
    try:
        return model.model_validate_json(json.dumps(values))
    except ValidationError as error:
        raise InputError("; ".join(_describe(each, texts) for each in error.errors())) from error


def _check_path(recipe: type[Strict], path: tuple[str, ...]) -> None:
    """InputError where there is no field at that path."""
    model = recipe
    for depth, name in enumerate(path):
        if name not in model.model_fields:
            raise InputError(f"there is no setting {'.'.join(path)}; {_nearest('.'.join(path), recipe)}")
        if depth + 1 < len(path):
            inner = _nested_config(model.model_fields[name].annotation)
            if inner is None:
                whole = ".".join(path[: depth + 1])
                raise InputError(f"there is no setting {'.'.join(path)}, since {whole} has no fields; wanted {whole}=VALUE, as JSON")
            model = inner


def _nearest(name: str, model: type[Strict]) -> str:
    """A hint for a setting that does not exist: the one with the most similar name, or how to list all."""
    names = [setting.name for setting in list_settings(model())]
    close = difflib.get_close_matches(name, names, n=1)
    if not close:  # the name may lack its prefix: steps for train.steps
        last = {each.rpartition(".")[2]: each for each in reversed(names)}
        close = [last[each] for each in difflib.get_close_matches(name.rpartition(".")[2], last, n=1)]
    return f"did you mean {close[0]}?" if close else "auricle train RECIPE --settings lists them"


def _nested_config(annotation: Any) -> type[Strict] | None:
    """The config class of a field, which may be optional; None where the field is not a config."""
    for kind in (annotation, *typing.get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, Strict):
            return kind
    return None


def _set_value(values: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        if not isinstance(values.get(name), dict):
            values[name] = {}  # was None: an optional config is enabled by setting one of its fields
        values = values[name]
    values[path[-1]] = value


def _parse_value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _describe(error: Any, texts: Mapping[tuple[str, ...], str]) -> str:
    where = tuple(map(str, error["loc"]))
    text = next((text for path, text in texts.items() if where[: len(path)] == path), None)
    value = "" if text is None else f" is {text!r}"
    return f"setting {'.'.join(where) or 'as a whole'}{value}: {error['msg'][:1].lower()}{error['msg'][1:]}"
