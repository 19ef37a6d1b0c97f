"""Options, consoles and argument parsing that all commands share."""

from __future__ import annotations

import enum
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auricle.core.errors import InputError
from auricle.signal.formats import find_audio_files, format_names

if TYPE_CHECKING:
    from rich.console import Console

    from auricle.listen.listener import Listener


class Engine(enum.StrEnum):
    """Inference engines."""

    onnx = "onnx"
    openvino = "openvino"
    openvino_bf16 = "openvino-bf16"
    torch = "torch-fp32"
    torch_bf16 = "torch-bf16"
    compile = "compile"


def _recordings(files: list[str]) -> list[str]:
    """Replace each folder by the recordings in it. An empty folder stays and gets an error, like any file that cannot be read."""
    return [name for file in files for name in (list(map(str, find_audio_files(Path(file)))) if os.path.isdir(file) else []) or [file]]


Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILES",
        help=f"Recordings, or folders of them: {format_names('libsndfile')}; with the extra av also {format_names('av')}.",
        callback=_recordings,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON: one object per line.")]
Model = Annotated[
    str | None,
    typer.Option(
        "-m",
        "--model",
        metavar="NAME|PATH",
        help="A shipped or published name (auricle models), a model folder, weights, or OWNER/NAME on the Hugging Face hub.",
    ),
]
Runtime = Annotated[Engine | None, typer.Option(help="Inference engine.  [default: the fastest installed one within tolerance]")]
Device = Annotated[
    str | None,
    typer.Option(metavar="cpu|cuda|cuda:0|mps", help="Device of the engines of torch.  [default: a GPU if torch finds one, else the CPU]"),
]
TaskFiles = Annotated[
    list[str] | None,
    typer.Option("--task", metavar="FILE.py", help="A task of your own, for a model that was trained for it; the file is executed."),
]
_LABELS_FILE = 1_000_000  # characters in a label file, at most

Labels = Annotated[
    list[str] | None,
    typer.Option(
        metavar='"A, B"|@FILE',
        help='Labels in your own words, such as "siren, crying child", in quotes where one has a comma, or a file with one per line.',
    ),
]
Label = Annotated[
    list[str] | None, typer.Option("--label", metavar="TEXT", help="One label, exactly as written, also with commas. May be repeated.")
]
Html = Annotated[Path | None, typer.Option(metavar="PAGE", help="Write an HTML report: spectrogram, events, player, scores.")]


def example(*commands: str) -> str:
    """The end of a command's help: commands to copy."""
    return "\n".join(("\b", "Example:" if len(commands) == 1 else "Examples:", *(f"  {command}" for command in commands)))


def load(model: str | None, runtime: Engine | None, *, device: str | None = None, tasks: Sequence[str] | None = None) -> Listener:
    """Load the model given by --model, --runtime and --device. tasks: files given by --task."""
    from auricle.listen.listener import load
    from auricle.signal.quiet import silence_native_stderr

    silence_native_stderr()
    with nullcontext() if model is None else _notes_of_log():
        return load(model, None if runtime is None else runtime.value, device=device, tasks=tasks or ())


@contextmanager
def _notes_of_log() -> Iterator[None]:
    """Print what auricle logs meanwhile, such as that published weights are converted, which takes a while."""
    import logging

    class Notes(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            print_note(record.getMessage())

    logger, handler = logging.getLogger("auricle"), Notes()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def text_status() -> AbstractContextManager[object]:
    """Show a status while labels are embedded, which takes seconds with a large text tower."""
    return stderr().status("embedding labels")


def print_facts(title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Print a title and, under it, one row per fact."""
    from rich.text import Text

    from auricle.present.console import facts_table

    console = stdout()
    console.print(Text(title, style="bold"))
    console.print(facts_table(rows))
    console.print()


def exit_if_failed(failed: int, files: int) -> None:
    """Exit with code 1 and print the number of failed files, if there are any."""
    if failed:
        print_error(f"{failed} of {files} {'file' if files == 1 else 'files'} had an error" if files > 1 else "1 file had an error")
        raise typer.Exit(1)


def print_error(message: str) -> None:
    """Print a one-line error to stderr."""
    stderr().print(message, style="red", markup=False, highlight=False, soft_wrap=True)


def print_note(message: str) -> None:
    """Print a one-line note to stderr."""
    stderr().print(message, style="dim", markup=False, highlight=False, soft_wrap=True)


def stdout() -> Console:
    """The console for results; 100 characters wide where stdout is not a terminal."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=100)


def stderr() -> Console:
    """The console for progress, notes and errors."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def parse_count(text: str | None, *, default: int | None) -> int | None:
    """The value of -k, a number or "all"; None is all of them."""
    if text is None:
        return default
    if text == "all":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise InputError(f"-k is {text!r}; wanted a number from 1, or 'all'")
    return int(text)


def read_labels(lists: Sequence[str] | None, single: Sequence[str] | None, listener: Listener) -> list[str] | None:
    """The labels of --labels "A, B" and --labels @FILE, then those of --label, each may be repeated; None where both are absent."""
    from auricle.core.labels import split_labels

    if not all(label.strip() for label in single or ()):
        raise InputError('--label is empty; wanted one label, such as "crying child"')
    labels: list[str] = []
    for text in lists or ():
        labels += _read_label_file(Path(text[1:])) if text.startswith("@") else split_labels([text], listener.labels)
    return [*labels, *(single or ())] or None


def _read_label_file(path: Path) -> list[str]:
    """The labels in a file, one per line; empty lines are skipped."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(_LABELS_FILE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read ({reason}); wanted a UTF-8 text file with one label per line") from error
    labels = [line.strip() for line in text.splitlines() if line.strip()]
    if not labels or len(text) > _LABELS_FILE:
        raise InputError(f"{path}: has no labels, or more than {_LABELS_FILE} characters; wanted one label per line")
    return labels
