"""Simulate how often the intervals of `stance estimate` hold the truth, and how long they are.

    python experiments/estimates.py --ungd ungd.csv --whitehouse whitehouse.csv --news news.csv [--draws N] [--jobs N]

The labelled speeches, briefings and news are archives of which everything is known. Out of each, samples are drawn and
"labelled", and the archive's figures are estimated from them and from out-of-fold predictions: those of the experiment
`all` for a table that it has, else those of a plain word TF-IDF model, made once. Writes the section `coverage` of
experiments/RESULTS.md.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from common import RUNS, data_parser, markdown, named_tables, write_sections
from joblib import Parallel, delayed
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

import stance
from stance import LABELS

SOURCES = {"ungd.csv": "speeches", "whitehouse.csv": "briefings", "news.csv": "news"}
SIZES = (100, 200, 400)
FIGURES = ["against", "favor", "net", "net of sides"]
RESAMPLES = 500
#: The hand-labelled sample alone is drawn in one draw of so many.
EVERY = 4
KEYS = ["target", "figure"]
#: What the documents of an archive are taken for: all there are, or a sample of others like them.
ARCHIVES = {"these documents": True, "documents like these": False}

Codes = npt.NDArray[np.int64]


def out_of_fold(table: Path) -> pd.DataFrame:
    """Return predictions of a table's sentences, a row a (sentence, target), of models that saw none of its group."""
    labelled = pd.read_csv(table, dtype=str, keep_default_na=False)
    targets = [target for target in stance.load().targets if target in labelled]
    rows = labelled.melt(["sentence_id", "document_id"], targets, "target", "gold")
    run = RUNS / "all" / "predictions.csv"
    if run.is_file():
        known = rows.merge(pd.read_csv(run, keep_default_na=False).drop(columns="text"), on=["sentence_id", "target"])
        if len(known) > len(rows) / 2:
            return known
    digest = hashlib.sha256(table.read_bytes()).hexdigest()[:12]
    cache = RUNS / "coverage" / f"{table.stem}-{digest}.csv"
    if not cache.is_file():
        group = labelled["group" if "group" in labelled else "document_id"]
        frames = []
        for target in targets:
            words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
            model = make_pipeline(words, LogisticRegression(C=30, max_iter=300))
            folds, gold = GroupKFold(5), labelled[target]
            proba = cross_val_predict(model, labelled["text"], gold, groups=group, cv=folds, method="predict_proba")
            frame = pd.DataFrame(proba, columns=np.unique(gold)).reindex(columns=[*LABELS], fill_value=0.0)
            frames.append(frame.assign(sentence_id=labelled["sentence_id"], target=target))
        cache.parent.mkdir(parents=True, exist_ok=True)
        pd.concat(frames).to_csv(cache, index=False)
    return rows.merge(pd.read_csv(cache), on=["sentence_id", "target"])


def archive(predicted: pd.DataFrame) -> tuple[stance.Predictions, Codes]:
    """Return an archive's predictions and gold labels, of shape (n_sentences, n_targets)."""
    targets = tuple(predicted["target"].unique())
    wide = [predicted[predicted["target"] == target].set_index("sentence_id") for target in targets]
    proba = np.stack([rows.loc[wide[0].index, [*LABELS]].to_numpy(float) for rows in wide], axis=1)
    gold = np.stack([pd.Index(LABELS).get_indexer(rows.loc[wide[0].index, "gold"]) for rows in wide], axis=1)
    sentences = pd.DataFrame({"sentence_id": wide[0].index, "document": wide[0]["document_id"].to_numpy(), "text": ""})
    return stance.Predictions(sentences, targets, proba.argmax(axis=2), proba.max(axis=2)), gold


def documents_anew(known: stance.Predictions, gold: Codes, seed: int) -> tuple[stance.Predictions, Codes]:
    """Return an archive of as many documents, drawn from these with replacement."""
    document = pd.factorize(known.sentences["document"])[0]
    n = document.max() + 1
    members = np.split(np.argsort(document, kind="stable"), np.cumsum(np.bincount(document))[:-1])
    drawn = [members[i] for i in np.random.default_rng(seed).integers(0, n, n)]
    rows = np.concatenate(drawn)
    number = np.repeat(np.arange(n), [len(own) for own in drawn]).astype(str)
    ids = np.arange(len(rows)).astype(str)
    sentences = pd.DataFrame({"sentence_id": ids, "document": number, "text": ""})
    return stance.Predictions(sentences, known.targets, known.codes[rows], known.sure[rows]), gold[rows]


def labelled(known: stance.Predictions, gold: Codes, n: int, seed: int) -> stance.LabelledSample:
    """Draw a sample and label it."""
    table, _ = stance.draw_sample(known, n, seed=seed)
    rows = pd.Index(known.sentences["sentence_id"]).get_indexer(pd.Index(table["sentence_id"]))
    return stance.LabelledSample(rows, gold[rows], table["inclusion"].to_numpy())


