"""Train on each source and on all together, test on the fixed test part of each: twelve cells.

    python experiments/transfer.py --ungd ungd.csv --whitehouse whitehouse.csv

Writes the table into experiments/RESULTS.md. The two tables are what `stance corpus join` writes; the
test part is that of data/splits.csv.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
from readme import write_sections

from stance.config import read_settings
from stance.corpus import read_corpus
from stance.evaluation import evaluate_model
from stance.report import markdown
from stance.training import fit

ROOT = Path(__file__).parent.parent
SPLITS = ROOT / "data" / "splits.csv"


def transfer(sources: dict[str, Path]) -> pd.DataFrame:
    """Return a row a training source and a column a test source, pooled F_avg with interval."""
    settings = read_settings(ROOT / "experiments" / "default.toml")
    tests = {
        name: read_corpus([file], splits=SPLITS, part="test", for_training=False) for name, file in sources.items()
    }
    trainings = {name: [file] for name, file in sources.items()} | {"all three": list(sources.values())}
    rows = []
    for name, files in trainings.items():
        corpus = read_corpus(files, splits=SPLITS)
        model = fit(settings, corpus).model
        row = {"trained on": f"{name} (n = {len(corpus.examples)})"}
        for test, held_out in tests.items():
            found = evaluate_model(model, held_out).evaluation
            row[f"{test} (n = {found.n}, {found.n_groups} documents)"] = str(found.f_avg)
        rows.append(row)
        print(row)
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ungd", type=Path, required=True, help="joined speeches")
    parser.add_argument("--whitehouse", type=Path, required=True, help="joined briefings")
    options = parser.parse_args()
    sources = {"articles": ROOT / "data" / "sentences.csv", "speeches": options.ungd, "briefings": options.whitehouse}
    table = markdown(transfer(sources))
    write_sections({"transfer": table})


if __name__ == "__main__":
    main()
