"""Removes users from what Dagster recorded of runs: SQLite files with events, and text files with output of processes.

Events hold examples of rows that broke a rule, and messages that name files and ids. Only texts are replaced; the
events stay, so that the history of runs in the UI does.
"""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from journeys_assets.errors import JourneysError

REPLACEMENT = "[erased]"
BUSY_S = 60.0
_SQLITE = b"SQLite format 3\x00"


class RunRecordsError(JourneysError):
    """A record of runs cannot be changed. The message names the file and the cure."""


def is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def redact_sqlite(path: Path, pattern: re.Pattern[str]) -> int:
    """Replace what matches in every text of every table; the file keeps no byte of it.

    Returns:
        The number of values that were changed.

    Raises:
        RunRecordsError: another process writes to the file, or it is damaged.
    """
    n_changed = 0
    try:
        with sqlite3.connect(path, timeout=BUSY_S, isolation_level=None) as con:
            con.execute("PRAGMA secure_delete = ON")
            con.execute("BEGIN IMMEDIATE")
            tables = con.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
            for (table,) in tables.fetchall():
                n_changed += _redact_table(con, table, pattern)
            con.execute("COMMIT")
            if n_changed:
                con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                con.execute("VACUUM")
                con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise RunRecordsError(
            f"cannot remove a user from {path}: {error}; stop Dagster if it is running, and erase again"
        ) from error
    finally:
        con.close()
    return n_changed


def redact_text(path: Path, pattern: re.Pattern[str]) -> int:
    """Replace what matches in a text file; returns the number of places."""
    text, n_places = pattern.subn(REPLACEMENT, path.read_bytes().decode("utf-8", "surrogateescape"))
    if n_places:
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return n_places


def _redact_table(con: sqlite3.Connection, table: str, pattern: re.Pattern[str]) -> int:
    columns = [row[1] for row in con.execute(f'PRAGMA table_info("{table}")').fetchall()]
    n_changed = 0
    for column in columns:
        rows = con.execute(f'SELECT rowid, "{column}" FROM "{table}" WHERE typeof("{column}") = \'text\'').fetchall()
        for row, text in rows:
            new, n_places = pattern.subn(REPLACEMENT, text)
            if n_places:
                con.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?', (new, row))
                n_changed += 1
    return n_changed
