"""Whether phrases are answered by the label that they mean: paraphrases of labels, and near misses that mean another thing.

    python benchmarks/paraphrases.py [--file benchmarks/paraphrases.json] [--model MODEL] [--data DIR [--each 20]] [--dry]

The file was written before the matching that it measures. It has {"paraphrases": {label: [phrase, ...]}, "near_misses": [[label, phrase],
...]}. Without recordings it is measured which label of a vocabulary answers each phrase (listen.vocabulary), for the labels of the model
and for AudioSet's, whichever have the label of the file: the share of paraphrases that their own label answers, another one (of AudioSet
also: a more specific one by its ontology), or none, and the share of near misses that the label answers that must not answer them.
With --data: on recordings that the model was not trained on (clips.csv of the folders in DIR; by the lineage of the model), whether a
phrase has the answer of its label: both present or neither, and the difference of their scores. Recordings are up to --each of each label
of the file, by the label of their table, and as many others in all. Writes docs/results/paraphrases.json.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from auricle.bench.hierarchy import descendants, normalise_name
from auricle.bench.leak_guard import find_by_name
from auricle.bench.lineage import read_lineage
from auricle.bench.results import Figure, write_record
from auricle.core import audioset
from auricle.core.config import Strict
from auricle.core.errors import InputError
from auricle.core.labels import label_key
from auricle.data import corpora
from auricle.data.corpora.clip_table import TABLE
from auricle.data.item import Item
from auricle.listen.listener import Listener, load
from auricle.listen.vocabulary import Vocabulary
from auricle.metrics.bootstrap import interval, wilson

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "benchmarks" / "paraphrases.json"
SEED = 0


class Phrases(Strict):
    """paraphrases: phrases by the label that they mean. near_misses: pairs of a label and a phrase that does not mean it. about: a note."""

    about: str = ""
    paraphrases: Mapping[str, tuple[str, ...]]
    near_misses: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class Answered:
    """Which label answers a phrase: asked, the label of the file, and found, the label of the vocabulary that answers; None for none."""

    asked: str
    phrase: str
    found: str | None

    @property
    def by_own(self) -> bool:
        """The label of the file answers."""
        return self.found is not None and label_key(self.found) == label_key(self.asked)

    @property
    def by_more_specific(self) -> bool:
        """A label answers that is below the label of the file in AudioSet's ontology."""
        return self.found is not None and normalise_name(self.found) in descendants().get(normalise_name(self.asked), ())


def read_phrases(path: Path) -> Phrases:
    """Read the file. InputError where it has another form."""
    try:
        return Phrases.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); wanted a JSON file of phrases") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(f"{path}: {place}: {first['msg']}; wanted paraphrases by label, and near_misses as pairs") from error


def answered(pairs: Iterable[tuple[str, str]], labels: Sequence[str]) -> list[Answered]:
    """The label that answers each phrase, of pairs (label, phrase) whose label is in the vocabulary."""
    vocabulary, keys = Vocabulary(labels), {label_key(label) for label in labels}
    found = [(label, phrase, vocabulary.match(phrase)) for label, phrase in pairs if label_key(label) in keys]
    return [Answered(label, phrase, None if match is None else match.label) for label, phrase, match in found]


def matching(phrases: Phrases, labels: Sequence[str], name: str) -> tuple[list[Figure], dict[str, Any]]:
    """Shares of phrases by which label answers them, and the same by label, with the phrases whose answer is not the one wanted.

    name: of the vocabulary, for the names of the figures.
    """
    wanted = answered(((label, phrase) for label, several in phrases.paraphrases.items() for phrase in several), labels)
    unwanted = answered(phrases.near_misses, labels)
    others = [one for one in wanted if one.found is not None and not one.by_own]
    figures = []
    if wanted:
        figures += [
            _share(f"{name}_own", sum(one.by_own for one in wanted), len(wanted), "paraphrases that their label answers"),
            _share(f"{name}_other", len(others), len(wanted), "paraphrases that another label answers"),
            _share(
                f"{name}_more_specific", sum(one.by_more_specific for one in others), len(wanted), "of them, by one below it in AudioSet"
            ),
        ]
    if unwanted:
        figures.append(
            _share(f"{name}_near_misses", sum(one.by_own for one in unwanted), len(unwanted), "near misses that the label answers")
        )
    by_label = {}
    for label in dict.fromkeys(one.asked for one in (*wanted, *unwanted)):
        own, near = ([one for one in several if one.asked == label] for several in (wanted, unwanted))
        by_label[label] = {
            "own": _counted([one.by_own for one in own]),
            "other": _counted([one in others for one in own]),
            "near_misses": _counted([one.by_own for one in near]),
            "not_own": {one.phrase: one.found for one in own if not one.by_own},
            "answered_near_misses": [one.phrase for one in near if one.by_own],
        }
    return figures, by_label


def _counted(hits: Sequence[bool]) -> dict[str, float | int] | None:
    """Share, Wilson interval and number of items; None without items."""
    if not hits:
        return None
    low, high = wilson(sum(hits), len(hits))
    return {"value": round(sum(hits) / len(hits), 4), "low": round(low, 4), "high": round(high, 4), "n": len(hits)}


def _share(name: str, hits: int, trials: int, note: str) -> Figure:
    low, high = wilson(hits, trials)
    return {"name": name, "value": hits / trials, "low": low, "high": high, "n": trials, "note": note}


