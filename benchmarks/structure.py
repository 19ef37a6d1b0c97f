"""Size and structure of the source by its syntax trees: statements, files, imports and import circles, for one commit or two.

    python benchmarks/structure.py [--base REVISION] [--dry]

Counts auricle/ and recipes/ of the working tree, and with --base those of an older revision too. Writes docs/results/structure.json.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from auricle.bench.results import Figure, write_record

PACKAGES = ("auricle", "recipes")
_BY_NAME = re.compile(r"(auricle|recipes)(\.\w+)+(:\w+)?")
#: Packages that process many audio files at once; the pool of auricle.serve is for searches.
LISTENING = ("auricle/listen/", "auricle/archive/", "auricle/bench/", "recipes/tiny/")


def structure(root: Path) -> dict[str, int]:
    """Counts of one source tree, by name."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for package in PACKAGES for path in sorted((root / package).rglob("*.py"))}
    names = {_module(path.relative_to(root)): tree for path, tree in trees.items()}
    edges = {name: set(_imported(tree, names)) - {name} for name, tree in names.items()}
    circles = [circle for circle in _components(edges) if len(circle) > 1]
    calls = {path.relative_to(root).as_posix(): list(_calls(tree)) for path, tree in trees.items()}
    return {
        "statements": sum(isinstance(node, ast.stmt) for tree in trees.values() for node in ast.walk(tree)),
        "files": len(trees),
        "import_edges": sum(map(len, edges.values())),
        "files_in_import_circles": sum(map(len, circles)),
        "isinstance_on_model_configs": sum(name == "isinstance" and _names_config(call) for some in calls.values() for name, call in some),
        "modules_with_a_pool_over_files": sum(
            any(name.endswith("PoolExecutor") for name, _ in some) for path, some in calls.items() if path.startswith(LISTENING)
        ),
        "modules_that_replace_files": sum(any(_replaces(name, call) for name, call in some) for some in calls.values()),
    }


def _module(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(tree: ast.Module, names: Mapping[str, object]) -> Iterator[str]:
    """Modules that a file imports, those inside functions and those loaded by name (package.module:attribute) included."""
    for node in ast.walk(tree):
        wanted: list[str] = []
        if isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            wanted = [f"{node.module}.{alias.name}" for alias in node.names]
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"(auricle|recipes)(\.\w+)+(:\w+)?", node.value)
        ):
            wanted = [node.value.split(":")[0]]
        for name in wanted:
            while name and name not in names:
                name = name.rpartition(".")[0]
            if name:
                yield name


def _components(edges: Mapping[str, set[str]]) -> list[set[str]]:
    """Strongly connected components, by reachability both ways."""
    reach: dict[str, set[str]] = {}
    for start in edges:
        seen: set[str] = set()
        todo = [start]
        while todo:
            for name in edges[todo.pop()] - seen:
                seen.add(name)
                todo.append(name)
        reach[start] = seen
    found: list[set[str]] = []
    for name in edges:
        circle = {name} | {other for other in reach[name] if name in reach[other]}
        if circle not in found:
            found.append(circle)
    return found


def _calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def _names_config(call: ast.Call) -> bool:
    """isinstance(x, ModelConfig), ...: a check for the kind of a model's config."""
    return len(call.args) == 2 and any(
        isinstance(node, ast.Name) and re.fullmatch(r"(Model|Published|Listening)Config", node.id) for node in ast.walk(call.args[1])
    )


def _replaces(name: str, call: ast.Call) -> bool:
    """os.replace(a, b), path.replace(b), path.rename(b), shutil.move(a, b): not str.replace, which has two arguments."""
    if name in ("os.replace", "os.rename", "shutil.move"):
        return True
    return name.endswith((".replace", ".rename")) and len(call.args) == 1 and not call.keywords


def _revision(name: str, folder: Path) -> dict[str, int]:
    archive = subprocess.run(["git", "archive", name, *PACKAGES], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return structure(folder)


def main() -> None:
    """Count, print, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", help="an older revision, counted too")
    parser.add_argument("--dry", action="store_true", help="write no record")
    asked = parser.parse_args()
    now, base = structure(ROOT), None
    if asked.base:
        with tempfile.TemporaryDirectory() as folder:
            base = _revision(asked.base, Path(folder))
    for name, value in now.items():
        print(f"{name:34}" + ("" if base is None else f"{base[name]:8}") + f"{value:8}")
    if not asked.dry:
        notes = {name: "" if base is None else f"{base[name]} at {asked.base}" for name in now}
        figures = [Figure(name=name, value=float(value), note=notes[name]) for name, value in now.items()]
        command = "python benchmarks/structure.py" + (f" --base {asked.base}" if asked.base else "")
        print(write_record(ROOT / "docs" / "results", "structure", command=command, seed=None, figures=figures))


if __name__ == "__main__":
    main()
