"""Scores as tables for people, and what must be said beside them; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from stance.labels import LABELS
from stance.metrics import Evaluation
from stance.training.fitting import MODEL, Training

#: What the systems are called for people.
SYSTEMS = {
    MODEL: "stance",
    "tfidf_logistic": "plain TF-IDF + LR",
    "lexicon": "lexicon",
    "majority": "majority label",
}


def results_table(evaluations: Mapping[str, Evaluation]) -> pd.DataFrame:
    """Return the table that is printed: a row a system, scores with their intervals."""
    return pd.DataFrame([
        {
            "system": SYSTEMS.get(name, name),
            "F_avg": str(evaluation.f_avg),
            "mean of targets": str(evaluation.f_avg_mean),
            "macro-F1": str(evaluation.macro_f1),
        }
        for name, evaluation in evaluations.items()
    ])  # fmt: skip


def target_tables(evaluation: Evaluation, titles: Mapping[str, str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return two tables of a row a target: overall scores, and each label's F1 and support."""
    overall, by_label = [], []
    for name, scores in evaluation.targets.items():
        row: dict[str, Any] = {"target": titles.get(name, name)}
        overall.append(row | {"n": scores.n, "F_avg": str(scores.f_avg), "macro-F1": str(scores.macro_f1)})
        for label, counts in zip(LABELS, scores.confusion, strict=True):
            row[f"F1 {label}"] = f"{scores.f1[label]} n={sum(counts)}"
        by_label.append(row)
    return pd.DataFrame(overall), pd.DataFrame(by_label)


def markdown(table: pd.DataFrame) -> str:
    """Return a table in Markdown."""

    def line(cells: Any) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"

    head = [line(table.columns), line(["---"] * table.shape[1])]
    return "\n".join(head + [line(row) for row in table.itertuples(index=False)])


def warnings_of(training: Training) -> list[str]:
    """Return what whoever uses the model must be told."""
    f_avg = {name: evaluation.f_avg.value for name, evaluation in training.evaluations.items()}
    return [
        f"By cross-validation this model is worse than the baseline {SYSTEMS[comparison.worse]!r}: F_avg"
        f" {f_avg[MODEL]:.2f} against {f_avg[comparison.worse]:.2f}. Read the labels again, or label more articles."
        for comparison in training.beaten_by
    ] + [
        f"No example is labelled 'none' toward {target!r}, so the model sees a side in every text."
        " Label neutral sentences 'none': an empty cell counts as not labelled yet."
        for target, counts in training.corpus.counts().iterrows()
        if not counts["none"]
    ]


def titles_of(training: Training) -> dict[str, str]:
    """Return each target's title for people by its name."""
    return {target.name: target.title for target in training.corpus.targets}
