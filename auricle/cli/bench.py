"""The verbs that measure: words typed -> one call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from auricle.cli import terminal
from auricle.cli.terminal import Runtime
from auricle.core.errors import InputError
from auricle.core.files import check_writable

if TYPE_CHECKING:
    from auricle.bench.leak_guard import LeakedError
    from auricle.bench.score import Result

#: Exit code of a refusal: the model was trained on what it was to be scored on.
LEAKED = 3

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, as docs/bench.md tells.")]


def score(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A shipped model, a model folder, published weights, or a name on the hub.")
    ],
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="The name of a suite, or the path of one of your own (docs/bench.md).")],
    data: Annotated[Path | None, typer.Option(metavar="DIR|FILE", help="The folder with the corpora or manifests, or a manifest.")] = None,
    as_json: Json = False,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep the result here, a row for each clip, for auricle compare.")] = None,
    allow_leaked: Annotated[bool, typer.Option("--allow-leaked", help="Score clips that the model was trained on, and mark it.")] = False,
    seed: Annotated[int | None, typer.Option(metavar="N", min=0, help="Of splits, lessons and intervals.  [default: the suite's]")] = None,
    runtime: Runtime = None,
) -> None:
    """Score a model by a suite, with intervals; refused where the model was trained on the clips."""
    from auricle.bench import suite as suites
    from auricle.bench.leak_guard import LeakedError
    from auricle.bench.score import evaluate
    from auricle.present.progress import FilesProgress

    if out is not None and out.exists() and not out.is_dir():
        raise InputError(f"{out}: is no folder; wanted one to keep the result in, or a name that is free")
    asked = suites.read(suite)
    items = suites.items(asked, data)
    listener = terminal.load(model, runtime)
    try:
        with FilesProgress(terminal.stderr(), len(items)) as meter:
            sitting = evaluate(listener, asked, items, seed=seed, allow_leaked=allow_leaked, progress=meter)
    except LeakedError as error:
        _refuse(error, asked.name, as_json=as_json)
    with terminal.stderr().status("judging"):
        result = sitting.result()
    if out is not None:
        result.save(out)
    _print(result, as_json=as_json)


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="A result that auricle score kept.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another, of the same suite and clips.")],
    as_json: Json = False,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a table, and a drawing beside it.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="PAGE", help="Write a page with table and drawing.")] = None,
) -> None:
    """Which of two results is better, clip by clip, or that it cannot be told."""
    from auricle.bench.compare import compare as compared
    from auricle.bench.score import Result
    from auricle.present import comparison

    for path in (markdown, html):
        if path is not None:
            check_writable(path)
    if markdown is not None and markdown.suffix == ".svg":
        raise InputError(f"{markdown}: is what the drawing would be called; wanted another ending, such as .md")
    with terminal.stderr().status("comparing"):
        told = compared(Result.load(first), Result.load(second))
    comparison.write(told, markdown=markdown, page=html)
    if as_json:
        print(json.dumps(told.to_dict(), ensure_ascii=False))
        return
    rows = [
        (one.metric.replace("_", " "), f"{comparison.score_cell(one.first)}   {comparison.score_cell(one.second)}") for one in told.metrics
    ]
    terminal.print_facts(f"{told.first.about['suite']}: {told.names[0]}, {told.names[1]}", rows)
    terminal.stdout().print(told.verdict, markup=False, highlight=False, soft_wrap=True)


def add_to(app: typer.Typer) -> None:
    """Give the app these verbs."""
    app.command()(score)
    app.command()(compare)


def _refuse(error: LeakedError, suite: str, *, as_json: bool) -> NoReturn:
    """Say what leaked, and leave with LEAKED."""
    if as_json:
        from collections import Counter

        counts = Counter(leak.source for leak in error.leaks)
        leaked: list[dict[str, Any]] = [{"level": "clip", "source": source, "n": n, "note": ""} for source, n in counts.most_common()]
        print(json.dumps({"suite": suite, "scores": [], "leaked": leaked, "error": str(error)}, ensure_ascii=False))
    terminal.complain(str(error))
    raise typer.Exit(LEAKED) from error


def _print(result: Result, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result.about, ensure_ascii=False))
        return
    from auricle.present import comparison

    about = result.about
    rows = [(one["metric"].replace("_", " "), f"{comparison.score_cell(one)}  n {one['n']}") for one in about["scores"]]
    if about["chance"] is not None:
        rows.append(("chance", f"{about['chance']:g}"))
    if marks := comparison.leaked_text(about["leaked"]):
        rows.append(("marked", marks))
    terminal.print_facts(f"{about['suite']}: {about['model']}", rows)
