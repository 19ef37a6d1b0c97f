"""The rooms and their stairs: imports go down only, torch stays where it belongs, and importing auricle loads nothing heavy."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "auricle"

#: Room -> rooms it may import. docs/architecture.md, section 1.
STAIRS: dict[str, set[str]] = {
    "core": set(),
    "signal": {"core"},
    "nn": {"core"},
    "metrics": {"core"},
    "data": {"core", "signal"},
    "models": {"core", "signal", "nn"},
    "tasks": {"core", "metrics"},
    "runtime": {"core", "models"},
    "listen": {"core", "signal", "metrics", "data", "tasks", "runtime"},
    "train": {"core", "signal", "nn", "data", "models", "tasks"},
    "archive": {"core", "signal", "metrics", "listen"},
    "bench": {"core", "metrics", "data", "tasks", "listen"},
    "present": {"core", "signal", "listen", "archive", "bench"},
    "serve": {"core", "signal", "listen", "archive"},
    "recipes": {"core", "signal", "nn", "metrics", "data", "models", "tasks", "runtime", "train", "listen", "bench"},
    "cli": {"core", "signal", "data", "models", "runtime", "listen", "train", "archive", "bench", "present", "serve", "recipes"},
}
DATA_ONLY = {"weights", "ontology"}
WITH_TORCH = {"nn", "models", "train", "recipes"}
ROOMS = sorted(path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name not in DATA_ONLY and any(path.rglob("*.py")))


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """(dotted module, line) of every import in a file, those inside functions and type checks included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                module = ".".join([*path.relative_to(PACKAGE.parent).parts[: -node.level], *filter(None, [module])])
            yield module, node.lineno
            if module == "auricle":
                yield from ((f"auricle.{alias.name}", node.lineno) for alias in node.names)


@pytest.mark.parametrize("room", ROOMS)
def test_imports_go_down_the_stairs(room: str) -> None:
    allowed = STAIRS[room] | {room}
    wrong = [
        f"{path.relative_to(PACKAGE.parent)}:{line} imports {module}"
        for path in (PACKAGE / room).rglob("*.py")
        for module, line in imports(path)
        if module.startswith("auricle.") and module.split(".")[1] in STAIRS and module.split(".")[1] not in allowed
    ]
    assert not wrong


@pytest.mark.parametrize("room", [room for room in ROOMS if room not in WITH_TORCH])
def test_only_three_rooms_import_torch(room: str) -> None:
    wrong = [
        f"{path.relative_to(PACKAGE.parent)}:{line}"
        for path in (PACKAGE / room).rglob("*.py")
        for module, line in imports(path)
        if module.split(".")[0] == "torch"
    ]
    assert not wrong


def test_runtime_reaches_models_only_inside_functions() -> None:
    """Without torch chosen, hearing must not import the torch rooms."""
    for path in (PACKAGE / "runtime").rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
                assert not any(name.startswith("auricle.models") for name in names), path


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_says_what_goes_in_and_comes_out(room: str) -> None:
    text = ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text(encoding="utf-8")))
    assert text, f"auricle/{room}/__init__.py has no docstring"
    first = text.splitlines()[0]
    assert re.search(r"\bin\b", first) and re.search(r"\bout\b", first), first


def test_no_empty_rooms() -> None:
    """A room appears when it holds something."""
    empty = [path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__" and not any(path.iterdir())]
    assert not empty


@pytest.mark.parametrize("heavy", ["numpy", "soundfile", "onnxruntime", "torch", "pydantic", "rich", "typer", "av"])
def test_importing_auricle_loads_nothing_heavy(heavy: str) -> None:
    code = f"import sys, auricle; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def modules() -> dict[str, Path]:
    """Every module of auricle and recipes by its dotted name."""
    found = {}
    for path in [*PACKAGE.rglob("*.py"), *(PACKAGE.parent / "recipes").rglob("*.py")]:
        found[".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")] = path
    return found


def reached(name: str, known: dict[str, Path]) -> str:
    """The module that a dotted name (of a module, or of something in one) is of; empty for those of others."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name


def edges(path: Path, known: dict[str, Path]) -> set[str]:
    """Modules that a file imports, those inside functions, for types alone, and named in a string included."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"(auricle|recipes)(\.\w+)+", node.value):
            names.add(node.value)
    return {reached(name, known) for name in names} - {""}


def test_no_import_circles() -> None:
    known = modules()
    graph = {name: edges(path, known) - {name} for name, path in known.items()}
    list(graphlib.TopologicalSorter(graph).static_order())  # CycleError names a circle
