"""Write the generated tables of README.md and of other documents from a run and the corpus, or check them.

    python experiments/readme.py                 # from experiments/runs/default
    python experiments/readme.py --check         # exit 1 if a table is not what the code measures

A table stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``; NAME is results, seed or corpus. The check
lets the last digit of a fraction differ, since processors add floats in different orders.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from common import ROOT, RUNS, documents, evaluated, experiment, markdown, with_section

import stance

SEED_ARTICLE = "a001"

_FRACTION = re.compile(r"\d+\.\d+")


def results(run: Path) -> str:
    """Return every system's scores on all targets and on each, and the model's on articles and lines alone."""
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))

    def cell(score: dict[str, float]) -> str:
        return f"{score['value']:.2f} [{score['low']:.2f}, {score['high']:.2f}]"

    rows = [
        {"system": stance.SYSTEMS[name], "F_avg": cell(scores["f_avg"]), "macro-F1": cell(scores["macro_f1"])}
        | {target: cell(own["f_avg"]) for target, own in scores["targets"].items()}
        for name, scores in metrics["systems"].items()
    ]
    model = metrics["systems"]["model"]
    note = (
        f"n = {model['n']} examples (sentence x target) from {metrics['data']['n_texts']} sentences and lines of"
        f" {model['n_groups']} articles and sets; nested cross-validation that never cuts one; brackets are 95 %"
        f" intervals from resampled articles and sets; seed {metrics['seed']}."
    )
    predictions = pd.read_csv(run / "predictions.csv", keep_default_na=False)
    of_articles = predictions["sentence_id"].isin(pd.read_csv(ROOT / "data" / "sentences.csv")["sentence_id"])
    settings = default_settings()
    articles, lines = (evaluated(predictions[rows], settings) for rows in (of_articles, ~of_articles))
    alone = (
        f"F_avg of stance on the articles alone {articles.f_avg} (n = {articles.n})"
        f" and on the lines alone {lines.f_avg} (n = {lines.n})."
    )
    return f"{markdown(rows)}\n\n{note} {alone}"


def seed() -> str:
    """Return the seed article's sentences, predicted by a model trained without it."""
    settings = default_settings()
    corpus = stance.read_corpus(settings.data.files)
    seed_rows = corpus.examples[corpus.examples["article"] == SEED_ARTICLE]
    others = stance.read_corpus(settings.data.files, splits=settings.data.splits).without([SEED_ARTICLE])
    every = np.arange(len(others.examples))
    (trained,) = stance.held_out(settings, others, [(every, every[:0])])
    assert trained.pipeline is not None
    predicted = trained.pipeline.predict(seed_rows[["text", "target"]])
    titles = {target.name: target.title for target in corpus.targets}
    cells = [
        label if label == gold else f"{label} (gold: **{gold}**)"
        for label, gold in zip(predicted, seed_rows["stance"], strict=True)
    ]
    shown = seed_rows["text"].where(seed_rows["text"].str.len() <= 90, seed_rows["text"].str[:87] + "...")
    table = pd.DataFrame({
        "id": seed_rows["sentence_id"], "sentence": shown, "target": seed_rows["target"].map(titles), "cell": cells
    }).pivot(index=["id", "sentence"], columns="target", values="cell")[list(titles.values())]  # fmt: skip
    n_right, n_sided = (predicted == seed_rows["stance"]).sum(), (seed_rows["stance"] != "none").sum()
    n = len(seed_rows)
    return f"{markdown(table.reset_index('sentence'))}\n\n{n_right} of {n} right; {n_sided} of the {n} take a side."


def corpus_tables() -> str:
    """Return every table of `stance corpus stats`."""
    tables = stance.describe_corpus(ROOT / "data")
    return "\n\n".join(f"### {title}\n\n{markdown(table)}" for title, table in tables.items())


def default_settings() -> stance.Settings:
    """Return the settings of the default experiment."""
    settings = experiment("default", {})
    assert settings is not None
    return settings


def same(old: str, new: str) -> bool:
    """Tell whether two texts agree, fractions to within two in the second digit."""
    if _FRACTION.sub("#", old) != _FRACTION.sub("#", new):
        return False
    pairs = zip(_FRACTION.findall(old), _FRACTION.findall(new), strict=True)
    return all(abs(float(a) - float(b)) <= 0.0201 for a, b in pairs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=RUNS / "default", help="a trained run")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if something is stale")
    options = parser.parse_args()
    sections = {"results": lambda: results(options.run), "seed": seed, "corpus": corpus_tables}
    stale = False
    for path in documents():
        old = new = path.read_text(encoding="utf-8")
        for name, make in sections.items():
            if f"<!-- generated: {name} -->" in old:
                new = with_section(new, name, make())
        if options.check and not same(old, new):
            print(f"{path.relative_to(ROOT)} is stale; run: python experiments/readme.py")
            stale = True
        elif not options.check:
            path.write_text(new, encoding="utf-8", newline="\n")
    return int(stale)


if __name__ == "__main__":
    sys.exit(main())
