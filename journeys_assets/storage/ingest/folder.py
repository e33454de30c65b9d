"""The landing folder: what lies in it, taking files from it, and the record of what became of each.

What belongs here: the folder and the table ``landing.landed_files``. What does not: which files are to be taken
(``domain.landing.files``), how a file is read and loaded (``ingest``).

The record is written after the load, in a transaction of its own: what was loaded and not recorded is looked at again,
and the ledger of checksums makes that harmless.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from journeys_assets.domain.actions import Action
from journeys_assets.domain.landing.files import FILES_SCHEMA, outcome_of_damaged
from journeys_assets.domain.tables.landing import LANDED_FILES
from journeys_assets.storage.ingest.call import IngestReport, ingest
from journeys_assets.storage.ingest.files import DamagedFileError, IngestError, shown, source_of
from journeys_assets.storage.warehouse.base import create_tables
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

MAX_MODIFIED_NS = 2**62
"""Times of modification are held within ± this, ns since 1970 (± 146 years), so that they fit and can be subtracted."""


@dataclass(frozen=True)
class Folder:
    """What lies in the landing folder: ``FILES_SCHEMA``, and the path of each ``file``."""

    files: pl.DataFrame
    paths: dict[str, Path]


@dataclass(frozen=True)
class Taken:
    """What became of the files that were looked at.

    Attributes:
        report: Of the ingest call.
        files: ``LANDED_FILES`` without ingest_seq, ``source`` (null where no name tells it) and ``batch_id`` (of the
            ledger; null where nothing was loaded).
    """

    report: IngestReport
    files: pl.DataFrame


def list_folder(root: Path) -> Folder:
    """Every file below ``root``, to any depth; none where there is no such folder. No file is opened.

    A folder below that cannot be listed stands as a file, so that looking at it says why.

    Raises:
        OSError: ``root`` itself cannot be listed.
    """
    found = {shown(path.relative_to(root)): (path, status) for path, status in _walk(root)} if root.exists() else {}
    rows = [
        (name, status.st_size, max(-MAX_MODIFIED_NS, min(status.st_mtime_ns, MAX_MODIFIED_NS)))
        for name, (_, status) in found.items()
    ]
    files = pl.DataFrame(rows, schema=FILES_SCHEMA, orient="row").sort("file")
    return Folder(files, {name: path for name, (path, _) in found.items()})


def _walk(root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Files with their status; links to folders are followed, each folder once."""
    folders, seen = [root], set()
    while folders:
        folder = folders.pop()
        status = folder.stat()
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        try:
            entries = list(os.scandir(folder))
        except PermissionError:
            if folder == root:
                raise
            yield folder, status
            continue
        for entry in entries:
            if entry.is_dir():
                folders.append(Path(entry.path))
            elif entry.is_file() and (found := _status(entry)) is not None:
                yield Path(entry.path), found


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    """None where the file has gone since the folder was listed."""
    try:
        return entry.stat()
    except FileNotFoundError:
        return None


def landed_files(warehouse: Warehouse) -> pl.DataFrame:
    """``LANDED_FILES``; empty where the warehouse or the table is not there yet. Writes nothing.

    Raises:
        WarehouseBusyError: another process writes for longer than the lock timeout.
    """
    if not warehouse.path.exists():
        return LANDED_FILES.empty()
    with warehouse.reading() as con:
        there = con.execute(
            "SELECT 1 FROM duckdb_tables() WHERE schema_name = $1 AND table_name = $2",
            [LANDED_FILES.schema, LANDED_FILES.name],
        ).fetchone()
        return con.sql(f"FROM {LANDED_FILES.qualified_name}").pl() if there else LANDED_FILES.empty()


def take_files(
    warehouse: Warehouse,
    root: Path,
    folder: Folder,
    names: Sequence[str],
    *,
    now_ns: int,
    actions: Sequence[Action],
    patience_s: float,
    scratch_dir: Path,
    progress: Callable[[int, int], None] | None = None,
) -> Taken:
    """Ingest the named files; what is wrong with one is told of it and stops no other.

    Args:
        folder: From :func:`list_folder` of ``root``, made before: a file that changes meanwhile is looked at again.
        names: ``file`` of those to take, at least one.
        now_ns: The current time, ns since 1970, UTC.
        actions: The registry.
        patience_s: See ``domain.landing.files.look_at_files``.
    """
    now = datetime(1970, 1, 1) + timedelta(microseconds=now_ns // 1000)
    wrong: dict[Path, IngestError] = {}
    report = ingest(
        warehouse,
        [folder.paths[name] for name in names],
        now=now,
        actions=actions,
        scratch_dir=scratch_dir,
        root=root,
        set_aside=wrong.__setitem__,
        progress=progress,
    )
    looked_at = folder.files.filter(pl.col("file").is_in(list(names)))
    if_damaged = outcome_of_damaged(looked_at, now_ns=now_ns, patience_s=patience_s)
    loaded = {Path(file.file) for file in report.files}
    rows = []
    for row, damaged_outcome in zip(looked_at.iter_rows(named=True), if_damaged, strict=True):
        path = folder.paths[row["file"]]
        error = wrong.get(path)
        if error is None:
            outcome = "ingested" if path in loaded else "known"
        elif not path.exists():
            continue
        else:
            outcome = damaged_outcome if isinstance(error, DamagedFileError) else "refused"
        sha256, source = report.checksums.get(path), _source(path, root)
        rows.append(
            {
                **row,
                "sha256": sha256,
                "outcome": outcome,
                "reason": None if error is None else str(error),
                "looked_at": now,
                "source": source,
                "batch_id": f"{sha256}-{source}" if error is None else None,
            }
        )
    schema = {name: dtype for name, dtype in LANDED_FILES.polars_schema.items() if name != "ingest_seq"}
    return Taken(report, pl.DataFrame(rows, schema={**schema, "source": pl.String(), "batch_id": pl.String()}))


def _source(path: Path, root: Path) -> str | None:
    try:
        return source_of(path, root)
    except IngestError:
        return None


def record_landed(warehouse: Warehouse, taken: pl.DataFrame, folder: Folder) -> None:
    """Write what became of the files that were looked at; forget files that are in the folder no more.

    Args:
        taken: ``Taken.files``.
        folder: What lay in the folder when they were chosen.
    """
    with warehouse.writing() as con:
        create_tables(con, [LANDED_FILES])
        con.register("taken", taken.to_arrow())
        con.register("there", folder.files.select("file").to_arrow())
        con.execute(
            f"DELETE FROM {LANDED_FILES.qualified_name} "
            "WHERE file IN (SELECT file FROM taken) OR file NOT IN (SELECT file FROM there)"
        )
        con.execute(
            f"""
            INSERT INTO {LANDED_FILES.qualified_name} BY NAME
            SELECT taken.* EXCLUDE (source, batch_id), ledger.ingest_seq
            FROM taken LEFT JOIN landing.ingest_ledger AS ledger
            ON ledger.batch_id = taken.batch_id
            """
        )
        con.unregister("taken")
        con.unregister("there")
