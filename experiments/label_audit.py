"""List labels that a model finds unlikely, for a person to read again.

    python experiments/label_audit.py data/sentences.csv ungd.csv whitehouse.csv --output suspects.csv

Out-of-fold probabilities go to cleanlab's confident learning (Northcutt et al. 2021), target by target.
A suspect is a sentence to read, never a correction.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues

from stance.data.corpus import read_corpus
from stance.data.tables import write_table
from stance.labels import LABELS
from stance.settings import Settings
from stance.training.fitting import fit


def suspects(files: list[Path], *, below: float) -> pd.DataFrame:
    """Return suspect labels whose probability is below a bound, the most doubtful first."""
    predictions = fit(Settings(), read_corpus(files)).predictions
    found = []
    for _, rows in predictions.groupby("target", sort=False):
        gold = rows["stance"].map({label: k for k, label in enumerate(LABELS)}).to_numpy()
        # cleanlab wants classes numbered without a gap.
        present = np.unique(gold)
        proba = rows[list(LABELS)].to_numpy()[:, present]
        proba = proba / proba.sum(axis=1, keepdims=True)
        order = find_label_issues(
            np.searchsorted(present, gold), proba, return_indices_ranked_by="self_confidence", filter_by="both"
        )
        doubt = rows.iloc[order]
        given = doubt[list(LABELS)].to_numpy()[np.arange(len(order)), gold[order]]
        found.append(doubt.assign(proba_of_label=given))
    columns = ["sentence_id", "target", "stance", "predicted", "proba_of_label", "text"]
    result: pd.DataFrame = pd.concat(found)[columns].sort_values("proba_of_label")
    return result[result["proba_of_label"] < below].reset_index(drop=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+", help="labelled tables")
    parser.add_argument("--output", type=Path, required=True, help="where to write the list")
    parser.add_argument("--below", type=float, default=0.05, help="how unlikely a label must be (a fraction)")
    options = parser.parse_args()
    found = suspects(options.files, below=options.below)
    write_table(found, options.output)
    print(f"{len(found)} suspects: {options.output}")


if __name__ == "__main__":
    main()
