"""The verb that tells files apart by names: words typed -> one call."""

from __future__ import annotations

import dataclasses
import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auricle.cli import terminal
from auricle.cli.terminal import Files, Json, Model, Runtime

if TYPE_CHECKING:
    from auricle.core.records import Classification

_SHOWN = 5  # labels for people


class Rule(enum.StrEnum):
    """How the windows of a recording become one answer."""

    mean = "mean"
    max = "max"
    top3 = "top3"


def classify(  # noqa: PLR0913  an option is an argument here
    files: Files,
    labels: Annotated[
        list[str] | None,
        typer.Option(
            metavar='"A, B"|@FILE', help="The names to choose from, or a file of them; by default those of the bank or attributes."
        ),
    ] = None,
    any_of: Annotated[bool, typer.Option("--any", help="Several names, or none, may be true: a probability for each.")] = False,
    prompt: Annotated[
        str | None,
        typer.Option(metavar="NAME|TEXT", help='How names are said: a protocol, or a sentence such as "a recording of {label}".'),
    ] = None,
    bank: Annotated[Path | None, typer.Option(metavar="FILE", help="Descriptions: JSON {label: [text, ...]}.")] = None,
    attributes: Annotated[Path | None, typer.Option(metavar="FILE", help="Attributes: JSON {label: {words: weight}}.")] = None,
    rule: Annotated[Rule | None, typer.Option(help="How windows become one answer.  [default: max]")] = None,
    scale: Annotated[Path | None, typer.Option(metavar="FILE", help="A calibration that ZeroShot.calibrate made.")] = None,
    top: Annotated[
        str | None, typer.Option(metavar="K|all", help="How many names to give, best first.  [default: 5; all with --json]")
    ] = None,
    as_json: Json = False,
    model: Model = None,
    runtime: Runtime = None,
) -> None:
    """Which one of these names fits each file, or with --any, which of them."""
    from auricle.listen.scale import Scale
    from auricle.listen.zeroshot import ZeroShot
    from auricle.present.progress import FilesProgress

    most = terminal.parse_top(top, as_json=as_json) if top is not None else (None if as_json else _SHOWN)
    scales = [] if scale is None else [Scale.load(scale)]
    listener = terminal.load(model, runtime)
    names = terminal.read_labels(labels, listener)
    with terminal.reading():
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
        with terminal.reading():
            answers = head.each(files, question="any" if any_of else "one", progress=meter)
        for told in answers:
            meter.pause()
            _print(dataclasses.replace(told, labels=told.labels[:most]), as_json=as_json)
            if told.error:
                failed += 1
                terminal.complain(told.error)
    terminal.count(failed, len(files))


def add_to(app: typer.Typer) -> None:
    """Give the app this verb."""
    app.command()(classify)


def _print(told: Classification, *, as_json: bool) -> None:
    if as_json:
        print(told.to_json(), flush=True)
        return
    if not told.coverage and told.error:
        return
    from auricle.present.console import classification_text

    console = terminal.stdout()
    console.print(classification_text(told, width=console.width, unicode=console.encoding.startswith("utf")))
