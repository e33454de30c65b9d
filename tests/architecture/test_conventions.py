"""Tests stand alone and use what is public: they import no other test module and patch or use no private name."""

import ast
from pathlib import Path

import pytest

from tests.support.conventions import imports_of_test_modules, private_patches, private_uses

TESTS = Path(__file__).parents[1]
FILES = sorted(TESTS.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TESTS)))
def test_the_file_keeps_the_conventions(path: Path) -> None:
    tree = ast.parse(path.read_text())
    if path != Path(__file__):  # its planted breaches are no breaches
        assert imports_of_test_modules(tree) == [], "move what is shared to tests/support"
    assert private_patches(tree) == [], "patch what is public, or make what happens real"
    assert private_uses(tree) == [], "make it public if it deserves a test of its own"


@pytest.mark.parametrize(
    "source",
    [
        "from tests.e2e.test_cli import runner",
        "import tests.e2e.test_cli",
        "from tests.e2e import test_cli",
        "def f():\n    from tests.test_readme import README",
        "PROGRAM = '''\nimport sys\nfrom tests.e2e.test_cli import runner\n'''",
    ],
)
def test_an_import_of_a_test_module_is_found(source: str) -> None:
    assert imports_of_test_modules(ast.parse(source))


@pytest.mark.parametrize(
    "source",
    [
        "monkeypatch.setattr(module, '_private', 1)",
        "monkeypatch.setattr('package.module._private', 1)",
        "monkeypatch.setattr('dagster._core.log_manager.DagsterLogManager.info', f)",
        "monkeypatch.delattr(module, '_private')",
        "monkeypatch.setattr(module, name, 1)",
        "mock.patch('package._private')",
        "setattr(module, '_private', 1)",
        "mock.patch.object(module, '_private')",
        "with pytest.MonkeyPatch.context() as patch:\n    patch.setattr(module, '_private', 1)",
    ],
)
def test_a_patch_of_a_private_name_is_found(source: str) -> None:
    assert private_patches(ast.parse(source))


@pytest.mark.parametrize(
    "source",
    [
        "from journeys_assets.domain.x import _private",
        "from journeys_assets._private import x",
        "import dagster._core.x",
        "from dagster._core import x",
        "from journeys_assets.domain import x\nx._private(1)",
        "import dagster as dg\ndg.Definitions._private",
        "from journeys_assets.domain import x as y\ny.z._private",
    ],
)
def test_a_use_of_a_private_name_is_found(source: str) -> None:
    assert private_uses(ast.parse(source))


def test_what_is_public_passes() -> None:
    tree = ast.parse(
        "import numpy as np\nfrom journeys_assets.domain import x\nfrom tests.support.sql_world import SqlWorld\n"
        "monkeypatch.setattr(x, 'PUBLIC', 1)\nmonkeypatch.setattr('a.b.PUBLIC', 1)\nx.__doc__\nself._own\nnp._private\n"
    )
    assert imports_of_test_modules(tree) == private_patches(tree) == private_uses(tree) == []
