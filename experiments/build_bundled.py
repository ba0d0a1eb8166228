"""Build the model that comes with the package, and its card, in stance/bundled/.

    python experiments/build_bundled.py --ungd ungd.csv --whitehouse whitehouse.csv

The two tables are what `stance corpus join` writes; the articles and lines are those of data/. Settings and the
split are those of the experiment (experiments/bundled.toml). How many labels half precision changes is printed.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from stance.data.corpus import read_data
from stance.model.predictor import BUNDLED, Model
from stance.report import run_files
from stance.settings import read_settings
from stance.training.fitting import fit

ROOT = Path(__file__).parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ungd", type=Path, required=True, help="joined speeches")
    parser.add_argument("--whitehouse", type=Path, required=True, help="joined briefings")
    parser.add_argument("--experiment", type=Path, default=ROOT / "experiments" / "bundled.toml", help="settings")
    options = parser.parse_args()
    files = [ROOT / "data" / "sentences.csv", ROOT / "data" / "lines.csv", options.ungd, options.whitehouse]
    settings = read_settings(options.experiment).changed(data__files=[str(file) for file in files])
    corpus = read_data(settings.data)
    training = fit(settings, corpus)
    model = training.model
    scorer = model.scorer
    half = replace(scorer, weights=scorer.weights.astype(np.float16), idf=scorer.idf.astype(np.float32))
    smaller = Model(half, model.info, temperature=model.temperature)
    BUNDLED.mkdir(exist_ok=True)
    smaller.save(BUNDLED / "model.safetensors")
    (BUNDLED / "MODEL_CARD.md").write_text(run_files.model_card(training), encoding="utf-8", newline="\n")
    texts = corpus.examples["text"].unique()
    labels, whole = (each.predict_proba(texts).argmax(axis=-1) for each in (smaller, model))
    size = (BUNDLED / "model.safetensors").stat().st_size
    print(f"{size / 1e6:.2f} MB; labels that differ from the whole model's: {(labels != whole).mean():.3%}")
    print(training.evaluations["model"].f_avg, "by cross-validation")


if __name__ == "__main__":
    main()