def simulate(known: stance.Predictions, gold: Codes, n: int, like: str, seed: int) -> pd.DataFrame:
    """Return one draw's intervals: corrected, in one draw of `EVERY` from labels alone, and of predictions counted."""
    if not ARCHIVES[like]:
        known, gold = documents_anew(known, gold, seed)
    systems = {"corrected": known}
    if seed % EVERY == 0:
        silent = stance.Predictions(known.sentences, known.targets, np.ones_like(known.codes), np.ones_like(known.sure))
        systems["hand"] = silent
    frames = {}
    for name, predictions in systems.items():
        sample = labelled(predictions, gold, n, seed)
        estimates = stance.estimate_shares(predictions, sample, whole=ARCHIVES[like], resamples=RESAMPLES, seed=seed)
        shares = estimates.shares.set_index(KEYS)
        frames[name] = shares[["value", "low", "high"]]
        if name == "corrected":
            naive = shares[["naive", "naive_low", "naive_high"]].set_axis(["value", "low", "high"], axis=1)
            frames["naive"] = naive.assign(
                low=naive["low"].fillna(naive["value"]), high=naive["high"].fillna(naive["value"])
            )
    return pd.concat(frames, names=["system"]).reset_index()


def truth(known: stance.Predictions, gold: Codes) -> pd.Series[float]:
    """Return the true figures by target and figure."""
    figures: dict[tuple[str, str], float] = {}
    for i, target in enumerate(known.targets):
        against, _, favor = np.bincount(gold[:, i], minlength=3) / len(gold)
        figures |= {(target, "against"): against, (target, "favor"): favor, (target, "net"): favor - against}
        figures[target, "net of sides"] = (favor - against) / (favor + against)
    return pd.Series(figures).rename_axis(KEYS)


def measured(known: stance.Predictions, gold: Codes, n: int, like: str, draws: int, jobs: int) -> pd.DataFrame:
    """Return coverage and mean length by system, target and figure."""
    frames = Parallel(jobs)(delayed(simulate)(known, gold, n, like, seed) for seed in range(draws))
    rows = pd.concat(frames).merge(truth(known, gold).rename("truth").reset_index(), on=KEYS)
    held = (rows["low"] <= rows["truth"] + 1e-9) & (rows["truth"] - 1e-9 <= rows["high"])
    rows = rows.assign(covered=held, length=rows["high"] - rows["low"])
    means: pd.DataFrame = rows.groupby(["system", *KEYS])[["truth", "covered", "length"]].mean()
    return means


def cells(source: str, like: str, by_size: dict[int, pd.DataFrame]) -> Iterator[dict[str, str | float]]:
    """Yield the rows of one archive: as percent and as ratio of lengths, one column a sample size."""
    for target, figure in by_size[SIZES[0]].loc["corrected"].index:
        row: dict[str, str | float] = {"archive": source, "documents": like, "target": target, "figure": figure}
        for n, table in by_size.items():
            ours, hand, naive = (
                dict(table.loc[name].loc[target].loc[figure]) for name in ("corrected", "hand", "naive")
            )
            row |= {"truth": f"{ours['truth']:+.4f}" if "net" in figure else f"{ours['truth']:.4f}"}
            row |= {f"coverage {n}": ours["covered"], f"hand {n}": hand["covered"]}
            row |= {f"length {n}": ours["length"] / hand["length"]}
        if not ARCHIVES[like]:  # a count of all sentences is the same whatever the sample, and alone without an error
            row |= {"naive": naive["covered"], "naive length": naive["length"] / hand["length"]}
        yield row


def section(rows: pd.DataFrame, about: str) -> str:
    """Return the section of RESULTS.md: a summary, then every figure."""
    summary = []
    for (source, like), own in rows.groupby(["archive", "documents"], sort=False):
        for n in SIZES:
            covered, length, side = own[f"coverage {n}"], own[f"length {n}"], own["truth"].astype(float) != 0
            summary.append({
                "archive": source, "documents": like, "labels": n,
                "coverage, %": f"{100 * covered.median():.1f} ({100 * covered.min():.1f} to {100 * covered.max():.1f})",
                "figures at 93 to 97": f"{int(covered[side].between(0.93, 0.97).sum())} of {int(side.sum())}",
                "below 93": int((covered < 0.93).sum()),
                "hand-labelled alone, %": f"{100 * own[f'hand {n}'].median():.1f} ({100 * own[f'hand {n}'].min():.1f})",
                "length / its length": f"{length.median():.2f} ({length.min():.2f} to {length.max():.2f})",
            })  # fmt: skip
            if like == "documents like these":
                summary[-1] |= {"naive count, %": f"{100 * own['naive'].median():.1f} ({100 * own['naive'].min():.1f})"}
    shown = rows.drop(columns=[f"hand {n}" for n in SIZES])
    for name in shown.select_dtypes("number"):
        digits = (f"{value:.2f}" if "length" in str(name) else f"{100 * value:.1f}" for value in rows[name])
        shown[name] = ["" if shown == "nan" else shown for shown in digits]
    return f"{about}\n\n{markdown(pd.DataFrame(summary).fillna(''))}\n\n{markdown(shown)}"


def main() -> None:
    parser = data_parser(__doc__, names=("ungd", "whitehouse", "news"))
    parser.add_argument("--draws", type=int, default=1000, help="of samples for each archive and size")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    options = parser.parse_args()
    start = time.perf_counter()
    rows: list[dict[str, str | float]] = []
    sizes = []
    for name, path in named_tables(options).items():
        known, gold = archive(out_of_fold(path))
        sizes.append(f"{SOURCES[name]} {len(gold):,} sentences of {known.sentences['document'].nunique():,} documents")
        for like in ARCHIVES:
            by_size = {n: measured(known, gold, n, like, options.draws, options.jobs) for n in SIZES}
            rows += cells(SOURCES[name], like, by_size)
            print(f"{name}, {like}: {time.perf_counter() - start:.0f} s", flush=True)
    about = f"{options.draws:,} draws each; {'; '.join(sizes)}."
    write_sections({"coverage": section(pd.DataFrame(rows), about)})


if __name__ == "__main__":
    main()
