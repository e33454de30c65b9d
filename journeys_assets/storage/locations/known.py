"""Which objects need not be copied again, because the same content was loaded before.

``landing.copied_objects`` has what the server of an object gave when its content was read. If the server gives the same
again, and the ledger says that these bytes need not be read again, the object is left out without being copied.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from journeys_assets.domain.tables.landing import COPIED_OBJECTS
from journeys_assets.storage.ingest.load import ensure_landing, known_files
from journeys_assets.storage.ingest.report import IngestReport
from journeys_assets.storage.locations.copies import Logs
from journeys_assets.storage.locations.remote import State
from journeys_assets.storage.warehouse.duckdb_file import Warehouse


def known_objects(warehouse: Warehouse, source: str | None) -> dict[str, State]:
    """The states of objects that were loaded as landing files, by ``record_key``.

    Args:
        source: The landing source that the files are said to be; None if their names give it.
    """
    if not warehouse.path.exists():
        return {}
    ensure_landing(warehouse)
    warehouse.ensure(COPIED_OBJECTS)
    known = {sha256 for sha256, loaded_as in known_files(warehouse)[0] if source in (None, loaded_as)}
    with warehouse.reading() as con:
        rows = con.execute(f"SELECT url, sha256, n_bytes, modified_at, etag FROM {COPIED_OBJECTS.qualified_name}")
        return {
            url: State(size, modified, etag) for url, sha256, size, modified, etag in rows.fetchall() if sha256 in known
        }


def record_copied(warehouse: Warehouse, logs: Logs, report: IngestReport, now: datetime) -> None:
    """Record the objects that were copied and read.

    Args:
        now: The current time, naive UTC.
    """
    rows = [
        (one.record, one.state.n_bytes, one.state.modified_ns, one.state.etag, report.checksums[one.path], now)
        for one in logs.copied
        if one.path in report.checksums
    ]
    if not rows:
        return
    copied = pl.DataFrame(rows, schema=COPIED_OBJECTS.polars_schema, orient="row")
    warehouse.ensure(COPIED_OBJECTS)
    with warehouse.writing({}) as con:
        con.register("copied", copied.to_arrow())
        con.execute(f"DELETE FROM {COPIED_OBJECTS.qualified_name} WHERE url IN (SELECT url FROM copied)")
        con.execute(f"INSERT INTO {COPIED_OBJECTS.qualified_name} BY NAME SELECT * FROM copied")
        con.unregister("copied")
