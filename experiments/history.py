"""Test what a model reads in UN speeches against what historians know.

    python experiments/history.py FOLDER

FOLDER holds the UN General Debate speeches (RUS_63_2008.txt). The facts below were written before the script was first
run, and those that fail are reported with the others. Two checks were added after that run: the figure of the other
states in the same years, without which a fact tells little, and the sentences that name the target by one of its
mentions (data/targets.toml), because a model may take a side on a target that a sentence is not about. Writes the
section `history` of experiments/RESULTS.md.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from common import markdown, write_sections

import stance

SOVIET_BLOC = (
    "Russia", "Ukraine", "Belarus", "Poland", "East Germany", "Czechoslovakia", "Hungary", "Bulgaria", "Romania",
)  # fmt: skip
BALTICS_AND_GEORGIA = ("Estonia", "Latvia", "Lithuania", "Georgia")

#: At least this fraction of states is what "near-universal" means.
NEARLY_ALL = 0.9


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
    """Return the rows of `Stances.sided` that a fact is about."""
    kept = (sided["target"] == fact.target) & sided["year"].between(*fact.years)
    return sided[kept & sided["actor"].isin(fact.actors)] if fact.actors else sided[kept]


def figure(rows: pd.DataFrame) -> tuple[str, float | None, float | None]:
    """Return the mean stance as text and its interval, resampled by speech, or by sentence where these are few."""
    values = rows["value"].tolist()
    if score := stance.mean_stance(values, rows["document"].tolist()) or stance.mean_stance(values):
        return str(score), score.low, score.high
    return f"{rows['value'].mean():.2f}", None, None


def others(fact: Fact, sided: pd.DataFrame) -> str:
    """Return the mean stance of every other state in the same years, with its interval."""
    rows = rows_of(replace(fact, actors=()), sided)
    rows = rows[~rows["actor"].isin(fact.actors)]
    return f"{figure(rows)[0]} (n = {len(rows)})" if fact.actors and len(rows) else ""


def tested(fact: Fact, sided: pd.DataFrame) -> dict[str, object]:
    """Return the fact's figure, n, interval and verdict."""
    rows = rows_of(fact, sided)
    text, low, high = figure(rows)
    nearest = low if fact.side > 0 else high
    verdict = "cannot tell" if nearest is None else "holds" if nearest * fact.side > 0 else "fails"
    return {**_sizes(rows), "figure": text, "verdict": verdict}


def nearly_all(fact: Fact, sided: pd.DataFrame) -> dict[str, object]:
    """Return the fraction of states on the fact's side, its interval from resampled states, and the verdict."""
    rows = rows_of(fact, sided)
    on_side = rows.groupby("actor")["value"].mean() * fact.side > 0
    score = stance.mean_stance(on_side.tolist())
    verdict = "cannot tell" if score is None else "holds" if score.low >= NEARLY_ALL else "fails"
    return {**_sizes(rows), "figure": str(score or f"{on_side.mean():.2f}"), "verdict": verdict}


def _sizes(rows: pd.DataFrame) -> dict[str, object]:
    return {"sentences": len(rows), "speeches": rows["document"].nunique(), "states": rows["actor"].nunique()}


def states(fact: Fact, sided: pd.DataFrame) -> str:
    """Say which states a fact's figure is made of; of the universal one, those on the other side."""
    by_state = rows_of(fact, sided).groupby("actor")["value"].agg(["mean", "size"]).sort_values("mean")
    absent = sorted(set(fact.actors) - set(by_state.index))
    name = fact.name
    if fact is UNIVERSAL:
        by_state, name = by_state[by_state["mean"] > 0], f"States whose mean is in favor of {fact.target}"
    listed = ", ".join(f"{state} {mean:+.2f} (n = {n:.0f})" for state, mean, n in by_state.itertuples())
    return f"{name}: {listed or 'none'}{'; no sentence with a side: ' if absent else ''}{', '.join(absent)}."


def section(model: stance.Model, folder: Path) -> str:
    """Return the section of RESULTS.md."""
    speeches = stance.load_documents([folder])
    stances = stance.read_documents(model, speeches)
    sided = stances.sided
    seen = sided["text"].map(stance.text_hash).isin(model.info.training_hashes)
    named = pd.Series(
        [model.explain(text, target).named for target, text in zip(sided["target"], sided["text"], strict=True)],
        index=sided.index,
    )
    kinds = {"all": sided, "never trained on": sided[~seen], "that name the target": sided[named]}
    rows = [
        {
            "fact": fact.name, "sentences of": kind,
            **(nearly_all if fact is UNIVERSAL else tested)(fact, chosen), "other states": others(fact, chosen),
        }
        for fact in (*FACTS, UNIVERSAL)
        for kind, chosen in kinds.items()
    ]  # fmt: skip
    n_sided = sided.groupby(["document", "position"]).ngroups
    note = (
        f"{len(speeches)} speeches, {int(stances.read['sentences'].sum())} sentences, of which {n_sided} take a side"
        f" on some target. The figure is the mean stance; for space weapons, the fraction of states whose mean is"
        f" negative (at least {NEARLY_ALL} was asked of its lower end), resampled by state. Model {model.info.name},"
        f" fingerprint {model.info.fingerprint[:16]}."
    )
    by_target = {target: named[sided["target"] == target] for target in model.targets}
    listed = [f"{own.sum()} of {len(own)} on {target}" for target, own in by_target.items()]
    check = f"Sentences with a side that name the target: {', '.join(listed)}."
    return "\n\n".join([markdown(rows), note, check, *(states(fact, sided) for fact in (*FACTS, UNIVERSAL))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the speeches")
    parser.add_argument("--model", type=Path, help="a run; default: the bundled model")
    options = parser.parse_args()
    content = section(stance.load(options.model), options.folder)
    write_sections({"history": content})
    print(content)


if __name__ == "__main__":
    main()
