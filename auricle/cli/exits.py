"""How a command ends: one line on the error stream and an exit code for whatever stops it. docs/start.md lists the codes."""

from __future__ import annotations

import codecs
import io
import os
import re
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress

from auricle.cli import terminal
from auricle.core.errors import AuricleError, InputError
from auricle.core.files import explain, refusal

FAILED = 1  # a file, a model, an archive, the disk or the memory
USAGE = 2  # an argument that cannot be used, as of other commands
BUG = 70  # EX_SOFTWARE of sysexits.h
STOPPED = 130  # Ctrl-C: 128 + SIGINT, as shells tell it
CLOSED = 141  # whoever reads the output has left: 128 + SIGPIPE
_MEMORY = re.compile(
    r"out of memory|allocate memory|bad allocation|bad_alloc", re.IGNORECASE
)  # of torch and ONNX Runtime, in RuntimeErrors


def run(command: Callable[[], object]) -> int:
    """Run a command to its end, say in one line what stopped it, and return the exit code."""
    codecs.register_error(_escaped.__name__, _escaped)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors=_escaped.__name__)  # what its encoding lacks is escaped, where it would be an error
    try:
        code = _code_of(command)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001  whatever it is, the process ends with one line and a code
        line, code = _ending(error)
        _abandon_output()
        traceback.clear_frames(error.__traceback__)  # generators end here and now, not in whichever thread collects garbage
        with suppress(OSError):  # where the error stream cannot be written either, the exit code is all that is left
            if code == BUG:
                traceback.print_exception(error)
            if line:
                terminal.complain(" ".join(line.split()))
    return code


def _ending(error: BaseException) -> tuple[str, int]:
    """What is said of an error, nothing where nobody is left to read it, and the exit code."""
    if isinstance(error, AuricleError):
        return str(error), USAGE if isinstance(error, InputError) else FAILED
    if isinstance(error, KeyboardInterrupt):
        return "stopped; what was written is whole, and the same command goes on from there or begins again", STOPPED
    if isinstance(error, BrokenPipeError):
        return "", CLOSED
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _MEMORY.search(str(error))):
        return "there is not enough memory; close other programs, or give fewer or shorter recordings, or a smaller batch", FAILED
    if (refused := refusal(error)) is not None:
        return explain(refused), FAILED
    return f"this is a fault in auricle ({type(error).__name__}); please report it, with the lines above and the command", BUG


def _escaped(error: UnicodeError) -> tuple[str, int]:
    r"""Letters that an encoding lacks as `\uXXXX` of UTF-16, which is JSON's own escape; a handler of errors for codecs."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass").hex()
    return re.sub("....", r"\\u\g<0>", units), error.end


def _code_of(command: Callable[[], object]) -> int:
    try:
        command()
    except SystemExit as left:
        before = left.__context__  # typer turns Ctrl-C, and a pipe that was closed, into an exit without a word
        stopped = before if isinstance(before, BrokenPipeError) else getattr(before, "__cause__", None)
        if isinstance(stopped, BrokenPipeError | KeyboardInterrupt):
            raise stopped from None
        return left.code if isinstance(left.code, int) else FAILED
    return 0


def _abandon_output() -> None:
    """What cannot be written, to a pipe that was closed or a disk that is full, is not tried again at the interpreter's end."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