def left_out(data: Path, listener: Listener) -> list[Item]:
    """The recordings of the tables in the folders of DIR that the model was not trained or calibrated on. InputError without any."""
    names, items = {corpus.folder: name for name, corpus in corpora.CORPORA.items()}, []
    for table in sorted(data.glob(f"*/{TABLE}")):
        with table.open(newline="", encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                number = row["source_id"].partition("freesound/")[2]
                labels = (row["label"],) if row["label"].strip() else ()
                items.append(
                    Item(
                        f"{table.parent.name}/{row['filename']}",
                        table.parent / row["filename"],
                        labels=labels,
                        corpus=names.get(table.parent.name, table.parent.name),
                        source=number or row["source_id"],
                        site="freesound" if number else "",
                    )
                )
    leaks = find_by_name(items, read_lineage(listener.runtime.folder))
    kept = [item for item in items if item.id not in leaks or leaks[item.id].level != "clip"]
    if not kept:
        raise InputError(f"{data} has no recordings that {listener.config.name} was not trained on; wanted folders with a {TABLE}")
    return kept


def chosen(items: Sequence[Item], labels: Sequence[str], vocabulary: Vocabulary, each: int) -> list[Item]:
    """Up to `each` recordings of each label, by the label of their table, and as many of none of them; the same for the same seed."""
    rng = np.random.default_rng(SEED)
    keys = {label_key(label) for label in labels}
    by_label: dict[str | None, list[Item]] = {}
    for item in items:
        matches = [match for text in item.labels if (match := vocabulary.match(text)) is not None]
        key = next((label_key(match.label) for match in matches if label_key(match.label) in keys), None)
        by_label.setdefault(key, []).append(item)
    few = [item for key, several in by_label.items() if key is not None for item in _some(rng, several, each)]
    return few + _some(rng, by_label.get(None, []), len(few))


def _some(rng: np.random.Generator, items: Sequence[Item], most: int) -> list[Item]:
    return [items[place] for place in sorted(rng.permutation(len(items))[:most])]


def agreement(phrases: Phrases, listener: Listener, items: Sequence[Item]) -> list[Figure]:
    """Whether each phrase has the answer of its label in each recording; intervals over recordings.

    Phrases without an answer, such as those of which the model knows no word, do not agree.
    """
    keys = {label_key(label) for label in listener.labels}
    asked = {label: several for label, several in phrases.paraphrases.items() if label_key(label) in keys}
    words = list(dict.fromkeys(word for label, several in asked.items() for word in (label, *several)))
    same, where_present, apart = [], [], []
    for analysis in listener.each([item.audio for item in items], words):
        if analysis.error is not None or analysis.silent:
            continue
        found = {label.label: label for label in analysis.labels or ()}
        rows = [(found[label], found.get(word)) for label, several in asked.items() for word in several]
        hits = np.array([answer is not None and answer.present == label.present for label, answer in rows], float)
        present = np.array([label.present for label, _ in rows])
        same.append(hits.mean())
        where_present.append(hits[present].mean() if present.any() else np.nan)
        apart.append(float(np.mean([abs(label.score - (0.0 if answer is None else answer.score)) for label, answer in rows])))
    notes = {
        "agreement": "phrases that are present where their label is, and absent where it is absent, in left-out recordings",
        "agreement_present": "the same, for labels that are present",
        "score_difference": "mean absolute difference of the scores of a phrase and its label",
    }
    figures: list[Figure] = []
    for (name, note), values in zip(notes.items(), (same, where_present, apart), strict=True):
        array = np.array(values)
        if np.isfinite(array).any():
            low, high = interval(array, seed=SEED)
            count = int(np.isfinite(array).sum())
            figures.append({"name": name, "value": float(np.nanmean(array)), "low": low, "high": high, "n": count, "note": note})
    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, default=FILE)
    parser.add_argument("--model", help="by default the shipped one")
    parser.add_argument("--data", type=Path, help="folder of recordings that docs/data.md describes")
    parser.add_argument("--each", type=int, default=20, help="recordings of each label")
    parser.add_argument("--results", type=Path, default=ROOT / "docs" / "results")
    parser.add_argument("--dry", action="store_true", help="write no record")
    asked = parser.parse_args(arguments)
    phrases, listener = read_phrases(asked.file), load(asked.model)
    figures: list[Figure] = []
    by_vocabulary = {}
    for name, labels in (("model", listener.labels), ("audioset", audioset.labels())):
        shares, by_vocabulary[name] = matching(phrases, labels, name)
        figures += shares
    if asked.data is not None:
        items = chosen(left_out(asked.data, listener), tuple(phrases.paraphrases), listener.vocabulary, asked.each)
        figures += agreement(phrases, listener, items)
    for figure in figures:
        print(f"{figure['name']:24} {figure['value']:7.3f}  {figure['low']:.3f} to {figure['high']:.3f}  n {figure['n']}  {figure['note']}")
    for name, by_label in by_vocabulary.items():
        for label, one in by_label.items():
            print(f"{name} {label}: own {one['own']}, other {one['other']}, near misses {one['near_misses']}")
    if not asked.dry:
        about = (
            "Phrases that mean a label and near misses that do not, written before the matching that they measure: which label answers "
            "each, of the model's labels and of AudioSet's, and whether a phrase has the answer of its label in left-out recordings."
        )
        command = "python benchmarks/paraphrases.py" + (" --data DIR" if asked.data is not None else "")
        extra = {"about": about, "by_label": by_vocabulary}
        weights = listener.fingerprint if asked.model is None else None
        print(write_record(asked.results, "paraphrases", command=command, seed=SEED, figures=figures, weights=weights, extra=extra))


if __name__ == "__main__":
    main()
