"""Measure the rules that say whose stance a sentence is against data/holders.csv.

    python experiments/holders.py [--errors N]

Every labelled sentence of the articles is read in its article; the rules see no label, and of articles.csv the country
alone, where a row says so. Articles of an even number served to write the rules, the others are what counts. Names on
both sides go by one name an actor; a role is compared by its state alone ("deputy (Finland)" with "senator
(Finland)"), apart from the state itself. Writes the section `holders` of experiments/RESULTS.md.
"""

from __future__ import annotations

import argparse
import re
from typing import Any

import numpy as np
import pandas as pd
from common import ROOT, markdown, write_sections

import stance

RULES, TOLD, FIRST, AUTHOR = SYSTEMS = (
    "the rules", "the rules, told the article's country", "first actor named", "always the author"
)  # fmt: skip
LONGEST_NAME = 4

Names = frozenset[str]


def gold_names(holders: str) -> Names:
    """Return what the holders of a row of data/holders.csv are compared by."""
    names = map(stance.actor_of, holders.split(";"))
    return frozenset(re.sub(r"^.+ \((.+)\)$", r"someone of \1", name) for name in names)


def by_rules(sentences: list[str], country: str | None = None) -> list[Names]:
    """Return whom the rules name for each sentence of an article, told its country or not."""
    return [
        frozenset(f"someone of {h.country}" if h.kind == "person" and h.country else h.name for h in holders)
        for holders in stance.find_holders(sentences, country=country)
    ]


def first_actor(sentence: str, known: Names) -> str:
    """Return the first of the known actors that a sentence names, else the author."""
    words = re.findall(r"\w+(?:-\w+)*", sentence)
    spans = (" ".join(words[i : i + n]) for i in range(len(words)) for n in range(LONGEST_NAME, 0, -1))
    return next((actor for actor in map(stance.actor_of, spans) if actor in known), "author")


def cases() -> pd.DataFrame:
    """Return a row a (sentence, target) with a gold holder: article, genre, gold, and what each system says."""
    holders = pd.read_csv(ROOT / "data" / "holders.csv", dtype=str)
    holders["gold"] = holders["holder"].map(gold_names)
    known = frozenset().union(*holders["gold"]) - {"author"}
    sentences = pd.read_csv(ROOT / "data" / "sentences.csv", dtype=str)
    sentences = sentences.merge(pd.read_csv(ROOT / "data" / "articles.csv", dtype=str), on="article_id")
    frames = []
    for article, rows in sentences.groupby("article_id"):
        texts, country = rows["text"].tolist(), rows["country"].iloc[0]
        says: dict[str, Any] = {
            RULES: by_rules(texts),
            TOLD: by_rules(texts, stance.actor_of(country) if isinstance(country, str) else None),
            FIRST: [frozenset([first_actor(text, known)]) for text in texts],
            AUTHOR: [frozenset(["author"])] * len(texts),
        }
        frames.append(rows.assign(even=int(str(article)[1:]) % 2 == 0, **says))
    return holders.merge(pd.concat(frames), on="sentence_id")


def scores(rows: pd.DataFrame, system: str, *, by_state: bool = False) -> dict[str, str]:
    """Return micro precision, recall and F1 over holders, each with its interval from resampled articles.

    With `by_state` someone of a state counts as the state. Each of the three is a mean over holders: of those named,
    whether they are right; of those of gold, whether they are named; and of both together.
    """
    named, gold = [], []
    for article, right, said in zip(rows["article_id"], rows["gold"], rows[system], strict=True):
        if by_state:
            right, said = (frozenset(name.removeprefix("someone of ") for name in names) for names in (right, said))
        named += [(name in right, article) for name in said]
        gold += [(name in said, article) for name in right]

    def mean(holders: list[tuple[bool, str]]) -> str:
        hits, articles = zip(*holders, strict=True)
        return str(stance.mean_stance(hits, articles) or f"{np.mean(hits):.2f}")

    return {"precision": mean(named), "recall": mean(gold), "F1": mean(named + gold)}


def section(rows: pd.DataFrame) -> str:
    """Return the section of RESULTS.md."""
    test, dev = rows[~rows["even"]], rows[rows["even"]]
    overall = [
        {"system": system, "compared": level, **scores(test, system, by_state=by_state)}
        for by_state, level in ((False, "actor"), (True, "state or organisation"))
        for system in SYSTEMS
    ]
    genres = [
        {
            "genre": genre, "n": len(own), "articles": own["article_id"].nunique(), **scores(own, RULES),
            "F1 first actor": scores(own, FIRST)["F1"], "F1 author": scores(own, AUTHOR)["F1"],
        }
        for genre, own in test.groupby("genre")
    ]  # fmt: skip
    note = (
        f"n = {len(test)} sentences x targets that take a side, of {test['article_id'].nunique()} articles (odd"
        f" numbers); on the {len(dev)} of the {dev['article_id'].nunique()} articles the rules were written on, their"
        f" F1 is {scores(dev, RULES)['F1']}. Brackets are 95 % intervals from resampled articles; fewer than five"
        " articles give none. The first actor is looked for among all that hold a stance somewhere in the corpus."
    )
    return f"{markdown(overall)}\n\n{note}\n\n{markdown(genres)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--errors", type=int, default=0, metavar="N", help="print N errors of the even articles, no more"
    )
    options = parser.parse_args()
    rows = cases()
    if options.errors:
        wrong = rows[rows["even"] & (rows["gold"] != rows[RULES])]
        for row in wrong.sample(min(options.errors, len(wrong)), random_state=0).to_dict("records"):
            print(row["genre"], row["sentence_id"], "|", set(row["gold"]), "|", set(row[RULES]), "|", row["text"])
        return
    write_sections({"holders": section(rows)})


if __name__ == "__main__":
    main()
