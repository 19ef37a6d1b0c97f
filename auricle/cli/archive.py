"""Commands on archives, fitted heads and the HTTP service: index, archive, search, teach, fit, serve."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auricle.cli import terminal
from auricle.cli.terminal import Device, Html, Json, Model, Runtime
from auricle.core.errors import InputError
from auricle.core.files import check_writable

if TYPE_CHECKING:
    from auricle.archive.search import Hit
    from auricle.archive.store import Archive
    from auricle.listen.listener import Listener

_LISTED = 10  # exported files that are listed by name

Count = Annotated[int, typer.Option("-k", metavar="K", min=1, help="Number of hits, best first.")]
Where = Annotated[str | None, typer.Option(metavar="SQL", help="SQL filter, such as \"duration > 10 and file like '%2024%'\".")]
Export = Annotated[
    Path | None,
    typer.Option(
        "--export", metavar="FILE|DIR/", help="Export hits as .csv, .parquet, .txt (Audacity) or .raven.txt, or as clips into a folder."
    ),
]

ArchiveFolder = Annotated[Path, typer.Option("--archive", metavar="DIR", help="The archive folder.")]


def index_command(
    places: Annotated[list[str], typer.Argument(metavar="PLACES", help="Folders, patterns, files, or tables of files.")],
    folder: Annotated[Path, typer.Option("--archive", metavar="DIR", help="The archive folder; created if it does not exist.")],
    window: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Length of a window, for a new archive.  [default: the model's]")
    ] = None,
    hop: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Distance between the starts of windows, for a new archive.  [default: the model's]"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a summary as one JSON object.")] = False,
    model: Model = None,
    runtime: Runtime = None,
    device: Device = None,
) -> None:
    """Index recordings into a searchable archive. Run again, it processes only new and changed files."""
    import dataclasses
    import time

    from auricle.archive import indexing, sources
    from auricle.archive.store import HEADER, Archive
    from auricle.present import archive_console, progress

    recordings = sources.find_recordings(places)
    listener = terminal.load(model, runtime, device=device)
    if (folder / HEADER).exists():
        if window or hop:
            raise InputError(f"{folder}: is an existing archive; --window and --hop are for a new archive")
        archive = Archive.open(folder)
    else:
        archive = Archive.create(folder, listener, window=window, hop=hop)
    started = time.monotonic()
    with progress.IndexProgress(terminal.stderr()) as meter:
        done = indexing.index(archive, listener, recordings, progress=meter)
    if as_json:
        print(json.dumps(dataclasses.asdict(done)))
    else:
        found_any = recordings.files or done.missing
        text = archive_console.summary_text(done, time.monotonic() - started) if found_any else "no recordings found"
        terminal.stdout().print(text, markup=False, soft_wrap=True)
    errors = [row["error"] for row in archive.files().values() if row["error"] and row["file"] in recordings.files] + done.errors
    for error in errors:
        terminal.print_error(error)
    terminal.exit_if_failed(len(errors), len(recordings.files))


def archive_command(
    folder: ArchiveFolder = Path("."),
    duplicates: Annotated[bool, typer.Option(help="List duplicate recordings.")] = False,
    remove_missing: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Remove entries of this folder whose files no longer exist.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what an archive contains, which files failed and which no longer exist."""
    from auricle.archive.duplicates import find_duplicates
    from auricle.archive.store import Archive
    from auricle.present.archive_console import facts_rows

    archive = Archive.open(folder)
    if remove_missing == "":
        raise InputError("--remove-missing is empty; wanted a folder, or / for all")
    removed = None if remove_missing is None else len(archive.remove_missing(Path(remove_missing)))
    facts, failed = archive.facts() | {"missing": len(archive.missing())}, [row for row in archive.files().values() if row["error"]]
    if removed is not None:
        facts["removed"] = removed
    groups = find_duplicates(archive) if duplicates else None
    if as_json:
        print(json.dumps(facts if groups is None else facts | {"duplicates": groups}, ensure_ascii=False))
        return
    terminal.print_facts(str(folder), facts_rows(facts, failed))
    for group in groups or []:
        terminal.print_facts("duplicates", [("", name) for name in group])


