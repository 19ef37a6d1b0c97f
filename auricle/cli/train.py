"""Training command: train."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auricle.cli import exits, terminal
from auricle.core.errors import InputError
from auricle.core.files import make_folder
from auricle.core.optional import require

if TYPE_CHECKING:
    from auricle.core.config import Strict
    from auricle.data.item import Item
    from auricle.train.trainer import Training

RUNS = Path("runs")

Report = Callable[[str], None]


def train(
    recipe: Annotated[str | None, typer.Argument(metavar="RECIPE", help="Name of a recipe, or path of a .py file with one.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting, such as train.steps=200.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Folder of the run; an existing run is resumed.  [default: runs/RECIPE]"),
    ] = None,
    list_recipes: Annotated[bool, typer.Option("--list", help="List the recipes and exit.")] = False,
    list_settings: Annotated[bool, typer.Option("--settings", help="List the settings of RECIPE with their values and exit.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object (docs/json.md).")] = False,
) -> None:
    """Train a model with a recipe. Run it again to resume a run that was stopped."""
    from auricle.train.registry import save_config

    if list_recipes:
        _print_recipes(as_json=as_json)
        return
    if recipe is None:
        raise InputError("no recipe was named; wanted one of those that `auricle train --list` shows, or the path of a .py file")
    try:
        with _progress() as progress:
            module, config = _load(recipe, settings or [], progress)
            if not list_settings:
                folder = output or RUNS / Path(recipe).stem
                save_config(folder, recipe, config)
                progress.note(f"{recipe}: output goes to {folder}")
                figures, command = _run(module, config, folder, progress)
    except KeyboardInterrupt as stopped:
        if not str(stopped):
            raise
        terminal.print_error(str(stopped))
        raise SystemExit(exits.STOPPED) from stopped
    if list_settings:
        _print_settings(recipe, config, as_json=as_json)
    elif _is_first():
        _print_result(recipe, folder, figures, command, as_json=as_json)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(epilog=terminal.example("auricle train msclap --set data=captions.jsonl --set train.steps=200 -o runs/mine"))(train)


@dataclasses.dataclass(frozen=True)
class _Progress:
    """Lines on stderr. note: prints a line that stays. report: on a terminal, a line that the next one replaces."""

    note: Report
    report: Report


def _load(recipe: str, settings: Sequence[str], progress: _Progress) -> tuple[ModuleType, Strict]:
    """The module of a recipe, and its config with these settings."""
    from auricle.train import registry
    from auricle.train.settings import build_config

    if registry.needs_torch(recipe):
        progress.report(f"{recipe}: loading torch")
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # else torch's threads wait in busy loops, tens of times slower on busy cores
        require("torch", extra="train", why="training")
    module = registry.load(recipe)
    return module, build_config(module.Config, settings)


def _run(module: ModuleType, config: Strict, folder: Path, progress: _Progress) -> tuple[dict[str, float], str]:
    """Run a recipe. Returns its figures, and the command that uses its result; empty where there is none."""
    from auricle.train.next_command import next_command

    items: Sequence[Item] = ()
    if hasattr(module, "build"):
        training = module.build(config)
        figures, items = _train(training, folder, progress), getattr(training.batches, "items", ())
    else:
        figures = module.run(config, folder)
    if hasattr(module, "next_command"):
        return figures, module.next_command(config, folder)
    own = [str(task) for task in getattr(config, "tasks", ()) if str(task).endswith(".py")]
    return figures, next_command(folder, items, getattr(config, "data", None), tasks=own)


def _train(training: Training, folder: Path, progress: _Progress) -> dict[str, float]:
    from auricle.train import trainer
    from auricle.train.plan import check_space, estimate, plan

    if _is_first():
        progress.note(plan(training))
        check_space(training, make_folder(folder))
        progress.report("timing a few steps")
        if line := estimate(training, folder):
            progress.note(line)
    return trainer.train(training, folder, report=progress.report)


@contextlib.contextmanager
def _progress() -> Iterator[_Progress]:
    """Progress lines, and what auricle logs meanwhile; on rank 0 only."""
    if not _is_first():
        yield _Progress(lambda line: None, lambda line: None)
        return
    from rich.text import Text

    console, logger = terminal.stderr(), logging.getLogger("auricle")
    with console.status("") if console.is_terminal else contextlib.nullcontext() as status:

        def note(line: str) -> None:
            console.print(line, style="dim", markup=False, highlight=False, soft_wrap=True)

        def report(line: str) -> None:
            note(line) if status is None else status.update(Text(line))

        handler, level = _Handler(report), logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            yield _Progress(note, report)
        finally:
            logger.removeHandler(handler)
            logger.setLevel(level)


class _Handler(logging.Handler):
    """Passes messages on to a function."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one message on."""
        self._report(record.getMessage())


def _is_first() -> bool:
    """Whether this is the only process, or rank 0 of torchrun. Known before torch is loaded."""
    return os.environ.get("RANK", "0") == "0"


def _print_recipes(*, as_json: bool) -> None:
    from auricle.train import registry

    rows = [(name, registry.summary(path)) for name, path in registry.list_recipes().items()]
    if as_json:
        print(json.dumps(dict(rows), ensure_ascii=False))
    else:
        terminal.print_facts("recipes", rows)


def _print_settings(recipe: str, config: Strict, *, as_json: bool) -> None:
    from auricle.train.settings import list_settings

    settings = list(list_settings(config))
    if as_json:
        print(json.dumps([vars(setting) for setting in settings], ensure_ascii=False))
        return
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for setting in settings:
        meaning = setting.meaning + (f"; one of {', '.join(setting.choices)}" if setting.choices else "")
        table.add_row(setting.name, Text(setting.value, overflow="fold"), Text(meaning))
    terminal.stdout().print(Text(f"settings of {recipe}, changed with --set NAME=VALUE", style="bold"), table)


def _print_result(recipe: str, folder: Path, figures: Mapping[str, float], command: str, *, as_json: bool) -> None:
    from auricle.core.records import JSON_VERSION

    if as_json:
        finite = {name: value if math.isfinite(value) else None for name, value in figures.items()}
        fields: dict[str, Any] = {"version": JSON_VERSION, "recipe": recipe, "folder": str(folder), "figures": finite}
        print(json.dumps(fields | {"next": command}, ensure_ascii=False))
        return
    if figures:
        terminal.print_facts(str(folder), [(name, f"{value:.4g}") for name, value in figures.items()])
    if command:
        terminal.stdout().print(f"use it:\n{command}", markup=False, highlight=False, soft_wrap=True)
