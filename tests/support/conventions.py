"""What tests must not do, found in their source: lean on other test modules, and reach into what is private."""

import ast
import re
from collections.abc import Iterator

_TEST_MODULE = re.compile(r"(?:from|import)\s+tests(?:\.\w+)*\.test_\w+|from\s+tests(?:\.\w+)*\s+import\s+test_\w+")
_PATCHES = {"setattr", "delattr", "patch", "object"}
"""``monkeypatch.setattr`` and ``delattr``, ``mock.patch`` and ``mock.patch.object``."""
_PACKAGES = ("journeys_assets", "dagster")


def imports_of_test_modules(tree: ast.Module) -> list[str]:
    """Imports of ``tests….test_*``, those in programs that the test keeps as text included."""
    texts = [
        node.value if isinstance(node, ast.Constant) else ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        or (isinstance(node, ast.Constant) and isinstance(node.value, str))
    ]
    return [found for text in texts for found in _TEST_MODULE.findall(text)]


def is_private(name: str) -> bool:
    """Whether any part of a dotted name begins with one underscore."""
    return any(part.startswith("_") and not part.startswith("__") for part in name.split("."))


def private_patches(tree: ast.Module) -> list[str]:
    """Patches of private names, and of names that are not written out, so that nobody can see what is patched."""
    found = []
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and node.args):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called not in _PATCHES:
            continue
        # Either the first argument is the dotted name, or it is the target and the second one names its attribute.
        named = node.args[:1] if _is_text(node.args[0]) or called == "patch" else node.args[1:2]
        if not all(_is_text(name) and not is_private(name.value) for name in named):  # type: ignore[attr-defined]
            found.append(ast.unparse(node))
    return found


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def private_uses(tree: ast.Module) -> list[str]:
    """Imports of private names and modules of this package or of Dagster, and their use as ``module._name``."""
    return list(_private_uses(tree))


def _private_uses(tree: ast.Module) -> Iterator[str]:
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] in _PACKAGES:
                    imported.add(alias.asname or alias.name.split(".")[0])
                    if is_private(alias.name):
                        yield f"import {alias.name}"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in _PACKAGES:
            for alias in node.names:
                imported.add(alias.asname or alias.name)
                if is_private(f"{node.module}.{alias.name}"):
                    yield f"from {node.module} import {alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr) and _root(node) in imported:
            yield ast.unparse(node)


def _root(node: ast.expr) -> str:
    """The name that a chain of attributes begins with."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
