"""Loads log files into the warehouse: all files of a call, or none if one of them cannot be read.

Every file is read and checked first, and its valid rows are written to disk in pieces of bounded size. Then one
transaction inserts everything, block by block (``scratch``), so that memory does not grow with the number of rows. A
file of append-only events that was loaded before without a refusal (same bytes, source and format) is skipped; any
other file is read again, because it may say something new (``load``).

This module has the order of the steps and the report. ``readers`` reads files, ``domain.landing.contract`` has the
rules for rows, ``load`` has the SQL.
"""

from __future__ import annotations

import zoneinfo
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cache
from pathlib import Path

import polars as pl

from journeys_assets.domain.actions import Action
from journeys_assets.domain.keywords.text import forget_texts
from journeys_assets.domain.landing.column_names import is_objection
from journeys_assets.domain.landing.contract import (
    LIST_SEPARATOR,
    check_rows,
    fits,
    possible_unsubscribes,
    possible_users,
    refused_frame,
    refused_unsubscribes,
    with_keywords,
)
from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.domain.noise.rules import with_noise
from journeys_assets.domain.tables.landing import (
    LANDING,
    OF_CONSENT,
    PART_SOURCES,
    QUARANTINED_ROWS,
    REFUSED_UNSUBSCRIBES,
    VERSIONED,
)
from journeys_assets.importers.base import PART, VERSION, Converted, Importer
from journeys_assets.importers.choose import formats
from journeys_assets.importers.mapped import REFUSED, SKIPPED
from journeys_assets.storage.erasure.tombstones import Tombstones, tombstones
from journeys_assets.storage.ingest.erased import ERASED, without_erased, without_erased_refusals
from journeys_assets.storage.ingest.errors import IngestError
from journeys_assets.storage.ingest.files import PassedOver, check_columns, check_file, checksum, find_files, source_of
from journeys_assets.storage.ingest.load import (
    LANDING_FORMAT,
    SUPERSEDED,
    Loaded,
    PreparedFile,
    ensure_landing,
    known_files,
    load,
)
from journeys_assets.storage.ingest.parts import REDELIVERED
from journeys_assets.storage.ingest.readers.choose import (
    header_of,
    is_special,
    read_of_importer,
    read_pieces,
    wanted_of,
)
from journeys_assets.storage.ingest.readers.pieces import LineCounts, Piece, Wanted
from journeys_assets.storage.ingest.recognition import check_options
from journeys_assets.storage.ingest.scratch import Scratch, scratch_folder
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

__all__ = ["FileReport", "IngestError", "IngestReport", "ensure_landing", "ingest"]


UNREADABLE, OTHER_TYPES = "(unreadable)", "(other types)"
MAX_EVENT_TYPES = 200
"""How many types of events are counted one by one."""


@dataclass(frozen=True)
class FileReport:
    """The row counts of one file and source; read = accepted + duplicate + noise + quarantined + skipped."""

    file: str
    source: str
    n_rows: int
    n_accepted: int
    n_duplicate: int
    n_quarantined: int
    n_skipped: int
    n_noise: int = 0
    n_rows_with_refused_fields: int = 0
    ignored_columns: tuple[str, ...] = ()
    did_you_mean: Mapping[str, str] = field(default_factory=dict)
    """For each ignored column that is nearly one of the contract that the file lacks: that one."""
    lines: LineCounts | None = None
    """The lines of the file; None for a source that an importer derives from the file's main one."""

    outcomes: Mapping[tuple[str | None, str], int] = field(default_factory=dict)
    """What became of the records of the file, by type of event; see ``INGEST_OUTCOMES``."""

    @property
    def adds_up(self) -> bool:
        """Whether every row that was read is counted once."""
        counted = self.n_accepted + self.n_duplicate + self.n_noise + self.n_quarantined + self.n_skipped
        return self.n_rows == counted


