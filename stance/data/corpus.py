"""The corpus: labelled tables read, validated, grouped and fingerprinted.

A table is wide (one row a sentence, one column a target, as a person labels it in a
spreadsheet) or long (`text`, `target`, `stance` and, if there is one, `group`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from stance.data import checks
from stance.data.columns import GROUPS, IDS, LONG, cells, missing, read_targets, require_columns, target_columns
from stance.data.splits import join_groups, test_groups, text_hash
from stance.data.tables import Table, read_table
from stance.errors import DataError, Fault, StanceError, choices, existing_file
from stance.labels import LABELS, Target
from stance.settings import DataSettings, read_settings


@dataclass(frozen=True)
class Corpus:
    """Validated examples."""

    #: One row an example: `sentence_id`, `text`, `target`, `stance`, `article`, `group` and `weight`. An article may
    #: be a speech or a group that the table gives; a group is what `stance.data.splits.join_groups`
    #: makes of articles that share sentences; a split never cuts it.
    examples: pd.DataFrame
    targets: tuple[Target, ...]  #: every target in the examples, in the order of the data
    warnings: tuple[Fault, ...] = ()  #: what is doubtful in the data but can be trained on
    unlabelled: tuple[str, ...] = ()  #: labels missing, and so no examples: ``file:line: sentence_id toward target``
    notes: tuple[str, ...] = ()  #: what whoever reads its scores should know

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
    labels: Mapping[str, str] | None = None,
    weights: Sequence[float] = (),
    part: str = "train",
    strict: bool = False,
    for_training: bool = True,
    allow_unlabelled: bool = False,
) -> Corpus:
    """Read labelled tables and check them, once, all faults together.

    A DataError carries every fault: missing columns, labels outside LABELS, empty texts, duplicate ids, a target
    without examples of two labels, nothing labelled.

    Parameters
    ----------
    files
        Tables in the wide or the long form.
    targets
        Names of the targets to keep; empty keeps all.
    splits, part
        A table with `group` and `part` (``train`` or ``test``), and which part to keep; a group that the table
        does not name counts as ``train``.
    about
        The file with the targets' titles and lexicons, by default a `targets.toml` beside the first table.
    labels
        The label of each name that the tables have for it, such as ``{"pro": "favor"}``.
    weights
        What an example of each table counts in training; empty means 1.
    strict
        Make warnings (such as one text with two labels) errors.
    for_training
        Want two labels or more of every target, as a classifier must have.
    allow_unlabelled
        Keep the targets that have no label yet, and want none at all.
    """
    if not files:
        raise StanceError("no data named; wanted at least one table (`--data FILE`)")
    if about:
        existing_file(Path(about), "the targets' titles and lexicons in TOML")
    known = read_targets(Path(about or Path(files[0]).parent / "targets.toml"))
    rows, faults = _read_tables(files, weights, {*targets, *known}, labels or {})
    if splits:
        rows = rows[rows["group"].isin(test_groups(splits)) == (part == "test")]
    unlabelled, labelled = rows[rows["stance"] == ""], rows[rows["stance"] != ""]
    if labelled.empty and not allow_unlabelled:
        raise DataError([*faults, checks.nothing_labelled(unlabelled, str(files[0]))])
    names = checks.chosen_targets(rows if allow_unlabelled else labelled, targets, str(files[0]))
    labelled = labelled[labelled["target"].isin(names)].reset_index(drop=True)
    faults += checks.contradictions(labelled) + checks.repeated_rows(labelled)
    faults += checks.one_sided(labelled) if for_training else []
    if any(strict or not fault.warning for fault in faults):
        raise DataError(faults)
    groups, joins = join_groups(labelled)
    labelled = labelled.assign(article=labelled["group"], group=groups)
    return Corpus(
        labelled[["sentence_id", "text", "target", "stance", "article", "group", "weight"]],
        tuple(known.get(name, Target(name, name.replace("_", " "))) for name in names),
        tuple(faults),
        tuple(f"{r.source}:{r.line}: {r.sentence_id} toward {r.target}" for r in unlabelled.itertuples()),
        (*joins, *checks.notes(labelled)),
    )


def _read_tables(
    files: Sequence[str | Path], weights: Sequence[float], known: Collection[str], renamed: Mapping[str, str]
) -> tuple[pd.DataFrame, list[Fault]]:
    """Return the rows of all tables and what is doubtful in them; DataError with the faults of all."""
    again = pd.Series([str(Path(file).resolve()) for file in files]).duplicated()
    repeated = [str(file) for file, is_repeated in zip(files, again, strict=True) if is_repeated]
    faults = [Fault(file, None, None, "the same file again", "each file once") for file in repeated]
    if weights and len(weights) != len(files):
        raise StanceError(f"{len(weights)} weights for {len(files)} tables; wanted one for each (data.weights)")
    tables: list[pd.DataFrame] = []
    for file, weight in zip(files, weights or [1.0] * len(files), strict=True):
        try:
            rows, doubts = _melt(read_table(file), known, renamed)
        except DataError as error:
            faults += error.faults
        else:
            tables.append(rows.assign(weight=weight))
            faults += doubts
    if any(not fault.warning for fault in faults):
        raise DataError(faults)
    rows = pd.concat(tables, ignore_index=True)
    faults += checks.duplicate_ids(rows) + checks.names_alike(rows) + checks.misread_texts(rows)
    rows["sentence_id"] = rows["sentence_id"].where(rows["sentence_id"] != "", "row" + rows["line"].astype(str))
    return rows, faults


def _melt(table: Table, known: Collection[str], renamed: Mapping[str, str]) -> tuple[pd.DataFrame, list[Fault]]:
    """Turn a table of either form into one row an example, its stance empty where a label is missing.

    The columns are `source`, `line`, `sentence_id`, `text`, `group`, `grouped` (by the table), `target`, `column` (of
    the label) and `stance`.
    """
    frame = table.frame
    labels: list[tuple[str | pd.Series, str]]  # targets, and the column of their stances
    if "target" in frame or "stance" in frame:
        require_columns(table, LONG)
        used, labels = [*LONG], [(cells(frame["target"]), "stance")]
    else:
        require_columns(table, ["text"])
        targets = [str(name) for name in frame if name in {*known, *target_columns(table, {*LABELS, *renamed})}]
        used, labels = ["text", *targets], [(name, name) for name in targets]
    doubts = checks.unused_columns(table, used)
    if not labels:
        raise DataError([missing(table, f"a target's column, holding {choices(LABELS)}"), *doubts])
    ids, group = (next((name for name in names if name in frame), "") for names in (IDS, GROUPS))
    base = pd.DataFrame({"source": table.source, "line": table.lines, "text": cells(frame["text"])})
    base["sentence_id"] = cells(frame[ids]) if ids else ""
    # Without a group each text stands for itself; its near-duplicates are joined later.
    base["group"] = cells(frame[group]) if group else "text-" + base["text"].map(text_hash)
    base["grouped"] = bool(group)
    rows = pd.concat(
        [base.assign(target=target, column=column, stance=cells(frame[column])) for target, column in labels],
        ignore_index=True,
    )
    rows["stance"] = [renamed.get(name, name) for name in rows["stance"].str.lower()]
    return rows, doubts + checks.cell_faults(rows, group=group)


def read_data(data: DataSettings, *, targets: Sequence[str] = (), strict: bool = False) -> Corpus:
    """Read what an experiment trains on, as `read_corpus` does; `targets`, where given, stand in for its own."""
    return read_corpus(
        data.files,
        targets=targets or data.targets,
        splits=data.splits,
        about=data.about,
        labels=data.labels,
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
