"""Labels without text joined with the texts that a user has."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

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


def sentence_hash(sentence: str) -> str:
    """Return the first 16 hex digits of the SHA-256 of the sentence in UTF-8."""
    return hashlib.sha256(sentence.encode()).hexdigest()[:16]


def join(labels: Sequence[str | Path], texts: Sequence[str | Path]) -> tuple[pd.DataFrame, list[Fault]]:
    """Find every labelled sentence in the user's copy of the documents.

    A document is any file under `texts` whose name without its ending is the `document_id`,
    so that each corpus's own folder layout serves.

    Returns
    -------
    (table, faults)
        The table has `sentence_id`, `document_id`, `text` and the labels, for the sentences
        found; a fault names each document or sentence that is missing or altered.

    Raises
    ------
    DataError
        If a labels file lacks a column.
    StanceError
        If a texts folder does not exist.
    """
    for folder in texts:
        if not Path(folder).is_dir():
            raise StanceError(f"{folder} is not a folder; wanted one with the documents (`--texts DIR`)")
    files = {path.stem: path for folder in texts for path in sorted(Path(folder).rglob("*")) if path.is_file()}
    found: list[pd.DataFrame] = []
    faults: list[Fault] = []
    for file in labels:
        table = read_table(file)
        if missing := [name for name in KEYS if name not in table.frame]:
            wanted = f"the columns {', '.join(KEYS)}"
            raise DataError([Fault(table.source, 1, None, f"no column {', '.join(missing)}", wanted)])
        frame = table.frame.assign(line=table.lines)
        for document, rows in frame.groupby("document_id", sort=False):
            if document not in files:
                gap, line = f"no document {document!r} for {len(rows)} sentences", int(rows["line"].iloc[0])
                faults.append(Fault(table.source, line, "document_id", gap, "a file of that name"))
                continue
            text = normalised(files[str(document)].read_text(encoding="utf-8", errors="replace"))
            sentences = [text[int(a) : int(b)] for a, b in zip(rows["start"], rows["end"], strict=True)]
            intact = [sentence_hash(s) == h for s, h in zip(sentences, rows["sha256"], strict=True)]
            faults += [
                Fault(table.source, int(row["line"]), "sha256", "another text there", f"{row['sentence_id']} unaltered")
                for row, same in zip(rows.to_dict("records"), intact, strict=True)
                if not same
            ]
            found.append(rows.assign(text=sentences)[intact])
    if not found:
        raise DataError(faults)
    joined = pd.concat(found, ignore_index=True)
    targets = [name for name in joined if name not in (*KEYS, "line", "text")]
    return joined[["sentence_id", "document_id", "text", *targets]], faults
