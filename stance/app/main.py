"""The command line: the only place that parses, prints and exits.

Exit codes: 0 done, 1 the work failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import stance
from stance.app import explain_command, info_command, predict_command, read_commands, serve_command, train_commands
from stance.app.console import say
from stance.app.corpus_commands import app as corpus_app
from stance.errors import ConfigError, StanceError


class _Commands(TyperGroup):
    """The commands, each of which ends in one clear message and an exit code where it fails."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **extra: Any) -> Any:
        try:
            return super().main(args, *more, **extra)
        except (StanceError, OSError) as error:
            if "--traceback" in (sys.argv if args is None else args):
                raise
            say(f"error: {error}", style="bold red")
            raise SystemExit(2 if isinstance(error, ConfigError) else 1) from None


app = typer.Typer(
    cls=_Commands,
    help="Train, evaluate and use stance-detection models: against, none or favor toward a target.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(corpus_app, name="corpus")
app.command()(train_commands.train)
app.command()(predict_command.predict)
app.command()(train_commands.evaluate)
app.command()(explain_command.explain)
app.command()(read_commands.read)
app.command("map")(read_commands.draw_map)
app.command()(info_command.export)
app.command()(info_command.info)
app.command()(serve_command.serve)


def _show_version(asked: bool) -> None:
    if asked:
        print(f"stance-detect {stance.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    traceback: Annotated[bool, typer.Option("--traceback", help="Show where in the code an error arose.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s", stream=sys.stderr)
    try:
        app()
    except SystemExit as end:
        try:
            sys.stdout.flush()
        except OSError as error:
            sys.stdout = io.StringIO()  # Python would try to write the rest once more
            if not end.code and not isinstance(error, BrokenPipeError):
                say(f"error: {error}", style="bold red")
            raise SystemExit(end.code or 1) from None
        raise