@dataclass(frozen=True)
class IngestReport:
    """The result of an ingest call.

    ``ingest_seq`` is the number of the call, or that of the previous call if every file was known. ``first_day`` is the
    earliest UTC day of an accepted search, engagement or board pin; None if there is none. ``checksums`` has the sha256
    of every file that could be opened, including known files and files that were set aside because of an error.
    ``n_unlisted_users`` is the number of users with an opt-in whom a snapshot of users no longer lists,
    ``n_doubtful_users`` that of users with an opt-in of whom a record cannot be read. ``passed_over``
    has the files of the given folders that are not read, with the reasons. Every file found is among ``files``, passed
    over, skipped as known, or was set aside. ``sources`` has the main source of every file whose source is known.
    ``events`` has the records of formats with types of events, by type and by what became of them. ``noise`` has the
    new rows that were marked as noise, by reason.
    """

    ingest_seq: int
    files: tuple[FileReport, ...]
    first_day: date | None
    n_files_skipped_as_known: int
    skipped_by_reason: dict[str, int] = field(default_factory=dict)
    checksums: Mapping[Path, str] = field(default_factory=dict)
    n_unlisted_users: int = 0
    n_doubtful_users: int = 0
    passed_over: tuple[PassedOver, ...] = ()
    sources: Mapping[Path, str] = field(default_factory=dict)
    events: Mapping[tuple[str, str], int] = field(default_factory=dict)
    noise: Mapping[str, int] = field(default_factory=dict)

    def all_refused(self) -> list[str]:
        """The files that have rows, all of which were quarantined. An importer may make rows of several sources."""
        read, refused = Counter[str](), Counter[str]()
        for file in self.files:
            read[file.file] += file.n_rows
            refused[file.file] += file.n_quarantined
        return [file for file, n in read.items() if 0 < n == refused[file]]

    @property
    def has_no_use(self) -> bool:
        """Whether a log has records, and none of them became a row: they may be of another format."""
        is_left_out = all(what == REFUSED or what.startswith(SKIPPED) for _, what in self.events)
        n_kept = sum(file.n_accepted + file.n_duplicate + file.n_noise for file in self.files)
        return bool(self.events) and is_left_out and n_kept == 0

    def by_source(self) -> list[tuple[str, int, int, int, int, int, int, int]]:
        """Source, files, rows read, accepted, duplicate, quarantined, skipped, noise; sources in alphabetical order."""
        totals: dict[str, list[int]] = {}
        for file in self.files:
            counts = (
                1,
                file.n_rows,
                file.n_accepted,
                file.n_duplicate,
                file.n_quarantined,
                file.n_skipped,
                file.n_noise,
            )
            total = totals.setdefault(file.source, [0] * len(counts))
            totals[file.source] = [a + b for a, b in zip(total, counts, strict=True)]
        return [(source, *counts) for source, counts in sorted(totals.items())]  # type: ignore[misc]

    def n_lines(self) -> LineCounts:
        """The lines of all files that were read."""
        total = LineCounts()
        for file in self.files:
            if file.lines is not None:
                total.add(file.lines)
        return total

    def did_you_mean(self) -> dict[str, dict[str, str]]:
        """For each source, ignored columns that are nearly columns of the contract, and these."""
        names: dict[str, dict[str, str]] = {}
        for file in self.files:
            names.setdefault(file.source, {}).update(file.did_you_mean)
        return {source: dict(sorted(columns.items())) for source, columns in sorted(names.items()) if columns}

    def ignored_columns(self) -> dict[str, tuple[str, ...]]:
        """For each source, the columns of its files that are not in the contract."""
        names: dict[str, set[str]] = {}
        for file in self.files:
            names.setdefault(file.source, set()).update(file.ignored_columns)
        return {source: tuple(sorted(columns)) for source, columns in sorted(names.items()) if columns}


