"""The columns of labelled tables: their names, which are targets, and faults in their rows."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import pandas as pd

from stance.data.tables import Table
from stance.errors import DataError, Fault, StanceError
from stance.labels import LABELS, Target

#: The columns of a table with one row an example.
LONG = ("text", "target", "stance")
GROUPS = ("group", "article_id", "document_id")
IDS = ("sentence_id", "id")
#: What people call a group's column; it is not read as one.
LIKE_GROUPS = ("article", "doc", "doc_id", "document", "speech", "speech_id")
#: What else stands in this package's tables, and what Label Studio adds to an export.
OTHERS = (
    "position", "kind", "start", "end", "sha256", "inclusion",
    "annotator", "annotation_id", "created_at", "updated_at", "lead_time",
)  # fmt: skip
NO_TARGETS = frozenset([*LONG, *GROUPS, *LIKE_GROUPS, *IDS, *OTHERS, ""])


def cells(column: pd.Series) -> pd.Series:
    """Return a column's cells as strings without white space around them; a missing one is empty."""
    return column.astype(object).where(column.notna(), "").map(lambda value: str(value).strip()).astype(object)


def require_columns(table: Table, names: Sequence[str]) -> None:
    """Raise a DataError that names each of these columns that a table lacks."""
    if faults := [missing(table, f"the column {name!r}") for name in names if name not in table.frame]:
        raise DataError(faults)


def missing(table: Table, expected: str) -> Fault:
    """Return the fault of a table that has other columns than expected."""
    return Fault(table.source, None, None, f"columns {', '.join(map(str, table.frame))}", expected)


def row_faults(rows: pd.DataFrame, column: str, problem: str, expected: str, *, warning: bool = False) -> list[Fault]:
    """Return a fault for each row, of columns `source` and `line`; `{name}` in `column` or `problem` is its cell."""
    return [
        Fault(row["source"], row["line"], column.format_map(row), problem.format_map(row), expected, warning)
        for row in cast("list[dict[str, Any]]", rows.to_dict("records"))
    ]


def target_columns(table: Table, labels: Collection[str] = LABELS) -> list[str]:
    """Return the columns of a wide table that hold labels or nothing yet, or are named in its `targets.toml`."""
    known = read_targets(Path(table.source).parent / "targets.toml")
    return [str(name) for name in table.frame if name in known or _is_target(table.frame[name], labels)]


def _is_target(column: pd.Series, names: Collection[str]) -> bool:
    """Tell whether at least half the cells that are not empty hold labels; if all are, whether the name is free."""
    labels = cells(column).str.lower()
    labels = labels[labels != ""]
    if labels.empty:
        return str(column.name).casefold() not in NO_TARGETS
    return float(labels.isin(names).mean()) >= 0.5


def read_targets(path: Path) -> dict[str, Target]:
    """Return the targets of a `targets.toml` by name, none without such a file; StanceError if it is unfit."""
    if not path.is_file():
        return {}
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
        return {name: _target(name, **entry) for name, entry in tree.items()}
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise StanceError(
            f"{path}: cannot be used ({type(error).__name__}: {error}); wanted a [target] section each with"
            " title, definition, mentions = [...] and lexicon = {favor = [...], against = [...]}"
        ) from None


def _target(
    name: str,
    title: str,
    definition: str = "",
    mentions: Sequence[str] = (),
    lexicon: Mapping[str, Any] = MappingProxyType({}),
) -> Target:
    def sides(favor: Sequence[str] = (), against: Sequence[str] = ()) -> tuple[Sequence[str], Sequence[str]]:
        return favor, against

    if not isinstance(title, str):
        raise TypeError(f"{name}: the title {title!r} is no text")
    lists = (mentions, *sides(**lexicon))
    for terms in lists:
        if not isinstance(terms, list | tuple) or not all(isinstance(term, str) for term in terms):
            raise TypeError(f"{name}: {terms!r} is no list of terms")
    return Target(name, title, definition, *map(tuple, lists))
