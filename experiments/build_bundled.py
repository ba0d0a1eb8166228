"""Build the model that comes with the package, and its card, in stance/bundled/.

    python experiments/build_bundled.py --ungd ungd.csv --whitehouse whitehouse.csv --news news.csv

The three tables are what `stance corpus join` writes. Settings, the other tables and the split are those of
experiments/bundled.toml. What half precision loses is printed.
"""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
from common import ROOT, RUNS, data_parser, experiment, named_tables

import stance

BUNDLED = ROOT / "stance" / "bundled"


def halved(model: stance.Model) -> stance.Model:
    """Return the model in half precision, IDF in single: half the file, and next to no label changes."""
    scorer = model.scorer
    small = replace(
        scorer,
        idf=scorer.idf.astype(np.float32),
        anchored=scorer.anchored.astype(np.float16),
        own=scorer.own.astype(np.float16),
    )
    return stance.Model(small, model.info, temperature=model.temperature)


def main() -> None:
    parser = data_parser(__doc__, names=("ungd", "whitehouse", "news"))
    settings = experiment("bundled", named_tables(parser.parse_args()))
    if settings is None:
        raise SystemExit("no joined speeches, briefings or news; wanted --ungd, --whitehouse and --news")
    training, run = stance.train(settings, RUNS / "bundled")
    small = halved(training.model)
    BUNDLED.mkdir(exist_ok=True)
    small.save(BUNDLED / "model.safetensors")
    shutil.copy(run / "MODEL_CARD.md", BUNDLED)
    texts = list(dict.fromkeys(training.corpus.examples["text"]))
    labels, labels_before = (model.predict_proba(texts).argmax(axis=-1) for model in (small, training.model))
    print(f"{(BUNDLED / 'model.safetensors').stat().st_size / 1e6:.2f} MB")
    print(f"labels of training texts that differ from the whole model's: {(labels != labels_before).mean():.3%}")
    print(f"F_avg toward a target left out of training: {training.model.info.expected}")
    print(f"F_avg {training.evaluations['model'].f_avg} by cross-validation")


if __name__ == "__main__":
    main()
