"""Out-of-fold predictions to the tables of RESULTS.md.

Each function takes a frame with a row an example: `stance` and `predicted`, `target`, `group`, the probabilities, and
`subset`, which of SUBSETS its text belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from common import compared, evaluated, holm, markdown, signed

import stance
from stance import LABELS

#: What the tables call the texts of each file.
SOURCES = {
    "sentences.csv": "articles", "lines.csv": "lines", "headlines.csv": "headlines", "plain.csv": "plain sentences",
    "ungd.csv": "speeches", "whitehouse.csv": "briefings", "news.csv": "news",
}  # fmt: skip
#: Speeches' and briefings' sentences in which a model saw a side, most of them without one.
NEAR_MISSES = ", near misses"
SUBSETS = [*SOURCES.values(), f"speeches{NEAR_MISSES}", f"briefings{NEAR_MISSES}"]


def by_subset(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield all rows, and the rows of each subset; no subsets where the frame does not name them."""
    yield "all", frame
    if "subset" in frame:
        yield from ((name, frame[frame["subset"] == name]) for name in SUBSETS)


def main_tables(runs: dict[str, pd.DataFrame], settings: dict[str, stance.Settings]) -> str:
    """Return every experiment's scores, all subsets and each; and F1 of each target and side."""
    rows, cells = [], []
    for name, frame in runs.items():
        for subset, examples in by_subset(frame):
            if examples.empty:
                continue
            scores = evaluated(examples, settings[name])
            plain = evaluated(examples, settings[name], "tfidf_logistic")
            where = {"experiment": f"`{name}`", "source": subset}
            rows.append({
                **where, "n": f"{scores.n:,}", "groups": scores.n_groups, "F_avg": scores.f_avg,
                "mean of targets": scores.f_avg_mean, "macro-F1": scores.macro_f1,
                "F_avg of plain TF-IDF + LR": plain.f_avg,
            })  # fmt: skip
            for target, own in scores.targets.items():
                support = dict(zip(LABELS, map(sum, own.confusion), strict=True))
                sides = {f"F1 {label}": f"{own.f1[label]} n={support[label]}" for label in ("against", "favor")}
                cells.append({**where, "target": target, "F_avg": own.f_avg, **sides})
    return f"{markdown(rows)}\n\n{markdown(cells)}"


def ablation_table(whole: pd.DataFrame, ablated: dict[str, pd.DataFrame], settings: stance.Settings) -> str:
    """Return what each step costs, paired with `all` on the examples that both predicted."""
    rows, p = [], []
    for name, frame in ablated.items():
        other = frame[["sentence_id", "target", "predicted"]].rename(columns={"predicted": "ablated"})
        both = whole.merge(other, on=["sentence_id", "target"], validate="one_to_one")
        p.append(compared(both, ("ablated", "predicted"), settings).p)
        differences = {
            subset: "-" if examples.empty else signed(compared(examples, ("ablated", "predicted"), settings))
            for subset, examples in by_subset(both)
        }
        rows.append({"experiment": f"`{name}`", "n": f"{len(both):,}", **differences, "p": f"{p[-1]:.4f}"})
    return markdown([row | {"p, Holm": f"{value:.4f}"} for row, value in zip(rows, holm(p), strict=True)])


def curve_table(whole: pd.DataFrame, fractions: pd.DataFrame, settings: stance.Settings) -> str:
    """Return F_avg by fraction of the training groups; `held_out` names it, and it is 1 for `whole`."""
    n = len(whole)
    every = pd.concat([fractions, whole.assign(held_out=1.0, n_train=n - n // settings.evaluation.folds)])
    return markdown([
        {"fraction of the training groups": f"{fraction:.2f}", "n of training": f"{rows['n_train'].mean():,.0f}"}
        | {subset: evaluated(examples, settings).f_avg for subset, examples in by_subset(rows)}
        for fraction, rows in every.groupby("held_out")
    ])  # fmt: skip


def held_out_table(whole: pd.DataFrame, frame: pd.DataFrame, settings: stance.Settings, what: str) -> str:
    """Return F_avg where something was held out of training (`held_out` names it), and where it was not."""
    keys = ["sentence_id", "target"]
    frame = frame.merge(whole[[*keys, "predicted"]].rename(columns={"predicted": "with"}), on=keys)
    rows = []
    for name, examples in frame.groupby("held_out", sort=False):
        scores = evaluated(examples, settings)
        rows.append({
            f"{what} held out": name, "n": f"{scores.n:,}", "groups": scores.n_groups,
            "n of training": f"{examples['n_train'].iloc[0]:,}", "F_avg": scores.f_avg, "macro-F1": scores.macro_f1,
            "trained with it": evaluated(examples, settings, "with").f_avg,
            "majority label": evaluated(examples, settings, "majority").f_avg,
        })  # fmt: skip
    return markdown(rows)


def confusion_table(whole: pd.DataFrame, settings: stance.Settings) -> str:
    """Return gold against predicted labels, target by target."""
    rows = [
        {"target": target, "gold": gold} | {f"predicted {label}": counts[k] for k, label in enumerate(LABELS)}
        for target, scores in evaluated(whole, settings).targets.items()
        for gold, counts in zip(LABELS, scores.confusion, strict=True)
    ]
    return f"{markdown(rows)}\n\nn = {len(whole):,} examples of {whole['group'].nunique():,} groups."


def calibration_table(whole: pd.DataFrame) -> str:
    """Return how far probabilities can be believed, by subset, and how often each bin of them is right."""
    calibrations = {
        subset: stance.calibration(rows["stance"].to_numpy(dtype=object), rows[list(LABELS)].to_numpy(dtype=float))
        for subset, rows in by_subset(whole)
    }
    errors = [
        {"source": name, "n": f"{sum(n for *_, n in own.bins):,}", "ECE": f"{own.ece:.3f}", "Brier": f"{own.brier:.3f}"}
        for name, own in calibrations.items()
    ]
    bins = [
        {"mean probability": f"{mean:.2f}", "fraction right": f"{right:.2f}", "n": f"{n:,}"}
        for mean, right, n in calibrations["all"].bins
    ]
    return f"{markdown(errors)}\n\n{markdown(bins)}"


def test_part_table(models: dict[str, stance.Model], corpora: dict[str, stance.Corpus]) -> str:
    """Return every model's scores on the fixed test part of each source."""
    rows = []
    for name, model in models.items():
        for source, corpus in corpora.items():
            judged = stance.evaluate_model(model, corpus)
            scores = judged.evaluation
            rows.append({
                "model": name, "test part of": source, "n": f"{scores.n:,}", "documents": scores.n_groups,
                "F_avg": scores.f_avg, "macro-F1": scores.macro_f1, "ECE": f"{judged.calibration.ece:.3f}",
            })  # fmt: skip
    return markdown(rows)
