"""Who stands where in many documents: actors, targets and years counted, each mean with its interval.

Only sentences that take a side count. A document is long and says little of any one target, so a mean over all its
sentences would measure how often it speaks of it; `share` says that apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from stance.data.columns import cells, require_columns, row_faults
from stance.data.tables import read_table, read_text
from stance.errors import ConfigError, DataError, Fault, StanceError
from stance.labels import LABELS
from stance.model.predictor import Model
from stance.reading.actors import PATTERN, state_of
from stance.reading.article import mean_stance
from stance.reading.estimates import estimate_shares
from stance.reading.holders import AUTHOR, Holder, find_holders
from stance.reading.predictions import Predictions
from stance.reading.sampling import LabelledSample
from stance.text.sentences import paragraphs, split_sentences

#: What a map can be made by.
BY = ("actor", "year")
#: What a map says of the model's errors, without labels and with them.
COUNTED = "predictions counted as if they were true: the model's errors are not in the intervals"
CORRECTED = "corrected by labels: the model's errors are in the intervals"

_YEAR = r"\d{1,4}"


@dataclass(frozen=True)
class Document:
    """A text, who speaks in it, and when; `actor` and `year` are None where they are not known."""

    name: str
    text: str
    actor: str | None
    year: int | None


def load_documents(sources: Sequence[str | Path], *, pattern: str = PATTERN) -> list[Document]:
    """Read documents: text files, folders of ``.txt``, or tables with the columns text, actor and year.

    `pattern` is a regular expression with the groups `actor` and `year` (either may be missing), sought in the name
    of a text file without its ending. A three-letter code becomes its state's name.

    Raises a ConfigError if the pattern is none or has neither group, a DataError if a file cannot be read, a table
    lacks a column or has a year that is none, and a StanceError if there is no such file or nothing in it.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"pattern {pattern!r} is not a regular expression ({error})") from None
    if not set(BY) & set(compiled.groupindex):
        raise ConfigError(f"pattern {pattern!r} names nothing; wanted (?P<actor>...), (?P<year>...) or both")
    texts: list[Document] = []
    for source in map(Path, sources):
        if source.is_dir():
            files = (file for file in sorted(source.rglob("*.txt")) if file.is_file() and not file.name.startswith("."))
            texts += [_document(file, compiled) for file in files]
        else:
            texts += [_document(source, compiled)] if source.suffix == ".txt" else _rows(source)
    if not texts:
        raise StanceError(f"no documents in {', '.join(map(str, sources))}; wanted .txt files, or a table of them")
    return texts


def _document(file: Path, pattern: re.Pattern[str]) -> Document:
    match = pattern.search(file.stem)
    groups = match.groupdict() if match else {}
    actor, year = groups.get("actor"), groups.get("year")
    if year is not None and not re.fullmatch(_YEAR, year):
        raise DataError(
            [Fault(str(file), None, None, f"year {year!r} in its name", "a year such as 2008 (see --pattern)")]
        )
    actor = actor and (state_of(actor) or actor)
    return Document(file.stem, read_text(file), actor, None if year is None else int(year))


def _rows(source: Path) -> list[Document]:
    table = read_table(source)
    require_columns(table, ["text", *BY])
    rows = table.frame[["text", *BY]].apply(cells).assign(line=table.lines, source=table.source)
    wrong = rows[~rows["year"].str.fullmatch(f"({_YEAR})?")]
    if faults := row_faults(wrong, "year", "{year!r}", "a year such as 2008, or nothing"):
        raise DataError(faults, hint="mend these first")
    texts = []
    for text, actor, year, line, name in rows.itertuples(index=False, name=None):
        state = state_of(actor) if re.fullmatch("[A-Z]{3}", actor) else None
        texts.append(Document(f"{name}:{line}", text, state or actor or None, int(year) if year else None))
    return texts


@dataclass(frozen=True)
class Stances:
    """What a model reads in documents."""

    #: A row a (sentence, target, actor) that takes a side: document, actor, year, position, target, stance (label),
    #: value (P(favor) - P(against), -1 to 1), rule and text.
    sided: pd.DataFrame
    #: A row a (document, actor): year and the number of `sentences` read as that actor's.
    read: pd.DataFrame
    #: All sentences; `actor` is every holder, joined by ``;``, and a sentence's id is ``document#position``.
    predictions: Predictions


