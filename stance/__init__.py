"""Train, evaluate and use stance-detection models: TF-IDF features, linear classifiers.

``stance.load(path)`` gives a model, ``stance.train(settings)`` makes one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stance.errors import StanceError
from stance.labels import COLORS, LABELS

if TYPE_CHECKING:
    from stance.data.corpus import Corpus as Corpus
    from stance.data.corpus import read_corpus as read_corpus
    from stance.data.corpus import read_data as read_data
    from stance.data.datacard import describe_corpus as describe_corpus
    from stance.data.joining import join_texts as join_texts
    from stance.data.splits import group_folds as group_folds
    from stance.data.splits import text_hash as text_hash
    from stance.metrics import Comparison as Comparison
    from stance.metrics import Evaluation as Evaluation
    from stance.metrics import calibration as calibration
    from stance.metrics import compare as compare
    from stance.metrics import evaluate as evaluate
    from stance.model.info import RunInfo as RunInfo
    from stance.model.predictor import Model as Model
    from stance.model.predictor import load as load
    from stance.predict.rows import score_frame as score_frame
    from stance.reading.actors import actor_of as actor_of
    from stance.reading.article import mean_stance as mean_stance
    from stance.reading.article import read_article as read_article
    from stance.reading.holders import find_holders as find_holders
    from stance.reading.maps import documents
    from stance.reading.maps import read_documents as read_documents
    from stance.reading.maps import stance_map as stance_map
    from stance.report import plots as plots
    from stance.report.run_folder import train as train
    from stance.report.run_folder import write_run as write_run
    from stance.report.tables import SYSTEMS as SYSTEMS
    from stance.settings import Settings as Settings
    from stance.settings import read_settings as read_settings
    from stance.text.sentences import split
    from stance.training.evaluation import evaluate_model as evaluate_model
    from stance.training.fitting import fit as fit
    from stance.training.fitting import held_out as held_out
    from stance.training.strongest import strongest_ngrams as strongest_ngrams

    load_documents, split_sentences = documents, split

# Importing the package costs nothing; a name brings its libraries when it is first used.
_LAZY = {
    "Comparison": "metrics.Comparison",
    "Corpus": "data.corpus.Corpus",
    "Evaluation": "metrics.Evaluation",
    "Model": "model.predictor.Model",
    "RunInfo": "model.info.RunInfo",
    "SYSTEMS": "report.tables.SYSTEMS",
    "Settings": "settings.Settings",
    "actor_of": "reading.actors.actor_of",
    "calibration": "metrics.calibration",
    "compare": "metrics.compare",
    "describe_corpus": "data.datacard.describe_corpus",
    "evaluate": "metrics.evaluate",
    "evaluate_model": "training.evaluation.evaluate_model",
    "find_holders": "reading.holders.find_holders",
    "fit": "training.fitting.fit",
    "group_folds": "data.splits.group_folds",
    "held_out": "training.fitting.held_out",
    "join_texts": "data.joining.join_texts",
    "load": "model.predictor.load",
    "load_documents": "reading.maps.documents",
    "mean_stance": "reading.article.mean_stance",
    "plots": "report.plots",
    "read_article": "reading.article.read_article",
    "read_corpus": "data.corpus.read_corpus",
    "read_data": "data.corpus.read_data",
    "read_documents": "reading.maps.read_documents",
    "read_settings": "settings.read_settings",
    "score_frame": "predict.rows.score_frame",
    "split_sentences": "text.sentences.split",
    "stance_map": "reading.maps.stance_map",
    "strongest_ngrams": "training.strongest.strongest_ngrams",
    "text_hash": "data.splits.text_hash",
    "train": "report.run_folder.train",
    "write_run": "report.run_folder.write_run",
}

__all__ = ["COLORS", "LABELS", "StanceError", *_LAZY]

__version__: str


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from pkgutil import resolve_name

        return resolve_name(f"stance.{_LAZY[name]}")
    if name == "__version__":
        return _version()
    raise AttributeError(f"module 'stance' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("stance-detect")
    except PackageNotFoundError:
        return "0+unknown"
