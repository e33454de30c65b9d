"""No exception is swallowed: every handler names what it catches and does something with it."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "journeys_assets"
BROAD = {"Exception", "BaseException"}


def handlers() -> list[tuple[str, ast.ExceptHandler]]:
    return [
        (f"{path.relative_to(PACKAGE)}:{node.lineno}", node)
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
    ]


def reraises(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Raise) for node in ast.walk(handler))


def test_no_broad_handler_without_raising_again() -> None:
    assert handlers()
    for where, handler in handlers():
        caught = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)} if handler.type else BROAD
        assert not caught & BROAD or reraises(handler), f"{where} swallows every exception"


def test_no_handler_that_does_nothing() -> None:
    for where, handler in handlers():
        assert not all(isinstance(node, ast.Pass | ast.Continue) for node in handler.body), f"{where} does nothing"
