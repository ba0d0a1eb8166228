"""What the commands share: printing for people on a terminal, and for programs elsewhere."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from stance.data.language import foreign_note
from stance.errors import Fault, StanceError, existing_file
from stance.files import atomic_write
from stance.labels import COLORS, LABELS, UNSURE

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from stance.data.corpus import Corpus
    from stance.model.predictor import Model


def say(message: str, *, style: str | None = None) -> None:
    """Print a line for the person at the terminal, on stderr."""
    if sys.stderr.isatty():
        _console(stderr=True).print(message, style=style, markup=False, highlight=False, soft_wrap=True)
    else:
        print(message, file=sys.stderr)


def say_done(
    what: str, counts: Counter[tuple[str, str]], started: float, output: object, *, foreign: int, texts: int
) -> None:
    """Print what was read, in how many seconds since `time.perf_counter()` was `started`, and stances by target.

    Of the `texts`, `foreign` are not English.
    """
    if foreign:
        warn(foreign_note(foreign, texts))
    line = f"{what} in {time.perf_counter() - started:.1f} s: {output}"
    for target in dict.fromkeys(target for target, _ in counts):
        n = {label: counts[target, label] for label in (*LABELS, UNSURE)}
        line += f"; {target} " + ", ".join(f"{k / sum(n.values()):.0%} {label}" for label, k in n.items() if k)
    say(line)


def warn(message: str) -> None:
    """Print a warning on stderr."""
    say(f"warning: {message}", style="yellow")


def print_fault(fault: Fault) -> None:
    """Print one fault on stderr."""
    say(f"{'warning' if fault.warning else 'fault'}: {fault}")


def print_json(value: object) -> None:
    """Print plain values as JSON on stdout."""
    print(json.dumps(value, indent=1))


def print_table(frame: pd.DataFrame, title: str | None = None) -> None:
    """Print a table on stdout."""
    print_rows([str(name) for name in frame.columns], frame.itertuples(index=False), title)


def print_rows(header: Sequence[str], rows: Iterable[Iterable[object]], title: str | None = None) -> None:
    """Print rows under a header on stdout: labels in their colours, floats with two digits, lists joined."""
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title and escape(title), title_justify="left")
    for name in header:
        table.add_column(escape(name), overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell), style=COLORS.get(cell.split(" ")[0], "")) for cell in map(_cell, row)))
    _console(stderr=False).print(table)


def _cell(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else ", ".join(value) if isinstance(value, list) else str(value)


def print_marked(pieces: Iterable[tuple[str, str, bool]]) -> None:
    """Print a line of (text, label or "", whether strong) pieces on stdout, in their labels' colours."""
    from rich.text import Text

    line = Text()
    for piece, label, strong in pieces:
        line.append(printable(piece), f"bold {COLORS[label]}" if strong else COLORS[label] if label else "")
    _console(stderr=False).print(line, soft_wrap=not sys.stdout.isatty())


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with atomic_write(path) as handle:
        handle.write(content)


def printable(text: str) -> str:
    """Return the text with a replacement character for each control or direction mark: they act on terminals."""
    return "".join(
        c if c.isprintable() or c == "\n" else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def load_model(path: Path | None, targets: Path | None = None) -> Model:
    """Load a model, and say so where it is the bundled one; `targets` is a file of targets it has no labels of."""
    from stance.model.predictor import load

    model = load(path)
    if path is None:
        say(f"model: {model.info.name}, which comes with stance (--model RUN takes another)", style="dim")
    if targets is not None:
        from stance.data.columns import read_targets

        new = read_targets(existing_file(targets, "targets in TOML, each with a title and mentions")).values()
        if not new:
            raise StanceError(f"{targets}: holds no target; wanted [NAME] sections with a title and mentions")
        for target in new:
            model = model.with_target(target.name, target.terms, title=target.title)
        expected = (
            "F_avg {:.2f} [{:.2f}, {:.2f}] is".format(*model.info.expected) if model.info.expected else "little is"
        )
        say(f"{', '.join(target.name for target in new)}: zero-shot, without labels of its own; {expected} to expect")
    return model


@cache
def _console(*, stderr: bool) -> Console:
    # Rich is a tenth of the time that predicting one sentence takes; it is loaded where it is needed.
    from rich.console import Console

    # Without a terminal nothing says how wide a line may be, and a table folded at 80 is hard to read.
    return Console(stderr=stderr, width=None if stderr or sys.stdout.isatty() else 160)


def describe(corpus: Corpus) -> str:
    """Return the size of a corpus in a line."""
    return (
        f"{len(corpus.examples)} examples: {corpus.n_texts} texts, {corpus.n_groups} articles or groups,"
        f" {len(corpus.targets)} targets; {corpus.n_unlabelled} cells unlabelled"
    )


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a callback (done, total) that tells of steady work: a bar on a terminal, else a line every 30 seconds."""
    start = told = time.monotonic()

    def left(done: int, total: int) -> str:
        if not done or 10 * done < total:
            return ""
        return f"{timedelta(seconds=round((time.monotonic() - start) * (total - done) / done))} left"

    def tick(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told >= 30:
            told = time.monotonic()
            say(f"{what}: {done / max(total, 1):.0%} {left(done, total)}".rstrip())

    if not sys.stderr.isatty():
        yield tick
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[left]}"))
    with Progress(*columns, console=_console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None, left="")
        yield lambda done, total: bar.update(task, completed=done, total=total, left=left(done, total))


def warn_of(corpus: Corpus) -> None:
    """Print the notes on a corpus, every doubtful column, and the first doubtful rows."""
    for note in corpus.notes:
        say(f"note: {note}")
    rows = [fault for fault in corpus.warnings if fault.line is not None]
    for fault in corpus.warnings:
        if fault.line is None:
            print_fault(fault)
    if rows:
        warn(f"{len(rows)} rows whose text has two labels, among them:")
        for fault in rows[:3]:
            print_fault(fault)
