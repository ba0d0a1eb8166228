"""Templates to HTML and Markdown, and the page of explanations; nothing is computed here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from stance.labels import COLORS, LABELS, SIGNS
from stance.model.explanation import Explanation
from stance.model.predictor import Model
from stance.reading.article import Reading
from stance.reading.holders import RULES
from stance.text.preparation import MARK


class ShareRow(NamedTuple):
    """One row of a table of shares, as a person reads it."""

    name: str
    n: str
    share: tuple[str, ...]


class ShareTable(NamedTuple):
    """The strongest n-grams of each label, and the rows that make the columns add up to the scores."""

    sides: list[tuple[str, list[ShareRow]]]
    sums: list[ShareRow]


def environment(*, escape: bool) -> Environment:
    """Return the package's templates, with or without escaping for HTML."""
    templates = Environment(
        loader=PackageLoader("stance.report"), autoescape=escape, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    templates.globals.update(step=step, labels=LABELS, signs=SIGNS, colors=COLORS)
    templates.policies["json.dumps_kwargs"] = {"sort_keys": False}  # labels keep their order
    return templates


def step(strength: float) -> int:
    """Return which of the four shades in marks.css a strength of 0 to 1 has."""
    return 1 + int(strength * 3.99)


def share_table(explanation: Explanation, *, top: int) -> ShareTable:
    """Return the `top` strongest n-grams of each label with their shares, the rest, the intercept and the score."""
    sides = [(label, [ngram for ngram, _ in explanation.strongest(label, n=top)]) for label in LABELS]
    shown = {(ngram.kind, ngram.ngram) for _, side in sides for ngram in side}
    rest = [ngram.share for ngram in explanation.ngrams if (ngram.kind, ngram.ngram) not in shown]
    sums = [
        ShareRow(f"the other {len(rest)} n-grams", "", _numbers(sum(rest) if rest else explanation.score * 0)),
        ShareRow("intercept", "", _numbers(explanation.intercept)),
        ShareRow("score", "", _numbers(explanation.score)),
    ]
    rows = [
        (label, [ShareRow(readable(kind, ngram, explanation.text), str(n), _numbers(x)) for kind, ngram, n, x in side])
        for label, side in sides
    ]
    return ShareTable(rows, sums)


def explanation_html(model: Model, explanations: Sequence[Explanation], *, top: int) -> str:
    """Return a page that holds all it needs: each explanation on its text, and the strongest n-grams' shares."""
    return (
        environment(escape=True)
        .get_template("explain.html.j2")
        .render(
            explanations=explanations,
            tables=[share_table(each, top=top) for each in explanations],
            titles=dict(zip(model.targets, model.info.titles, strict=True)),
            temperature=model.temperature,
            model=model.info.name,
        )
    )


def readings_html(model: Model, readings: Sequence[tuple[str, Reading]]) -> str:
    """Return a page that holds all it needs: each article marked, its summaries, and who stands where.

    Parameters
    ----------
    readings
        (name, reading) of each article.
    """
    page = environment(escape=True).get_template("read.html.j2")
    return page.render(readings=readings, model=model.info.name, rules=RULES)


def readable(kind: str, ngram: str, text: str) -> str:
    """Return an n-gram of a text as people see it: a word's ends as open boxes, what a pair cut with `-`."""
    if kind == "char":
        return ngram.replace(" ", "\N{OPEN BOX}")
    if kind == "pair":
        words = re.findall(r"\w+", text.lower())
        return " + ".join(stem if stem.strip(MARK) in words else f"{stem}-" for stem in ngram.split(" "))
    return ngram


def _numbers(values: Any) -> tuple[str, ...]:
    return tuple(f"{value:+.4f}" for value in values)
