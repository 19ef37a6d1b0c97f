"""Recipe registry: recipes by name or path, and the config of a run.

A recipe is a module with `Config` (a Strict model whose fields all have defaults, see train.settings) and `build(config) -> Training`, or
`run(config, folder) -> figures` where there is no training loop. `next_command(config, folder) -> str`, where present, gives the command
that uses the result; a run that writes a model folder needs none (train.next_command). Progress is logged with `logging`, level INFO.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import json
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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


def needs_torch(name: str) -> bool:
    """Whether a recipe has a training loop; False where there is no such recipe. Its file is parsed, not executed."""
    path = Path(name) if name.endswith(".py") else list_recipes().get(name)
    return path is not None and path.is_file() and "build" in _defines(path)


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
