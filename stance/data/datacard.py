"""What is in a corpus: the tables of its data card."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from stance.data.annotations import agreement, read_passes
from stance.data.columns import GROUPS, target_columns
from stance.data.splits import resemblance
from stance.data.tables import Table, read_table
from stance.errors import StanceError
from stance.labels import LABELS

#: Tables of labels a data folder may hold, by the name of their source.
SOURCES = {
    "articles": "sentences.csv",
    "lines": "lines.csv",
    "headlines": "headlines.csv",
    "plain sentences": "plain.csv",
    "speeches": "ungd_labels.csv",
    "briefings": "whitehouse_labels.csv",
    "news": "news_labels.csv",
}
#: Blind readings of sentences whose writer labelled them, by source, in the folder `annotations`.
BLIND_READINGS = {"lines": ["lines_check.csv"], "headlines": ["headlines_a.csv", "headlines_b.csv"]}


def describe_corpus(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the tables of a data card by their titles, as far as a folder has the files; it needs one of `SOURCES`."""
    tables = {source: read_table(folder / file) for source, file in SOURCES.items() if (folder / file).exists()}
    if not tables:
        raise StanceError(f"{folder} holds none of {', '.join(SOURCES.values())}; wanted a data folder (--data DIR)")
    labels = pd.concat([_melted(source, table) for source, table in tables.items()], ignore_index=True)
    card = {"Labels": _label_counts(labels), "Sentences": pd.DataFrame([_sizes(*item) for item in tables.items()])}
    if "articles" in tables and (folder / "articles.csv").exists():
        card |= _article_tables(read_table(folder / "articles.csv").frame, labels)
        card["Near-duplicates between articles"] = _overlap(tables["articles"].frame)
    if (folder / "hard.csv").exists():
        kinds = read_table(folder / "hard.csv").frame["kind"].value_counts()
        card["Hard sentences"] = kinds.rename_axis("kind").reset_index(name="sentences")
    if (folder / "holders.csv").exists():
        card["Most frequent holders"] = _holders(read_table(folder / "holders.csv").frame, labels)
    return card | _reading_tables(tables, folder / "annotations")


def _melted(source: str, table: Table) -> pd.DataFrame:
    """Return one row a sentence and target: `source`, `sentence_id`, `article_id`, `target`, `stance`."""
    ids = table.frame.reindex(columns=["sentence_id", "article_id"]).assign(source=source)
    return pd.concat([ids.assign(target=name, stance=table.frame[name]) for name in target_columns(table)])


def _label_counts(labels: pd.DataFrame) -> pd.DataFrame:
    """Return counts with columns `source`, `target` and the labels in LABELS order."""
    key = ["source", "target"]
    counts = pd.crosstab([labels[name] for name in key], labels["stance"]).reindex(columns=list(LABELS), fill_value=0)
    return labels[key].drop_duplicates(ignore_index=True).join(counts, on=key)


def _sizes(source: str, table: Table) -> dict[str, object]:
    """Return how many sentences there are, how many take sides, and how long they are."""
    frame = table.frame
    sides = frame[target_columns(table)]
    sides = sides.where(sides.isin(["against", "favor"]))
    group = next((name for name in GROUPS if name in frame), "")
    length = ""
    if "text" in frame:
        words = frame["text"].map(lambda text: len(text.split()))
        length = f"{words.quantile(0.05):.0f} to {words.quantile(0.95):.0f}"
    return {
        "source": source,
        "documents or groups": frame[group].nunique() if group else "",
        "sentences": len(frame),
        "no side": f"{(sides.count(axis=1) == 0).mean():.0%}",
        "two targets": int((sides.count(axis=1) > 1).sum()),
        "two, different sides": int((sides.nunique(axis=1) > 1).sum()),
        "words, 5th to 95th percentile": length,
    }


