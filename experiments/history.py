"""Test what a model reads in UN speeches against what historians know.

    python experiments/history.py FOLDER

FOLDER holds the UN General Debate speeches (RUS_63_2008.txt). The facts below were written before the script was first
run, and those that fail are reported with the others. Two checks were added after that run: the figure of the other
states in the same years, without which a fact tells little, and the sentences that name the target in so many words,
because a model may take a side on a target that a sentence is not about. Writes the section `history` of
experiments/RESULTS.md.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from readme import write_sections

from stance.data.splits import text_hash
from stance.model.predictor import Model, load
from stance.reading.maps import documents, interval, read_documents
from stance.report.tables import markdown

ROOT = Path(__file__).parent.parent

SOVIET_BLOC = (
    "Russia", "Ukraine", "Belarus", "Poland", "East Germany", "Czechoslovakia", "Hungary", "Bulgaria", "Romania",
)  # fmt: skip
BALTICS_AND_GEORGIA = ("Estonia", "Latvia", "Lithuania", "Georgia")

#: At least this fraction of states is what "near-universal" means.
NEARLY_ALL = 0.9


#: What names a target in so many words.
NAMED = {
    "missile_defense": r"(?i)missile|ballistic|\bABM\b|\bSDI\b|star wars|strategic defen[cs]e",
    "nato_expansion": r"\b(?:NATO|Nato)\b|North Atlantic|Atlantic (?:[Aa]lliance|Treaty)|Euro-Atlantic|the [Aa]lliance",
    "space_weapons": r"(?i)\bspace\b|satellite|orbit",
}


@dataclass(frozen=True)
class Fact:
    """Actors (every one, if empty) who in these years stand on one side of a target: -1 against, 1 in favor."""

    name: str
    actors: tuple[str, ...]
    years: tuple[int, int]
    target: str
    side: int


#: A fact holds if the mean stance has the sign and its interval leaves zero out.
FACTS = (
    Fact("Soviet-bloc states against SDI, 1985-1988", SOVIET_BLOC, (1985, 1988), "missile_defense", -1),
    Fact(
        "Baltic states and Georgia for enlargement after 1991", BALTICS_AND_GEORGIA, (1992, 2100), "nato_expansion", 1
    ),
    Fact("Russia against missile defense, 2000-2009", ("Russia",), (2000, 2009), "missile_defense", -1),
)

#: This one holds if at least NEARLY_ALL of the states are on the side, by the lower end of the interval.
UNIVERSAL = Fact("Near-universal opposition to space weapons", (), (1945, 2100), "space_weapons", -1)


def rows_of(fact: Fact, sided: pd.DataFrame) -> pd.DataFrame:
    kept = (sided["target"] == fact.target) & sided["year"].between(*fact.years)
    return sided[kept & sided["actor"].isin(fact.actors)] if fact.actors else sided[kept]


def others(fact: Fact, sided: pd.DataFrame) -> str:
    """Return the mean stance of every other state in the same years, with its interval."""
    rows = rows_of(replace(fact, actors=()), sided)
    rows = rows[~rows["actor"].isin(fact.actors)]
    if not fact.actors or rows.empty:
        return ""
    found = interval(rows)
    return f"{_figure(float(rows['value'].mean()), found['low'], found['high'])['figure']} (n = {len(rows)})"


def tested(fact: Fact, sided: pd.DataFrame) -> dict[str, object]:
    """Return the fact's figure, n, interval and verdict."""
    rows = rows_of(fact, sided)
    found = interval(rows)
    mean = float(rows["value"].mean()) if len(rows) else float("nan")
    near = {-1: found["high"], 1: found["low"]}[fact.side]
    verdict = "cannot tell" if near is None else "holds" if float(near) * fact.side > 0 else "fails"
    return {**_sizes(rows), **_figure(mean, found["low"], found["high"]), "verdict": verdict}


def nearly_all(fact: Fact, sided: pd.DataFrame, *, resamples: int = 2000) -> dict[str, object]:
    """Return the fraction of states on the fact's side, its interval from resampled states, and the verdict."""
    rows = rows_of(fact, sided)
    right = (rows.groupby("actor")["value"].mean() * fact.side > 0).to_numpy()
    if not len(right):
        return {**_sizes(rows), **_figure(float("nan"), None, None), "verdict": "cannot tell"}
    draws = np.random.default_rng(0).choice(right, size=(resamples, len(right))).mean(axis=1)
    low, high = np.percentile(draws, [2.5, 97.5])
    verdict = "holds" if low >= NEARLY_ALL else "fails"
    return {**_sizes(rows), **_figure(float(right.mean()), low, high), "verdict": verdict}


def _sizes(rows: pd.DataFrame) -> dict[str, object]:
    return {"sentences": len(rows), "speeches": rows["document"].nunique(), "states": rows["actor"].nunique()}


def _figure(value: float, low: object, high: object) -> dict[str, str]:
    return {"figure": f"{value:.2f}" if low is None else f"{value:.2f} [{low:.2f}, {high:.2f}]"}


def section(model: Model, folder: Path) -> str:
    """Return the section of RESULTS.md."""
    texts = documents([folder])
    stances = read_documents(model, texts)
    every = stances.sided
    seen = every["text"].map(text_hash).isin(model.info.training_hashes)
    named = pd.Series(
        [
            re.search(NAMED[target], text) is not None
            for target, text in zip(every["target"], every["text"], strict=True)
        ],
        index=every.index,
    )
    kinds = {"all": every, "never trained on": every[~seen], "that name the target": every[named]}
    table, states = [], []
    for fact in (*FACTS, UNIVERSAL):
        test = nearly_all if fact is UNIVERSAL else tested
        for which, rows in kinds.items():
            table.append(
                {"fact": fact.name, "sentences of": which, **test(fact, rows), "other states": others(fact, rows)}
            )
        rows = rows_of(fact, every)
        by_state = rows.groupby("actor")["value"].agg(["mean", "size"]).sort_values("mean")
        if fact is UNIVERSAL:
            by_state = by_state[by_state["mean"] > 0]
            states.append(f"States whose mean is in favor of {fact.target}: {_listed(by_state)}.")
        else:
            absent = sorted(set(fact.actors) - set(by_state.index))
            none = f"; no sentence with a side: {', '.join(absent)}" if absent else ""
            states.append(f"{fact.name}: {_listed(by_state)}{none}.")
    read = int(stances.read["sentences"].sum())
    n_sided = every.groupby(["document", "position"]).ngroups
    note = (
        f"{len(texts)} speeches, {read} sentences, of which {n_sided} take a side"
        f" on some target. The figure is the mean stance; for space weapons, the fraction of states whose mean is"
        f" negative (at least {NEARLY_ALL} was asked of its lower end), resampled by state. Model {model.info.name},"
        f" fingerprint {model.info.fingerprint[:16]}."
    )
    counts = [f"{int(named[every['target'] == t].sum())} of {int((every['target'] == t).sum())} on {t}" for t in NAMED]
    check = f"Sentences with a side that name the target in so many words: {', '.join(counts)}."
    return "\n\n".join([markdown(pd.DataFrame(table)), note, check, *states])


def _listed(by_state: pd.DataFrame) -> str:
    return (
        ", ".join(f"{name} {row['mean']:+.2f} (n = {row['size']:.0f})" for name, row in by_state.iterrows()) or "none"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the speeches")
    parser.add_argument("--model", type=Path, help="a run; default: the bundled model")
    options = parser.parse_args()
    found = section(load(options.model), options.folder)
    write_sections({"history": found})
    print(found)


if __name__ == "__main__":
    main()
