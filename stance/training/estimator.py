"""What the estimators' pickles share: a name that moves of modules leave alone, and the version that wrote them."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator

import stance
from stance.errors import ModelError

# Raise it when a fitted attribute changes its name or meaning: pickles with another number are refused.
_STATE_FORMAT = 1


class VersionedEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """An estimator whose pickle says which version of stance wrote it.

    A subclass sets ``__module__ = "stance"`` and is exported there: pickles then name no inner module.
    """

    def __getstate__(self) -> dict[str, Any]:
        written = {"stance_version": stance.__version__, "stance_state_format": _STATE_FORMAT}
        return {**super().__getstate__(), **written}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        version, state_format = state.pop("stance_version", "unknown"), state.pop("stance_state_format", None)
        if state_format != _STATE_FORMAT:
            raise ModelError(
                f"this {type(self).__name__} was written by stance-detect {version}, and {stance.__version__} cannot"
                f" read it; wanted a file of this version: train again, or install stance-detect {version}"
            )
        super().__setstate__(state)
