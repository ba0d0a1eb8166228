"""What a model goes by as a whole: its strongest n-grams, and where its data has them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from stance.data.corpus import Corpus
from stance.labels import LABELS
from stance.model.predictor import Model

_ARTICLES = 3


def strongest_ngrams(model: Model, corpus: Corpus | None, *, n: int = 15) -> list[dict[str, Any]]:
    """Return the n-grams that move most toward each label, by target and label, strongest first.

    A push is the weight for the label less its mean over labels, times IDF, times the root of the fraction of
    the corpus's texts that hold the n-gram: what it adds to a text's score, as a root mean square over
    the corpus, but for the texts' lengths. Without the root, n-grams of two or three texts stand
    first, of which little is known. Word n-grams are given where the model has any.

    Returns
    -------
    list of dict
        `target`, `label`, `ngram`, `push`; with a corpus also `texts` (how many hold it), how many of
        these are labelled `against`, `none` and `favor` toward the target, how many `articles` they are of, and
        `most_in`, the articles that hold it most often. Without a corpus the push has no root.
    """
    if corpus is None:
        return [
            {"target": target, "label": label, "ngram": ngram, "push": push}
            for target in model.targets
            for label in LABELS
            for ngram, push in model.top_ngrams(target, label, n=n)
        ]
    scorer, examples = model.scorer, corpus.examples
    kinds = [block.kind for block in scorer.blocks]
    block = kinds.index("word") if "word" in kinds else 0
    texts = examples["text"].unique()
    texts_with: list[list[str]] = [[] for _ in scorer.idf]
    for text in texts:
        for row in {row for row, _ in scorer.known_ngrams(block, scorer.prepared(text))}:
            texts_with[row].append(text)
    root = np.sqrt([len(holders) / len(texts) for holders in texts_with])
    result = []
    for i, target in enumerate(model.targets):
        about = examples[examples["target"] == target]
        labelled = dict(zip(about["text"], zip(about["stance"], about["article"], strict=True), strict=True))
        pushes = model.pushes(target) * root[:, np.newaxis]
        for k in np.flatnonzero(np.isfinite(scorer.intercepts[i])):
            for row in np.argsort(-pushes[:, k], kind="stable")[:n]:
                if pushes[row, k] <= 0:
                    break
                holders = [labelled[text] for text in texts_with[row] if text in labelled]
                stances = Counter(stance for stance, _ in holders)
                articles = Counter(article for _, article in holders)
                result.append({
                    "target": target,
                    "label": LABELS[k],
                    "ngram": scorer.ngrams[row],
                    "push": float(pushes[row, k]),
                    "texts": len(texts_with[row]),
                    **{label: stances[label] for label in LABELS},
                    "articles": len(articles),
                    "most_in": [name for name, _ in articles.most_common(_ARTICLES)],
                })  # fmt: skip
    return result
