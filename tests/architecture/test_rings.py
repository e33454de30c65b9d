"""The rings of the sandbox: imports run one way, and nothing heavy happens when the definitions load."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "journeys_assets"
ROOMS = {
    "domain": {"domain"},
    "storage": {"storage", "domain", "importers"},
    "models": {"models", "domain"},
    "importers": {"importers", "domain"},
    "synthetic": {"synthetic", "domain"},
    "evaluation": {"evaluation", "domain", "storage", "models", "synthetic"},
    "defs": {"defs", "domain", "storage", "models", "settings", "build", "evaluation"},
}
OUTSIDE = {"domain": {"dagster", "duckdb", "os", "time", "torch", "sentence_transformers", "onnxruntime", "lightgbm"}}
NO_DAGSTER = {"domain", "storage", "models", "importers", "synthetic", "evaluation"}
HEAVY = ("torch", "sentence_transformers", "onnxruntime", "lightgbm", "numba", "sklearn", "matplotlib")
CLOCK_CALLS = {"now", "today", "utcnow", "time", "monotonic"}


def modules(room: str) -> list[Path]:
    return sorted((PACKAGE / room).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("room", ROOMS)
def test_imports_run_one_way(room: str) -> None:
    files = modules(room)
    assert files
    for path in files:
        for name in imports(path):
            if name.startswith("journeys_assets."):
                assert name.split(".")[1] in ROOMS[room], f"{path} imports {name}"
            assert name.split(".")[0] not in OUTSIDE.get(room, set()), f"{path} imports {name}"
            if room in NO_DAGSTER:
                assert not name.startswith("dagster"), f"{path} imports {name}"


def test_the_domain_reads_no_clock() -> None:
    for path in modules("domain"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCK_CALLS:
                owner = node.func.value
                assert not (isinstance(owner, ast.Name) and owner.id in {"datetime", "date", "time"}), (
                    f"{path}:{node.lineno} reads the clock"
                )


@pytest.mark.parametrize("module", ["journeys_assets.definitions", "journeys_assets.cli.context"])
def test_loading_imports_nothing_heavy(module: str, tmp_path: Path) -> None:
    code = f"import {module}, sys; print(sorted(set(sys.modules) & set({HEAVY!r})))"
    environment = os.environ | {"JOURNEYS_HOME": str(tmp_path / "home")}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
    assert not (tmp_path / "home").exists(), "importing must not touch the disk"


def test_every_module_says_what_it_is() -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text()
        assert not text.strip() or ast.get_docstring(ast.parse(text)), f"{path} has no docstring"
