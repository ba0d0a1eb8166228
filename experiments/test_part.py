"""Score the trained models on the fixed test part of each source, which no choice was made on.

    python experiments/test_part.py --ungd ungd.csv --whitehouse whitehouse.csv

Writes the table into experiments/RESULTS.md. The two tables are what `stance corpus join` writes; the models are
those that `run_all.py` left in experiments/runs/, and the one that comes with the package.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
from readme import write_sections

from stance.data.corpus import read_corpus
from stance.model.predictor import load
from stance.report.tables import markdown
from stance.training.evaluation import evaluate_model

ROOT = Path(__file__).parent.parent
RUNS = ROOT / "experiments" / "runs"
MODELS = {"`default`": RUNS / "default", "`all`": RUNS / "all", "bundled": None}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ungd", type=Path, required=True, help="joined speeches")
    parser.add_argument("--whitehouse", type=Path, required=True, help="joined briefings")
    options = parser.parse_args()
    sources = {"articles": ROOT / "data" / "sentences.csv", "speeches": options.ungd, "briefings": options.whitehouse}
    splits = ROOT / "data" / "splits.csv"
    parts = {
        name: read_corpus([file], splits=splits, part="test", for_training=False) for name, file in sources.items()
    }
    rows = []
    for name, path in MODELS.items():
        model = load(path)
        for source, corpus in parts.items():
            found = evaluate_model(model, corpus)
            scores = found.evaluation
            row = {"model": name, "test part of": source, "n": f"{scores.n:,}", "documents": scores.n_groups}
            row |= {"F_avg": str(scores.f_avg), "macro-F1": str(scores.macro_f1), "ECE": f"{found.calibration.ece:.3f}"}
            rows.append(row)
    write_sections({"test_part": markdown(pd.DataFrame(rows))})


if __name__ == "__main__":
    main()
