"""Write the generated tables of README.md and data/README.md, or check them.

    python experiments/readme.py                 # from experiments/runs/default
    python experiments/readme.py --check         # exit 1 if a table is not what the code measures

A table stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``. The check lets the last
digit differ, since processors add floats in different orders.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stance.data.corpus import read_corpus
from stance.data.datacard import describe_corpus
from stance.data.tables import read_table
from stance.metrics import Evaluation, evaluate
from stance.report.tables import SYSTEMS, markdown
from stance.settings import Settings, read_settings
from stance.training.fitting import held_out

ROOT = Path(__file__).parent.parent
SEED_ARTICLE = "a001"

_NUMBER = re.compile(r"\d+\.\d+")


def judged(frame: pd.DataFrame, settings: Settings, column: str = "predicted") -> Evaluation:
    """Score one column of labels."""
    arrays = (frame[name].to_numpy(dtype=object) for name in ("stance", column, "target", "group"))
    return evaluate(*arrays, resamples=settings.evaluation.resamples, seed=settings.seed)


def results(metrics: dict[str, Any], predictions: pd.DataFrame) -> str:
    """Every system's scores on all targets, the model's on each target, and on each table."""

    def cell(score: dict[str, float]) -> str:
        return f"{score['value']:.2f} [{score['low']:.2f}, {score['high']:.2f}]"

    model = metrics["systems"]["model"]
    rows = [
        {"system": SYSTEMS[name], "F_avg": cell(s["f_avg"]), "macro-F1": cell(s["macro_f1"])}
        | {target: cell(found["f_avg"]) for target, found in s["targets"].items()}
        for name, s in metrics["systems"].items()
    ]
    note = (
        f"n = {model['n']} examples (sentence x target) from {metrics['data']['n_texts']} sentences and lines of"
        f" {model['n_groups']} articles and sets; nested cross-validation that never cuts one; brackets are 95 %"
        f" intervals from resampled articles and sets; seed {metrics['seed']}."
    )
    settings = read_settings(ROOT / "experiments" / "default.toml")
    articles = predictions["sentence_id"].isin(read_table(ROOT / "data" / "sentences.csv").frame["sentence_id"])
    alone = []
    for what, part in (("articles", predictions[articles]), ("lines", predictions[~articles])):
        found = judged(part, settings)
        alone.append(f"on the {what} alone {found.f_avg} (n = {found.n})")
    return f"{markdown(pd.DataFrame(rows))}\n\n{note} F_avg of stance {' and '.join(alone)}."


def seed() -> str:
    """The seed article's sentences, predicted by a model trained without it."""
    settings = read_settings(ROOT / "experiments" / "default.toml")
    corpus = read_corpus(settings.data.files)
    training_rows = read_corpus(settings.data.files, splits=settings.data.splits).without([SEED_ARTICLE])
    seed_rows = corpus.examples[corpus.examples["article"] == SEED_ARTICLE]
    rows_of = np.arange(len(training_rows.examples))
    (trained,) = held_out(settings, training_rows, [(rows_of, rows_of[:0])])
    gold = seed_rows.pivot(index="sentence_id", columns="target", values="stance")
    texts = dict(zip(seed_rows["sentence_id"], seed_rows["text"], strict=True))
    assert trained.pipeline is not None
    rows, right, sides = [], 0, 0
    for sentence, text in texts.items():
        row = {"sentence": text if len(text) <= 90 else text[:87] + "..."}
        for target in corpus.targets:
            predicted = trained.pipeline.predict(pd.DataFrame({"text": [text], "target": [target.name]}))[0]
            wanted = str(gold.at[sentence, target.name])
            sides += int(wanted != "none")
            right += int(wanted == predicted)
            row[target.title] = predicted if predicted == wanted else f"{predicted} (gold: **{wanted}**)"
        rows.append(row)
    n = len(seed_rows)
    return f"{markdown(pd.DataFrame(rows))}\n\n{right} of {n} right; {sides} of the {n} take a side."


def corpus_tables() -> str:
    """Every table of `stance corpus stats`."""
    tables = describe_corpus(ROOT / "data")
    return "\n\n".join(f"### {title}\n\n{markdown(table)}" for title, table in tables.items())


def replaced(text: str, name: str, content: str) -> str:
    """Return the document with one generated part renewed."""
    pattern = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not pattern.search(text):
        raise SystemExit(f"no <!-- generated: {name} --> in the document")
    return pattern.sub(lambda match: f"{match[1]}{content}\n{match[2]}", text)


def write_sections(sections: dict[str, str], document: str = "experiments/RESULTS.md") -> None:
    """Renew generated parts of a document."""
    path = ROOT / document
    text = path.read_text("utf-8")
    for name, content in sections.items():
        text = replaced(text, name, content)
    path.write_text(text, encoding="utf-8", newline="\n")


def same(old: str, new: str) -> bool:
    """Tell whether two texts agree, numbers with a fraction to within two in the last digit."""
    if _NUMBER.sub("#", old) != _NUMBER.sub("#", new):
        return False
    pairs = zip(_NUMBER.findall(old), _NUMBER.findall(new), strict=True)
    return all(abs(float(a) - float(b)) <= 0.0201 for a, b in pairs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=ROOT / "experiments" / "runs" / "default", help="a trained run")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if something is stale")
    options = parser.parse_args()
    metrics = json.loads((options.run / "metrics.json").read_text(encoding="utf-8"))
    predictions = pd.read_csv(options.run / "predictions.csv", keep_default_na=False)
    parts: dict[str, dict[str, Callable[[], str]]] = {
        "README.md": {"results": lambda: results(metrics, predictions), "seed": seed},
        "data/README.md": {"corpus": corpus_tables},
    }
    stale = False
    for document, makers in parts.items():
        path = ROOT / document
        old = new = path.read_text(encoding="utf-8")
        for name, make in makers.items():
            new = replaced(new, name, make())
        if options.check and not same(old, new):
            print(f"{document} is stale; run: python experiments/readme.py")
            stale = True
        if not options.check:
            path.write_text(new, encoding="utf-8", newline="\n")
    return int(stale)


if __name__ == "__main__":
    sys.exit(main())
