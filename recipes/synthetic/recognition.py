"""How often a published AudioSet tagger recognises the synthetic clips, kind by kind: what it does not recognise has to be mended.

    python -m recipes.synthetic.recognition --data DIR --model mn04_as_mAP_432.pt [--record docs/results]

DIR contains the folder `synthetic`. A clip is recognised where one of the three best labels fits one of its labels by audioset_names.json;
its particular label (the instrument, the kind of alarm) where one of the ten best fits. Clips over recorded ambience are left out.
Hardware: one core, thirty clips a second.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from auricle.bench.results import Figure, write_record
from auricle.core import audioset
from auricle.core.records import Analysis
from auricle.data import corpora
from auricle.data.corpora.clip_table import Row
from auricle.listen.listener import Listener, load
from auricle.metrics import bootstrap

#: How many of the best labels may fit a clip's labels, and its particular label.
BEST, BEST_PARTICULAR = 3, 10
ABOUT = (
    "Synthetic clips (`python -m recipes.synthetic`) tagged by EfficientAT mn04 (AudioSet): share of clips of each kind of which one of "
    "the three best labels fits, and (particular) one of the ten best fits the particular label, such as the instrument."
)


@dataclass
class Recognition:
    """Results of one kind: for each clip whether it was recognised, and by its particular label; and the best labels where it was not."""

    fits: list[bool] = field(default_factory=list)
    particular: list[bool] = field(default_factory=list)
    mistaken_for: Counter[str] = field(default_factory=Counter)


@cache
def fitting_names() -> dict[str, frozenset[str]]:
    """Label of a synthetic clip -> AudioSet names that fit."""
    content = json.loads((Path(__file__).parent / "audioset_names.json").read_text(encoding="utf-8"))["names"]
    unknown = {name for names in content.values() for name in names} - set(audioset.labels())
    assert not unknown, f"no names of AudioSet: {unknown}"
    return {label: frozenset(names) for label, names in content.items()}


def recognise(listener: Listener, rows: Sequence[Row]) -> dict[str, Recognition]:
    """Tag the clips, and compare by kind. The listener's labels are those of AudioSet."""
    rows = [row for row in rows if "ambience=ambience/" not in row.extra]
    analyses = listener.tag([row.path for row in rows], top=BEST_PARTICULAR)
    assert isinstance(analyses, list)
    results: dict[str, Recognition] = defaultdict(Recognition)
    for row, analysis in zip(rows, analyses, strict=True):
        _compare(results[kind_of(row)], row.labels, analysis)
    return dict(results)


def kind_of(row: Row) -> str:
    """The kind of a clip, from its settings."""
    found = re.search(r";kind=([^;]+)", row.extra)
    assert found is not None, f"{row.path} has no kind in {row.extra!r}"
    return found[1]


def _compare(result: Recognition, labels: Sequence[str], analysis: Analysis) -> None:
    names = [tag.label for tag in analysis.tags]
    fitting = frozenset[str]().union(*(fitting_names()[label] for label in labels))
    particular = frozenset[str]().union(*(fitting_names()[label] for label in labels[1:] or labels))
    names = ["Silence"] if analysis.silent else names  # below the level of auricle's own gate
    fits = not fitting.isdisjoint(names[:BEST])
    result.fits.append(fits)
    result.particular.append(not particular.isdisjoint(names))
    if not fits:
        result.mistaken_for[names[0]] += 1


def figures(results: dict[str, Recognition]) -> list[Figure]:
    """Both shares of each kind with their intervals."""
    rows: list[Figure] = []
    for kind, result in results.items():
        for name, hits in ((kind, result.fits), (f"{kind}_particular", result.particular)):
            low, high = bootstrap.wilson(sum(hits), len(hits))
            rows.append({"name": name.replace("-", "_"), "value": sum(hits) / len(hits), "low": low, "high": high, "n": len(hits)})
    return rows


def main() -> None:
    """Tag the clips, print a line for each kind, and write the record where asked."""
    parser = argparse.ArgumentParser(
        prog="python -m recipes.synthetic.recognition", description="Tag synthetic clips with an AudioSet tagger."
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder that contains the folder synthetic")
    parser.add_argument("--model", type=Path, required=True, help="checkpoint of an AudioSet tagger")
    parser.add_argument("--record", type=Path, help="folder to write the record synthetic.json to")
    options = parser.parse_args()
    results = recognise(load(options.model), corpora.read(options.data, ["synthetic"]))
    for kind, result in results.items():
        wrong = ", ".join(f"{name} {times}" for name, times in result.mistaken_for.most_common(4))
        share, particular = (sum(hits) / len(hits) for hits in (result.fits, result.particular))
        print(f"{kind:14} {len(result.fits):4} clips  recognised {share:4.0%}  particular {particular:4.0%}  else: {wrong}")
    if options.record is not None:
        command = f"python -m recipes.synthetic.recognition --data DIR --model {options.model.name}"
        counts = {kind: dict(result.mistaken_for.most_common()) for kind, result in results.items()}
        write_record(
            options.record, "synthetic", command=command, seed=0, figures=figures(results), extra={"about": ABOUT, "mistaken_for": counts}
        )


if __name__ == "__main__":
    main()
