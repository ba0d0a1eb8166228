"""Templates to HTML and Markdown, and what they show of explanations; nothing is computed here."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from stance.labels import COLORS, LABELS, SIGNS
from stance.model.explanation import Explanation
from stance.reading.holders import RULES
from stance.text.preparation import MARK


def render(template: str, **values: Any) -> str:
    """Return a template of this package filled in, escaped for HTML unless it is Markdown."""
    return _TEMPLATES.get_template(template).render(values)


def step(strength: float) -> int:
    """Return which of the four shades in marks.css a strength of 0 to 1 has."""
    return 1 + int(strength * 3.99)


def share_rows(explanation: Explanation, *, top: int) -> list[tuple[str, ...]]:
    """Return the `top` strongest n-grams of each label, and what makes the columns add up to the scores.

    A row is what a person reads: the label that it pushes toward ("" for the last three: the other n-grams, the
    intercept, the score), a name, how often it occurs, and its share for each label, LABELS order.
    """
    strongest = [(label, ngram) for label in LABELS for ngram, _ in explanation.strongest(label, n=top)]
    shown = {(ngram.kind, ngram.ngram) for _, ngram in strongest}
    others = [ngram.share for ngram in explanation.ngrams if (ngram.kind, ngram.ngram) not in shown]
    rows = [
        *(
            (label, readable(kind, ngram, explanation.text), str(n), share)
            for label, (kind, ngram, n, share) in strongest
        ),
        ("", f"the other {len(others)} n-grams", "", sum(others, np.zeros(len(LABELS)))),
        ("", "intercept", "", explanation.intercept),
        ("", "score", "", explanation.score),
    ]
    return [(label, name, n, *(f"{value:+.4f}" for value in share)) for label, name, n, share in rows]


def readable(kind: str, ngram: str, text: str) -> str:
    """Return an n-gram of a text as people see it: a word's ends as open boxes, what a pair cut with `-`."""
    if kind == "char":
        return ngram.replace(" ", "\N{OPEN BOX}")
    if kind == "pair":
        words = re.findall(r"\w+", text.lower())
        return " + ".join(stem if stem.strip(MARK) in words else f"{stem}-" for stem in ngram.split(" "))
    return ngram


def inert(text: object) -> str:
    """Return what Markdown shows as it is: on one line, no tag, and in a table no cell's end."""
    return " ".join(str(text).split()).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")


_TEMPLATES = Environment(
    loader=PackageLoader("stance.report"), autoescape=lambda name: name != "model_card.md.j2",
    undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
)  # fmt: skip
_TEMPLATES.filters["inert"] = inert
_TEMPLATES.globals.update(step=step, share_rows=share_rows, labels=LABELS, signs=SIGNS, colors=COLORS, rules=RULES)
_TEMPLATES.policies["json.dumps_kwargs"] = {"sort_keys": False}  # labels keep their order
