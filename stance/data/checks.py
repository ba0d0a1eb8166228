"""Faults and warnings of labelled data: of columns, of cells, of examples taken together."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Sequence

import pandas as pd

from stance.data.columns import GROUPS, IDS, LIKE_GROUPS, OTHERS, cells, row_faults
from stance.data.language import foreign_note, is_foreign
from stance.data.splits import text_hash
from stance.data.tables import Table
from stance.errors import DataError, Fault, choices
from stance.labels import LABELS

# Letters of the Cyrillic and the Greek alphabet, and the Latin ones they look like.
_ALIKE = str.maketrans(
    "аеорсухіјѕАВЕКМНОРСТУХІЈЅοΑΒΕΗΙΚΜΝΟΡΤΧΥΖ",  # noqa: RUF001
    "aeopcyxijsABEKMHOPCTYXIJSoABEHIKMNOPTXYZ",
)
#: Fewer examples of a side are told of.
FEW = 30
#: So many wrong labels of a column are shown.
SHOWN = 10
#: What to do about labels with other names.
OTHER_NAMES = "or say what they are called: --labels pro=favor,con=against,neutral=none"


def unused_columns(table: Table, used: Sequence[str]) -> list[Fault]:
    """Warn of columns that nothing is read from: a name misspelt, a group's, or labels in other words.

    One with a few labels is a fault: it is a target's, and most of its cells are wrong.
    """
    has_group = any(name in GROUPS for name in table.frame)
    faults = []
    for name in map(str, table.frame.columns):
        if name in (*used, *GROUPS, *IDS, *OTHERS):
            continue
        problem, expected, is_doubt = "a column that is not used", "a column that is read, or none", True
        values = cells(table.frame[name])
        values = values[values != ""]
        if not has_group and name.casefold() in LIKE_GROUPS and values.duplicated().any():
            expected = f"{choices(GROUPS)} as its name, if rows with one value belong together"
        elif like := difflib.get_close_matches(name, ["text", *GROUPS, *IDS], n=1):
            expected = repr(like[0])
        elif "target" not in used and values.str.lower().isin(["against", "favor"]).any():
            problem = f"{values.str.lower().isin(LABELS).sum()} labels among {len(values)} cells"
            expected = f"{choices(LABELS)} in at least half of them ({OTHER_NAMES}), or no such column"
            is_doubt = False
        elif "target" not in used and 2 <= values.nunique() <= len(LABELS):
            problem += f" (it holds {', '.join(map(repr, sorted(values.unique())))})"
            expected = f"{choices(LABELS)} in it, if it is a target's ({OTHER_NAMES})"
        faults.append(Fault(table.source, None, name, problem, expected, warning=is_doubt))
    return faults


def cell_faults(rows: pd.DataFrame, *, group: str) -> list[Fault]:
    """Return the faults of single cells, one a column of labels; `group` names the column that groups come from."""
    faults = []
    for field, column in (("text", "text"), ("target", "target"), ("group", group)):
        is_empty = rows[field].map(lambda text: not any(c.isprintable() for c in text.replace(" ", "")))
        empty = rows[is_empty].drop_duplicates("line")
        faults += row_faults(empty, column, "an empty cell", f"a {field}")
    wrong = rows[~rows["stance"].isin([*LABELS, ""])]
    for heading, same in wrong.groupby("column", sort=False):
        first, n_rows = same.drop_duplicates("stance"), same["stance"].value_counts().to_dict()
        names = zip(first["stance"].head(SHOWN), first["line"], strict=False)
        found = ", ".join(f"{name!r} (line {line}, {n_rows[name]} in all)" for name, line in names)
        found += ", ..." * (len(first) > SHOWN)
        line, expected = first["line"].iloc[0], f"{choices(LABELS)}, or empty ({OTHER_NAMES})"
        faults.append(Fault(first["source"].iloc[0], line, str(heading), found, expected))
    return faults


def duplicate_ids(rows: pd.DataFrame) -> list[Fault]:
    """Return a fault for each row whose id and target an earlier row has."""
    named = rows[rows["sentence_id"] != ""]
    again = named[named.duplicated(["sentence_id", "target"])].drop_duplicates(["sentence_id", "source", "line"])
    return row_faults(again, "sentence_id", "{sentence_id!r} again", "each id once")


def names_alike(rows: pd.DataFrame) -> list[Fault]:
    """Return a fault for each target, and a warning for each id and group, that an earlier one looks like."""
    faults = []
    for field in ("target", "group", "sentence_id"):
        first: dict[str, str] = {}
        for name, source in rows[[field, "source"]].drop_duplicates(field).itertuples(index=False):
            plain = name.casefold()
            if field == "target":
                letters = unicodedata.normalize("NFKC", name).translate(_ALIKE).casefold()
                plain = "".join(filter(str.isalnum, letters)) or name
            if (earlier := first.setdefault(plain, name)) != name:
                problem = f"the {field} {name!r} beside {earlier!r}"
                faults.append(Fault(source, None, None, problem, "one spelling", warning=field != "target"))
    return faults


def misread_texts(rows: pd.DataFrame) -> list[Fault]:
    """Warn once of texts whose bytes were read in another encoding than they were written in."""
    texts = rows[rows["text"].map(_is_misread)].drop_duplicates(["source", "line"])
    if texts.empty:
        return []
    problem = f"{len(texts)} texts in a wrong encoding (first: line {texts['line'].iloc[0]})"
    return [Fault(texts["source"].iloc[0], None, "text", problem, "UTF-8, which has ’ and not â€™", warning=True)]


def _is_misread(text: str) -> bool:
    for run in re.findall("[^\0-\x7f]{2,}", text):
        try:
            run.encode("cp1252").decode()
        except UnicodeError:
            continue
        return True
    return re.search("[\x80-\x9f\ufffd]", text) is not None


def nothing_labelled(unlabelled: pd.DataFrame, source: str) -> Fault:
    """Return the fault of data without a single label."""
    targets = ", ".join(map(repr, unlabelled["target"].unique()))
    detail = f": all {len(unlabelled)} cells of {targets} are empty" if targets else ""
    return Fault(source, None, None, f"no labelled example{detail}", f"labels: {choices(LABELS)}")


def chosen_targets(examples: pd.DataFrame, targets: Sequence[str], source: str) -> list[str]:
    """Return the targets named, else all, in the order of the data; DataError if one has no example."""
    present = list(dict.fromkeys(examples["target"]))
    if unknown := [name for name in targets if name not in present]:
        problem = f"no labelled example of {', '.join(unknown)}"
        raise DataError([Fault(source, None, None, problem, f"targets from the data: {choices(present)}")])
    return list(targets) or present


def contradictions(examples: pd.DataFrame) -> list[Fault]:
    """Warn of texts with two labels for a target; the rows all stay, as people gave them."""
    key = [examples["text"].map(text_hash), examples["target"]]
    rows = examples[examples.groupby(key)["stance"].transform("nunique") > 1]
    expected = "the label this text has elsewhere too"
    return row_faults(rows, "{target}", "{stance!r} for {sentence_id!r}", expected, warning=True)


def repeated_rows(examples: pd.DataFrame) -> list[Fault]:
    """Warn once of rows all of whose labels an earlier row gives the same text."""
    label, row = ["hash", "target", "stance"], ["source", "line"]
    keyed = examples.assign(hash=examples["text"].map(text_hash))
    again = keyed.assign(again=keyed.duplicated(label)).groupby(row)["again"].transform("all")
    repeated = keyed[again].drop_duplicates(row).sort_values("line", kind="stable")
    if repeated.empty:
        return []
    later = repeated.iloc[0]
    earlier = keyed[(keyed[label] == later[label]).all(axis=1)].iloc[0]
    problem = f"{len(repeated)} rows with the text and labels of an earlier one"
    problem += f" (first: line {later['line']}, as {earlier['source']}:{earlier['line']})"
    return [Fault(later["source"], None, None, problem, "each once", warning=True)]


def one_sided(examples: pd.DataFrame) -> list[Fault]:
    """Return a fault for each target all of whose examples have one label."""
    faults = []
    for target, rows in examples.groupby("target", sort=False):
        if rows["stance"].nunique() == 1:
            problem = f"{len(rows)} examples of {target!r}, all {rows['stance'].iloc[0]!r}"
            faults.append(Fault(rows["source"].iloc[0], None, None, problem, "two labels or more"))
    return faults


def notes(examples: pd.DataFrame) -> list[str]:
    """Say what makes scores doubtful: no groups, few examples of a side (fewer than `FEW`), texts not English."""
    lines = []
    if files := list(dict.fromkeys(examples.loc[~examples["grouped"], "source"])):
        lines.append(
            f"no column {choices(GROUPS)} in {', '.join(files)}: each text counts as an article. If sentences of one"
            " article are in it, scores are too good and intervals too narrow"
        )
    counts = pd.crosstab(examples["target"], examples["stance"]).reindex(columns=LABELS, fill_value=0)
    few = [f"{n} {side} {target}" for side in ("against", "favor") for target, n in counts[side].items() if n < FEW]
    if few:
        lines.append(
            f"fewer than {FEW} examples of a side ({', '.join(few)}): other sentences may score quite differently, and"
            " an interval tells of sentences like these alone. Label more that take a side, or train from a model that"
            " already reads such texts (--base), which may help"
        )
    texts = examples["text"].drop_duplicates()
    if foreign := [text for text in texts if is_foreign(text)]:
        lines.append(f"{foreign_note(len(foreign), len(texts))} (such as {foreign[0][:80]!r})")
    return lines
