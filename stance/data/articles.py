"""A folder of articles: `articles.csv` and `sentences.csv`, grown one article at a time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from stance.data.corpus import target_columns
from stance.data.tables import read_table, read_text, write_table
from stance.errors import StanceError
from stance.text.sentences import split


def add_article(
    article: Path, folder: Path, about: Mapping[str, str], *, targets: Sequence[str] = ()
) -> tuple[str, list[str]]:
    """Append an article and its sentences, with empty labels, to a folder.

    Parameters
    ----------
    article
        Plain text; the first line is the headline.
    folder
        With `articles.csv` and `sentences.csv`; both are made where they are missing.
    about
        Columns of `articles.csv`; an empty `title` becomes the first line.
    targets
        Columns of a new `sentences.csv`.

    Returns
    -------
    (article_id, sentences)

    Raises
    ------
    StanceError
        If the article is empty or there already, or no targets are known.
    """
    sentences = split(read_text(article))
    articles, rows = folder / "articles.csv", folder / "sentences.csv"
    known = read_table(articles).frame if articles.exists() else pd.DataFrame(columns=["article_id", *about])
    if rows.exists():
        table = read_table(rows)
        before, targets = table.frame, target_columns(table)
        if sentences[0] in set(before.loc[before["position"] == "0", "text"]):
            raise StanceError(f"{article}: an article with this headline is in {rows} already")
    else:
        before = pd.DataFrame(columns=["sentence_id", "article_id", "position", "text", *targets])
    if not targets:
        raise StanceError(f"{rows} does not exist; name the targets of the new one (--target NAME)")
    numbers = [int(found[1]) for name in known["article_id"] if (found := re.fullmatch(r"a(\d+)", str(name)))]
    name = f"a{max(numbers, default=0) + 1:03d}"
    new = pd.DataFrame({
        "sentence_id": [f"{name}-{i:02d}" for i in range(len(sentences))],
        "article_id": name,
        "position": [str(i) for i in range(len(sentences))],
        "text": sentences,
    })  # fmt: skip
    entry = {"article_id": name, **about, "title": about["title"] or sentences[0]}
    folder.mkdir(parents=True, exist_ok=True)
    write_table(pd.concat([before, new], ignore_index=True).fillna(""), rows)
    write_table(pd.concat([known, pd.DataFrame([entry])], ignore_index=True).fillna(""), articles)
    return name, sentences
