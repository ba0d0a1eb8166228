"""The bundled model, what `info` says, and how little a prediction imports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import stance
from stance.model.predictor import BUNDLED, load
from tests.conftest import RunCli

# Not pydantic on the command line: typer itself may bring it.
HEAVY = ("sklearn", "scipy", "pandas", "matplotlib", "pyarrow", "joblib", "numba", "jinja2", "dask", "stance.settings")


def test_without_a_model_named_the_bundled_one_answers(cli: RunCli) -> None:
    done = cli("predict", "We condemn the deployment of missile defense as a threat to peace.")
    assert done.returncode == 0, done.stderr
    assert "model: bundled, which comes with stance" in done.stderr
    header, row = done.stdout.splitlines()
    assert header.startswith("text,missile_defense,missile_defense_proba,")
    assert row.split(",")[1] == "against"
    assert stance.load().targets == ("missile_defense", "nato_expansion", "space_weapons")


def test_the_bundled_model_is_small_and_has_a_card() -> None:
    assert (BUNDLED / "model.safetensors").stat().st_size < 5_000_000
    assert load().info.fingerprint[:16] in (BUNDLED / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_a_prediction_imports_nothing_heavy() -> None:
    code = f"""
import sys
from stance.app.main import main
for args in (["--help"], ["info"], ["predict", "A text.", "--json"], ["predict", "A text."]):
    sys.argv[1:] = args
    try:
        main()
    except SystemExit as end:
        print(args, end.code, [name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("[")]
    assert len(lines) == 4
    assert all(line.endswith("] 0 []") for line in lines), lines


def test_a_prediction_in_python_imports_numpy_and_safetensors_alone() -> None:
    code = (
        "import sys, stance; stance.load().predict(['A text.'], target='space_weapons');"
        f"print([name for name in {(*HEAVY, 'pydantic', 'rich', 'typer')} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_info_says_what_a_model_is(cli: RunCli, tiny_run: Path) -> None:
    done = cli("info", tiny_run)
    assert done.returncode == 0, done.stderr
    fingerprint = load(tiny_run).info.fingerprint
    for text in (
        "Model tiny",
        "tiny.csv: 160 examples, 80 texts of 8 articles",
        fingerprint[:16],
        "Not for:",
        "macro_f1",
    ):
        assert text in done.stdout
    facts = json.loads(cli("info", tiny_run, "--json").stdout)
    assert facts["counts"]["shield"] == [16, 48, 16]
    low, value, high = (facts["target_scores"]["club"][i] for i in (1, 0, 2))
    assert 0 <= low <= value <= high <= 1
    assert facts["settings"]["classifier"]["C"] == [1.0, 10.0]
    assert "bundled" in cli("info").stdout
