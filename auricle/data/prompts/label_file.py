"""JSON objects by label, as banks and attributes are: read with their size bounded, a label told apart from its other spellings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from auricle.core.errors import InputError
from auricle.data.prompts import key

LARGEST = 32_000_000  # bytes of a file
LABELS = 10_000  # the most in a file
LONGEST = 1000  # letters of a label or a text


def read(path: str | Path, *, wanted: str) -> dict[str, Any]:
    """The object of a JSON file: label -> what is said of it. wanted: its shape in words, for errors."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise InputError(f"{path}: has over {LARGEST} bytes; wanted at most so many")
        found = json.loads(content, object_pairs_hook=_once)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); wanted {wanted}") from error
    except (ValueError, RecursionError) as error:  # of which bytes that are no UTF-8 are one
        raise InputError(f"{path}: is not usable JSON ({' '.join(str(error).split())[:100]}); wanted {wanted}") from error
    if not isinstance(found, dict) or not found:
        raise InputError(f"{path}: holds {'nothing' if found == {} else f'a {type(found).__name__}'}; wanted {wanted}")
    return found


def by_key(found: dict[str, Any], *, what: str) -> dict[str, str]:
    """Key of each label -> the label. InputError for too many, too long, empty, or two spellings of one."""
    if len(found) > LABELS:
        raise InputError(f"{what}: has {len(found)} labels; wanted at most {LABELS}")
    keys: dict[str, str] = {}
    for label in found:
        if not key(label) or len(label) > LONGEST:
            raise InputError(f"{what}: label {label[:60]!r} is empty or over {LONGEST} letters long; wanted words")
        if key(label) in keys:
            raise InputError(f"{what}: {keys[key(label)]!r} and {label!r} are one label; wanted it once")
        keys[key(label)] = label
    return keys


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are all different: JSON allows doubles, and the first would be lost."""
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)[:60]!r} is there twice")
    return made
