"""Arguments of the public functions held against what they should be: an InputError of one line says what came and what was wanted."""

from __future__ import annotations

import reprlib
from collections.abc import Collection, Iterable
from typing import Any

from auricle.core.errors import InputError


def described(value: object) -> str:
    """A value, shortened, and its type, on one line."""
    return f"{' '.join(reprlib.repr(value).split())} ({type(value).__name__})"


def check(value: object, kinds: Any, *, what: str, wanted: str) -> None:
    """InputError where a value is of none of these types, which are given as to isinstance."""
    if not isinstance(value, kinds):
        raise InputError(f"{what} is {described(value)}; wanted {wanted}")


def choose(value: Any, known: Collection[str], *, what: str) -> None:
    """InputError where a value is none of the known names."""
    if not isinstance(value, str) or value not in known:
        raise InputError(f"{what} is {described(value)}; wanted one of {', '.join(known)}")


def strings(values: Any, *, what: str) -> tuple[str, ...]:
    """Several strings; InputError for a single string, for other types, and for text that UTF-8 cannot encode (lone surrogates)."""
    found = (None,) if isinstance(values, str) or not isinstance(values, Iterable) else tuple(values)
    if not all(isinstance(one, str) for one in found):
        raise InputError(f"{what} is {described(values)}; wanted a list of strings, such as ['siren', 'rain']")
    for one in found:
        if any("\ud800" <= letter <= "\udfff" for letter in one):
            raise InputError(f"{what}: {one!r} is not valid Unicode; wanted text that can be encoded as UTF-8")
    return found
