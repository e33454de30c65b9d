"""Every kind of output passes through the one module that escapes it (``domain.display`` has the rule)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "journeys_assets"
ONLY_IN = {
    "cli/render/screen.py": {"Console", "Markdown(rich)"},
    "defs/metadata.py": {"MetadataValue.md", "MarkdownMetadataValue"},
    "evaluation/report/page.py": {"Markup"},
}
"""What makes output, and the one module in which each may be called."""
NOWHERE = {"print", "pprint", "secho", "echo", "print_json", "from_markup", "from_ansi", "stdout.write", "stderr.write"}


def makes(call: ast.Call) -> str | None:
    """What a call makes, as named in ``ONLY_IN`` and ``NOWHERE``."""
    function = call.func
    if isinstance(function, ast.Name):
        return {"Console": "Console", "Markup": "Markup", "print": "print", "pprint": "pprint"}.get(function.id)
    if not isinstance(function, ast.Attribute):
        return None
    owner = ast.unparse(function.value).split(".")[-1]
    if (owner, function.attr) in (("stdout", "write"), ("stderr", "write"), ("MetadataValue", "md")):
        return f"{owner}.{function.attr}"
    alone = ("secho", "echo", "print_json", "from_markup", "from_ansi", "MarkdownMetadataValue", "Markup")
    if function.attr in alone:
        return function.attr
    return "Console" if function.attr == "Console" else None


def found(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (made := makes(node)):
            yield made
        elif isinstance(node, ast.ImportFrom) and node.module in ("rich.markdown",):
            yield "Markdown(rich)"
        elif isinstance(node, ast.ImportFrom) and node.module in ("rich", "rich.markup"):
            yield "print"
        elif (
            isinstance(node, ast.Call)
            and ast.unparse(node.func).endswith("TextColumn")
            and not any(k.arg == "markup" and ast.unparse(k.value) == "False" for k in node.keywords)
        ):
            yield "from_markup"


def test_output_is_made_in_its_one_module() -> None:
    allowed = {name: module for module, names in ONLY_IN.items() for name in names}
    seen = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        module = str(path.relative_to(PACKAGE))
        for made in found(ast.parse(path.read_text())):
            assert made not in NOWHERE, f"{module} calls {made}; print through cli.render.screen"
            assert allowed[made] == module, f"{module} makes {made}; only {allowed[made]} may"
            seen.add(made)
    assert {"Markup", "MetadataValue.md", "Markdown(rich)"} <= seen, "the checker finds what it looks for"


@pytest.mark.parametrize(
    "source",
    [
        "print(1)",
        "import rich\nrich.console.Console()",
        "from rich import print",
        "import sys\nsys.stdout.write('x')",
        "Text.from_markup('x')",
        "typer.echo('x')",
        "dg.MetadataValue.md('x')",
        "markupsafe.Markup('x')",
        "TextColumn('x')",
    ],
)
def test_a_breach_is_found(source: str) -> None:
    assert list(found(ast.parse(source)))


def test_templates_escape() -> None:
    """What a template marks as safe is an SVG that matplotlib wrote, and our own Markdown."""
    templates = sorted(PACKAGE.rglob("*.jinja"))
    assert templates
    for path in templates:
        assert path.read_text().count("| safe") <= 1, path
