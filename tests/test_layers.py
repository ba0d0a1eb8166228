"""Packages import only from the root modules and from the packages before them; only the command line prints."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import stance

PACKAGES = ("text", "data", "model", "training", "predict", "reading", "report", "app")
ROOT = Path(stance.__file__).parent
MODULES = sorted(path for path in ROOT.rglob("*.py") if not path.name.startswith("__"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_point_down_and_only_the_app_prints(path: Path) -> None:
    tree = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    imported = {
        str(node.module).split(".")[1]
        for node in tree
        if isinstance(node, ast.ImportFrom) and "." in (node.module or "") and str(node.module).startswith("stance.")
    }
    package = path.parent.name
    later = PACKAGES[PACKAGES.index(package) + 1 :] if package in PACKAGES else PACKAGES
    assert not imported & set(later)
    calls = {node.func.id for node in tree if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert package == "app" or not calls & {"print", "exit", "quit"}
