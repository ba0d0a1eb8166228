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
from stance.app.console import say
from stance.app.corpus_commands import app as corpus
from stance.app.estimate_commands import estimate, sample
from stance.app.explain_command import explain
from stance.app.info_command import info
from stance.app.predict_command import predict
from stance.app.read_commands import draw_map, read
from stance.app.serve_command import serve
from stance.app.train_commands import evaluate, train
from stance.errors import ConfigError, StanceError


class _Commands(TyperGroup):
    """The commands, each of which ends in one clear message and an exit code where it fails."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **extra: Any) -> Any:
        try:
            try:
                return super().main(args, *more, **extra)
            finally:
                sys.stdout.flush()
        except (StanceError, OSError) as error:
            if "--traceback" in (sys.argv if args is None else args):
                raise
            if isinstance(error, OSError):
                sys.stdout = io.StringIO()  # Python would try to write the rest once more
            if not isinstance(error, BrokenPipeError):
                say(f"error: {error}", style="bold red")
            raise SystemExit(2 if isinstance(error, ConfigError) else 1) from None


app = typer.Typer(
    cls=_Commands,
    help="Train, evaluate and use stance-detection models: against, none or favor toward a target.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(corpus, name="corpus")
for command in (train, predict, evaluate, explain, read, sample, estimate, info, serve):
    app.command()(command)
app.command("map")(draw_map)


def _show_version(value: bool) -> None:
    if value:
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
    app()
