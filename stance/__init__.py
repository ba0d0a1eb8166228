"""Train, evaluate and use stance-detection models: TF-IDF features, linear classifiers.

``stance.load(path)`` gives a model, ``stance.train(settings)`` makes one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from stance.errors import StanceError
from stance.labels import LABELS

if TYPE_CHECKING:
    from stance.data.corpus import read_corpus
    from stance.model.predictor import Model, load
    from stance.predict.rows import score_frame
    from stance.report.run_folder import train
    from stance.settings import Settings, read_settings

__all__ = ["LABELS", "Model", "Settings", "StanceError", "load", "read_corpus", "read_settings", "score_frame", "train"]

__version__: str

# Importing the package costs nothing; a name brings its libraries when it is first used.
_HOMES = {
    "Model": "model.predictor", "load": "model.predictor", "Settings": "settings", "read_settings": "settings",
    "read_corpus": "data.corpus", "train": "report.run_folder", "score_frame": "predict.rows",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"stance.{_HOMES[name]}"), name)
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