@dataclass(frozen=True)
class _Plan:
    """How to read one file: its sources (the main one first), its columns, and the function that converts a piece."""

    sources: tuple[str, ...]
    wanted: Wanted
    convert: Callable[[Piece], Converted]
    format: str
    pieces: Iterator[Piece]
    stamp: Callable[[str, pl.DataFrame], pl.DataFrame] = lambda name, rows: rows
    has_events: bool = False
    """Whether each record has a type of event, so that what became of it is counted by type."""

    @property
    def is_append_only(self) -> bool:
        return self.format == LANDING_FORMAT and not set(self.sources) & set(VERSIONED)


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
    plans = []
    is_header = header_of(importer)
    special = is_special(importer)
    found = find_files(paths, root, is_header, special, may_be_none=n_known > 0)
    left_out = importer.check_files([str(file) for file, _ in found.files]) if importer is not None else {}
    passed_over = (*found.passed_over, *(PassedOver(Path(name), why) for name, why in sorted(left_out.items())))
    files = []
    for file, above in found.files:
        if str(file) in left_out:
            continue
        with _setting_aside_errors(set_aside, file):
            check_file(file, is_header, special)
            files.append((file, above))
    if importer is not None:
        importer, files = _with_gathered(importer, files, set_aside)
    for file, above in files:
        with _setting_aside_errors(set_aside, file):
            plans.append((file, _plan(file, above, source, importer, now, actions, list_separator)))
    main_sources = {file: plan.sources[0] for file, plan in plans}
    ensure_landing(warehouse)
    known, last_seq = known_files(warehouse)
    with scratch_folder(scratch_dir) as folder, _forgetting_texts():
        scratch = Scratch(folder)
        call = _Call(scratch, now, known, tombstones(warehouse), name_of, n_known)
        for done, (file, plan) in enumerate(plans, start=1):
            with _setting_aside_errors(set_aside, file):
                call.prepare(file, plan)
            if progress is not None:
                progress(done, len(plans))
        if not call.prepared:
            return IngestReport(
                last_seq,
                (),
                None,
                call.n_known,
                checksums=call.checksums,
                passed_over=passed_over,
                sources=main_sources,
            )
        loaded = load(
            warehouse,
            scratch,
            call.prepared,
            call.quarantined(),
            call.unsubscribes(),
            call.doubtful_users(),
            now,
            users_are_snapshots=users_are_snapshots,
        )
    return replace(call.report(loaded), passed_over=passed_over, sources=main_sources)


@contextmanager
def _setting_aside_errors(set_aside: Callable[[Path, IngestError], None] | None, file: Path) -> Iterator[None]:
    try:
        yield
    except IngestError as error:
        if set_aside is None:
            raise
        set_aside(file, error)


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


def _plan(
    file: Path,
    root: Path,
    source: str | None,
    importer: Importer | None,
    now: datetime,
    actions: Sequence[Action],
    list_separator: str,
) -> _Plan:
    if importer is not None:
        convert = importer.convert
        wanted = wanted_of(importer)
        sources = (importer.main_source, *(name for name in importer.sources if name != importer.main_source))
        shown = importer.shown_columns
        pieces = (_without_unreadable(piece, shown) for piece in read_of_importer(file, importer, wanted))
        return _Plan(
            sources,
            wanted,
            lambda piece: convert(piece.frame, now),
            importer.name,
            pieces,
            importer.stamp,
            has_events=importer.records is not None,
        )
    if source is not None:
        check_columns(file, source)
    name = source or source_of(file, root)
    wanted = Wanted.of_source(name)

    def check(piece: Piece) -> Converted:
        good, refused = check_rows(
            name,
            piece.frame,
            now=now,
            actions=actions,
            timezones=_timezones(),
            unreadable=piece.unreadable,
            list_separator=list_separator,
        )
        return Converted({name: good}, {name: refused})

    return _Plan((name,), wanted, check, LANDING_FORMAT, read_pieces(file, wanted))


def _without_unreadable(piece: Piece, shown_columns: Sequence[str]) -> Piece:
    """A piece of a file for an importer: a row with a value that is no text is refused, because it is text that an
    importer converts.

    Args:
        shown_columns: Columns that are not read, whose values do not count.
    """
    unreadable = piece.unreadable.filter(~pl.col("column").is_in(list(shown_columns)))
    if unreadable.is_empty():
        return piece
    of_lines = unreadable.group_by("line", maintain_order=True).agg(
        pl.format("{} {}: '{}'", "column", "problem", "value").str.join("; ").alias("reason")
    )
    is_refused = pl.col("line").is_in(of_lines["line"].implode())
    rows = piece.frame.filter(is_refused).join(of_lines, on="line", maintain_order="left")
    texts = rows.select(pl.struct(pl.exclude("line", "reason")).struct.json_encode()).to_series()
    refused = refused_frame(rows["line"].to_list(), rows["reason"].to_list(), texts.to_list())
    return Piece(piece.frame.filter(~is_refused), pl.concat([piece.refused, refused]).sort("line"))


