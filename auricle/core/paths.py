r"""Conversion of paths to UTF-8 text for JSON, tables and databases, and back. Bytes that are not UTF-8 are escaped as `\xe9`."""

from __future__ import annotations

import os
import re
from pathlib import Path

_ESCAPE = re.compile(r"\\x(?:[89a-f][0-9a-f]|5c)")
_BYTE = re.compile("[\udc80-\udcff]")  # os.fsdecode maps bytes that are not UTF-8 to these


def path_to_text(path: str | os.PathLike[str]) -> str:
    r"""Convert a path to UTF-8 text, one to one.

    A byte that is not UTF-8 becomes `\x` and two hexadecimal digits from 80. Where a name contains such text, its `\` becomes `\x5c`.
    """
    escaped = _ESCAPE.sub(lambda found: r"\x5c" + found[0][1:], os.fspath(path))
    return escape_bytes(escaped)


def text_to_path(text: str) -> str:
    """Inverse of `path_to_text`."""
    if "\\x" not in text:
        return text
    return _ESCAPE.sub(lambda found: "\\" if found[0] == r"\x5c" else chr(0xDC00 + int(found[0][2:], 16)), text)


def escape_bytes(text: str) -> str:
    r"""Escape the bytes of a text that are not UTF-8 as `\xe9`, for display."""
    text = _BYTE.sub(lambda found: rf"\x{ord(found[0]) - 0xDC00:02x}", text)
    return text.encode("utf-8", "backslashreplace").decode()


def resolve_path(text: str) -> Path:
    """Path of a file given as text: the text itself or, where only that file exists, `text_to_path` of it."""
    return Path(text_to_path(text)) if not os.path.exists(text) and os.path.exists(text_to_path(text)) else Path(text)


def is_missing(path: str | os.PathLike[str]) -> bool:
    """Return whether a path does not exist. False where that is unknown, such as in an unreadable folder."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
