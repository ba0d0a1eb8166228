"""Templates to HTML and Markdown, and what they show of explanations; nothing is computed here."""

from __future__ import annotations

from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from stance.labels import COLORS, LABELS, SIGNS
from stance.model.explanation import Explanation
from stance.reading.holders import RULES


def render(template: str, **values: Any) -> str:
    """Return a template of this package filled in, escaped for HTML unless it is Markdown."""
    return _TEMPLATES.get_template(template).render(values)


def step(strength: float) -> int:
    """Return which of the four shades in marks.css a strength of 0 to 1 has."""
    return 1 + int(strength * 3.99)


def share_rows(explanation: Explanation, *, top: int) -> list[tuple[str, ...]]:
    """Return the strongest phrases of each label, and what makes the columns add up to the scores.

    They are `top` phrases a label, or as many as it takes that what is left moves no score more than they do. A row
    is what a person reads: the label that it pushes toward ("" for the last three: the other phrases, the intercept,
    the score), a phrase, and its share for each label, LABELS order.
    """
    n_most = max(top, len(explanation.phrases))
    while True:
        strongest = [(label, phrase) for label in LABELS for phrase, _ in explanation.strongest(label, n=top)]
        shown = {phrase.phrase for _, phrase in strongest}
        others = [phrase.share for phrase in explanation.phrases if phrase.phrase not in shown]
        left = sum(others, np.zeros(len(LABELS)))
        if top >= n_most or np.ptp(left) <= np.ptp(sum((phrase.share for _, phrase in strongest), 0 * left)):
            break
        top += 1
    named = "the text names the target" if explanation.named else "the text does not name the target"
    rows = [
        *((label, phrase.phrase, phrase.share) for label, phrase in strongest),
        ("", f"the other {len(others)} phrases", left),
        ("", f"intercept: {named}", explanation.intercept),
        ("", "score", explanation.score),
    ]
    return [(label, name, *(f"{value:+.4f}" for value in share)) for label, name, share in rows]


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
