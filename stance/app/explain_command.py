"""``stance explain``: why a text has its label, and what a model goes by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stance.app.console import load_model, print_json, print_marked, print_rows, print_table, say, warn, write_file
from stance.app.options import Data, Html, Json, ModelPath, Targets

if TYPE_CHECKING:
    from stance.model.explanation import Explanation
    from stance.model.predictor import Model


def explain(
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="The text.")] = None,
    target: Targets = None,
    model: ModelPath = None,
    html: Html = None,
    json: Json = False,
    top: Annotated[int, typer.Option(min=1, help="So many n-grams a label.")] = 6,
    overall: Annotated[
        bool,
        typer.Option(
            "--global", help="Instead of a text, the model's strongest n-grams, counted in --data or in the run's own."
        ),
    ] = False,
    data: Data = None,
) -> None:
    """Show which n-grams push a text toward each stance, on its own words and with their exact shares."""
    if (text is None) != overall:
        raise typer.BadParameter("wanted either TEXT or --global")
    if overall and html:
        raise typer.BadParameter("wanted TEXT with it (report.html holds the global view)", param_hint="--html")
    if data and not overall:
        raise typer.BadParameter("wanted --global with it", param_hint="--data")
    predictor = load_model(model)
    predictor.check_targets(target or [])
    chosen = target or predictor.targets
    if text is None:
        _explain_model(predictor, model, data or [], chosen, top=top, json=json)
        return
    explanations = [each for each in predictor.explanations(text) if each.target in chosen]
    if html is not None:
        from stance.report.html import render

        page = render("explain.html.j2", model=predictor, explanations=explanations, top=top)
        write_file(html, page.encode(errors="replace"))
        say(f"page: {html}")
    if json:
        print_json([each.to_dict() for each in explanations])
    elif html is None:
        titles = dict(zip(predictor.targets, predictor.info.titles, strict=True))
        for each in explanations:
            _print_explanation(each, titles[each.target], top=top)


def _print_explanation(explanation: Explanation, title: str, *, top: int) -> None:
    from stance.labels import LABELS, SIGNS
    from stance.report.html import share_rows

    label = explanation.label
    proba = ", ".join(f"{name} {fraction:.2f}" for name, fraction in zip(LABELS, explanation.proba, strict=True))
    print_marked([(f"{title}: ", "", False), (label, label, True), (f" ({proba})", "", False)])
    print_marked(
        (f"{piece}[{SIGNS[label]}]" if label else piece, label, strength > 0.5)
        for piece, label, _, strength in explanation.marks()
    )
    rows = [(label and f"{label} {SIGNS[label]}", *cells) for label, *cells in share_rows(explanation, top=top)]
    print_rows(["pushes toward", "n-gram", "times", *LABELS], rows)


def _explain_model(
    model: Model, run: Path | None, data: list[Path], targets: Sequence[str], *, top: int, json: bool
) -> None:
    import pandas as pd

    from stance.data.corpus import data_of
    from stance.training.strongest import strongest_ngrams

    corpus = data_of(run, data, targets=model.targets)
    if corpus is None:
        warn("the model's data is not at hand, so nothing is counted and rare n-grams stand high (--data FILE)")
    ngrams = [row for row in strongest_ngrams(model, corpus, n=top) if row["target"] in targets]
    if json:
        print_json(ngrams)
        return
    for name, title in zip(model.targets, model.info.titles, strict=True):
        if rows := [row for row in ngrams if row["target"] == name]:
            print_table(pd.DataFrame(rows).drop(columns="target"), title)
    if corpus is None:
        print("push: weight for the label less the mean over labels, times IDF.")
    else:
        print("push: weight for the label less the mean over labels, times IDF, times the root of its share of texts.")
        print("texts: of the data that hold the n-gram; against, none, favor: what these are labelled.")