def read_documents(model: Model, texts: Sequence[Document], *, actor_from: str = "document") -> Stances:
    """Say of every sentence of every document that takes a side whose it is and where it stands.

    By `actor_from` it is whoever the ``document``'s name or row says; or whom the ``sentence`` names
    (`stance.reading.holders`), the document's own actor where it names nobody. Raises a ConfigError if `actor_from`
    is neither, a StanceError if actors are to come from documents and none has one.
    """
    if actor_from not in ("document", "sentence"):
        raise ConfigError(f"actor from {actor_from!r}; wanted 'document' or 'sentence'")
    if actor_from == "document" and not any(document.actor for document in texts):
        raise StanceError(
            "no document says whose it is; wanted names such as RUS_63_2008.txt (--pattern says how they are made),"
            " a table with a column actor, or --actor-from sentence"
        )
    sentences = pd.DataFrame(
        [(d.name, d.year, position, *row) for d in texts for position, row in enumerate(_sentences(d, actor_from))],
        columns=["document", "year", "position", "text", "holder"],
    ).astype({"year": "Int64"})
    proba = model.predict_proba(sentences["text"].tolist())
    codes, values = proba.argmax(axis=2), proba[:, :, LABELS.index("favor")] - proba[:, :, LABELS.index("against")]
    i, t = np.nonzero(codes != LABELS.index("none"))
    labels, targets = np.asarray(LABELS)[codes[i, t]], np.asarray(model.targets)[t]
    sides = pd.DataFrame({"target": targets, "stance": labels, "value": values[i, t]}, index=i)
    held = sentences.explode("holder")
    held = held.assign(actor=[h.name for h in held["holder"]], rule=[h.rule for h in held["holder"]])
    read = held.groupby(["document", "actor", "year"], dropna=False, sort=False).size().rename("sentences")
    columns = ["document", "actor", "year", "position", "target", "stance", "value", "rule", "text"]
    every = sentences.drop(columns="holder").assign(
        sentence_id=sentences["document"] + "#" + sentences["position"].astype(str),
        actor=[";".join(holder.name for holder in holders) for holders in sentences["holder"]],
        year=sentences["year"].astype(object).where(sentences["year"].notna(), "").map(str),
    )
    predictions = Predictions(every, model.targets, codes, proba.max(axis=2), proba)
    return Stances(sides.join(held)[columns].reset_index(drop=True), read.reset_index(), predictions)


def _sentences(document: Document, actor_from: str) -> list[tuple[str, tuple[Holder, ...]]]:
    """Return the sentences of a document, each with its holders."""
    texts = [sentence for block in paragraphs(document.text) for sentence in split_sentences(block)]
    own = document.actor or AUTHOR
    if actor_from == "document":
        return [(text, (Holder(own, "author", None, "document"),)) for text in texts]
    return list(zip(texts, find_holders(texts, author=own, country=document.actor), strict=True))


def stance_map(
    stances: Stances, by: Sequence[str], targets: Sequence[str], *, sample: LabelledSample | None = None
) -> pd.DataFrame:
    """Return a row for each value of `by` and target that has a sentence with a side.

    Columns: those of `by`, target, documents and sentences (that take a side), against, favor, read (sentences read in
    all), share (fraction of those that take a side), stance (mean of P(favor) - P(against), -1 to 1), low and high
    (its 95 % interval) and resampled: ``documents`` where at least `stance.reading.article.FEWEST` of them bear on it,
    else ``sentences``, else nothing, and then there is no interval. `errors` says whether the model's are in it.

    With a labelled `sample` of ``stances.predictions``, stance, low and high are instead favor less against per
    sentence with a side as `stance.reading.estimates` corrects it, `counted` is the mean above, and `pooled` the
    parts that the labels of all groups correct. Raises a ConfigError as `check_by` does.
    """
    by = check_by(by)
    n_read = {key: int(rows["sentences"].sum()) for key, rows in stances.read.groupby(by)}
    sided = stances.sided.assign(
        target=pd.Categorical(stances.sided["target"], pd.Index(targets))
    )  # sorted as in `targets`
    means = []
    for key, rows in sided.groupby([*by, "target"], observed=True):
        n, read = len(rows), n_read[key[:-1]]
        against = int((rows["stance"] == "against").sum())
        mean = float(rows["value"].mean())
        means.append((*key, rows["document"].nunique(), n, against, n - against, read, n / read, mean, *interval(rows)))
    columns = ["documents", "sentences", "against", "favor", "read", "share", "stance", "low", "high", "resampled"]
    table = pd.DataFrame(means, columns=[*by, "target", *columns])
    return table.assign(errors=COUNTED) if sample is None else _corrected(table, stances.predictions, sample, by)


def _corrected(table: pd.DataFrame, predictions: Predictions, sample: LabelledSample, by: list[str]) -> pd.DataFrame:
    """Return a map with its stances corrected by labels."""
    shares = estimate_shares(predictions, sample, by=by, resamples=1000).shares
    keys = [*by, "target"]
    shares = shares[shares["figure"] == "net of sides"].set_index(keys)[["value", "low", "high", "resampled", "pooled"]]
    own = shares.reindex(pd.MultiIndex.from_frame(table[keys].astype(str))).reset_index(drop=True)
    kept = table.drop(columns=["stance", "low", "high", "resampled"]).assign(counted=table["stance"])
    return pd.concat([kept, own.rename(columns={"value": "stance"})], axis=1).assign(errors=CORRECTED)


def check_by(by: Sequence[str]) -> list[str]:
    """Return the names without repeats; ConfigError if there is none, or one is not in `BY`."""
    by = list(dict.fromkeys(by))
    if not by or not set(by) <= set(BY):
        raise ConfigError(f"a map by {', '.join(map(repr, by)) or 'nothing'}; wanted actor, year or actor,year")
    return by


def interval(rows: pd.DataFrame) -> tuple[float | None, float | None, str]:
    """Return low, high and resampled of rows of `Stances.sided`, as in `stance_map`."""
    for units, groups in (("documents", rows["document"].tolist()), ("sentences", None)):
        if score := mean_stance(rows["value"].tolist(), groups):
            return score.low, score.high, units
    return None, None, ""
