"""Faults put into the source one at a time: do the tests notice?

    python benchmarks/mutations.py                     applies all, and writes docs/results/mutations.json
    python benchmarks/mutations.py swapped_labels      applies these alone, and writes nothing

mutations.json lists them: the text that is replaced, the new text, what a user would meet, and the tests that should notice. The text has
to stand exactly once in auricle/ and recipes/; in which file does not matter. Each mutation is applied to a copy of this checkout, in
which the named tests pass as it is and are then run again; they see no data beyond what they make themselves. Takes some minutes on one
core. Exit status 1 where a mutation passes the tests.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from auricle.bench.results import Figure, write_record
from auricle.core.config import Strict
from auricle.core.errors import InputError

ROOT = Path(__file__).resolve().parents[1]
TABLE = Path(__file__).with_suffix(".json")
SOURCES = ("auricle", "recipes")  # folders in which the texts are looked for
LIMIT = 600  # seconds for the tests of one mutation
_LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "runs", "build", "dist", "node_modules", "__pycache__", ".*_cache", ".hypothesis")
_DATA = ("AURICLE_DATA", "AURICLE_PARITY")  # real recordings and published code, which nobody else has
_PASSED, _FAILED = 0, 1  # exit statuses of pytest; any other means that the tests were not run


class Mutation(Strict):
    """old: text that stands once in the source. new: what replaces it. effect: what a user would meet. tests: files, from the root."""

    name: str
    old: str
    new: str
    effect: str
    tests: tuple[str, ...]


def table() -> list[Mutation]:
    """All mutations."""
    return [Mutation.model_validate_json(json.dumps(row)) for row in json.loads(TABLE.read_text(encoding="utf-8"))]


def place(root: Path, mutation: Mutation) -> Path:
    """The only file under root that holds the old text. InputError where there is none, or where it stands more than once."""
    counts = {path: path.read_text(encoding="utf-8").count(mutation.old) for folder in SOURCES for path in (root / folder).rglob("*.py")}
    found = {path: count for path, count in counts.items() if count}
    if sum(found.values()) != 1:
        where = ", ".join(f"{path.relative_to(root)} ({count})" for path, count in found.items()) or "nowhere"
        raise InputError(f"mutation {mutation.name}: {mutation.old!r} stands {where}; wanted it once: state the fault anew in {TABLE.name}")
    return next(iter(found))


def failing(tree: Path, tests: Iterable[str]) -> str | None:
    """The first test of these files that fails in a copy of the checkout, as file::name; None where all pass."""
    paths = [str(tree), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {name: value for name, value in os.environ.items() if name not in _DATA}
    # Compiled files are told apart by size and second, which a mutation may share with the file that it changes.
    environment |= {"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--color=no", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False)
    if done.returncode == _PASSED:
        return None
    named = re.search(r"^(?:FAILED|ERROR) (\S+::\S+)", done.stdout, re.MULTILINE)
    if done.returncode != _FAILED or named is None:
        raise InputError(f"the tests were not run (pytest ended with {done.returncode}):\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return named[1]


def caught(mutations: Sequence[Mutation]) -> dict[str, str | None]:
    """By mutation, the first test that fails with it; None where all pass. InputError where one fails without any."""
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        tree = Path(shutil.copytree(ROOT, Path(folder) / "auricle", ignore=_LEFT_OUT))
        files = dict.fromkeys(file for mutation in mutations for file in mutation.tests)
        if broken := failing(tree, files):
            raise InputError(f"{broken} fails without any mutation; wanted tests that pass")
        found = {}
        for mutation in mutations:
            path = place(tree, mutation)
            before = path.read_text(encoding="utf-8")
            path.write_text(before.replace(mutation.old, mutation.new), encoding="utf-8")
            found[mutation.name] = failing(tree, mutation.tests)
            path.write_text(before, encoding="utf-8")
            print(f"{mutation.name:24} {found[mutation.name] or 'SURVIVED'}", flush=True)
    return found


def figures(mutations: Sequence[Mutation], found: dict[str, str | None]) -> list[Figure]:
    """How many were caught, then a row for each: 1 where it was."""
    rows: list[Figure] = [{"name": "caught", "value": sum(test is not None for test in found.values()), "n": len(found)}]
    for mutation in mutations:
        test = found[mutation.name]
        note = mutation.effect + (f"; {test.split('[')[0]}" if test else "; no test fails")
        rows.append({"name": mutation.name, "value": int(test is not None), "note": note})
    return rows


def main() -> None:
    """Apply, run, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="mutations to apply; all by default")
    asked = parser.parse_args()
    mutations = table()
    if unknown := set(asked.names) - {mutation.name for mutation in mutations}:
        parser.error(f"no such mutation: {', '.join(sorted(unknown))}; see {TABLE.name}")
    chosen = [mutation for mutation in mutations if not asked.names or mutation.name in asked.names]
    found = caught(chosen)
    missed = [name for name, test in found.items() if test is None]
    print(f"{len(found) - len(missed)} of {len(found)} caught{': all but ' + ', '.join(missed) if missed else ''}")
    if not asked.names:
        about = "Faults put into the source one at a time, each of which would give a user wrong answers in silence: 1 where a test fails."
        command, rows = "python benchmarks/mutations.py", figures(chosen, found)
        print(write_record(ROOT / "docs/results", "mutations", command=command, seed=None, figures=rows, extra={"about": about}))
    raise SystemExit(bool(missed))


if __name__ == "__main__":
    main()
