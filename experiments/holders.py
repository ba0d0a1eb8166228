"""Measure the rules that say whose stance a sentence is against data/holders.csv.

    python experiments/holders.py

Every labelled sentence of the articles is read in its article; the rules see no label, and nothing of articles.csv but
where a row says so. Articles of
an even number served to write the rules, the others are what counts. Names on both sides go by
stance/reading/actors.csv; a role is compared by its state alone ("deputy (Finland)" with "senator (Finland)"), apart
from the state itself. Writes the section `holders` of experiments/RESULTS.md.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from readme import write_sections

from stance.reading.actors import Phrase, actor_of, find_actors, find_names, is_organisation, state_by_name
from stance.reading.holders import Holder, find_holders
from stance.report.tables import markdown

ROOT = Path(__file__).parent.parent
RESAMPLES = 2000

Texts = Mapping[str, str]
Held = Mapping[str, frozenset[str]]
AUTHOR = Holder("author", "author", None)


def gold_names(holder: str) -> str:
    """Return what a gold holder is compared by."""
    name = actor_of(holder)
    if match := re.fullmatch(r".+ \((.+)\)", name):
        return f"someone of {match[1]}"
    return name


def found_name(holder: Holder | Phrase) -> str:
    """Return what a holder that was found is compared by."""
    if holder.kind == "person":
        return f"someone of {holder.country}" if holder.country else holder.name
    return holder.name


def of_state(name: str) -> str:
    """Return a compared name without the difference between a state and someone of it."""
    return name.removeprefix("someone of ")


def by_rules(sentences: Texts, country: str | None) -> Held:
    return _named(sentences, find_holders(list(sentences.values())))


def by_told_rules(sentences: Texts, country: str | None) -> Held:
    """The rules, told the article's country (`stance read --country`)."""
    return _named(sentences, find_holders(list(sentences.values()), country=country))


def by_first_actor(sentences: Texts, country: str | None) -> Held:
    """The first actor named, alone; else the author."""
    return {
        key: frozenset([found_name(next(iter(find_actors(find_names(text))), AUTHOR))])
        for key, text in sentences.items()
    }


def by_author(sentences: Texts, country: str | None) -> Held:
    return dict.fromkeys(sentences, frozenset(["author"]))


def _named(sentences: Texts, found: Sequence[Sequence[Holder]]) -> Held:
    return {key: frozenset(map(found_name, holders)) for key, holders in zip(sentences, found, strict=True)}


SYSTEMS: dict[str, Callable[[Texts, str | None], Held]] = {
    "the rules": by_rules,
    "the rules, told the article's country": by_told_rules,
    "first actor named": by_first_actor,
    "always the author": by_author,
}


def cases() -> pd.DataFrame:
    """Return a row a (sentence, target) with a gold holder: article, genre, gold, and what each system says."""
    holders = pd.read_csv(ROOT / "data" / "holders.csv", dtype=str)
    sentences = pd.read_csv(ROOT / "data" / "sentences.csv", dtype=str)
    about = pd.read_csv(ROOT / "data" / "articles.csv", dtype=str).set_index("article_id")
    rows = []
    for article, part in sentences.groupby("article_id"):
        texts = dict(zip(part["sentence_id"], part["text"], strict=True))
        named = about.at[article, "country"]
        country = state_by_name(named) if isinstance(named, str) else None
        found = {name: system(texts, country) for name, system in SYSTEMS.items()}
        for row in holders[holders["sentence_id"].isin(texts)].to_dict("records"):
            gold = frozenset(map(gold_names, row["holder"].split(";")))
            says = {name: found[name][row["sentence_id"]] for name in SYSTEMS}
            even = int(str(article)[1:]) % 2 == 0
            where: dict[Any, Any] = {"article": article, "even": even, "genre": about.at[article, "genre"], **row}
            rows.append({**where, "text": texts[row["sentence_id"]], "gold": gold, **says})
    return pd.DataFrame(rows)


def scores(rows: pd.DataFrame, system: str, *, simple: bool = False) -> dict[str, str]:
    """Return micro precision, recall and F1 over holders, with 95 % intervals from resampled articles."""
    counts: dict[str, npt.NDArray[np.float64]] = {}
    for article, gold, found in zip(rows["article"], rows["gold"], rows[system], strict=True):
        wanted, said = ({of_state(x) for x in gold}, {of_state(x) for x in found}) if simple else (gold, found)
        counts[article] = counts.get(article, np.zeros(3)) + np.array([len(wanted & said), len(said), len(wanted)])
    table = np.array(list(counts.values()))
    n = len(table)
    draws = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=RESAMPLES) @ table

    def of(hits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        right, said, wanted = hits.T
        return np.stack([right / said, right / wanted, 2 * right / (said + wanted)])

    values, spread = of(table.sum(axis=0, keepdims=True))[:, 0], np.percentile(of(draws), [2.5, 97.5], axis=1)
    return {
        name: f"{value:.2f} [{low:.2f}, {high:.2f}]"
        for name, value, low, high in zip(("precision", "recall", "F1"), values, *spread, strict=True)
    }


def unmapped(rows: pd.DataFrame) -> Counter[str]:
    """Return gold names whose state or organisation the table does not know, with how often they hold a stance."""

    def names() -> Iterator[str]:
        for raw in rows["holder"]:
            for holder in raw.split(";"):
                name = actor_of(holder)
                place = match[1] if (match := re.fullmatch(r".+ \((.+)\)", name)) else name
                if place != "author" and state_by_name(place) is None and not is_organisation(place):
                    yield holder

    return Counter(names())


def section(rows: pd.DataFrame) -> str:
    """Return the section of RESULTS.md."""
    held_out, dev = rows[~rows["even"]], rows[rows["even"]]
    overall = [
        {"system": name, "compared": level, **scores(held_out, name, simple=simple)}
        for simple, level in ((False, "actor"), (True, "state or organisation"))
        for name in SYSTEMS
    ]
    genres = [
        {
            "genre": genre,
            "n": len(part),
            "articles": part["article"].nunique(),
            **scores(part, "the rules"),
            "F1 first actor": scores(part, "first actor named")["F1"],
            "F1 author": scores(part, "always the author")["F1"],
        }
        for genre, part in held_out.groupby("genre")
    ]
    lost = unmapped(held_out)
    note = (
        f"n = {len(held_out)} sentences x targets that take a side, of {held_out['article'].nunique()} articles (odd"
        f" numbers); on the {len(dev)} of the {dev['article'].nunique()} articles the rules were written on, their F1"
        f" is {scores(dev, 'the rules')['F1']}. Brackets are 95 % intervals from resampled articles."
    )
    lost_note = (
        f"Not mapped, and so never right: {sum(lost.values())} holders by {len(lost)} names ({'; '.join(lost)})."
    )
    return "\n\n".join([markdown(pd.DataFrame(overall)), note, markdown(pd.DataFrame(genres)), lost_note])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--errors", type=int, default=0, metavar="N", help="print N errors of the even articles, no more"
    )
    options = parser.parse_args()
    rows = cases()
    if options.errors:
        dev = rows[rows["even"]]
        print({name: scores(dev, name) for name in SYSTEMS}, scores(dev, "the rules", simple=True))
        wrong = dev[dev["gold"] != dev["the rules"]]
        for row in wrong.sample(min(options.errors, len(wrong)), random_state=0).to_dict("records"):
            print(row["genre"], row["sentence_id"], "|", set(row["gold"]), "|", set(row["the rules"]), "|", row["text"])
        return
    write_sections({"holders": section(rows)})


if __name__ == "__main__":
    main()
