"""What is known of the labels of clips: which of a model's labels each clip has, and for which of them that is not known.

A label is taken as annotated in every labelled clip of a corpus if any clip of that corpus in the manifest has it: a clip without it then
does not contain that sound. Labels that no clip of its corpus has are unknown for a clip, and so is everything for a clip without labels.
The same holds for the labels of events, of clips with events.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from auricle.core.config import Output
from auricle.core.records import Event
from auricle.data.item import Item
from auricle.listen.vocabulary import Vocabulary
from auricle.tasks import detection


@dataclasses.dataclass(frozen=True)
class Matching:
    """Words of a manifest matched with the labels of an output.

    words: those of an item. index: of the label that each word names. named: words by corpus.
    """

    words: Callable[[Item], Collection[str]]
    index: Mapping[str, int]
    named: Mapping[str, frozenset[str]]

    @staticmethod
    def of(words: Callable[[Item], Collection[str]], items: Sequence[Item], labels: Sequence[str]) -> Matching:
        """Match the words of items, such as their labels, as `auricle listen --labels` does, but for more specific sounds.

        Those are left out, since a corpus that names labradors need not name all dogs.
        """
        named: dict[str, set[str]] = {}
        for item in items:
            named.setdefault(item.corpus, set()).update(words(item))
        vocabulary = Vocabulary(labels)
        found = {word: vocabulary.match(word) for word in sorted(set().union(*named.values()))}
        index = {word: match.index for word, match in found.items() if match is not None and match.how != "ancestor"}
        return Matching(words, index, {corpus: frozenset(several) for corpus, several in named.items()})

    @functools.cached_property
    def columns(self) -> tuple[int, ...]:
        """Indices of the labels that any word names, sorted."""
        return tuple(sorted(set(self.index.values())))

    def truth(self, item: Item) -> np.ndarray:
        """Which of the columns an item has, bool (C,)."""
        return self._row(self.words(item))

    def known(self, item: Item) -> np.ndarray:
        """For which of the columns it is known whether an item has them, bool (C,)."""
        return self._row(self.named[item.corpus] if self.words(item) else ())

    def _row(self, words: Collection[str]) -> np.ndarray:
        named = {self.index[word] for word in words if word in self.index}
        return np.array([column in named for column in self.columns], bool)


def label_words(item: Item) -> tuple[str, ...]:
    """The labels of an item."""
    return item.labels


def event_words(item: Item) -> tuple[str, ...]:
    """The labels of the events of an item."""
    return tuple(event.label for event in item.events)


def frame_truth(item: Item, matching: Matching, spec: Output, frames: int) -> np.ndarray:
    """Which of the columns are active in each frame of an item, bool (T, C)."""
    labels = [spec.labels[column] for column in matching.columns]
    events = [
        Event(spec.labels[matching.index[event.label]], event.onset, event.offset, event.score)
        for event in item.events
        if event.label in matching.index
    ]
    rate = spec.rate or 0.0
    inside = [event for event in events if event.onset * rate < frames]
    return np.asarray(detection.encode(inside, labels, frame_rate=rate, frames=frames) > 0)
