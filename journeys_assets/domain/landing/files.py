"""Which files of the landing folder are to be taken now, and whether a run may be asked for.

What belongs here: decisions over what is there (files, what became of them, past runs, the time). What does not: the
disk, the clock, the warehouse, Dagster.

A file is known by path, size and time of modification; every decision is made anew from those, so that nothing needs
to be remembered between two looks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import polars as pl

from journeys_assets.domain.scheduling.requests import FIRST_BACK_OFF, LONGEST_BACK_OFF, Wait
from journeys_assets.domain.tables.landing import LANDED_FILES

FILE_COLUMNS = ("file", "n_bytes", "modified_at")
"""What is known of a file before it is opened; types as in ``LANDED_FILES``."""
FILES_SCHEMA = pl.Schema({name: LANDED_FILES.polars_schema[name] for name in FILE_COLUMNS})

LEFT_ALONE = r"(^|/)[._]|(?i:\.tmp|\.part|\.crdownload|~)$"
"""Names, of files or of folders above them, that say: hidden, or not done yet."""

LAUNCH_S = 120
"""How long a started run may take until it is at work, seconds; one that is not at work after that is lost."""
SHOWN = 3

_NS = 1_000_000_000


def look_at_files(
    files: pl.DataFrame, landed: pl.DataFrame, *, now_ns: int, settle_s: float, patience_s: float
) -> pl.DataFrame:
    """What is to be done with each file.

    Args:
        files: ``FILES_SCHEMA``, one row a file of the landing folder.
        landed: ``LANDED_FILES``: what became of each file when it was last looked at.
        now_ns: The current time, ns since 1970, UTC.
        settle_s: How long a file must have been untouched before it is opened, seconds.
        patience_s: How old a damaged file must be before it counts as damaged and not as half-written, seconds.

    Returns:
        ``files`` in order of path with ``state``, and ``outcome`` and ``reason`` as recorded where the file is still
        the same. States: ``ready`` (new or changed, and settled; or to be looked at once more), ``waiting`` (touched
        too recently, or half-written), ``as_recorded`` (nothing to do), ``left_alone`` (by its name).
    """
    recorded = landed.select(*FILE_COLUMNS, "outcome", "reason")
    unfinished = pl.col("outcome") == "unfinished"
    return (
        files.join(recorded, on=list(FILE_COLUMNS), how="left", maintain_order="left")
        .with_columns(
            state=pl.when(pl.col("file").str.contains(LEFT_ALONE))
            .then(pl.lit("left_alone"))
            .when(pl.col("outcome").is_not_null() & ~unfinished)
            .then(pl.lit("as_recorded"))
            .when(~_is_older(now_ns, settle_s) | (unfinished.fill_null(False) & ~_is_older(now_ns, patience_s)))
            .then(pl.lit("waiting"))
            .otherwise(pl.lit("ready"))
        )
        .sort("file")
    )


def outcome_of_damaged(files: pl.DataFrame, *, now_ns: int, patience_s: float) -> pl.Series:
    """For each of ``files`` that turned out damaged: ``unfinished`` while it is young, then ``refused``."""
    return files.select(
        pl.when(_is_older(now_ns, patience_s)).then(pl.lit("refused")).otherwise(pl.lit("unfinished")).alias("outcome")
    )["outcome"]


def _is_older(now_ns: int, seconds: float) -> pl.Expr:
    """A time that lies ahead counts by its distance: clocks differ, and a wrong one must not hold a file for ever."""
    return (pl.lit(now_ns, dtype=pl.Int64) - pl.col("modified_at")).abs() >= round(seconds * _NS)


def fingerprint(files: pl.DataFrame) -> str:
    """Short hash of a set of files (path, size, time of modification); the order of rows plays no part."""
    rows = sorted(files.select(FILE_COLUMNS).iter_rows())
    return hashlib.sha256(repr(rows).encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run of the ingest job, as its record tells.

    Attributes:
        run_id: Its id.
        status: ``queued``; ``started`` and not ended; ``succeeded``; ``failed`` (or cancelled).
        changed_at: When the status became what it is, seconds since 1970, UTC.
        files_key: :func:`fingerprint` of the files that it was asked for; None where a person started it.
    """

    run_id: str
    status: Literal["queued", "started", "succeeded", "failed"]
    changed_at: float
    files_key: str | None = None


@dataclass(frozen=True, slots=True)
class Take:
    """A run is asked for. The same files and the same past give the same ``run_key``."""

    run_key: str
    files_key: str


def run_under_way(runs: Sequence[PastRun], *, now_ns: int, at_work: bool) -> PastRun | None:
    """The newest run that is queued, or started and not lost; None where there is none.

    The record of a run whose process was killed with everything around it says started for ever.

    Args:
        runs: Newest first.
        at_work: Whether a run is at work on the folder, by another sign than its record.
    """
    for run in runs:
        is_lost = not at_work and now_ns - run.changed_at * _NS > LAUNCH_S * _NS
        if run.status == "queued" or (run.status == "started" and not is_lost):
            return run
    return None


def next_step(looked: pl.DataFrame, runs: Sequence[PastRun], *, now_ns: int) -> Take | Wait:
    """Ask for a run where files are ready and the pause after vain runs is over; for when none is under way.

    A run was in vain if it failed, or if it was asked for the very files that are ready still. The pause after one is a
    minute, and doubles with each further one up to an hour.

    Args:
        looked: From :func:`look_at_files`.
        runs: Newest first; runs that were made but never launched left out.
    """
    ready = looked.filter(pl.col("state") == "ready")
    if ready.is_empty():
        return Wait(_nothing_ready(looked))
    files_key = fingerprint(ready)
    in_vain = []
    for run in runs:
        if run.status == "succeeded" and run.files_key != files_key:
            break
        if run.status in ("succeeded", "failed"):
            in_vain.append(run)
    if in_vain:
        pause = min(FIRST_BACK_OFF * 2 ** min(len(in_vain) - 1, 16), LONGEST_BACK_OFF)
        until = in_vain[0].changed_at + pause.total_seconds()
        if now_ns < until * _NS:
            return Wait(
                f"{_named(ready)} ready; the last {len(in_vain)} ingest runs did not succeed (see run "
                f"{in_vain[0].run_id}), the next one starts at {datetime.fromtimestamp(until, UTC):%H:%M:%S} UTC"
            )
    return Take(f"{files_key}-{runs[0].run_id if runs else 'first'}", files_key)


def _nothing_ready(looked: pl.DataFrame) -> str:
    parts = []
    waiting = looked.filter(pl.col("state") == "waiting")
    refused = looked.filter(pl.col("state") == "as_recorded", pl.col("outcome") == "refused")
    left_alone = looked.filter(pl.col("state") == "left_alone")
    taken = looked.height - waiting.height - refused.height - left_alone.height
    if waiting.height:
        parts.append(f"{_named(waiting)} still being written")
    if taken:
        parts.append(f"{taken} taken before")
    if refused.height:
        parts.append(f"{_named(refused)} refused (`journeys doctor` tells why)")
    if left_alone.height:
        parts.append(f"{left_alone.height} left alone by name")
    return "nothing is ready: " + ("; ".join(parts) or "no file is there")


def _named(files: pl.DataFrame) -> str:
    """How many, and which the first of them are."""
    names = ", ".join(files["file"].head(SHOWN)) + (", …" if files.height > SHOWN else "")
    return f"{files.height} file{'s' if files.height != 1 else ''} ({names})"
