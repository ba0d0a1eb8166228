"""Records to HTML, Markdown and JSON; nothing is computed here."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from stance.evaluation import ModelEvaluation
from stance.metrics import Evaluation
from stance.model import NOT_FOR
from stance.schema import LABELS
from stance.training import MODEL, Training

#: What the systems are called for people.
SYSTEMS = {
    MODEL: "stance",
    "tfidf_logistic": "plain TF-IDF + LR",
    "lexicon": "lexicon",
    "majority": "majority label",
}

_N_ERRORS = 25


def metrics_json(training: Training) -> str:
    """Return `metrics.json`: every score of a run, nothing that varies from run to run."""
    corpus, choice = training.corpus, training.choice
    tree = {
        "name": training.settings.name,
        "seed": training.settings.seed,
        "data": {
            "fingerprint": corpus.fingerprint(),
            "n_examples": len(corpus.examples),
            "n_texts": corpus.n_texts,
            "n_groups": corpus.n_groups,
            "n_unlabelled": corpus.n_unlabelled,
            "counts": corpus.counts().to_dict(orient="index"),
        },
        "chosen": asdict(choice),
        "chosen_in_folds": [asdict(fold) for fold in training.fold_choices],
        "systems": {name: asdict(found) for name, found in training.evaluations.items()},
        "comparisons": [asdict(found) for found in training.comparisons],
        "calibration": asdict(training.calibration),
        "risk_coverage": training.risk_coverage,
    }
    return json.dumps(_rounded(tree), indent=1) + "\n"


def evaluation_json(evaluation: ModelEvaluation) -> str:
    """Return the evaluation of a saved model as JSON."""
    return json.dumps(_rounded(asdict(evaluation)), indent=1)


def results_table(evaluations: Mapping[str, Evaluation]) -> pd.DataFrame:
    """Return the table that is printed: a row a system, scores with their intervals."""
    return pd.DataFrame([
        {
            "system": SYSTEMS.get(name, name),
            "F_avg": str(found.f_avg),
            "mean of targets": str(found.f_avg_mean),
            "macro-F1": str(found.macro_f1),
        }
        for name, found in evaluations.items()
    ])  # fmt: skip


def target_tables(evaluation: Evaluation, titles: Mapping[str, str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return two tables of a row a target: overall scores, and each label's F1 and support."""
    scores, labels = [], []
    for name, found in evaluation.targets.items():
        row: dict[str, Any] = {"target": titles.get(name, name)}
        scores.append(row | {"n": found.n, "F_avg": str(found.f_avg), "macro-F1": str(found.macro_f1)})
        for label, counts in zip(LABELS, found.confusion, strict=True):
            row[f"F1 {label}"] = f"{found.f1[label]} n={sum(counts)}"
        labels.append(row)
    return pd.DataFrame(scores), pd.DataFrame(labels)


def markdown(table: pd.DataFrame) -> str:
    """Return a table in Markdown."""

    def line(cells: Any) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"

    head = [line(table.columns), line(["---"] * table.shape[1])]
    return "\n".join(head + [line(row) for row in table.itertuples(index=False)])


def html_report(training: Training, pictures: Mapping[str, bytes]) -> str:
    """Return `report.html`, one file with its pictures inside.

    Parameters
    ----------
    pictures
        PNGs by name, as `stance.plots` draws them.
    """
    encoded = {name: base64.b64encode(raw).decode() for name, raw in pictures.items()}
    return _environment(escape=True).get_template("report.html.j2").render(**_facts(training), pictures=encoded)


def model_card(training: Training) -> str:
    """Return `MODEL_CARD.md`."""
    return _environment(escape=False).get_template("model_card.md.j2").render(**_facts(training))


def warnings_of(training: Training) -> list[str]:
    """Return what whoever uses the model must be told."""
    return [
        f"By cross-validation this model is worse than the baseline {SYSTEMS[found.worse]!r}: F_avg"
        f" {training.evaluations[MODEL].f_avg.value:.2f} against {training.evaluations[found.worse].f_avg.value:.2f}."
        " Read the labels again, label more articles, or use the baseline."
        for found in training.beaten_by
    ]


def titles_of(training: Training) -> dict[str, str]:
    """Return each target's title for people by its name."""
    return {target.name: target.title for target in training.corpus.targets}


def _facts(training: Training) -> dict[str, Any]:
    titles = titles_of(training)
    evaluation = training.evaluations[MODEL]
    return {
        "t": training,
        "titles": titles,
        "evaluation": evaluation,
        "results": results_table(training.evaluations),
        "warnings": warnings_of(training),
        "per_target": target_tables(evaluation, titles),
        "systems": SYSTEMS,
        "labels": LABELS,
        "counts": training.corpus.counts(),
        "errors": _errors(training),
        "versions": training.model.info.versions,
        "markdown": markdown,
        "not_for": NOT_FOR,
    }


def _errors(training: Training) -> list[dict[str, Any]]:
    """Return the surest wrong predictions, surest first."""
    rows = training.predictions
    wrong = rows[rows["stance"] != rows["predicted"]]
    surest = wrong.assign(proba=wrong[list(LABELS)].max(axis=1)).nlargest(_N_ERRORS, "proba")
    return [{str(key): value for key, value in row.items()} for row in surest.to_dict(orient="records")]


def _environment(*, escape: bool) -> Environment:
    return Environment(
        loader=PackageLoader("stance"), autoescape=escape, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip


def _rounded(value: Any) -> Any:
    """Round to what is meant: the last digits of a float differ between processors."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value
