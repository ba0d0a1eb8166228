"""Run the notebooks anew, and write the new outputs into them.

    python experiments/notebooks.py [NAME]...            # all, or those named, such as 01-corpus
    python experiments/notebooks.py --check [NAME]...    # writes nothing; exit 1 if a cell fails

Cells tagged `ungd` want the UN General Debate speeches, in the folder named by the environment variable
STANCE_UNGD; without it they are not run, and keep the output they have.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
CELL_SECONDS = 300


def run(path: Path, *, write: bool) -> str:
    """Run a notebook in its own folder; return what failed, or nothing."""
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        skip_cells_with_tag="" if os.environ.get("STANCE_UNGD") else "ungd",
    )
    try:
        client.execute()
    except CellExecutionError as error:
        return str(error)
    if write:
        # The Python version that ran it would differ with every machine.
        notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"]}
        path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")  # type: ignore[no-untyped-call]
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="such as 01-corpus; default: every notebook")
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    paths = [NOTEBOOKS / f"{name}.ipynb" for name in options.names] or sorted(NOTEBOOKS.glob("*.ipynb"))
    if missing := [path.stem for path in paths if not path.is_file()]:
        known = ", ".join(sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")))
        parser.error(f"no notebook {', '.join(missing)}; wanted some of {known}")
    if not os.environ.get("STANCE_UNGD"):
        print("STANCE_UNGD names no folder of speeches: cells that want one are not run and keep their output")
    failed = 0
    for path in paths:
        fault = run(path, write=not options.check)
        print(f"{path.stem}: {'failed' if fault else 'ran'}\n{fault}".rstrip(), flush=True)
        failed += bool(fault)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
