"""``stance read`` and ``stance map``: articles read whole, and who stands where in many documents."""

from __future__ import annotations

import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stance.app.console import load_model, print_json, print_marked, print_rows, say_done, warn, write_file
from stance.app.estimate_commands import labelled
from stance.app.options import Html, Json, LabelledFile, ModelPath
from stance.labels import LABELS, SIGNS
from stance.reading.actors import PATTERN
from stance.reading.holders import AUTHOR

if TYPE_CHECKING:
    import pandas as pd

    from stance.reading.article import Position, Reading, Summary


def read(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Articles as plain text; - reads stdin.")],
    model: ModelPath = None,
    html: Html = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a row for each sentence and target.")] = None,
    json: Json = False,
    author: Annotated[str, typer.Option(metavar="NAME", help="Whose stance a sentence is that names nobody.")] = AUTHOR,
    country: Annotated[
        str | None,
        typer.Option(help="Of people named without one; default: the state an article names most."),
    ] = None,
) -> None:
    """Read articles whole: where each sentence stands, a summary a target, and who stands where."""
    from stance.data.language import is_foreign
    from stance.data.tables import read_text, write_table
    from stance.reading.article import read_article

    started = time.perf_counter()
    texts = [("stdin" if file == "-" else file, read_text(file)) for file in files]
    predictor = load_model(model)
    readings = [(name, read_article(predictor, text, author=author, country=country)) for name, text in texts]
    if html is not None:
        from stance.report.html import render

        write_file(html, render("read.html.j2", model=predictor, readings=readings).encode(errors="replace"))
    if csv is not None:
        write_table(_table(readings), csv)
    counts = Counter[tuple[str, str]]()
    for reading in (reading for _, reading in readings):
        counts.update((t, label) for s in reading.sentences for t, label in zip(reading.targets, s.labels, strict=True))
    name = ", ".join(str(file) for file in (html, csv) if file) or "standard output"
    n, foreign = sum(len(reading.sentences) for _, reading in readings), sum(is_foreign(text) for _, text in texts)
    say_done(f"{n} sentences", counts, started, name, foreign=foreign, texts=len(texts))
    if json:
        print_json([{"file": name, **reading.as_dict()} for name, reading in readings])
        return
    for name, reading in readings:
        _print(name, reading)


def _print(name: str, reading: Reading) -> None:
    print_marked([(f"{name}: {len(reading.sentences)} sentences", "", False)])
    for sentence in reading.sentences:
        sides = [
            (f"{SIGNS[label]} {target} ", label, True)
            for target, label in zip(reading.targets, sentence.labels, strict=True)
            if label != "none"
        ]
        if sides:
            holders = ", ".join(holder.name for holder in sentence.holders)
            print_marked([*sides, (f"({holders}) {sentence.text}", "", False)])
    print_rows(
        ["target", *LABELS, "take a side", "mean stance"],
        [[row.title, *row.counts, f"{row.share:.0%}", _mean_stance(row)] for row in reading.summaries],
        "95 % intervals from resampled sentences, from five on",
    )
    if reading.positions:
        print_rows(
            ["holder", "target", "against", "favor", "mean stance"],
            [[row.holder, row.target, *row.counts[::2], _mean_stance(row)] for row in reading.positions],
            "Who stands where",
        )


def _mean_stance(row: Summary | Position) -> str:
    if row.stance is None:
        return "no side taken"
    return f"{row.stance:+.2f}" if row.low is None else f"{row.stance:+.2f} [{row.low:+.2f}, {row.high:+.2f}]"


def _table(readings: list[tuple[str, Reading]]) -> pd.DataFrame:
    import pandas as pd

    rows = [
        (name, sentence.position, sentence.paragraph, sentence.text, target, sentence.labels[t], *sentence.proba[t],
         ";".join(holder.name for holder in sentence.holders), sentence.holders[0].rule)
        for name, reading in readings
        for sentence in reading.sentences
        for t, target in enumerate(reading.targets)
    ]  # fmt: skip
    columns = ["file", "position", "paragraph", "text", "target", "stance", *LABELS, "holders", "rule"]
    return pd.DataFrame(rows, columns=columns)


def draw_map(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILES", help="Text files, folders of them, or tables with text, actor and year."),
    ],
    output: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the tables and pictures.")],
    by: Annotated[str, typer.Option(help="actor, year or actor,year.")] = "actor,year",
    actor_from: Annotated[
        Literal["document", "sentence"],
        typer.Option(help="Whoever a document's name says speaks, or whom each sentence names."),
    ] = "document",
    pattern: Annotated[
        str, typer.Option(help="Where actor and year stand in a text file's name, without its ending.")
    ] = PATTERN,
    labels: LabelledFile = None,
    actors: Annotated[int, typer.Option(min=1, help="So many actors in the picture; the tables have all.")] = 30,
    model: ModelPath = None,
) -> None:
    """Map who stands where in many documents: tables, a heat map, and stance over time.

    Only sentences that take a side count. Without --labels predictions are counted as if they were true.
    """
    from stance.data.language import is_foreign
    from stance.data.tables import write_table
    from stance.errors import StanceError
    from stance.reading.maps import COUNTED, check_by, load_documents, read_documents, stance_map
    from stance.report import plots

    started = time.perf_counter()
    keys = check_by([key.strip() for key in by.split(",")])
    texts = load_documents(files, pattern=pattern)
    predictor = load_model(model)
    stances = read_documents(predictor, texts, actor_from=actor_from)
    if stances.sided.empty:
        raise StanceError(f"none of the sentences of {len(texts)} documents takes a side: there is nothing to map")
    titles = dict(zip(predictor.targets, predictor.info.titles, strict=True))
    sample = labelled(labels, stances.predictions) if labels else None
    make = partial(stance_map, stances, targets=predictor.targets, sample=sample)
    tables = {
        "predicted.csv": stances.predictions.table(),
        "sentences.csv": stances.sided,
        "map.csv": make(keys),
    }
    figures = {}
    if "actor" in keys:
        tables["actors.csv"] = make(["actor"])
        figures["actors.png"] = plots.stance_heat_map(tables["actors.csv"], titles, n=actors)
    if "year" in keys and stances.sided["year"].notna().any():
        tables["years.csv"] = make(["year"])
        figures["years.png"] = plots.stance_over_time(tables["years.csv"], titles)
    output.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        write_table(table, output / name)
    for name, figure in figures.items():
        write_file(output / name, plots.png(figure))
    if sample is None:
        warn(f"{COUNTED} (label what `stance sample {output / 'predicted.csv'}` draws, and give it as --labels)")
    sided = stances.sided.drop_duplicates(["document", "position", "target"])
    n_sided, n = sided.groupby(["document", "position"]).ngroups, int(stances.read["sentences"].sum())
    counts = Counter(zip(sided["target"], sided["stance"], strict=True))
    for target in predictor.targets:
        counts[target, "none"] = n - counts[target, "against"] - counts[target, "favor"]
    foreign = sum(is_foreign(document.text) for document in texts)
    what = f"{len(texts)} documents, {n} sentences, {n_sided} of which take a side"
    say_done(what, counts, started, output, foreign=foreign, texts=len(texts))
    print(*(output / name for name in (*tables, *figures)), sep="\n")
