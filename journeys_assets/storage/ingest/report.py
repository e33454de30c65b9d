"""What became of the files and rows of an ingest call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from journeys_assets.importers.mapped import REFUSED, SKIPPED
from journeys_assets.storage.ingest.files import PassedOver
from journeys_assets.storage.ingest.readers.pieces import LineCounts


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
