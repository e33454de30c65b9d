"""What a package imports and calls, read from its source: outward imports, cycles, reads of the clock or of files."""

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Import:
    """One import: ``importer`` and ``imported`` are dotted module names, ``imported`` of this package or any other."""

    importer: str
    imported: str
    is_for_types: bool = False
    """Under ``if TYPE_CHECKING``: it never runs."""


@dataclass(frozen=True)
class Call:
    """One call ``owner.function(…)``; ``owner`` is '' for a plain function, and ``…`` for a longer expression."""

    module: str
    owner: str
    function: str


Modules = Mapping[str, ast.Module]
"""Parsed modules by dotted name; a package goes by its own name, without ``__init__``."""


def parse_package(folder: Path) -> dict[str, ast.Module]:
    """Every module below ``folder``, named from the folder's own name on."""
    return {
        ".".join(path.relative_to(folder.parent).with_suffix("").parts).removesuffix(".__init__"): ast.parse(
            path.read_text(), str(path)
        )
        for path in sorted(folder.rglob("*.py"))
    }


def imports_of(modules: Modules) -> list[Import]:
    """Every import statement of the modules, those inside functions and for type checkers included.

    ``from package import name`` imports the module ``package.name`` where there is one, else ``package``. That Python
    runs the ``__init__`` of every parent package as well is left out: it would make each package a cycle.

    Raises:
        ValueError: a relative import, which names no module by itself.
    """
    return [found for name, tree in modules.items() for found in _imports(name, tree, modules)]


def _imports(importer: str, tree: ast.AST, modules: Modules, *, is_for_types: bool = False) -> Iterator[Import]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(importer, alias.name, is_for_types)
        elif isinstance(node, ast.ImportFrom):
            if node.level or node.module is None:
                raise ValueError(f"{importer}, line {node.lineno}: a relative import")
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield Import(importer, submodule if submodule in modules else node.module, is_for_types)
        elif isinstance(node, ast.If) and _is_type_checking(node.test):
            for part, for_types in ((node.body, True), (node.orelse, is_for_types)):
                yield from _imports(importer, ast.Module(part, []), modules, is_for_types=for_types)
        else:
            yield from _imports(importer, node, modules, is_for_types=is_for_types)


def _is_type_checking(test: ast.expr) -> bool:
    return (test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)) == "TYPE_CHECKING"


def ring_of(module: str) -> str:
    """The second part of a dotted name; of the package itself, its name."""
    return module.split(".")[1] if "." in module else module


def outward(imports: Iterable[Import], allowed: Mapping[str, Collection[str]]) -> list[Import]:
    """Imports between rings that ``allowed`` does not list, and all imports of a ring that it does not know.

    Args:
        imports: Imports within one package.
        allowed: The rings that each ring may import besides itself.
    """
    return [
        found
        for found in imports
        if (ring := ring_of(found.importer)) not in allowed or ring_of(found.imported) not in {ring, *allowed[ring]}
    ]


def using(imports: Iterable[Import], *packages: str) -> list[Import]:
    """Imports of the named top-level packages, and of packages that extend them (``dagster_x`` extends ``dagster``)."""
    return [
        found
        for found in imports
        if any((top := found.imported.split(".")[0]) == name or top.startswith(f"{name}_") for name in packages)
    ]


def cycles(imports: Iterable[Import]) -> list[list[str]]:
    """The groups of modules that import each other in a circle, each sorted; imports for types do not count."""
    graph: dict[str, set[str]] = {}
    for found in imports:
        if not found.is_for_types:
            graph.setdefault(found.importer, set()).add(found.imported)
    reached = {module: _reachable(graph, module) for module in graph}
    circular = {module for module, others in reached.items() if module in others}
    groups = {tuple(sorted(m for m in reached[module] & circular if module in reached[m])) for module in circular}
    return sorted(list(group) for group in groups)


def _reachable(graph: Mapping[str, Collection[str]], start: str) -> set[str]:
    """Every module that ``start`` imports, at first or second hand; itself only if it is in a circle."""
    seen: set[str] = set()
    todo = list(graph[start])
    while todo:
        module = todo.pop()
        if module not in seen:
            seen.add(module)
            todo.extend(graph.get(module, ()))
    return seen


def calls_of(modules: Modules) -> list[Call]:
    """Every call in the modules."""
    found = []
    for module, tree in modules.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                found.append(Call(module, "", node.func.id))
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = node.func.value
                name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "…")
                found.append(Call(module, name, node.func.attr))
    return found


CLOCKS = {"datetime", "date", "dt", "time"}
CLOCK_CALLS = {"now", "today", "utcnow", "time", "time_ns", "monotonic", "monotonic_ns"}
FILE_CALLS = {
    *("open", "read_text", "read_bytes", "write_text", "write_bytes", "iterdir", "glob", "rglob", "exists", "mkdir"),
    *("read_csv", "read_parquet", "read_ndjson", "scan_csv", "scan_parquet", "scan_ndjson", "read_database"),
    *("write_csv", "write_parquet", "write_ndjson", "load", "save", "fromfile", "tofile"),
}


def clock_reads(calls: Iterable[Call]) -> list[Call]:
    """Calls that read the clock, as ``datetime.now()`` does."""
    return [call for call in calls if call.function in CLOCK_CALLS and call.owner in CLOCKS]


def file_accesses(calls: Iterable[Call]) -> list[Call]:
    """Calls whose name is that of a function or method that opens a file or looks into a folder."""
    return [call for call in calls if call.function in FILE_CALLS]
