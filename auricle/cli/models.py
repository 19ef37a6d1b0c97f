"""Commands on models: models, models get, doctor, convert, export."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auricle.cli import terminal
from auricle.cli.terminal import Device, Json, Model, Runtime
from auricle.core.errors import InputError

if TYPE_CHECKING:
    from auricle.models.convert.convert import Report
    from auricle.runtime.exported import Exported
    from auricle.runtime.known import Fetched, KnownModel

Allow = Annotated[
    list[str] | None,
    typer.Option("--allow", metavar="PATTERN", help="Tensors (a regular expression over whole names) that may be missing or unexpected."),
]
Source = Annotated[
    str,
    typer.Argument(
        metavar="WEIGHTS", help="A checkpoint file or folder, a name of auricle models --known, or OWNER/NAME[/FILE] on the hub."
    ),
]


def models(
    context: typer.Context,
    is_known: Annotated[
        bool,
        typer.Option("--known", help="List published checkpoints that auricle models get downloads, with licence, figures and source."),
    ] = False,
    as_json: Json = False,
) -> None:
    """List the installed and the converted models, with facts from their model cards."""
    from auricle.listen.self_check import model_facts
    from auricle.runtime import catalog

    if context.invoked_subcommand is not None:
        if is_known or as_json:
            raise InputError(f"models got options before {context.invoked_subcommand}; wanted them after it")
        return
    if is_known:
        _print_known(as_json=as_json)
        return
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


def get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of a published checkpoint, as auricle models --known lists it.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Download a published checkpoint into the cache, with its size and SHA-256 checked; then use it by its name: -m NAME.

    An interrupted download is continued by the same command. Nothing else in auricle downloads these files.
    """
    from auricle.present.progress import DownloadProgress
    from auricle.runtime import known

    with DownloadProgress(terminal.stderr()) as meter:
        fetched = known.get(name, progress=meter)
    model = known.models()[name]
    if as_json:
        files = [
            {"file": each.file.name, "sha256": each.sha256, "verified_by": each.file.sha256_by, "new": each.is_new} for each in fetched
        ]
        print(json.dumps({"name": name, "folder": str(model.folder), "licence": model.licence, "files": files}, ensure_ascii=False))
        return
    terminal.print_facts(name, fetched_facts(model, fetched))


def known_facts(model: KnownModel) -> list[tuple[str, str]]:
    """Rows about a published checkpoint."""
    from auricle.runtime.known import describe_size

    answers = [f"{answer} ({model.labels} labels)" if answer == "tags" else answer for answer in model.answers]
    figures = [f"{figure.what} {figure.value:g}" for figure in model.figures]
    if model.is_here:
        way = f"it is in {model.folder}; use it by its name: -m {model.name}"
    else:
        way = f"auricle models get {model.name}" if model.has_links else f"by hand: {model.how_to_get()}"
    return [
        ("model", model.title),
        ("answers", ", ".join(answers)),
        ("published figures", ", ".join(figures) or "none of its paper was read"),
        ("size", f"{describe_size(model)}; {model.files[0].verification}"),
        ("licence", model.licence),
        ("source", f"{model.repository}, {model.paper}"),
        ("get it", way),
    ]


def fetched_facts(model: KnownModel, fetched: list[Fetched]) -> list[tuple[str, str]]:
    """Rows about the files of a published checkpoint that are in place."""
    rows = [("licence", f"{model.licence} ({model.licence_source})"), ("folder", str(model.folder))]
    for each in fetched:
        state = "downloaded" if each.is_new else "was there"
        rows.append((each.file.name, f"{state}; SHA-256 {each.sha256}, {each.file.verification.removeprefix('SHA-256 ')}"))
    return [*rows, ("use it", f"auricle listen FILES -m {model.name}")]


def _print_known(*, as_json: bool) -> None:
    from auricle.runtime import known

    for model in known.models().values():
        if as_json:
            print(json.dumps({**model.model_dump(mode="json"), "folder": str(model.folder), "here": model.is_here}, ensure_ascii=False))
        else:
            terminal.print_facts(model.name, known_facts(model))


