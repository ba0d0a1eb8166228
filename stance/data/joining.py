"""Labels without text joined with the texts that a user has."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from stance.data.columns import cells, require_columns, row_faults
from stance.data.tables import read_table
from stance.errors import DataError, Fault, StanceError

#: Columns that say where a sentence stands; the others of a labels file are kept.
KEYS = ("sentence_id", "document_id", "start", "end", "sha256")


def normalised(text: str) -> str:
    """Return a text as offsets count it: NFC, no U+FEFF or NUL, white space folded to one space.

    >>> normalised(" A\\u0301  b\\n")
    'Á b'
    """
    text = unicodedata.normalize("NFC", text.replace("\ufeff", "").replace("\0", ""))
    return re.sub(r"\s+", " ", text).strip()


def join_texts(labels: Sequence[str | Path], texts: Sequence[str | Path]) -> tuple[pd.DataFrame, list[Fault]]:
    """Take every labelled sentence from the user's copy of the documents.

    A document is any file under `texts` whose name without its ending is the `document_id`, so that each
    corpus's own folder layout serves. Returns a table of `sentence_id`, `document_id`, `text` and the labels, for
    the sentences that are there, and a fault for each document or sentence that is missing or altered.
    Raises a DataError if a labels file lacks a column or has an offset that is none, or no document is there.
    """
    for folder in texts:
        if not Path(folder).is_dir():
            raise StanceError(f"{folder} is not a folder; wanted one with the documents (`--texts DIR`)")
    files = {path.stem: path for folder in texts for path in sorted(Path(folder).rglob("*")) if path.is_file()}
    joined: list[pd.DataFrame] = []
    faults: list[Fault] = []
    for file in labels:
        table = read_table(file)
        require_columns(table, KEYS)
        frame = table.frame.assign(line=table.lines, source=table.source)
        for name in ("start", "end"):
            unfit = frame[~cells(frame[name]).str.fullmatch(r"\d{1,9}")]
            if offsets := row_faults(unfit, name, f"{{{name}!r}}", "a position in the document"):
                raise DataError(offsets, hint="mend these first")
        for document, named in frame.groupby("document_id", sort=False):
            if document not in files:
                problem = f"no document {{document_id!r}} for {len(named)} sentences"
                faults += row_faults(named[:1], "document_id", problem, "a file of that name")
                continue
            text = normalised(files[str(document)].read_text(encoding="utf-8", errors="replace"))
            sentences = [text[int(a) : int(b)] for a, b in zip(named["start"], named["end"], strict=True)]
            intact = np.array([_hash(sentence) for sentence in sentences]) == named["sha256"]
            faults += row_faults(named[~intact], "sha256", "another text at {sentence_id!r}", "the one labelled")
            joined.append(named.assign(text=sentences)[intact])
    if not joined:
        raise DataError(faults)
    result = pd.concat(joined, ignore_index=True)
    kept = [name for name in result if name not in (*KEYS, "line", "source", "text")]
    return result[["sentence_id", "document_id", "text", *kept]], faults


def _hash(sentence: str) -> str:
    return hashlib.sha256(sentence.encode()).hexdigest()[:16]
