"""Commands on audio files: listen, tag, detect, embed."""

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

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per line, one per file (docs/json.md).")]
Top = Annotated[
    str | None, typer.Option(metavar="K|all", help="Number of tags, best first.  [default: 10 with --json, else all that are present]")
]
HeadFile = Annotated[Path | None, typer.Option("--head", metavar="FILE", help="Your own labels, made with auricle fit.")]


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
    """Analyse each file: which sounds it contains, when, and scores of your own labels."""
    if html is not None:
        check_writable(html)
    listener = terminal.load(model, runtime)
    analyses = _analyse(
        listener,
        files,
        ("tags", "events"),
        as_json=as_json,
        top=terminal.parse_top(top, as_json=as_json),
        labels=terminal.read_labels(labels, listener),
        heads=_load_heads(head, listener),
        keep=html is not None,
    )
    if html is not None:
        _write_page(html, analyses, files, listener)
    _exit(analyses, len(files))


def tag(files: Files, as_json: Json = False, top: Top = None, head: HeadFile = None, model: Model = None, runtime: Runtime = None) -> None:
    """Tag each file: which sounds it contains."""
    listener = terminal.load(model, runtime)
    analyses = _analyse(
        listener, files, ("tags",), as_json=as_json, top=terminal.parse_top(top, as_json=as_json), heads=_load_heads(head, listener)
    )
    _exit(analyses, len(files))


def detect(files: Files, as_json: Json = False, model: Model = None, runtime: Runtime = None) -> None:
    """Detect sound events in each file, with their times."""
    analyses = _analyse(terminal.load(model, runtime), files, ("events",), as_json=as_json)
    _exit(analyses, len(files))


def embed(
    files: Files,
    out: Annotated[Path | None, typer.Option(metavar="X.npy", help="Write an array with one row per file.")] = None,
    as_json: Json = False,
    model: Model = None,
    runtime: Runtime = None,
) -> None:
    """Embed each file into the space that audio and text share. The row of a file that fails is NaN."""
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
                terminal.print_error(str(row))
            if as_json:
                _print_vector(file, row)
            rows.append(np.full(listener.config.dim, np.nan, np.float32) if isinstance(row, SoundError) else row)
    if out is not None:
        with atomic_file(out) as partial, partial.open("wb") as stream:  # numpy would add .npy to a name without it
            np.save(stream, np.stack(rows))
    terminal.exit_if_failed(failed, len(files))


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (listen, tag, detect, embed):
        app.command()(command)


def _analyse(
    listener: Listener,
    files: Sequence[str],
    parts: Sequence[Any],
    *,
    as_json: bool,
    top: int | None = 10,
    labels: Sequence[str] | None = None,
    heads: Heads | None = None,
    keep: bool = False,
) -> list[Analysis]:
    """Analyse the files and print each result as soon as it is ready. Returns all results with `keep`, else those with an error."""
    from auricle.present.progress import FilesProgress

    results = []
    with FilesProgress(terminal.stderr(), len(files)) as meter:
        with terminal.text_status() if labels else nullcontext():
            analyses = listener.each(files, labels, parts=parts, top=top, heads=heads, progress=meter)
        for analysis in analyses:
            meter.pause()
            _print_json(analysis, parts) if as_json else _print_text(analysis)
            if analysis.error:
                terminal.print_error(analysis.error)
            if keep or analysis.error:
                results.append(analysis)
    return results


def _print_json(analysis: Analysis, parts: Sequence[str]) -> None:
    fields = json.loads(analysis.to_json())
    for part in {"tags", "events"} - set(parts):
        del fields[part]
    print(json.dumps(fields, ensure_ascii=False), flush=True)


def _print_text(analysis: Analysis) -> None:
    if not analysis.coverage and analysis.error:
        return
    from auricle.present.console import analysis_text

    console = terminal.stdout()
    console.print(analysis_text(analysis, width=console.width, unicode=console.encoding.startswith("utf")))


def _print_vector(file: str, row: Any) -> None:
    from auricle.core.paths import path_to_text
    from auricle.core.records import JSON_VERSION

    fields: dict[str, Any] = {"version": JSON_VERSION, "file": path_to_text(file)}
    fields |= {"error": str(row)} if isinstance(row, Exception) else {"embedding": [round(value, 7) for value in row.tolist()]}
    print(json.dumps(fields, ensure_ascii=False), flush=True)


def _write_page(path: Path, analyses: Sequence[Analysis], files: Sequence[str], listener: Listener) -> None:
    from auricle.present.html_report import write
    from auricle.present.progress import FilesProgress

    with FilesProgress(terminal.stderr(), len(files), description="drawing") as meter:
        write(path, analyses, files, config=listener.config, progress=meter)
    terminal.print_note(f"report: {path}")


def _exit(analyses: Sequence[Analysis], files: int) -> None:
    terminal.exit_if_failed(sum(analysis.error is not None for analysis in analyses), files)


def _load_heads(path: Path | None, listener: Listener) -> Heads | None:
    if path is None:
        return None
    from auricle.listen.heads import Heads

    heads = Heads.load(path)
    heads.check(listener)
    return heads
