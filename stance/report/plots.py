"""Records to pictures; nothing is computed here."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stance.labels import COLORS, LABELS
from stance.metrics import Calibration, Evaluation

_SYSTEM_COLORS = ("#000000", "#CC79A7", "#009E73", "#E69F00", "#56B4E9")
_MARKERS = "osD^v"
_DPI = 130

MINUS = "\N{MINUS SIGN}"


def png(figure: Figure) -> bytes:
    """Return the figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    return buffer.getvalue()


def confusion(evaluation: Evaluation, titles: Mapping[str, str]) -> Figure:
    """Draw one confusion matrix a target: counts, shaded by the fraction of the gold label."""
    n = len(evaluation.targets)
    columns = min(n, 3)
    rows = math.ceil(n / columns)
    figure = Figure(figsize=(3.6 * columns + 0.4, 3.7 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, (name, scores) in zip(axes, evaluation.targets.items(), strict=False):
        counts = np.asarray(scores.confusion, dtype=float)
        share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axis.imshow(share, cmap="Greys", vmin=0, vmax=1)
        for i, j in np.ndindex(3, 3):
            color = "white" if share[i, j] > 0.55 else "black"
            text = f"{int(counts[i, j])}\n{share[i, j]:.0%}"
            axis.text(j, i, text, ha="center", va="center", color=color)
        axis.set_xticks(range(3), LABELS)
        axis.set_yticks(range(3), LABELS, rotation=90, va="center")
        for tick, label in zip([*axis.get_xticklabels(), *axis.get_yticklabels()], LABELS * 2, strict=True):
            tick.set_color(COLORS[label])
            tick.set_fontweight("bold")
        axis.set(title=f"{titles[name]} (n = {scores.n})", xlabel="predicted", ylabel="gold")
    for axis in axes[n:]:
        axis.set_visible(False)
    return figure


def against_baselines(evaluations: Mapping[str, Evaluation], titles: Mapping[str, str]) -> Figure:
    """Draw F_avg of every system, per target and pooled, with 95 % intervals."""
    first = next(iter(evaluations.values()))
    rows = ["all targets", *first.targets]
    figure = Figure(figsize=(7.6, 1.4 + 0.75 * len(rows)), layout="constrained")
    axis = figure.subplots()
    for k, (system, evaluation) in enumerate(evaluations.items()):
        scores = [evaluation.f_avg, *(evaluation.targets[name].f_avg for name in rows[1:])]
        values = np.asarray([score.value for score in scores])
        # A percentile interval of a skewed statistic may leave its own value out by a hair.
        errors = [
            [max(0.0, score.value - score.low) for score in scores],
            [max(0.0, score.high - score.value) for score in scores],
        ]
        place = np.arange(len(rows)) + (k - (len(evaluations) - 1) / 2) * 0.18
        color, marker = _SYSTEM_COLORS[k % 5], _MARKERS[k % 5]
        axis.errorbar(values, place, xerr=errors, fmt=marker, color=color, label=system, capsize=2)
    axis.set_yticks(range(len(rows)), [titles.get(name, name) for name in rows])
    axis.invert_yaxis()
    axis.set(xlim=(-0.02, 1), xlabel="F_avg, mean of F1 favor and F1 against (95 % interval)")
    axis.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=len(evaluations), frameon=False)
    return figure


def reliability(found: Calibration) -> Figure:
    """Draw how often predictions of each confidence are right."""
    figure = Figure(figsize=(4.6, 4.6), layout="constrained")
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color="#8C8C8C", linestyle="--", label="perfect")
    mean, right, n = (np.asarray(column, dtype=float) for column in zip(*found.bins, strict=True))
    axis.plot(mean, right, color="black", linewidth=1)
    sizes = 20 + 220 * n / n.max()
    # The surest bin is the largest and lies in the corner.
    axis.scatter(mean, right, s=sizes, color="black", alpha=0.7, label="area ~ examples", clip_on=False)
    axis.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="mean probability of the prediction", ylabel="fraction right")
    axis.set_title(f"Calibration error (ECE) {found.ece:.3f}")
    axis.legend(loc="upper left", frameon=False)
    return figure


def risk_coverage(points: Sequence[tuple[float, float]]) -> Figure:
    """Draw the error rate among the most confident fraction of predictions."""
    coverage, risk = (np.asarray(column) for column in zip(*points, strict=True))
    figure = Figure(figsize=(5.2, 4.0), layout="constrained")
    axis = figure.subplots()
    axis.plot(coverage, risk, color="black")
    axis.set(xlim=(0, 1), ylim=(0, None), xlabel="fraction of examples kept, surest first", ylabel="error rate")
    axis.set_title(f"All kept: {risk[-1]:.0%} wrong; surest half: {np.interp(0.5, coverage, risk):.0%}")
    axis.grid(alpha=0.3)
    return figure


def top_ngrams(title: str, ngrams: Mapping[str, Sequence[tuple[str, float]]]) -> Figure:
    """Draw the strongest n-grams against and for one target, side by side."""
    longest = max([len(found) for found in ngrams.values()] + [1])
    figure = Figure(figsize=(9.2, 1.2 + 0.27 * longest), layout="constrained")
    for axis, label in zip(figure.subplots(1, 2), ("against", "favor"), strict=True):
        _bars(axis, ngrams[label], COLORS[label])
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
    axis.xaxis.set_major_formatter(lambda value, _: f"{abs(value):.0f}")
    axis.set(xlabel="sentences that take the side")
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return figure


