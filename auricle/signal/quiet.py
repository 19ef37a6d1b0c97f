"""Silence for decoders that print: libmpg123 writes notes about damaged mp3s to file descriptor 2, whatever its caller wants."""

from __future__ import annotations

import os
import sys


def keep_decoders_quiet() -> None:
    """Let only Python write to standard error from now on. For a program's start; a library must not do this to its host."""
    try:
        if sys.stderr.fileno() != 2:
            return  # it has been led elsewhere already, and so have the decoders
    except (AttributeError, OSError, ValueError):
        return  # there is none
    sys.stderr.flush()
    kept = os.dup(2)
    sys.stderr = open(kept, "w", buffering=1, encoding=sys.stderr.encoding, errors="backslashreplace", closefd=False)  # noqa: SIM115
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
