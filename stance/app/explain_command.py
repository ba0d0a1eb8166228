"""``stance explain``: why a text has its label, and what a model goes by."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stance.app.console import load_model, print_marked, print_rows, say, warn

if TYPE_CHECKING:
    from stance.model.explanation import Explanation
    from stance.model.predictor import Model


def explain(
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="The text.")] = None,
    target: Annotated[
        list[str] | None, typer.Option("--target", metavar="NAME", help="Only this target; may be repeated.")
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model", metavar="RUN", help="A run's folder or its model.safetensors; default: the bundled model."
        ),
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page to look at.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")] = False,
    top: Annotated[int, typer.Option("--top", min=1, help="So many n-grams a label.")] = 6,
    overall: Annotated[
        bool, typer.Option("--global", help="Instead of a text, the model's strongest n-grams, counted in its data.")
    ] = False,
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", metavar="FILE", help="With --global: tables to count in; default: the run's own."),
    ] = None,
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
    wanted = tuple(target or predictor.targets)
    if text is None:
        _print_overall(predictor, model, data or [], wanted, top=top, json=json)
        return
    found = [each for each in predictor.explanations(text) if each.target in wanted]
    if html is not None:
        from stance.files import atomic_write
        from stance.report.html import explanation_html

        page = explanation_html(predictor, found, top=top)
        with atomic_write(html) as handle:
            handle.write(page.encode(errors="replace"))
        say(f"page: {html}")
    if json:
        print(json_text.dumps([each.to_dict() for each in found], indent=1))
    elif html is None:
        for each in found:
            _print_explanation(predictor, each, top=top)


def _print_explanation(model: Model, found: Explanation, *, top: int) -> None:
    from stance.labels import LABELS, SIGNS
    from stance.report.html import share_table

    title = model.info.titles[model.targets.index(found.target)]
    chances = ", ".join(f"{label} {chance:.2f}" for label, chance in zip(LABELS, found.proba, strict=True))
    print_marked([(f"{title}: ", "", False), (found.label, found.label, True), (f" ({chances})", "", False)])
    print_marked(
        [
            (f"{piece}[{SIGNS[label]}]" if label else piece, label, strength > 0.5)
            for piece, label, _, strength in found.marks()
        ]
    )
    table = share_table(found, top=top)
    rows = [[f"{label} {SIGNS[label]}", row.name, row.n, *row.share] for label, side in table.sides for row in side] + [
        ["", row.name, row.n, *row.share] for row in table.sums
    ]
    print_rows(["pushes toward", "n-gram", "times", *LABELS], rows)


def _print_overall(
    predictor: Model, run: Path | None, data: list[Path], targets: tuple[str, ...], *, top: int, json: bool
) -> None:
    from stance.data.corpus import data_of
    from stance.training.strongest import strongest_ngrams

    corpus = data_of(run, data, targets=predictor.targets)
    if corpus is None:
        warn("the model's data is not at hand, so nothing is counted and rare n-grams stand high (--data FILE)")
    rows = [row for row in strongest_ngrams(predictor, corpus, n=top) if row["target"] in targets]
    if json:
        print(json_text.dumps(rows, indent=1))
        return
    for name, title in zip(predictor.targets, predictor.info.titles, strict=True):
        if name in targets:
            found = [row for row in rows if row["target"] == name]
            header = [column for column in found[0] if column != "target"] if found else []
            cells = [[_cell(row[column]) for column in header] for row in found]
            print_rows(header, cells, title)
    if corpus is None:
        print("push: weight for the label less the mean over labels, times IDF.")
    else:
        print("push: weight for the label less the mean over labels, times IDF, times the root of its share of texts.")
        print("texts: of the data that hold the n-gram; against, none, favor: what these are labelled.")


def _cell(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else ", ".join(value) if isinstance(value, list) else str(value)
