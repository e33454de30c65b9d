"""Queries with parameters are executed: a relation with parameters hands its rows over up to 40 times more slowly."""

import ast
from pathlib import Path

import pytest

import journeys_assets

PACKAGE = Path(journeys_assets.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))


def _relations_with_parameters(tree: ast.AST) -> list[int]:
    """Lines of calls ``….sql(…, params=…)``."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    return [
        call.lineno
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr == "sql"
        and any(keyword.arg == "params" for keyword in call.keywords)
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_relation_has_parameters(path: Path) -> None:
    assert _relations_with_parameters(ast.parse(path.read_text())) == [], "use con.execute(query, parameters)"


def test_a_relation_with_parameters_is_found() -> None:
    source = "con.sql(query, params={'day': day}).pl()\ncon.execute(query, {'day': day}).pl()\ncon.sql(query).pl()\n"
    assert _relations_with_parameters(ast.parse(source)) == [1]
