"""Scores and stances as pictures; nothing is computed here.

Colours of labels are `stance.labels.COLORS`, those of compared systems `SYSTEM_COLORS`.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stance.labels import COLORS, LABELS
from stance.metrics import Calibration, Evaluation

#: Colours of systems that are compared, in their order (Okabe & Ito's palette, without those of the labels).
SYSTEM_COLORS = ("#000000", "#CC79A7", "#009E73", "#E69F00", "#56B4E9")

_MARKERS = "osD^v"

MINUS = "\N{MINUS SIGN}"
_STANCES = [f"{MINUS}1 against", "0", "+1 favor"]
_TOO_FEW = "fewer than five sentences"


def png(figure: Figure) -> bytes:
    """Return the figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()


def confusion(evaluation: Evaluation, titles: Mapping[str, str]) -> Figure:
    """Draw one confusion matrix a target: counts, shaded by the fraction of the gold label."""
    columns = min(len(evaluation.targets), 3)
    rows = math.ceil(len(evaluation.targets) / columns)
    figure = Figure(figsize=(3.6 * columns + 0.4, 3.7 * rows), layout="constrained")
    for number, (name, scores) in enumerate(evaluation.targets.items(), 1):
        axis = figure.add_subplot(rows, columns, number)
        counts = np.asarray(scores.confusion, dtype=float)
        share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axis.imshow(share, cmap="Greys", vmin=0, vmax=1)
        for i, j in np.ndindex(3, 3):
            color = "white" if share[i, j] > 0.55 else "black"
            axis.text(j, i, f"{int(counts[i, j])}\n{share[i, j]:.0%}", ha="center", va="center", color=color)
        axis.set_xticks(range(3), LABELS)
        axis.set_yticks(range(3), LABELS, rotation=90, va="center")
        for tick, label in zip([*axis.get_xticklabels(), *axis.get_yticklabels()], LABELS * 2, strict=True):
            tick.set(color=COLORS[label], fontweight="bold")
        axis.set(title=f"{titles[name]} (n = {scores.n})", xlabel="predicted", ylabel="gold")
    return figure


def against_baselines(evaluations: Mapping[str, Evaluation], titles: Mapping[str, str]) -> Figure:
    """Draw F_avg of every system, per target and pooled, with 95 % intervals."""
    targets = list(next(iter(evaluations.values())).targets)
    figure = Figure(figsize=(7.6, 2.15 + 0.75 * len(targets)), layout="constrained")
    axis = figure.subplots()
    for k, (system, evaluation) in enumerate(evaluations.items()):
        scores = [evaluation.f_avg, *(evaluation.targets[name].f_avg for name in targets)]
        y = np.arange(len(scores)) + (k - (len(evaluations) - 1) / 2) * 0.18
        color = SYSTEM_COLORS[k % 5]
        axis.hlines(y, [score.low for score in scores], [score.high for score in scores], color)
        axis.plot([score.value for score in scores], y, _MARKERS[k % 5], color=color, label=system)
    axis.set_yticks(range(1 + len(targets)), ["all targets", *(titles.get(name, name) for name in targets)])
    axis.invert_yaxis()
    axis.set(xlim=(-0.02, 1.02), xlabel="F_avg, mean of F1 favor and F1 against (95 % interval)")
    axis.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=len(evaluations), frameon=False)
    return figure


def reliability(calibration: Calibration) -> Figure:
    """Draw how often predictions of each confidence are right."""
    figure = Figure(figsize=(4.6, 4.6), layout="constrained")
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color="#8C8C8C", linestyle="--", label="perfect")
    mean, right, n = np.asarray(calibration.bins, dtype=float).T
    axis.plot(mean, right, color="black", linewidth=1)
    # The surest bin is the largest and lies in the corner.
    axis.scatter(mean, right, 20 + 220 * n / n.max(), "black", alpha=0.7, label="area ~ examples", clip_on=False)
    axis.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="mean probability of the prediction", ylabel="fraction right")
    axis.set_title(f"Calibration error (ECE) {calibration.ece:.3f}")
    axis.legend(loc="upper left", frameon=False)
    return figure


