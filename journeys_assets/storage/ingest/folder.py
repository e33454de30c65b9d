"""The landing folder: lists its files, ingests them, and records the outcome for each in ``landing.landed_files``.

``domain.landing.files`` decides which files to ingest; ``ingest`` reads and loads them.

The outcomes are recorded after the load, in a separate transaction. A file that was loaded but not recorded is
processed again, which changes nothing: its events and versions are there already.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl

from journeys_assets.domain.actions import Action
from journeys_assets.domain.landing.contract import LIST_SEPARATOR
from journeys_assets.domain.landing.files import FILES_SCHEMA, outcome_of_damaged
from journeys_assets.domain.tables.landing import LANDED_FILES
from journeys_assets.importers.base import Importer
from journeys_assets.storage.ingest.call import ingest
from journeys_assets.storage.ingest.errors import DamagedFileError, IngestError
from journeys_assets.storage.ingest.files import printable, source_of, walk
from journeys_assets.storage.ingest.load import LANDING_FORMAT
from journeys_assets.storage.ingest.report import IngestReport
from journeys_assets.storage.warehouse.base import has_table
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

MAX_MODIFIED_NS = 2**62
"""Modification times are clipped to ± this, ns since 1970 (± 146 years), so that they fit and can be subtracted."""

_PARQUET = b"PAR1"
"""The first and the last bytes of a Parquet file."""


@dataclass(frozen=True)
class Folder:
    """The files in the landing folder: ``FILES_SCHEMA``, and the path of each ``file``."""

    files: pl.DataFrame
    paths: dict[str, Path]


@dataclass(frozen=True)
class FolderIngest:
    """The outcome for each processed file.

    Attributes:
        report: The report of the ingest call.
        files: ``LANDED_FILES`` without ingest_seq and look_again_at, with ``source`` (null if no name gives it).
    """

    report: IngestReport
    files: pl.DataFrame


def list_folder(root: Path) -> Folder:
    """Every file below ``root``, at any depth; none if ``root`` does not exist. No file is opened.

    A folder below ``root`` that cannot be listed is returned as a file, so that ingesting it reports the reason.

    Raises:
        OSError: ``root`` itself cannot be listed.
    """
    walked = walk(root) if root.exists() else ()
    found = {
        printable(path.relative_to(root)): (path, status) for path, status, problem in walked if status and not problem
    }
    rows = [
        (name, status.st_size, max(-MAX_MODIFIED_NS, min(status.st_mtime_ns, MAX_MODIFIED_NS)))
        for name, (_, status) in found.items()
    ]
    files = pl.DataFrame(rows, schema=FILES_SCHEMA, orient="row").sort("file")
    return Folder(files, {name: path for name, (path, _) in found.items()})


def complete_files(folder: Folder, names: Iterable[str]) -> list[str]:
    """Those of the named files that are Parquet files with a footer that can be read. A file that is gone is left out.

    A writer that goes through a file in order writes the footer last.
    """
    return [name for name in names if name.lower().endswith(".parquet") and _has_footer(folder.paths[name])]


def _has_footer(path: Path) -> bool:
    """Whether the file ends in a footer. What looks like its last bytes may be a value, so the footer is read too."""
    try:
        with path.open("rb") as file:
            begin = file.read(len(_PARQUET))
            file.seek(-len(_PARQUET), os.SEEK_END)
            if not begin == file.read(len(_PARQUET)) == _PARQUET:
                return False
        with duckdb.connect() as con:
            con.execute("SELECT num_rows FROM parquet_file_metadata($path)", {"path": str(path)}).fetchall()
    except (OSError, duckdb.Error):
        return False
    return True


def landed_files(warehouse: Warehouse) -> pl.DataFrame:
    """``LANDED_FILES``; empty if the warehouse or the table does not exist yet. Writes nothing.

    Raises:
        WarehouseBusyError: another process writes for longer than the lock timeout.
    """
    if not warehouse.path.exists():
        return LANDED_FILES.empty()
    with warehouse.reading() as con:
        exists = has_table(con, LANDED_FILES)
        rows = con.sql(f"FROM {LANDED_FILES.qualified_name}").pl() if exists else LANDED_FILES.empty()
    # A warehouse of an earlier release may lack a column.
    return pl.concat([LANDED_FILES.empty(), rows], how="diagonal")


def ingest_listed_files(
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
    users_are_snapshots: bool = True,
    list_separator: str = LIST_SEPARATOR,
    importer: Importer | None = None,
    named: Callable[[str], str] = str,
    wrong: Mapping[str, IngestError] | None = None,
    not_read: Mapping[str, str] | None = None,
) -> FolderIngest:
    """Ingest the named files. An error in one file is recorded for that file and does not stop the others.

    Args:
        folder: From :func:`list_folder` of ``root``, listed before the call. A file that changes during the call is
            processed again later.
        names: ``file`` of the files to ingest, at least one.
        now_ns: The current time, ns since 1970, UTC.
        actions: The action registry.
        patience_s: See ``domain.landing.files.with_file_states``.
        users_are_snapshots, list_separator: See :func:`ingest`.
        importer: What converts the files; None for the landing contract.
        named: Returns a text with the name that people know in place of every path of a file.
        wrong: Errors of named files that are known before, and that ``folder`` has no path of.
        not_read: Named files that must not be read, with the reasons. They count as known.
    """
    not_read = not_read or {}
    now = datetime(1970, 1, 1) + timedelta(microseconds=now_ns // 1000)
    errors: dict[Path, IngestError] = {}
    paths = [folder.paths[name] for name in names if name in folder.paths and name not in not_read]
    report = ingest(
        warehouse,
        paths,
        format=importer or LANDING_FORMAT,
        now=now,
        actions=actions,
        scratch_dir=scratch_dir,
        root=root,
        set_aside=errors.__setitem__,
        progress=progress,
        users_are_snapshots=users_are_snapshots,
        list_separator=list_separator,
        name_of=lambda path: named(str(path)),
        n_known=len(names) - len(paths),
    )
    looked_at = folder.files.filter(pl.col("file").is_in(list(names)))
    if_damaged = outcome_of_damaged(looked_at, now_ns=now_ns, patience_s=patience_s)
    loaded = {file.file for file in report.files}
    all_refused = set(report.all_refused())
    rows = []
    for row, damaged_outcome in zip(looked_at.iter_rows(named=True), if_damaged, strict=True):
        path = folder.paths.get(row["file"])
        error = (wrong or {}).get(row["file"]) or (None if path is None else errors.get(path))
        reason = not_read.get(row["file"]) if error is None else named(str(error))
        shown = None if path is None else named(str(path))
        if shown in all_refused:
            outcome, reason = "refused", f"{shown}: every row was refused; landing.quarantined_rows has the reasons"
        elif row["file"] in not_read:
            outcome = "known"
        elif error is None and path is None:
            continue
        elif error is None:
            outcome = "ingested" if shown in loaded else "known"
        elif path is not None and not path.exists():
            continue
        else:
            outcome = damaged_outcome if isinstance(error, DamagedFileError) else "refused"
        source = None if path is None else report.sources.get(path)
        if source is None and path is not None:
            source = _source(path, root) if importer is None else importer.main_source
        rows.append(
            {
                **row,
                "sha256": None if path is None else report.checksums.get(path),
                "outcome": outcome,
                "reason": reason,
                "looked_at": now,
                "source": source,
            }
        )
    recorded_later = ("ingest_seq", "look_again_at")
    schema = {name: dtype for name, dtype in LANDED_FILES.polars_schema.items() if name not in recorded_later}
    return FolderIngest(report, pl.DataFrame(rows, schema={**schema, "source": pl.String()}))


def _source(path: Path, root: Path) -> str | None:
    """The source of a file that could not be planned, such as one of an unknown format."""
    try:
        return source_of(path, root)
    except IngestError:
        return None


def record_landed(warehouse: Warehouse, files: pl.DataFrame, folder: Folder, prefix: str = "") -> None:
    """Record the outcome for each processed file, and delete the records of files that are no longer in the folder.

    Args:
        files: ``FolderIngest.files``.
        folder: The listing from which the files were chosen.
        prefix: What the names of files begin with in the table; empty for the landing folder of the deployment. Records
            of files with another prefix stay.
    """
    named = (pl.lit(prefix) + pl.col("file")).alias("file")
    warehouse.ensure(LANDED_FILES)
    with warehouse.writing({}) as con:
        con.register("processed", files.with_columns(named).to_arrow())
        con.register("listed", folder.files.select(named).to_arrow())
        con.execute(
            f"DELETE FROM {LANDED_FILES.qualified_name} WHERE file IN (SELECT file FROM processed) "
            "OR (file NOT IN (SELECT file FROM listed) AND CASE WHEN $1 = '' "
            "THEN NOT (starts_with(file, '/') OR contains(file, '://')) ELSE starts_with(file, $1) END)",
            [prefix],
        )
        con.execute(
            f"""
            INSERT INTO {LANDED_FILES.qualified_name} BY NAME
            WITH loads AS (
              SELECT sha256, source, max(ingest_seq) AS ingest_seq, max_by(batch_id, ingest_seq) AS batch_id
              FROM landing.ingest_ledger GROUP BY sha256, source
            ), waiting AS (
              SELECT batch_id, min(acceptable_at) AS look_again_at FROM landing.quarantined_rows GROUP BY batch_id
            )
            SELECT processed.* EXCLUDE (source), loads.ingest_seq, waiting.look_again_at
            FROM processed LEFT JOIN loads USING (sha256, source) LEFT JOIN waiting USING (batch_id)
            """
        )
        con.unregister("processed")
        con.unregister("listed")
