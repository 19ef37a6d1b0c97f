"""Training command: train."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auricle.cli import terminal
from auricle.core.errors import InputError
from auricle.core.files import make_folder
from auricle.core.optional import require

if TYPE_CHECKING:
    from auricle.train.trainer import Training

RUNS = Path("runs")


def train(
    recipe: Annotated[str | None, typer.Argument(metavar="RECIPE", help="Name of a recipe, or path of a .py file with one.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting, such as train.steps=200.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the run; an existing run is resumed.  [default: runs/RECIPE]")
    ] = None,
    list_them: Annotated[bool, typer.Option("--list", help="List the recipes and exit.")] = False,
) -> None:
    """Train a model with a recipe. Run it again to resume a run that was stopped."""
    from auricle.train import registry

    if list_them:
        terminal.print_facts("recipes", [(name, registry.summary(path)) for name, path in registry.list_recipes().items()])
        return
    if recipe is None:
        raise InputError("no recipe was named; wanted one of those that `auricle train --list` shows, or the path of a .py file")
    require("torch", extra="train", why="training")
    module = registry.load(recipe)
    config = registry.build_config(module.Config, settings or [])
    folder = out or RUNS / Path(recipe).stem
    registry.save_config(folder, recipe, config)
    terminal.print_note(f"{recipe}: output goes to {folder}")
    with terminal.stderr().status("preparing"):  # a recipe decodes its recordings first
        built = module.build(config) if hasattr(module, "build") else module.run(config, folder)
    if hasattr(module, "build"):
        _train(built, folder)
    else:
        _show(folder, built)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(train)


def _train(training: Training, folder: Path) -> None:
    from rich.text import Text

    from auricle.train import parallel, trainer
    from auricle.train.plan import check_space, plan

    console, first = terminal.stderr(), parallel.rank_and_world()[0] == 0
    if first:
        terminal.print_note(plan(training))
        check_space(training, make_folder(folder))
    if console.is_terminal and first:
        with console.status("starting") as status:
            figures = trainer.train(training, folder, report=lambda line: status.update(Text(line)))
    else:
        figures = trainer.train(training, folder, report=lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True))
    if first:
        _show(folder, figures)


def _show(folder: Path, figures: Mapping[str, float]) -> None:
    terminal.print_facts(str(folder), [(name, f"{value:.4g}") for name, value in figures.items()])