@cache
def _timezones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


class _Call:
    """The files of one call that were read and checked so far."""

    def __init__(
        self,
        scratch: Scratch,
        now: datetime,
        known: set[tuple[str, str]],
        erased: Tombstones,
        name_of: Callable[[Path], str],
        n_known: int,
    ) -> None:
        self.scratch = scratch
        self.name_of = name_of
        self.erased = erased
        self.now = now
        self.known = set(known)
        self.prepared: list[PreparedFile] = []
        self.n_known = n_known
        self.checksums: dict[Path, str] = {}
        self._wanted: dict[int, Wanted] = {}
        self._skipped: Counter[str] = Counter()
        self._events: Counter[tuple[str, str]] = Counter()
        self._refused: list[pl.DataFrame] = []
        self._unsubscribes: list[pl.DataFrame] = []
        self._doubtful: list[pl.DataFrame] = []

    def prepare(self, file: Path, plan: _Plan) -> None:
        """Read and check the file, and write its valid rows to the scratch folder.

        Raises:
            IngestError: the file is wrong. Everything that was written for it is removed.
        """
        sha256 = checksum(file)
        self.checksums[file] = sha256
        key = (sha256, plan.sources[0])
        if plan.is_append_only and key in self.known:
            self.n_known += 1
            return
        number = len(self._wanted)
        files = {name: PreparedFile(number, name, self.name_of(file), sha256, plan.format) for name in plan.sources}
        files[plan.sources[0]].is_main = True
        refused_before, skipped = len(self._refused), Counter[str]()
        held_before, doubtful_before = len(self._unsubscribes), len(self._doubtful)
        events = Counter[tuple[str, str]]()
        try:
            for piece in plan.pieces:
                _check_types(file, plan, piece)
                converted = plan.convert(piece) if piece.frame.height else Converted({}, {})
                if self.erased:
                    piece, converted = self._without_erased(files, piece, converted, skipped)
                self._refuse(files[plan.sources[0]], piece.refused)
                self._doubt(files[plan.sources[0]], piece)
                for name, refused in converted.refused.items():
                    self._refuse(files[name], refused)
                    self._hold(files[name], piece, refused)
                for name, good in converted.good.items():
                    files[name].n_good += good.height
                    files[name].is_snapshot |= name == "users" and _has_undated(good, converted.refused.get(name))
                    marked = with_part(name, plan.stamp(str(file), good) if name in PART_SOURCES else good)
                    rows = with_noise(name, with_keywords(name, marked)).with_columns(
                        file_no=pl.lit(number, dtype=pl.Int32)
                    )
                    self.scratch.write(name, number, rows)
                files[plan.sources[0]].n_skipped += sum(converted.skipped.values())
                skipped.update(converted.skipped)
                events.update(converted.events)
                if plan.has_events and piece.refused.height:
                    events[UNREADABLE, REFUSED] += piece.refused.height
            if plan.format == LANDING_FORMAT:
                _check_consent(file, plan)
        except IngestError:
            del self._refused[refused_before:]
            del self._unsubscribes[held_before:]
            del self._doubtful[doubtful_before:]
            self.scratch.remove(number)
            raise
        if plan.sources == ("users",) and not files["users"].n_good:
            files["users"].is_snapshot = "updated_at" not in plan.wanted.found
        self._skipped.update(skipped)
        self._events.update(events)
        of_types: dict[tuple[str | None, str], int] = dict(_largest(events).items())
        of_reasons = {(None, f"{SKIPPED}{reason}"): n for reason, n in skipped.items()}
        files[plan.sources[0]].outcomes.update(of_types or of_reasons)
        self._wanted[number] = plan.wanted
        self.prepared += files.values()
        if plan.is_append_only:
            self.known.add(key)

    def _without_erased(
        self, files: Mapping[str, PreparedFile], piece: Piece, converted: Converted, skipped: Counter[str]
    ) -> tuple[Piece, Converted]:
        """Leave out the rows of users who were erased, and count them as skipped."""
        converted, left_out = without_erased(converted, self.erased)
        refused = without_erased_refusals(piece.refused, self.erased)
        for name, n in left_out.items():
            files[name].n_skipped += n
        main = next(file for file in files.values() if file.is_main)
        main.n_skipped += piece.refused.height - refused.height
        skipped[ERASED] += sum(left_out.values()) + piece.refused.height - refused.height
        return replace(piece, refused=refused), converted

    def _refuse(self, file: PreparedFile, refused: pl.DataFrame) -> None:
        n_kept = int(refused["is_kept"].sum())
        file.n_quarantined += refused.height - n_kept
        file.n_rows_with_refused_fields += n_kept
        if refused.height:
            constants = {"file_no": file.number, "source": file.source, "file": file.file}
            self._refused.append(
                refused.with_columns(pl.lit(value).alias(name) for name, value in constants.items()).with_columns(
                    pl.col("file_no").cast(pl.Int64), quarantined_at=pl.lit(self.now, dtype=pl.Datetime("us"))
                )
            )

    def _hold(self, file: PreparedFile, piece: Piece, refused: pl.DataFrame) -> None:
        """Keep the unsubscribes of refused rows."""
        if file.source == "notification_events" and file.format == LANDING_FORMAT and refused.height:
            found = refused_unsubscribes(piece.frame, refused, now=self.now, unreadable=piece.unreadable)
            self._unsubscribes.append(found.with_columns(file_no=pl.lit(file.number, dtype=pl.Int64)))

    def _doubt(self, file: PreparedFile, piece: Piece) -> None:
        """Keep whose consent may be in records that cannot be read, so that none that is older stays in force."""
        if piece.readings is None or piece.readings.is_empty():
            return
        number = pl.lit(file.number, dtype=pl.Int64)
        if file.source == "users":
            users = possible_users(piece.readings)
            self._doubtful.append(
                users.filter(~self.erased.are_erased(users)).to_frame("user_id").with_columns(file_no=number)
            )
        else:
            found = possible_unsubscribes(piece.readings, now=self.now)
            found = found.filter(~self.erased.are_erased(found["user_id"]))
            self._unsubscribes.append(found.with_columns(file_no=number, is_doubtful=True))

    def doubtful_users(self) -> pl.DataFrame:
        """user_id, file_no: users of whom a record of ``users`` may be that cannot be read."""
        return pl.concat([pl.DataFrame(schema={"user_id": pl.String, "file_no": pl.Int64}), *self._doubtful])

    def quarantined(self) -> pl.DataFrame:
        """Columns of ``QUARANTINED_ROWS`` without batch_id, and file_no."""
        empty = QUARANTINED_ROWS.empty().drop("batch_id").with_columns(file_no=pl.lit(None, dtype=pl.Int64))
        return pl.concat([empty, *(frame.select(empty.columns) for frame in self._refused)])

    def unsubscribes(self) -> pl.DataFrame:
        """Columns of ``REFUSED_UNSUBSCRIBES`` without ingest_seq, file_no, and is_doubtful: from a broken record."""
        empty = (
            REFUSED_UNSUBSCRIBES.empty()
            .drop("ingest_seq")
            .with_columns(file_no=pl.lit(None, dtype=pl.Int64), is_doubtful=pl.lit(False))
        )
        return pl.concat([empty, *self._unsubscribes], how="diagonal").with_columns(
            pl.col("is_doubtful").fill_null(False)
        )

    def report(self, loaded: Loaded) -> IngestReport:
        files = []
        for file in self.prepared:
            if file.number in loaded.loaded_meanwhile:
                continue
            n_accepted = loaded.accepted.get((file.source, file.number), 0)
            n_superseded = loaded.superseded.get((file.source, file.number), 0)
            n_noise = sum(loaded.noise.get((file.source, file.number), {}).values())
            wanted = self._wanted[file.number]
            files.append(
                FileReport(
                    file=file.file,
                    source=file.source,
                    n_rows=file.n_good + file.n_quarantined + file.n_skipped,
                    n_accepted=n_accepted,
                    n_duplicate=file.n_good - n_accepted - n_noise - n_superseded,
                    n_noise=n_noise,
                    n_quarantined=file.n_quarantined,
                    n_skipped=file.n_skipped + n_superseded,
                    n_rows_with_refused_fields=file.n_rows_with_refused_fields,
                    ignored_columns=tuple(sorted(wanted.unknown)) if file.is_main else (),
                    did_you_mean=wanted.did_you_mean if file.is_main else {},
                    lines=wanted.counts if file.is_main else None,
                    outcomes=file.outcomes,
                )
            )
        skipped = self._skipped.copy()
        for (source, _), n in loaded.superseded.items():
            skipped[SUPERSEDED if source in VERSIONED else REDELIVERED] += n
        return IngestReport(
            loaded.ingest_seq,
            tuple(files),
            loaded.first_day,
            self.n_known + len(loaded.loaded_meanwhile),
            {reason: n for reason, n in sorted(skipped.items()) if n},
            self.checksums,
            loaded.n_unlisted,
            n_doubtful_users=loaded.n_doubtful,
            noise=loaded.noise_by_reason(),
            events=_largest(self._events),
        )


