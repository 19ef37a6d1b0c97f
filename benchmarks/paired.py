"""This working tree beside an older revision: the same commands in turn, in one run, as ratios of CPU seconds.

    python benchmarks/paired.py --base REVISION --data DIR [--weights mn04_as_mAP_432.pt] [--runs 7] [--dry]

Measured, each in a process of its own: a cold `auricle tag`; `auricle listen` of an hour; `auricle index` of the ESC-50 recordings in DIR;
200 searches of that archive; converting published weights in the process, without graphs, the best of ten; and opening a converted folder
without torch beside the shipped model. Below 1 this tree is faster. CPU seconds (user and system, all threads) are compared, since those of
the clock vary with other load. Modules are compiled to bytecode beforehand, as pip does.
Writes docs/results/paired.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from listen import write_long

from auricle.bench.results import Figure, fingerprint, write_record
from auricle.runtime import catalog

_SEARCH = """
import sys, time, auricle
from pathlib import Path
from auricle.archive.search import Query, Searcher
from auricle.archive.store import Archive
searcher = Searcher(Archive.open(Path(sys.argv[1])), auricle.load())
words = ["rain", "dog barking", "a siren far away", "church bells", "wind in trees"]
for text in words: searcher.search(Query(text=text), k=20)
began = time.process_time()
for turn in range(200): searcher.search(Query(text=words[turn % 5]), k=20)
print(time.process_time() - began)
"""
_CONVERT = """
import sys, tempfile, time
from pathlib import Path
from auricle.models.convert.convert import convert
times = []
with tempfile.TemporaryDirectory() as folder:
    for turn in range(11):
        began = time.process_time()
        convert(Path(sys.argv[1]), Path(folder) / str(turn), name="published")
        times.append(time.process_time() - began)
