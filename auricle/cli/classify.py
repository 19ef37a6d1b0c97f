"""Zero-shot classification command: classify."""

from __future__ import annotations

import dataclasses
import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auricle.cli import terminal
from auricle.cli.terminal import Device, Files, Json, Label, Labels, Model, Runtime

if TYPE_CHECKING:
    from auricle.core.records import Classification

_SHOWN = 5  # labels in text output


class Rule(enum.StrEnum):
    """How the scores of the windows are pooled into one score per recording."""

    mean = "mean"
    max = "max"
    top3 = "top3"


def classify(
    files: Files,
    labels: Labels = None,
    label: Label = None,
    any_of: Annotated[bool, typer.Option("--any", help="Multi-label: any number of labels may apply; a probability for each.")] = False,
    prompt: Annotated[
        str | None,
        typer.Option(metavar="NAME|TEXT", help='Prompt: the name of a protocol, or a template such as "a recording of {label}".'),
    ] = None,
    bank: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Description set: JSON {label: [text, ...]}; without labels, its own are the candidates."),
    ] = None,
    attributes: Annotated[Path | None, typer.Option(metavar="FILE", help="Attributes: JSON {label: {words: weight}}.")] = None,
    rule: Annotated[Rule | None, typer.Option(help="How window scores are pooled.  [default: max]")] = None,
    scale: Annotated[Path | None, typer.Option(metavar="FILE", help="Calibration file written with ZeroShot.calibrate.")] = None,
    k: Annotated[
        str | None, typer.Option("-k", metavar="K|all", help="Number of labels, best first.  [default: 5; all with --json]")
    ] = None,
    as_json: Json = False,
    model: Model = None,
    runtime: Runtime = None,
    device: Device = None,
) -> None:
    """Classify each file among your labels: the best one, or with --any all that apply."""
    from auricle.listen.scale import Scale
    from auricle.listen.zeroshot import ZeroShot
    from auricle.present.progress import FilesProgress

    limit = terminal.parse_count(k, default=None if as_json else _SHOWN)
    scales = [] if scale is None else [Scale.load(scale)]
    listener = terminal.load(model, runtime, device=device)
    names = terminal.read_labels(labels, label, listener)
    with terminal.text_status():
        head = ZeroShot(
            listener,
            names,
            prompt=prompt,
            bank=bank,
            attributes=attributes,
            rule=None if rule is None else rule.value,
            scales=scales,
        )
    failed = 0
    with FilesProgress(terminal.stderr(), len(files)) as meter:
        with terminal.text_status():
            classifications = head.each(files, question="any" if any_of else "one", progress=meter)
        for classification in classifications:
            meter.pause()
            _print(dataclasses.replace(classification, labels=classification.labels[:limit]), as_json=as_json)
            if classification.error:
                failed += 1
                terminal.print_error(classification.error)
    terminal.exit_if_failed(failed, len(files))


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(epilog=terminal.example('auricle classify examples/rain.ogg --labels "siren, heavy rain" --label "engine, idling"'))(
        classify
    )


def _print(classification: Classification, *, as_json: bool) -> None:
    if as_json:
        print(classification.to_json(), flush=True)
        return
    if not classification.coverage and classification.error:
        return
    from auricle.present.console import classification_text

    console = terminal.stdout()
    console.print(classification_text(classification, width=console.width, unicode=console.encoding.startswith("utf")))
