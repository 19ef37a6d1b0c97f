"""Recipes: found by name or path, their settings changed by words such as `train.steps=200`, and noted in the run's folder.

A recipe is a module with `Config` (a Strict model whose fields all have defaults) and `build(config) -> Training`, or
`run(config, folder) -> figures` where nothing is trained step by step. Config.SIZES, where there is one, has other defaults for each value
of its field `size`.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import json
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from auricle.core.config import Strict
from auricle.core.errors import InputError
from auricle.core.files import make_folder, write_text

PACKAGE = "auricle.recipes"
NOTE, CHECKPOINTS = "config.json", "checkpoints"


def known() -> dict[str, Path]:
    """The recipes that come with auricle, by name."""
    found = importlib.util.find_spec(PACKAGE)
    homes = [Path(home) for home in (found.submodule_search_locations or ())] if found else []
    paths = [path for home in homes for path in sorted(home.glob("*.py")) if not path.stem.startswith("_")]
    return {path.stem.replace("_", "-"): path for path in paths if "Config" in _defines(path) and _defines(path) & {"build", "run"}}


def about(path: Path) -> str:
    """First line of a recipe's docstring; the file is read, not run."""
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def load(name: str) -> types.ModuleType:
    """The module of a recipe by name, or by the path of its file. InputError where it is none."""
    if name.endswith(".py"):
        path = Path(name)
        if not path.is_file():
            raise InputError(f"{path}: there is no such file; wanted a recipe")
        module = _run(path)
    else:
        found = known()
        if name not in found:
            close = difflib.get_close_matches(name, found, n=1)
            hint = f"did you mean {close[0]}?" if close else f"wanted one of {', '.join(found) or 'none here'}, or the path of a .py file"
            raise InputError(f"recipe {name!r} is unknown; {hint}")
        module = importlib.import_module(f"{PACKAGE}.{found[name].stem}")
    if not hasattr(module, "Config") or not (hasattr(module, "build") or hasattr(module, "run")):
        raise InputError(f"{name} is no recipe; wanted a file with Config, and build(config) or run(config, folder)")
    return module


def changed(model: type[Strict], words: Sequence[str]) -> Strict:
    """A config with some values changed by words `key=value`, where key is dotted and value is JSON or plain text.

    A text that is also JSON, such as 5, is taken as what the field wants. InputError names the field and what was wanted.
    """
    values: dict[str, Any] = model().model_dump(mode="json")
    size = next((text for key, _, text in (word.partition("=") for word in reversed(words)) if key == "size"), None)
    for name, value in getattr(model, "SIZES", {}).get(size, {}).items():
        values[name] = {**values[name], **value} if name == "train" else value
    texts: dict[tuple[str, ...], str] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise InputError(f"--set {word!r}; wanted KEY=VALUE, such as train.steps=200")
        path = tuple(key.split("."))
        _check(model, path)
        texts[path] = text
        _put(values, path, _read(text))
    try:
        return model.model_validate_json(json.dumps(values))
    except ValidationError as error:
        wrong = {tuple(map(str, each["loc"])) for each in error.errors() if each["type"] == "string_type"}
    for path, text in texts.items():  # JSON, but the field wants text: '5', 'true'
        if any(where[: len(path)] == path for where in wrong):
            _put(values, path, text)
    try:
        return model.model_validate_json(json.dumps(values))
    except ValidationError as error:
        raise InputError("; ".join(_told(each, texts) for each in error.errors())) from error


def note(folder: Path, recipe: str, config: Strict) -> None:
    """Write the recipe and its settings into the folder of a run. InputError where it holds checkpoints of another training."""
    told = {"recipe": Path(recipe).stem.replace("_", "-"), "config": json.loads(config.model_dump_json())}
    path = folder / NOTE
    if path.exists() and any((folder / CHECKPOINTS).glob("step-*.pt")):
        found = json.loads(path.read_text(encoding="utf-8"))
        if gap := _gap(found, told):
            raise InputError(f"{folder} holds another training ({gap}); wanted the same settings, or another folder")
        return
    make_folder(folder)
    write_text(path, json.dumps(told, indent=1) + "\n")


def _gap(before: Mapping[str, Any], now: Mapping[str, Any], path: str = "") -> str:
    """The first value in which two nested mappings differ, in words; empty where there is none."""
    for name in {**before, **now}:
        one, other = before.get(name), now.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            if gap := _gap(one, other, f"{path}{name}."):
                return gap
        elif one != other:
            return f"{(path + name).removeprefix('config.')} is {one!r} there and {other!r} here"
    return ""


def _check(model: type[Strict], path: tuple[str, ...]) -> None:
    """InputError where no field lies at that path."""
    for place, name in enumerate(path):
        if name not in model.model_fields:
            where = ".".join(path[: place + 1])
            raise InputError(
                f"there is no setting {where}; wanted one of {', '.join('.'.join((*path[:place], n)) for n in model.model_fields)}"
            )
        if place + 1 < len(path):
            inner = _model_in(model.model_fields[name].annotation)
            if inner is None:
                raise InputError(f"setting {'.'.join(path[: place + 1])} has no parts, so there is no {'.'.join(path)}")
            model = inner


def _model_in(annotation: Any) -> type[Strict] | None:
    """The config that a field holds, which may be optional."""
    for kind in (annotation, *typing.get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, Strict):
            return kind
    return None


def _put(values: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        if not isinstance(values.get(name), dict):
            values[name] = {}  # was None: a part that is switched on by setting something of it
        values = values[name]
    values[path[-1]] = value


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _told(error: Any, texts: Mapping[tuple[str, ...], str]) -> str:
    where = tuple(map(str, error["loc"]))
    text = next((text for path, text in texts.items() if where[: len(path)] == path), None)
    said = "" if text is None else f" is {text!r}"
    return f"setting {'.'.join(where) or 'as a whole'}{said}: {error['msg'][:1].lower()}{error['msg'][1:]}"


def _defines(path: Path) -> set[str]:
    """Names of the classes and functions at the top of a file."""
    nodes = ast.parse(path.read_text(encoding="utf-8")).body
    return {node.name for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef)}


def _run(path: Path) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(f"recipe {path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # pydantic looks up the names of annotations there
    spec.loader.exec_module(module)
    return module
