"""Recipe registry: recipes by name or path, settings overridden by strings such as `train.steps=200`, and the config of a run.

A recipe is a module with `Config` (a Strict model whose fields all have defaults) and `build(config) -> Training`, or
`run(config, folder) -> figures` where there is no training loop. Config.SIZES, where present, gives other defaults for each value of the
field `size`.
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
RUN_CONFIG, CHECKPOINTS = "config.json", "checkpoints"


def list_recipes() -> dict[str, Path]:
    """The built-in recipes: name to file."""
    spec = importlib.util.find_spec(PACKAGE)
    folders = [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
    paths = [path for folder in folders for path in sorted(folder.glob("*.py")) if not path.stem.startswith("_")]
    return {path.stem.replace("_", "-"): path for path in paths if "Config" in _defines(path) and _defines(path) & {"build", "run"}}


def summary(path: Path) -> str:
    """First line of a recipe's docstring; the file is parsed, not executed."""
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def load(name: str) -> types.ModuleType:
    """Import a recipe by its name, or by the path of its file. InputError where there is none."""
    if name.endswith(".py"):
        path = Path(name)
        if not path.is_file():
            raise InputError(f"{path}: no such file; wanted the path of a recipe")
        module = _import_file(path)
    else:
        recipes = list_recipes()
        if name not in recipes:
            close = difflib.get_close_matches(name, recipes, n=1)
            hint = f"did you mean {close[0]}?" if close else f"wanted one of {', '.join(recipes)}, or the path of a .py file"
            raise InputError(f"recipe {name!r} is unknown; {hint}")
        module = importlib.import_module(f"{PACKAGE}.{recipes[name].stem}")
    if not hasattr(module, "Config") or not (hasattr(module, "build") or hasattr(module, "run")):
        raise InputError(f"{name} is not a recipe; wanted a file with Config, and build(config) or run(config, folder)")
    return module


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


def save_config(folder: Path, recipe: str, config: Strict) -> None:
    """Write the recipe's name and config into the folder of a run. InputError where it holds checkpoints of another run."""
    current = {"recipe": Path(recipe).stem.replace("_", "-"), "config": json.loads(config.model_dump_json())}
    path = folder / RUN_CONFIG
    if path.exists() and any((folder / CHECKPOINTS).glob("step-*.pt")):
        saved = json.loads(path.read_text(encoding="utf-8"))
        if difference := _first_difference(saved, current):
            raise InputError(f"{folder} holds another run ({difference}); wanted the same settings, or another folder")
        return
    make_folder(folder)
    write_text(path, json.dumps(current, indent=1) + "\n")


def _first_difference(before: Mapping[str, Any], now: Mapping[str, Any], path: str = "") -> str:
    """Describe the first value in which two nested mappings differ; empty where they are equal."""
    for name in {**before, **now}:
        one, other = before.get(name), now.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            if difference := _first_difference(one, other, f"{path}{name}."):
                return difference
        elif one != other:
            return f"{(path + name).removeprefix('config.')} is {one!r} there and {other!r} here"
    return ""


def _check_path(model: type[Strict], path: tuple[str, ...]) -> None:
    """InputError where there is no field at that path."""
    for depth, name in enumerate(path):
        if name not in model.model_fields:
            where = ".".join(path[: depth + 1])
            raise InputError(
                f"there is no setting {where}; wanted one of {', '.join('.'.join((*path[:depth], n)) for n in model.model_fields)}"
            )
        if depth + 1 < len(path):
            inner = _nested_config(model.model_fields[name].annotation)
            if inner is None:
                raise InputError(f"setting {'.'.join(path[: depth + 1])} has no fields, so there is no {'.'.join(path)}")
            model = inner


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


def _defines(path: Path) -> set[str]:
    """Names of the top-level classes and functions of a file."""
    nodes = ast.parse(path.read_text(encoding="utf-8")).body
    return {node.name for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef)}


def _import_file(path: Path) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(f"recipe {path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # pydantic looks up the names of annotations there
    spec.loader.exec_module(module)
    return module
