"""Every place below a home that code names is in the table of docs/privacy.md, so no writer is forgotten by an erasure.

Seen to fail on a folder ``home / "drafts"`` that no line of the table names.
"""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def names_below_home() -> Iterator[tuple[Path, str]]:
    """The names in expressions such as ``settings.home / "scratch"``, with the file that has them."""
    for path in sorted((ROOT / "journeys_assets").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and ends_with_home(node.left):
                name = value_of(node.right, path)
                if name is not None:
                    yield path, name


def ends_with_home(node: ast.expr) -> bool:
    return getattr(node, "attr", getattr(node, "id", None)) == "home"


def value_of(node: ast.expr, path: Path) -> str | None:
    """A constant of text, or one that the module or one of its imports has by this name."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if not isinstance(node, ast.Name):
        return None
    tree = ast.parse(path.read_text(encoding="utf-8"))
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for one in ast.walk(tree):
        if isinstance(one, ast.ImportFrom) and one.module and any(alias.name == node.id for alias in one.names):
            module = one.module
    return getattr(importlib.import_module(module), node.id, None)


def test_every_place_below_a_home_is_in_the_table() -> None:
    page = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    table = page[page.index("## What is stored where") : page.index("## Erase a user")]
    found = list(names_below_home())
    assert len({name for _, name in found}) > 12
    missing = {name: path.name for path, name in found if f"`{name}" not in table}
    assert not missing, f"places that docs/privacy.md does not name: {missing}"
