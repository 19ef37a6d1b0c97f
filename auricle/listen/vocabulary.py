"""Labels as text: lists of labels from what a person types or a table holds, and which label of a model some words name."""

from __future__ import annotations

import csv
import functools
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from auricle.core import audioset
from auricle.core.errors import InputError
from auricle.data import prompts
from auricle.data.grammar import default_phrases
from auricle.data.prompts import label_key

#: Between the labels of one cell of a table. Archives of earlier versions have a comma and a space.
SEPARATOR = "; "

_ARTICLES = frozenset(("a", "an", "the", "some", "is", "are"))
_IRREGULAR = {"children": "child", "men": "man", "women": "woman", "mice": "mouse", "geese": "goose"}
_ANYONE = dict.fromkeys(("people", "someone", "somebody"), "person")
_OF = re.compile(r"^(an? |the )?(sounds?|noises?) of ")
#: Before a place or a time, which no sound tells: "frogs in a pond" are frogs.
_PLACE = re.compile(
    r" (?:in|inside|outside|on|onto|at|near|nearby|by|beside|behind|under|over|above|across|along|against|around|through|during|from) "
)


class Vocabulary:
    """The labels of a model, found by what people call them."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._places = {label_key(label): place for place, label in enumerate(labels)}
        parts = [(place, part) for place, label in enumerate(labels) if "," in label for part in re.sub(r"\(.*?\)", "", label).split(",")]
        others = [(place, name) for place, label in enumerate(labels) for name in synonyms().get(label_key(label), ())]
        self._stems: dict[tuple[str, ...], int | None] = {}
        for names in (enumerate(labels), parts, others):
            self._stems = _unambiguous(names) | self._stems  # a label itself goes before other names for one

    def find(self, words: str) -> int | None:
        """Place of the label that words name, None where they name none.

        Case, underscores, articles, plurals, -ing and the order of words do not matter ("a barking dog", "dogs barking"). A label that
        lists names ("Gunshot, gunfire") has each of them, and the ESC-50 labels those of `synonyms`. "The sound of", and where or when
        something sounds ("frogs in a pond"), is left out.
        """
        if label_key(words) in self._places:
            return self._places[label_key(words)]
        text = _OF.sub("", label_key(words))
        found = self._stems.get(_stems(text))
        return self._stems.get(_stems(_PLACE.split(text)[0])) if found is None else found


@functools.cache
def synonyms() -> Mapping[str, tuple[str, ...]]:
    """What the ESC-50 labels and a few more are called besides, by label."""
    listed: dict[str, list[str]] = json.loads((Path(prompts.__file__).parent.parent / "synonyms.json").read_text(encoding="utf-8"))
    found = {label: [*names] for label, names in listed.items()}
    for label, words in prompts.load_class_names("esc50").names.items():
        found.setdefault(label_key(label), []).append(words)
    for label, phrase in default_phrases().items():
        found.setdefault(label, []).append(phrase.said)
    return {label: tuple(names) for label, names in found.items()}


def split_labels(texts: Sequence[str], vocabulary: Collection[str] = ()) -> list[str]:
    """Labels of texts that have commas between them, as in csv: double quotes keep a label with a comma together.

    A text that is one label of the vocabulary or of AudioSet as it stands ("Vehicle horn, car horn, honking") is that one label.
    InputError for an empty label and for a quote that does not end.
    """
    whole = {label_key(label) for label in (*vocabulary, *audioset.labels()) if "," in label}
    labels = [label for text in texts for label in ([text.strip()] if label_key(text) in whole else _row(text))]
    if not all(labels):
        raise InputError(f'labels {", ".join(texts)!r}: one is empty; wanted labels with commas between, such as "siren, crying child"')
    return labels


def split_tags(text: str, vocabulary: Collection[str]) -> tuple[str, ...]:
    """Labels of a cell in which they are joined by SEPARATOR, or by commas; a label of the vocabulary that has commas is kept together."""
    separator = SEPARATOR if SEPARATOR in text else ", "
    return tuple(_joined(text.split(separator), separator, frozenset(vocabulary))) if text else ()


def _row(text: str) -> list[str]:
    try:
        (row,) = csv.reader([text], skipinitialspace=True, strict=True)
    except (csv.Error, ValueError) as error:
        raise InputError(f"labels {text!r}: {error}; wanted commas between labels, and quotes around one with a comma in it") from error
    return [label.strip() for label in row] or [""]


def _joined(pieces: list[str], separator: str, vocabulary: frozenset[str]) -> Iterator[str]:
    """Pieces put together again where that makes a label of the vocabulary, the longest first."""
    while pieces:
        lengths = range(len(pieces), 1, -1)
        size = next((length for length in lengths if separator.join(pieces[:length]) in vocabulary), 1)
        yield separator.join(pieces[:size])
        pieces = pieces[size:]


def _unambiguous(names: Iterable[tuple[int, str]]) -> dict[tuple[str, ...], int | None]:
    """Places by the stems of their names; None for a name that several have."""
    found: dict[tuple[str, ...], int | None] = {}
    for place, name in names:
        stems = _stems(name)
        found[stems] = place if found.get(stems, place) == place else None
    found.pop((), None)
    return found


def _stems(text: str) -> tuple[str, ...]:
    return tuple(sorted(_stem(word) for word in re.findall(r"[^\W_]+", text.casefold()) if word not in _ARTICLES))


def _stem(word: str) -> str:
    """A word without plural and -ing, the same for all its forms; not always a word itself."""
    word = _IRREGULAR.get(word) or _ANYONE.get(word) or word
    word = re.sub(r"(?<=[^aeiou])ies$", "y", word)
    word = re.sub(r"(?<=[^su])s$", "", word)
    stem = word.removesuffix("ing")
    word = stem if len(stem) > 2 and re.search("[aeiouy]", stem) else word  # "ring" and "string" stay
    return re.sub(r"([^aeious])\1$", r"\1", word).removesuffix("e")
