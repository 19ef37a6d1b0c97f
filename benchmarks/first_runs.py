"""First runs: every recipe with its defaults, in an empty folder, and then the command that it ends with.

    python benchmarks/first_runs.py [--only NAME ...] [--work DIR] [--dry]

For each recipe: seconds to the first line, longest time without a line, seconds in all, stated estimate, seconds from the first estimate to
the end, and whether the closing command worked. Writes docs/results/first-runs.json. A quarter of an hour on two cores; with --work,
finished recipes are not run again; with --only, the record keeps the figures of the others, with the commit that they were measured at.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from auricle.bench.results import Figure, write_record
from auricle.train.registry import list_recipes

ROOT = Path(__file__).resolve().parents[1]
ESTIMATE = re.compile(r"about ([\d:]+)(?= .*on this computer)")
UNITS = {"first_line": "s", "longest_silence": "s", "total": "s", "estimate": "s", "estimated_part": "s"}
UNITS_AND_RESULT = (*UNITS, "closing_command_works")
RECORD = ROOT / "docs" / "results" / "first-runs.json"
_TIMEOUT = 600.0  # seconds of a closing command


def first_run(name: str, folder: Path, *settings: str) -> dict[str, float]:
    """Run a recipe in an empty folder, then the command that it prints. Returns the figures; RuntimeError where the recipe fails.

    settings: other than the defaults, for --set.
    """
    folder.mkdir(parents=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "auricle", "train", name, *(word for setting in settings for word in ("--set", setting))]
    started = time.monotonic()
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        lines = [(time.monotonic() - started, line.rstrip("\n")) for line in process.stdout]
    total = time.monotonic() - started
    if process.returncode:
        raise RuntimeError(f"{name} ended with {process.returncode}: {lines[-1][1] if lines else 'no output'}")
    times = [0.0, *(moment for moment, _ in lines), total]
    stated = [(moment, _seconds(found[1])) for moment, line in lines if (found := ESTIMATE.search(line))]
    return {
        "first_line": times[1],
        "longest_silence": max(later - earlier for earlier, later in itertools.pairwise(times)),
        "total": total,
        "estimate": sum(seconds for _, seconds in stated),
        "estimated_part": total - stated[0][0],
        "closing_command_works": float(_works(lines[-1][1], folder, environment)),
    }


def _works(command: str, folder: Path, environment: dict[str, str]) -> bool:
    """Whether the closing command of a run ends with exit code 0; its first word is run with this interpreter."""
    words = shlex.split(command)
    program = {"auricle": [sys.executable, "-m", "auricle"], "python3": [sys.executable]}[words[0]]
    done = subprocess.run([*program, *words[1:]], cwd=folder, env=environment, timeout=_TIMEOUT, check=False)
    print(f"{command}: exit code {done.returncode}", flush=True)
    return done.returncode == 0


def _seconds(clock: str) -> float:
    """Seconds of a time such as 1:05."""
    total = 0
    for part in clock.split(":"):
        total = 60 * total + int(part)
    return float(total)


def _others(names: list[str]) -> list[Figure]:
    """Figures of other recipes in the record, each with the commit that it was measured at."""
    if not RECORD.is_file():
        return []
    before = json.loads(RECORD.read_text(encoding="utf-8"))
    own = tuple(f"{name.replace('-', '_')}_{key}" for name in names for key in UNITS_AND_RESULT)
    kept: list[Figure] = [figure for figure in before["figures"] if figure["name"] not in own]
    for figure in kept:
        figure.setdefault("note", f"measured at {before['commit']}")
    return kept


def main() -> None:
    """Run the recipes one after the other, print the figures, and write the result record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=list(list_recipes()), choices=list(list_recipes()))
    parser.add_argument("--work", type=Path, help="keep the figures of finished recipes here")
    parser.add_argument("--dry", action="store_true", help="write no record")
    options = parser.parse_args()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as scratch:
        work = options.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        for name in options.only:
            kept = work / f"{name}.json"
            if not kept.exists():
                with tempfile.TemporaryDirectory() as place:
                    kept.write_text(json.dumps(first_run(name, Path(place) / "empty")))
            found = json.loads(kept.read_text())
            print(f"{name:14}", "  ".join(f"{key} {value:.1f}" for key, value in found.items()), flush=True)
            for key, value in found.items():
                figures.append({"name": f"{name.replace('-', '_')}_{key}", "value": round(value, 1), "unit": UNITS.get(key, "")})
    if not options.dry:
        figures = sorted(_others(options.only) + figures, key=lambda figure: figure["name"])
        about = "First run of every recipe with its defaults, in an empty folder: times, the stated estimate, and the closing command."
        command = "python benchmarks/first_runs.py"
        print(write_record(ROOT / "docs" / "results", "first-runs", command=command, seed=0, figures=figures, extra={"about": about}))


if __name__ == "__main__":
    main()
