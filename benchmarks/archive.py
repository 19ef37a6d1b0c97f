"""What an archive costs: indexing beside plain loops, and searching a hundred thousand windows and a million, in one run each.

    python benchmarks/archive.py --data DIR                 everything; prints, and writes docs/results/archive.json
    python benchmarks/archive.py --data DIR --quick --dry   a minute or two, nothing written

Indexing: the corpora under DIR against a plain loop over our own model (read, resample, features, model, window after window) and
against a plain loop over transformers' ClapModel with random weights, which cost the same as trained ones (needs transformers and
torch), on as many files as a minute allows. Memory: peak of a process that indexes twenty made hours, and of one that indexes two.
Searching: windows of those corpora with seeded noise (mean cosine 0.9 to the original), queries from left-out windows and words.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import auricle
from auricle.archive import search as searching
from auricle.archive import sources
from auricle.archive.indexing import index
from auricle.archive.search import Query, Searcher
from auricle.archive.store import Archive, vectors_of
from auricle.bench.results import Figure, fingerprint, write_record
from auricle.listen.listener import Listener, cores
from auricle.runtime import catalog

ROOT = Path(__file__).resolve().parents[1]
SEED = 0
CORPORA = ("esc50_16k", "sonicpi_cc0", "opensfx", "ambience", "librosa_examples", "kenney_ui_cc0", "minetest_sounds", "speech_text")
WORDS = ("a dog barking", "rain on a roof", "church bells", "someone laughing", "an engine idling", "glass breaking", "a bird singing")


def measure_indexing(data: Path, folder: Path, listener: Listener, *, most: int | None) -> tuple[list[Figure], Archive]:
    """Files a second and hours an hour on all cores, beside plain loops on the same files in the same process."""
    found = sources.find([str(data / corpus) for corpus in CORPORA])
    files = dict(list(found.files.items())[:most])
    archive = Archive.create(folder / "archive", listener)
    began = time.perf_counter()
    done = index(archive, listener, sources.Found(files, ()))
    seconds = time.perf_counter() - began
    some = [Path(name) for name in np.random.default_rng(SEED).permutation(sorted(files))[: 200 if most is None else 20]]
    ours, theirs = plain_loop(listener, some), clap_loop(some)
    speed = len(files) / seconds
    figures: list[Figure] = [
        {"name": "index_files_a_second", "value": speed, "unit": "files/s", "n": len(files), "note": f"{cores()} cores, windows of 5 s"},
        {"name": "index_speed", "value": done.seconds / seconds, "unit": "x", "n": len(files), "note": "hours of sound an hour"},
        {"name": "plain_loop_ratio", "value": speed / ours, "unit": "x", "n": len(some), "note": "over a plain loop, our own model"},
    ]
    if theirs is not None:
        note = "over a plain loop with transformers' ClapModel, random weights, one crop of ten seconds a file"
        figures.append({"name": "clap_loop_ratio", "value": speed / theirs, "unit": "x", "n": len(some), "note": note})
    return figures, archive


def plain_loop(listener: Listener, files: Sequence[Path]) -> float:
    """Files a second as a script would do it: one after another, nothing overlapping."""
    began = time.perf_counter()
    for file in files:
        for part in listener.hearing(file):
            assert part.seconds
    return len(files) / (time.perf_counter() - began)


def clap_loop(files: Sequence[Path]) -> float | None:
    """Files a second of the loop that people write around transformers; None where it is not installed."""
    try:
        import soundfile
        import soxr
        import torch
        from transformers import ClapConfig, ClapFeatureExtractor, ClapModel
    except ImportError:
        print("not compared with transformers: it or torch is not installed", file=sys.stderr)
        return None
    torch.manual_seed(SEED)
    extractor, model = ClapFeatureExtractor(truncation="rand_trunc", padding="repeatpad"), ClapModel(ClapConfig())
    model.train(mode=False)
    began, done = time.perf_counter(), 0
    with torch.no_grad():
        for file in files:
            samples, rate = soundfile.read(file, dtype="float32", always_2d=True)
            wave = soxr.resample(samples.mean(axis=1), rate, 48_000)
            model.get_audio_features(**extractor(wave, sampling_rate=48_000, return_tensors="pt"))
            done += 1
            if time.perf_counter() - began > 60:
                break
    return done / (time.perf_counter() - began)


INDEXED = """
import json, resource, sys
from pathlib import Path
import auricle
from auricle.archive import sources
from auricle.archive.indexing import index
from auricle.archive.store import Archive
listener = auricle.load()
index(Archive.create(Path(sys.argv[2]), listener), listener, sources.find([sys.argv[1]]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
"""


def measure_memory(folder: Path, hours: Sequence[int]) -> list[Figure]:
    """Peak memory of processes that index so many hours, in files of twenty minutes."""
    import listen as listening  # the benchmark beside this one, for its made sound

    figures: list[Figure] = []
    for count in hours:
        place = folder / f"hours{count}"
        place.mkdir()
        for number in range(3 * count):
            listening.write_long(place / f"{number}.wav", 1 / 3, channels=1)
        words = [sys.executable, "-c", INDEXED, str(place), str(folder / f"archive{count}")]
        done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT)
        figures.append({"name": f"index_memory_{count}_hours", "value": float(done.stdout), "unit": "MB", "n": 3 * count, "note": "peak"})
        for path in place.iterdir():
            path.unlink()
    return figures


def many(archive: Archive, folder: Path, listener: Listener, count: int) -> tuple[Archive, np.ndarray]:
    """An archive of `count` windows: stored ones with noise, at mean cosine 0.9. And left-out vectors to search with."""
    import pyarrow

    rng = np.random.default_rng(SEED)
    real = vectors_of(archive.table("windows").search().select(["vector"]).limit(None).to_arrow())
    real = real[rng.permutation(len(real))]
    left, real = real[:200], real[200:]
    made = Archive.create(folder / f"many{count}", listener)
    schema = made.table("windows").schema
    sigma = np.sqrt((1 / 0.9**2 - 1) / real.shape[1])  # a unit vector and noise of this spread meet at a cosine of 0.9
    for start in range(0, count, 50_000):
        size = min(50_000, count - start)
        noisy = real[rng.integers(len(real), size=size)] + sigma * rng.standard_normal((size, real.shape[1])).astype(np.float32)
        noisy = (noisy / np.linalg.norm(noisy, axis=1, keepdims=True)).astype(np.float32)
        numbers = np.arange(start, start + size)
        columns: dict[str, Any] = {
            "file": [f"/made/{number // 100:06}.wav" for number in numbers],
            "onset": (numbers % 100) * 4.4,
            "offset": (numbers % 100) * 4.4 + 5,
            "duration": np.full(size, 440.6),
            "rate": np.full(size, 16_000),
            "channels": np.ones(size, np.int64),
            "notes": [""] * size,
            "tags": [""] * size,
            "scores": [[]] * size,
            "content": [""] * size,
            "vector": pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(noisy.reshape(-1)), noisy.shape[1]),
        }
        made.table("windows").add(pyarrow.table(columns, schema=schema))
    return made, left


def measure_search(made: Archive, left: np.ndarray, listener: Listener, *, name: str, rounds: int) -> list[Figure]:
    """Latency end to end of words, and of stored vectors with their recall against comparing all."""
    searcher = Searcher(made, listener)
    count = made.table("windows").count_rows()
    searcher.search(Query(WORDS[0]))
    taken = []
    for _ in range(rounds):
        for words in WORDS:
            began = time.perf_counter()
            searcher.search(Query(words), k=10)
            taken.append(time.perf_counter() - began)
    low, middle, high = np.quantile(taken, [0.05, 0.5, 0.95]) * 1e3
    note = "words to ten hits, in an open process: median, 5 and 95 %"
    figures: list[Figure] = [
        {"name": f"{name}_words_ms", "value": middle, "low": low, "high": high, "unit": "ms", "n": len(taken), "note": note}
    ]
    everything = vectors_of(made.table("windows").search().select(["vector"]).limit(None).to_arrow())
    table, recalls, times = made.table("windows"), [], []
    for vector in left[: 10 * rounds]:
        exact = set(np.argsort(-(everything @ vector), kind="stable")[:10].tolist())
        began = time.perf_counter()
        near = searching.nearest(table, vector, 10)
        times.append(time.perf_counter() - began)
        found = {int(row["file"][6:12]) * 100 + round(row["onset"] / 4.4) for row in near.to_pylist()}
        recalls.append(len(exact & found) / 10)
    figures.append(
        {"name": f"{name}_recall", "value": float(np.mean(recalls)), "n": len(recalls), "note": "recall@10 against comparing all"}
    )
    figures.append({"name": f"{name}_vector_ms", "value": float(np.median(times)) * 1e3, "unit": "ms", "n": len(times), "note": "median"})
    size = sum(path.stat().st_size for path in made.folder.rglob("*") if path.is_file()) / 1e6
    figures.append({"name": f"{name}_disk", "value": size, "unit": "MB", "n": count})
    return figures


def main() -> None:
    """Measure, print, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--dry", action="store_true", help="write no record")
    asked = parser.parse_args()
    listener = auricle.load()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures, archive = measure_indexing(asked.data, folder, listener, most=200 if asked.quick else None)
        figures += measure_memory(folder, (1,) if asked.quick else (2, 20))
        for count, label in ((10_000, "quick"),) if asked.quick else ((100_000, "windows_100k"), (1_000_000, "windows_1m")):
            made, left = many(archive, folder, listener, count)
            began = time.perf_counter()
            made.tidy()
            figures.append({"name": f"{label}_build", "value": time.perf_counter() - began, "unit": "s", "n": count})
            figures += measure_search(made, left, listener, name=label, rounds=3 if asked.quick else 20)
    for figure in figures:
        print(f"{figure['name']:24} {figure['value']:10.3f} {figure.get('unit', ''):8} {figure.get('note', '')}")
    if not asked.dry:
        about = "What an archive costs to fill and to search, and what plain loops cost on the same files."
        weights = fingerprint(catalog.folder(None))
        command = "python benchmarks/archive.py --data DIR"
        where = ROOT / "docs" / "results"
        print(write_record(where, "archive", command=command, seed=SEED, figures=figures, weights=weights, extra={"about": about}))


if __name__ == "__main__":
    print(json.dumps({"cores": cores()}))
    main()
