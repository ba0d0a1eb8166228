"""What is in a corpus: the tables of its data card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from stance.data.annotations import agreement, read_pass
from stance.data.corpus import resemblance, target_columns
from stance.data.tables import Table, read_table
from stance.errors import StanceError
from stance.labels import LABELS

#: Tables of labels a data folder may hold, by the name of their source.
SOURCES = {
    "articles": "sentences.csv",
    "lines": "lines.csv",
    "speeches": "ungd_labels.csv",
    "briefings": "whitehouse_labels.csv",
}


def describe_corpus(folder: Path) -> dict[str, pd.DataFrame]:
    """Return every table of the data card by its title, those whose files are there.

    Raises
    ------
    StanceError
        If the folder holds no table of `SOURCES`.
    """
    tables = _tables(folder)
    found = {"Labels": _label_counts(tables), "Sentences": pd.DataFrame([_sizes(*item) for item in tables.items()])}
    if "articles" in tables and (folder / "articles.csv").exists():
        articles = read_table(folder / "articles.csv").frame
        by_genre = _sides(tables["articles"]).groupby(_column(tables["articles"], articles, "genre")).sum()
        by_genre.insert(0, "articles", articles["genre"].value_counts())
        found["Articles by genre"] = by_genre.reset_index(names="genre")
        decades = (articles["date"].str[:3] + "0s").value_counts().sort_index()
        found["Articles by decade"] = decades.rename_axis("decade").reset_index(name="articles")
        countries = articles.loc[articles["country"] != "", "country"].value_counts()
        text = ", ".join(f"{country} {n}" for country, n in countries.items())
        found["Articles by country"] = pd.DataFrame([{"countries": len(countries), "articles": text}])
        found["Near-duplicates between articles"] = _overlap(tables["articles"].frame)
    if (folder / "hard.csv").exists():
        kinds = read_table(folder / "hard.csv").frame["kind"].value_counts()
        found["Hard sentences"] = kinds.rename_axis("kind").reset_index(name="sentences")
    if (folder / "holders.csv").exists():
        found["Most frequent holders"] = _holders(folder, tables)
    if (folder / "annotations" / "pass_a.csv").exists():
        found["Agreement of the two passes"] = _agreement_table(folder, tables)
    if (folder / "annotations" / "lines_check.csv").exists() and "lines" in tables:
        found["Agreement of the lines' writers with a blind reader"] = _check_table(folder, tables["lines"])
    return found


def _tables(folder: Path) -> dict[str, Table]:
    tables = {name: read_table(folder / file) for name, file in SOURCES.items() if (folder / file).exists()}
    if not tables:
        raise StanceError(f"{folder} holds none of {', '.join(SOURCES.values())}; wanted a data folder (--data DIR)")
    return tables


def _label_counts(tables: dict[str, Table]) -> pd.DataFrame:
    """Return counts with columns `source`, `target` and the labels in LABELS order."""
    rows = []
    for source, table in tables.items():
        for target in target_columns(table):
            counts = table.frame[target].value_counts()
            row = {"source": source, "target": target}
            rows.append(row | {label: int(counts.get(label, 0)) for label in LABELS})
    return pd.DataFrame(rows)


def _agreement_rows(first: pd.DataFrame, second: pd.DataFrame) -> list[dict[str, object]]:
    """Return a row a target: how far two labellings of the same sentences agree."""
    return [
        {"target": target, "n": found.n, "disagreed": found.n_disagreed, "alpha": f"{found.alpha:.3f}"}
        | {f"F1 {label}": f"{value:.3f}" for label, value in found.f1.items()}
        for target, found in agreement(first, second).items()
    ]


def _check_table(folder: Path, lines: Table) -> pd.DataFrame:
    check = read_pass(folder / "annotations" / "lines_check.csv")
    written = lines.frame.set_index("sentence_id")
    ids = check.index.intersection(written.index)
    return pd.DataFrame(_agreement_rows(written.loc[ids, check.columns], check))


def _agreement_table(folder: Path, tables: dict[str, Table]) -> pd.DataFrame:
    """Return agreement of `annotations/pass_a.csv` and `pass_b.csv` by source and target."""
    first, second = (read_pass(folder / "annotations" / f"pass_{name}.csv") for name in "ab")
    rows: list[dict[str, object]] = []
    for source, table in tables.items():
        ids = first.index.intersection(table.frame["sentence_id"].tolist())
        if not len(ids):
            continue
        rows += [{"source": source} | row for row in _agreement_rows(first.loc[ids], second)]
    return pd.DataFrame(rows)


def _sides(table: Table) -> pd.DataFrame:
    """Return one column a (target, side), true where a sentence takes it."""
    return pd.DataFrame({
        f"{target} {label}": table.frame[target] == label
        for target in target_columns(table)
        for label in LABELS
        if label != "none"
    })  # fmt: skip


def _sizes(source: str, table: Table) -> dict[str, object]:
    frame, targets = table.frame, target_columns(table)
    labels = frame[targets].to_numpy(dtype=object)
    sided = (labels != "none") & (labels != "")
    different = [len(set(row[side])) > 1 for row, side in zip(labels, sided, strict=True)]
    document = next(name for name in ("article_id", "document_id", "group") if name in frame)
    words = frame["text"].map(lambda text: len(text.split())) if "text" in frame else None
    return {
        "source": source,
        "documents or groups": frame[document].nunique(),
        "sentences": len(frame),
        "no side": f"{(~sided.any(axis=1)).mean():.0%}",
        "two targets": int((sided.sum(axis=1) > 1).sum()),
        "two, different sides": int(np.sum(different)),
        "words, 5th to 95th percentile": ""
        if words is None
        else f"{words.quantile(0.05):.0f} to {words.quantile(0.95):.0f}",
    }


def _column(table: Table, articles: pd.DataFrame, name: str) -> pd.Series:
    return table.frame["article_id"].map(articles.set_index("article_id")[name])


def _overlap(frame: pd.DataFrame) -> pd.DataFrame:
    """Measure how much sentences share with other articles' sentences, in word 5-grams."""
    alike = resemblance(frame["text"].tolist())
    article = frame["article_id"].to_numpy()
    other = article[alike.row] != article[alike.col]
    n_sharing = len(set(alike.row[other]))
    return pd.DataFrame([{
        "sentences": len(frame),
        "sharing a word 5-gram with another article": f"{n_sharing} ({n_sharing / len(frame):.1%})",
        "highest Jaccard index": f"{max(alike.data[other], default=0.0):.2f}",
    }])  # fmt: skip


def _holders(folder: Path, tables: dict[str, Table], *, n: int = 15) -> pd.DataFrame:
    holders = read_table(folder / "holders.csv").frame
    labels = pd.concat([
        table.frame.melt("sentence_id", target_columns(table), var_name="target", value_name="stance")
        for table in tables.values()
    ])  # fmt: skip
    merged = holders.merge(labels, on=["sentence_id", "target"])
    exploded = merged.assign(holder=merged["holder"].str.split(";")).explode("holder")
    counts = pd.crosstab(exploded["holder"], [exploded["target"] + " " + exploded["stance"]])
    top = counts.loc[counts.sum(axis=1).sort_values(ascending=False, kind="stable").index[:n]]
    return top.reset_index()
