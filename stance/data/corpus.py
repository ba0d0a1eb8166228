"""The corpus: labelled tables read, validated, grouped and fingerprinted.

A table is wide (one row a sentence, one column a target, as a person labels it in a
spreadsheet) or long (`text`, `target`, `stance` and, if there is one, `group`).
"""

from __future__ import annotations

import difflib
import hashlib
import logging
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import StratifiedGroupKFold

from stance.data.tables import Table, read_table
from stance.errors import DataError, Fault, StanceError, choices, existing_file
from stance.labels import LABELS, Target
from stance.settings import DataSettings, read_settings

logger = logging.getLogger(__name__)

_LONG = ("text", "target", "stance")
_GROUPS = ("group", "article_id", "document_id")
_IDS = ("sentence_id", "id")
# What people call a group's column, and is not read as one.
_LIKE_GROUPS = ("article", "doc", "doc_id", "document", "speech", "speech_id")
# What else the tables of this package hold.
_BESIDE = ("position", "kind", "start", "end", "sha256")
_NO_TARGETS = (*_LONG, *_GROUPS, *_LIKE_GROUPS, *_IDS, *_BESIDE, "")

#: Sentences that share this fraction of their word 5-grams are near-duplicates.
NEAR_DUPLICATE = 0.5


@dataclass(frozen=True)
class Corpus:
    """Validated examples.

    Attributes
    ----------
    examples
        One row an example: `sentence_id`, `text`, `target`, `stance`, `article`, `group`. An
        article may be a speech or a group that the table gives; a group is an article joined with any
        other that holds a near-duplicate of one of its sentences; a split never cuts it.
    targets
        Every target in the examples, in the order of the data.
    warnings
        What is doubtful in the data but can be trained on.
    unlabelled
        Where a label is missing, as ``file:line: sentence_id toward target``; these are left
        out of `examples`.
    """

    examples: pd.DataFrame
    targets: tuple[Target, ...]
    warnings: tuple[Fault, ...] = ()
    unlabelled: tuple[str, ...] = ()

    @property
    def n_unlabelled(self) -> int:
        """Number of cells without a label."""
        return len(self.unlabelled)

    @property
    def n_texts(self) -> int:
        """Number of different texts."""
        return int(self.examples["text"].nunique())

    @property
    def n_groups(self) -> int:
        """Number of groups that a split keeps whole."""
        return int(self.examples["group"].nunique())

    def fingerprint(self) -> str:
        """Return a SHA-256 of the examples, the same whatever their order."""
        rows = self.examples[["text", "target", "stance", "group"]].itertuples(index=False)
        digest = hashlib.sha256()
        for row in sorted("\0".join(row) for row in rows):
            digest.update(row.encode() + b"\n")
        return digest.hexdigest()

    def counts(self) -> pd.DataFrame:
        """Return counts of shape (n_targets, n_labels), columns in LABELS order."""
        names = [target.name for target in self.targets]
        table = pd.crosstab(self.examples["target"], self.examples["stance"])
        return table.reindex(index=names, columns=list(LABELS), fill_value=0)

    def without(self, groups: Sequence[str]) -> Corpus:
        """Return the corpus less the named groups (article ids)."""
        keep = ~self.examples["group"].isin(groups)
        return Corpus(self.examples[keep].reset_index(drop=True), self.targets)


