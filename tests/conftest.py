"""What all tests share: the marker of slow ones, a setting of hypothesis, and deployments to run."""

from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

from tests.sandbox import Sandbox

# How long an example takes depends on the machine and what else it does; speed is measured in benchmarks/.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
pytest.register_assert_rewrite("tests.support")

SLOW_FOLDERS = ("e2e", "defs")
"""Their tests run days through Dagster."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(Path(__file__).parent).parts[0] in SLOW_FOLDERS:
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def new_sandbox(tmp_path: Path) -> Callable[[str], Sandbox]:
    """Makes deployments by name, each with a home of its own."""
    return lambda name="home": Sandbox(tmp_path / name)