def _article_tables(articles: pd.DataFrame, labels: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the articles by genre, with the sides that their sentences take, by decade and by country."""
    sided = labels[labels["stance"].isin(["against", "favor"])]
    genre = sided["article_id"].map(articles.set_index("article_id")["genre"])
    genres = pd.crosstab(genre, sided["target"] + " " + sided["stance"]).rename_axis(columns=None)
    genres.insert(0, "articles", articles["genre"].value_counts())
    decades = (articles["date"].str[:3] + "0s").value_counts().sort_index()
    countries = articles.loc[articles["country"] != "", "country"].value_counts()
    named = ", ".join(f"{country} {n}" for country, n in countries.items())
    return {
        "Articles by genre": genres.reset_index(names="genre"),
        "Articles by decade": decades.rename_axis("decade").reset_index(name="articles"),
        "Articles by country": pd.DataFrame([{"countries": len(countries), "articles": named}]),
    }


def _overlap(sentences: pd.DataFrame) -> pd.DataFrame:
    """Return how much sentences share with other articles' sentences, in word 5-grams."""
    alike = resemblance(sentences["text"].tolist())
    article = sentences["article_id"].to_numpy()
    other = article[alike.row] != article[alike.col]
    n_sharing = len(set(alike.row[other]))
    return pd.DataFrame([{
        "sentences": len(sentences),
        "sharing a word 5-gram with another article": f"{n_sharing} ({n_sharing / len(sentences):.1%})",
        "highest Jaccard index": f"{max(alike.data[other], default=0.0):.2f}",
    }])  # fmt: skip


def _holders(holders: pd.DataFrame, labels: pd.DataFrame, *, n: int = 15) -> pd.DataFrame:
    """Return how often each of the `n` most frequent holders takes each side."""
    rows = holders.merge(labels, on=["sentence_id", "target"])
    rows = rows.assign(holder=rows["holder"].str.split(";")).explode("holder")
    counts = pd.crosstab(rows["holder"], rows["target"] + " " + rows["stance"]).rename_axis(columns=None)
    return counts.loc[counts.sum(axis=1).sort_values(ascending=False, kind="stable").index[:n]].reset_index()


def _reading_tables(tables: dict[str, Table], notes: Path) -> dict[str, pd.DataFrame]:
    """Return how many sentences were read a second time by another reader, and how far the readings agree."""
    card = {}
    second: list[pd.DataFrame] = []
    if (notes / "pass_a.csv").exists():
        first, other = read_passes([notes / "pass_a.csv", notes / "pass_b.csv"]).values()
        own = {source: first[first.index.isin(table.frame["sentence_id"])] for source, table in tables.items()}
        rows: dict[tuple[str, ...], pd.DataFrame] = {
            (source,): agreement(labels, other) for source, labels in own.items() if len(labels)
        }
        card["Agreement of the two passes"] = _stacked(rows, ["source"])
        second.append(other)
    blind: dict[tuple[str, ...], pd.DataFrame] = {}
    for source, file in [(source, file) for source, files in BLIND_READINGS.items() for file in files]:
        if source in tables and (notes / file).exists():
            (reading,) = read_passes([notes / file]).values()
            written = tables[source].frame.set_index("sentence_id")[reading.columns]
            blind[source, file.removesuffix(".csv")] = agreement(written, reading)
            second.append(reading)
    if blind:
        card["Agreement of the writers with blind readers"] = _stacked(blind, ["source", "reading"])
    ids = {name for reading in second for name in reading.index}
    return ({"Second readings": _second_readings(tables, ids)} if ids else {}) | card


def _second_readings(tables: dict[str, Table], ids: set[str]) -> pd.DataFrame:
    """Return how many sentences of each source, and of all, are not among those with a second reading."""
    read = {source: table.frame["sentence_id"].isin(ids) for source, table in tables.items()}
    read["all"] = pd.concat(read.values())
    return pd.DataFrame([
        {
            "source": source,
            "sentences": len(again),
            "read by a second reader": int(again.sum()),
            "share without": f"{1 - again.mean():.1%}",
        }
        for source, again in read.items()
    ])  # fmt: skip


def _stacked(tables: dict[tuple[str, ...], pd.DataFrame], names: list[str]) -> pd.DataFrame:
    """Return tables under each other, their keys in columns of these names, fractions with three digits."""
    rows = pd.concat(tables, names=names).reset_index(names).reset_index(drop=True)
    fractions = rows.select_dtypes("float")
    return rows.assign(**{str(name): fractions[name].map("{:.3f}".format) for name in fractions})