def read_corpus(
    files: Sequence[str | Path],
    *,
    targets: Sequence[str] = (),
    splits: str | Path = "",
    about: str | Path = "",
    weights: Sequence[float] = (),
    part: str = "train",
    strict: bool = False,
    for_training: bool = True,
    allow_unlabelled: bool = False,
) -> Corpus:
    """Read labelled tables and check them, once, all faults together.

    The file `about`, or a `targets.toml` beside the first table, gives the targets' titles and lexicons.

    Parameters
    ----------
    files
        Tables in the wide or the long form.
    targets
        Names of the targets to keep; empty keeps all.
    splits
        A table with `group` and `part` (``train`` or ``test``), or nothing.
    weights
        What an example of each table counts in training; empty means 1.
    part
        With splits, which part to keep; a group they do not name counts as ``train``.
    strict
        Make warnings (such as one text with two labels) errors.
    for_training
        Want two labels or more of every target, as a classifier must have.
    allow_unlabelled
        Keep the targets that have no label yet, and want none at all.

    Raises
    ------
    DataError
        With every fault: missing columns, labels outside LABELS, empty texts, duplicate ids,
        a target without examples of two labels, nothing labelled.
    """
    if not files:
        raise StanceError("no data named; wanted at least one table (`--data FILE`)")
    melted: list[pd.DataFrame] = []
    places = [Path(file).resolve() for file in files]
    faults = [
        Fault(str(file), None, None, "the same file again", "each file once")
        for i, file in enumerate(files)
        if places[i] in places[:i]
    ]
    if faults:
        raise DataError(faults)
    known = _read_targets(
        existing_file(Path(about), "the targets' titles and lexicons in TOML")
        if about
        else Path(files[0]).parent / "targets.toml"
    )
    if weights and len(weights) != len(files):
        raise StanceError(f"{len(weights)} weights for {len(files)} tables; wanted one for each (data.weights)")
    for file, weight in zip(files, weights or [1.0] * len(files), strict=True):
        try:
            rows, found = _melt(read_table(file), wanted=[*targets, *known])
            melted.append(rows.assign(weight=weight))
            faults += found
        except DataError as error:
            faults += error.faults
    if any(not fault.warning for fault in faults):
        raise DataError(faults)
    examples = pd.concat(melted, ignore_index=True)
    faults += _duplicate_ids(examples)
    if splits:
        examples = examples[examples["group"].isin(_test_groups(splits)) == (part == "test")]
    unlabelled = examples["stance"] == ""
    labelled, gaps = examples[~unlabelled], examples[unlabelled].to_dict("records")
    if labelled.empty and not allow_unlabelled:
        raise DataError([*faults, _nothing_labelled(gaps, str(files[0]))])
    chosen = _chosen_targets(examples if allow_unlabelled else labelled, targets, str(files[0]))
    labelled = labelled[labelled["target"].isin(chosen)].reset_index(drop=True)
    faults += _torn_labels(labelled) + _repeated_rows(labelled)
    faults += _one_sided(labelled, chosen) if for_training else []
    if any(strict or not fault.warning for fault in faults):
        raise DataError(faults)
    labelled = labelled.assign(article=labelled["group"], group=_joined_groups(labelled))
    columns = ["sentence_id", "text", "target", "stance", "article", "group", "weight"]
    return Corpus(
        labelled[columns],
        tuple(known.get(name, Target(name, _title(name))) for name in chosen),
        tuple(faults),
        tuple(f"{r['source']}:{r['line']}: {r['sentence_id']} toward {r['target']}" for r in gaps),
    )


def read_data(data: DataSettings, *, targets: Sequence[str] = (), strict: bool = False) -> Corpus:
    """Read what an experiment trains on; `targets`, where given, stand in for its own.

    Raises
    ------
    DataError, StanceError
        As `read_corpus` does.
    """
    return read_corpus(
        data.files,
        targets=targets or data.targets,
        splits=data.splits,
        about=data.about,
        weights=data.weights,
        strict=strict,
    )


def data_of(run: Path | None, files: Sequence[Path], *, targets: Sequence[str]) -> Corpus | None:
    """Read the tables named, else what the run in a folder was trained on; None if neither is at hand."""
    if files:
        return read_corpus(files, targets=targets, for_training=False)
    if run is not None and (run / "config.toml").is_file():
        data = read_settings(run / "config.toml").data
        if all(Path(file).is_file() for file in data.files):
            return read_data(data, targets=targets)
    return None


def text_hash(text: str) -> str:
    """Return 16 hex digits that differ only where texts differ in words.

    Case and white space are folded, so that a copied text is known again.

    >>> text_hash("A  shield\\n") == text_hash("a shield")
    True
    """
    return hashlib.sha256(" ".join(text.casefold().split()).encode()).hexdigest()[:16]


