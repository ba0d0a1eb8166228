"""What a model goes by as a whole: its strongest phrases, and where its data has them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csc_matrix, csr_matrix, hstack

from stance.data.corpus import Corpus
from stance.labels import LABELS
from stance.model.predictor import Model
from stance.text.features import readable
from stance.training.features import Counts, StanceFeatures

_ARTICLES = 3
# Frames that people can read at a glance: words on a side of the target, pairs of them, and own words.
_SHOWN = {"<", ">", "<<", "<>", ">>", "w", "ww"}


def strongest_phrases(
    model: Model, corpus: Corpus | None, *, n: int = 15, counts: Counts | None = None
) -> list[dict[str, Any]]:
    """Return the phrases that move most toward each label, by target and label, strongest first.

    A phrase is what people read of a feature, such as "condemned … TARGET"; features that read alike are one. The push
    of a feature is its weight for the label less the mean over labels, times IDF, times the root of the fraction of
    the corpus's texts that hold it: what it adds to a text's score, as a root mean square over the corpus, but for
    the texts' lengths. Without the root, features of two or three texts stand first, of which little is known.

    `counts` are those of the corpus's sorted texts and targets, where they are at hand.

    Returns
    -------
    list of dict
        `target`, `label`, `phrase`, `push`; with a corpus also `texts` (how many hold it as seen from the target), how
        many of these are labelled `against`, `none` and `favor` toward it, how many `articles` they are of, and
        `most_in`, the articles that hold it most often. Without a corpus the push has no root.
    """
    names = model.scorer.names
    shown = np.asarray([name.split(" ")[0] in _SHOWN for name in names])
    result: list[dict[str, Any]] = []
    for target in model.targets:
        pushes, about = model.pushes(target), None
        if corpus is not None:
            about = _held(model, target, corpus, counts)
            pushes = pushes * np.sqrt(np.diff(about[0].indptr) / max(about[0].shape[0], 1))[:, np.newaxis]
        for k in np.flatnonzero(np.isfinite(pushes).all(axis=0)):
            phrases: dict[str, dict[str, Any]] = {}
            for row in np.argsort(np.where(shown, -pushes[:, k], 0.0), kind="stable")[: 4 * n].tolist():
                phrase = readable(names[row])
                if pushes[row, k] > 0 and phrase not in phrases and len(phrases) < n:
                    facts = {"target": target, "label": LABELS[k], "phrase": phrase, "push": float(pushes[row, k])}
                    phrases[phrase] = facts if about is None else facts | _counted(*about, row)
            result += phrases.values()
    return result


def _held(model: Model, target: str, corpus: Corpus, counts: Counts | None) -> tuple[csc_matrix, pd.DataFrame]:
    """Return which of the texts labelled toward a target hold each feature of the model, and their examples."""
    texts, targets = np.unique(corpus.examples["text"]), np.unique(corpus.examples["target"])
    if counts is None:
        mentions = dict(zip(model.targets, model.scorer.mentions, strict=True))
        counts = StanceFeatures(mentions=mentions, min_df=1).count(list(texts), targets)
    about = corpus.examples[corpus.examples["target"] == target]
    text = np.searchsorted(texts, about["text"])
    column = {name: i for i, name in enumerate(np.concatenate(counts.names).tolist())}
    seen = counts.anchored[text * len(targets) + np.searchsorted(targets, target)]
    both = hstack([seen, counts.own[text], csr_matrix((len(text), 1))], format="csc")
    return both[:, [column.get(name, len(column)) for name in model.scorer.names]], about


def _counted(held: csc_matrix, about: pd.DataFrame, row: int) -> dict[str, Any]:
    holders = about.iloc[held.indices[held.indptr[row] : held.indptr[row + 1]]]
    stances, articles = Counter(holders["stance"]), Counter(holders["article"])
    most = [name for name, _ in articles.most_common(_ARTICLES)]
    numbers = {label: stances[label] for label in LABELS}
    return {"texts": len(holders), **numbers, "articles": len(articles), "most_in": most}