def risk_coverage(points: Sequence[tuple[float, float]]) -> Figure:
    """Draw the error rate among the most confident fraction of predictions."""
    coverage, risk = np.asarray(points).T
    figure = Figure(figsize=(5.2, 4.0), layout="constrained")
    axis = figure.subplots()
    axis.plot(coverage, risk, color="black")
    axis.set(xlim=(0, 1), ylim=(0, None), xlabel="fraction of examples kept, surest first", ylabel="error rate")
    axis.set_title(f"All kept: {risk[-1]:.0%} wrong; surest half: {np.interp(0.5, coverage, risk):.0%}")
    axis.grid(alpha=0.3)
    return figure


def top_phrases(title: str, phrases: Mapping[str, Sequence[tuple[str, float]]]) -> Figure:
    """Draw the strongest phrases against and for one target, side by side."""
    longest = max(1, *map(len, phrases.values()))
    figure = Figure(figsize=(9.2, 1.2 + 0.27 * longest), layout="constrained")
    for axis, label in zip(figure.subplots(1, 2), ("against", "favor"), strict=True):
        names = [name for name, _ in phrases[label]]
        axis.barh(range(len(names)), [push for _, push in phrases[label]], color=COLORS[label])
        axis.set_yticks(range(len(names)), names)
        axis.invert_yaxis()
        axis.set_title(f"{label} {title}", color=COLORS[label], fontweight="bold")
    figure.supxlabel("push toward the label (weight x IDF x root of its share of texts)")
    return figure


def label_counts(counts: pd.DataFrame) -> Figure:
    """Draw how many sentences take each side, by source and target."""
    names = [f"{row['source']}: {row['target'].replace('_', ' ')}" for row in counts.to_dict("records")]
    figure = Figure(figsize=(8.0, 1.2 + 0.42 * len(names)), layout="constrained")
    axis = figure.subplots()
    for label, sign in (("against", -1), ("favor", 1)):
        bars = axis.barh(range(len(names)), sign * counts[label], color=COLORS[label], label=label)
        axis.bar_label(bars, labels=[str(n) for n in counts[label]], padding=3)
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    axis.margins(x=0.12)
    axis.xaxis.set_major_formatter(_without_sign)
    axis.set(xlabel="sentences that take the side")
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def stance_heat_map(table: pd.DataFrame, titles: Mapping[str, str], *, n: int = 30) -> Figure:
    """Draw actors by targets, mean stance in colour and figures, from most against to most in favor.

    `table` is what `stance.reading.maps.stance_map` makes by actor; the `n` actors with the most sentences are shown.
    """
    shown = table.assign(total=table["stance"] * table["sentences"])
    sums = shown.groupby("actor")[["sentences", "total"]].sum().nlargest(n, "sentences", keep="first")
    actors = list((sums["total"] / sums["sentences"]).sort_values(kind="stable").index)
    shown = table[table["actor"].isin(actors)]
    targets = [name for name in titles if name in set(shown["target"])]
    figure = Figure(figsize=(3.2 + 1.9 * len(targets), 1.9 + 0.27 * len(actors)), layout="constrained")
    axis = figure.subplots()
    sides = LinearSegmentedColormap.from_list("sides", [COLORS["against"], "#F2F2F2", COLORS["favor"]])
    grid = shown.pivot(index="actor", columns="target", values="stance").reindex(index=actors, columns=targets)
    picture = axis.imshow(grid, cmap=sides, vmin=-1, vmax=1, aspect="auto")
    for row in shown[shown["stance"].notna()].to_dict("records"):
        beside = f"[{row['low']:+.2f}, {row['high']:+.2f}]" if "counted" in row else f" n={row['sentences']}"
        text = f"{row['stance']:+.2f} {beside}".replace("-", MINUS)
        text = text if row["resampled"] == "documents" else f"({text})"
        color = "white" if abs(row["stance"]) > 0.75 else "black"
        x, y = targets.index(row["target"]), actors.index(row["actor"])
        axis.text(x, y, text, ha="center", va="center", color=color, fontsize=8)
    axis.set_xticks(range(len(targets)), [titles[name] for name in targets])
    axis.xaxis.tick_top()
    axis.set_yticks(range(len(actors)), actors)
    axis.tick_params(length=0)
    axis.set_xticks(np.arange(1, len(targets)) - 0.5, minor=True)
    axis.set_yticks(np.arange(1, len(actors)) - 0.5, minor=True)
    axis.grid(which="minor", color="white", linewidth=1.5)
    bar = figure.colorbar(picture, ax=axis, location="bottom", fraction=0.03, pad=0.01, ticks=[-1, 0, 1])
    bar.ax.set_xticklabels(_STANCES)
    of = f"the {len(actors)} actors with the most of " if table["actor"].nunique() > len(actors) else ""
    title = f"Mean stance of {of}{int(table['sentences'].sum()):,} sentences that take a side"
    figure.suptitle(f"{title}\n{table['errors'].iloc[0]}\n(in brackets: fewer than five documents)", fontsize=9)
    return figure