def group_folds(
    examples: pd.DataFrame, n_folds: int, *, seed: int
) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Split examples into folds that cut no group and hold alike shares of every stance.

    Returns
    -------
    list of (train, test)
        Row positions, one pair a fold.

    Raises
    ------
    StanceError
        If there are fewer groups than folds, for all examples or for one target.
    """
    groups = examples.groupby("target")["group"].nunique()
    if not groups.empty and groups.min() < n_folds:
        raise StanceError(
            f"target {groups.idxmin()!r} has {groups.min()} articles (or groups); wanted at least"
            f" one for each of {n_folds} folds. Add articles, or lower evaluation.folds and"
            " evaluation.inner_folds"
        )
    strata = examples["target"] + "\0" + examples["stance"]
    counts = strata.value_counts()
    if counts.max() < n_folds:
        raise StanceError(f"{len(examples)} examples are too few for {n_folds} folds")
    # A stratum with fewer examples than folds cannot be spread; it goes along with the largest.
    strata = strata.where(strata.map(counts) >= n_folds, counts.index[0])
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    return [
        (np.asarray(train, dtype=np.int64), np.asarray(test, dtype=np.int64))
        for train, test in splitter.split(examples, strata, examples["group"])
    ]


def near_duplicates(texts: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return cluster numbers of shape (n_texts,): equal for near-duplicate texts.

    Two texts are near-duplicates if the Jaccard index of their sets of word 5-grams is at
    least `NEAR_DUPLICATE` (Broder 1997, "On the resemblance and containment of documents");
    texts of fewer than five words only if equal but for case and white space.
    """
    alike = resemblance(texts)
    alike.data = np.where(alike.data >= NEAR_DUPLICATE, 1, 0)
    alike.eliminate_zeros()
    return cast("npt.NDArray[np.int64]", connected_components(alike, directed=False)[1])


def resemblance(texts: Sequence[str]) -> coo_matrix:
    """Return the Jaccard index of every pair of texts that share a word 5-gram: (n_texts, n_texts)."""
    matrix = CountVectorizer(binary=True, analyzer=shingles, dtype=np.int32).fit_transform(texts).tocsr()
    sizes = np.asarray(matrix.sum(axis=1)).ravel()
    shared = (matrix @ matrix.T).tocoo()
    shared.data = shared.data / (sizes[shared.row] + sizes[shared.col] - shared.data)
    return cast("coo_matrix", shared)


def shingles(text: str) -> list[str]:
    """Return a text's word 5-grams, case folded; of a shorter text, all its words as one."""
    words = text.casefold().split()
    return [" ".join(words[i : i + 5]) for i in range(max(1, len(words) - 4))]


def _test_groups(path: str | Path) -> set[str]:
    table = read_table(path)
    if missing := [name for name in ("group", "part") if name not in table.frame]:
        raise DataError([_missing(table, f"the column {name!r}", list(map(str, table.frame))) for name in missing])
    rows = table.frame.assign(source=table.source, line=table.lines)
    wrong = rows[~rows["part"].isin(["train", "test"])]
    if len(wrong):
        raise DataError(_faults(wrong, "part", lambda row: repr(row["part"]), "'train' or 'test'"))
    return set(rows.loc[rows["part"] == "test", "group"])


def target_columns(table: Table) -> list[str]:
    """Return the columns of a wide table that hold labels or nothing yet, or are named in its `targets.toml`."""
    known = _read_targets(Path(table.source).parent / "targets.toml")
    return [str(name) for name in table.frame if name in known or _is_target(table.frame[name])]


def _read_targets(path: Path) -> dict[str, Target]:
    if not path.is_file():
        return {}
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
        return {
            name: Target(
                name,
                entry["title"],
                entry.get("definition", ""),
                *(tuple(entry.get("lexicon", {}).get(k, ())) for k in ("mention", "favor", "against")),
            )
            for name, entry in tree.items()
        }
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as e:
        raise StanceError(
            f"{path}: cannot be used ({type(e).__name__}: {e}); wanted a [target] section each with"
            " title, definition and lexicon = {mention, favor, against}"
        ) from None


