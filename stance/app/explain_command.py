"""``stance explain``: why a text has its label, and what a model goes by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stance.app.console import load_model, print_json, print_marked, print_rows, print_table, say, warn, write_file
from stance.app.options import Data, Html, Json, ModelPath, Targets, TargetsFile

if TYPE_CHECKING:
    from stance.model.explanation import Explanation
    from stance.model.predictor import Model


def explain(
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="The text.")] = None,
    target: Targets = None,
    model: ModelPath = None,
    targets: TargetsFile = None,
    html: Html = None,
    json: Json = False,
    top: Annotated[int, typer.Option(min=1, help="So many phrases a label.")] = 6,
    overall: Annotated[
        bool,
        typer.Option(
            "--global", help="Instead of a text, the model's strongest phrases, counted in --data or in the run's own."
        ),
    ] = False,
    data: Data = None,
) -> None:
    """Show which phrases push a text toward each stance, on its own words and with their exact shares."""
    if (text is None) != overall:
        raise typer.BadParameter("wanted either TEXT or --global")
    if overall and html:
        raise typer.BadParameter("wanted TEXT with it (report.html holds the global view)", param_hint="--html")
    if data and not overall:
        raise typer.BadParameter("wanted --global with it", param_hint="--data")
    predictor = load_model(model, targets)
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
    how = "" if explanation.labelled else ", zero-shot"
    print_marked([(f"{title}: ", "", False), (label, label, True), (f" ({proba}{how})", "", False)])
    print_marked(
        (f"{piece}[{SIGNS[label]}]" if label else piece, label, strength > 0.5)
        for piece, label, _, strength in explanation.marks()
    )
    rows = [(label and f"{label} {SIGNS[label]}", *cells) for label, *cells in share_rows(explanation, top=top)]
    print_rows(["pushes toward", "phrase", *LABELS], rows)


def _explain_model(
    model: Model, run: Path | None, data: list[Path], targets: Sequence[str], *, top: int, json: bool
) -> None:
    import pandas as pd

    from stance.data.corpus import data_of
    from stance.training.strongest import strongest_phrases

    corpus = data_of(run, data, targets=model.targets)
    if corpus is None:
        warn("the model's data is not at hand, so nothing is counted and rare phrases stand high (--data FILE)")
    phrases = [row for row in strongest_phrases(model, corpus, n=top) if row["target"] in targets]
    if json:
        print_json(phrases)
        return
    for name, title in zip(model.targets, model.info.titles, strict=True):
        if rows := [row for row in phrases if row["target"] == name]:
            print_table(pd.DataFrame(rows).drop(columns="target"), title)
    if corpus is None:
        print("push: weight for the label less the mean over labels, times IDF.")
    else:
        print("push: weight for the label less the mean over labels, times IDF, times the root of its share of texts.")
        print("texts: of the data that hold the phrase; against, none, favor: what these are labelled.")
