"""First runs of recipes as a newcomer has them: one command in an empty folder, and then the command that it prints.

benchmarks/first_runs.py does the same with every recipe; here are quick ones, and one of pairs with fewer steps.
"""

from __future__ import annotations

import importlib.util
import runpy
from pathlib import Path

import pytest

first_run = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "first_runs.py"))["first_run"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "package", "settings"),
    [("linear-probe", "numpy", ()), ("classic", "sklearn", ()), ("finetune", "torch", ()), ("msclap", "torch", ("train.steps=3",))],
)
def test_a_first_run_works_and_ends_with_a_command_that_works(recipe: str, package: str, settings: tuple[str, ...], tmp_path: Path) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    figures = first_run(recipe, tmp_path / "empty", *settings)
    assert figures["closing_command_works"] and figures["first_line"] < 5 and figures["estimate"] > 0
    assert {path.name for path in (tmp_path / "empty").iterdir()} == {"runs"}