def doctor(
    which: Annotated[str | None, typer.Argument(metavar="MODEL", help="The model to check.  [default: the default model]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    model: Model = None,
    runtime: Runtime = None,
    device: Device = None,
) -> None:
    """Check the installation: versions, optional packages, and tests of the model on synthetic sounds, with its labels for known ones."""
    from auricle.bench import known_sounds
    from auricle.listen.self_check import extras, self_check, versions

    if which is not None and model is not None:
        raise InputError("doctor got two models, MODEL and --model; wanted one")
    if not as_json:
        terminal.print_facts("installed", versions())
        terminal.print_facts("optional", extras())
    rows, faults, listener = self_check(which or model, None if runtime is None else runtime.value, device=device)
    judged = [] if listener is None or faults else known_sounds.judge(listener)
    if (wrong := known_sounds.fault(judged)) is not None:
        faults.append(wrong)
    if as_json:
        sounds = [one.to_dict() for one in judged]
        facts = {"installed": dict(versions()), "optional": dict(extras()), "model": dict(rows), "sounds": sounds, "faults": faults}
        print(json.dumps(facts, ensure_ascii=False))
    else:
        if judged:
            counted = ", ".join(f"{number} {outcome}" for outcome, number in known_sounds.count(judged).items() if number)
            terminal.print_facts("labels for known sounds", [*((one.sound.name, str(one)) for one in judged), ("together", counted)])
        terminal.print_facts(
            "model", [*rows, *(("fault", fault) for fault in faults)] if faults else [*rows, ("verdict", "all checks passed")]
        )
    if faults:
        terminal.print_error("the self-check of this model failed on this machine; see the lines above")
        raise typer.Exit(1)


def convert(
    source: Source,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="The model folder to create.")],
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Name of the model.  [default: the file's name]")] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(metavar="FILE", help="tokenizer.json of the text tower, if it is not next to the weights.")
    ] = None,
    allow: Allow = None,
    graphs: Annotated[bool, typer.Option("--export/--no-export", help="Export ONNX and OpenVINO graphs, which run without torch.")] = True,
    as_json: Json = False,
) -> None:
    """Convert published weights into a model folder, with a report on every tensor. Missing or unexpected tensors are errors."""
    from auricle.core import hub
    from auricle.runtime import known
    from auricle.runtime.converting import convert

    path = Path(source)
    if not path.exists() and source in known.models():
        path = known.find(source)
        known.check_hashes(source)
    elif not path.exists() and hub.is_name(source):
        path = hub.find(source)
    with terminal.stderr().status(f"converting {source}"):
        report, exported = convert(path, output, name=name or path.stem, allow=allow or (), tokenizer=tokenizer, graphs=graphs)
    if as_json:
        export_json = exported if isinstance(exported, str) else exported.model_dump(mode="json")
        print(json.dumps({"folder": str(output), **dataclasses.asdict(report), "export": export_json}, ensure_ascii=False))
        return
    terminal.print_facts(str(output), report_facts(report))
    if isinstance(exported, str):
        terminal.stdout().print(f"runs with torch; no graphs: {exported}", markup=False, soft_wrap=True)
    else:
        terminal.print_facts("graphs", export_facts(exported))


def export(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A folder of converted weights, published weights or their name, or a name on the Hugging Face hub."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Create a folder that runs without torch.  [default: next to the weights]"),
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
        exported = export_graphs(folder, output, outputs=names)
    if as_json:
        print(json.dumps({"folder": str(output or folder), **exported.model_dump(mode="json")}, ensure_ascii=False))
    else:
        terminal.print_facts(str(output or folder), export_facts(exported))


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
    group = typer.Typer(context_settings={"help_option_names": ["-h", "--help"]})
    group.callback(invoke_without_command=True, epilog=terminal.example("auricle models --json", "auricle models --known"))(models)
    group.command(epilog=terminal.example("auricle models get mn04"))(get)
    app.add_typer(group, name="models")
    for command, example in (
        (doctor, "auricle doctor"),
        (convert, "auricle convert CLAP_weights_2023.pth -o msclap"),
        (export, "auricle export laion/clap-htsat-unfused -o clap-graphs"),
    ):
        app.command(epilog=terminal.example(example))(command)
