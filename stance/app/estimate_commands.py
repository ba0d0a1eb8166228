"""``stance sample`` and ``stance estimate``: right figures of an archive from an imperfect model."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from stance.app.console import load_model, print_json, print_rows, say, warn, write_file
from stance.app.options import Json, LabelledFile, ModelPath
from stance.errors import StanceError

if TYPE_CHECKING:
    import pandas as pd

    from stance.reading.predictions import Predictions
    from stance.reading.sampling import LabelledSample

Predicted = Annotated[
    list[Path],
    typer.Argument(metavar="PREDICTED...", help="What `predict` or `read --csv` wrote, or `map` as predicted.csv."),
]


def sample(
    predicted: Predicted,
    output: Annotated[Path, typer.Option(metavar="FILE", help="Table to label.")],
    n: Annotated[int, typer.Option("--n", min=1, help="Sentences to draw.")] = 300,
    by: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Draw as many of each of its values, few as they may be.")
    ] = None,
    sides: Annotated[
        float, typer.Option(metavar="FRACTION", help="So many at least with a predicted side; makes intervals longer.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Another seed draws another sample.")] = 0,
    text_column: Annotated[str, typer.Option("--text-column", help="Column that holds the text.")] = "text",
) -> None:
    """Draw sentences of an archive to label, with more of the rare predictions and of those the model is unsure of."""
    from stance.data.tables import write_table
    from stance.reading.predictions import read_predictions
    from stance.reading.sampling import draw_sample

    if output.exists():
        raise StanceError(f"{output} is there already, and may hold labels; wanted another --output")
    predictions = read_predictions(predicted)
    table, about = draw_sample(predictions, n, by=by, sides=sides, seed=seed, text_column=text_column)
    write_table(table, output)
    write_file(_about(output), json_module.dumps(about, indent=1).encode())
    say(f"{n} of {len(predictions.sentences):,} sentences drawn; keep {_about(output)} beside them")
    say(f"label {', '.join(predictions.targets)} in it, then: stance estimate PREDICTED... --labels {output}")
    print(output)


def estimate(
    predicted: Predicted,
    labels: LabelledFile = None,
    by: Annotated[str, typer.Option(metavar="COLUMNS", help="Columns to group by, such as actor,year.")] = "",
    documents: Annotated[
        Literal["sample", "all"],
        typer.Option(help="What the documents are: a sample of others like them, or all there are."),
    ] = "sample",
    assume_shift: Annotated[
        bool, typer.Option("--assume-shift", help="Without labels: assume that only the labels' shares have shifted.")
    ] = False,
    model: ModelPath = None,
    json: Json = False,
    output: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for the tables.")] = None,
) -> None:
    """Correct an archive's figures, and score the model on it, by a labelled sample."""
    from stance.reading.estimates import estimate_shares
    from stance.reading.predictions import read_predictions
    from stance.reading.shift import ASSUMPTION, assumed_shares

    if (labels is None) != assume_shift:
        raise typer.BadParameter("wanted --labels FILE, or without labels --assume-shift", param_hint="--labels")
    keys = list(dict.fromkeys(key.strip() for key in by.split(",") if key.strip()))
    predictions = read_predictions(predicted)
    notes: tuple[str, ...] = (ASSUMPTION,)
    told: tuple[str, ...] = ()
    if labels is None:
        tables = {"assumed": assumed_shares(predictions, load_model(model), by=keys)}
    else:
        known = labelled(labels, predictions)
        estimates = estimate_shares(predictions, known, by=keys, whole=documents == "all")
        tables, notes = {"shares": estimates.shares, "accuracy": estimates.accuracy}, estimates.notes
        told = known.notes
    if output is not None:
        _write(output, tables, notes)
    if json:
        print_json({name: _records(table) for name, table in tables.items()} | {"notes": list(notes)})
        return
    for name, table in tables.items():
        _print(name, table, keys)
    for note in notes:
        if note not in told:
            say(f"note: {note}")


def labelled(path: Path, predictions: Predictions) -> LabelledSample:
    """Read a labelled sample, with what `stance sample` wrote of it; warn of what is doubtful."""
    from stance.reading.sampling import read_labels

    file, about = _about(path), None
    if file.is_file():
        try:
            about = json_module.loads(file.read_bytes())
            about = {name: about[name] for name in ("n", "sentences", "fingerprint")}
        except (ValueError, TypeError, KeyError):
            raise StanceError(f"{file} cannot be used; wanted it as `stance sample` wrote it") from None
    sample = read_labels(path, predictions, about)
    for note in sample.notes:
        warn(note)
    return sample


def _about(path: Path) -> Path:
    return path.with_name(f"{path.name}.sample.json")


def _write(output: Path, tables: dict[str, pd.DataFrame], notes: tuple[str, ...]) -> None:
    from stance.data.tables import write_table

    output.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        write_table(table, output / f"{name}.csv")
    write_file(output / "notes.txt", "".join(f"{note}\n" for note in notes).encode())


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows for JSON, which has no NaN."""
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return cast("list[dict[str, Any]]", rows)


def _print(name: str, table: pd.DataFrame, by: list[str]) -> None:
    """Print one of the tables, a value and its interval in one cell."""
    titles = {"shares": "Shares and net stance", "accuracy": "The model on this archive", "assumed": "ASSUMED shares"}
    ends = {"naive": ("naive_low", "naive_high"), "value": ("low", "high")}
    kept = [*by, "target", "figure", "score", "naive", "value", "labels", "pooled"]
    header = [column for column in kept if column in table]
    rows = []
    for row in table.to_dict("records"):
        cells = [str(row[column]) for column in header]
        for i, column in enumerate(header):
            if column in ends:
                low, high = (row.get(end) for end in ends[column])
                cells[i] = _with_interval(row[column], low, high)
        rows.append(cells)
    names = {
        "naive": "counted",
        "value": "assumed" if name == "assumed" else "corrected" if name == "shares" else "value",
    }
    print_rows([names.get(column, column) for column in header], rows, titles[name])


def _with_interval(value: float, low: float | None, high: float | None) -> str:
    shown = "none" if value != value else f"{value:.3f}"
    return shown if low is None or low != low else f"{shown} [{low:.3f}, {high:.3f}]"
