"""Build the model that comes with the package, and its card, in stance/bundled/.

    python experiments/build_bundled.py --ungd ungd.csv --whitehouse whitehouse.csv

The two tables are what `stance corpus join` writes; the articles and lines are those of data/. Settings and the
split are those of the experiment (experiments/bundled.toml). What the smaller file loses is printed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from stance.data.corpus import read_data
from stance.model.predictor import BUNDLED, Model
from stance.model.scorer import pruned, rounded
from stance.report import run_files
from stance.settings import read_settings
from stance.training.evaluation import compare_models
from stance.training.fitting import fit

ROOT = Path(__file__).parent.parent

# Half precision changes next to no label and halves the file; leaving n-grams out changes the norms of
# texts, and so labels, before it saves much.
PRUNE, DTYPE = 0.0, "float16"


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
    smaller = Model(rounded(pruned(model.scorer, PRUNE), DTYPE), model.info, temperature=model.temperature)
    BUNDLED.mkdir(exist_ok=True)
    smaller.save(BUNDLED / "model.safetensors")
    (BUNDLED / "MODEL_CARD.md").write_text(run_files.model_card(training), encoding="utf-8", newline="\n")
    loss = compare_models(smaller, model, corpus)
    size = (BUNDLED / "model.safetensors").stat().st_size
    print(f"{size / 1e6:.2f} MB; labels that differ from the whole model's: {loss.disagreement:.3%}")
    print(f"F_avg on the training corpus {loss.f_avg:.4f}, whole {loss.f_avg_before:.4f}")
    print(training.evaluations["model"].f_avg, "by cross-validation")


if __name__ == "__main__":
    main()
