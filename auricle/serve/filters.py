"""Filters: SQL of a client in, the same out where it only compares. Another can cost gigabytes: `length(repeat('a', 1e10)) > 0`."""

from __future__ import annotations

import re

from auricle.core.errors import InputError

_TEXT = re.compile(r"(?<![\w'\"])'(?:[^'\\]|'')*'(?!['\"])")  # without prefixes and backslashes, which can end a string elsewhere
_PLAIN = re.compile(r"[\w\s.,()=<>!+*%-]*", re.ASCII)
_CALLED = re.compile(r"([A-Za-z_]\w*)\s*\(", re.ASCII)
_LANGUAGE = frozenset(("and", "or", "not", "in", "like", "ilike", "between"))
#: Functions whose answer is no larger than what they are given.
FUNCTIONS = frozenset(
    ("lower", "upper", "trim", "length", "contains", "starts_with", "ends_with", "abs", "round", "floor", "ceil", "coalesce")
)


def checked(where: str | None) -> str | None:
    """The filter; InputError where it does more than compare."""
    if where is None:
        return None
    bare = _TEXT.sub(" 0 ", where)
    if not _PLAIN.fullmatch(bare) or "--" in bare:
        raise InputError(f"where {where!r}: wanted names of columns, numbers, texts in single quotes without backslashes, and comparisons")
    unknown = sorted({name for name in _CALLED.findall(bare) if name.lower() not in _LANGUAGE | FUNCTIONS})
    if unknown:
        raise InputError(f"where {where!r}: calls {', '.join(unknown)}; wanted only {', '.join(sorted(FUNCTIONS))}")
    return where