def _melt(table: Table, *, wanted: Sequence[str]) -> tuple[pd.DataFrame, list[Fault]]:
    """Turn a table of either form into rows of id, text, target, stance ("" = unlabelled)."""
    frame = table.frame
    names = [str(name) for name in frame.columns]
    faults: list[Fault] = []
    long = "target" in names or "stance" in names
    if missing := [name for name in (_LONG if long else ("text",)) if name not in names]:
        raise DataError([_missing(table, f"the column {name!r}", names) for name in missing])
    if long:
        columns = ["stance"]
    else:
        labelled = target_columns(table)
        columns = [name for name in names if name in wanted or name in labelled]
        if not columns:
            raise DataError([_no_target(table, names)])
    faults += _unused(table, {*columns, *_LONG} if long else {*columns, "text"})
    base = pd.DataFrame({"source": table.source, "line": table.lines, "text": _strings(frame["text"])})
    ids = next((name for name in _IDS if name in names), None)
    base["sentence_id"] = _strings(frame[ids]) if ids else [f"row{n}" for n in table.lines]
    base["has_id"] = ids is not None
    group = next((name for name in _GROUPS if name in names), None)
    # Without a group each text stands for itself; its near-duplicates are joined later.
    base["group"] = _strings(frame[group]) if group else "text-" + base["text"].map(text_hash)
    if group:
        faults += _empty_cells(base, "group", group)
    faults += _empty_cells(base, "text", "text")
    parts = []
    for column in columns:
        part = base.assign(stance=_strings(frame[column]).str.lower())
        part["target"] = _strings(frame["target"]) if long else column
        wrong = part[~part["stance"].isin([*LABELS, ""])]
        faults += _faults(wrong, column, lambda row: repr(row["stance"]), f"{choices(LABELS)}, or empty")
        if long:
            faults += _empty_cells(part, "target", "target")
        parts.append(part)
    return pd.concat(parts, ignore_index=True), faults


def _unused(table: Table, used: set[str]) -> list[Fault]:
    """Warn of columns that nothing is read from: a name misspelt, a group's, or labels in other words."""
    known = [*_GROUPS, *_IDS, *_BESIDE]
    grouped = any(name in _GROUPS for name in table.frame)
    faults = []
    for name in map(str, table.frame.columns):
        if name in used or name in known:
            continue
        wanted = "a column that is read, or none"
        found = "a column that is not used"
        cells = _strings(table.frame[name])
        if not grouped and name.casefold() in _LIKE_GROUPS and cells[cells != ""].duplicated().any():
            wanted = f"{choices(_GROUPS)} as its name, if rows with one value belong together"
        elif like := difflib.get_close_matches(name, ["text", *_GROUPS, *_IDS], n=1):
            wanted = repr(like[0])
        elif "target" not in used and (values := _few_values(cells)):
            found += f" (it holds {', '.join(map(repr, values))})"
            wanted = f"{choices(LABELS)} in it, if it is a target's"
        faults.append(Fault(table.source, None, name, found, wanted, warning=True))
    return faults


def _is_target(column: pd.Series) -> bool:
    """Tell a target's column: most of what stands in it are labels, or nothing does and its name is no other's."""
    cells = _strings(column).str.lower()
    cells = cells[cells != ""]
    if cells.empty:
        return str(column.name).casefold() not in _NO_TARGETS
    return float(cells.isin(LABELS).mean()) >= 0.5


def _few_values(column: pd.Series) -> list[str]:
    """Return a column's values where they can be labels in other words, else nothing."""
    values = sorted(set(_strings(column)) - {""})
    return values if 2 <= len(values) <= len(LABELS) else []


def _strings(column: pd.Series) -> pd.Series:
    filled = column.astype(object).where(column.notna(), "")
    return filled.map(lambda value: str(value).strip()).astype(object)


def _no_target(table: Table, names: list[str]) -> Fault:
    found = {name: _few_values(table.frame[name]) for name in names if name.casefold() not in _NO_TARGETS}
    held = [f"{name!r} holds {', '.join(map(repr, values))}" for name, values in found.items() if values]
    instead = f" ({'; '.join(held)}: write those words instead)" if held else ""
    return _missing(table, f"a target's column, holding {choices(LABELS)}{instead}", names)


def _missing(table: Table, wanted: str, names: list[str]) -> Fault:
    return Fault(table.source, None if table.form == "parquet" else 1, None, f"columns {', '.join(names)}", wanted)


def _faults(
    rows: pd.DataFrame, column: str | None, found: Callable[[Any], str], wanted: str, *, warning: bool = False
) -> list[Fault]:
    """Make a fault of each row; `column` None names the row's target."""
    return [
        Fault(row["source"], int(row["line"]), column or row["target"], found(row), wanted, warning)
        for row in rows.to_dict(orient="records")
    ]


