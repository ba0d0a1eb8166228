"""A training as the files of its run: metrics.json, report.html and MODEL_CARD.md; nothing is computed here."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from stance.labels import LABELS, SIGNS
from stance.model.predictor import NOT_FOR
from stance.report.html import render, step
from stance.report.tables import SYSTEMS, results_table, target_tables, titles_of, warnings_of
from stance.training.evaluation import ModelEvaluation
from stance.training.fitting import MODEL, Training


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
    return _json(tree) + "\n"


def evaluation_json(evaluation: ModelEvaluation) -> str:
    """Return the evaluation of a saved model as JSON."""
    return _json(asdict(evaluation))


def _json(tree: object) -> str:
    """Return JSON with floats rounded to what is meant: their last digits differ between processors."""
    rounded = json.loads(json.dumps(tree), parse_float=lambda digits: round(float(digits), 6))
    return json.dumps(rounded, indent=1)


def html_report(training: Training, pictures: Mapping[str, bytes]) -> str:
    """Return `report.html`, one file with its pictures inside: PNGs by name, as `stance.report.plots` draws them."""
    encoded = {name: base64.b64encode(raw).decode() for name, raw in pictures.items()}
    return render("report.html.j2", **_facts(training), pictures=encoded, errors=_errors_json(training))


def model_card(training: Training) -> str:
    """Return `MODEL_CARD.md`."""
    counts = training.corpus.counts().rename(titles_of(training)).rename_axis("target").reset_index()
    return render("model_card.md.j2", **_facts(training), counts=counts)


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
        "not_for": NOT_FOR,
    }


def _errors_json(training: Training) -> Markup:
    """Return every wrong prediction, surest first, and each article's sentences, as the JSON that errors.js draws."""
    predictions = training.predictions
    sentences = predictions.drop_duplicates(["article", "text"]).sort_values("article", kind="stable")
    index_of = {key: i for i, key in enumerate(zip(sentences["article"], sentences["text"], strict=True))}
    wrong = predictions[predictions["stance"] != predictions["predicted"]]
    wrong = wrong.assign(proba=wrong[list(LABELS)].max(axis=1)).sort_values("proba", ascending=False, kind="stable")
    titles = titles_of(training)
    errors: list[list[Any]] = []
    for row, error in zip(wrong.index.tolist(), wrong.to_dict("records"), strict=True):
        marks = training.marks[row]
        top = max((push for *_, push in marks), default=1.0)
        errors.append([
            index_of[error["article"], error["text"]],
            list(titles).index(error["target"]),
            LABELS.index(error["stance"]),
            LABELS.index(error["predicted"]),
            [round(error[label], 2) for label in LABELS],
            [[a, b, LABELS.index(label), step(push / top), round(push, 2)] for a, b, label, push in marks],
        ])  # fmt: skip
    tree = {
        "targets": list(titles.values()),
        "labels": LABELS,
        "signs": [SIGNS[label] for label in LABELS],
        "sentences": sentences[["sentence_id", "text", "article"]].to_numpy().tolist(),
        "errors": errors,
    }
    return htmlsafe_json_dumps(tree, separators=(",", ":"))
