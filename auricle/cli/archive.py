"""The verbs of archives and of the service: words typed -> one call."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auricle.cli import terminal
from auricle.cli.terminal import Html, Json, Model, Runtime
from auricle.core.errors import InputError
from auricle.core.files import check_writable

if TYPE_CHECKING:
    from auricle.archive.search import Hit
    from auricle.archive.store import Archive
    from auricle.listen.listener import Listener

_NAMED = 10  # exported files that are named

Count = Annotated[int, typer.Option("-k", "--count", min=1, help="How many hits.")]
Where = Annotated[str | None, typer.Option(metavar="SQL", help="A filter, such as \"duration > 10 and file like '%2024%'\".")]
Export = Annotated[
    Path | None,
    typer.Option("--export", metavar="FILE|DIR/", help=".csv, .parquet, .txt (Audacity), .raven.txt, or a folder for cuts."),
]

Into = Annotated[Path, typer.Option("--in", metavar="DIR", help="The archive.")]


def index_command(
    places: Annotated[list[str], typer.Argument(metavar="PLACES...", help="Folders, patterns, files, or tables of files.")],
    into: Annotated[Path, typer.Option(metavar="DIR", help="The archive; made when it is not there.")],
    window: Annotated[float | None, typer.Option(help="Seconds a window lasts, in a new archive.  [default: the model's]")] = None,
    hop: Annotated[float | None, typer.Option(help="Seconds from one window to the next, in a new archive.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as one JSON object.")] = False,
    model: Model = None,
    runtime: Runtime = None,
) -> None:
    """Put recordings into an archive that can be searched. Again on the same places, it hears only what is new."""
    import dataclasses
    import time

    from auricle.archive import indexing, sources
    from auricle.archive.store import HEADER, Archive
    from auricle.present import archive_console, progress

    found = sources.find(places)
    listener = terminal.load(model, runtime)
    if (into / HEADER).exists():
        if window or hop:
            raise InputError(f"{into}: has its windows already; --window and --hop are for a new archive")
        archive = Archive.open(into)
    else:
        archive = Archive.create(into, listener, window=window, hop=hop)
    began = time.monotonic()
    with progress.IndexProgress(terminal.stderr()) as meter:
        done = indexing.index(archive, listener, found, progress=meter)
    if as_json:
        print(json.dumps(dataclasses.asdict(done)))
    else:
        told = archive_console.summary_text(done, time.monotonic() - began) if found.files or done.missing else "no recordings are there"
        terminal.stdout().print(told, markup=False, soft_wrap=True)
    errors = [row["error"] for row in archive.files().values() if row["error"] and row["file"] in found.files] + done.errors
    for error in errors:
        terminal.complain(error)
    terminal.count(len(errors), len(found.files))


def archive_command(
    folder: Into,
    duplicates: Annotated[bool, typer.Option(help="List recordings that sound the same.")] = False,
    remove_missing: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Take out files of this folder that are not there any more.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """What is in an archive, what could not be heard, and what is not there any more."""
    from auricle.archive.duplicates import find
    from auricle.archive.store import Archive
    from auricle.present.archive_console import facts_rows

    archive = Archive.open(folder)
    removed = None if remove_missing is None else len(archive.remove_missing(remove_missing))
    facts, failed = archive.facts() | {"missing": len(archive.missing())}, [row for row in archive.files().values() if row["error"]]
    if removed is not None:
        facts["removed"] = removed
    alike = find(archive) if duplicates else None
    if as_json:
        print(json.dumps(facts if alike is None else facts | {"duplicates": alike}, ensure_ascii=False))
        return
    terminal.print_facts(str(folder), facts_rows(facts, failed))
    for group in alike or []:
        terminal.print_facts("alike", [("", name) for name in group])


def search(  # noqa: PLR0913  an option is an argument here
    text: Annotated[str | None, typer.Argument(metavar="[WORDS]", help='What to look for, such as "rain on a tin roof".')] = None,
    folder: Into = Path("."),
    like: Annotated[str | None, typer.Option(metavar="FILE[@3-5]", help="An example, or some seconds of one.")] = None,
    taught: Annotated[str | None, typer.Option(metavar="NAME[@VERSION]", help="A sound taught to the archive.")] = None,
    unwanted: Annotated[list[str] | None, typer.Option("--not", metavar="WORDS", help="What should not be heard there.")] = None,
    where: Where = None,
    k: Count = 20,
    export_to: Export = None,
    html: Html = None,
    as_json: Json = False,
    model: Model = None,
    runtime: Runtime = None,
) -> None:
    """Find sounds in an archive by words, by an example, by what it was taught, or by several of them."""
    from auricle.archive.search import Query, Searcher
    from auricle.archive.store import Archive

    if html is not None:
        check_writable(html)
    archive, listener = Archive.open(folder), terminal.load(model, runtime)
    hits = Searcher(archive, listener).search(Query(text, like, tuple(unwanted or ()), where, taught), k=k)
    what = text or taught or f"like {Path(like or '').name}"
    _give(hits, archive, listener, what=what, text=text, as_json=as_json, export_to=export_to, html=html)


def teach(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the sound is called.")],
    folder: Into = Path("."),
    yes: Annotated[
        list[str] | None, typer.Option(metavar="FILE[@3-5]", help="A recording, or seconds of one, that is it; or a table.")
    ] = None,
    no: Annotated[list[str] | None, typer.Option(metavar="FILE[@3-5]", help="One that is not it.")] = None,
    propose: Annotated[int, typer.Option(metavar="N", min=0, help="How many windows to propose for a look.")] = 10,
    as_json: Json = False,
    model: Model = None,
    runtime: Runtime = None,
) -> None:
    """Teach an archive a sound by examples; again with more of them, it gets better. Proposes what is most worth a look next."""
    from auricle.archive import labels
    from auricle.archive.store import Archive
    from auricle.archive.teaching import Teacher, parse_examples
    from auricle.present import archive_console

    archive = Archive.open(folder)
    teacher = Teacher(archive, terminal.load(model, runtime))
    if yes or no:
        right, wrong = ([example for text in texts or () for example in parse_examples(text)] for texts in (yes, no))
        taught = teacher.teach(name, right, wrong)
    else:
        taught = labels.find(archive, name)
    proposals = teacher.propose(name, propose) if propose else []
    if as_json:
        print(json.dumps(taught.to_dict() | {"proposals": [json.loads(proposal.to_json()) for proposal in proposals]}, ensure_ascii=False))
        return
    terminal.stdout().print(archive_console.taught_text(taught), markup=False, soft_wrap=True)
    if proposals:
        terminal.stdout().print("worth a look; answer with --yes or --no FILE@START-END:", style="dim", markup=False)
        terminal.stdout().print(archive_console.proposals_table(proposals))


def fit(
    place: Annotated[Path, typer.Argument(metavar="FOLDER|TABLE", help="A folder a label, or a table: csv, Audacity labels, Raven.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the heads go.")],
    as_json: Json = False,
    model: Model = None,
    runtime: Runtime = None,
) -> None:
    """Make labels of your own from examples, tested on recordings left out; auricle listen --head FILE then uses them."""
    from auricle.listen import heads
    from auricle.listen.heads import read_examples
    from auricle.present import console
    from auricle.present.progress import FilesProgress
    from auricle.signal.formats import SUFFIXES

    check_writable(out)
    examples = read_examples(place, SUFFIXES)
    listener = terminal.load(model, runtime)
    with FilesProgress(terminal.stderr(), len(examples)) as meter:
        made, report = heads.fit(listener, examples, progress=meter)
    made.save(out)
    if as_json:
        print(json.dumps(report.to_dict(), ensure_ascii=False))
    else:
        terminal.stdout().print(console.fit_table(report))
    for error in report.failed:
        terminal.complain(error)
    terminal.count(len(report.failed), len(examples))


def serve(  # noqa: PLR0913  an option is an argument here
    folder: Annotated[Path | None, typer.Option("--in", metavar="DIR", help="An archive to search and teach.")] = None,
    host: Annotated[str, typer.Option(help="Where to listen; other machines need a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes one that is free.")] = 8765,
    token_file: Annotated[Path | None, typer.Option(metavar="FILE", help="Holds the token; else AURICLE_TOKEN does.")] = None,
    max_mb: Annotated[float, typer.Option(help="The most that an upload may be, 10^6 bytes.")] = 200,
    max_minutes: Annotated[float, typer.Option(help="The longest recording that is heard.")] = 60,
    waiting: Annotated[int, typer.Option(help="Requests accepted at a time; more are told to come again.")] = 32,
    model: Model = None,
    runtime: Runtime = None,
) -> None:
    """Answer over HTTP, and show a page that hears, searches and is taught. Ctrl-C ends it."""
    import os

    from auricle.core.optional import require

    for package in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
        require(package, extra="serve", why="serving")
    from auricle.archive.store import Archive
    from auricle.serve import app as serving
    from auricle.serve import server
    from auricle.serve.settings import Settings, find_token

    token = find_token(token_file, os.environ)
    settings = Settings(host, port, token, max_bytes=round(max_mb * 1e6), max_seconds=60 * max_minutes, waiting=waiting)
    archive = None if folder is None else Archive.open(folder)
    built = serving.build(terminal.load(model, runtime), archive, settings)

    def announce(url: str) -> None:
        terminal.stderr().print(f"auricle is at {url}", markup=False, highlight=False, soft_wrap=True)

    server.run(built, settings, announce=announce)


def add_to(app: typer.Typer) -> None:
    """Give the app these verbs."""
    app.command("index")(index_command)
    app.command("archive")(archive_command)
    for verb in (search, teach, fit, serve):
        app.command()(verb)


def _give(
    hits: Sequence[Hit],
    archive: Archive,
    listener: Listener,
    *,
    what: str,
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
        written = export(hits, export_to, what=what, rates=archive.rates({hit.file for hit in hits}))
        errors += written.errors
        names = [str(path) for path in written.files]
        if len(names) > _NAMED:
            names[_NAMED:] = [f"and {len(names) - _NAMED} more"]
        terminal.note(f"exported: {', '.join(names) or 'nothing'}")
    if html is not None:
        errors += hits_page.write(html, hits, text=text, listener=listener)
        terminal.note(f"hits: {html}")
    errors = list(dict.fromkeys(errors))
    for error in errors:
        terminal.complain(error)
    terminal.count(len(errors), len(hits))