def _largest(events: Counter[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """The counts of the most frequent types of events, with the others together."""
    totals: Counter[str] = Counter()
    for (event, _), n in events.items():
        totals[event] += n
    named = {event for event, _ in sorted(totals.items(), key=lambda item: (-item[1], item[0]))[:MAX_EVENT_TYPES]}
    counts: Counter[tuple[str, str]] = Counter()
    for (event, outcome), n in events.items():
        counts[event if event in named else OTHER_TYPES, outcome] += n
    return dict(sorted(counts.items()))


def with_part(source: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Converted rows with the columns ``PART`` and ``VERSION``, null where no importer has filled them."""
    if source not in PART_SOURCES:
        return rows
    missing = [name for name in (PART, VERSION) if name not in rows.columns]
    return rows.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in missing)


def _has_undated(good: pl.DataFrame, refused: pl.DataFrame | None) -> bool:
    """Whether a row has no ``updated_at``; one whose ``updated_at`` was refused has one that cannot be read."""
    undated = good.filter(pl.col("updated_at").is_null())
    if refused is not None:
        undated = undated.join(refused.filter(pl.col("columns").list.contains("updated_at")), on="line", how="anti")
    return undated.height > 0


def _check_consent(file: Path, plan: _Plan) -> None:
    """Raise ``IngestError`` if a column that is not of the contract looks as if it said who objected to messages.

    Other unknown columns are ignored. This one would send messages to people who said no.
    """
    if plan.sources[0] not in OF_CONSENT or "unsubscribed_at" in plan.wanted.found:
        return
    if column := next((name for name in sorted(plan.wanted.unknown) if is_objection(name)), None):
        cure = (
            "if it has the time at which the user unsubscribed, name it unsubscribed_at"
            if plan.sources[0] == "notification_events"
            else "write who objects as false in email_opt_in and push_opt_in"
        )
        raise IngestError(
            f"{file}: column {column!r} is not read, but may say who wants no messages; {cure}, or drop it"
        )


def _check_types(file: Path, plan: _Plan, piece: Piece) -> None:
    """Raise ``IngestError`` if the type of a column rules out every value: then the file is wrong, not its rows."""
    if plan.format != LANDING_FORMAT:
        if any(isinstance(dtype, pl.List) for dtype in piece.frame.schema.values()):
            return
        wrong = {name: dtype for name, dtype in piece.frame.drop("line").schema.items() if dtype != pl.String}
        if wrong:
            raise IngestError(f"{file}: format {plan.format} is read from CSV or JSON lines; give the original files")
        return
    table = LANDING[plan.sources[0]]
    for column in table.columns:
        dtype = piece.frame.schema.get(column.name)
        if dtype is not None and not fits(column, dtype):
            raise IngestError(
                f"{file}: column {column.name} is {dtype}, not {column.sql_type}; write it as {column.sql_type} or text"
            )
