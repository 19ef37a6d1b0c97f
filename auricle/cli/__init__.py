"""Words typed in, one call and what it answers out. Every import of weight is inside the verb that needs it: a command starts at once."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from auricle.cli import exits, hearing

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
hearing.add_to(app)


@app.callback(invoke_without_command=True)
def options(version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False) -> None:
    """auricle hears: which sounds are in a recording, when, and how well it fits your words. Offline, without a GPU."""
    if version:
        from auricle import __version__

        print(__version__)
        raise typer.Exit


def main() -> None:
    """Entry point: every end of the process, and its exit code, is decided in `exits.run`."""
    sys.exit(exits.run(_run))


def _run() -> None:
    verbs = {command.callback.__name__ for command in app.registered_commands if command.callback is not None}
    if len(sys.argv) < 2 or sys.argv[1] not in verbs:
        from auricle.cli import archive, bench, classify, models, train

        for family in (classify, archive, models, bench, train):
            family.add_to(app)  # typer takes a while over each option: hearing a file does not wait for those of archives
    app()
