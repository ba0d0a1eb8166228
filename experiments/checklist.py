"""Ask a model data/checklist.csv, plain sentences by capability that no model is trained on.

    python experiments/checklist.py [RUN]

A sentence is right if its stance toward every target is. The half `look` may be read to see what a model lacks, the
half `score` is only counted. Writes the section `checklist` of experiments/RESULTS.md.
"""

from __future__ import annotations

import sys

import pandas as pd
from common import ROOT, markdown, write_sections
from scipy.stats import binomtest

import stance


def main() -> None:
    model = stance.load(*sys.argv[1:2])
    sentences = pd.read_csv(ROOT / "data" / "checklist.csv", dtype=str, keep_default_na=False)
    targets = list(model.targets)
    predicted = model.predict_frame(sentences["text"])
    right = pd.Series((predicted[targets].to_numpy() == sentences[targets].to_numpy()).all(axis=1))
    groups = {name: sentences["capability"] == name for name in sorted(sentences["capability"].unique())}
    rows = [
        {"capability": name.replace("_", " ")}
        | {part: share(right[mine & (sentences["part"] == part)]) for part in ("look", "score")}
        for name, mine in {**groups, "all": sentences["text"] != ""}.items()
    ]
    write_sections({"checklist": f"{markdown(rows)}\n\nModel {model.info.name}, {len(sentences)} sentences."})


def share(right: pd.Series) -> str:
    """Return the fraction that is right with its 95 % interval (Wilson) and n."""
    interval = binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
    return f"{right.mean():.2f} [{interval.low:.2f}, {interval.high:.2f}], n = {len(right)}"


if __name__ == "__main__":
    main()
