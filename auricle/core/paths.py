r"""Paths as text that JSON, tables and databases hold: the bytes of a name that are not UTF-8 are escaped as `\xe9`, and back."""

from __future__ import annotations

import os
import re
from pathlib import Path

_ESCAPE = re.compile(r"\\x(?:[89a-f][0-9a-f]|5c)")
_BYTE = re.compile("[\udc80-\udcff]")  # what os.fsdecode makes of a byte that is not UTF-8


def text_of(path: str | os.PathLike[str]) -> str:
    r"""A path as text that UTF-8 can hold, a different one for each path.

    A byte that is not UTF-8 becomes `\x` and two hexadecimal digits from 80. Where a name has such letters itself, its `\` becomes `\x5c`.
    """
    escaped = _ESCAPE.sub(lambda found: r"\x5c" + found[0][1:], os.fspath(path))
    return shown(escaped)


def path_of(text: str) -> str:
    """The path of which `text_of` made this text."""
    return _ESCAPE.sub(lambda found: "\\" if found[0] == r"\x5c" else chr(0xDC00 + int(found[0][2:], 16)), text)


def shown(text: str) -> str:
    r"""Text with its bytes that are not UTF-8 escaped as `\xe9`, to be read by people; nothing else is changed."""
    text = _BYTE.sub(lambda found: rf"\x{ord(found[0]) - 0xDC00:02x}", text)
    return text.encode("utf-8", "backslashreplace").decode()


def named(text: str) -> Path:
    """The file that somebody names: the path as it stands, or where only that is there, the one of which `text_of` made the text."""
    return Path(path_of(text)) if not os.path.exists(text) and os.path.exists(path_of(text)) else Path(text)


def is_missing(path: str | os.PathLike[str]) -> bool:
    """Whether nothing is at a path. False where that cannot be told, such as in a folder that may not be read."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
