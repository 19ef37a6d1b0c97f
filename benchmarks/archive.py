"""What an archive costs: indexing beside plain loops, and searching a hundred thousand windows and a million, in one run each.

    python benchmarks/archive.py --data DIR                 everything; prints, and writes docs/results/archive.json
    python benchmarks/archive.py --data DIR --quick --dry   a minute or two, nothing written

Indexing: the corpora under DIR against a plain loop over our own model (read, resample, features, model, window after window) and
against a plain loop over transformers' ClapModel with random weights, which cost the same as trained ones (needs transformers and
torch), on as many files as a minute allows. Memory: peak of a process that indexes twenty made hours, and of one that indexes two.
Searching: windows of those corpora with seeded noise (mean cosine 0.9 to the original), with their tags; queries are left-out windows
and words. Recall is against comparing all. --only runs a part; with --kept, archives that were made are searched again.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import auricle
from auricle.archive import sources
from auricle.archive.indexing import index
from auricle.archive.labels import Example
from auricle.archive.search import Query, Searcher
from auricle.archive.store import Archive, vector_column
from auricle.archive.teaching import Teacher
from auricle.bench.results import Figure, fingerprint, write_record
from auricle.core.workers import cpu_count
from auricle.listen.listener import Listener
from auricle.listen.pipeline import Space
from auricle.runtime import catalog

ROOT = Path(__file__).resolve().parents[1]
SEED = 0
LEFT_OUT = 200  # windows that only search
CORPORA = ("esc50_16k", "sonicpi_cc0", "opensfx", "ambience", "librosa_examples", "kenney_ui_cc0", "minetest_sounds", "speech_text")
COUNTS = {"quick": {"quick": 10_000}, "full": {"windows_100k": 100_000, "windows_1m": 1_000_000}}
LEFT = "left.npy"
WORDS = ("a dog barking", "rain on a roof", "church bells", "someone laughing", "an engine idling", "glass breaking", "a bird singing")


def measure_indexing(data: Path, folder: Path, listener: Listener, *, most: int | None) -> tuple[list[Figure], Archive]:
    """Files a second and hours an hour on all cores, beside plain loops on the same files in the same process."""
    found = sources.find_recordings([str(data / corpus) for corpus in CORPORA])
    files = dict(list(found.files.items())[:most])
    archive = Archive.create(folder / "archive", listener)
    began = time.perf_counter()
    done = index(archive, listener, sources.FileList(files, ()))
    seconds = time.perf_counter() - began
    some = [Path(name) for name in np.random.default_rng(SEED).permutation(sorted(files))[: 200 if most is None else 20]]
    ours, theirs = plain_loop(listener, some), clap_loop(some)
    speed = len(files) / seconds
    figures: list[Figure] = [
        {
            "name": "index_files_a_second",
            "value": speed,
            "unit": "files/s",
            "n": len(files),
            "note": f"{cpu_count()} cores, windows of 5 s",
        },
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
        for part in listener.open(file):
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
import re, sys
from pathlib import Path
import auricle
from auricle.archive import sources
from auricle.archive.indexing import index
from auricle.archive.store import Archive
listener = auricle.load()
index(Archive.create(Path(sys.argv[2]), listener), listener, sources.find_recordings([sys.argv[1]]))
print(int(re.findall(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[0]) * 1024 / 1e6)  # ru_maxrss is the parent's
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
    """An archive of `count` windows: stored ones with noise, at mean cosine 0.9. And held-out similarity embeddings to search with."""
    import pyarrow

    rng = np.random.default_rng(SEED)
    kept = ["vector", "likeness", "tags", "scores"]
    real = archive.table("windows").search().select([*kept, "file", "onset"]).limit(None).to_arrow()
    real = real.sort_by([("file", "ascending"), ("onset", "ascending")]).take(rng.permutation(len(real)))
    left, real = vector_column(real.slice(0, LEFT_OUT), "likeness"), real.slice(LEFT_OUT)
    made = Archive.create(folder / f"many{count}", listener)
    schema = made.table("windows").schema
    for start in range(0, count, 50_000):
        size = min(50_000, count - start)
        some = real.select(kept).take(rng.integers(len(real), size=size)).combine_chunks()
        numbers = np.arange(start, start + size)
        columns: dict[str, Any] = {
            "file": [f"/made/{number // 100:06}.wav" for number in numbers],
            "onset": (numbers % 100) * 4.4,
            "offset": (numbers % 100) * 4.4 + 5,
            "duration": np.full(size, 440.6),
            "rate": np.full(size, 16_000),
            "channels": np.ones(size, np.int64),
            "notes": [""] * size,
            "tags": some["tags"],
            "scores": some["scores"],
            "content": [""] * size,
            **{name: noisy(some, name, rng) for name in ("vector", "likeness")},
        }
        made.table("windows").add(pyarrow.table(columns, schema=schema))
    return made, left


def noisy(rows: Any, column: str, rng: np.random.Generator) -> Any:
    """A column of unit vectors with noise, as Arrow."""
    import pyarrow

    vectors = vector_column(rows, column)
    sigma = np.sqrt((1 / 0.9**2 - 1) / vectors.shape[1])  # a unit vector and noise of this spread meet at a cosine of 0.9
    moved = vectors + sigma * rng.standard_normal(vectors.shape).astype(np.float32)
    moved = (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)
    return pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(moved.reshape(-1)), moved.shape[1])


def measure_search(made: Archive, left: np.ndarray, listener: Listener, *, name: str, rounds: int) -> list[Figure]:
    """Latency end to end of words, and of stored vectors with their recall against comparing all."""
    searcher = Searcher(made, listener, cache_large=True)
    count = made.table("windows").count_rows()
    began = time.perf_counter()
    searcher.search(Query(WORDS[0]))
    first = time.perf_counter() - began
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
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    figures.append({"name": f"{name}_memory", "value": held, "unit": "MB", "n": 1, "note": "peak of the process so far"})
    recall, times = measure_recall(searcher, made, left[: 10 * rounds], "likeness")
    note = "left-out windows: recall@10 against comparing all"
    figures.append({"name": f"{name}_recall", "value": recall, "n": len(times), "note": note})
    recall, searched = measure_recall(searcher, made, listener.embed_text(list(listener.labels)[: 10 * rounds]), "vector")
    note = "words, names of the vocabulary: recall@10 against comparing all"
    figures.append({"name": f"{name}_words_recall", "value": recall, "n": len(searched), "note": note})
    low, middle, high = np.quantile(times, [0.05, 0.5, 0.95]) * 1e3
    both = float(np.median([*taken, *times])) * 1e3
    figures.append({"name": f"{name}_queries_ms", "value": both, "unit": "ms", "n": len(taken) + len(times), "note": "both kinds: median"})
    note = "left-out windows to their ten nearest: median, 5 and 95 %"
    figures.append({"name": f"{name}_vector_ms", "value": middle, "low": low, "high": high, "unit": "ms", "n": len(times), "note": note})
    figures += measure_taught(made, left, listener, name=name)
    note = "the first search: windows, or their outline with its lists, come into memory"
    figures.append({"name": f"{name}_first_seconds", "value": first, "unit": "s", "n": 1, "note": note})
    size = sum(path.stat().st_size for path in made.folder.rglob("*") if path.is_file()) / 1e6
    figures.append({"name": f"{name}_disk", "value": size, "unit": "MB", "n": count})
    return figures


def measure_recall(searcher: Searcher, made: Archive, vectors: np.ndarray, column: str) -> tuple[float, list[float]]:
    """Recall@10 of unit vectors against comparing all, and the seconds each took."""
    everything = vector_column(made.table("windows").search().select([column]).limit(None).to_arrow(), column)
    tenths = [np.sort(everything @ vector)[-10] for vector in vectors]
    del everything
    recalls, times = [], []
    space: Space = "words" if column == "vector" else "similarity"
    searcher.nearest(vectors[0], 10, space=space)
    for vector, tenth in zip(vectors, tenths, strict=True):
        began = time.perf_counter()
        found = searcher.nearest(vector, 10, space=space)
        times.append(time.perf_counter() - began)
        recalls.append(np.mean([near.cosine >= tenth - 1e-5 for near in found]))
    return float(np.mean(recalls)), times


def measure_taught(made: Archive, left: np.ndarray, listener: Listener, *, name: str) -> list[Figure]:
    """From five examples to answers over everything: the head fitted, all windows scored, ten hits."""
    teacher, sound = Teacher(made, listener), f"five shots {time.time_ns()}"  # kept archives were taught before
    rows = made.table("windows").search().select(["file", "onset", "offset"]).limit(5).to_arrow().to_pylist()
    began = time.perf_counter()
    teacher.teach(sound, [Example(row["file"], row["onset"], row["offset"]) for row in rows])
    taught = time.perf_counter() - began
    searcher = Searcher(made, listener, cache_large=True)
    searcher.search(Query(taught=sound), k=10)
    times = []
    for _ in range(10):
        began = time.perf_counter()
        searcher.search(Query(taught=sound), k=10)
        times.append(time.perf_counter() - began)
    middle = float(np.median(times))
    return [
        {"name": f"{name}_teach_seconds", "value": taught, "unit": "s", "n": 1, "note": "five stored windows to a version"},
        {"name": f"{name}_find_ms", "value": middle * 1e3, "unit": "ms", "n": len(times), "note": "a taught sound to ten hits, median"},
    ]


def main() -> None:
    """Measure, print, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=("indexing", "search"), nargs="+", default=("indexing", "search"))
    parser.add_argument("--kept", type=Path, metavar="DIR", help="where made archives are, or are made and left (10 GB)")
    parser.add_argument("--dry", action="store_true", help="write no record")
    asked = parser.parse_args()
    listener = auricle.load()
    with tempfile.TemporaryDirectory() as name:
        scratch, kept = Path(name), asked.kept or Path(name) / "made"
        kept.mkdir(parents=True, exist_ok=True)
        making = "search" in asked.only and not (kept / LEFT).exists()
        if "indexing" in asked.only or making:
            figures, archive = measure_indexing(asked.data, scratch, listener, most=200 if asked.quick else None)
        if making:
            make_many(archive, kept, listener, COUNTS["quick" if asked.quick else "full"])
        if "indexing" in asked.only:
            figures += measure_memory(scratch, (1,) if asked.quick else (2, 20))
            tell("archive-indexing", "What an archive costs to fill, and what plain loops cost on the same files.", figures, dry=asked.dry)
        if "search" in asked.only:
            figures = measure_many(kept, listener, quick=asked.quick)
            tell("archive-search", "What it costs to search many windows, and what the index misses.", figures, dry=asked.dry)


