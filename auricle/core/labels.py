"""Labels as text: normal forms for comparison, and lists of labels that a person or a table gives."""

from __future__ import annotations

import csv
import json
import unicodedata
from collections.abc import Collection, Sequence
from typing import Any

from auricle.core import audioset
from auricle.core.errors import InputError


def normalise_label(label: str) -> str:
    """Normalise a label for comparison: single spaces, Unicode form NFC."""
    return unicodedata.normalize("NFC", " ".join(label.split()))


def label_key(label: str) -> str:
    """A key that is equal for all spellings of a label: lower case, underscores as spaces, single spaces, NFC."""
    return normalise_label(label.lower().replace("_", " "))


def split_labels(texts: Sequence[str], vocabulary: Collection[str] = ()) -> list[str]:
    """Split texts into labels at commas, as in csv: double quotes enclose a label that contains a comma.

    A text that equals one label of the vocabulary or of AudioSet ("Vehicle horn, car horn, honking") is that label. InputError for an empty
    label and for an unterminated quote.

    >>> from auricle.core.labels import split_labels
    >>> split_labels(['siren, "Gunshot, gunfire"'])
    ['siren', 'Gunshot, gunfire']
    """
    whole = {label_key(label) for label in (*vocabulary, *audioset.labels()) if "," in label}
    labels = [label for text in texts for label in ([text.strip()] if label_key(text) in whole else _row(text))]
    if not all(labels):
        raise InputError(f'labels {", ".join(texts)!r}: one is empty; wanted labels separated by commas, such as "siren, crying child"')
    return labels


def parse_labels(value: Any) -> list[str]:
    """The labels of a cell: of a list or its JSON text each as written, else as `split_labels` reads a text. InputError for other values.

    >>> from auricle.core.labels import parse_labels
    >>> parse_labels('["a door, then steps"]'), parse_labels("dog, rain")
    (['a door, then steps'], ['dog', 'rain'])
    """
    labels = value
    if isinstance(value, str) and value.startswith("["):
        try:
            labels = json.loads(value)
        except ValueError:
            raise InputError(f"labels starts like a JSON list but is not valid JSON: {value[:40]!r}") from None
    elif isinstance(value, str):
        return split_labels([value])
    if not isinstance(labels, Sequence) or not all(isinstance(label, str) for label in labels):
        raise InputError(f"labels is {str(value)[:40]!r}; wanted a list of texts")
    return list(labels)


def _row(text: str) -> list[str]:
    try:
        (row,) = csv.reader([text], skipinitialspace=True, strict=True)
    except (csv.Error, ValueError) as error:
        raise InputError(
            f"labels {text!r}: {error}; wanted labels separated by commas, with quotes around a label that contains one"
        ) from error
    return [label.strip() for label in row] or [""]
