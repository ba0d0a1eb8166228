"""Write data/splits.csv: the fixed test part, a fifth of the articles, speeches and briefings.

    python experiments/make_splits.py --ungd ungd.csv --whitehouse whitehouse.csv

The two tables are what `stance corpus join` writes. Documents that share a near-duplicate sentence
go to the same part; sources, targets and stances are spread alike over both parts.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from stance.data.corpus import group_folds, read_corpus
from stance.data.tables import read_table, write_table

ROOT = Path(__file__).parent.parent
SEED = 2008


def make_splits(articles: Path, ungd: Path, whitehouse: Path) -> pd.DataFrame:
    """Return `group`, `source` and `part` (train or test) of every document, in order of source."""
    sources = {
        "articles": (articles, "article_id"),
        "speeches": (ungd, "document_id"),
        "briefings": (whitehouse, "document_id"),
    }
    documents = pd.concat([
        read_table(file).frame[["sentence_id", column]].rename(columns={column: "document"}).assign(source=source)
        for source, (file, column) in sources.items()
    ])  # fmt: skip
    examples = read_corpus([file for file, _ in sources.values()]).examples.merge(documents, on="sentence_id")
    strata = examples.assign(target=examples["source"] + " " + examples["target"])
    _, test = group_folds(strata, 5, seed=SEED)[0]
    chosen = set(examples["group"].iloc[test])
    found = examples.drop_duplicates(["source", "document"])
    part = found["group"].isin(chosen).map({True: "test", False: "train"})
    result = pd.DataFrame({"group": found["document"], "source": found["source"], "part": part})
    order = result["source"].map({name: i for i, name in enumerate(sources)})
    return result.assign(order=order).sort_values(["order", "group"]).drop(columns="order").reset_index(drop=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ungd", type=Path, required=True, help="joined speeches")
    parser.add_argument("--whitehouse", type=Path, required=True, help="joined briefings")
    options = parser.parse_args()
    splits = make_splits(ROOT / "data" / "sentences.csv", options.ungd, options.whitehouse)
    write_table(splits, ROOT / "data" / "splits.csv")
    print(pd.crosstab(splits["source"], splits["part"]))


if __name__ == "__main__":
    main()
