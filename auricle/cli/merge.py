"""Merging command: merge."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auricle.cli import terminal
from auricle.cli.terminal import Device
from auricle.core.errors import InputError
from auricle.core.optional import require

if TYPE_CHECKING:
    from auricle.recipes.merging.similarity import Similarity


def merge(
    models: Annotated[
        list[str], typer.Argument(metavar="MODELS", help="Models of one architecture, by name or path; for ema the folder of one training.")
    ],
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="DIR", help="The model folder to create.")] = None,
    method: Annotated[str, typer.Option(metavar="METHOD", help="How weights are merged; docs/merging.md lists the methods.")] = "linear",
    base: Annotated[
        str | None, typer.Option(metavar="NAME|PATH", help="The model that all were fine-tuned from: task-arithmetic, ties, dare, emr.")
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Manifest for all models, or one per model: greedy, fisher, regmean, and batch norms."),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting of the method, such as density=0.3.")
    ] = None,
    similarity: Annotated[bool, typer.Option("--similarity", help="Compare two models instead: is merging likely to help?")] = False,
    device: Device = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object (docs/json.md).")] = False,
) -> None:
    """Merge the weights of several models of one architecture into one model, with the labels of all."""
    require("torch", extra="train", why="merging")
    from auricle.recipes.merging.config import MergeConfig
    from auricle.recipes.merging.merge import merge as merge_models
    from auricle.train.settings import build_config

    config = build_config(MergeConfig, [f"method={method}", *(settings or [])])
    assert isinstance(config, MergeConfig)
    if similarity:
        _compare(models, list(data or ()), config.cache, device, as_json=as_json)
        return
    if output is None:
        raise InputError("merge needs a folder for the result; give one with -o")
    with terminal.stderr().status("merging"):
        merged = merge_models(models, output, config, base=base, data=list(data or ()), device=device)
    if as_json:
        from auricle.core.records import JSON_VERSION

        fields = {"folder": str(output), "method": config.method, "models": merged.names, "figures": merged.figures, "notes": merged.notes}
        print(json.dumps({"version": JSON_VERSION, **fields}, ensure_ascii=False))
        return
    for note in merged.notes:
        terminal.print_note(note)
    rows = [("method", config.method), ("models", ", ".join(merged.names))]
    terminal.print_facts(str(output), [*rows, *((name, f"{value:.4g}") for name, value in merged.figures.items())])


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    examples = (
        "auricle merge runs/animals/model runs/things/model -o merged --data sounds.jsonl",
        "auricle merge runs/animals/model runs/things/model --method ties --base auricle-tiny -o merged --data sounds.jsonl",
        "auricle merge runs/animals/model runs/things/model --similarity",
    )
    app.command(epilog=terminal.example(*examples))(merge)


def _compare(models: Sequence[str], data: Sequence[Path], cache: Path, device: str | None, *, as_json: bool) -> None:
    from auricle.core.records import JSON_VERSION
    from auricle.recipes.merging.similarity import compare

    if len(models) != 2 or len(data) > 1:
        raise InputError(f"--similarity got {len(models)} models and {len(data)} manifests; wanted two models and at most one manifest")
    with terminal.stderr().status("comparing"):
        found = compare(models, data=data[0] if data else None, cache=cache, device=device)
    if as_json:
        print(json.dumps({"version": JSON_VERSION, **dataclasses.asdict(found), "statement": found.statement}))
        return
    terminal.print_facts("cosine of weights, by block", _rows(found))
    terminal.stdout().print(found.statement, markup=False, soft_wrap=True)


def _rows(found: Similarity) -> list[tuple[str, str]]:
    rows = [*found.blocks.items(), ("encoder as a whole", found.encoder)]
    cka = [] if found.cka is None else [("linear CKA of embeddings", f"{found.cka:.4f}")]
    return [(name, f"{value:.4f}") for name, value in rows] + cka