print(min(times[1:]))
"""
_WITHOUT_TORCH = """
import sys, time
began = time.perf_counter()
sys.modules["torch"] = None
import auricle
assert auricle.load(sys.argv[1]).tag(sys.argv[2]).error is None
print(time.perf_counter() - began)
"""


@dataclasses.dataclass(frozen=True)
class Trial:
    """One command that both trees run. arguments: of python. printed: the command prints its seconds; else the whole process counts.

    repeats: pairs for each of --runs; more for a command that takes less than a second.
    """

    arguments: Callable[[Path], list[str]]
    printed: bool = False
    repeats: int = 1
    prepare: Callable[[], None] = lambda: None


def seconds(tree: Path, trial: Trial) -> float:
    """CPU seconds of one run in a tree, or the seconds that it prints."""
    trial.prepare()
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONWARNINGS": "ignore"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode
    cache = "here" if tree == ROOT else "base"  # neither can open what the other wrote
    environment["AURICLE_CACHE"] = f"{tempfile.gettempdir()}/paired-{cache}"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, *trial.arguments(tree)], cwd=tree, env=environment, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    whole = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if done.returncode:
        raise SystemExit(f"{tree}: {' '.join(trial.arguments(tree))[:200]} failed: {done.stderr[-500:]}")
    return float(done.stdout.split()[-1]) if trial.printed else whole


def index(tree: Path, recordings: str, archive: Path) -> list[str]:
    """Arguments that make an archive, with the option that the tree has for it."""
    commands = tree / "auricle" / "cli" / "archive.py"  # an older tree has its commands elsewhere, and the older option
    option = "--archive" if commands.is_file() and '"--archive"' in commands.read_text(encoding="utf-8") else "--into"
    return ["-m", "auricle", "index", recordings, option, str(archive), "--json"]


def trials(work: Path, data: Path, weights: Path | None) -> dict[str, Trial]:
    """What is run, by name."""
    hour = write_long(work / "hour.wav", 1.0, channels=2)
    recordings, archive, fresh = str(data / "esc50_16k" / "audio"), work / "archive", work / "fresh"
    sound = str(ROOT / "examples" / "bells.ogg")

    def remove() -> None:
        shutil.rmtree(fresh, ignore_errors=True)

    found = {
        "cold_tag": Trial(lambda tree: ["-m", "auricle", "tag", sound], repeats=5),
        "hour": Trial(lambda tree: ["-m", "auricle", "listen", str(hour), "--json"]),
        "index": Trial(lambda tree: index(tree, recordings, fresh), prepare=remove),
        "search": Trial(lambda tree: ["-c", _SEARCH, str(archive)], printed=True, repeats=5),
    }
    if weights is not None:
        found["convert_published"] = Trial(lambda tree: ["-c", _CONVERT, str(weights)], printed=True)
    return found


def compare(base: Path, trial: Trial, runs: int) -> list[tuple[float, float]]:
    """(older, this) seconds of each pair, after one pair that does not count; which goes first alternates."""
    pairs = []
    for turn in range(runs + 1):
        first, second = (base, ROOT) if turn % 2 else (ROOT, base)
        one, other = seconds(first, trial), seconds(second, trial)
        pairs.append((one, other) if first == base else (other, one))
    return pairs[1:]


def without_torch(work: Path, weights: Path, runs: int) -> Figure:
    """Seconds by which opening a converted folder and tagging with it exceeds the same with the shipped model."""
    words = ["-m", "auricle", "convert", str(weights), "--output", str(work / "converted")]
    subprocess.run([sys.executable, *words], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, capture_output=True)
    sound = str(ROOT / "examples" / "bells.ogg")
    more = []
    for _ in range(runs):
        times = [
            seconds(ROOT, Trial(lambda tree, model=model: ["-c", _WITHOUT_TORCH, model, sound], printed=True))  # type: ignore[misc]
            for model in (str(work / "converted"), "auricle-tiny")
        ]
        more.append(times[0] - times[1])
    note = "seconds more than auricle-tiny, import and one recording included"
    return Figure(name="open_without_torch", value=statistics.median(more), low=min(more), high=max(more), n=runs, unit="s", note=note)


def kept_figures(base: str, measured: set[str]) -> list[Figure]:
    """The figures of the existing record beside the same revision that were not measured again, with the commit they are from."""
    path = ROOT / "docs" / "results" / "paired.json"
    record = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"figures": []}
    kept: list[Figure] = []
    for figure in record["figures"]:
        note = figure["note"]
        if figure["name"] not in measured and ("CPU" not in note or f" at {base}" in note):
            figure["note"] = note + ("" if "; measured at " in note else f"; measured at {record['commit'][:10]}")
            kept.append(figure)
    return kept


def main() -> None:
    """Measure, print, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", required=True, help="an older revision")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--only", nargs="*", help="names of figures; the record keeps the others, with the commit they are from")
    parser.add_argument("--dry", action="store_true", help="write no record")
    asked = parser.parse_args()
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        work, base = Path(folder), Path(folder) / "base"
        archived = subprocess.run(["git", "archive", asked.base], cwd=ROOT, check=True, capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(archived)) as files:
            files.extractall(base, filter="data")
        everything = trials(work, asked.data.resolve(), asked.weights and asked.weights.resolve())
        if not asked.only or "search" in asked.only:
            seconds(base, Trial(lambda tree: index(tree, str(asked.data.resolve() / "esc50_16k" / "audio"), work / "archive")))
        for name, trial in everything.items():
            if asked.only and name not in asked.only:
                continue
            pairs = compare(base, trial, asked.runs * trial.repeats)
            ratios = [this / older for older, this in pairs]
            before, now = (statistics.median(side) for side in zip(*pairs, strict=True))
            note = f"CPU: {before:.3f} s at {asked.base}, {now:.3f} s here, medians; lowest and highest ratio of a pair"
            figures.append(Figure(name=name, value=statistics.median(ratios), low=min(ratios), high=max(ratios), n=len(pairs), note=note))
            print(f"{name:20} {figures[-1]['value']:.3f} ({min(ratios):.3f} to {max(ratios):.3f}); {note}", flush=True)
        if asked.weights is not None and (not asked.only or "open_without_torch" in asked.only):
            figures.append(without_torch(work, asked.weights.resolve(), asked.runs))
            print(f"open_without_torch   {figures[-1]['value']:.3f} s")
    if not asked.dry:
        command = f"python benchmarks/paired.py --base {asked.base} --data DIR" + (" --weights FILE" if asked.weights else "")
        hashed = fingerprint(catalog.find_folder(None))
        figures = [*figures, *kept_figures(asked.base, {figure["name"] for figure in figures})] if asked.only else figures
        print(write_record(ROOT / "docs" / "results", "paired", command=command, seed=None, figures=figures, weights=hashed))


if __name__ == "__main__":
    main()