def stance_heat_map(table: pd.DataFrame, titles: Mapping[str, str], *, n: int = 30) -> Figure:
    """Draw actors by targets, mean stance in colour and figures.

    Parameters
    ----------
    table
        As `stance.reading.maps.stance_map` makes it by actor.
    n
        So many actors, those with the most sentences; from most against to most in favor.
    """
    size = table.groupby("actor")["sentences"].sum().nlargest(n, keep="first")
    shown = table[table["actor"].isin(size.index)]
    order = shown.groupby("actor")[["sentences", "stance"]].apply(
        lambda part: float(np.average(part["stance"], weights=part["sentences"]))
    )
    actors = list(order.sort_values(kind="stable").index)
    targets = [name for name in titles if name in set(shown["target"])]
    figure = Figure(figsize=(3.2 + 1.9 * len(targets), 1.9 + 0.27 * len(actors)), layout="constrained")
    axis = figure.subplots()
    sides = LinearSegmentedColormap.from_list("sides", [COLORS["against"], "#F2F2F2", COLORS["favor"]])
    grid = np.full((len(actors), len(targets)), np.nan)
    for row in shown.to_dict("records"):
        place = actors.index(row["actor"]), targets.index(row["target"])
        grid[place] = row["stance"]
        thin = row["resampled"] != "documents"
        text = f"{row['stance']:+.2f}  n={row['sentences']}".replace("-", MINUS)
        color = "white" if abs(row["stance"]) > 0.75 else "black"
        axis.text(place[1], place[0], f"({text})" if thin else text, ha="center", va="center", color=color, fontsize=8)
    picture = axis.imshow(grid, cmap=sides, vmin=-1, vmax=1, aspect="auto")
    axis.set_facecolor("white")
    axis.set_xticks(range(len(targets)), [titles[name] for name in targets])
    axis.xaxis.tick_top()
    axis.set_yticks(range(len(actors)), actors)
    axis.tick_params(length=0)
    axis.set_xticks(np.arange(1, len(targets)) - 0.5, minor=True)
    axis.set_yticks(np.arange(1, len(actors)) - 0.5, minor=True)
    axis.grid(which="minor", color="white", linewidth=1.5)
    bar = figure.colorbar(picture, ax=axis, location="bottom", fraction=0.03, pad=0.01, ticks=[-1, 0, 1])
    bar.ax.set_xticklabels([f"{MINUS}1 against", "0", "+1 favor"])
    of = f"the {len(actors)} actors with the most of " if table["actor"].nunique() > len(actors) else ""
    figure.suptitle(
        f"Mean stance of {of}{int(table['sentences'].sum()):,} sentences that take a side\n"
        "(in brackets: fewer than five documents)",
        fontsize=10,
    )
    return figure


def stance_over_time(table: pd.DataFrame, titles: Mapping[str, str]) -> Figure:
    """Draw each target's mean stance by year with 95 % intervals, and how many sentences take which side.

    Parameters
    ----------
    table
        As `stance.reading.maps.stance_map` makes it by year.
    """
    targets = [name for name in titles if name in set(table["target"])]
    figure = Figure(figsize=(9.0, 2.9 * len(targets) + 0.4), layout="constrained")
    axes = figure.subplots(2 * len(targets), 1, sharex=True, squeeze=False, height_ratios=[2, 1] * len(targets)).ravel()
    for k, target in enumerate(targets):
        mean, bars = axes[2 * k], axes[2 * k + 1]
        rows = table[(table["target"] == target) & table["year"].notna()].astype({"year": int})
        sure = rows[rows["low"].notna()].astype({"low": float, "high": float})
        unsure = rows[rows["low"].isna()]
        gaps = [np.maximum(0, sure["stance"] - sure["low"]), np.maximum(0, sure["high"] - sure["stance"])]
        mean.errorbar(sure["year"], sure["stance"], yerr=gaps, fmt="o", color="black", capsize=2, markersize=4,
                      label="mean, 95 % interval")  # fmt: skip
        mean.plot(unsure["year"], unsure["stance"], "o", color="black", markerfacecolor="white", markersize=4,
                  label="fewer than five sentences")  # fmt: skip
        mean.axhline(0, color="black", linewidth=0.8)
        mean.axhspan(0, 1.08, color=COLORS["favor"], alpha=0.08, linewidth=0)
        mean.axhspan(-1.08, 0, color=COLORS["against"], alpha=0.08, linewidth=0)
        mean.set(ylim=(-1.08, 1.08), ylabel="mean stance", title=f"{titles[target]} (n = {rows['sentences'].sum():,})")
        mean.set_yticks([-1, 0, 1], [f"{MINUS}1 against", "0", "+1 favor"])
        for label, sign in (("against", -1), ("favor", 1)):
            bars.bar(rows["year"], sign * rows[label], color=COLORS[label], label=label)
        bars.axhline(0, color="black", linewidth=0.8)
        bars.yaxis.set_major_formatter(lambda value, _: f"{abs(value):.0f}")
        bars.set(ylabel="sentences")
    axes[-1].set(xlabel="year")
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    handles = [*axes[0].get_legend_handles_labels()[0], *axes[1].get_legend_handles_labels()[0]]
    names = [*axes[0].get_legend_handles_labels()[1], *axes[1].get_legend_handles_labels()[1]]
    figure.legend(handles, names, loc="outside upper center", ncols=len(names), frameon=False)
    return figure


def _bars(axis: Axes, found: Sequence[tuple[str, float]], color: str) -> None:
    names: list[Any] = [name.replace(" ", "\N{OPEN BOX}") if name != name.strip() else name for name, _ in found]
    axis.barh(range(len(found)), [push for _, push in found], color=color)
    axis.set_yticks(range(len(found)), names)
    axis.invert_yaxis()
