"""Lets every connection of DuckDB of a process have one thread, unless it asks for more.

The tests already use every core, and on small tables several threads double the CPU time of DuckDB.
"""

from typing import Any

import duckdb

_connect = duckdb.connect


def _connect_with_one_thread(*arguments: Any, **options: Any) -> duckdb.DuckDBPyConnection:
    return _connect(*arguments, **options | {"config": {"threads": 1} | options.get("config", {})})


def use_one_thread() -> None:
    duckdb.connect = _connect_with_one_thread
