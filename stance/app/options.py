"""Options that several commands have, each defined once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stance.errors import choices
from stance.labels import LABELS


def _labels(text: str) -> dict[str, str]:
    """Return a label by each name that the data has for it; BadParameter if the text is of another form."""
    pairs = [pair.rpartition("=")[::2] for pair in text.lower().split(",")]
    labels = {name.strip(): label.strip() for name, label in pairs}
    if not all(name and label in LABELS for name, label in labels.items()):
        raise typer.BadParameter(f"found {text!r}; wanted NAME=LABEL,... with {choices(LABELS)} as labels")
    return labels


Data = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="Labelled table (csv, tsv, jsonl, parquet, xlsx); may be repeated."),
]
Html = Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page to look at.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
Labels = Annotated[
    dict[str, str] | None,
    typer.Option(
        parser=_labels,
        metavar="NAME=LABEL,...",
        help="What labels are called in the data, such as pro=favor,con=against,neutral=none.",
    ),
]
LabelledFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="What `stance sample` drew, labelled in the targets' columns.")
]
ModelPath = Annotated[
    Path | None,
    typer.Option(metavar="RUN", help="A run's folder or its model.safetensors; default: the bundled model."),
]
Scheduler = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="The Dask cluster's; default: one on this machine."),
]
Strict = Annotated[bool, typer.Option("--strict", help="Make warnings about the data errors.")]
TargetsFile = Annotated[
    Path | None,
    typer.Option(
        "--targets",
        metavar="FILE",
        help="More targets, in TOML, known by their mentions alone (zero-shot): title, mentions.",
    ),
]
Targets = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this target; may be repeated.")]
