"""Who stands where in many documents: actors, targets and years counted, each mean with its interval.

Only sentences that take a side count. A document is long and says little of any one target, so a mean over all its
sentences would measure how often it speaks of it; `share` says that apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from stance.data.tables import read_table, read_text
from stance.errors import ConfigError, DataError, Fault, StanceError
from stance.labels import LABELS
from stance.model.predictor import Model
from stance.reading.article import mean_stance
from stance.reading.holders import AUTHOR, PATTERN, find_holders, state_of
from stance.text.sentences import paragraphs, split

#: What a map can be made by.
BY = ("actor", "year")


@dataclass(frozen=True)
class Document:
    """A text, who speaks in it, and when; `actor` and `year` are None where they are not known."""

    name: str
    text: str
    actor: str | None
    year: int | None


def documents(sources: Sequence[str | Path], *, pattern: str = PATTERN) -> list[Document]:
    """Read documents: text files, folders of ``.txt``, or tables with the columns text, actor and year.

    Parameters
    ----------
    pattern
        Regular expression with the groups `actor` and `year` (either may be missing), sought in the name of a
        text file without its ending. A three-letter code becomes its state's name.

    Raises
    ------
    ConfigError
        If the pattern is not a regular expression or has neither group.
    DataError
        If a file cannot be read, or a table lacks a column or has a year that is none.
    StanceError
        If a file or folder does not exist, or nothing is in them.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"pattern {pattern!r} is not a regular expression ({error})") from None
    if not set(BY) & set(compiled.groupindex):
        raise ConfigError(f"pattern {pattern!r} names nothing; wanted (?P<actor>...), (?P<year>...) or both")
    found: list[Document] = []
    for source in map(Path, sources):
        if source.is_dir():
            found += [_document(file, compiled) for file in _texts(source)]
        elif source.suffix == ".txt":
            found.append(_document(source, compiled))
        else:
            found += _rows(source)
    if not found:
        raise StanceError(f"no documents in {', '.join(map(str, sources))}; wanted .txt files, or a table of them")
    return found


def _texts(folder: Path) -> Iterator[Path]:
    return (file for file in sorted(folder.rglob("*.txt")) if file.is_file() and not file.name.startswith("."))


def _document(file: Path, pattern: re.Pattern[str]) -> Document:
    match = pattern.search(file.stem)
    about = match.groupdict() if match else {}
    actor, year = about.get("actor"), about.get("year")
    if year is not None and not year.isdecimal():
        raise DataError([Fault(str(file), None, None, f"year {year!r} in its name", "a number (see --pattern)")])
    return Document(
        file.stem, read_text(file), actor and (state_of(actor) or actor), None if year is None else int(year)
    )


def _rows(source: Path) -> list[Document]:
    table = read_table(source)
    wanted = ("text", *BY)
    if missing := [name for name in wanted if name not in table.frame]:
        raise DataError([Fault(table.source, 1, None, f"no column {', '.join(missing)}", "text, actor and year")])
    found, faults = [], []
    for line, (text, actor, year) in zip(table.lines, table.frame[[*wanted]].itertuples(index=False), strict=True):
        if str(year).strip() and not str(year).strip().isdecimal():
            faults.append(Fault(table.source, line, "year", repr(year), "a year such as 2008, or nothing"))
            continue
        actor, when = str(actor or "").strip(), str(year or "").strip()
        named = (state_of(actor) if len(actor) == 3 and actor.isupper() else None) or actor or None
        found.append(Document(f"{table.source}:{line}", str(text or ""), named, int(when) if when else None))
    if faults:
        raise DataError(faults, hint="mend these first")
    return found


@dataclass(frozen=True)
class Stances:
    """What a model reads in documents.

    Attributes
    ----------
    sided
        A row a (sentence, target, actor) that takes a side: document, actor, year, position, target, stance (label),
        value (P(favor) - P(against), -1 to 1), rule and text.
    read
        A row a (document, actor): year and the number of `sentences` read as that actor's.
    """

    sided: pd.DataFrame
    read: pd.DataFrame


