"""What the labels of the corpora mean: names of AudioSet, finer names, and the plain names of both (labels.json).

labels.json has four parts. plain: AudioSet's display name -> plain lower-case name, for all 527. current: label of the shipped model ->
AudioSet's name with the same meaning, or null. loose: names of AudioSet from which its parents do not follow, because they are
alternatives (a hiss is of steam, a snake or a cat) or because the name is used more widely (a whoosh is not always an arrow). labels:
corpus -> label -> audioset: the names that are certainly true of a clip with this label, most specific first, without the ancestors that
follow (others may be true as well: the list says nothing of what else sounds); finer: a plain name where the label says more than AudioSet
can, or where AudioSet has no name for it. "*" has the labels of the corpora that share plain labels; comparison is without case.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path

from auricle.core import audioset
from auricle.core.errors import InputError
from auricle.data.corpora.clip_table import Row
from auricle.data.corpora.synthetic import CORPUS, split_labels

PATH = Path(__file__).parent / "labels.json"
SHARED = "*"
_ONTOLOGY = Path(audioset.__file__).resolve().parents[1] / "ontology" / "audioset_ontology.json"


@dataclass(frozen=True)
class Meaning:
    """What a label says. audioset: names of AudioSet, most specific first. finer: plain name that says more, or "". Both may be empty."""

    audioset: tuple[str, ...] = ()
    finer: str = ""


@dataclass(frozen=True)
class LabelMap:
    """plain: AudioSet's name -> plain name. current: label of the shipped model -> AudioSet's name or None. labels: by corpus, by label."""

    plain: dict[str, str]
    current: dict[str, str | None]
    loose: frozenset[str]
    labels: dict[str, dict[str, Meaning]]

    def meaning(self, corpus: str, label: str) -> Meaning:
        """The meaning of a corpus's label; of no label: empty. InputError for a label that labels.json lacks."""
        if not label:
            return Meaning()
        key = label.lower()
        found = self.labels.get(corpus, {}).get(key) or self.labels[SHARED].get(key)
        if found is None:
            raise InputError(f"{PATH.name} lacks the label {label!r} of {corpus}; add what it means, or [] where that is not certain")
        return found

    def names(self, row: Row) -> tuple[str, ...]:
        """Plain names of what a clip certainly contains, most specific first: finer, AudioSet's, then the ancestors that follow."""
        finer, audioset_names = self.split(row)
        above = [name for one in audioset_names for name in self.ancestors(one)]
        return (*finer, *(self.plain[name] for name in dict.fromkeys((*audioset_names, *above))))

    def split(self, row: Row) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The finer names of a clip and the names of AudioSet that its labels say. A synthetic clip has several labels, others have one."""
        labels = reversed(split_labels(row)) if row.corpus == CORPUS else (row.label,)
        found = [self.meaning(row.corpus, label) for label in labels]
        names = tuple(dict.fromkeys(name for one in found for name in one.audioset))
        above = {ancestor for name in names for ancestor in self.ancestors(name)}
        return tuple(one.finer for one in found if one.finer), tuple(name for name in names if name not in above)

    def ancestors(self, name: str) -> tuple[str, ...]:
        """AudioSet's names that follow from one of its names, nearest first: those of its parents, unless the name is loose."""
        above: dict[str, None] = {}
        queue = [name]
        while queue:
            child = queue.pop(0)
            for parent in () if child in self.loose else _parents()[child]:
                if parent not in above:
                    above[parent] = None
                    queue.append(parent)
        return tuple(above)


@functools.cache
def read_label_map() -> LabelMap:
    """Read labels.json."""
    stored = json.loads(PATH.read_text(encoding="utf-8"))
    labels = {
        corpus: {label.lower(): Meaning(tuple(given["audioset"]), given.get("finer", "")) for label, given in section.items()}
        for corpus, section in stored["labels"].items()
    }
    return LabelMap(stored["plain"], stored["current"], frozenset(stored["loose"]), labels)


@functools.cache
def _parents() -> dict[str, tuple[str, ...]]:
    """The parents of each of the 527 names that are among them; a parent that is not is replaced by its own parents."""
    nodes = {node["id"]: node for node in json.loads(_ONTOLOGY.read_text(encoding="utf-8"))}
    above: dict[str, list[str]] = {}
    for node in nodes.values():
        for child in node["child_ids"]:
            above.setdefault(child, []).append(node["id"])
    name_of = dict(zip(audioset.ids(), audioset.labels(), strict=True))

    def known(node: str) -> list[str]:
        return [name for parent in above.get(node, []) for name in ([name_of[parent]] if parent in name_of else known(parent))]

    return {name: tuple(dict.fromkeys(known(node))) for node, name in name_of.items()}
