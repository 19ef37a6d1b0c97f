"""The verbs that hear: listen, tag, detect, embed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auricle.cli import terminal
from auricle.cli.terminal import Files, Html, Labels, Model, Runtime
from auricle.core.errors import InputError
from auricle.core.files import atomic_file, check_writable

if TYPE_CHECKING:
    from auricle.core.records import Analysis
    from auricle.listen.heads import Heads
    from auricle.listen.listener import Listener

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a file and line, as docs/json.md tells.")]
Top = Annotated[str | None, typer.Option(metavar="K|all", help="How many tags to give, best first.  [default: 10 with --json]")]
HeadFile = Annotated[Path | None, typer.Option("--head", metavar="FILE", help="Labels of your own, made with auricle fit.")]


def listen(
    files: Files,
    labels: Labels = None,
    as_json: Json = False,
    html: Html = None,
    top: Top = None,
    head: HeadFile = None,
    model: Model = None,
    runtime: Runtime = None,
) -> None:
    """Everything about each file: which sounds, when, and the words you ask for."""
    if html is not None:
        check_writable(html)
    listener = terminal.load(model, runtime)
    heard = _tell(
        listener,
        files,
        ("tags", "events"),
        as_json=as_json,
        top=terminal.parse_top(top, as_json=as_json),
        words=terminal.read_labels(labels, listener),
        heads=_heads(head, listener),
        keep=html is not None,
    )
    if html is not None:
        _write_page(html, heard, files, listener)
    _finish(heard, len(files))


def tag(files: Files, as_json: Json = False, top: Top = None, head: HeadFile = None, model: Model = None, runtime: Runtime = None) -> None:
    """Which sounds are in each file."""
    listener = terminal.load(model, runtime)
    heard = _tell(listener, files, ("tags",), as_json=as_json, top=terminal.parse_top(top, as_json=as_json), heads=_heads(head, listener))
    _finish(heard, len(files))


def detect(files: Files, as_json: Json = False, model: Model = None, runtime: Runtime = None) -> None:
    """Which sounds are in each file, and when."""
    heard = _tell(terminal.load(model, runtime), files, ("events",), as_json=as_json)
    _finish(heard, len(files))


def embed(
    files: Files,
    out: Annotated[Path | None, typer.Option(metavar="X.npy", help="Write an array, a row a file.")] = None,
    as_json: Json = False,
    model: Model = None,
    runtime: Runtime = None,
) -> None:
    """A vector for each file, in the space that sounds and words share. A file that fails has NaN for a row."""
    import numpy as np

    from auricle.core.errors import SoundError
    from auricle.present.progress import FilesProgress

    if as_json == (out is not None):
        raise InputError("embed got neither or both of --out X.npy and --json; wanted one of them")
    if out is not None:
        check_writable(out)
    listener = terminal.load(model, runtime)
    rows, failed = [], 0
    with FilesProgress(terminal.stderr(), len(files)) as meter:
        for file, row in zip(files, listener.embed_each(files, progress=meter), strict=True):
            if isinstance(row, SoundError):
                failed += 1
                meter.pause()
                terminal.complain(str(row))
            if as_json:
                _print_vector(file, row)
            rows.append(np.full(listener.config.dim, np.nan, np.float32) if isinstance(row, SoundError) else row)
    if out is not None:
        with atomic_file(out) as partial, partial.open("wb") as stream:  # numpy would add .npy to a name without it
            np.save(stream, np.stack(rows))
    terminal.count(failed, len(files))


def add_to(app: typer.Typer) -> None:
    """Give the app these verbs."""
    for verb in (listen, tag, detect, embed):
        app.command()(verb)


def _tell(
    listener: Listener,
    files: Sequence[str],
    parts: Sequence[Any],
    *,
    as_json: bool,
    top: int | None = 10,
    words: Sequence[str] | None = None,
    heads: Heads | None = None,
    keep: bool = False,
) -> list[Analysis]:
    """Listen and print each answer as soon as it is known. Returns the answers: all of them to keep, else those with an error."""
    from auricle.present.progress import FilesProgress

    kept = []
    with FilesProgress(terminal.stderr(), len(files)) as meter:
        with terminal.reading() if words else nullcontext():
            answers = listener.each(files, words, parts=parts, top=top, heads=heads, progress=meter)
        for heard in answers:
            meter.pause()
            _print_json(heard, parts) if as_json else _print_people(heard)
            if heard.error:
                terminal.complain(heard.error)
            if keep or heard.error:
                kept.append(heard)
    return kept


def _print_json(heard: Analysis, parts: Sequence[str]) -> None:
    told = json.loads(heard.to_json())
    for part in {"tags", "events"} - set(parts):
        del told[part]
    print(json.dumps(told, ensure_ascii=False), flush=True)


def _print_people(heard: Analysis) -> None:
    if not heard.coverage and heard.error:
        return
    from auricle.present.console import analysis_text

    console = terminal.stdout()
    console.print(analysis_text(heard, width=console.width, unicode=console.encoding.startswith("utf")))


def _print_vector(file: str, row: Any) -> None:
    from auricle.core.paths import text_of
    from auricle.core.records import JSON_VERSION

    told: dict[str, Any] = {"version": JSON_VERSION, "file": text_of(file)}
    told |= {"error": str(row)} if isinstance(row, Exception) else {"embedding": [round(value, 7) for value in row.tolist()]}
    print(json.dumps(told, ensure_ascii=False), flush=True)


def _write_page(path: Path, heard: Sequence[Analysis], files: Sequence[str], listener: Listener) -> None:
    from auricle.present.html_report import write
    from auricle.present.progress import FilesProgress

    with FilesProgress(terminal.stderr(), len(files), description="drawing") as meter:
        write(path, heard, files, config=listener.config, progress=meter)
    terminal.note(f"report: {path}")


def _finish(heard: Sequence[Analysis], files: int) -> None:
    terminal.count(sum(one.error is not None for one in heard), files)


def _heads(path: Path | None, listener: Listener) -> Heads | None:
    if path is None:
        return None
    from auricle.listen.heads import Heads

    heads = Heads.load(path)
    heads.check(listener)
    return heads
