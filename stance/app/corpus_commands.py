"""``stance corpus``: collect, check, label and count data."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from stance.app.console import describe, print_fault, print_table, say, write_file
from stance.app.options import Labels, Strict
from stance.errors import DataError, StanceError

app = typer.Typer(help="Work on labelled data.", no_args_is_help=True)


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Labelled tables.")],
    labels: Labels = None,
    strict: Strict = False,
) -> None:
    """Print every fault of labelled tables, with file, line and column, and what is still unlabelled."""
    from stance.data.corpus import read_corpus

    try:
        corpus = read_corpus(files, labels=labels, strict=strict, allow_unlabelled=True)
    except DataError as error:
        for fault in error.faults:
            print_fault(fault)
        say(f"{len(error.faults)} fault{'s' if len(error.faults) > 1 else ''}", style="bold red")
        raise typer.Exit(1) from None
    for fault in corpus.warnings:
        print_fault(fault)
    for note in corpus.notes:
        say(f"note: {note}")
    for cell in corpus.unlabelled:
        print(f"unlabelled: {cell}")
    print(describe(corpus))
    print_table(corpus.counts().rename_axis("target").reset_index())


@app.command()
def add(
    article: Annotated[Path, typer.Argument(metavar="ARTICLE.txt", help="Plain text; its first line is the headline.")],
    title: Annotated[str, typer.Option(help="Title; default: the first line.")] = "",
    date: Annotated[
        datetime | None, typer.Option(metavar="YYYY-MM-DD", formats=["%Y-%m-%d"], help="Its date; default: today.")
    ] = None,
    genre: Annotated[str, typer.Option(help="Such as wire, editorial, letter.")] = "",
    country: Annotated[str, typer.Option(help="Whose paper, parliament or office.")] = "",
    origin: Annotated[str, typer.Option(help="Where the text comes from.")] = "added",
    data: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder with articles.csv and sentences.csv (made if missing).")
    ] = Path("data"),
    target: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Targets of a new sentences.csv.")] = None,
) -> None:
    """Split an article into sentences and append them, unlabelled, to a data folder."""
    from stance.data.articles import add_article

    day = f"{date or datetime.now():%Y-%m-%d}"
    about = {"title": title, "date": day, "genre": genre, "origin": origin, "country": country}
    name, sentences = add_article(article, data, about, targets=target or [])
    for number, sentence in enumerate(sentences):
        print(f"{name}-{number:02d}  {sentence}")
    say(f"{len(sentences)} sentences of {name} added to {data / 'sentences.csv'}; label them there")


@app.command()
def join(
    labels: Annotated[list[Path], typer.Argument(metavar="LABELS...", help="Labels without text.")],
    texts: Annotated[list[Path], typer.Option(metavar="DIR", help="Folder of documents; may be repeated.")],
    output: Annotated[Path, typer.Option(metavar="FILE", help="Where to write.")],
    partial: Annotated[
        bool, typer.Option("--partial", help="Write what is there although something is missing.")
    ] = False,
) -> None:
    """Take labelled sentences from your copy of the documents and write a table that `--data` takes."""
    from stance.data.joining import join_texts
    from stance.data.tables import write_table

    table, faults = join_texts(labels, texts)
    for fault in faults:
        print_fault(fault)
    if faults and not partial:
        raise StanceError(
            f"{len(faults)} documents or sentences missing or altered, nothing written (--partial writes the rest)"
        )
    write_table(table, output)
    print(f"{len(table)} sentences of {table['document_id'].nunique()} documents: {output}")


@app.command()
def gold(
    passes: Annotated[list[Path], typer.Argument(metavar="PASS...", help="One table an annotator.")],
    into: Annotated[list[Path], typer.Option(metavar="FILE", help="Table whose labels are renewed; may be repeated.")],
    adjudication: Annotated[Path | None, typer.Option(metavar="FILE", help="Decisions with reasons.")] = None,
) -> None:
    """Generate gold labels from annotators' passes and the adjudication of their disagreements."""
    from stance.data.annotations import fill, gold_labels

    labels = gold_labels(passes, adjudication)
    for file in into:
        print(f"{file}: {'renewed' if fill(file, labels) else 'unchanged'}")


@app.command()
def stats(
    data: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the corpus.")] = Path("data"),
    plot: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Draw the counts.")] = None,
) -> None:
    """Print the tables of a corpus: counts, genres, holders, agreement."""
    from stance.data.datacard import describe_corpus
    from stance.report import plots

    tables = describe_corpus(data)
    for title, table in tables.items():
        print_table(table, title)
    if plot is not None:
        write_file(plot, plots.png(plots.label_counts(tables["Labels"])))
        print(f"Plot: {plot}")
