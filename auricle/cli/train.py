"""The verb that trains: words typed -> a recipe's training, in a folder of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auricle.cli import terminal
from auricle.core.errors import InputError
from auricle.core.optional import require

if TYPE_CHECKING:
    from auricle.train.trainer import Training

RUNS = Path("runs")


def train(
    recipe: Annotated[str | None, typer.Argument(metavar="RECIPE", help="Name of a recipe, or the path of a .py file with one.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Another value for a setting, such as train.steps=200.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the run; goes on from what is there.  [default: runs/RECIPE]")
    ] = None,
    list_them: Annotated[bool, typer.Option("--list", help="Show the recipes and leave.")] = False,
) -> None:
    """Train a model by a recipe; a run that was stopped goes on when it is called again."""
    from auricle.train import registry

    if list_them:
        terminal.print_facts("recipes", [(name, registry.about(path)) for name, path in registry.known().items()])
        return
    if recipe is None:
        raise InputError("no recipe was named; wanted one of those that `auricle train --list` shows, or the path of a .py file")
    require("torch", extra="train", why="training")
    module = registry.load(recipe)
    config = registry.changed(module.Config, settings or [])
    folder = out or RUNS / Path(recipe).stem
    registry.note(folder, recipe, config)
    terminal.note(f"{recipe}: what it makes goes to {folder}")
    with terminal.stderr().status("at work"):  # a recipe decodes its recordings first
        made = module.build(config) if hasattr(module, "build") else module.run(config, folder)
    if hasattr(module, "build"):
        _train(made, folder)
    else:
        _show(folder, made)


def add_to(app: typer.Typer) -> None:
    """Give the app this verb."""
    app.command()(train)


def _train(training: Training, folder: Path) -> None:
    from rich.text import Text

    from auricle.train import parallel, trainer
    from auricle.train.plan import plan

    console, first = terminal.stderr(), parallel.told()[0] == 0
    if first:
        terminal.note(plan(training))
    if console.is_terminal and first:
        with console.status("starting") as status:
            figures = trainer.train(training, folder, report=lambda line: status.update(Text(line)))
    else:
        figures = trainer.train(training, folder, report=lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True))
    if first:
        _show(folder, figures)


def _show(folder: Path, figures: Mapping[str, float]) -> None:
    terminal.print_facts(str(folder), [(name, f"{value:.4g}") for name, value in figures.items()])
