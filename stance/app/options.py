"""Options that several commands have, each defined once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="Labelled table (csv, tsv, jsonl, parquet); may be repeated."),
]
Html = Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page to look at.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
Labels = Annotated[
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
Targets = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this target; may be repeated.")]
