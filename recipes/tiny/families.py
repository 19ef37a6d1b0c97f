"""How often models are wrong, and right, about sounds by kind: music, instruments, speech, digits, silence, tones, noise and games.

    python -m recipes.tiny.families --data DIR --model auricle-tiny mn04_as_mAP_432.pt

families.json says which names of AudioSet's tree are right, and which are neither right nor wrong, for each kind; it was written before
anything was measured by it, and before any model of recipes.tiny.distilled was trained. A recording has a false positive where `tag` marks
a label present that is neither, and is right where it marks a right one; both at the model's own thresholds. Recordings that a model was
trained on, by its lineage, are left out for it. Silence, tones and noise are made here. Writes docs/results/families.json. Hardware: 2
cores, a minute per model.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from auricle.bench.hierarchy import descendants, normalise_name
from auricle.bench.leak_guard import find_by_name
from auricle.bench.lineage import read_lineage
from auricle.bench.results import Figure, write_record
from auricle.core.labels import normalise_label
from auricle.core.records import Clip
from auricle.data import corpora
from auricle.data.corpora.clip_table import Row
from auricle.data.manifest import items_from_rows
from auricle.listen.listener import Listener, load
from auricle.metrics.bootstrap import wilson
from recipes.tiny.label_map import LabelMap, read_label_map

PATH = Path(__file__).parent / "families.json"
RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results"
RATE = 32_000
MADE_SECONDS = 3.0
MADE_COUNT = 60


@dataclass(frozen=True)
class Kind:
    """A kind of sounds. clips: corpus -> its labels, "*" for all; empty for sounds that are made. right, neutral: normalised names."""

    name: str
    clips: Mapping[str, Sequence[str]]
    right: frozenset[str]
    neutral: frozenset[str]

    def contains(self, row: Row) -> bool:
        """Whether a clip is of this kind."""
        wanted = self.clips.get(row.corpus, ())
        return "*" in wanted or row.label in wanted


def read_kinds(path: Path = PATH) -> list[Kind]:
    """Read families.json. KeyError for a name that AudioSet's ontology lacks."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    return [
        Kind(name, one.get("clips", {}), _families(one["right"]), _families([*one["neutral"], *stored["neutral"]]))
        for name, one in stored["kinds"].items()
    ]


def _families(names: Sequence[str]) -> frozenset[str]:
    """Each name and all below it."""
    keys = [normalise_name(name) for name in names]
    return frozenset(keys).union(*(descendants()[key] for key in keys))


class Meanings:
    """Names of AudioSet, normalised, that labels of models mean: its own names, plain ones, those of the shipped model, finer ones."""

    def __init__(self, names: LabelMap) -> None:
        self._meanings: dict[str, frozenset[str]] = {}
        for meanings in names.labels.values():
            for one in meanings.values():
                if one.finer:
                    self._add(one.finer, one.audioset)
        for plain, mapped in ((label, name) for label, name in names.current.items() if name is not None):
            self._add(plain, [mapped])
        for mapped, plain in names.plain.items():
            self._add(plain, [mapped])
            self._add(mapped, [mapped])

    def _add(self, label: str, names: Sequence[str]) -> None:
        self._meanings[normalise_label(label)] = frozenset(normalise_name(name) for name in names)

    def of(self, label: str) -> frozenset[str]:
        """What a label means; empty where AudioSet has no name for it."""
        return self._meanings.get(normalise_label(label), frozenset())


def made_sounds(kind: str, *, seed: int) -> list[Clip]:
    """Sounds of a kind that is made: silence (digital, or noise of -90 to -72 dBFS), tones (60 Hz to 4 kHz), noise (white, pink, brown)."""
    rng = np.random.default_rng([seed, sum(kind.encode())])
    count = round(MADE_SECONDS * RATE)
    times, sounds = np.arange(count) / RATE, []
    for index in range(MADE_COUNT):
        if kind == "silence":
            level = 0.0 if index % 3 == 0 else 10 ** (rng.uniform(-90, -72) / 20)
            wave = level * rng.standard_normal(count)
        elif kind == "tones":
            pitch = float(np.exp(rng.uniform(np.log(60), np.log(4000))))
            wave = 10 ** (rng.uniform(-30, -6) / 20) * np.sin(2 * np.pi * pitch * times)
        else:
            spectrum = np.fft.rfft(rng.standard_normal(count))
            spectrum /= np.maximum(np.arange(len(spectrum)), 60.0) ** (index % 3 / 2)  # power falls by 0, 3 or 6 dB per octave
            wave = np.fft.irfft(spectrum, count)
            wave *= 10 ** (rng.uniform(-40, -15) / 20) / np.sqrt(np.mean(wave**2))
        sounds.append(Clip(wave.astype(np.float32)[None], RATE))
    return sounds


