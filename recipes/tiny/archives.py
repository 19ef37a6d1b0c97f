"""How well archives find sounds: by name, by example, and taught from five of them, with models that never heard them.

    python -m recipes.tiny.archives --data DIR [--work runs/tiny]

Takes the models that `recipes.tiny --study folds` and `--study unseen` left under the work folder. By name and by example: each fold's
ESC-50 clips in an archive made with the model that was trained without the fold; every class's name is a query, and every clip, whose
own source recording is no answer. Five shots: all ESC-50 clips in an archive made with the model that was trained without a fifth of
the classes; each of those classes is taught from five clips of five recordings, five times, and the other recordings are ranked. A clip
in which nothing sounds is no example, and is ranked last.

Beside them: chance, and the nearest log-mel statistics (mean and spread of each band over time, standardised), as one would do without
a model. Everything goes through an archive, as a user's search does. Hardware: 2 cores, ten minutes. Seed 0.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from auricle.archive.indexing import index
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


class Judged(NamedTuple):
    """One query: scores of the items that count, and which of them are right."""

    scores: np.ndarray
    right: np.ndarray


def open_archive(rows: Sequence[Row], model: Path, folder: Path) -> Searcher:
    """An archive of the rows' files, made with one model."""
    listener = load(model)
    archive = Archive.create(folder, listener)
    index(archive, listener, FileList({str(row.path.resolve()): "" for row in rows}, ()))
    return Searcher(archive, listener)


def ranking(searcher: Searcher, query: Query, places: dict[str, int]) -> np.ndarray:
    """Scores (N,) of the files by their place, the best of their windows; files that were not found get less than all others."""
    scores = np.full(len(places), -1.0)
    for hit in searcher.search(query, k=2 * len(places)):
        place = places[hit.file]
        scores[place] = max(scores[place], hit.score)
    return scores


def by_name(searcher: Searcher, rows: Sequence[Row]) -> Iterator[Judged]:
    """Every class's name as a query."""
    places = _places(rows)
    for word in sorted({row.labels[0] for row in rows}):
        yield Judged(ranking(searcher, Query(word), places), np.array([word in row.labels for row in rows]))


def by_example(rows: Sequence[Row], scores_of: Callable[[int], np.ndarray]) -> Iterator[Judged]:
    """Every clip as a query among clips of other recordings. scores_of: place of a clip to the scores (N,) of all."""
    for place, row in enumerate(rows):
        others = np.array([other.source != row.source for other in rows])
        right = np.array([other.labels == row.labels for other in rows])
        yield Judged(scores_of(place)[others], right[others])


def statistics(rows: Sequence[Row]) -> np.ndarray:
    """Mean and spread over time of each clip's log-mel bands, standardised over the clips, unit length: (N, 128)."""
    frontend = open_frontend("auricle-16k")
    found = []
    for row in rows:
        clip = read_sound(row.path, rate=frontend.rate, mono=True)
        features = frontend.features(clip.samples[0])
        found.append(np.concatenate([features.mean(axis=0), features.std(axis=0)]))
    table = np.array(found)
    table = (table - table.mean(axis=0)) / (table.std(axis=0) + 1e-6)
    return np.asarray(table / np.linalg.norm(table, axis=1, keepdims=True))


def figures(name: str, judged: Sequence[Judged], note: str) -> list[Figure]:
    """mAP@10 with its interval over queries, and the share of queries with a right one among the first 1, 5 and 10."""
    precision = np.array([average_precisions_at(one.right[None], one.scores[None], 10)[0] for one in judged])
    low, high = bootstrap.interval(precision, seed=SEED)
    rows: list[Figure] = [
        {"name": f"{name}_map10", "value": float(np.nanmean(precision)), "low": low, "high": high, "n": len(judged), "note": note}
    ]
    for k in KS:
        hits = [float(recall_at(one.right[None], one.scores[None], k)[0]) for one in judged]
        rows.append({"name": f"{name}_r{k}", "value": float(np.nanmean(hits)), "n": len(judged)})
    return rows


def study_retrieval(rows: Sequence[Row], work: Path, scratch: Path) -> list[Figure]:
    """By name and by example on left-out folds."""
    rng = np.random.default_rng(SEED)
    judged: dict[str, list[Judged]] = {}
    for left in FOLDS:
        some = [row for row in rows if fold(row) == left]
        searcher, places, table = open_archive(some, work / f"fold{left}", scratch / f"fold{left}"), _places(some), statistics(some)
        names = list(by_name(searcher, some))
        judged.setdefault("by_name", []).extend(names)
        judged.setdefault("by_name_chance", []).extend(Judged(rng.random(len(some)), one.right) for one in names)

        def like(place: int, searcher: Searcher = searcher, places: dict[str, int] = places, some: Sequence[Row] = some) -> np.ndarray:
            return ranking(searcher, Query(like=str(some[place].path.resolve())), places)

        judged.setdefault("by_example", []).extend(by_example(some, like))
        near = table @ table.T
        judged.setdefault("by_example_log_mel", []).extend(by_example(some, near.__getitem__))
        judged.setdefault("by_example_chance", []).extend(by_example(some, rng.random((len(some), len(some))).__getitem__))
        print(f"fold {left}: by example {figures('', judged['by_example'], '')[0]['value']:.3f}", flush=True)
    notes = {
        "by_name": "a class's name among the left-out fold's 400 clips, 8 of them right",
        "by_example": "a clip among those of other recordings",
        "by_example_log_mel": "the same by nearest log-mel statistics",
    }
    return [row for name, found in judged.items() for row in figures(name, found, notes.get(name, "random order"))]


