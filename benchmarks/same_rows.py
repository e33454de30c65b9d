"""Whether two deployments hold the same rows, table by table, apart from version columns and run ids.

    python benchmarks/same_rows.py HOME OTHER

HOME and OTHER are folders of state (``JOURNEYS_HOME``) of the same log. Tables are compared as multisets of rows. The
exit code is 1 if a table differs.
"""

import argparse
import sys
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

LEFT_OUT = {"algorithm_version", "embedding_model", "run_id", "ingested_at", "quarantined_at", "looked_at", "file"}
"""Columns that name a version, a run, a place or a moment."""


def tables(con: duckdb.DuckDBPyConnection, database: str) -> dict[str, list[str]]:
    """Columns to compare of every table, by qualified name."""
    rows = con.execute(
        "SELECT schema_name || '.' || table_name, column_name FROM duckdb_columns() c JOIN duckdb_tables() t "
        "USING (database_name, schema_name, table_name) WHERE database_name = ? ORDER BY ALL",
        [database],
    ).fetchall()
    found: dict[str, list[str]] = {}
    for table, column in rows:
        if column not in LEFT_OUT:
            found.setdefault(table, []).append(column)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("other", type=Path)
    given = parser.parse_args()
    con = duckdb.connect()
    for name, home in (("one", given.home), ("two", given.other)):
        con.execute(f"ATTACH '{home / 'warehouse.duckdb'}' AS {name} (READ_ONLY)")
    one, two = tables(con, "one"), tables(con, "two")
    shown = Table("table", "rows", "rows of the other", "only here", "only there", "columns of one side only")
    differs = False
    for table in sorted(one.keys() | two.keys()):
        columns = ", ".join(f'"{c}"' for c in one.get(table, []) if c in two.get(table, []))
        odd = sorted(set(one.get(table, [])) ^ set(two.get(table, [])))
        if not columns:
            shown.add_row(table, "", "", "", "", "table of one side only")
            differs = True
            continue
        counts = [con.execute(f"SELECT count(*) FROM {side}.{table}").fetchall()[0][0] for side in ("one", "two")]
        only = [
            con.execute(
                f"SELECT count(*) FROM (SELECT {columns} FROM {a}.{table} EXCEPT ALL SELECT {columns} FROM {b}.{table})"
            ).fetchall()[0][0]
            for a, b in (("one", "two"), ("two", "one"))
        ]
        differs |= any(only) or bool(odd)
        shown.add_row(table, *(f"{n:,}" for n in (*counts, *only)), ", ".join(odd))
    Console().print(shown)
    sys.exit(differs)


if __name__ == "__main__":
    main()
