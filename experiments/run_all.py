"""Run every experiment that is stale, and write its tables into experiments/RESULTS.md.

    python experiments/run_all.py --ungd ungd.csv --whitehouse whitehouse.csv --semeval train.csv

An experiment is a .toml of this folder; its run goes to experiments/runs/. It is stale when its settings, its
data or the code behind a score have changed. Experiments whose data is not named are left out, and the tables
that need them stay as they are. Every score is of cross-validation on the training part of data/splits.csv.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from readme import judged, write_sections

from stance.data.corpus import Corpus, read_data
from stance.data.splits import group_folds
from stance.data.tables import read_table, write_table
from stance.labels import LABELS
from stance.metrics import Comparison, Score, calibration, compare
from stance.report import run_folder as runs
from stance.report.tables import markdown
from stance.settings import Settings, read_settings
from stance.training.fitting import held_out

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "experiments"
RUNS = FOLDER / "runs"
#: The code that a score depends on.
CODE = (
    "baselines",
    "classifier",
    "config",
    "corpus",
    "features",
    "hashtags",
    "metrics",
    "negation",
    "schema",
    "scorer",
    "tables",
    "training",
)
#: What the tables call each file's texts.
SOURCES = {"sentences.csv": "articles", "lines.csv": "lines", "ungd.csv": "speeches", "whitehouse.csv": "briefings"}
#: Sentences of the two real sources in which a model saw a side, most of them without one; their ids have this sign.
NEAR_MISS, NEAR_MISSES = "~", ", near misses"
#: Lines that were written down as headlines once printed; their ids begin with r.
REMEMBERED = "remembered headlines"
PARTS = [*SOURCES.values(), REMEMBERED, *(f"{name}{NEAR_MISSES}" for name in ("speeches", "briefings"))]
FRACTIONS = (0.1, 0.25, 0.5)

Rows = npt.NDArray[np.int64]
Parts = list[tuple[str, Rows, Rows]]


def settings_of(path: Path, data: dict[str, Path]) -> Settings | None:
    """Read an experiment, its data replaced by what is named for it; None if some of it is not there."""
    settings = read_settings(path)
    files = settings.data.files or ([data[settings.name].as_posix()] if settings.name in data else [])
    files = [str(data.get(Path(file).name, file)) for file in files]
    return settings.changed(data__files=files) if files and all(Path(file).is_file() for file in files) else None


def stamp(settings: Settings) -> str:
    """Return a SHA-256 of settings, data and code."""
    digest = hashlib.sha256()
    tree = settings.model_dump()
    data = [Path(file) for file in [*settings.data.files, settings.data.splits, settings.data.about] if file]
    data += [Path(settings.data.files[0]).parent / "targets.toml"]
    # A folder's name says nothing; the files' bytes do.
    tree["data"] |= {"files": [], "splits": "", "about": ""}
    digest.update(json.dumps(tree, sort_keys=True).encode())
    for file in [*data, *(ROOT / "stance" / f"{name}.py" for name in CODE)]:
        if file.is_file():
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def stale(folder: Path, wanted: str) -> bool:
    """Tell whether a folder was made from something else."""
    mark = folder / "stamp.txt"
    return not mark.is_file() or mark.read_text("utf-8") != wanted


def predictions_of(folder: Path) -> pd.DataFrame:
    """Read a run's predictions, and the source of each."""
    return pd.read_csv(folder / "predictions.csv", keep_default_na=False)


def run(settings: Settings) -> Path:
    """Run one experiment unless its run is fresh; return its folder."""
    folder, wanted = RUNS / settings.name, stamp(settings)
    if stale(folder, wanted):
        start = time.perf_counter()
        runs.train(settings, folder)
        (folder / "stamp.txt").write_text(wanted, encoding="utf-8")
        print(f"{settings.name}: {time.perf_counter() - start:.0f} s", flush=True)
    return folder


