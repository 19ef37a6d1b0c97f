"""Kill -9 at twenty moments spread over an indexing run, and at twenty over teaching: does anything get lost, doubled or broken?

    python benchmarks/kills.py --data DIR          prints, and writes docs/results/kills.json

Each time the archive is opened at once, the same command is run again to its end, and its tables are compared with those of a run that
nobody killed. Batches are of 32 windows here (a real run writes 4096 at a time), so that most moments fall into or beside a write.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import auricle
from auricle.archive.store import Archive
from auricle.bench.results import Figure, fingerprint, write_record
from auricle.runtime import catalog

ROOT = Path(__file__).resolve().parents[1]
SEED, MOMENTS, FILES, LESSONS = 0, 20, 240, 40
CORPORA = ("esc50_16k", "minetest_sounds", "opensfx")

INDEXING = """
import sys, auricle
from pathlib import Path
from auricle.archive import indexing, sources
from auricle.archive.store import Archive
indexing._BATCH = 32
archive, listener = Archive.open(Path(sys.argv[1])), auricle.load()
found = sources.find_recordings([sys.argv[2]])
print("ready", flush=True)
indexing.index(archive, listener, found)
"""

TEACHING = """
import sys, auricle
from pathlib import Path
from auricle.archive.labels import Example
from auricle.archive.store import Archive
from auricle.archive.teaching import Teacher
archive, listener = Archive.open(Path(sys.argv[1])), auricle.load()
names = Path(sys.argv[2]).read_text().split("\\n")[1:]
teacher = Teacher(archive, listener)
print("ready", flush=True)
for number, (yes, no) in enumerate(zip(names[::2], names[1::2])):
    teacher.teach(f"sound {number % 4}", [Example(yes)], [Example(no)])
"""


def run(script: str, *words: str | Path, kill_after: float | None = None) -> float:
    """Run a script in a fresh process, killed so many seconds after it is ready; seconds from ready to its end."""
    command = [sys.executable, "-c", script, *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        began = time.perf_counter()
        if kill_after is not None:
            time.sleep(kill_after)
            process.send_signal(signal.SIGKILL)
        code = process.wait()
        assert kill_after is not None or code == 0, code
        return time.perf_counter() - began


def table_of(archive: Archive, name: str) -> list[dict[str, Any]]:
    """A table's rows in an order of their own."""
    rows = archive.table(name).search().limit(None).to_arrow().to_pylist()
    return sorted(rows, key=lambda row: tuple(str(row[key]) for key in ("file", "onset", "name", "version") if key in row))


def indexing_kills(files: Sequence[str], folder: Path) -> list[Figure]:
    """Kills spread over the time that an undisturbed run takes."""
    table = folder / "files.csv"
    table.write_text("\n".join(["file", *files]))
    listener = auricle.load()
    whole = Archive.create(folder / "whole", listener)
    seconds = run(INDEXING, whole.folder, table)
    expected = [table_of(whole, name) for name in ("windows", "files")]
    equal = written = 0
    for moment in range(MOMENTS):
        archive = Archive.create(folder / f"killed{moment}", listener)
        run(INDEXING, archive.folder, table, kill_after=seconds * (moment + 0.5) / MOMENTS)
        opened = Archive.open(archive.folder)
        written += opened.table("windows").count_rows() > 0
        run(INDEXING, archive.folder, table)
        equal += [table_of(opened, name) for name in ("windows", "files")] == expected
    note = f"{len(files)} files, {len(expected[0])} windows; opened, resumed, and equal to a run that nobody killed"
    return [
        {"name": "indexing_equal", "value": equal / MOMENTS, "n": MOMENTS, "note": note},
        {"name": "indexing_partly_written", "value": written / MOMENTS, "n": MOMENTS, "note": "kills that fell after the first write"},
    ]


def teaching_kills(files: Sequence[str], folder: Path) -> list[Figure]:
    """The same over lessons, each a version: the command that is run again gives the same answers again."""
    import shutil

    lessons = folder / "lessons.txt"
    lessons.write_text("\n".join(["", *files[: 2 * LESSONS]]))
    whole = Path(shutil.copytree(folder / "whole", folder / "taught"))
    seconds = run(TEACHING, whole, lessons)
    expected = table_of(Archive.open(whole), "taught")
    equal = 0
    for moment in range(MOMENTS):
        killed = Path(shutil.copytree(folder / "whole", folder / f"lessons{moment}"))
        run(TEACHING, killed, lessons, kill_after=seconds * (moment + 0.5) / MOMENTS)
        Archive.open(killed).table("taught").count_rows()
        run(TEACHING, killed, lessons)
        equal += table_of(Archive.open(killed), "taught") == expected
    note = f"{LESSONS} lessons, {len(expected)} versions of four sounds; opened, given again, and equal"
    return [{"name": "teaching_equal", "value": equal / MOMENTS, "n": MOMENTS, "note": note}]


def main() -> None:
    """Kill, compare, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    asked = parser.parse_args()
    found = sorted(str(path.resolve()) for corpus in CORPORA for path in (asked.data / corpus).rglob("*.ogg"))
    files = np.random.default_rng(SEED).permutation(found)[:FILES].tolist()
    with tempfile.TemporaryDirectory() as name:
        figures = [*indexing_kills(files, Path(name)), *teaching_kills(files, Path(name))]
    for figure in figures:
        print(f"{figure['name']:24} {figure['value']:8.3f} {figure['n']:4} {figure.get('note', '')}")
    command, weights = "python benchmarks/kills.py --data DIR", fingerprint(catalog.find_folder(None))
    about = "Kill -9 at twenty moments spread over indexing and over teaching, each resumed by the same command."
    print(
        write_record(ROOT / "docs/results", "kills", command=command, seed=SEED, figures=figures, weights=weights, extra={"about": about})
    )


if __name__ == "__main__":
    main()