@dataclass(frozen=True)
class Judged:
    """A kind's recordings: how many, how many have a false label, how many a right one. labels: the false ones, with counts."""

    count: int
    false: int
    right: int
    labels: Mapping[str, int]


def judge(present: Sequence[Sequence[str]], kind: Kind, meanings: Meanings) -> Judged:
    """Count recordings with false and right labels. present: the labels that are marked present, of each recording."""
    false, right, labels = 0, 0, Counter[str]()
    for found in present:
        wrong = [label for label in found if not meanings.of(label) & (kind.right | kind.neutral)]
        labels.update(wrong)
        false += bool(wrong)
        right += any(meanings.of(label) & kind.right for label in found)
    return Judged(len(present), false, right, dict(labels.most_common(12)))


def measure(listener: Listener, rows: Sequence[Row], *, seed: int, left_out: bool = False) -> dict[str, Judged]:
    """Judge a model by kind, on clips that it was not trained on. Kinds without any such clip are left out.

    left_out: whether the rows are known to be of a fold that training left out; else clips of corpora that it was trained on do not count.
    """
    meanings, lineage, judged = Meanings(read_label_map()), read_lineage(listener.runtime.folder), {}
    for kind in read_kinds():
        sources: list[Any] = made_sounds(kind.name, seed=seed)
        if kind.clips:
            chosen = [row for row in rows if kind.contains(row)]
            items = items_from_rows(chosen)
            leaks = {name: leak for name, leak in find_by_name(items, lineage).items() if leak.level == "clip" or not left_out}
            sources = [row.path for row, item in zip(chosen, items, strict=True) if item.id not in leaks]
        if not sources:
            continue
        answers = listener.tag(sources, top=None)
        assert isinstance(answers, list)
        if failed := [one.error for one in answers if one.error is not None]:
            raise SystemExit(f"{len(failed)} recordings cannot be read: {failed[0]}; prepare the corpora as docs/data.md describes")
        judged[kind.name] = judge([[tag.label for tag in one.tags if tag.present] for one in answers], kind, meanings)
    return judged


def figures(model: str, judged: Mapping[str, Judged]) -> list[Figure]:
    """Shares with Wilson intervals, for each kind."""
    found: list[Figure] = []
    prefix = re.sub(r"[^a-z0-9]+", "_", model.lower())
    for kind, one in judged.items():
        for what, hits in (("false", one.false), ("right", one.right)):
            low, high = wilson(hits, one.count)
            found.append({"name": f"{prefix}_{kind}_{what}", "value": hits / one.count, "low": low, "high": high, "n": one.count})
    return found


def main() -> None:
    """Measure, print, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", nargs="+", default=["auricle-tiny"], help="models by name or path")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    names = sorted({corpus for kind in read_kinds() for corpus in kind.clips})
    rows, found, labels = corpora.read(asked.data, names), [], {}
    for name in asked.model:
        place = Path(name)
        short = (place.parent.name if place.name == "model" else place.name).removesuffix(".pt")
        judged = measure(load(name), rows, seed=asked.seed)
        found += figures(short, judged)
        labels[short] = {kind: dict(one.labels) for kind, one in judged.items() if one.labels}
    for figure in found:
        print(f"{figure['name']:44} {figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f}) n={figure['n']}")
    command = "python -m recipes.tiny.families --data DIR --model " + " ".join(
        Path(name).name if Path(name).is_file() else name for name in asked.model
    )
    print(write_record(RESULTS, "families", command=command, seed=asked.seed, figures=found, extra={"false_labels": labels}))


if __name__ == "__main__":
    main()