def study_five_shots(rows: Sequence[Row], work: Path, scratch: Path) -> list[Figure]:
    """Classes that no model was trained on, taught from five clips."""
    precisions: dict[str, list[float]] = {"five_shots": [], "five_shots_log_mel": [], "one_shot": []}
    by_set: list[list[float]] = []
    words = [word for _, word in sorted({(row.target, row.labels[0]) for row in rows})]
    table, places = statistics(rows), _places(rows)
    for number in range(5):
        searcher = open_archive(rows, work / f"unseen-fifths-{number}", scratch / f"fifth{number}")
        teacher = Teacher(searcher.archive, searcher.listener, searcher)
        files = searcher.archive.files()
        sounding = np.array([files[str(row.path.resolve())]["windows"] > 0 for row in rows])
        rng = np.random.default_rng([SEED, number])
        start = len(precisions["five_shots"])
        for word in words[number::5]:
            own = np.array([row.labels[0] == word for row in rows])
            for draw in range(DRAWS):
                examples = _drawn(rows, own & sounding, rng)
                sources = {rows[place].source for place in examples}
                counted = np.array([row.source not in sources for row in rows])
                for name, shots in (("five_shots", examples), ("one_shot", examples[:1])):
                    taught = teacher.teach(f"{word} {draw} {name}", [Example(str(rows[place].path.resolve())) for place in shots])
                    scores = ranking(searcher, Query(taught=taught.name), places)
                    precisions[name].append(average_precision(own[counted], scores[counted]))
                scores = table @ table[examples].mean(axis=0)
                precisions["five_shots_log_mel"].append(average_precision(own[counted], scores[counted]))
        by_set.append(precisions["five_shots"][start:])
        print(f"fifth {number}: five shots {np.mean(by_set[-1]):.3f}", flush=True)
    notes = {
        "five_shots": "average precision over 1600 clips less the examples' recordings; 50 classes x 5 draws, 2 % of the clips are right"
    }
    rows_out: list[Figure] = []
    for name, found in precisions.items():
        values = np.array(found).reshape(-1, DRAWS).mean(axis=1)  # draws of one class are not independent
        low, high = bootstrap.interval(values, seed=SEED)
        rows_out.append(
            {"name": name, "value": float(values.mean()), "low": low, "high": high, "n": len(found), "note": notes.get(name, "")}
        )
    rows_out += [{"name": f"five_shots_set_{k}", "value": float(np.mean(found)), "n": len(found)} for k, found in enumerate(by_set)]
    chance = float(np.mean([row.labels[0] == words[0] for row in rows]))
    return [*rows_out, {"name": "five_shots_chance", "value": chance, "n": len(rows), "note": "share of right clips"}]


def _drawn(rows: Sequence[Row], own: np.ndarray, rng: np.random.Generator) -> list[int]:
    """Places of SHOTS clips of one class, each of another recording."""
    sources = sorted({rows[place].source for place in np.flatnonzero(own).tolist()})
    chosen = rng.permutation(len(sources))[:SHOTS]
    return [int(rng.choice([p for p in np.flatnonzero(own).tolist() if rows[p].source == sources[number]])) for number in chosen]


def _places(rows: Sequence[Row]) -> dict[str, int]:
    return {str(row.path.resolve()): place for place, row in enumerate(rows)}


def main() -> None:
    """Run both studies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("runs/tiny"))
    parser.add_argument("--study", choices=("retrieval", "five-shots"), nargs="+", default=("retrieval", "five-shots"))
    asked = parser.parse_args()
    rows = [row for row in read(asked.data) if row.corpus == "esc50"]
    about = {
        "retrieval": "ESC-50 clips found by their class's name and by example, each fold by the model trained without it. A name of the "
        "vocabulary has a trained score, which counts.",
        "five-shots": "ESC-50 classes taught from five clips of five recordings, by models trained without them and what touches them.",
    }
    for study, run in (("retrieval", study_retrieval), ("five-shots", study_five_shots)):
        if study in asked.study:
            with tempfile.TemporaryDirectory() as scratch:
                found = run(rows, asked.work, Path(scratch))
            command = "python -m recipes.tiny.archives --data DIR"
            print(write_record(RESULTS, study, command=command, seed=SEED, figures=found, extra={"about": about[study]}))


if __name__ == "__main__":
    main()
