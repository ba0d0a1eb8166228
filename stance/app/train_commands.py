"""``stance train`` and ``stance evaluate``: a model from labelled data, and its scores on more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stance.app.console import describe, load_model, print_table, progress, say, warn, warn_of
from stance.app.options import Data, Json, Labels, ModelPath, Strict

if TYPE_CHECKING:
    from stance.data.corpus import Corpus
    from stance.settings import Settings


def train(
    config: Annotated[
        Path | None,
        typer.Argument(
            metavar="[CONFIG]",
            help="Experiment in TOML (default: experiments/default.toml of the checkout), or a table, as with --data.",
        ),
    ] = None,
    data: Data = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder of the run; default: experiments/runs/NAME, or runs/NAME."),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL|none",
            help="Model to start from: a run's folder, a model file, bundled or none. Default: bundled for --data,"
            " unless it knows these texts; none for an experiment.",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Another seed than the experiment's.")] = None,
    folds: Annotated[
        int | None, typer.Option("--folds", min=2, help="Folds of the cross-validation; default: the experiment's.")
    ] = None,
    labels: Labels = None,
    jobs: Annotated[int, typer.Option("--jobs", help="Processes; -1: every core.")] = -1,
    strict: Strict = False,
) -> None:
    """Train a model with nested cross-validation and write a run."""
    from stance.data.corpus import read_data
    from stance.data.splits import most_folds
    from stance.report import run_folder as runs
    from stance.report import tables as report

    settings = _settings(config, data, seed=seed, evaluation__folds=folds, data__labels=labels)
    if jobs == 0 or jobs < -1:
        raise typer.BadParameter("wanted -1 or a number of processes", param_hint="--jobs")
    if not settings.data.files:
        raise typer.BadParameter("no data named; wanted --data FILE, or a CONFIG with [data] files")
    if base not in (None, "none"):
        settings = settings.adapted(str(base))
    folder = out if out is not None else runs.runs_folder() / settings.name
    older = runs.is_run(folder)
    corpus = read_data(settings.data, strict=strict)
    say(describe(corpus))
    warn_of(corpus)
    asked, inner = settings.evaluation.folds, settings.evaluation.inner_folds
    if (n_folds := most_folds(corpus.examples, asked, inner, seed=settings.seed)) < asked:
        warn(f"so few articles or groups cannot be split into {asked} folds: takes {n_folds}")
        settings = settings.changed(evaluation__folds=n_folds)
    if base is None and data and config is None:
        settings = _from_bundled(settings, corpus)
    with progress("training") as tick:
        training, _ = runs.train(settings, folder, corpus=corpus, n_jobs=jobs, progress=tick)
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


def _settings(config: Path | None, data: list[Path] | None, **changes: object) -> Settings:
    """Return an experiment, by default the checkout's, with the tables named and the changes that are not None."""
    from stance.data.formats import ENDINGS
    from stance.report.run_folder import checkout
    from stance.settings import Settings, read_settings

    if config is not None and config.name.lower().endswith((*ENDINGS, ".xlsx")):
        say(f"{config} is a table, not an experiment: trains on it, as with --data")
        data = [config, *(data or [])]
        config = None
    root = checkout()
    if config is not None:
        settings = read_settings(config)
    elif data or root is None:
        settings = Settings()
    else:
        settings = read_settings(root / "experiments" / "default.toml")
    if data:
        changes["data__files"] = [str(file) for file in data]
        changes["name"] = _run_name(data[0]) if config is None else None
    return settings.changed(**{key: value for key, value in changes.items() if value is not None})


def _from_bundled(settings: Settings, corpus: Corpus) -> Settings:
    """Return the settings to train from the bundled model; they stay as they are if it knows some of the texts."""
    from stance.training.fitting import n_texts_seen

    adapted = settings.adapted("bundled")
    if n_texts_seen(adapted, corpus):
        say("the bundled model was trained on some of these texts, so the training starts from nothing", style="dim")
        return settings
    say("the training starts from the bundled model (--base none starts from nothing)", style="dim")
    return adapted


def evaluate(
    data: Annotated[
        list[Path],
        typer.Option("--data", metavar="FILE", help="Labelled table the model never saw; may be repeated."),
    ],
    model: ModelPath = None,
    labels: Labels = None,
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
    from stance import settings as configs
    from stance.data.corpus import read_corpus
    from stance.report import tables as report
    from stance.report.run_files import evaluation_json
    from stance.training.evaluation import evaluate_model

    configs.Settings().changed(evaluation__resamples=resamples)  # refuses what training would refuse
    predictor = load_model(model)
    corpus = read_corpus(data, splits=splits, part="test", labels=labels, for_training=False)
    result = evaluate_model(predictor, corpus, allow_seen=allow_seen, resamples=resamples, seed=seed)
    if result.seen:
        warn(f"{result.seen} of {corpus.n_texts} texts were in the model's training: these scores are too good")
    if json:
        print(evaluation_json(result))
        return
    say(describe(corpus))
    warn_of(corpus)
    titles = dict(zip(predictor.info.targets, predictor.info.titles, strict=True))
    scores = result.evaluation
    print_table(
        report.results_table({predictor.info.name: scores}),
        f"n = {scores.n} examples of {scores.n_groups} articles or groups, 95 % intervals",
    )
    for table in report.target_tables(scores, titles):
        print_table(table)
    for warning in report.absent_labels(corpus):
        warn(warning)
    print(f"Calibration: ECE {result.calibration.ece:.3f}, Brier {result.calibration.brier:.3f}")


def _run_name(file: Path) -> str:
    name = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in file.stem)
    return name.lstrip("-_.") or "run"
