"""Loads log files into the warehouse: all files of a call, or none if one of them cannot be read.

Every file is read and checked first, and its valid rows are written to disk in pieces of bounded size. Then one
transaction inserts everything, block by block (``scratch``), so that memory does not grow with the number of rows. A
file of append-only events that was loaded before without a refusal (same bytes, source and format) is skipped; any
other file is read again, because it may say something new (``load``).

This module has the order of the steps. ``files`` finds files, ``plan`` says how each is read, ``readers`` reads them,
``checked`` keeps what was read, ``domain.landing.contract`` has the rules for rows, ``load`` has the SQL, and
``report`` what the call returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import polars as pl

from journeys_assets.domain.actions import Action
from journeys_assets.domain.keywords.text import forget_texts
from journeys_assets.domain.landing.contract import LIST_SEPARATOR
from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.domain.tables.landing import LANDING
from journeys_assets.importers.base import Importer
from journeys_assets.importers.choose import formats
from journeys_assets.storage.erasure.tombstones import tombstones
from journeys_assets.storage.ingest.checked import CheckedFiles
from journeys_assets.storage.ingest.errors import IngestError
from journeys_assets.storage.ingest.files import PassedOver, check_file, find_files
from journeys_assets.storage.ingest.load import LANDING_FORMAT, ensure_landing, known_files, load
from journeys_assets.storage.ingest.plan import plan_of
from journeys_assets.storage.ingest.readers.choose import header_of, is_special, read_of_importer, wanted_of
from journeys_assets.storage.ingest.recognition import check_options
from journeys_assets.storage.ingest.report import IngestReport
from journeys_assets.storage.ingest.scratch import Scratch, scratch_folder
from journeys_assets.storage.warehouse.duckdb_file import Warehouse


def ingest(
    warehouse: Warehouse,
    paths: Sequence[Path],
    *,
    format: str | Importer = LANDING_FORMAT,
    now: datetime,
    actions: Sequence[Action],
    scratch_dir: Path,
    source: str | None = None,
    root: Path | None = None,
    set_aside: Callable[[Path, IngestError], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
    users_are_snapshots: bool = True,
    list_separator: str = LIST_SEPARATOR,
    options: Mapping[str, FormatOptions] | None = None,
    name_of: Callable[[Path], str] = str,
    n_known: int = 0,
) -> IngestReport:
    """Read, check and load files and folders.

    Args:
        format: ``landing`` (the contract, as Parquet, CSV or JSON lines), the name of a log format, or an importer.
        now: The current time, naive UTC.
        actions: The action registry: the valid actions of engagements.
        scratch_dir: Folder for valid rows until the transaction. Leftovers of killed calls in it are removed.
        source: The landing source of all files. By default it follows from the name of each file or folder.
        root: A folder above all ``paths``, which must then be files. The names of the folders from ``root`` on count
            for the source too.
        set_aside: Called with each file that cannot be read or is not as expected, and the error. Nothing of that file
            is loaded, and the other files are loaded as if it did not exist. By default such a file is an error.
        progress: Called with (files done, files in all).
        users_are_snapshots: Whether the users of a call, where they have no ``updated_at``, are all users. Then whom it
            does not list has unknown opt-ins from now on, and unknown counts as no.
        list_separator: What separates the items of lists that are written as text.
        options: What the deployment decides about log formats, by name.
        name_of: What the report and the tables call a file.
        n_known: Files of the call that were left out of ``paths`` because they were loaded before.

    Raises:
        IngestError: a file cannot be read or is not as expected, and ``set_aside`` is None. The warehouse is unchanged.
    """
    check_options(options or {})
    importer = format if isinstance(format, Importer) else _importer(format, actions, options or {})
    if source is not None and (source not in LANDING or format != LANDING_FORMAT):
        raise IngestError(f"source {source!r} cannot be used; with format landing, sources are {', '.join(LANDING)}")
    files, passed_over = _found(paths, root, importer, set_aside, n_known)
    if importer is not None:
        importer, files = _with_gathered(importer, files, set_aside)
    plans = []
    for file, above in files:
        with _setting_aside_errors(set_aside, file):
            plans.append((file, plan_of(file, above, source, importer, now, actions, list_separator)))
    ensure_landing(warehouse)
    known, last_seq = known_files(warehouse)
    with scratch_folder(scratch_dir) as folder, _forgetting_texts():
        scratch = Scratch(folder)
        checked = CheckedFiles(scratch, now, known, tombstones(warehouse), name_of, n_known)
        for done, (file, plan) in enumerate(plans, start=1):
            with _setting_aside_errors(set_aside, file):
                checked.add(file, plan)
            if progress is not None:
                progress(done, len(plans))
        if checked.prepared:
            loaded = load(
                warehouse,
                scratch,
                checked.prepared,
                checked.quarantined(),
                checked.unsubscribes(),
                checked.doubtful_users(),
                now,
                users_are_snapshots=users_are_snapshots,
            )
            report = checked.report(loaded)
        else:
            report = IngestReport(last_seq, (), None, checked.n_known, checksums=checked.checksums)
    return replace(report, passed_over=passed_over, sources={file: plan.sources[0] for file, plan in plans})


def _found(
    paths: Sequence[Path],
    root: Path | None,
    importer: Importer | None,
    set_aside: Callable[[Path, IngestError], None] | None,
    n_known: int,
) -> tuple[list[tuple[Path, Path]], tuple[PassedOver, ...]]:
    """The files to read, each with the folder above it, and the files that are passed over."""
    is_header, special = header_of(importer), is_special(importer)
    found = find_files(paths, root, is_header, special, may_be_none=n_known > 0)
    left_out = importer.check_files([str(file) for file, _ in found.files]) if importer is not None else {}
    files = []
    for file, above in found.files:
        if str(file) in left_out:
            continue
        with _setting_aside_errors(set_aside, file):
            check_file(file, is_header, special)
            files.append((file, above))
    return files, (*found.passed_over, *(PassedOver(Path(name), why) for name, why in sorted(left_out.items())))


@contextmanager
def _forgetting_texts() -> Iterator[None]:
    """At the end, no text of the call is left in the memory of this process."""
    try:
        yield
    finally:
        forget_texts()


def _importer(name: str, actions: Sequence[Action], options: Mapping[str, FormatOptions]) -> Importer | None:
    """The importer of a format; None for the landing contract."""
    if name == LANDING_FORMAT:
        return None
    known = formats()
    if name not in known:
        raise IngestError(f"format {name!r} is unknown; formats are {', '.join([LANDING_FORMAT, *known])}")
    return known[name].importer(options.get(name, FormatOptions()), actions)


def _with_gathered(
    importer: Importer,
    files: list[tuple[Path, Path]],
    set_aside: Callable[[Path, IngestError], None] | None,
) -> tuple[Importer, list[tuple[Path, Path]]]:
    """The importer with what it needs to know of all files, and the files that could be read for that."""
    if importer.gather is None:
        return importer, files
    selected, read = [], []
    for file, above in files:
        with _setting_aside_errors(set_aside, file):
            pieces = read_of_importer(file, importer, wanted_of(importer))
            selected += [importer.gather.select(piece.frame) for piece in pieces]
            read.append((file, above))
    return (importer.gather.use(pl.concat(selected)) if selected else importer), read


@contextmanager
def _setting_aside_errors(set_aside: Callable[[Path, IngestError], None] | None, file: Path) -> Iterator[None]:
    try:
        yield
    except IngestError as error:
        if set_aside is None:
            raise
        set_aside(file, error)
