"""`stance predict`."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from stance.app.console import load_model, print_rows, progress, say, warn
from stance.app.options import Json, ModelPath, Scheduler, Targets

if TYPE_CHECKING:
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
    target: Targets = None,
    long: Annotated[bool, typer.Option("--long", help="One row a (text, target), with every probability.")] = False,
    text_column: Annotated[str, typer.Option("--text-column", help="Column that holds the text.")] = "text",
    form: Annotated[
        str | None, typer.Option("--format", help="Format of stdin and stdout: txt, csv, tsv or jsonl.")
    ] = None,
    json: Json = False,
    on_error: Annotated[
        Literal["stop", "report"],
        typer.Option("--on-error", help="At a bad row stop, or leave it out and list it in OUTPUT.errors.csv."),
    ] = "stop",
    engine: Annotated[
        Literal["threads", "dask"],
        typer.Option("--engine", help="This machine's threads, or a Dask cluster that writes a folder of Parquet."),
    ] = "threads",
    scheduler: Scheduler = None,
) -> None:
    """Predict the stance of texts, or of files' rows, toward every target."""
    from stance.data.formats import form_of

    if bool(texts) == bool(input_):
        raise typer.BadParameter(
            "wanted either TEXT arguments or --input FILE (- reads stdin), and not both (put a glob in quotes)"
        )
    if form is not None and form not in ("txt", "csv", "tsv", "jsonl"):
        raise typer.BadParameter("wanted txt, csv, tsv or jsonl", param_hint="--format")
    if scheduler is not None and engine != "dask":
        raise typer.BadParameter("wanted --engine dask with it", param_hint="--scheduler")
    path = None if output in (None, "-") else Path(str(output))
    to_parquet = path is not None and form_of(path)[0] == "parquet"
    if engine == "dask" and not (to_parquet and input_ not in (None, "-") and on_error == "stop"):
        raise typer.BadParameter(
            "wanted --input FILE, --output NAME.parquet (a folder) and --on-error stop with dask", param_hint="--engine"
        )
    for text in texts or ():
        if len(text) < 256 and Path(text).is_file():
            raise typer.BadParameter(f"{text!r} is a file; to predict its rows: --input {text}")
    older = path is not None and path.is_file()
    options: dict[str, Any] = {"targets": target or [], "long": long}
    if texts:
        _predict_texts(load_model(model), texts, output, "jsonl" if json else form, **options)
    elif engine == "dask":
        from stance.predict.dask import predict_on_cluster
        from stance.predict.files import sources_of

        files = [source.path for source in sources_of(str(input_))]
        options["text_column"] = text_column
        predict_on_cluster(load_model(model), files, Path(str(output)), scheduler=scheduler, **options)
    else:
        options |= {"text_column": text_column, "on_error": on_error}
        _predict_files(model, str(input_), output or "-", form, as_json=json, **options)
    if older:
        say(f"replaced {output}", style="dim")


def _predict_texts(model: Model, texts: list[str], output: str | None, form: str | None, **options: Any) -> None:
    from stance.data.tables import write_columns
    from stance.predict.rows import make_plan, predictions

    plan = make_plan(model, ["text"], source="TEXT", **options)
    rows = len(plan.targets) if plan.long else 1
    columns = {"text": [text for text in texts for _ in range(rows)], **predictions(model, texts, plan)}
    if output is None and form != "jsonl" and sys.stdout.isatty():
        print_rows(*_for_eyes(columns))
    elif output in (None, "-"):
        write_columns(columns, "-", form=form or "csv")
    else:
        write_columns(columns, output)


def _for_eyes(columns: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return a header and rows, a stance and its probability in one cell."""
    cells = {
        name: [f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in column]
        for name, column in columns.items()
    }
    for name in [name for name in cells if f"{name}_proba" in cells]:
        cells[name] = [" ".join(pair) for pair in zip(cells[name], cells.pop(f"{name}_proba"), strict=True)]
    return list(cells), [list(row) for row in zip(*cells.values(), strict=True)]


def _predict_files(
    model: Path | None, pattern: str, output: str, form: str | None, *, as_json: bool, **options: Any
) -> None:
    from stance.predict.files import predict_files, sources_of, standard_input

    with ExitStack() as stack:
        sources = [stack.enter_context(standard_input(form or "txt"))] if pattern == "-" else sources_of(pattern)
        if output == "-":
            form = "jsonl" if as_json else form or sources[0].form
            options["form"] = "csv" if form == "parquet" else form
        predictor = load_model(model)
        outcome = predict_files(
            predictor, sources, output, progress=stack.enter_context(progress("predicting")), **options
        )
    if outcome.bad:
        warn(f"{outcome.bad} rows were bad and are left out, {outcome.rows} were predicted: see {outcome.report}")
