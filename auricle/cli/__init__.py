"""Command-line interface. Heavy imports are inside the commands, so that each starts quickly."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from auricle.cli import audio_commands, exits, terminal

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]},
)
audio_commands.add_to(app)


@app.callback(invoke_without_command=True, epilog=terminal.example("auricle listen examples/*.ogg", "auricle classify --help"))
def options(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False
) -> None:
    """Recognise sounds in recordings: which, when, and how well they match your own words. Works offline, without a GPU."""
    if version:
        from auricle import __version__

        print(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help(), file=sys.stderr)
        raise typer.Exit(exits.USAGE)


def main() -> None:
    """Entry point of the process. `exits.run` turns every result and error into an exit code."""
    sys.exit(exits.run(_run))


def _run() -> object:
    registered = {command.callback.__name__ for command in app.registered_commands if command.callback is not None}
    if len(sys.argv) < 2 or sys.argv[1] not in registered:
        add_others(app)  # registering an option takes typer a while, so `auricle listen` registers only its own group
    return app(standalone_mode=False)  # errors of the parser are described by `exits.run` too


def add_others(to: typer.Typer) -> None:
    """Register the commands of all groups but audio_commands."""
    from auricle.cli import archive, bench, calibrate, classify, merge, models, train

    for module in (classify, archive, models, bench, calibrate, train, merge):
        module.add_to(to)
