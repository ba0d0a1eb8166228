"""Records to HTML, Markdown and JSON; nothing is computed here."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from stance.labels import LABELS, SIGNS
from stance.metrics import Evaluation
from stance.model.predictor import NOT_FOR
from stance.report.html import environment, step
from stance.training.evaluation import ModelEvaluation
from stance.training.fitting import MODEL, Training

#: What the systems are called for people.
SYSTEMS = {
    MODEL: "stance",
    "tfidf_logistic": "plain TF-IDF + LR",
    "lexicon": "lexicon",
    "majority": "majority label",
}

#: So many of its article's sentences stand before and after an error.
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
        PNGs by name, as `stance.report.plots` draws them.
    """
    encoded = {name: base64.b64encode(raw).decode() for name, raw in pictures.items()}
    page = environment(escape=True).get_template("report.html.j2")
    return page.render(**_facts(training), pictures=encoded, errors=_errors(training))


def model_card(training: Training) -> str:
    """Return `MODEL_CARD.md`."""
    return environment(escape=False).get_template("model_card.md.j2").render(**_facts(training))


def warnings_of(training: Training) -> list[str]:
    """Return what whoever uses the model must be told."""
    return [
        f"By cross-validation this model is worse than the baseline {SYSTEMS[found.worse]!r}: F_avg"
        f" {training.evaluations[MODEL].f_avg.value:.2f} against {training.evaluations[found.worse].f_avg.value:.2f}."
        " Read the labels again, or label more articles."
        for found in training.beaten_by
    ] + [
        f"No example is labelled 'none' toward {target!r}, so the model sees a side in every text."
        " Label neutral sentences 'none': an empty cell counts as not labelled yet."
        for target, counts in training.corpus.counts().iterrows()
        if not counts["none"]
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
        "signs": SIGNS,
        "versions": training.model.info.versions,
        "markdown": markdown,
        "not_for": NOT_FOR,
    }


def _errors(training: Training) -> Markup:
    """Return every wrong prediction, surest first, and the sentences around it, as the JSON that errors.js draws."""
    rows = training.predictions
    sentences = rows.drop_duplicates(["article", "text"])[["sentence_id", "text", "article"]].to_dict("records")
    place = {(sentence["article"], sentence["text"]): i for i, sentence in enumerate(sentences)}
    neighbours: dict[int, list[int]] = {}
    by_article: dict[str, list[int]] = {}
    for i, sentence in enumerate(sentences):
        by_article.setdefault(sentence["article"], []).append(i)
    for members in by_article.values():
        for k, i in enumerate(members):
            neighbours[i] = members[max(0, k - _CONTEXT) : k + _CONTEXT + 1]
    wrong = rows[rows["stance"] != rows["predicted"]]
    wrong = wrong.assign(proba=wrong[list(LABELS)].max(axis=1)).sort_values("proba", ascending=False, kind="stable")
    targets = [target.name for target in training.corpus.targets]
    errors: list[list[Any]] = []
    for number, error in zip(wrong.index.tolist(), wrong.to_dict("records"), strict=True):
        marks = training.marks[number]
        top = max((push for *_, push in marks), default=1.0)
        errors.append([
            place[error["article"], error["text"]],
            targets.index(error["target"]),
            LABELS.index(error["stance"]),
            LABELS.index(error["predicted"]),
            [round(error[label], 2) for label in LABELS],
            [[a, b, LABELS.index(label), step(push / top), round(push, 2)] for a, b, label, push in marks],
        ])  # fmt: skip
    shown = sorted({i for found in errors for i in neighbours[found[0]]})
    tree = {
        "targets": [target.title for target in training.corpus.targets],
        "labels": list(LABELS),
        "signs": [SIGNS[label] for label in LABELS],
        "sentences": {
            i: [*(sentences[i][k] for k in ("sentence_id", "text", "article")), neighbours[i]] for i in shown
        },
        "errors": errors,
    }
    return htmlsafe_json_dumps(tree, separators=(",", ":"))


def _rounded(value: Any) -> Any:
    """Round to what is meant: the last digits of a float differ between processors."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value
