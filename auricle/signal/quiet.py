"""Suppression of messages that native decoders print: libmpg123 writes notes about damaged mp3s to file descriptor 2."""

from __future__ import annotations

import os
import sys


def silence_native_stderr() -> None:
    """Redirect file descriptor 2 to the null device and sys.stderr to a copy of it. For programs only, at their start."""
    try:
        if sys.stderr.fileno() != 2:
            return  # redirected already
    except (AttributeError, OSError, ValueError):
        return  # there is no standard error
    sys.stderr.flush()
    copy = os.dup(2)
    sys.stderr = open(copy, "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace", closefd=False)  # noqa: SIM115
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)
