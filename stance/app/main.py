"""The command line: the only place that parses, prints and exits.

Exit codes: 0 done, 1 the work failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import stance
from stance.app import explain_command as explain_cli
from stance.app import info_command as model_cli
from stance.app import read_commands as reading_cli
from stance.app import serve_command as serve_cli
from stance.app.console import describe, load_model, print_fault, print_rows, print_table, progress, say, transfer, warn
from stance.app.corpus_commands import app as corpus_app
from stance.errors import ConfigError, StanceError

if TYPE_CHECKING:
    from stance.data.corpus import Corpus
    from stance.data.streams import Source
    from stance.model.predictor import Model

app = typer.Typer(
    help="Train, evaluate and use stance-detection models: against, none or favor toward a target.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(corpus_app, name="corpus")
app.command()(explain_cli.explain)
app.command()(reading_cli.read)
app.command("map")(reading_cli.draw_map)
app.command()(model_cli.export)
app.command()(model_cli.info)
app.command()(serve_cli.serve)

Data = Annotated[
    list[Path] | None,
    typer.Option("--data", metavar="FILE", help="Labelled table (csv, tsv, jsonl, parquet); may be repeated."),
]
ModelPath = Annotated[
    Path | None,
    typer.Option("--model", metavar="RUN", help="A run's folder or its model.safetensors; default: the bundled model."),
]
Scheduler = Annotated[
    str | None,
    typer.Option("--scheduler", metavar="ADDRESS", help="The Dask cluster's; default: one on this machine."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]


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


@app.command()
def train(
    config: Annotated[
        Path | None,
        typer.Argument(
            metavar="[CONFIG]", help="Experiment in TOML; default: experiments/default.toml of the checkout."
        ),
    ] = None,
    data: Data = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder of the run; default: experiments/runs/NAME, or runs/NAME."),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Another seed than the experiment's.")] = None,
    jobs: Annotated[int, typer.Option("--jobs", help="Processes; -1: every core.")] = -1,
    strict: Annotated[bool, typer.Option("--strict", help="Make warnings about the data errors.")] = False,
    backend: Annotated[
        Literal["loky", "threading", "dask"],
        typer.Option("--backend", help="This machine's processes or threads, or a Dask cluster."),
    ] = "loky",
    scheduler: Scheduler = None,
) -> None:
    """Train a model with nested cross-validation and write a run."""
    from stance import settings as configs
    from stance.data.corpus import read_data
    from stance.report import run_folder as runs
    from stance.report import tables as report
    from stance.training.fitting import fit

    root = runs.checkout()
    if config is not None:
        settings = configs.read_settings(config)
    elif data or root is None:
        settings = configs.Settings()
    else:
        settings = configs.read_settings(root / "experiments" / "default.toml")
    if data:
        settings = settings.changed(data__files=[str(file) for file in data])
        if config is None:
            settings = settings.changed(name=_run_name(data[0]))
    if seed is not None:
        settings = settings.changed(seed=seed)
    if jobs == 0 or jobs < -1:
        raise typer.BadParameter("wanted -1 or a number of processes", param_hint="--jobs")
    if scheduler is not None and backend != "dask":
        raise typer.BadParameter("wanted --backend dask with it", param_hint="--scheduler")
    if not settings.data.files:
        raise typer.BadParameter("no data named; wanted --data FILE, or a CONFIG with [data] files")
    folder = out if out is not None else runs.runs_folder() / settings.name
    runs.check_replaceable(folder)
    corpus = read_data(settings.data, strict=strict)
    say(describe(corpus))
    _warn_of(corpus)
    older = runs.is_run(folder)
    with progress("training") as tick:
        training = fit(settings, corpus, n_jobs=jobs, progress=tick, backend=backend, scheduler=scheduler)
    runs.write_run(training, folder)
    if older:
        say(f"replaced the older run {folder}", style="dim")
    evaluation = training.evaluations["model"]
    print_table(
        report.results_table(training.evaluations),
        f"{settings.evaluation.folds}-fold cross-validation by article or group, n = {evaluation.n} examples"
        f" of {evaluation.n_groups} articles or groups, 95 % intervals",
    )
    for table in report.target_tables(evaluation, report.titles_of(training)):
        print_table(table)
    for warning in report.warnings_of(training):
        warn(warning)
    print(f"Run:    {folder}\nReport: {folder / 'report.html'}")


@app.command()
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


@app.command()
def evaluate(
    data: Annotated[
        list[Path],
        typer.Option("--data", metavar="FILE", help="Labelled table the model never saw; may be repeated."),
    ],
    model: ModelPath = None,
    json: Json = False,
    allow_seen: Annotated[
        bool,
        typer.Option("--allow-seen", help="Warn of texts that were in the training instead of refusing them."),
    ] = False,
    splits: Annotated[
        str, typer.Option("--splits", metavar="FILE", help="Score only the test part of this table of groups.")
    ] = "",
    resamples: Annotated[int, typer.Option("--resamples", min=100, help="Resamples behind each interval.")] = 2000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the resampling.")] = 0,
) -> None:
    """Score a model on labelled data it never saw, every metric with its interval."""
    from stance.data.corpus import read_corpus
    from stance.report import tables as report
    from stance.training.evaluation import evaluate_model

    predictor = load_model(model)
    corpus = read_corpus(data, splits=splits, part="test", for_training=False)
    found = evaluate_model(predictor, corpus, allow_seen=allow_seen, resamples=resamples, seed=seed)
    if found.seen:
        warn(f"{found.seen} of {corpus.n_texts} texts were in the model's training: these scores are too good")
    if json:
        print(report.evaluation_json(found))
        return
    say(describe(corpus))
    _warn_of(corpus)
    titles = dict(zip(predictor.info.targets, predictor.info.titles, strict=True))
    scores = found.evaluation
    print_table(
        report.results_table({predictor.info.name: scores}),
        f"n = {scores.n} examples of {scores.n_groups} articles or groups, 95 % intervals",
    )
    for table in report.target_tables(scores, titles):
        print_table(table)
    print(f"Calibration: ECE {found.calibration.ece:.3f}, Brier {found.calibration.brier:.3f}")


def main() -> None:
    """Run the command line; every failure is one clear message and an exit code."""
    _utf8()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s", stream=sys.stderr)
    try:
        app()
    except BrokenPipeError:  # the reader of the pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except (StanceError, OSError) as error:
        if "--traceback" in sys.argv:
            raise
        say(f"error: {error}", style="bold red")
        raise SystemExit(2 if isinstance(error, ConfigError) else 1) from None


def _warn_of(corpus: Corpus) -> None:
    """Warn of every doubtful column, and of the first doubtful rows."""
    rows = [fault for fault in corpus.warnings if fault.line is not None]
    for fault in corpus.warnings:
        if fault.line is None:
            print_fault(fault)
    if rows:
        warn(f"{len(rows)} rows whose text has two labels, among them:")
        for fault in rows[:3]:
            print_fault(fault)


def _utf8() -> None:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")


def _run_name(file: Path) -> str:
    name = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in file.stem)
    return name.lstrip("-_.") or "run"
