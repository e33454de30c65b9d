"""What all tests share: the marker of slow ones, a setting of hypothesis, and deployments to run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import hypothesis
import pytest

from tests.sandbox import Sandbox

# How long an example takes depends on the machine and what else it does; speed is measured in benchmarks/.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
pytest.register_assert_rewrite("tests.support")

_connect = duckdb.connect


def _connect_with_one_thread(*arguments: Any, **options: Any) -> duckdb.DuckDBPyConnection:
    return _connect(*arguments, **options | {"config": {"threads": 1} | options.get("config", {})})


# The tests already use every core, and on small tables several threads of DuckDB double its CPU time. The processes
# that tests start have as many as there are cores; test_promises compares the rows of both.
duckdb.connect = _connect_with_one_thread

SLOW_FOLDERS = ("e2e", "defs")
"""Their tests run days through Dagster."""
LONG_FOLDERS = ("evaluation", *SLOW_FOLDERS)


def _folder_of(item: pytest.Item) -> str:
    return item.path.relative_to(Path(__file__).parent).parts[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow folders, and put folders with long tests first."""
    for item in items:
        if _folder_of(item) in SLOW_FOLDERS:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: _folder_of(item) not in LONG_FOLDERS)


@pytest.fixture
def new_sandbox(tmp_path: Path) -> Callable[[str], Sandbox]:
    """Makes deployments by name, each with a home of its own."""
    return lambda name="home": Sandbox(tmp_path / name)
