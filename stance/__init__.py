"""Train, evaluate and use stance-detection models: TF-IDF features, linear classifiers.

``stance.load(path)`` gives a model, ``stance.train(settings)`` makes one.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stance.errors import StanceError
from stance.labels import COLORS, LABELS

# Importing the package costs nothing: type checkers read these imports, and so does `_public` below, by which a
# name brings its libraries when it is first used.
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
    from stance.reading.maps import load_documents as load_documents
    from stance.reading.maps import read_documents as read_documents
    from stance.reading.maps import stance_map as stance_map
    from stance.report import plots as plots
    from stance.report.run_folder import train as train
    from stance.report.run_folder import write_run as write_run
    from stance.report.tables import SYSTEMS as SYSTEMS
    from stance.settings import Settings as Settings
    from stance.settings import read_settings as read_settings
    from stance.text.sentences import split_sentences as split_sentences
    from stance.training.classifier import JointClassifier as JointClassifier
    from stance.training.evaluation import evaluate_model as evaluate_model
    from stance.training.features import StanceFeatures as StanceFeatures
    from stance.training.fitting import fit as fit
    from stance.training.search import held_out as held_out
    from stance.training.strongest import strongest_ngrams as strongest_ngrams

    __version__: str


def _public() -> dict[str, str]:
    """Return the module of each name above that only type checkers import."""
    guarded = next(node for node in ast.parse(Path(__file__).read_bytes()).body if isinstance(node, ast.If))
    imports = (node for node in guarded.body if isinstance(node, ast.ImportFrom))
    return {alias.name: str(node.module) for node in imports for alias in node.names}


_MODULES = _public()
__all__ = ["COLORS", "LABELS", "StanceError", *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        from pkgutil import resolve_name

        return resolve_name(f"{_MODULES[name]}.{name}")
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("stance-detect")
        except PackageNotFoundError:
            return "0+unknown"
    raise AttributeError(f"module 'stance' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
