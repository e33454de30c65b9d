"""Spares the tests of one process what each of them would do again with the same result."""

import sys
from functools import cache
from importlib.machinery import ModuleSpec

from alembic.config import Config
from alembic.script import ScriptDirectory


def read_migrations_once() -> None:
    """Dagster stamps every new SQLite file, for which alembic runs all its migration scripts anew, several times."""
    read = ScriptDirectory.from_config

    @cache
    def read_folder(location: str) -> ScriptDirectory:
        config = Config()
        config.set_main_option("script_location", location)
        return read(config)

    ScriptDirectory.from_config = lambda config: read_folder(config.get_main_option("script_location"))  # type: ignore[method-assign]


class NotThere:
    """Answers an import of a module that is not installed, without a search through every folder of the path.

    DuckDB tries to import pandas at each parameter of a query.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        # ``importlib.util.find_spec``, which asks whether a module is there, does not call it by way of an import.
        if name == self.name and sys._getframe(2).f_code.co_name == "_find_and_load_unlocked":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None