def stance_over_time(table: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """Draw each target's mean stance by year with 95 % intervals, and how many sentences take which side.

    `table` is what `stance.reading.maps.stance_map` makes by year.
    """
    targets = [name for name in titles if name in set(table["target"])]
    figure = Figure(figsize=(9.0, 2.9 * len(targets) + 0.4), layout="constrained")
    axes = figure.subplots(2 * len(targets), 1, sharex=True, squeeze=False, height_ratios=[2, 1] * len(targets)).ravel()
    for means, counts, target in zip(axes[::2], axes[1::2], targets, strict=True):
        rows = table[(table["target"] == target) & table["year"].notna()]
        rows = rows.astype({"year": int, "low": float, "high": float})
        _draw_means(means, rows)
        means.set_title(f"{titles[target]} (n = {rows['sentences'].sum():,})")
        for label, sign in (("against", -1), ("favor", 1)):
            counts.bar(rows["year"], sign * rows[label], color=COLORS[label], label=label)
        counts.axhline(0, color="black", linewidth=0.8)
        counts.yaxis.set_major_formatter(_without_sign)
        counts.set(ylabel="sentences")
    axes[-1].set(xlabel="year")
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    (handles, names), (more, others) = (axis.get_legend_handles_labels() for axis in axes[:2])
    about = table["errors"].iloc[0]
    figure.legend(handles + more, names + others, loc="outside upper center", ncols=4, frameon=False, title=about)
    return figure


def _draw_means(axis: Axes, rows: pd.DataFrame) -> None:
    """Draw mean stances by year, hollow where there are too few sentences for an interval."""
    sure, unsure = rows[rows["low"].notna()], rows[rows["low"].isna()]
    axis.vlines(rows["year"], rows["low"], rows["high"], "black")
    axis.plot(sure["year"], sure["stance"], "ko", markersize=4, label="mean, 95 % interval")
    axis.plot(unsure["year"], unsure["stance"], "ko", markerfacecolor="white", markersize=4, label=_TOO_FEW)
    axis.axhline(0, color="black", linewidth=0.8)
    axis.axhspan(0, 1.08, color=COLORS["favor"], alpha=0.08, linewidth=0)
    axis.axhspan(-1.08, 0, color=COLORS["against"], alpha=0.08, linewidth=0)
    axis.set(ylim=(-1.08, 1.08), ylabel="mean stance")
    axis.set_yticks([-1, 0, 1], _STANCES)


def _without_sign(value: float, _: float) -> str:
    return f"{abs(value):.0f}"
