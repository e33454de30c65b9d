"""The rings of the package: imports run one way and never in a circle, and nothing heavy happens at import."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.support.imports import (
    Import,
    calls_of,
    clock_reads,
    cycles,
    file_accesses,
    imports_of,
    outward,
    parse_package,
    ring_of,
    using,
)

PACKAGE = Path(__file__).parents[2] / "journeys_assets"
MODULES = parse_package(PACKAGE)
IMPORTS = imports_of(MODULES)
DOMAIN = {name: tree for name, tree in MODULES.items() if ring_of(name) == "domain"}

EVERYWHERE = ("journeys_assets", "errors")
"""The version number, and the base class of errors."""
BESIDE = (*EVERYWHERE, "domain")
COMPUTING = (*BESIDE, "storage", "models", "importers", "synthetic")
RUNNING = (*COMPUTING, "compute", "settings", "deployment")
DOING = ("pipeline", "evaluation", "operations")
RINGS: dict[str, tuple[str, ...]] = {
    "journeys_assets": (),
    "errors": (),
    "domain": EVERYWHERE,
    "settings": BESIDE,
    "models": BESIDE,
    "importers": BESIDE,
    "synthetic": BESIDE,
    "storage": (*BESIDE, "importers"),
    "deployment": (*BESIDE, "settings", "storage", "models", "compute"),
    "compute": COMPUTING,
    "pipeline": RUNNING,
    "evaluation": (*RUNNING, "pipeline"),
    "operations": (*RUNNING, "pipeline"),
    "defs": (*BESIDE, "storage", "models", "compute", "settings", "deployment", *DOING),
    "definitions": ("defs",),
    "explorer": (*RUNNING, *DOING, "defs"),
    "cli": (*RUNNING, *DOING, "defs", "explorer"),
}
"""What each ring, a root module or a package, may import besides itself. A ring need not exist yet."""

DAGSTER_RINGS = {"defs", "definitions"}
NOT_IN_THE_DOMAIN = {
    *("dagster", "duckdb", "torch", "sentence_transformers", "onnxruntime", "lightgbm"),
    *("asyncio", "multiprocessing", "threading", "random", "secrets", "uuid", "urllib", "http"),
    *("os", "io", "sys", "time", "shutil", "tempfile", "subprocess", "socket", "logging"),
}
READS_ITS_PACKAGED_FILE = "journeys_assets.domain.clustering.cut"
"""Its weights are part of the algorithm and shipped beside it in ``learned_cut.json``: a constant in a file."""
LOADS_FROM_MEMORY = "journeys_assets.domain.clustering.lanes"
"""Its calls of ``load`` are instructions of compiled code, not files."""

HEAVY = ("torch", "sentence_transformers", "onnxruntime", "lightgbm", "numba", "sklearn", "matplotlib", "ray")


def inside(imports: Iterable[Import]) -> list[Import]:
    """The imports of the package's own modules."""
    return [found for found in imports if found.imported.split(".")[0] == PACKAGE.name]


def described(imports: Iterable[Import]) -> list[str]:
    return [f"{found.importer} imports {found.imported}" for found in imports]


def test_imports_run_one_way() -> None:
    assert {"journeys_assets.settings", "journeys_assets.domain.clustering.cut"} < MODULES.keys()
    assert described(outward(inside(IMPORTS), RINGS)) == []


def test_every_module_and_package_has_a_ring() -> None:
    assert {ring_of(name) for name in MODULES} <= RINGS.keys()


def test_the_rings_themselves_are_in_order() -> None:
    assert cycles(Import(f"r.{ring}", f"r.{other}") for ring, others in RINGS.items() for other in others) == []


def test_no_imports_in_a_circle() -> None:
    assert cycles(inside(IMPORTS)) == []


def test_dagster_stays_in_its_rings() -> None:
    uses = using(IMPORTS, "dagster")
    assert uses
    assert described(u for u in uses if ring_of(u.importer) not in DAGSTER_RINGS) == []


def test_the_domain_imports_nothing_that_reaches_outside() -> None:
    assert described(using(imports_of(DOMAIN), *NOT_IN_THE_DOMAIN)) == []


def test_the_domain_reads_no_clock() -> None:
    assert clock_reads(calls_of(DOMAIN)) == []


def test_the_domain_touches_no_file_but_its_packaged_one() -> None:
    assert {call.module for call in file_accesses(calls_of(DOMAIN))} - {LOADS_FROM_MEMORY} == {READS_ITS_PACKAGED_FILE}


@pytest.mark.parametrize("module", ["journeys_assets.definitions", "journeys_assets.cli.app"])
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