def _empty_cells(frame: pd.DataFrame, field: str, column: str) -> list[Fault]:
    return _faults(frame[frame[field] == ""], column, lambda _: "an empty cell", f"a {field}")


def _duplicate_ids(examples: pd.DataFrame) -> list[Fault]:
    named = examples[examples["has_id"] & (examples["sentence_id"] != "")]
    twice = named[named.duplicated(["sentence_id", "target"])]
    twice = twice.drop_duplicates(["sentence_id", "source", "line"])
    return _faults(twice, "sentence_id", lambda row: f"{row['sentence_id']!r} again", "each id once")


def _nothing_labelled(gaps: list[Any], source: str) -> Fault:
    columns = ", ".join(dict.fromkeys(repr(row["target"]) for row in gaps))
    found = "no labelled example" + (f": all {len(gaps)} cells of {columns} are empty" if gaps else "")
    return Fault(source, None, None, found, f"labels: {choices(LABELS)}")


def _chosen_targets(labelled: pd.DataFrame, targets: Sequence[str], source: str) -> list[str]:
    present = list(dict.fromkeys(labelled["target"]))
    if unknown := [name for name in targets if name not in present]:
        found, wanted = f"no labelled example of {', '.join(unknown)}", choices(present)
        raise DataError([Fault(source, None, None, found, f"targets from the data: {wanted}")])
    return list(targets) or present


def _torn_labels(labelled: pd.DataFrame) -> list[Fault]:
    """Warn of texts with two labels for a target; the rows all stay, as people gave them."""
    key = [labelled["text"].map(text_hash), labelled["target"]]
    torn = labelled.groupby(key)["stance"].transform("nunique") > 1

    def found(row: Any) -> str:
        return f"{row['stance']!r} for {row['sentence_id']!r}"

    return _faults(labelled[torn], None, found, "the label this text has elsewhere too", warning=True)


def _repeated_rows(labelled: pd.DataFrame) -> list[Fault]:
    """Warn once of rows all of whose labels an earlier row gives the same text."""
    same = ["hash", "target", "stance"]
    keys = labelled.assign(hash=labelled["text"].map(text_hash))
    keys["again"] = keys.duplicated(same)
    rows = keys[keys.groupby(["source", "line"])["again"].transform("all")].drop_duplicates(["source", "line"])
    if rows.empty:
        return []
    row = rows.loc[rows.groupby("source", sort=False)["line"].idxmin().iloc[0]]
    first = keys[(keys[same] == row[same]).all(axis=1)].iloc[0]
    found = f"{len(rows)} rows with the text and labels of an earlier one"
    found += f" (first: line {row['line']}, as {first['source']}:{first['line']})"
    return [Fault(row["source"], None, None, found, "each once", warning=True)]


def _one_sided(labelled: pd.DataFrame, targets: Sequence[str]) -> list[Fault]:
    faults = []
    for target in targets:
        part = labelled[labelled["target"] == target]
        if part["stance"].nunique() == 1:
            found = f"{len(part)} examples of {target!r}, all {part['stance'].iloc[0]!r}"
            faults.append(Fault(str(part["source"].iloc[0]), None, None, found, "two labels or more"))
    return faults


def _joined_groups(labelled: pd.DataFrame) -> pd.Series:
    """Join groups that hold near-duplicates of each other; the first one's name stays."""
    if labelled.empty:
        return labelled["group"]
    texts = list(labelled["text"].unique())
    cluster = dict(zip(texts, near_duplicates(texts), strict=True))
    names, group = np.unique(labelled["group"].to_numpy(dtype=str), return_inverse=True)
    clusters = labelled["text"].map(cluster).to_numpy() + len(names)
    size = len(names) + len(texts)
    edges = pd.DataFrame({"a": group, "b": clusters}).drop_duplicates()
    graph = coo_matrix((np.ones(len(edges)), (edges["a"].to_numpy(), edges["b"].to_numpy())), shape=(size, size))
    component = connected_components(graph, directed=False)[1][: len(names)]
    first = dict(reversed(list(zip(component, names, strict=True))))
    return pd.Series([first[component[g]] for g in group], index=labelled.index, dtype=object)


def _title(name: str) -> str:
    return name.replace("_", " ")
