"""Commands on audio files: listen, tag, detect, embed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auricle.cli import terminal
from auricle.cli.terminal import Device, Files, Html, Label, Labels, Model, Runtime, TaskFiles
from auricle.core.errors import InputError
from auricle.core.files import atomic_file, check_writable

if TYPE_CHECKING:
    from auricle.core.records import Analysis
    from auricle.listen.heads import Heads
    from auricle.listen.listener import Listener

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per line, one per file (docs/json.md).")]
Count = Annotated[
    str | None,
    typer.Option("-k", metavar="K|all", help="Number of tags, best first.  [default: 10 with --json, else all that are present]"),
]
Window = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="Events from windows of this length, for a model without frame-level scores."),
]
Hop = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="Distance between the starts of these windows.  [default: a quarter window]")
]
HeadFile = Annotated[Path | None, typer.Option("--head", metavar="FILE", help="Your own labels, made with auricle fit.")]


def listen(
    files: Files,
    labels: Labels = None,
    label: Label = None,
    as_json: Json = False,
    html: Html = None,
    k: Count = None,
    head: HeadFile = None,
    task: TaskFiles = None,
    model: Model = None,
    runtime: Runtime = None,
    device: Device = None,
) -> None:
    """Analyse each file: which sounds it contains, when, and scores of your own labels."""
    if html is not None:
        check_writable(html)
    listener = terminal.load(model, runtime, device=device, tasks=task)
    for name in listener.unknown_tasks:
        terminal.print_note(f"the model also has an output for the task {name}; give the file of that task with --task")
    analyses = _analyse(
        listener,
        files,
        ("tags", "events"),
        as_json=as_json,
        top=_count(k, as_json=as_json),
        labels=terminal.read_labels(labels, label, listener),
        heads=_load_heads(head, listener),
        keep=html is not None,
    )
    if html is not None:
        _write_page(html, analyses, files, listener)
    _exit(analyses, len(files))


def tag(
    files: Files,
    as_json: Json = False,
    k: Count = None,
    head: HeadFile = None,
    model: Model = None,
    runtime: Runtime = None,
    device: Device = None,
) -> None:
    """Tag each file: which sounds it contains."""
    listener = terminal.load(model, runtime, device=device)
    analyses = _analyse(listener, files, ("tags",), as_json=as_json, top=_count(k, as_json=as_json), heads=_load_heads(head, listener))
    _exit(analyses, len(files))


def detect(
    files: Files,
    window: Window = None,
    hop: Hop = None,
    as_json: Json = False,
    model: Model = None,
    runtime: Runtime = None,
    device: Device = None,
) -> None:
    """Detect sound events in each file, with their times."""
    from auricle.core.records import EventWindows

    windows = EventWindows.of(window, hop)
    analyses = _analyse(terminal.load(model, runtime, device=device), files, ("events",), as_json=as_json, event_windows=windows)
    _exit(analyses, len(files))


def embed(
    files: Files,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="X.npy", help="Write an array with one row per file.")] = None,
    as_json: Json = False,
    model: Model = None,
    runtime: Runtime = None,
    device: Device = None,
) -> None:
    """Embed each file into the space that audio and text share. The row of a file that fails is NaN."""
    import numpy as np

    from auricle.core.errors import SoundError
    from auricle.present.progress import FilesProgress

    if as_json == (output is not None):
        raise InputError("embed got neither or both of -o X.npy and --json; wanted one of them")
    if output is not None:
        check_writable(output)
    listener = terminal.load(model, runtime, device=device)
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
    if output is not None:
        with atomic_file(output) as partial, partial.open("wb") as stream:  # numpy would add .npy to a name without it
            np.save(stream, np.stack(rows))
    terminal.exit_if_failed(failed, len(files))


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command, example in (
        (listen, 'auricle listen examples/siren.ogg --labels "ambulance, dog barking" --html report.html'),
        (tag, "auricle tag examples --json -k 3"),
        (detect, "auricle detect examples/bells.ogg"),
        (embed, "auricle embed examples/*.ogg -o vectors.npy"),
    ):
        app.command(epilog=terminal.example(example))(command)


def _count(k: str | None, *, as_json: bool) -> int | None:
    return terminal.parse_count(k, default=10 if as_json else None)


def _analyse(
    listener: Listener,
    files: Sequence[str],
    parts: Sequence[Any],
    *,
    as_json: bool,
    labels: Sequence[str] | None = None,
    keep: bool = False,
    **settings: Any,
) -> list[Analysis]:
    """Analyse the files and print each result as soon as it is ready. Returns all results with `keep`, else those with an error.

    settings: further arguments of Listener.each.
    """
    from auricle.present.progress import FilesProgress

    results, has_hinted = [], False
    with FilesProgress(terminal.stderr(), len(files)) as meter:
        with terminal.text_status() if labels else nullcontext():
            analyses = listener.each(files, labels, parts=parts, progress=meter, **settings)
        for analysis in analyses:
            meter.pause()
            if as_json:
                _print_json(analysis, parts)
            else:
                has_hinted |= _print_text(analysis, None if has_hinted else listener)
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


def _hint(listener: Listener) -> str:
    """What to do where the default model recognises nothing: a published model."""
    from auricle.runtime import catalog, known

    if catalog.DEFAULT not in catalog.shipped() or listener.runtime.folder != catalog.find_folder(catalog.DEFAULT):
        return ""
    better = known.models()[catalog.BETTER]
    return (
        f"try the model {better.name}: -m {better.name}"
        if better.is_here
        else f"for a better published model: auricle models get {better.name}"
    )


def _print_text(analysis: Analysis, listener: Listener | None) -> bool:
    """Print an analysis, with a hint where it recognises nothing, unless listener is None. Returns whether it had one."""
    if not analysis.coverage and analysis.error:
        return False
    from auricle.present.console import analysis_text, is_unrecognised

    console, hint = terminal.stdout(), _hint(listener) if listener is not None and is_unrecognised(analysis) else ""
    console.print(analysis_text(analysis, width=console.width, unicode=console.encoding.startswith("utf"), hint=hint))
    return bool(hint)


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
