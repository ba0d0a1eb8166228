"""A training as the files of its run: metrics.json, report.html and MODEL_CARD.md; nothing is computed here."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from stance.labels import LABELS, SIGNS
from stance.model.predictor import NOT_FOR
from stance.report.html import environment, step
from stance.report.tables import SYSTEMS, markdown, results_table, target_tables, titles_of, warnings_of
from stance.training.evaluation import ModelEvaluation
from stance.training.fitting import MODEL, Training

# So many of its article's sentences are shown before and after an error.
_CONTEXT = 2


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
        "systems": {name: asdict(evaluation) for name, evaluation in training.evaluations.items()},
        "comparisons": [asdict(comparison) for comparison in training.comparisons],
        "calibration": asdict(training.calibration),
        "risk_coverage": training.risk_coverage,
    }
    return json.dumps(_rounded(tree), indent=1) + "\n"


def evaluation_json(evaluation: ModelEvaluation) -> str:
    """Return the evaluation of a saved model as JSON."""
    return json.dumps(_rounded(asdict(evaluation)), indent=1)


def _rounded(value: Any) -> Any:
    """Round to what is meant: the last digits of a float differ between processors."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value


def html_report(training: Training, pictures: Mapping[str, bytes]) -> str:
    """Return `report.html`, one file with its pictures inside: PNGs by name, as `stance.report.plots` draws them."""
    encoded = {name: base64.b64encode(raw).decode() for name, raw in pictures.items()}
    page = environment(escape=True).get_template("report.html.j2")
    return page.render(**_facts(training), pictures=encoded, errors=_errors_json(training))


def model_card(training: Training) -> str:
    """Return `MODEL_CARD.md`."""
    return environment(escape=False).get_template("model_card.md.j2").render(**_facts(training))


def _facts(training: Training) -> dict[str, Any]:
    titles = titles_of(training)
    evaluation = training.evaluations[MODEL]
    return {
        "training": training,
        "settings": training.settings,
        "titles": titles,
        "evaluation": evaluation,
        "results": results_table(training.evaluations),
        "warnings": warnings_of(training),
        "per_target": target_tables(evaluation, titles),
        "systems": SYSTEMS,
        "markdown": markdown,
        "not_for": NOT_FOR,
    }


def _errors_json(training: Training) -> Markup:
    """Return every wrong prediction, surest first, and the sentences around it, as the JSON that errors.js draws."""
    predictions = training.predictions
    sentences = predictions.drop_duplicates(["article", "text"])[["sentence_id", "text", "article"]]
    rows = sentences.to_numpy().tolist()
    index_of = {(article, text): i for i, (_, text, article) in enumerate(rows)}
    around: dict[int, list[int]] = {}
    for indices in sentences.groupby("article").indices.values():
        article = np.asarray(indices).tolist()
        for k, i in enumerate(article):
            around[i] = article[max(0, k - _CONTEXT) : k + _CONTEXT + 1]
    wrong = predictions[predictions["stance"] != predictions["predicted"]]
    wrong = wrong.assign(proba=wrong[list(LABELS)].max(axis=1)).sort_values("proba", ascending=False, kind="stable")
    targets = [target.name for target in training.corpus.targets]
    errors: list[list[Any]] = []
    for row, error in zip(wrong.index.tolist(), wrong.to_dict("records"), strict=True):
        marks = training.marks[row]
        top = max((push for *_, push in marks), default=1.0)
        errors.append([
            index_of[error["article"], error["text"]],
            targets.index(error["target"]),
            LABELS.index(error["stance"]),
            LABELS.index(error["predicted"]),
            [round(error[label], 2) for label in LABELS],
            [[a, b, LABELS.index(label), step(push / top), round(push, 2)] for a, b, label, push in marks],
        ])  # fmt: skip
    shown = sorted({i for (sentence, *_) in errors for i in around[sentence]})
    tree = {
        "targets": list(titles_of(training).values()),
        "labels": list(LABELS),
        "signs": [SIGNS[label] for label in LABELS],
        "sentences": {i: [*rows[i], around[i]] for i in shown},
        "errors": errors,
    }
    return htmlsafe_json_dumps(tree, separators=(",", ":"))
