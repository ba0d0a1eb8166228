"""What a model goes by as a whole: its strongest n-grams, and where its data has them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

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
    texts = list(dict.fromkeys(examples["text"]))
    kinds = [block.kind for block in scorer.blocks]
    number = kinds.index("word") if "word" in kinds else 0
    found = [{row for row, _ in scorer.known_ngrams(number, scorer.prepared(text))} for text in texts]
    ends = np.cumsum([len(rows) for rows in found])
    columns = np.fromiter((row for rows in found for row in sorted(rows)), np.int64, int(ends[-1]))
    shape = (len(texts), len(scorer.idf))
    holds = csr_matrix((np.ones(len(columns), np.int32), columns, np.concatenate([[0], ends])), shape).tocsc()
    n_texts = np.diff(holds.indptr)
    place = {text: i for i, text in enumerate(texts)}
    result = []
    for i, target in enumerate(model.targets):
        rows = examples[examples["target"] == target]
        labelled = {place[text]: (stance, article) for text, stance, article in zip(
            rows["text"], rows["stance"], rows["article"], strict=True
        )}  # fmt: skip
        pushes = model.pushes(target)
        for k in np.flatnonzero(np.isfinite(scorer.intercepts[i])):
            push = pushes[:, k] * np.sqrt(n_texts / len(texts))
            for row in np.argsort(-push, kind="stable")[:n]:
                if push[row] <= 0:
                    break
                holders = [
                    labelled[t] for t in holds.indices[holds.indptr[row] : holds.indptr[row + 1]] if t in labelled
                ]
                stances = Counter(stance for stance, _ in holders)
                articles = Counter(article for _, article in holders)
                result.append({
                    "target": target,
                    "label": LABELS[k],
                    "ngram": scorer.ngrams[row],
                    "push": float(push[row]),
                    "texts": int(n_texts[row]),
                    **{label: stances[label] for label in LABELS},
                    "articles": len(articles),
                    "most_in": [name for name, _ in articles.most_common(_ARTICLES)],
                })  # fmt: skip
    return result