def source_of(settings: Settings) -> dict[str, str]:
    """Return the source of each sentence by its id, one of PARTS."""

    def part(name: str, sentence: str) -> str:
        if NEAR_MISS in sentence:
            return name + NEAR_MISSES
        return REMEMBERED if name == "lines" and sentence.startswith("r") else name

    return {
        str(sentence): part(SOURCES[Path(plain).name], sentence)
        for file, plain in zip(settings.data.files, read_settings(FOLDER / "all.toml").data.files, strict=True)
        for sentence in read_table(file).frame["sentence_id"]
    }


def extra(name: str, settings: Settings, make: Callable[[Corpus], Parts]) -> pd.DataFrame:
    """Train and predict the parts that `make` cuts, unless that is fresh; `part` names each row's part."""
    folder = RUNS / f"{settings.name}.{name}"
    wanted = hashlib.sha256(f"{stamp(settings)}{Path(__file__).read_text('utf-8')}".encode()).hexdigest()
    if stale(folder, wanted):
        start = time.perf_counter()
        corpus = read_data(settings.data)
        names, *cut = zip(*make(corpus), strict=True)
        found = held_out(settings, corpus, list(zip(*cut, strict=True)))
        frames = [
            corpus.examples.loc[part.predictions.index].join(part.predictions).assign(part=label, n_train=len(train))
            for label, train, part in zip(names, cut[0], found, strict=True)
        ]
        folder.mkdir(parents=True, exist_ok=True)
        write_table(pd.concat(frames), folder / "predictions.csv")
        (folder / "stamp.txt").write_text(wanted, encoding="utf-8")
        print(f"{folder.name}: {time.perf_counter() - start:.0f} s", flush=True)
    return predictions_of(folder)


def cut_fractions(corpus: Corpus, settings: Settings) -> Parts:
    """Cut ever larger random parts of the groups out of each outer fold's training part."""
    rng = np.random.default_rng(settings.seed)
    order = {name: k for k, name in enumerate(rng.permutation(corpus.examples["group"].unique()))}
    rank = corpus.examples["group"].map(order).rank(method="dense", pct=True).to_numpy()
    outer = group_folds(corpus.examples, settings.evaluation.folds, seed=settings.seed)
    return [
        (f"{fraction:.2f}", train[rank[train] <= fraction], test) for fraction in FRACTIONS for train, test in outer
    ]


def cut_sources(corpus: Corpus, source: dict[str, str]) -> Parts:
    """Hold out each source in turn, near misses with it, and every group that has a sentence of it."""
    of = corpus.examples["sentence_id"].map(source).str.removesuffix(NEAR_MISSES).to_numpy()
    group = corpus.examples["group"]
    return [
        (name, np.flatnonzero(~group.isin(group[of == name]).to_numpy()), np.flatnonzero(of == name))
        for name in (*SOURCES.values(), REMEMBERED)
    ]


def cut_targets(corpus: Corpus, settings: Settings) -> Parts:
    """Hold out each target in turn, and the groups it is tested on."""
    target = corpus.examples["target"].to_numpy()
    train, test = group_folds(corpus.examples, settings.evaluation.folds, seed=settings.seed)[0]
    return [(name, train[target[train] != name], test[target[test] == name]) for name in sorted(set(target))]


def compared(frame: pd.DataFrame, names: tuple[str, str], settings: Settings) -> Comparison:
    """Compare two columns of labels."""
    a, b, gold, target, group = (frame[name].to_numpy(dtype=object) for name in (*names, "stance", "target", "group"))
    return compare(names, (a, b), gold, target, group, resamples=settings.evaluation.resamples, seed=settings.seed)


def holm(p: Sequence[float]) -> list[float]:
    """Return p values corrected for their number (Holm 1979)."""
    order = np.argsort(p)
    steps = np.maximum.accumulate([min(1.0, p[k] * (len(p) - i)) for i, k in enumerate(order)])
    corrected = np.empty(len(p))
    corrected[order] = steps
    return [float(value) for value in corrected]


def signed(score: Score) -> str:
    """Return a difference with its interval."""
    return f"{score.value:+.3f} [{score.low:+.3f}, {score.high:+.3f}]"


