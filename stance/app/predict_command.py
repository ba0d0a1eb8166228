"""`stance predict`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from stance.app.console import load_model, print_rows, progress, say, say_done, warn
from stance.app.options import Json, ModelPath, Scheduler, Targets, TargetsFile
from stance.errors import StanceError

if TYPE_CHECKING:
    from stance.model.predictor import Model
    from stance.predict.files import Tally


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
    targets: TargetsFile = None,
    long: Annotated[bool, typer.Option("--long", help="One row a (text, target), with every probability.")] = False,
    text_column: Annotated[str, typer.Option("--text-column", help="Column that holds the text.")] = "text",
    min_proba: Annotated[
        float, typer.Option("--min-proba", min=0, max=1, help="Write unsure where no label is so probable.")
    ] = 0,
    form: Annotated[
        Literal["txt", "csv", "tsv", "jsonl"] | None, typer.Option("--format", help="Format of stdin and stdout.")
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

    started = time.perf_counter()
    loaded = partial(load_model, model, targets)
    if bool(texts) == bool(input_):
        raise typer.BadParameter(
            "wanted either TEXT arguments or --input FILE (- reads stdin), and not both (put a glob in quotes)"
        )
    if scheduler is not None and engine != "dask":
        raise typer.BadParameter("wanted --engine dask with it", param_hint="--scheduler")
    report = on_error == "report"
    to_file = output not in (None, "-")
    to_parquet = to_file and form_of(str(output), writing=True)[0] == "parquet"
    if engine == "dask" and not (to_parquet and input_ not in (None, "-") and not report):
        raise typer.BadParameter(
            "wanted --input FILE, --output NAME.parquet (a folder) and --on-error stop with dask", param_hint="--engine"
        )
    if report and input_ and not to_file:
        raise StanceError("bad rows are listed beside the output; wanted --output FILE with --on-error report")
    for text in texts or ():
        if len(text) < 256 and Path(text).is_file():
            raise typer.BadParameter(f"{text!r} is a file; to predict its rows: --input {text}")
    again = " (replaced)" if to_file and Path(str(output)).is_file() else ""
    options: dict[str, Any] = {"text_column": text_column, "targets": target or []}
    options |= {"long": long, "min_proba": min_proba}
    if texts:
        _predict_texts(loaded(), texts, output, "jsonl" if json else form or "csv", options | {"text_column": "text"})
    elif engine == "dask":
        from stance.predict.dask import predict_on_cluster
        from stance.predict.files import sources_of

        files = [source.path for source in sources_of(str(input_))]
        predict_on_cluster(loaded(), files, Path(str(output)), scheduler=scheduler, **options)
    else:
        options["report"] = Path(f"{output}.errors.csv") if report else None
        done = _predict_files(loaded, str(input_), output or "-", form, json, options)
        name = "standard output" if output in (None, "-") else f"{output}{again}"
        say_done(f"{done.rows:,} rows", done.counts, started, name, foreign=done.foreign, texts=done.rows)
    if again and not input_:
        say(f"replaced {output}", style="dim")


def _predict_texts(model: Model, texts: list[str], output: str | None, form: str, options: dict[str, Any]) -> None:
    from stance.data.tables import table_writer
    from stance.predict.rows import predict_rows

    predicted = predict_rows(model, [{"text": text} for text in texts], {"text": None}, **options)
    columns, rows = predicted.columns, predicted.rows
    if output is None and form == "csv" and sys.stdout.isatty():
        print_rows(*_for_eyes(list(columns), rows))
        return
    with table_writer(output or "-", columns, form=form if output in (None, "-") else None) as write:
        write(rows)


def _for_eyes(names: list[str], rows: list[list[Any]]) -> tuple[list[str], list[list[Any]]]:
    """Return a header and rows, a stance and its probability in one cell."""
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    for name in [name for name in names if f"{name}_proba" in names]:
        pairs = zip(columns[name], columns.pop(f"{name}_proba"), strict=True)
        columns[name] = tuple(f"{stance} {proba:.2f}" for stance, proba in pairs)
    return list(columns), [list(row) for row in zip(*columns.values(), strict=True)]


def _predict_files(
    loaded: Callable[[], Model], pattern: str, output: str, form: str | None, as_json: bool, options: dict[str, Any]
) -> Tally:
    from stance.predict.files import predict_files, sources_of, standard_input

    reading = standard_input(form or "txt") if pattern == "-" else nullcontext(sources_of(pattern))
    model = loaded()
    with reading as sources, progress("predicting") as tick:
        if output == "-":
            form = "jsonl" if as_json else form or sources[0].form
            options["form"] = "csv" if form == "parquet" else form
        tally = predict_files(model, sources, output, progress=tick, **options)
    if tally.bad:
        warn(f"{tally.bad} rows were bad and are left out, {tally.rows} were predicted: see {options['report']}")
    return tally
