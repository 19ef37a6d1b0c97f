"""Check of SQL filters from clients: only comparisons. Other SQL can cost gigabytes: `length(repeat('a', 1e10)) > 0`."""

from __future__ import annotations

import re

from auricle.core.errors import InputError

_TEXT = re.compile(r"(?<![\w'\"])'(?:[^'\\]|'')*'(?!['\"])")  # without prefixes and backslashes, which could end the string early
_PLAIN = re.compile(r"[\w\s.,()=<>!+*%-]*", re.ASCII)
_CALLED = re.compile(r"([A-Za-z_]\w*)\s*\(", re.ASCII)
_LANGUAGE = frozenset(("and", "or", "not", "in", "like", "ilike", "between"))
#: Functions whose result is no larger than their arguments.
FUNCTIONS = frozenset(
    ("lower", "upper", "trim", "length", "contains", "starts_with", "ends_with", "abs", "round", "floor", "ceil", "coalesce")
)


def check_filter(where: str | None) -> str | None:
    """Return the filter. InputError where it has more than comparisons."""
    if where is None:
        return None
    bare = _TEXT.sub(" 0 ", where)
    if not _PLAIN.fullmatch(bare) or "--" in bare:
        raise InputError(f"where {where!r}: wanted column names, numbers, strings in single quotes without backslashes, and comparisons")
    unknown = sorted({name for name in _CALLED.findall(bare) if name.lower() not in _LANGUAGE | FUNCTIONS})
    if unknown:
        raise InputError(f"where {where!r}: calls {', '.join(unknown)}; wanted only {', '.join(sorted(FUNCTIONS))}")
    return where
