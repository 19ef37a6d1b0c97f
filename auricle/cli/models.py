"""The verbs about models: which are here, whether one hears, published weights into a folder: words typed -> one call."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auricle.cli import terminal
from auricle.cli.terminal import Json, Model, Runtime
from auricle.core.errors import InputError

if TYPE_CHECKING:
    from auricle.models.convert.convert import Report
    from auricle.runtime.exported import Exported

Allow = Annotated[
    list[str] | None,
    typer.Option("--allow", metavar="PATTERN", help="Tensors (a regular expression over whole names) that may be missing or left over."),
]
Source = Annotated[str, typer.Argument(metavar="WEIGHTS", help="A checkpoint file or folder, or OWNER/NAME[/FILE] on the hub.")]


def models(as_json: Json = False) -> None:
    """The models in this install and those converted so far, with what their cards say."""
    from auricle.listen.checkup import model_facts
    from auricle.runtime import catalog

    for name, folder in [*((name, catalog.folder(name)) for name in catalog.shipped()), *((str(path), path) for path in catalog.kept())]:
        if as_json:
            print(json.dumps({"name": name, **catalog.card(folder)}, ensure_ascii=False))
            continue
        terminal.print_facts(name + ("  (default)" if name == catalog.DEFAULT else ""), model_facts(folder))
    if not catalog.shipped():
        terminal.complain("no model is in this install; give one with --model, or install auricle again")
        raise typer.Exit(1)


def doctor(
    which: Annotated[str | None, typer.Argument(metavar="MODEL", help="The model to look at; the default one unless named.")] = None,
    model: Model = None,
    runtime: Runtime = None,
) -> None:
    """Is everything there, and does it hear? Versions, optional packages, and a test on a sound made on the spot."""
    from auricle.listen.checkup import extras, self_check, versions

    if which is not None and model is not None:
        raise InputError("doctor got a model twice; wanted one")
    terminal.print_facts("installed", versions())
    terminal.print_facts("optional", extras())
    rows, well = self_check(which or model, None if runtime is None else runtime.value)
    terminal.print_facts("hearing", rows)
    if not well:
        terminal.complain("auricle does not hear as it should with this model on this machine; the lines above say where")
        raise typer.Exit(1)


def convert(
    source: Source,
    into: Annotated[Path, typer.Option(metavar="DIR", help="The model folder to make.")],
    name: Annotated[str | None, typer.Option(help="What the model is called.  [default: the file's name]")] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(metavar="FILE", help="tokenizer.json of its text tower, where it does not lie beside the weights.")
    ] = None,
    allow: Allow = None,
    graphs: Annotated[bool, typer.Option("--export/--no-export", help="Export its graphs, by which it runs without torch.")] = True,
    as_json: Json = False,
) -> None:
    """Published weights into a model folder, with a report of every tensor. Nothing missing or left over goes by in silence."""
    from auricle.core import hub
    from auricle.runtime.converting import convert

    path = Path(source)
    if not path.exists() and hub.is_name(source):
        path = hub.find(source)
    with terminal.stderr().status(f"converting {source}"):
        report, made = convert(path, into, name=name or path.stem, allow=allow or (), tokenizer=tokenizer, graphs=graphs)
    if as_json:
        exported = made if isinstance(made, str) else made.model_dump(mode="json")
        print(json.dumps({"folder": str(into), **dataclasses.asdict(report), "export": exported}, ensure_ascii=False))
        return
    terminal.print_facts(str(into), report_facts(report))
    if isinstance(made, str):
        terminal.stdout().print(f"torch runs it; no graphs: {made}", markup=False, soft_wrap=True)
    else:
        terminal.print_facts("graphs", export_facts(made))


def export(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A folder of converted weights, published weights, or their name on the hub.")
    ],
    into: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Make a folder that hears without torch.  [default: beside the weights]")
    ] = None,
    outputs: Annotated[
        str | None, typer.Option(metavar="NAME,NAME", help="States of the encoder that the graph also gives: frames, layer.0, layer.1 ...")
    ] = None,
    as_json: Json = False,
) -> None:
    """Graphs of a published model for ONNX Runtime and OpenVINO, each run and held to torch's numbers before it is kept."""
    from auricle.runtime import catalog
    from auricle.runtime.exporting import export as export_graphs

    folder, names = catalog.folder(model), [name.strip() for name in (outputs or "").split(",") if name.strip()]

    with terminal.stderr().status(f"exporting {folder}"):
        told = export_graphs(folder, into, outputs=names)
    if as_json:
        print(json.dumps({"folder": str(into or folder), **told.model_dump(mode="json")}, ensure_ascii=False))
    else:
        terminal.print_facts(str(into or folder), export_facts(told))


def export_facts(told: Exported) -> list[tuple[str, str]]:
    """What an export keeps, a row an engine."""
    from auricle.runtime.exported import KEPT

    rows = [("takes", f"{told.frames} frames" if told.frames else "any number of frames")]
    for name, engine in told.engines.items():
        said = f"cosine to torch {engine.sound.cosine:.7f}, largest difference {engine.sound.difference:.1e}"
        if engine.words is not None:
            said += f"; words {engine.words.cosine:.7f}, {engine.words.difference:.1e}"
        rows.append((name, said if told.keeps(name) else f"{said}: below {KEPT}, not chosen unless named"))
    return [*rows, *((name, f"not usable: {why}") for name, why in told.failed.items())]


def report_facts(report: Report) -> list[tuple[str, str]]:
    """A conversion's report, a row each."""
    rows = [
        ("format", f"{report.format} ({report.source})"),
        (
            "tensors",
            f"{report.loaded} loaded, {report.parameters:,} parameters; {len(report.missing)} missing, {len(report.unexpected)} left over",
        ),
    ]
    reasons: dict[str, list[str]] = {}
    for key, reason in report.ignored.items():
        reasons.setdefault(reason, []).append(key)
    rows += [("not used", f"{len(keys)} ({keys[0]}{' ...' if len(keys) > 1 else ''}): {reason}") for reason, keys in reasons.items()]
    rows += [
        ("allowed", f"{what}: {', '.join(names)}")
        for what, names in (("missing", report.missing), ("left over", report.unexpected))
        if names
    ]
    if report.bank is not None:
        rows.append(("mel matrix", report.bank))
    return [*rows, *(("note", note) for note in report.notes)]


def add_to(app: typer.Typer) -> None:
    """Give the app these verbs."""
    for verb in (models, doctor, convert, export):
        app.command()(verb)