def search(
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help='Text query, such as "rain on a tin roof".')] = None,
    folder: ArchiveFolder = Path("."),
    like: Annotated[str | None, typer.Option(metavar="FILE[@3-5]", help="Audio query: a recording, or some seconds of it.")] = None,
    taught: Annotated[str | None, typer.Option(metavar="NAME[@VERSION]", help="A class taught with auricle teach.")] = None,
    unwanted: Annotated[list[str] | None, typer.Option("--not", metavar="TEXT", help="Sound that hits should not contain.")] = None,
    where: Where = None,
    k: Count = 20,
    export_to: Export = None,
    html: Html = None,
    as_json: Json = False,
    model: Model = None,
    runtime: Runtime = None,
    device: Device = None,
) -> None:
    """Search an archive by text, by an audio example, by a taught class, or by several of these."""
    from auricle.archive.search import Query, Searcher
    from auricle.archive.store import Archive
    from auricle.present.hits_export import find_format

    if html is not None:
        check_writable(html)
    if export_to is not None and find_format(export_to):
        check_writable(export_to)
    archive, listener = Archive.open(folder), terminal.load(model, runtime, device=device)
    hits = Searcher(archive, listener).search(Query(text, like, tuple(unwanted or ()), where, taught), k=k)
    title = text or taught or f"like {Path(like or '').name}"
    _output_hits(hits, archive, listener, title=title, text=text, as_json=as_json, export_to=export_to, html=html)


def teach(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the class.")],
    folder: ArchiveFolder = Path("."),
    yes: Annotated[
        list[str] | None, typer.Option(metavar="FILE[@3-5]", help="A positive example: a recording, some seconds of it, or a table.")
    ] = None,
    no: Annotated[list[str] | None, typer.Option(metavar="FILE[@3-5]", help="A negative example.")] = None,
    propose: Annotated[int, typer.Option(metavar="N", min=0, help="Number of windows to propose for labelling.")] = 10,
    as_json: Json = False,
    model: Model = None,
    runtime: Runtime = None,
    device: Device = None,
) -> None:
    """Teach an archive a class from examples. Run it again to add examples. Proposes windows to label next."""
    from auricle.archive import labels
    from auricle.archive.store import Archive
    from auricle.archive.teaching import Teacher, parse_examples
    from auricle.present import archive_console

    archive = Archive.open(folder)
    teacher = Teacher(archive, terminal.load(model, runtime, device=device))
    if yes or no:
        positives, negatives = ([example for text in texts or () for example in parse_examples(text)] for texts in (yes, no))
        taught = teacher.teach(name, positives, negatives)
    else:
        taught = labels.load_taught(archive, name)
    proposals = teacher.propose(name, propose) if propose else []
    if as_json:
        print(json.dumps(taught.to_dict() | {"proposals": [json.loads(proposal.to_json()) for proposal in proposals]}, ensure_ascii=False))
        return
    terminal.stdout().print(archive_console.taught_text(taught), markup=False, soft_wrap=True)
    if proposals:
        terminal.stdout().print("to label next; answer with --yes or --no FILE@START-END:", style="dim", markup=False)
        terminal.stdout().print(archive_console.proposals_table(proposals))


def fit(
    place: Annotated[
        Path, typer.Argument(metavar="FOLDER|TABLE", help="A folder with one subfolder per label, or a table: csv, Audacity labels, Raven.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The file to write the heads to.")],
    as_json: Json = False,
    model: Model = None,
    runtime: Runtime = None,
    device: Device = None,
) -> None:
    """Fit heads for your own labels from examples, cross-validated by recording. Use them with auricle listen --head FILE."""
    from auricle.listen import heads
    from auricle.listen.heads import read_examples
    from auricle.present import console
    from auricle.present.progress import FilesProgress
    from auricle.signal.formats import SUFFIXES

    check_writable(output)
    examples = read_examples(place, SUFFIXES)
    listener = terminal.load(model, runtime, device=device)
    with FilesProgress(terminal.stderr(), len(examples)) as meter:
        fitted, report = heads.fit(listener, examples, progress=meter)
    fitted.save(output)
    if as_json:
        print(json.dumps(report.to_dict(), ensure_ascii=False))
    else:
        terminal.stdout().print(console.fit_table(report))
    for error in report.failed:
        terminal.print_error(error)
    terminal.exit_if_failed(len(report.failed), len(examples))


