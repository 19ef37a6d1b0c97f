"""Exit codes and one-line error messages of commands. docs/start.md lists the codes."""

from __future__ import annotations

import codecs
import io
import os
import re
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import typer

from auricle.cli import terminal
from auricle.core.errors import AuricleError, InputError
from auricle.core.files import describe_os_error, find_os_error

FAILED = 1  # a file, a model, an archive, the disk or the memory
USAGE = 2  # an invalid argument, as in other commands
BUG = 70  # EX_SOFTWARE of sysexits.h
STOPPED = 130  # Ctrl-C: 128 + SIGINT, as in shells
CLOSED = 141  # the reader of the output pipe is gone: 128 + SIGPIPE
#: Options that have another name now, and what they are called: the first of these that the command has.
RENAMED = {"--out": ("--output",), "--into": ("--archive", "--output"), "--in": ("--archive",), "--top": ("-k",), "--count": ("-k",)}
_UsageError: Any = typer.BadParameter.__mro__[1]  # typer has no public name for the base of errors of the parser
_MEMORY = re.compile(r"out of memory|allocate memory|bad allocation|bad_alloc", re.IGNORECASE)  # in RuntimeErrors of torch and ONNX Runtime


def run(command: Callable[[], object]) -> int:
    """Run a command, print one line for the error that stopped it, and return the exit code."""
    codecs.register_error(_escaped.__name__, _escaped)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # started with the stream closed
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors=_escaped.__name__)  # characters that its encoding lacks are escaped instead of raising
    try:
        code = _code_of(command)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001  any error ends the process with one line and a code
        line, code = _describe_error(error)
        _discard_output()
        traceback.clear_frames(error.__traceback__)  # so that generators close now, not later in the thread that collects garbage
        with suppress(OSError):  # stderr may be closed too; the exit code remains
            if code == BUG:
                traceback.print_exception(error)
            if line:
                terminal.print_error(" ".join(line.split()))
    return code


def _describe_error(error: BaseException) -> tuple[str, int]:
    """The message (empty for a closed pipe) and exit code of an error."""
    if isinstance(error, AuricleError):
        return str(error), USAGE if isinstance(error, InputError) else FAILED
    if isinstance(error, _UsageError):
        return _describe_usage(error), USAGE
    if isinstance(error, KeyboardInterrupt | typer.Abort):  # older versions of typer raise Abort
        return "stopped; files written so far are complete, and the same command resumes or starts again", STOPPED
    if isinstance(error, BrokenPipeError):
        return "", CLOSED
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _MEMORY.search(str(error))):
        return "there is not enough memory; close other programs, or give fewer or shorter recordings, or a smaller batch", FAILED
    if (cause := find_os_error(error)) is not None:
        return describe_os_error(cause), FAILED
    return f"internal error in auricle ({type(error).__name__}); please report it, with the lines above and the command", BUG


def _describe_usage(error: Any) -> str:
    """The message of an error of the parser: the new name of a renamed option, or what is wrong and where the help is."""
    message, context = str(error.format_message()).rstrip("."), error.ctx
    if context is None:  # an option without its value
        return message
    option = getattr(error, "option_name", "")
    named = {name: "/".join(parameter.opts) for parameter in context.command.params for name in parameter.opts}
    for name in RENAMED.get(option, ()):
        if name in named:
            return f"{option} is now {named[name]}"
    file = next((word for word in sys.argv[1:] if option and word.startswith(option) and os.path.exists(word)), None)
    if file is not None:
        return f"{file} is read as an option; write ./{file} for the file"
    return f"{message}{' See' if message.endswith('?') else '; see'} {context.command_path} --help"


def _escaped(error: UnicodeError) -> tuple[str, int]:
    r"""Codec error handler: characters that an encoding lacks become UTF-16 escapes `\uXXXX`, as in JSON."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass").hex()
    return re.sub("....", r"\\u\g<0>", units), error.end


def _code_of(command: Callable[[], object]) -> int:
    try:
        code = command()
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):  # typer turns a closed pipe into a silent SystemExit
            raise ended.__context__ from None
        return ended.code if isinstance(ended.code, int) else FAILED
    if code == STOPPED:  # typer's result after Ctrl-C
        raise KeyboardInterrupt
    return code if isinstance(code, int) else 0


def _discard_output() -> None:
    """Keep the interpreter from flushing stdout again at exit where it cannot be written: a closed pipe or a full disk."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
