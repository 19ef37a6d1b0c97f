"""Evaluation of archive search on held-out sounds: by name, by example, and with few-shot classes.

    python -m recipes.tiny.archives --data DIR [--work runs/tiny]

Needs the models of `recipes.tiny --study folds` and `--study unseen` in the work folder; `--study retrieval` takes those of
recipes.tiny.left_out too (--work runs/ship). By name and by example: an archive of each fold's
ESC-50 clips, by the model trained without the fold. Queries are all class names and all clips; clips of the query's own recording are
excluded. Five shots: an archive of all ESC-50 clips, by the model trained without a fifth of the classes. Each of those classes is defined
by five clips of five recordings, five times, and the clips of all other recordings are ranked. Silent clips are not used as examples and
are ranked last.

Baselines: chance, and nearest neighbours by log-mel statistics (mean and standard deviation of each band over time, standardised). All
searches use an archive, as a user's search does. Hardware: 2 cores, ten minutes. Seed 0.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from auricle.archive import indexing
from auricle.archive.labels import Example
from auricle.archive.search import Query, Searcher
from auricle.archive.sources import FileList
from auricle.archive.store import Archive
from auricle.archive.teaching import Teacher
from auricle.bench.results import Figure, write_record
from auricle.data.corpora import read
from auricle.data.corpora.clip_table import FOLDS, Row, fold
from auricle.listen.listener import load
from auricle.metrics import bootstrap
from auricle.metrics.curves import average_precision
from auricle.metrics.retrieval import average_precisions_at, recall_at
from auricle.signal.frontend import open_frontend
from auricle.signal.streaming import read as read_sound

RESULTS = Path("docs/results")
SEED = 0
SHOTS, DRAWS = 5, 5
KS = (1, 5, 10)


class RankedQuery(NamedTuple):
    """One query: scores of the candidate items (n,), and which of them are relevant, bool (n,)."""

    scores: np.ndarray
    relevant: np.ndarray


def open_archive(rows: Sequence[Row], model: Path, folder: Path) -> Searcher:
    """Index the rows' files with one model."""
    listener = load(model)
    archive = Archive.create(folder, listener)
    indexing.index(archive, listener, FileList({str(row.path.resolve()): "" for row in rows}, ()))
    return Searcher(archive, listener)


def rank_files(searcher: Searcher, query: Query, index_of: dict[str, int]) -> np.ndarray:
    """Scores (N,) of the files, the maximum over their windows; files without a hit get -1. index_of: file to its index."""
    scores = np.full(len(index_of), -1.0)
    for hit in searcher.search(query, k=2 * len(index_of)):
        row = index_of[hit.file]
        scores[row] = max(scores[row], hit.score)
    return scores


def by_name(searcher: Searcher, rows: Sequence[Row]) -> Iterator[RankedQuery]:
    """Use every class name as a query."""
    index_of = _index_of(rows)
    for label in sorted({row.labels[0] for row in rows}):
        yield RankedQuery(rank_files(searcher, Query(label), index_of), np.array([label in row.labels for row in rows]))


def by_example(rows: Sequence[Row], scores_of: Callable[[int], np.ndarray]) -> Iterator[RankedQuery]:
    """Use every clip as a query among clips of other recordings. scores_of: index of a clip to the scores (N,) of all."""
    for index, row in enumerate(rows):
        others = np.array([other.source != row.source for other in rows])
        relevant = np.array([other.labels == row.labels for other in rows])
        yield RankedQuery(scores_of(index)[others], relevant[others])


def log_mel_statistics(rows: Sequence[Row]) -> np.ndarray:
    """Mean and standard deviation over time of each log-mel band, standardised over clips, unit length: (N, 128)."""
    frontend = open_frontend("auricle-16k")
    vectors = []
    for row in rows:
        clip = read_sound(row.path, rate=frontend.rate, mono=True)
        features = frontend.features(clip.samples[0])
        vectors.append(np.concatenate([features.mean(axis=0), features.std(axis=0)]))
    table = np.array(vectors)
    table = (table - table.mean(axis=0)) / (table.std(axis=0) + 1e-6)
    return np.asarray(table / np.linalg.norm(table, axis=1, keepdims=True))


def make_figures(name: str, queries: Sequence[RankedQuery], note: str) -> list[Figure]:
    """mAP@10 with its interval over queries, and recall at 1, 5 and 10."""
    precision = np.array([average_precisions_at(one.relevant[None], one.scores[None], 10)[0] for one in queries])
    low, high = bootstrap.interval(precision, seed=SEED)
    rows: list[Figure] = [
        {"name": f"{name}_map10", "value": float(np.nanmean(precision)), "low": low, "high": high, "n": len(queries), "note": note}
    ]
    for k in KS:
        hits = [float(recall_at(one.relevant[None], one.scores[None], k)[0]) for one in queries]
        rows.append({"name": f"{name}_r{k}", "value": float(np.nanmean(hits)), "n": len(queries)})
    return rows


