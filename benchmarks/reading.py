"""What decoding once saves: an epoch of a corpus from its compressed files, beside an epoch of its waves that were decoded before.

    python benchmarks/reading.py --data DIR [--clips 1600] [--rounds 5] [--record docs/results]

An epoch is every clip in a shuffled order, as float32 in memory at the corpus's rate, on one thread. Files: ESC-50 as laid out (Ogg
Vorbis), read by auricle's own reader and, as a floor, by libsndfile alone. Waves lie in the page cache, as files do, so that all times are
processor time, which other work on the machine moves little. Making the waves is timed once. The ratio is the median over rounds, its
interval the lowest and the highest round.
"""

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # before numpy is imported: one thread

import argparse
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from auricle.bench.results import Figure, write_record
from auricle.data import corpora
from auricle.data.item import Item
from auricle.data.manifest import items_from_rows
from auricle.data.waves import Waves, open_waves
from auricle.signal.streaming import read

RATE = 16_000
SEED = 0


def seconds_of(hear: Callable[[int], np.ndarray], order: np.ndarray) -> float:
    """Processor seconds of one epoch; every clip is summed, so that all of it is really in memory."""
    began = time.process_time()
    total = 0.0
    for index in order:
        total += float(hear(int(index)).sum())
    if not np.isfinite(total):
        raise SystemExit("an epoch has samples that are no numbers")
    return time.process_time() - began


def sides(items: list[Item], waves: Waves) -> dict[str, Callable[[int], np.ndarray]]:
    """How a clip comes into memory, by name."""
    return {
        "waves": lambda index: waves.wave(index).astype(np.float32) / np.float32(32768.0),
        "files": lambda index: read(items[index].audio, rate=RATE, mono=True).samples,
        "libsndfile": lambda index: soundfile.read(items[index].audio, dtype="float32")[0],
    }


def measure(items: list[Item], rounds: int) -> list[Figure]:
    """Figures of epochs in turn, so that what else the machine does falls on all sides."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        waves = open_waves(items, Path(folder), rate=RATE)
        making = time.process_time() - began
        if waves.failed:
            raise SystemExit(f"{len(waves.failed)} of {len(items)} clips cannot be heard: {next(iter(waves.failed.values()))}")
        rng = np.random.default_rng(SEED)
        taken: dict[str, list[float]] = {name: [] for name in sides(items, waves)}
        for _ in range(rounds):
            order = rng.permutation(len(items))
            for name, hear in sides(items, waves).items():
                taken[name].append(seconds_of(hear, order))
    count = len(items)
    figures: list[Figure] = [
        {"name": "making_clips_a_second", "value": count / making, "unit": "clips/s", "n": count, "note": "once"},
        {"name": "waves_clips_a_second", "value": count / statistics.median(taken["waves"]), "unit": "clips/s", "n": count},
        {"name": "files_clips_a_second", "value": count / statistics.median(taken["files"]), "unit": "clips/s", "n": count},
    ]
    notes = {"files": "over auricle's reader, each epoch", "libsndfile": "over libsndfile alone, each epoch"}
    for name, note in notes.items():
        ratios = [slow / quick for slow, quick in zip(taken[name], taken["waves"], strict=True)]
        middle, low, high = statistics.median(ratios), min(ratios), max(ratios)
        figures.append({"name": f"ratio_{name}", "value": middle, "low": low, "high": high, "unit": "x", "n": rounds, "note": note})
    return figures


def main() -> None:
    """Measure, print, and write a record where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with esc50_16k, see docs/data.md")
    parser.add_argument("--clips", type=int, default=1600)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--record", type=Path, help="folder to write reading.json to")
    arguments = parser.parse_args()
    items = items_from_rows(corpora.read(arguments.data, ["esc50"]))[: arguments.clips]
    figures = measure(items, arguments.rounds)
    for figure in figures:
        print(f"{figure['name']:24} {figure['value']:10.1f} {figure['unit']}")
    if arguments.record:
        command = shlex.join(["python", "benchmarks/reading.py", "--data", "DIR", *_without_data(sys.argv[1:])])
        about = f"Epochs of {len(items)} clips of ESC-50 (5 s, Ogg Vorbis, 16 kHz), one thread, from files and from waves; processor time."
        write_record(arguments.record, "reading", command=command, seed=SEED, figures=figures, extra={"about": about})


def _without_data(words: list[str]) -> list[str]:
    """The command's words without the place of the data, which is nobody else's."""
    place = words.index("--data")
    return words[:place] + words[place + 2 :]


if __name__ == "__main__":
    main()