def serve(
    folder: Annotated[Path | None, typer.Option("--archive", metavar="DIR", help="The archive to search and teach.")] = None,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Address to bind to; any other than localhost needs a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="PORT", min=0, max=65535, help="The port; 0 takes a free one.")] = 8765,
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File with the token.  [default: the variable AURICLE_TOKEN]")
    ] = None,
    max_mb: Annotated[float, typer.Option(metavar="MB", help="Largest upload, 10^6 bytes.")] = 200,
    max_minutes: Annotated[float, typer.Option(metavar="MINUTES", help="Longest recording.")] = 60,
    waiting: Annotated[int, typer.Option(metavar="N", help="Concurrent requests; further ones get status 429.")] = 32,
    model: Model = None,
    runtime: Runtime = None,
    device: Device = None,
) -> None:
    """Serve the model and an archive over HTTP, with a web page. Ctrl-C stops it."""
    import os

    from auricle.core.optional import require

    for package in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
        require(package, extra="serve", why="serving")
    from auricle.archive.store import Archive
    from auricle.serve import app as serving
    from auricle.serve import server
    from auricle.serve.settings import Settings, find_token

    token = find_token(token_file, os.environ)
    settings = Settings(host, port, token, max_bytes=round(max_mb * 1e6), max_seconds=60 * max_minutes, max_requests=waiting)
    archive = None if folder is None else Archive.open(folder)
    application = serving.build(terminal.load(model, runtime, device=device), archive, settings)

    def announce(url: str) -> None:
        terminal.stderr().print(f"auricle is at {url}", markup=False, highlight=False, soft_wrap=True)

    server.run(application, settings, announce=announce)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for name, command, example in (
        ("index", index_command, "auricle index examples --archive sounds.archive"),
        ("archive", archive_command, "auricle archive --archive sounds.archive --duplicates"),
        ("search", search, 'auricle search "rain on a roof" --not speech --archive sounds.archive -k 5'),
        ("teach", teach, 'auricle teach "our siren" --yes examples/siren.ogg@0-5 --no examples/rain.ogg --archive sounds.archive'),
        ("fit", fit, "auricle fit classes -o my.head"),
        ("serve", serve, "auricle serve --archive sounds.archive --port 8080"),
    ):
        app.command(name, epilog=terminal.example(example))(command)


def _output_hits(
    hits: Sequence[Hit],
    archive: Archive,
    listener: Listener,
    *,
    title: str,
    text: str | None,
    as_json: bool,
    export_to: Path | None,
    html: Path | None,
) -> None:
    from auricle.present import archive_console, hits_page
    from auricle.present.hits_export import export

    errors: list[str] = []
    if as_json:
        for hit in hits:
            print(hit.to_json())
    else:
        terminal.stdout().print(archive_console.hits_table(hits))
    if export_to is not None:
        written = export(hits, export_to, what=title, rates=archive.rates({hit.file for hit in hits}))
        errors += written.errors
        names = [str(path) for path in written.files]
        if len(names) > _LISTED:
            names[_LISTED:] = [f"and {len(names) - _LISTED} more"]
        terminal.print_note(f"exported: {', '.join(names) or 'nothing'}")
    if html is not None:
        errors += hits_page.write(html, hits, text=text, listener=listener)
        terminal.print_note(f"hits: {html}")
    errors = list(dict.fromkeys(errors))
    for error in errors:
        terminal.print_error(error)
    terminal.exit_if_failed(len(errors), len(hits))
