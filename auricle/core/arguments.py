"""Checks of the arguments of public functions. They raise an InputError of one line: what came and what was wanted."""

from __future__ import annotations

import reprlib
from collections.abc import Collection, Iterable
from typing import Any

from auricle.core.errors import InputError


def describe(value: object) -> str:
    """Format a value, shortened, and its type on one line."""
    return f"{' '.join(reprlib.repr(value).split())} ({type(value).__name__})"


def check(value: object, kinds: Any, *, what: str, wanted: str) -> None:
    """Raise InputError unless isinstance(value, kinds)."""
    if not isinstance(value, kinds):
        raise InputError(f"{what} is {describe(value)}; wanted {wanted}")


def check_choice(value: Any, known: Collection[str], *, what: str) -> None:
    """Raise InputError unless a value is one of the known names."""
    if not isinstance(value, str) or value not in known:
        raise InputError(f"{what} is {describe(value)}; wanted one of {', '.join(known)}")


def check_strings(values: Any, *, what: str) -> tuple[str, ...]:
    """Return an iterable of strings as a tuple. InputError for other types, a single string, and lone surrogates (not UTF-8)."""
    texts = (None,) if isinstance(values, str) or not isinstance(values, Iterable) else tuple(values)
    if not all(isinstance(text, str) for text in texts):
        raise InputError(f"{what} is {describe(values)}; wanted a list of strings, such as ['siren', 'rain']")
    for text in texts:
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise InputError(f"{what}: {text!r} is not valid Unicode; wanted text that can be encoded as UTF-8")
    return texts
