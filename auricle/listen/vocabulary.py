"""Labels as text: parsing of label lists, and matching of words with the labels of a model."""

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

#: Separator of labels in one cell of a table. Archives of earlier versions have a comma and a space.
SEPARATOR = "; "

_ARTICLES = frozenset(("a", "an", "the", "some", "is", "are"))
_IRREGULAR = {"children": "child", "men": "man", "women": "woman", "mice": "mouse", "geese": "goose"}
_PERSON = dict.fromkeys(("people", "someone", "somebody"), "person")
_OF = re.compile(r"^(an? |the )?(sounds?|noises?) of ")
#: Prepositions before a place or a time, which is ignored: "frogs in a pond" means frogs.
_PLACE = re.compile(
    r" (?:in|inside|outside|on|onto|at|near|nearby|by|beside|behind|under|over|above|across|along|against|around|through|during|from) "
)


class Vocabulary:
    """Finds the label of a model that words name, by exact text, word stems or synonyms."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._indices = {label_key(label): index for index, label in enumerate(labels)}
        parts = [(index, part) for index, label in enumerate(labels) if "," in label for part in re.sub(r"\(.*?\)", "", label).split(",")]
        others = [(index, name) for index, label in enumerate(labels) for name in synonyms().get(label_key(label), ())]
        self._stems: dict[tuple[str, ...], int | None] = {}
        for names in (enumerate(labels), parts, others):
            self._stems = _unambiguous(names) | self._stems  # the label itself takes precedence over its parts and synonyms

    def find(self, words: str) -> int | None:
        """Index of the label that words name; None if they name none.

        Case, underscores, articles, plurals, -ing and word order are ignored ("a barking dog", "dogs barking"). A label that lists names
        ("Gunshot, gunfire") matches each of them, and the ESC-50 labels match their `synonyms`. "The sound of", and a place or time
        ("frogs in a pond"), are ignored.

        >>> from auricle.listen.vocabulary import Vocabulary
        >>> vocabulary = Vocabulary(["dog", "church bells"])
        >>> vocabulary.find("a barking dog"), vocabulary.find("cat")
        (0, None)
        """
        if label_key(words) in self._indices:
            return self._indices[label_key(words)]
        text = _OF.sub("", label_key(words))
        index = self._stems.get(_stems(text))
        return self._stems.get(_stems(_PLACE.split(text)[0])) if index is None else index


@functools.cache
def synonyms() -> Mapping[str, tuple[str, ...]]:
    """Other names of the ESC-50 labels and a few more, by label."""
    listed: dict[str, list[str]] = json.loads((Path(prompts.__file__).parent.parent / "synonyms.json").read_text(encoding="utf-8"))
    names_by_label = {label: [*names] for label, names in listed.items()}
    for label, words in prompts.load_class_names("esc50").names.items():
        names_by_label.setdefault(label_key(label), []).append(words)
    for label, phrase in default_phrases().items():
        names_by_label.setdefault(label, []).append(phrase.said)
    return {label: tuple(names) for label, names in names_by_label.items()}


def split_labels(texts: Sequence[str], vocabulary: Collection[str] = ()) -> list[str]:
    """Split texts into labels at commas, as in csv: double quotes enclose a label that contains a comma.

    A text that equals one label of the vocabulary or of AudioSet ("Vehicle horn, car horn, honking") is that label. InputError for an empty
    label and for an unterminated quote.

    >>> from auricle.listen.vocabulary import split_labels
    >>> split_labels(['siren, "Gunshot, gunfire"'])
    ['siren', 'Gunshot, gunfire']
    """
    whole = {label_key(label) for label in (*vocabulary, *audioset.labels()) if "," in label}
    labels = [label for text in texts for label in ([text.strip()] if label_key(text) in whole else _row(text))]
    if not all(labels):
        raise InputError(f'labels {", ".join(texts)!r}: one is empty; wanted labels separated by commas, such as "siren, crying child"')
    return labels


def split_tags(text: str, vocabulary: Collection[str]) -> tuple[str, ...]:
    """Split a table cell into labels at SEPARATOR or, without one, at commas; labels of the vocabulary with commas are not split."""
    return _split_tags(text, frozenset(vocabulary))


@functools.lru_cache(maxsize=4096)  # an archive has few different cells
def _split_tags(text: str, vocabulary: frozenset[str]) -> tuple[str, ...]:
    separator = SEPARATOR if SEPARATOR in text else ", "
    return tuple(_joined(text.split(separator), separator, vocabulary)) if text else ()


def _row(text: str) -> list[str]:
    try:
        (row,) = csv.reader([text], skipinitialspace=True, strict=True)
    except (csv.Error, ValueError) as error:
        raise InputError(
            f"labels {text!r}: {error}; wanted labels separated by commas, with quotes around a label that contains one"
        ) from error
    return [label.strip() for label in row] or [""]


def _joined(pieces: list[str], separator: str, vocabulary: frozenset[str]) -> Iterator[str]:
    """Join consecutive pieces that form a label of the vocabulary, the longest first."""
    while pieces:
        lengths = range(len(pieces), 1, -1)
        size = next((length for length in lengths if separator.join(pieces[:length]) in vocabulary), 1)
        yield separator.join(pieces[:size])
        pieces = pieces[size:]


def _unambiguous(names: Iterable[tuple[int, str]]) -> dict[tuple[str, ...], int | None]:
    """Indices by the stems of their names; None for a name that several labels have."""
    indices: dict[tuple[str, ...], int | None] = {}
    for index, name in names:
        stems = _stems(name)
        indices[stems] = index if indices.get(stems, index) == index else None
    indices.pop((), None)
    return indices


@functools.lru_cache(maxsize=4096)
def _stems(text: str) -> tuple[str, ...]:
    return tuple(sorted(_stem(word) for word in re.findall(r"[^\W_]+", text.casefold()) if word not in _ARTICLES))


def _stem(word: str) -> str:
    """Stem of a word, without plural ending and -ing."""
    word = _IRREGULAR.get(word) or _PERSON.get(word) or word
    word = re.sub(r"(?<=[^aeiou])ies$", "y", word)
    word = re.sub(r"(?<=[^su])s$", "", word)
    stem = word.removesuffix("ing")
    word = stem if len(stem) > 2 and re.search("[aeiouy]", stem) else word  # "ring" and "string" are unchanged
    return re.sub(r"([^aeious])\1$", r"\1", word).removesuffix("e")
