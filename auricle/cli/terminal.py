"""Options, consoles and argument parsing that all commands share."""

from __future__ import annotations

import enum
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
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
        metavar="FILES...",
        help=f"Recordings, or folders of them: {format_names('libsndfile')}; with the extra av also {format_names('av')}.",
        callback=_recordings,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON: one object per line.")]
Model = Annotated[
    str | None,
    typer.Option(metavar="NAME|PATH", help="A shipped model, a model folder, published weights, or a name on the Hugging Face hub."),
]
Runtime = Annotated[Engine | None, typer.Option(help="Inference engine.  [default: the fastest installed one within tolerance]")]
_LABELS_FILE = 1_000_000  # characters in a label file, at most

Labels = Annotated[
    list[str] | None,
    typer.Option(
        metavar='"A, B"|@FILE', help='Further labels in your own words, such as "siren, crying child", or a file with one label per line.'
    ),
]
Html = Annotated[Path | None, typer.Option(metavar="PAGE", help="Write an HTML report: spectrogram, events, player, scores.")]


def load(model: str | None, runtime: Engine | None) -> Listener:
    """Load the model given by --model and --runtime."""
    from auricle.listen.listener import load
    from auricle.signal.quiet import silence_native_stderr

    silence_native_stderr()
    return load(model, None if runtime is None else runtime.value)


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


def parse_top(text: str | None, *, as_json: bool) -> int | None:
    """The value of --top. None shows all. The default is all present labels for text, the 10 best for JSON."""
    if text is None:
        return 10 if as_json else None
    if text == "all":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise InputError(f"--top is {text!r}; wanted a number from 1, or 'all'")
    return int(text)


def read_labels(given: Sequence[str] | None, listener: Listener) -> list[str] | None:
    """Parse --labels "A, B" and --labels @FILE, which may be repeated; None where the option is absent."""
    from auricle.listen.vocabulary import split_labels

    labels: list[str] = []
    for text in given or ():
        labels += _read_label_file(Path(text[1:])) if text.startswith("@") else split_labels([text], listener.labels)
    return labels or None


def _read_label_file(path: Path) -> list[str]:
    """The labels in a file, one per line; empty lines are skipped."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(_LABELS_FILE + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); wanted a UTF-8 text file with one label per line") from error
    labels = [line.strip() for line in text.splitlines() if line.strip()]
    if not labels or len(text) > _LABELS_FILE:
        raise InputError(f"{path}: has no labels, or more than {_LABELS_FILE} characters; wanted one label per line")
    return labels
