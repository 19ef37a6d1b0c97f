"""What all verbs share at a terminal: options, where answers and complaints go, and how a run that failed ends."""

from __future__ import annotations

import enum
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auricle.core.errors import InputError
from auricle.signal.formats import recordings, spoken

if TYPE_CHECKING:
    from rich.console import Console

    from auricle.listen.listener import Listener


class Engine(enum.StrEnum):
    """What runs the model."""

    onnx = "onnx"
    openvino = "openvino"
    openvino_bf16 = "openvino-bf16"
    torch = "torch-fp32"
    torch_bf16 = "torch-bf16"
    compile = "compile"


def _recordings(files: list[str]) -> list[str]:
    """Each folder as the recordings in it; one without any stays, and gets an error as any file that cannot be heard."""
    return [name for file in files for name in (list(map(str, recordings(Path(file)))) if os.path.isdir(file) else []) or [file]]


Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILES...",
        help=f"Recordings, or folders of them: {spoken('libsndfile')}; with the extra av also {spoken('av')}.",
        callback=_recordings,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON: one object a line.")]
Model = Annotated[
    str | None, typer.Option(metavar="NAME|PATH", help="A shipped model, a model folder, published weights, or their name on the hub.")
]
Runtime = Annotated[
    Engine | None, typer.Option(help="What runs the model; the quickest that is installed and keeps the numbers unless named.")
]
_LABELS_FILE = 1_000_000  # letters of a file of labels

Labels = Annotated[
    list[str] | None,
    typer.Option(metavar='"A, B"|@FILE', help='Any words to listen for besides, such as "siren, crying child"; or a file, a label a line.'),
]
Html = Annotated[Path | None, typer.Option(metavar="PAGE", help="Write a page to open in a browser: spectrogram, events, player, scores.")]


def load(model: str | None, runtime: Engine | None) -> Listener:
    """The model that was asked for, opened."""
    from auricle.listen.listener import load

    return load(model, None if runtime is None else runtime.value)


def reading() -> AbstractContextManager[object]:
    """Says that words are being read: a large text tower takes seconds for it."""
    return stderr().status("reading words")


def print_facts(title: str, rows: Sequence[tuple[str, str]]) -> None:
    """A title, and a row a fact under it."""
    from rich.text import Text

    from auricle.present.console import facts

    console = stdout()
    console.print(Text(title, style="bold"))
    console.print(facts(rows))
    console.print()


def count(failed: int, files: int) -> None:
    """Exit with 1 and a count when anything failed."""
    if failed:
        complain(f"{failed} of {files} {'file' if files == 1 else 'files'} had an error" if files > 1 else "1 file had an error")
        raise typer.Exit(1)


def complain(message: str) -> None:
    """What went wrong, in one line."""
    stderr().print(message, style="red", markup=False, highlight=False, soft_wrap=True)


def note(message: str) -> None:
    """What is worth knowing besides the answer, in one line."""
    stderr().print(message, style="dim", markup=False, highlight=False, soft_wrap=True)


def stdout() -> Console:
    """Where answers go; a hundred letters wide where that is no terminal."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=100)


def stderr() -> Console:
    """Where progress and complaints go."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def parse_top(text: str | None, *, as_json: bool) -> int | None:
    """People are shown what is present, however much it is; a program gets the 10 best unless it says otherwise."""
    if text is None:
        return 10 if as_json else None
    if text == "all":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise InputError(f"--top is {text!r}; wanted a number from 1, or 'all'")
    return int(text)


def read_labels(given: Sequence[str] | None, listener: Listener) -> list[str] | None:
    """Labels of --labels "A, B" or --labels @FILE, which may be given several times; None where it was not."""
    from auricle.listen.vocabulary import split_labels

    labels: list[str] = []
    for text in given or ():
        labels += _lines(Path(text[1:])) if text.startswith("@") else split_labels([text], listener.labels)
    return labels or None


def _lines(path: Path) -> list[str]:
    """Labels of a file, one a line; empty lines are passed over."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(_LABELS_FILE + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); wanted a text in UTF-8 with a label a line") from error
    labels = [line.strip() for line in text.splitlines() if line.strip()]
    if not labels or len(text) > _LABELS_FILE:
        raise InputError(f"{path}: has no labels, or over {_LABELS_FILE} letters; wanted a label a line")
    return labels
