"""Commands on models: models, doctor, convert, export."""

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
    typer.Option("--allow", metavar="PATTERN", help="Tensors (a regular expression over whole names) that may be missing or unexpected."),
]
Source = Annotated[
    str, typer.Argument(metavar="WEIGHTS", help="A checkpoint file or folder, or OWNER/NAME[/FILE] on the Hugging Face hub.")
]


def models(as_json: Json = False) -> None:
    """List the installed and the converted models, with facts from their model cards."""
    from auricle.listen.self_check import model_facts
    from auricle.runtime import catalog

    for name, folder in [
        *((name, catalog.find_folder(name)) for name in catalog.shipped()),
        *((str(path), path) for path in catalog.converted()),
    ]:
        if as_json:
            print(json.dumps({"name": name, **catalog.read_card(folder)}, ensure_ascii=False))
            continue
        terminal.print_facts(name + ("  (default)" if name == catalog.DEFAULT else ""), model_facts(folder))
    if not catalog.shipped():
        terminal.print_error("no model is installed; give one with --model, or reinstall auricle")
        raise typer.Exit(1)


def doctor(
    which: Annotated[str | None, typer.Argument(metavar="MODEL", help="The model to check.  [default: the default model]")] = None,
    model: Model = None,
    runtime: Runtime = None,
) -> None:
    """Check the installation: versions, optional packages, and a test of the model on a synthetic sound."""
    from auricle.listen.self_check import extras, self_check, versions

    if which is not None and model is not None:
        raise InputError("doctor got two models, MODEL and --model; wanted one")
    terminal.print_facts("installed", versions())
    terminal.print_facts("optional", extras())
    rows, passed = self_check(which or model, None if runtime is None else runtime.value)
    terminal.print_facts("model", rows)
    if not passed:
        terminal.print_error("the self-check of this model failed on this machine; see the lines above")
        raise typer.Exit(1)


def convert(
    source: Source,
    into: Annotated[Path, typer.Option(metavar="DIR", help="The model folder to create.")],
    name: Annotated[str | None, typer.Option(help="Name of the model.  [default: the file's name]")] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(metavar="FILE", help="tokenizer.json of the text tower, if it is not next to the weights.")
    ] = None,
    allow: Allow = None,
    graphs: Annotated[bool, typer.Option("--export/--no-export", help="Export ONNX and OpenVINO graphs, which run without torch.")] = True,
    as_json: Json = False,
) -> None:
    """Convert published weights into a model folder, with a report on every tensor. Missing or unexpected tensors are errors."""
    from auricle.core import hub
    from auricle.runtime.converting import convert

    path = Path(source)
    if not path.exists() and hub.is_name(source):
        path = hub.find(source)
    with terminal.stderr().status(f"converting {source}"):
        report, exported = convert(path, into, name=name or path.stem, allow=allow or (), tokenizer=tokenizer, graphs=graphs)
    if as_json:
        export_json = exported if isinstance(exported, str) else exported.model_dump(mode="json")
        print(json.dumps({"folder": str(into), **dataclasses.asdict(report), "export": export_json}, ensure_ascii=False))
        return
    terminal.print_facts(str(into), report_facts(report))
    if isinstance(exported, str):
        terminal.stdout().print(f"runs with torch; no graphs: {exported}", markup=False, soft_wrap=True)
    else:
        terminal.print_facts("graphs", export_facts(exported))


def export(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A folder of converted weights, published weights, or a name on the Hugging Face hub.")
    ],
    into: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Create a folder that runs without torch.  [default: next to the weights]")
    ] = None,
    outputs: Annotated[
        str | None,
        typer.Option(metavar="NAME,NAME", help="Further outputs of the graph, hidden states of the encoder: frames, layer.0, layer.1 ..."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Export a published model to ONNX Runtime and OpenVINO graphs, each checked against torch's outputs."""
    from auricle.runtime import catalog
    from auricle.runtime.exporting import export as export_graphs

    folder, names = catalog.find_folder(model), [name.strip() for name in (outputs or "").split(",") if name.strip()]
    with terminal.stderr().status(f"exporting {folder}"):
        exported = export_graphs(folder, into, outputs=names)
    if as_json:
        print(json.dumps({"folder": str(into or folder), **exported.model_dump(mode="json")}, ensure_ascii=False))
    else:
        terminal.print_facts(str(into or folder), export_facts(exported))


def export_facts(exported: Exported) -> list[tuple[str, str]]:
    """Rows about an export, one per engine."""
    from auricle.runtime.exported import MIN_COSINE

    rows = [("input", f"{exported.frames} frames" if exported.frames else "any number of frames")]
    for name, engine in exported.engines.items():
        agreement = f"cosine to torch {engine.sound.cosine:.7f}, largest difference {engine.sound.difference:.1e}"
        if engine.words is not None:
            agreement += f"; text {engine.words.cosine:.7f}, {engine.words.difference:.1e}"
        rows.append((name, agreement if exported.is_accurate(name) else f"{agreement}: below {MIN_COSINE}, used only if named"))
    return [*rows, *((name, f"not usable: {reason}") for name, reason in exported.failed.items())]


def report_facts(report: Report) -> list[tuple[str, str]]:
    """Rows about a conversion."""
    rows = [
        ("format", f"{report.format} ({report.source})"),
        (
            "tensors",
            f"{report.loaded} loaded, {report.parameters:,} parameters; {len(report.missing)} missing, {len(report.unexpected)} unexpected",
        ),
    ]
    reasons: dict[str, list[str]] = {}
    for key, reason in report.ignored.items():
        reasons.setdefault(reason, []).append(key)
    rows += [("not used", f"{len(keys)} ({keys[0]}{' ...' if len(keys) > 1 else ''}): {reason}") for reason, keys in reasons.items()]
    rows += [
        ("allowed", f"{kind}: {', '.join(names)}")
        for kind, names in (("missing", report.missing), ("unexpected", report.unexpected))
        if names
    ]
    if report.bank is not None:
        rows.append(("mel matrix", report.bank))
    return [*rows, *(("note", note) for note in report.notes)]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (models, doctor, convert, export):
        app.command()(command)
