"""The command line: parse, wire, translate errors. Nothing heavier than typer is imported here."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from interviewer import __version__
from interviewer.errors import InterviewerError

from . import bank, grade, look, practice, system

ANYWHERE = ("--plain", "--debug")  # understood before and after the command's name

app = typer.Typer(
    name="interviewer",
    help="Practise technical interviews in the terminal and get scores you can trust.",
    epilog="Start with: interviewer practice",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (practice, grade, bank, look, system):
    module.register(app)


def main() -> None:
    """Run the program: exit code 0, 1 with one line for a known failure, 2 for wrong usage."""
    arguments = _anywhere_first(sys.argv[1:])
    try:
        app(arguments, prog_name="interviewer")
    except InterviewerError as fault:
        if "--debug" in arguments:
            raise
        _say(str(fault))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output has gone; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


@app.callback()
def _options(
    plain: Annotated[bool, typer.Option("--plain", help="No color, boxes or spinners.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of failures.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    if plain:
        os.environ["INTERVIEWER_PLAIN"] = "1"
    if version:
        typer.echo(__version__)
        raise typer.Exit


def _anywhere_first(arguments: list[str]) -> list[str]:
    end = arguments.index("--") if "--" in arguments else len(arguments)
    front = [argument for argument in arguments[:end] if argument in ANYWHERE]
    rest = [argument for argument in arguments[:end] if argument not in ANYWHERE]
    return front + rest + arguments[end:]


def _say(sentence: str) -> None:
    from interviewer.terminal.sanitize import clean

    print(clean(sentence), file=sys.stderr)