def read_documents(model: Model, texts: Sequence[Document], *, actor_from: str = "document") -> Stances:
    """Say of every sentence of every document that takes a side whose it is and where it stands.

    Parameters
    ----------
    actor_from
        ``document``: whoever the document's name or row says; ``sentence``: whom the sentence names
        (`stance.reading.holders`), the document's own actor where it names nobody.

    Raises
    ------
    ConfigError
        If `actor_from` is neither.
    StanceError
        If actors are to come from documents and none has one.
    """
    if actor_from not in ("document", "sentence"):
        raise ConfigError(f"actor from {actor_from!r}; wanted 'document' or 'sentence'")
    if actor_from == "document" and not any(document.actor for document in texts):
        raise StanceError(
            "no document says whose it is; wanted names such as RUS_63_2008.txt (--pattern says how they are made),"
            " a table with a column actor, or --actor-from sentence"
        )
    rows: list[tuple[str, int | None, int, str, tuple[tuple[str, str], ...]]] = []
    for document in texts:
        sentences = [sentence for block in paragraphs(document.text) for sentence in split(block)]
        own = document.actor or AUTHOR
        whose: list[tuple[tuple[str, str], ...]] = [((own, "document"),)] * len(sentences)
        if actor_from == "sentence":
            found = find_holders(sentences, author=own, country=document.actor)
            whose = [tuple((holder.name, holder.rule) for holder in holders) for holders in found]
        rows += [(document.name, document.year, i, s, w) for i, (s, w) in enumerate(zip(sentences, whose, strict=True))]
    proba = model.predict_proba([row[3] for row in rows])
    codes, values = proba.argmax(axis=2), proba[:, :, LABELS.index("favor")] - proba[:, :, LABELS.index("against")]
    sided = [
        (name, actor, year, position, model.targets[t], LABELS[codes[i, t]], float(values[i, t]), rule, text)
        for i, (name, year, position, text, whose) in enumerate(rows)
        for t in np.flatnonzero(codes[i] != LABELS.index("none"))
        for actor, rule in whose
    ]
    columns = ["document", "actor", "year", "position", "target", "stance", "value", "rule", "text"]
    read = pd.DataFrame(
        [(name, actor, year) for name, year, _, _, whose in rows for actor, _ in whose],
        columns=["document", "actor", "year"],
    )
    counts = read.groupby(["document", "actor", "year"], dropna=False, sort=False).size().rename("sentences")
    return Stances(_with_years(pd.DataFrame(sided, columns=columns)), _with_years(counts.reset_index()))


def _with_years(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(year=frame["year"].astype("Int64"))


def stance_map(stances: Stances, by: Sequence[str], targets: Sequence[str]) -> pd.DataFrame:
    """Return a row for each value of `by` and target that has a sentence with a side.

    Columns: those of `by`, target, documents and sentences (that take a side), against, favor, read (sentences read in
    all), share (fraction of those that take a side), stance (mean of P(favor) - P(against), -1 to 1), low and high
    (its 95 % interval) and resampled: ``documents`` where at least `stance.reading.FEWEST` of them bear on it, else
    ``sentences``, else nothing, and then there is no interval.

    Raises
    ------
    ConfigError
        As in `check_by`.
    """
    by = check_by(by)
    read = stances.read.groupby(by, as_index=False)["sentences"].sum()
    n_read_of = {tuple(where): int(n) for *where, n in read.itertuples(index=False)}
    rows = []
    for key, part in stances.sided.groupby([*by, "target"]):
        *where, target = key
        n_read = n_read_of[tuple(where)]
        labels = part["stance"]
        rows.append({
            **dict(zip(by, where, strict=True)), "target": target, "documents": part["document"].nunique(),
            "sentences": len(part), "against": int((labels == "against").sum()),
            "favor": int((labels == "favor").sum()),
            "read": n_read, "share": len(part) / n_read, "stance": float(part["value"].mean()), **interval(part),
        })  # fmt: skip
    names = [*by, "target", "documents", "sentences", "against", "favor", "read", "share", "stance", "low", "high",
             "resampled"]  # fmt: skip
    frame = pd.DataFrame(rows, columns=names)
    order = {target: i for i, target in enumerate(targets)}
    return frame.sort_values(
        [*by, "target"], key=lambda c: c.map(order) if c.name == "target" else c, ignore_index=True
    )


def check_by(by: Sequence[str]) -> list[str]:
    """Return the names without repeats.

    Raises
    ------
    ConfigError
        If there is none, or one is not in `BY`.
    """
    by = list(dict.fromkeys(by))
    if not by or not set(by) <= set(BY):
        raise ConfigError(f"a map by {', '.join(map(repr, by)) or 'nothing'}; wanted actor, year or actor,year")
    return by


def interval(part: pd.DataFrame) -> dict[str, float | str | None]:
    """Return low, high and resampled of rows of `Stances.sided`, as in `stance_map`."""
    values = part["value"].tolist()
    if found := mean_stance(values, part["document"].tolist()):
        return {"low": found.low, "high": found.high, "resampled": "documents"}
    if found := mean_stance(values):
        return {"low": found.low, "high": found.high, "resampled": "sentences"}
    return {"low": None, "high": None, "resampled": ""}
