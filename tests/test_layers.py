"""Modules import from lower layers only, and siblings never import each other."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import stance

LAYERS = (
    {"schema", "hashtags", "negation", "gate"},
    {"config", "kernel", "streams", "sentences", "holders"},
    {"records"},
    {"writers"},
    {"tables", "cluster"},
    {"corpus", "metrics", "documents", "scorer", "classifier"},
    {"storage", "explanation", "features"},
    {"model", "baselines", "annotations", "articles"},
    {"influence"},
    {"training", "evaluation", "batch", "statistics", "reading"},
    {"pages", "maps"},
    {"plots", "report", "archive", "service"},
    {"runs"},
    {"console"},
    {"corpus_cli", "model_cli", "explain_cli", "reading_cli", "serve_cli"},
    {"cli"},
)
PACKAGE = Path(stance.__file__).parent
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if not path.stem.startswith("__"))


def imported(module: str) -> set[str]:
    tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "stance":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("stance."):
            found.add(str(node.module).split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("stance.")}
    return found & set(MODULES)


def test_every_module_has_a_layer() -> None:
    assert sorted(set().union(*LAYERS)) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module: str) -> None:
    layer = next(i for i, names in enumerate(LAYERS) if module in names)
    below = set().union(*LAYERS[:layer])
    assert imported(module) <= below


@pytest.mark.parametrize("module", [m for m in MODULES if not m.endswith("cli")])
def test_only_the_cli_prints(module: str) -> None:
    tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
    names = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not names & {"print", "exit", "quit"}
