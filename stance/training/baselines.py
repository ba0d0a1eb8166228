"""What any model must beat: the majority label, a lexicon, plain TF-IDF + logistic regression."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from stance.labels import Target
from stance.text.mentions import find_mentions
from stance.text.tokens import tokenize

Labels = npt.NDArray[np.object_]

# General words that take a side, for targets without a lexicon of their own and beside it.
_FAVOR = ("support", "welcome", "favor", "favour", "endorse", "praise", "need", "protect", "benefit")
_AGAINST = ("oppose", "reject", "condemn", "warn", "threat", "danger", "against", "prevent", "ban")


def majority(train: pd.DataFrame, test: pd.DataFrame, targets: Sequence[Target]) -> Labels:
    """Predict each target's most frequent training label, shape (n_test,)."""
    most = train.groupby("target")["stance"].agg(lambda labels: labels.mode().iloc[0])
    overall = train["stance"].mode().iloc[0]
    return test["target"].map(most).fillna(overall).to_numpy(dtype=object)


def lexicon(train: pd.DataFrame, test: pd.DataFrame, targets: Sequence[Target]) -> Labels:
    """Predict the side with more of its words in a text that names the target.

    Learns nothing from `train`. A term of a side matches at the start of a word.
    """
    known = {target.name: target for target in targets}
    counters = {
        target.name: (_counter((*_FAVOR, *target.favor)), _counter((*_AGAINST, *target.against))) for target in targets
    }
    result = []
    for text, name in zip(test["text"], test["target"], strict=True):
        named = find_mentions(tokenize(text), known[name].terms)
        side = counters[name][0](text) - counters[name][1](text) if named else 0
        result.append("favor" if side > 0 else "against" if side < 0 else "none")
    return np.asarray(result, dtype=object)


def tfidf_logistic(train: pd.DataFrame, test: pd.DataFrame, targets: Sequence[Target]) -> Labels:
    """Predict with word TF-IDF and logistic regression per target, scikit-learn's defaults."""
    result = np.full(len(test), "none", dtype=object)
    for target, own in train.groupby("target"):
        rows = (test["target"] == target).to_numpy()
        if not rows.any():
            continue
        plain = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000))
        try:
            result[rows] = plain.fit(own["text"], own["stance"]).predict(test.loc[rows, "text"])
        except ValueError:  # no text has a word, or there is one label alone
            result[rows] = own["stance"].mode().iloc[0]
    return result


#: The baselines of every run, by name.
BASELINES: dict[str, Callable[[pd.DataFrame, pd.DataFrame, Sequence[Target]], Labels]] = {
    "majority": majority,
    "lexicon": lexicon,
    "tfidf_logistic": tfidf_logistic,
}


def _counter(terms: Sequence[str]) -> Callable[[str], int]:
    pattern = re.compile("|".join(rf"\b{re.escape(term)}" for term in terms), re.IGNORECASE)
    return lambda text: len(pattern.findall(text))
