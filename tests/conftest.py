"""Fixtures that several rooms share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.house import House


@pytest.fixture
def new_house(tmp_path: Path) -> Callable[[str], House]:
    """Makes deployments by name, each with a home of its own."""
    return lambda name="home": House(tmp_path / name)
