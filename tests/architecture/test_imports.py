"""The checker of imports finds what it must: each rule fails on a planted breach."""

import ast

import pytest

from tests.support.imports import Import, calls_of, clock_reads, cycles, file_accesses, imports_of, outward, using

RINGS = {"app": (), "inner": (), "middle": ("inner",), "outer": ("middle", "inner")}


def package(**sources: str) -> list[Import]:
    """The imports of a made-up package; ``a__b`` stands for module ``app.a.b``."""
    return imports_of(
        {"app": ast.Module([], []), **{f"app.{n.replace('__', '.')}": ast.parse(s) for n, s in sources.items()}}
    )


def test_inward_imports_pass() -> None:
    found = package(
        inner__a="", middle__b="from app.inner import a", outer__c="import app.inner.a\nimport app.middle.b"
    )
    assert len(found) == 3
    assert outward(found, RINGS) == []
    assert cycles(found) == []


@pytest.mark.parametrize(
    "source",
    [
        "import app.middle.b",
        "from app.middle import b",
        "from app.middle.b import f",
        "def f():\n    from app.middle import b",
        "class C:\n    def f(self):\n        try:\n            import app.middle.b\n        finally:\n            pass",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from app.middle import b",
        "import typing\nif typing.TYPE_CHECKING:\n    from app.middle import b",
    ],
)
def test_an_outward_import_is_found_wherever_it_stands(source: str) -> None:
    found = [i for i in package(inner__a=source, middle__b="") if i.imported.startswith("app")]
    (breach,) = outward(found, RINGS)
    assert (breach.importer, breach.imported) == ("app.inner.a", "app.middle.b")


def test_a_root_module_is_a_ring_of_its_own() -> None:
    assert outward(package(inner="", middle="import app.inner"), RINGS) == []
    assert outward(package(inner="import app.middle", middle=""), RINGS)


def test_a_ring_that_the_table_lacks_is_found() -> None:
    assert outward(package(new__a="import app.inner.b", inner__b=""), RINGS)
    assert outward(package(middle__a="import app.new.b", new__b=""), RINGS)


def test_sideways_needs_leave() -> None:
    table = {"left": (), "right": ()}
    assert outward(package(left__a="import app.right.b", right__b=""), table)
    assert outward(package(left__a="import app.left.b", left__b=""), table) == []


def test_a_cycle_is_found_at_any_length() -> None:
    long = package(a="import app.b", b="from app import c", c="from app.a import f", d="import app.a")
    assert cycles(long) == [["app.a", "app.b", "app.c"]]
    assert cycles(package(a="import app.a")) == [["app.a"]]
    two = package(a="import app.b", b="import app.a", c="import app.d\nimport app.a", d="import app.c")
    assert cycles(two) == [["app.a", "app.b"], ["app.c", "app.d"]]


def test_a_cycle_hidden_in_a_function_is_found() -> None:
    assert cycles(package(a="import app.b", b="def f():\n    from app import a")) == [["app.a", "app.b"]]


def test_a_cycle_between_a_package_and_its_module_is_found() -> None:
    assert cycles(package(a="def f():\n    from app.a import b", a__b="from app.a import C")) == [["app.a", "app.a.b"]]


def test_an_import_for_types_alone_makes_no_cycle() -> None:
    for_types = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from app import a\n"
    assert cycles(package(a="import app.b", b=for_types)) == []
    assert cycles(package(a="import app.b", b=f"{for_types}else:\n    from app import a")) == [["app.a", "app.b"]]


def test_a_relative_import_is_refused() -> None:
    with pytest.raises(ValueError, match=r"app\.a, line 1"):
        package(a="from . import b", b="")


def test_uses_of_a_package_and_its_extensions_are_found() -> None:
    found = package(
        a="import dagster as dg", b="def f():\n    from dagster._core import x", c="import dagster_aws", d="import dag"
    )
    assert [i.importer for i in using(found, "dagster", "duckdb")] == ["app.a", "app.b", "app.c"]


@pytest.mark.parametrize("source", ["datetime.now(UTC)", "date.today()", "dt.datetime.utcnow()", "time.time()"])
def test_reading_the_clock_is_found(source: str) -> None:
    assert clock_reads(calls_of({"app.a": ast.parse(f"def f():\n    return {source}")}))


@pytest.mark.parametrize("source", ["open('x')", "Path('x').read_text()", "pl.scan_csv('x')", "a.b.exists()"])
def test_touching_a_file_is_found(source: str) -> None:
    assert file_accesses(calls_of({"app.a": ast.parse(source)}))


def test_harmless_calls_pass() -> None:
    calls = calls_of({"app.a": ast.parse("datetime(2026, 1, 1).date()\nframe.select('now')\nf(x)(y)")})
    assert {call.function for call in calls} == {"date", "datetime", "select", "f"}
    assert clock_reads(calls) == file_accesses(calls) == []
