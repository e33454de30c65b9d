"""The files of an ingest call that were read and checked: their rows wait in the scratch folder until all are there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import polars as pl

from journeys_assets.domain.landing.contract import (
    possible_unsubscribes,
    possible_users,
    refused_unsubscribes,
    with_keywords,
)
from journeys_assets.domain.noise.rules import with_noise
from journeys_assets.domain.tables.landing import PART_SOURCES, QUARANTINED_ROWS, REFUSED_UNSUBSCRIBES, VERSIONED
from journeys_assets.importers.base import PART, VERSION, Converted
from journeys_assets.importers.mapped import REFUSED, SKIPPED
from journeys_assets.storage.erasure.tombstones import Tombstones
from journeys_assets.storage.ingest.erased import ERASED, without_erased, without_erased_refusals
from journeys_assets.storage.ingest.errors import IngestError
from journeys_assets.storage.ingest.files import checksum
from journeys_assets.storage.ingest.load import LANDING_FORMAT, SUPERSEDED, Loaded, PreparedFile
from journeys_assets.storage.ingest.parts import REDELIVERED
from journeys_assets.storage.ingest.plan import FilePlan, check_objections, check_types
from journeys_assets.storage.ingest.readers.pieces import Piece, Wanted
from journeys_assets.storage.ingest.report import FileReport, IngestReport
from journeys_assets.storage.ingest.scratch import Scratch

UNREADABLE, OTHER_TYPES = "(unreadable)", "(other types)"
MAX_EVENT_TYPES = 200
"""How many types of events are counted one by one."""


class CheckedFiles:
    """The files of one call that were read and checked so far.

    Args:
        scratch: Where their valid rows wait.
        now: The current time, naive UTC.
        known: sha256 and source of the files that were loaded before without a refusal.
        erased: The users whose rows are left out.
        name_of: What the report and the tables call a file.
        n_known: Files of the call that were left out before, because they are known.
    """

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

    def add(self, file: Path, plan: FilePlan) -> None:
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
                check_types(file, plan, piece)
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
                    marked = _with_part(name, plan.stamp(str(file), good) if name in PART_SOURCES else good)
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
                check_objections(file, plan)
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


def _with_part(source: str, rows: pl.DataFrame) -> pl.DataFrame:
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