def by_source(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the frame's rows of each source, and all of them first."""
    return [("all", frame), *((name, frame[frame["source"] == name]) for name in PARTS)]


def sizes(frame: pd.DataFrame) -> str:
    return f"n = {len(frame):,} examples of {frame['group'].nunique():,} groups"


def main_table(runs_of: dict[str, pd.DataFrame], settings: dict[str, Settings]) -> str:
    """Every experiment that is no ablation, all its sources and each; and F1 of the cells."""
    rows, cells = [], []
    for name, frame in runs_of.items():
        for source, part in by_source(frame) if "source" in frame else [("all", frame)]:
            if part.empty:
                continue
            found, plain = judged(part, settings[name]), judged(part, settings[name], "tfidf_logistic")
            row = {"experiment": f"`{name}`", "source": source, "n": f"{found.n:,}", "groups": found.n_groups}
            rows.append(
                row
                | {"F_avg": str(found.f_avg), "mean of targets": str(found.f_avg_mean)}
                | {"macro-F1": str(found.macro_f1), "F_avg of plain TF-IDF + LR": str(plain.f_avg)}
            )
            for target, scores in found.targets.items():
                counts = dict(zip(LABELS, scores.confusion, strict=True))
                cells.append(
                    {"experiment": f"`{name}`", "source": source, "target": target, "F_avg": str(scores.f_avg)}
                    | {f"F1 {label}": f"{scores.f1[label]} n={sum(counts[label])}" for label in ("against", "favor")}
                )
    return f"{markdown(pd.DataFrame(rows))}\n\n{markdown(pd.DataFrame(cells))}"


def ablation_table(whole: pd.DataFrame, ablated: dict[str, pd.DataFrame], settings: Settings) -> str:
    """What each step costs, paired with `all` on the examples that both predicted."""
    rows, p = [], []
    for name, frame in ablated.items():
        other = frame[["sentence_id", "target", "predicted"]].rename(columns={"predicted": "ablated"})
        both = whole.merge(other, on=["sentence_id", "target"], validate="one_to_one")
        row: dict[str, str] = {"experiment": f"`{name}`", "n": f"{len(both):,}"}
        for source, part in by_source(both):
            if part.empty:
                row[source] = "-"
                continue
            found = compared(part, ("ablated", "predicted"), settings)
            row[source] = signed(found.difference)
            if source == "all":
                p.append(found.p)
        rows.append(row)
    for row, value, corrected in zip(rows, p, holm(p), strict=True):
        row |= {"p": f"{value:.4f}", "p, Holm": f"{corrected:.4f}"}
    return markdown(pd.DataFrame(rows))


def curve_table(whole: pd.DataFrame, frame: pd.DataFrame, settings: Settings) -> str:
    """F_avg by fraction of the training groups."""
    n = len(whole)
    everything = whole.assign(part="1.00", n_train=n - n // settings.evaluation.folds)
    rows = []
    for fraction, part in pd.concat([frame.assign(part=frame["part"].map("{:.2f}".format)), everything]).groupby(
        "part"
    ):
        row = {"fraction of the training groups": fraction, "n of training": f"{part['n_train'].mean():,.0f}"}
        rows.append(row | {source: str(judged(rows_, settings).f_avg) for source, rows_ in by_source(part)})
    return markdown(pd.DataFrame(rows))


def out_table(whole: pd.DataFrame, frame: pd.DataFrame, settings: Settings, what: str) -> str:
    """F_avg where something was held out of training, and where it was not, on the same examples."""
    rows = []
    keys = ["sentence_id", "target"]
    frame = frame.merge(whole[[*keys, "predicted"]].rename(columns={"predicted": "with"}), on=keys)
    for name in dict.fromkeys(frame["part"]):
        part = frame[frame["part"] == name]
        found = judged(part, settings)
        row = {f"{what} held out": name, "n": f"{found.n:,}", "groups": found.n_groups}
        row |= {"n of training": f"{part['n_train'].iloc[0]:,}", "F_avg": str(found.f_avg)}
        row |= {"macro-F1": str(found.macro_f1), "trained with it": str(judged(part, settings, "with").f_avg)}
        rows.append(row | {"majority label": str(judged(part, settings, "majority").f_avg)})
    return markdown(pd.DataFrame(rows))


def confusion_table(whole: pd.DataFrame, settings: Settings) -> str:
    """Gold against predicted, target by target."""
    rows = [
        {"target": target, "gold": gold} | {f"predicted {label}": counts[k] for k, label in enumerate(LABELS)}
        for target, found in judged(whole, settings).targets.items()
        for gold, counts in zip(LABELS, found.confusion, strict=True)
    ]
    return f"{markdown(pd.DataFrame(rows))}\n\n{sizes(whole)}."


def calibration_table(whole: pd.DataFrame) -> str:
    """How often a prediction is right, by its probability."""
    rows, errors = [], []
    for source, part in by_source(whole):
        found = calibration(part["stance"].to_numpy(dtype=object), part[list(LABELS)].to_numpy(dtype=float))
        errors.append(
            {"source": source, "n": f"{len(part):,}", "ECE": f"{found.ece:.3f}", "Brier": f"{found.brier:.3f}"}
        )
        if source == "all":
            rows = [
                {"mean probability": f"{p:.2f}", "fraction right": f"{r:.2f}", "n": f"{n:,}"} for p, r, n in found.bins
            ]
    return f"{markdown(pd.DataFrame(errors))}\n\n{markdown(pd.DataFrame(rows))}"


def data_parser(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser of the tables that are not in the repository."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, what in (
        ("ungd", "joined speeches"),
        ("whitehouse", "joined briefings"),
        ("semeval", "SemEval's tweets"),
    ):
        parser.add_argument(f"--{name}", type=Path, help=f"{what}; default: as the experiments name it")
    return parser


def named(options: argparse.Namespace) -> dict[str, Path]:
    """Return the tables that were named, by what the experiments call them."""
    found = {"ungd.csv": options.ungd, "whitehouse.csv": options.whitehouse, "semeval2016": options.semeval}
    return {name: path.resolve() for name, path in found.items() if path}


def main() -> int:
    parser = data_parser(__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="of experiments, and curve, sources or targets")
    options = parser.parse_args()
    data, only = named(options), options.only
    start = time.perf_counter()
    settings: dict[str, Settings] = {}
    # The bundled model's experiment has the data of `all`.
    for path in sorted(path for path in FOLDER.glob("*.toml") if path.stem != "bundled"):
        if found := settings_of(path, data):
            settings[path.stem] = found
        else:
            print(f"{path.stem}: its data is not there; left out", flush=True)
    frames = {
        name: predictions_of(run(found)) for name, found in settings.items() if not only or name in (*only, "all")
    }
    if (whole := settings.get("all")) is None:
        return 1
    source = source_of(whole)
    for frame in frames.values():
        if set(frame["sentence_id"]) <= set(source):
            frame["source"] = frame["sentence_id"].map(source)
    every = frames["all"]
    ablated = {name: frame for name, frame in frames.items() if name.startswith("ablation-")}
    plain = {name: frame for name, frame in frames.items() if name not in ablated}
    sections = {"confusion": confusion_table(every, whole), "calibration": calibration_table(every)}
    sections["main"] = main_table(plain, settings)
    if ablated:
        sections["ablations"] = ablation_table(every, ablated, whole)
    if not only or "curve" in only:
        curve = extra("curve", whole, partial(cut_fractions, settings=whole))
        sections["curve"] = curve_table(every, curve.assign(source=curve["sentence_id"].map(source)), whole)
    if not only or "sources" in only:
        sections["sources"] = out_table(
            every, extra("sources", whole, partial(cut_sources, source=source)), whole, "source"
        )
    if not only or "targets" in only:
        sections["targets"] = out_table(
            every, extra("targets", whole, partial(cut_targets, settings=whole)), whole, "target"
        )
    write_sections(sections)
    print(f"{time.perf_counter() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
