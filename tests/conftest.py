"""Fixtures that several rooms share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sandbox import Sandbox

pytest.register_assert_rewrite("tests.support")


@pytest.fixture
def new_sandbox(tmp_path: Path) -> Callable[[str], Sandbox]:
    """Makes deployments by name, each with a home of its own."""
    return lambda name="home": Sandbox(tmp_path / name)