def study_retrieval(rows: Sequence[Row], work: Path, scratch: Path) -> list[Figure]:
    """Search by name and by example on held-out folds."""
    rng = np.random.default_rng(SEED)
    queries: dict[str, list[RankedQuery]] = {}
    for left in FOLDS:
        some = [row for row in rows if fold(row) == left]
        folder = work / f"fold{left}"
        searcher, index_of = (
            open_archive(some, folder / "model" if (folder / "model").exists() else folder, scratch / f"fold{left}"),
            _index_of(some),
        )
        table = log_mel_statistics(some)
        names = list(by_name(searcher, some))
        queries.setdefault("by_name", []).extend(names)
        queries.setdefault("by_name_chance", []).extend(RankedQuery(rng.random(len(some)), one.relevant) for one in names)

        def score(row: int, searcher: Searcher = searcher, index_of: dict[str, int] = index_of, some: Sequence[Row] = some) -> np.ndarray:
            return rank_files(searcher, Query(like=str(some[row].path.resolve())), index_of)

        queries.setdefault("by_example", []).extend(by_example(some, score))
        similarity = table @ table.T
        queries.setdefault("by_example_log_mel", []).extend(by_example(some, similarity.__getitem__))
        queries.setdefault("by_example_chance", []).extend(by_example(some, rng.random((len(some), len(some))).__getitem__))
        print(f"fold {left}: by example {make_figures('', queries['by_example'], '')[0]['value']:.3f}", flush=True)
    notes = {
        "by_name": "a class name among the held-out fold's 400 clips, 8 of them relevant",
        "by_example": "a clip among the clips of other recordings",
        "by_example_log_mel": "the same with nearest neighbours by log-mel statistics",
    }
    return [row for name, ranked in queries.items() for row in make_figures(name, ranked, notes.get(name, "random order"))]


def study_five_shots(rows: Sequence[Row], work: Path, scratch: Path) -> list[Figure]:
    """Few-shot classes from five clips, by models that were not trained on these classes."""
    precisions: dict[str, list[float]] = {"five_shots": [], "five_shots_log_mel": [], "one_shot": []}
    by_set: list[list[float]] = []
    labels = [label for _, label in sorted({(row.target, row.labels[0]) for row in rows})]
    table, index_of = log_mel_statistics(rows), _index_of(rows)
    for number in range(5):
        searcher = open_archive(rows, work / f"unseen-fifths-{number}", scratch / f"fifth{number}")
        teacher = Teacher(searcher.archive, searcher.listener, searcher)
        files = searcher.archive.files()
        audible = np.array([files[str(row.path.resolve())]["windows"] > 0 for row in rows])
        rng = np.random.default_rng([SEED, number])
        start = len(precisions["five_shots"])
        for label in labels[number::5]:
            relevant = np.array([row.labels[0] == label for row in rows])
            for draw in range(DRAWS):
                examples = _draw_examples(rows, relevant & audible, rng)
                sources = {rows[index].source for index in examples}
                candidates = np.array([row.source not in sources for row in rows])
                for name, shots in (("five_shots", examples), ("one_shot", examples[:1])):
                    taught = teacher.teach(f"{label} {draw} {name}", [Example(str(rows[index].path.resolve())) for index in shots])
                    scores = rank_files(searcher, Query(taught=taught.name), index_of)
                    precisions[name].append(average_precision(relevant[candidates], scores[candidates]))
                scores = table @ table[examples].mean(axis=0)
                precisions["five_shots_log_mel"].append(average_precision(relevant[candidates], scores[candidates]))
        by_set.append(precisions["five_shots"][start:])
        print(f"fifth {number}: five shots {np.mean(by_set[-1]):.3f}", flush=True)
    notes = {
        "five_shots": "average precision over 1600 clips without the examples' recordings; 50 classes x 5 draws, 2 % of the clips relevant"
    }
    figures: list[Figure] = []
    for name, each in precisions.items():
        values = np.array(each).reshape(-1, DRAWS).mean(axis=1)  # draws of one class are not independent
        low, high = bootstrap.interval(values, seed=SEED)
        figures.append({"name": name, "value": float(values.mean()), "low": low, "high": high, "n": len(each), "note": notes.get(name, "")})
    figures += [{"name": f"five_shots_set_{k}", "value": float(np.mean(each)), "n": len(each)} for k, each in enumerate(by_set)]
    chance = float(np.mean([row.labels[0] == labels[0] for row in rows]))
    return [*figures, {"name": "five_shots_chance", "value": chance, "n": len(rows), "note": "share of relevant clips"}]


def _draw_examples(rows: Sequence[Row], eligible: np.ndarray, rng: np.random.Generator) -> list[int]:
    """Indices of SHOTS eligible clips, each of another recording."""
    indices = np.flatnonzero(eligible).tolist()
    sources = sorted({rows[index].source for index in indices})
    drawn = rng.permutation(len(sources))[:SHOTS]
    return [int(rng.choice([index for index in indices if rows[index].source == sources[number]])) for number in drawn]


def _index_of(rows: Sequence[Row]) -> dict[str, int]:
    return {str(row.path.resolve()): index for index, row in enumerate(rows)}


def main() -> None:
    """Run the studies and write their result records."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("runs/tiny"))
    parser.add_argument("--study", choices=("retrieval", "five-shots"), nargs="+", default=("retrieval", "five-shots"))
    options = parser.parse_args()
    rows = read(options.data, ["esc50"])
    about = {
        "retrieval": "Search of ESC-50 clips by class name and by example, each fold by the model trained without it. Names in the model's "
        "vocabulary are searched by their trained score.",
        "five-shots": "ESC-50 classes from five example clips of five recordings, by models trained without these and related classes.",
    }
    for study, run in (("retrieval", study_retrieval), ("five-shots", study_five_shots)):
        if study in options.study:
            with tempfile.TemporaryDirectory() as scratch:
                figures = run(rows, options.work, Path(scratch))
            command = "python -m recipes.tiny.archives --data DIR"
            print(write_record(RESULTS, study, command=command, seed=SEED, figures=figures, extra={"about": about[study]}))


if __name__ == "__main__":
    main()
