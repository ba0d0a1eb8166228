"""What the fuzz runs share: options, seeds in a folder, and Atheris on a target for a bounded time."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

atheris: Any = import_module("atheris")


def fuzz(
    doc: str | None, seeds: Callable[[int], dict[str, bytes]], target: Callable[[Path], Any], *, longest: int
) -> None:
    """Read the command line and call a target with inputs until the time is over.

    Parameters
    ----------
    seeds
        Of the run's seed, the inputs to begin with by name.
    target
        Of the path it may write, what is called with each input.
    longest
        Bytes of an input.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for name, raw in seeds(options.seed).items():
            (corpus / name).write_bytes(raw)
        arguments = [f"-max_total_time={options.seconds}", f"-seed={options.seed}", f"-max_len={longest}", str(corpus)]
        atheris.Setup([sys.argv[0], *arguments], target(Path(folder) / "input"))
        atheris.Fuzz()
