"""Tables and queries of a PostgreSQL server or of a DuckDB file, each written to a Parquet file of its own.

Both are opened read-only. All tables of a call are read in one transaction, so that they fit together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import duckdb

from journeys_assets.domain.tables.landing import LANDING
from journeys_assets.errors import require_extra
from journeys_assets.storage.ingest.errors import IngestError
from journeys_assets.storage.locations.address import Location
from journeys_assets.storage.locations.remote import LocationError
from journeys_assets.storage.warehouse.base import quoted

QUERY = "query"
"""The name of the file with the rows of a query."""
SHOWN_TABLES = 20

_NAMES = f"({', '.join(repr(name) for name in LANDING)})"


def write_tables(location: Location, folder: Path, *, query: str | None, tables: Sequence[str]) -> None:
    """Write the rows of a query or of tables to ``folder``: a Parquet file without ending, named like the table.

    Args:
        query: Its rows are written. It is run as it is, by the database itself.
        tables: Otherwise these tables or views, with or without a schema. Without any, those of the first schema that
            are named like a source of the landing contract.

    Raises:
        LocationError: the database cannot be opened or read, or there is no such table.
    """
    folder.mkdir(parents=True)
    with _attached(location) as con:
        if query is not None:
            _write(con, location, query, folder / QUERY)
            return
        for table in tables or _landing_tables(con, location):
            name = ".".join(map(_identifier, table.split(".")))
            _write(con, location, f"SELECT * FROM {name}", folder / table.replace("/", "_"))


def _landing_tables(con: duckdb.DuckDBPyConnection, location: Location) -> list[str]:
    there = [name for (name,) in _relation(con, location, _tables_of(location)).fetchall()]
    found = [name for name in there if name in LANDING]
    if not found:
        listed = ", ".join(there[:SHOWN_TABLES]) + (", …" if len(there) > SHOWN_TABLES else "")
        raise LocationError(
            f"{location.name} has no table that is named like a source of the landing contract ({', '.join(LANDING)}); "
            f"its tables are: {listed or 'none'}. Name one with --table, or write a --query"
        )
    return found


def _tables_of(location: Location) -> str:
    schema = "current_schema()" if location.kind == "postgresql" else "'main'"
    catalog = "" if location.kind == "postgresql" else "AND table_catalog = 'source' "
    return (
        f"SELECT CAST(table_name AS VARCHAR) AS name FROM information_schema.tables WHERE table_schema = {schema} "
        f"{catalog}ORDER BY 1"
    )


def _write(con: duckdb.DuckDBPyConnection, location: Location, query: str, file: Path) -> None:
    with _explaining(location):
        relation = _relation(con, location, query)
        relation.project(", ".join(map(_column, relation.columns, relation.types))).write_parquet(str(file))


def _column(name: str, dtype: object) -> str:
    """A column in SQL, with text in place of types that Parquet does not have."""
    quoted_name = _identifier(name)
    # A quoted part is the name of a field, and so is a word before a type.
    plain = re.sub(r'"[^"]*"|\b(?:UUID|U?HUGEINT|INTERVAL|BIT)(?=[,)\[]|$)', _as_text, str(dtype))
    return quoted_name if plain == str(dtype) else f"CAST({quoted_name} AS {plain}) AS {quoted_name}"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _as_text(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith('"') else "VARCHAR"


def _relation(con: duckdb.DuckDBPyConnection, location: Location, query: str) -> duckdb.DuckDBPyRelation:
    with _explaining(location):
        if location.kind == "postgresql":
            query = f"FROM postgres_query('source', '{query.strip().rstrip(';').replace(chr(39), chr(39) * 2)}')"
        relation = con.sql(query)
        if relation is None:
            raise LocationError(f"{location.name}: the query gives no rows; write one SELECT")
        return relation


@contextmanager
def _attached(location: Location) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        if location.kind == "postgresql":
            con.execute(f"LOAD '{quoted(_extension())}'")
        kind = "(TYPE postgres, READ_ONLY)" if location.kind == "postgresql" else "(READ_ONLY)"
        with _explaining(location):
            con.execute(
                f"ATTACH '{quoted(Path(location.text)) if not location.scheme else _literal(location.text)}' "
                f"AS source {kind}"
            )
            if location.kind == "duckdb":
                con.execute("USE source")
            con.execute("BEGIN TRANSACTION READ ONLY")
        yield con


def _literal(text: str) -> str:
    return text.replace("'", "''")


def _extension() -> Path:
    """DuckDB's extension for PostgreSQL, from its wheel: nothing is fetched at run time."""
    require_extra("postgres", "reading from PostgreSQL")
    import duckdb_extension_postgres_scanner as wheel

    version = f"v{duckdb.__version__}"
    file = Path(wheel.__path__[0]) / "extensions" / version / "postgres_scanner.duckdb_extension"
    if not file.exists():
        raise IngestError(
            f"the installed duckdb-extension-postgres-scanner is not for DuckDB {version}; install the same version of "
            f"both: pip install duckdb-extension-postgres-scanner=={duckdb.__version__}"
        )
    return file


@contextmanager
def _explaining(location: Location) -> Iterator[None]:
    """DuckDB's errors may hold the text of the connection, with its password. Neither message nor cause has it."""
    try:
        yield
    except duckdb.Error as error:
        message = _without_secrets(str(error), location).strip().split("\n\n")[0].replace("\n", " ")
        raise LocationError(f"{location.name} cannot be read: {message}; {_cure(location, message)}") from None


def _without_secrets(message: str, location: Location) -> str:
    parts = urlsplit(location.text) if location.scheme else None
    secrets = [location.text] if parts else []
    if parts and parts.password:
        secrets += [parts.password, unquote(parts.password)]
    if parts and parts.query:
        secrets += [parts.query, *re.findall(r"password=([^&]+)", parts.query)]
    for secret in secrets:
        message = message.replace(secret, "…")
    return message


def _cure(location: Location, message: str) -> str:
    if location.kind == "duckdb" and re.search("lock", message):
        return "another program has it open for writing: close it there, or copy the file and name the copy"
    if re.search(r"connect|authentication|password|timeout", message, re.IGNORECASE):
        return "check host, port, database and user, and the password in PGPASSWORD or ~/.pgpass"
    return "check the query or the name of the table, and the rights of the user"
