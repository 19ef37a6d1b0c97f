"""What all commands share: each help ends with examples that parse, and those that need only the folder examples run."""

from __future__ import annotations

import functools
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from auricle import cli
from auricle.cli import exits

ROOT = Path(__file__).parents[2]
#: Commands whose examples need the folder examples only, in this order, since a later one works on what an earlier one wrote.
RUN = ("listen", "tag", "detect", "embed", "classify", "models", "doctor", "index", "archive", "search", "teach")


@functools.cache
def root() -> Any:
    """The parser of the whole command line."""
    app = typer.Typer(rich_markup_mode=None)
    app.callback(invoke_without_command=True)(cli.options)
    cli.audio_commands.add_to(app)
    cli.add_others(app)
    return typer.main.get_command(app)


def examples(verb: str) -> list[list[str]]:
    """The commands at the end of a verb's help, as words."""
    command = root().commands[verb]
    text = command.get_help(typer.Context(command, info_name=verb))
    last = text.split("\n\n")[-1].splitlines()
    assert last[0].strip() in ("Example:", "Examples:"), f"auricle {verb} --help ends with {last}"
    return [shlex.split(line) for line in last[1:]]


@pytest.mark.parametrize("verb", sorted(root().commands))
def test_the_help_ends_with_examples_that_parse(verb: str) -> None:
    for words in examples(verb):
        assert words[:2] == ["auricle", verb]
        root().commands[verb].make_context(verb, words[2:])


@pytest.mark.parametrize("verb", sorted(root().commands))
def test_options_have_one_name_in_all_commands(verb: str) -> None:
    options = {name for parameter in root().commands[verb].params for name in (*parameter.opts, *parameter.secondary_opts)}
    assert not options & set(exits.RENAMED)
    assert "--json" in options or verb == "serve"
    for one, other in (("-o", "--output"), ("-m", "--model"), ("--runtime", "--device"), ("--label", "--labels")):
        torch_only = other == "--device" and verb == "merge"  # it runs models with torch alone
        assert torch_only or (one in options) == (other in options), f"auricle {verb} has only one of {one} and {other}"


def test_the_help_of_auricle_ends_with_an_example(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["auricle", "--help"])
    with pytest.raises(SystemExit):
        cli.main()
    assert "\n    auricle listen " in capsys.readouterr().out.split("\n\n")[-1]


@pytest.mark.skipif(
    not (ROOT / "auricle" / "weights" / "auricle-tiny" / "config.json").is_file(), reason="auricle-tiny is not in this checkout"
)
def test_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("lancedb")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    for verb in RUN:
        for words in examples(verb):
            files = [found for word in words for found in (sorted(map(str, Path().glob(word))) if "*" in word else [word])]
            monkeypatch.setattr(sys, "argv", files)
            with pytest.raises(SystemExit) as left:
                cli.main()
            assert left.value.code == 0, f"{words}: {capsys.readouterr().err}"
    assert {path.name for path in tmp_path.iterdir()} == {"examples", "report.html", "vectors.npy", "sounds.archive"}
