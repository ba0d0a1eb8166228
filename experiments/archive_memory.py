"""Predict a hundred thousand sentences and a million, and compare the peaks of memory.

    python experiments/archive_memory.py --texts FOLDER [--model RUN]

The sentences are those of the folder's .txt files, over and over. Writes the table into experiments/RESULTS.md.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from readme import write_sections

from stance.report.tables import markdown
from stance.text.sentences import split

ROOT = Path(__file__).parent.parent


def sentences_of(folder: Path, most: int) -> list[str]:
    """Return up to `most` sentences of a folder's text files, in the files' order."""
    found: list[str] = []
    for path in sorted(folder.rglob("*.txt")):
        found += split(path.read_text(encoding="utf-8", errors="ignore").replace("\0", ""))
        if len(found) >= most:
            break
    return found[:most]


# A process counts as its own the memory of the one that started it, which therefore has to be small.
_LAUNCHER = """
import os, subprocess, sys
_, status, usage = os.wait4(subprocess.Popen(sys.argv[1:]).pid, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def peak(arguments: Sequence[str]) -> tuple[float, float]:
    """Run a command to its end; return its largest resident memory in MB (10**6 bytes) and its seconds."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", _LAUNCHER, *arguments], stdout=subprocess.PIPE, check=True)
    unit = 1 if sys.platform == "darwin" else 1024
    return int(done.stdout) * unit / 1e6, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, required=True, help="folder of .txt files")
    parser.add_argument("--model", help="run or model file; default: what `stance predict` takes")
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--form", default="csv", choices=["txt", "csv", "jsonl"])
    options = parser.parse_args()
    sentences = sentences_of(options.texts, 100_000)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for n in options.rows:
            source, output = Path(folder) / f"in.{options.form}", Path(folder) / "out.csv"
            column = pd.Series(list(itertools.islice(itertools.cycle(sentences), n)), name="text").to_frame()
            if options.form == "jsonl":
                column.to_json(source, orient="records", lines=True, force_ascii=False)
            elif options.form == "txt":
                source.write_text("\n".join(column["text"]) + "\n", encoding="utf-8")
            else:
                column.to_csv(source, index=False)
            del column
            command = [sys.executable, "-m", "stance", "predict", "--input", str(source), "--output", str(output)]
            size, seconds = peak(command + (["--model", options.model] if options.model else []))
            megabytes = source.stat().st_size / 1e6
            rows.append({"sentences": f"{n:,}", "file": f"{megabytes:.0f} MB", "peak memory": f"{size:.0f} MB"})
            print(rows[-1], f"{seconds:.1f} s", flush=True)
    write_sections({"memory": markdown(pd.DataFrame(rows))})


if __name__ == "__main__":
    main()
