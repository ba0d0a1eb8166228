"""``stance predict``: texts or files in, stances out."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from stance.app.console import load_model, print_rows, say, transfer, warn
from stance.app.options import Json, ModelPath, Scheduler

if TYPE_CHECKING:
    from stance.data.streams import Source
    from stance.model.predictor import Model


def predict(
    texts: Annotated[list[str] | None, typer.Argument(metavar="[TEXT]...", help="Texts to predict.")] = None,
    model: ModelPath = None,
    input_: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="FILE|DIR|GLOB|-",
            help="Texts to predict: txt, csv, tsv, jsonl or parquet, also .gz and .zst; a folder or a glob (in quotes)"
            " of them; or - for stdin.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", metavar="FILE|-", help="Where to write (ending gives the format); - is stdout."),
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option("--target", metavar="NAME", help="Only this target; may be repeated.")
    ] = None,
    long: Annotated[bool, typer.Option("--long", help="One row a (text, target), with every probability.")] = False,
    text_column: Annotated[str, typer.Option("--text-column", help="Column that holds the text.")] = "text",
    form: Annotated[
        str | None, typer.Option("--format", help="Format of stdin and stdout: txt, csv, tsv or jsonl.")
    ] = None,
    json: Json = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what a killed job has left.")] = False,
    on_error: Annotated[
        Literal["stop", "report"],
        typer.Option("--on-error", help="At a bad row stop, or leave it out and list it in OUTPUT.errors.csv."),
    ] = "stop",
    engine: Annotated[
        Literal["threads", "dask"], typer.Option("--engine", help="This machine's threads, or a Dask cluster.")
    ] = "threads",
    scheduler: Scheduler = None,
) -> None:
    """Predict the stance of texts, or of files' rows, toward every target."""
    from stance.data import streams, tables
    from stance.predict import rows as batch

    if texts and input_:
        raise typer.BadParameter("wanted either TEXT arguments or --input FILE, not both (put a glob in quotes)")
    if not texts and not input_:
        raise typer.BadParameter("wanted either TEXT arguments or --input FILE (- reads stdin)")
    if form is not None and form not in ("txt", "csv", "tsv", "jsonl"):
        raise typer.BadParameter("wanted txt, csv, tsv or jsonl", param_hint="--format")
    to_file = output not in (None, "-")
    if output is not None and to_file:
        streams.form_of(output)
    older = output is not None and to_file and Path(output).is_file()
    if scheduler is not None and engine != "dask":
        raise typer.BadParameter("wanted --engine dask with it", param_hint="--scheduler")
    if resume and not (input_ and to_file):
        raise typer.BadParameter("wanted --input and --output FILE with it", param_hint="--resume")
    if texts:
        for text in texts:
            if len(text) < 256 and Path(text).is_file():
                raise typer.BadParameter(f"{text!r} is a file; to predict its rows: --input {text}")
        predictor = load_model(model)
        wanted = batch.plan(predictor, ["text"], source="TEXT", targets=target or [], long=long)
        found, _ = batch.predict_rows(predictor, {"text": texts}, range(1, len(texts) + 1), "TEXT", wanted)
        if output is None and not json and sys.stdout.isatty():
            print_rows(*_for_eyes(found))
        else:
            tables.write_columns(found, output or "-", form="jsonl" if json else form or "csv")
        if older:
            say(f"replaced {output}", style="dim")
        return
    with ExitStack() as stack:
        if input_ == "-":
            sources = [stack.enter_context(streams.standard_input(form or "txt"))]
        else:
            sources = streams.sources_of(str(input_))
        stdout_form = "jsonl" if json else form or sources[0].form
        _predict_files(
            load_model(model), sources, output or "-", text_column=text_column, targets=target or [], long=long,
            form="csv" if stdout_form == "parquet" else stdout_form, resume=resume, on_error=on_error, engine=engine,
            scheduler=scheduler,
        )  # fmt: skip
    if older:
        say(f"replaced {output}", style="dim")


def _for_eyes(columns: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return a header and rows, a stance and its probability in one cell."""
    cells = {
        name: [f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in column]
        for name, column in columns.items()
    }
    for name in [name for name in cells if f"{name}_proba" in cells]:
        cells[name] = [" ".join(pair) for pair in zip(cells[name], cells.pop(f"{name}_proba"), strict=True)]
    return list(cells), [list(row) for row in zip(*cells.values(), strict=True)]


def _predict_files(predictor: Model, sources: list[Source], output: str, **options: Any) -> None:
    from stance.predict import archive

    finished = False
    try:
        with transfer() as tick:
            done = archive.predict_files(predictor, sources, output, progress=tick, **options)
        finished = True
    except KeyboardInterrupt:
        say("interrupted", style="bold red")
        raise typer.Exit(130) from None
    finally:
        if not finished and output != "-" and (kept := archive.kept_parts(output)):
            say(f"{kept} finished parts are kept; the same command with --resume goes on from them")
    if done.bad:
        place = f": see {done.report}" if done.report else ""
        warn(f"{done.bad} rows were bad and are left out, {done.rows} were predicted{place}")
    if done.resumed:
        say(f"went on after {done.resumed} finished parts")
