"""Command-line interface. Heavy imports are inside the commands, so that each starts quickly."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from auricle.cli import audio_commands, exits

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
audio_commands.add_to(app)


@app.callback(invoke_without_command=True)
def options(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    """Recognise sounds in recordings: which, when, and how well they match your own words. Works offline, without a GPU."""
    if version:
        from auricle import __version__

        print(__version__)
        raise typer.Exit


def main() -> None:
    """Entry point of the process. `exits.run` turns every result and error into an exit code."""
    sys.exit(exits.run(_run))


def _run() -> None:
    registered = {command.callback.__name__ for command in app.registered_commands if command.callback is not None}
    if len(sys.argv) < 2 or sys.argv[1] not in registered:
        from auricle.cli import archive, bench, classify, models, train

        for module in (classify, archive, models, bench, train):
            module.add_to(app)  # registering an option takes typer a while, so `auricle listen` registers only its own group
    app()
