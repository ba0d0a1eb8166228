"""A folder of articles, `articles.csv` and `sentences.csv`, that grows one article at a time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from stance.data.columns import target_columns
from stance.data.tables import read_table, read_text, write_table
from stance.errors import StanceError
from stance.text.sentences import split_sentences


def add_article(
    article: Path, folder: Path, about: Mapping[str, str], *, targets: Sequence[str] = ()
) -> tuple[str, list[str]]:
    """Append an article, plain text, and its sentences without labels to a folder; return its id and the sentences.

    `about` has the columns of `articles.csv`; an empty `title` becomes the first line, the headline. `targets`
    are the columns of a new `sentences.csv`. Raises a StanceError if the article is empty or there
    already, or no targets are known.
    """
    sentences = split_sentences(read_text(article))
    articles_csv, sentences_csv = folder / "articles.csv", folder / "sentences.csv"
    articles = read_table(articles_csv).frame if articles_csv.exists() else pd.DataFrame(columns=["article_id", *about])
    if sentences_csv.exists():
        table = read_table(sentences_csv)
        rows, targets = table.frame, target_columns(table)
        if sentences[0] in set(rows.loc[rows["position"] == "0", "text"]):
            raise StanceError(f"{article}: an article with this headline is in {sentences_csv} already")
    else:
        rows = pd.DataFrame(columns=["sentence_id", "article_id", "position", "text", *targets])
    if not targets:
        raise StanceError(f"{sentences_csv} does not exist; name the targets of the new one (--target NAME)")
    numbers = [int(match[1]) for name in articles["article_id"] if (match := re.fullmatch(r"a(\d+)", str(name)))]
    name = f"a{max(numbers, default=0) + 1:03d}"
    new = pd.DataFrame([
        {"sentence_id": f"{name}-{i:02d}", "article_id": name, "position": str(i), "text": text}
        for i, text in enumerate(sentences)
    ])  # fmt: skip
    entry = pd.DataFrame([{"article_id": name, **about, "title": about["title"] or sentences[0]}])
    folder.mkdir(parents=True, exist_ok=True)
    write_table(pd.concat([rows, new], ignore_index=True).fillna(""), sentences_csv)
    write_table(pd.concat([articles, entry], ignore_index=True).fillna(""), articles_csv)
    return name, sentences
