"""Scores as tables for people, and what must be said beside them; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from stance.data.corpus import Corpus
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
    return pd.DataFrame(
        [(SYSTEMS.get(name, name), each.f_avg, each.f_avg_mean, each.macro_f1) for name, each in evaluations.items()],
        columns=["system", "F_avg", "mean of targets", "macro-F1"],
    )


def target_tables(evaluation: Evaluation, titles: Mapping[str, str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return two tables of a row a target: overall scores, and each label's F1 and support."""
    targets = [(titles[name], scores) for name, scores in evaluation.targets.items()]
    overall = [(title, each.n, each.f_avg, each.macro_f1) for title, each in targets]
    by_label = [
        (title, *(f"{each.f1[label]} n={n}" if n else "no example" for label, n in zip(LABELS, counts, strict=True)))
        for title, each in targets
        for counts in [[sum(row) for row in each.confusion]]
    ]
    return (
        pd.DataFrame(overall, columns=["target", "n", "F_avg", "macro-F1"]),
        pd.DataFrame(by_label, columns=["target", *(f"F1 {label}" for label in LABELS)]),
    )


def warnings_of(training: Training) -> list[str]:
    """Return what whoever uses the model must be told."""
    f_avg = {name: evaluation.f_avg.value for name, evaluation in training.evaluations.items()}
    return [
        f"By cross-validation this model is worse than the baseline {SYSTEMS[comparison.worse]!r}: F_avg"
        f" {f_avg[MODEL]:.2f} against {f_avg[comparison.worse]:.2f}. Read the labels again, or label more articles."
        for comparison in training.beaten_by
    ] + absent_labels(training.corpus)


def absent_labels(corpus: Corpus) -> list[str]:
    """Return what must be said of labels that a target has no example of."""
    return [
        f"No example is labelled {label!r} toward {target!r}: its F1 is left out of F_avg and macro-F1."
        + (" Label neutral sentences 'none': an empty cell counts as not labelled yet." if label == "none" else "")
        for target, counts in corpus.counts().iterrows()
        for label in LABELS
        if not counts[label]
    ]


def titles_of(training: Training) -> dict[str, str]:
    """Return each target's title for people by its name."""
    return {target.name: target.title for target in training.corpus.targets}
