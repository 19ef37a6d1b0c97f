"""Command that calibrates models: calibrate."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from auricle.cli import terminal
from auricle.cli.bench import LEAKED
from auricle.cli.terminal import Device, Runtime
from auricle.core.errors import InputError
from auricle.core.files import check_writable


class By(enum.StrEnum):
    """Fields of a manifest by which reliability is reported."""

    corpus = "corpus"
    fold = "fold"
    site = "site"
    duration = "duration"


def calibrate(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A shipped or published name (auricle models), a model folder, weights, or OWNER/NAME on the Hugging Face hub.",
        ),
    ],
    data: Annotated[Path, typer.Option(metavar="MANIFEST", help="Labelled clips that the model was not trained on (docs/data.md).")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="The calibrated model folder.  [default: only the report]")
    ] = None,
    fold: Annotated[str | None, typer.Option(metavar="FOLD", help="Use the clips of this fold only.")] = None,
    share: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Use this share of the sources only, such as 0.2, and leave the rest for tests.")
    ] = None,
    outputs: Annotated[
        str | None, typer.Option(metavar="NAME,NAME", help="Calibrate these outputs only, such as clip_logits or words.  [default: all]")
    ] = None,
    by: Annotated[By, typer.Option(help="Report reliability by this field of the clips too.")] = By.corpus,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of the share, the cross-validation and the intervals.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object (docs/calibration.md).")] = False,
    html: Annotated[Path | None, typer.Option(metavar="PAGE", help="Write an HTML page with tables and reliability diagrams.")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the reliability diagrams as SVG.")] = None,
    allow_leaked: Annotated[
        bool, typer.Option("--allow-leaked", help="Use clips that the model was trained on too, and mark the report.")
    ] = False,
    device: Device = None,
    runtime: Runtime = None,
) -> None:
    """Fit scores and thresholds of a model to labelled clips, and measure both on sources that were not fitted to."""
    from auricle.bench.leak_guard import LeakedError
    from auricle.data import manifest
    from auricle.present import reliability
    from auricle.present.progress import FilesProgress
    from auricle.recipes.calibrating import CalibrationSettings, check_target
    from auricle.recipes.calibrating import calibrate as fit

    if share is not None and not 0 < share <= 1:
        raise InputError(f"--share is {share:g}; wanted a number over 0 and at most 1")
    settings = CalibrationSettings(
        fold=fold,
        share=share,
        outputs=tuple(name.strip() for name in (outputs or "").split(",") if name.strip()),
        by=by.value,
        seed=seed,
        allow_leaked=allow_leaked,
    )
    for path in (html, plot):
        if path is not None:
            check_writable(path)
    items = manifest.read(data)
    listener = terminal.load(model, runtime, device=device)
    if output is not None:
        check_target(listener.runtime.folder, output)
    try:
        with FilesProgress(terminal.stderr(), len(items)) as meter:
            calibration = fit(listener, items, settings=settings, progress=meter)
    except LeakedError as error:
        terminal.print_error(str(error))
        raise typer.Exit(LEAKED) from error
    report = {**calibration.report, "data": str(data), "folder": None if output is None else str(output)}
    if output is not None:
        calibration.save(output)
    reliability.write(report, page=html, plot=plot)
    if as_json:
        print(json.dumps(report, ensure_ascii=False, allow_nan=False))
    else:
        _print(report)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    example = terminal.example("auricle calibrate auricle-tiny --data clips.jsonl -o my-model --html calibration.html")
    app.command(epilog=example)(calibrate)


def _print(report: Mapping[str, Any]) -> None:
    from auricle.present.comparison import leaked_text
    from auricle.present.reliability import describe, score_rows

    by = report["settings"]["by"]
    for section in report["outputs"]:
        rows = [(name, _columns(cells)) for name, *cells in score_rows(section["scores"])]
        for group in section["by"] if len(section["by"]) > 1 else ():
            rows.append((f"ece, {by} {group[by] or 'none'}", _columns(score_rows(group["scores"])[0][1:])))
        count = f"labels: {len(section['calibration']['bias'])}, decisions: {section['decisions']}"
        terminal.print_facts(f"{section['output']}: before, after and change ({count})", rows)
    rows = [("note", line) for line in describe(report)]
    rows += [("marked", marks)] if (marks := leaked_text(report["leaked"])) else []
    rows += [("model", report["folder"])] if report["folder"] else []
    terminal.print_facts("calibration", rows)


def _columns(cells: Sequence[str]) -> str:
    """Before and after with their intervals, and the change alone, in one line."""
    before, after, change = cells
    return f"{before}   {after}   {change.partition(' ')[0]}"
