"""The packages and their layers: imports go down only, torch stays in its packages, and importing auricle loads nothing heavy."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "auricle"

#: Package -> packages that it may import. docs/architecture.md, section 1.
LAYERS: dict[str, set[str]] = {
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
    "bench": {"core", "signal", "metrics", "data", "tasks", "listen"},
    "present": {"core", "signal", "listen", "archive", "bench"},
    "serve": {"core", "signal", "listen", "archive"},
    "recipes": {"core", "signal", "nn", "metrics", "data", "models", "tasks", "runtime", "train", "listen", "bench"},
    "cli": {"core", "signal", "data", "models", "runtime", "listen", "train", "archive", "bench", "present", "serve", "recipes"},
}
DATA_ONLY = {"weights", "ontology"}
WITH_TORCH = {"nn", "models", "train", "recipes"}
PACKAGES = sorted(path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in DATA_ONLY and any(path.rglob("*.py")))


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """(dotted module, line) of every import in a file, those inside functions and type checks included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                module = ".".join([*path.relative_to(ROOT.parent).parts[: -node.level], *filter(None, [module])])
            yield module, node.lineno
            if module == "auricle":
                yield from ((f"auricle.{alias.name}", node.lineno) for alias in node.names)


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_go_down_the_layers(package: str) -> None:
    allowed = LAYERS[package] | {package}
    wrong = [
        f"{path.relative_to(ROOT.parent)}:{line} imports {module}"
        for path in (ROOT / package).rglob("*.py")
        for module, line in imports(path)
        if module.startswith("auricle.") and module.split(".")[1] in LAYERS and module.split(".")[1] not in allowed
    ]
    assert not wrong


@pytest.mark.parametrize("package", [package for package in PACKAGES if package not in WITH_TORCH])
def test_only_some_packages_import_torch(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT.parent)}:{line}"
        for path in (ROOT / package).rglob("*.py")
        for module, line in imports(path)
        if module.split(".")[0] == "torch"
    ]
    assert not wrong


def test_runtime_reaches_models_only_inside_functions() -> None:
    """Inference without torch must not import the packages that use torch."""
    for path in (ROOT / "runtime").rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
                assert not any(name.startswith("auricle.models") for name in names), path


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_has_a_summary(package: str) -> None:
    """docs/architecture.md points to the docstrings: one line that says what the package holds."""
    text = ast.get_docstring(ast.parse((ROOT / package / "__init__.py").read_text(encoding="utf-8"))) or ""
    assert re.fullmatch(r"[A-Z].{20,}", text.partition("\n")[0]), f"auricle/{package}/__init__.py has no summary"


def test_no_package_is_empty() -> None:
    empty = [path.name for path in ROOT.iterdir() if path.is_dir() and path.name != "__pycache__" and not any(path.iterdir())]
    assert not empty


@pytest.mark.parametrize("heavy", ["numpy", "soundfile", "onnxruntime", "torch", "pydantic", "rich", "typer", "av"])
def test_importing_auricle_loads_nothing_heavy(heavy: str) -> None:
    code = f"import sys, auricle; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def modules() -> dict[str, Path]:
    """Every module of auricle and recipes by its dotted name."""
    found = {}
    for path in [*ROOT.rglob("*.py"), *(ROOT.parent / "recipes").rglob("*.py")]:
        found[".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")] = path
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
