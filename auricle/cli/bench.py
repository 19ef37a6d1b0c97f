"""Commands that evaluate models: score, compare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from auricle.cli import terminal
from auricle.cli.terminal import Device, Runtime
from auricle.core.errors import InputError
from auricle.core.files import check_writable

if TYPE_CHECKING:
    from auricle.bench.leak_guard import LeakedError
    from auricle.bench.score import Result

#: Exit code when evaluation is refused because the model was trained on clips of the suite.
LEAKED = 3

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object (docs/bench.md).")]


def score(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A shipped or published name (auricle models), a model folder, weights, or OWNER/NAME on the Hugging Face hub.",
        ),
    ],
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="Name of a suite, or path of your own (docs/bench.md).")],
    data: Annotated[
        Path | None, typer.Option(metavar="DIR|FILE", help="Folder of the corpus, or of several corpora or manifests; or a manifest file.")
    ] = None,
    as_json: Json = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="Save the result here, with a row per clip, for auricle compare.")
    ] = None,
    allow_leaked: Annotated[
        bool, typer.Option("--allow-leaked", help="Score clips that the model was trained on, and mark the result.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Seed of splits, episodes and intervals.  [default: the suite's]")
    ] = None,
    runtime: Runtime = None,
    device: Device = None,
) -> None:
    """Evaluate a model on a suite, with confidence intervals. Refused if the model was trained on the clips."""
    from auricle.bench import suite as suites
    from auricle.bench.leak_guard import LeakedError
    from auricle.bench.score import evaluate
    from auricle.present.progress import FilesProgress

    if output is not None and output.exists() and not output.is_dir():
        raise InputError(f"{output}: is no folder; wanted a folder for the result, or a name that does not exist yet")
    definition = suites.read_suite(suite)
    items = suites.load_items(definition, data)
    listener = terminal.load(model, runtime, device=device)
    try:
        with FilesProgress(terminal.stderr(), len(items)) as meter:
            run = evaluate(listener, definition, items, seed=seed, allow_leaked=allow_leaked, progress=meter)
    except LeakedError as error:
        _exit_leaked(error, definition.name, as_json=as_json)
    with terminal.stderr().status("computing metrics"):
        result = run.result()
    if output is not None:
        result.save(output)
    _print(result, as_json=as_json)


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="A result saved by auricle score -o.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another one, of the same suite and clips.")],
    as_json: Json = False,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a Markdown table, with a chart next to it.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="PAGE", help="Write an HTML page with table and chart.")] = None,
) -> None:
    """Compare two results clip by clip: which is better, or that the difference is not significant."""
    from auricle.bench.compare import compare as compared
    from auricle.bench.score import Result
    from auricle.present import comparison as comparison_page

    for path in (markdown, html):
        if path is not None:
            check_writable(path)
    if markdown is not None and markdown.suffix == ".svg":
        raise InputError(f"{markdown}: is the file name of the chart; wanted another suffix, such as .md")
    with terminal.stderr().status("comparing"):
        comparison = compared(Result.load(first), Result.load(second))
    comparison_page.write(comparison, markdown=markdown, page=html)
    if as_json:
        print(json.dumps(comparison.to_dict(), ensure_ascii=False))
        return
    rows = [
        (one.metric.replace("_", " "), f"{comparison_page.score_cell(one.first)}   {comparison_page.score_cell(one.second)}")
        for one in comparison.metrics
    ]
    terminal.print_facts(f"{comparison.first.summary['suite']}: {comparison.names[0]}, {comparison.names[1]}", rows)
    terminal.stdout().print(comparison.verdict, markup=False, highlight=False, soft_wrap=True)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command(epilog=terminal.example("auricle score runs/mine/model esc50 --data corpora -o results/mine"))(score)
    app.command(epilog=terminal.example("auricle compare results/mine results/other --markdown comparison.md"))(compare)


def _exit_leaked(error: LeakedError, suite: str, *, as_json: bool) -> NoReturn:
    """Print what leaked, and exit with code LEAKED."""
    if as_json:
        from collections import Counter

        counts = Counter(leak.source for leak in error.leaks)
        leaked: list[dict[str, Any]] = [{"level": "clip", "source": source, "n": n, "note": ""} for source, n in counts.most_common()]
        print(json.dumps({"suite": suite, "scores": [], "leaked": leaked, "error": str(error)}, ensure_ascii=False))
    terminal.print_error(str(error))
    raise typer.Exit(LEAKED) from error


def _print(result: Result, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result.summary, ensure_ascii=False))
        return
    from auricle.present import comparison

    about = result.summary
    rows = [(one["metric"].replace("_", " "), f"{comparison.score_cell(one)}  n {one['n']}") for one in about["scores"]]
    if about["chance"] is not None:
        rows.append(("chance", f"{about['chance']:g}"))
    if marks := comparison.leaked_text(about["leaked"]):
        rows.append(("marked", marks))
    terminal.print_facts(f"{about['suite']}: {about['model']}", rows)