def make_many(archive: Archive, folder: Path, listener: Listener, counts: Mapping[str, int]) -> None:
    """Archives of made windows, with the seconds each took, and the left-out vectors to search with."""
    took = {}
    for name, count in counts.items():
        began = time.perf_counter()
        made, left = many(archive, folder, listener, count)
        made.optimize()
        took[name] = time.perf_counter() - began
    (folder / "took.json").write_text(json.dumps(took))
    np.save(folder / LEFT, left)


def measure_many(folder: Path, listener: Listener, *, quick: bool) -> list[Figure]:
    """Archives of made windows: what they cost to build, to keep and to search."""
    figures: list[Figure] = []
    took, left = json.loads((folder / "took.json").read_text()), np.load(folder / LEFT)
    note = "rows written, joined, and indexed where there are enough"
    for name, count in COUNTS["quick" if quick else "full"].items():
        figures.append({"name": f"{name}_build", "value": took[name], "unit": "s", "n": count, "note": note})
        figures += measure_search(Archive.open(folder / f"many{count}"), left, listener, name=name, rounds=3 if quick else 20)
    return figures


def tell(name: str, about: str, figures: Sequence[Figure], *, dry: bool) -> None:
    """Print the figures, and write them as a record."""
    for figure in figures:
        print(f"{figure['name']:24} {figure['value']:10.3f} {figure.get('unit', ''):8} {figure.get('note', '')}", flush=True)
    if not dry:
        weights, command = fingerprint(catalog.find_folder(None)), "python benchmarks/archive.py --data DIR"
        print(
            write_record(
                ROOT / "docs" / "results", name, command=command, seed=SEED, figures=list(figures), weights=weights, extra={"about": about}
            )
        )


if __name__ == "__main__":
    print(json.dumps({"cores": cpu_count()}))
    main()
