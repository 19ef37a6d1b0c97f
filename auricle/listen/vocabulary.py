"""Labels as text: lists of labels from what a person types, and from the joined text of a table's cell."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Sequence

from auricle.core import audioset
from auricle.core.errors import InputError
from auricle.data.prompts import key

#: Between the labels of one cell of a table. Archives of earlier versions have a comma and a space.
SEPARATOR = "; "


def split_labels(texts: Sequence[str], vocabulary: Collection[str] = ()) -> list[str]:
    """Labels of texts that have commas between them, as in csv: double quotes keep a label with a comma together.

    A text that is one label of the vocabulary or of AudioSet as it stands ("Vehicle horn, car horn, honking") is that one label.
    InputError for an empty label and for a quote that does not end.
    """
    whole = {key(label) for label in (*vocabulary, *audioset.labels()) if "," in label}
    labels = [label for text in texts for label in ([text.strip()] if key(text) in whole else _row(text))]
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
