"""JSON files that map labels to texts or weights (description sets, attributes): bounded reading and checks of the labels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auricle.core.errors import InputError
from auricle.core.labels import label_key

MAX_BYTES = 32_000_000  # of a file
MAX_LABELS = 10_000  # in a file
MAX_LETTERS = 1000  # letters in a label or a text


def read(path: str | Path, *, wanted: str) -> dict[str, Any]:
    """Read the object of a JSON file: label -> value. wanted: a description of its form, for errors. InputError for any other file."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise InputError(f"{path}: has over {MAX_BYTES} bytes; wanted a smaller file")
        content = json.loads(text, object_pairs_hook=_unique_names)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); wanted {wanted}") from error
    except (ValueError, RecursionError) as error:  # ValueError includes UnicodeDecodeError
        raise InputError(f"{path}: is not usable JSON ({' '.join(str(error).split())[:100]}); wanted {wanted}") from error
    if not isinstance(content, dict) or not content:
        raise InputError(f"{path}: contains {'nothing' if content == {} else f'a {type(content).__name__}'}; wanted {wanted}")
    return content


def check_labels(content: Mapping[str, Any], *, what: str) -> None:
    """InputError for too many labels, a label that is too long or empty, or two spellings of one label. what: named in errors."""
    if len(content) > MAX_LABELS:
        raise InputError(f"{what}: has {len(content)} labels; wanted at most {MAX_LABELS}")
    keys: dict[str, str] = {}
    for label in content:
        if not label_key(label) or len(label) > MAX_LETTERS:
            raise InputError(f"{what}: label {label[:60]!r} is empty or over {MAX_LETTERS} letters long; wanted words")
        if label_key(label) in keys:
            raise InputError(f"{what}: {keys[label_key(label)]!r} and {label!r} are the same label; wanted it once")
        keys[label_key(label)] = label


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; ValueError for a repeated name, which the json module would accept and of which it would drop the first value."""
    content = dict(pairs)
    if len(content) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)[:60]!r} occurs twice")
    return content
