"""What the experiments share: their data, scores of a table of predictions, and generated sections of documents."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import stance

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "experiments"
RUNS = FOLDER / "runs"


#: Tables that are not in the repository: what the experiments call each, by the option that names it.
TABLES = {"ungd": "ungd.csv", "whitehouse": "whitehouse.csv", "news": "news.csv", "semeval": "semeval2016"}


def data_parser(doc: str | None, *, names: Sequence[str] = tuple(TABLES)) -> argparse.ArgumentParser:
    """Return a parser of options for tables that are not in the repository."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in names:
        parser.add_argument(f"--{name}", type=Path, metavar="CSV", help="default: as the experiments name it")
    return parser


def named_tables(options: argparse.Namespace) -> dict[str, Path]:
    """Return the tables that were named, by what the experiments call them."""
    return {TABLES[name]: path.resolve() for name, path in vars(options).items() if name in TABLES and path}


def experiment(name: str, tables: dict[str, Path]) -> stance.Settings | None:
    """Read an experiment with its data files replaced by the named tables; None if one is not there."""
    settings = stance.read_settings(FOLDER / f"{name}.toml")
    files = settings.data.files or [str(tables[name])] if name in tables else settings.data.files
    files = [str(tables.get(Path(file).name, file)) for file in files]
    return settings.changed(data__files=files) if files and all(Path(file).is_file() for file in files) else None


def evaluated(frame: pd.DataFrame, settings: stance.Settings, column: str = "predicted") -> stance.Evaluation:
    """Score one column of labels against the column `stance`."""
    labels = (frame[name].to_numpy(dtype=object) for name in ("stance", column, "target", "group"))
    return stance.evaluate(*labels, resamples=settings.evaluation.resamples, seed=settings.seed)


def compared(frame: pd.DataFrame, columns: tuple[str, str], settings: stance.Settings) -> stance.Comparison:
    """Compare two columns of labels against the column `stance`."""
    a, b, gold, target, group = (frame[name].to_numpy(dtype=object) for name in (*columns, "stance", "target", "group"))
    drawn = {"resamples": settings.evaluation.resamples, "seed": settings.seed}
    return stance.compare(columns, (a, b), gold, target, group, **drawn)


def signed(comparison: stance.Comparison) -> str:
    """Return the difference in F_avg with its interval."""
    score = comparison.difference
    return f"{score.value:+.3f} [{score.low:+.3f}, {score.high:+.3f}]"


def holm(p: Sequence[float]) -> list[float]:
    """Return p values corrected for their number (Holm 1979)."""
    order = np.argsort(p)
    steps = np.maximum.accumulate([min(1.0, p[k] * (len(p) - i)) for i, k in enumerate(order)])
    corrected = np.empty(len(p))
    corrected[order] = steps
    return [float(value) for value in corrected]


def markdown(rows: pd.DataFrame | Sequence[dict[str, Any]]) -> str:
    """Return rows as a table in Markdown."""
    table = pd.DataFrame(rows).astype(str).replace(r"\|", r"\\|", regex=True)
    lines = [list(table.columns), ["---"] * table.shape[1], *table.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def documents() -> list[Path]:
    """Return the documents that may hold a generated section."""
    return [ROOT / "README.md", ROOT / "data" / "README.md", FOLDER / "RESULTS.md", *sorted(ROOT.glob("docs/*.md"))]


def with_section(text: str, name: str, content: str) -> str:
    """Return a document with the lines between ``<!-- generated: NAME -->`` and ``<!-- end -->`` replaced."""
    pattern = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    return pattern.sub(lambda match: f"{match[1]}{content}\n{match[2]}", text)


def write_sections(sections: dict[str, str]) -> None:
    """Write generated sections into every document that has their markers; without any, it is an error."""
    for name, content in sections.items():
        holding = [path for path in documents() if f"<!-- generated: {name} -->" in path.read_text("utf-8")]
        if not holding:
            raise SystemExit(f"no document has a section <!-- generated: {name} -->")
        for path in holding:
            text = with_section(path.read_text("utf-8"), name, content)
            path.write_text(text, encoding="utf-8", newline="\n")
