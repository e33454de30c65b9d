"""Which files of the landing folder to ingest now, and whether to request a run.

Decisions depend only on the files, their recorded outcomes, past runs and the time. A file is identified by path, size
and time of modification, so nothing has to be remembered between two decisions.

A file must never be loaded while it is being written. So it has to be unmodified for some seconds, and for fewer if its
own content says that it is complete: the end of a Parquet file, its footer, is written last. Other formats have no such
mark.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import polars as pl

from journeys_assets.domain.landing.file_names import passed_over_reason
from journeys_assets.domain.scheduling.requests import FIRST_BACK_OFF, LONGEST_BACK_OFF, Wait
from journeys_assets.domain.tables.landing import LANDED_FILES

FILE_COLUMNS = ("file", "n_bytes", "modified_at")
"""Properties of a file that identify it without opening it; types as in ``LANDED_FILES``."""
FILES_SCHEMA = pl.Schema({name: LANDED_FILES.polars_schema[name] for name in FILE_COLUMNS})

COMPLETE_SETTLE_S = 2.0
"""Age since the last modification from which a complete Parquet file may be opened, seconds."""
LAUNCH_TIMEOUT_S = 120
"""Time within which a started run must hold the lock on the folder, seconds. After that it counts as lost."""
SHOWN = 3
EDIT_FILE = "explorer-edit-"
"""What the name of each file begins with in which the explorer writes an edit of a journey."""

_NS = 1_000_000_000


def with_file_states(
    files: pl.DataFrame,
    landed: pl.DataFrame,
    *,
    now_ns: int,
    settle_s: float,
    patience_s: float,
    complete: Collection[str] = (),
) -> pl.DataFrame:
    """``files`` with the state of each file: what to do with it.

    Args:
        files: ``FILES_SCHEMA``, one row per file of the landing folder.
        landed: Rows of ``LANDED_FILES``: the outcome of each file when it was last ingested or refused.
        now_ns: The current time, ns since 1970, UTC.
        settle_s: Age since the last modification from which a file may be opened, seconds.
        patience_s: Age from which a damaged file counts as damaged and not as half-written, seconds.
        complete: ``file`` of the files whose content says that they are complete. For these, ``settle_s`` is at most
            ``COMPLETE_SETTLE_S``.

    Returns:
        ``files`` in order of path with ``state``, with ``ready_in_s`` (seconds until a waiting file is ready; null for
        others), and with the recorded ``outcome`` and ``reason`` if the file has not changed since. States: ``ready``
        (new or changed, and old enough; or due for another attempt, because it was half-written, or because a row whose
        time lay ahead of the clock can be accepted now), ``waiting`` (modified too recently, or half-written),
        ``as_recorded`` (nothing to do), ``ignored`` (by its name; ``reason`` says why, see
        ``domain.landing.file_names``).
    """
    recorded = landed.select(*FILE_COLUMNS, "outcome", "reason", "look_again_at")
    is_due = (pl.col("look_again_at") <= pl.from_epoch(pl.lit(now_ns), time_unit="ns")).fill_null(False)
    unfinished = (pl.col("outcome") == "unfinished").fill_null(False)
    settles_s = (
        pl.when(unfinished)
        .then(pl.lit(max(settle_s, patience_s)))
        .when(pl.col("file").is_in(list(complete)))
        .then(pl.lit(min(settle_s, COMPLETE_SETTLE_S)))
        .otherwise(pl.lit(settle_s))
    )
    wait_ns = (settles_s * _NS).round().cast(pl.Int64) - _age_ns(now_ns)
    return (
        files.join(recorded, on=list(FILE_COLUMNS), how="left", maintain_order="left")
        .with_columns(by_name=passed_over_reason(pl.col("file")))
        .with_columns(
            reason=pl.coalesce("by_name", "reason"),
            state=pl.when(pl.col("by_name").is_not_null())
            .then(pl.lit("ignored"))
            .when(pl.col("outcome").is_not_null() & ~unfinished & ~is_due)
            .then(pl.lit("as_recorded"))
            .when(wait_ns > 0)
            .then(pl.lit("waiting"))
            .otherwise(pl.lit("ready")),
        )
        .with_columns(ready_in_s=pl.when(pl.col("state") == "waiting").then(wait_ns / _NS))
        .drop("look_again_at", "by_name")
        .sort("file")
    )


def outcome_of_damaged(files: pl.DataFrame, *, now_ns: int, patience_s: float) -> pl.Series:
    """The outcome of each damaged file: ``refused`` from age ``patience_s`` on, ``unfinished`` before."""
    return files.select(
        pl.when(_age_ns(now_ns) >= round(patience_s * _NS))
        .then(pl.lit("refused"))
        .otherwise(pl.lit("unfinished"))
        .alias("outcome")
    )["outcome"]


def _age_ns(now_ns: int) -> pl.Expr:
    """Nanoseconds since a file was modified. A time in the future counts by its distance from now, so that a wrong
    clock does not block a file for ever."""
    return (pl.lit(now_ns, dtype=pl.Int64) - pl.col("modified_at")).abs()


def fingerprint(files: pl.DataFrame) -> str:
    """Short hash of a set of files (path, size, time of modification), independent of the order of rows."""
    rows = sorted(files.select(FILE_COLUMNS).iter_rows())
    return hashlib.sha256(repr(rows).encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class PastRun:
    """A recorded run of the ingest job.

    Attributes:
        run_id: Its id.
        status: ``queued``; ``started`` and not ended; ``succeeded``; ``failed`` (or cancelled).
        changed_at: When the status last changed, seconds since 1970, UTC.
        files_key: :func:`fingerprint` of the files that it was requested for; None if a person started it.
    """

    run_id: str
    status: Literal["queued", "started", "succeeded", "failed"]
    changed_at: float
    files_key: str | None = None


@dataclass(frozen=True, slots=True)
class IngestRequest:
    """A request for a run. The same files and the same past runs give the same ``run_key``."""

    run_key: str
    files_key: str


def run_in_progress(runs: Sequence[PastRun], *, now_ns: int, at_work: bool) -> PastRun | None:
    """The newest run that is queued, or started and not lost; None if there is none.

    If the process of a run is killed together with Dagster, its record stays ``started`` for ever. Such a run is lost.

    Args:
        runs: Newest first.
        at_work: Whether a run holds the lock on the folder.
    """
    for run in runs:
        is_lost = not at_work and now_ns - run.changed_at * _NS > LAUNCH_TIMEOUT_S * _NS
        if run.status == "queued" or (run.status == "started" and not is_lost):
            return run
    return None


def next_ingest_request(states: pl.DataFrame, runs: Sequence[PastRun], *, now_ns: int) -> IngestRequest | Wait:
    """Request a run if files are ready and the pause after unsuccessful runs is over.

    Must only be called when no run is in progress.

    A run was unsuccessful if it failed, or if it was requested for exactly the files that are still ready. The pause
    after the first one is a minute; it doubles with each further one, up to an hour.

    Args:
        states: From :func:`with_file_states`.
        runs: Newest first, without runs that were created but never launched.
    """
    ready = states.filter(pl.col("state") == "ready")
    if ready.is_empty():
        seconds = states["ready_in_s"].min()
        return Wait(_nothing_ready(states), seconds if isinstance(seconds, float) else None)
    files_key = fingerprint(ready)
    unsuccessful = []
    for run in runs:
        if run.status == "succeeded" and run.files_key != files_key:
            break
        if run.status in ("succeeded", "failed"):
            unsuccessful.append(run)
    if unsuccessful:
        pause = min(FIRST_BACK_OFF * 2 ** min(len(unsuccessful) - 1, 16), LONGEST_BACK_OFF)
        until = unsuccessful[0].changed_at + pause.total_seconds()
        if now_ns < until * _NS:
            return Wait(
                f"{_named(ready)} ready; the last {len(unsuccessful)} ingest runs did not succeed (see run "
                f"{unsuccessful[0].run_id}); the next one starts at {datetime.fromtimestamp(until, UTC):%H:%M:%S} UTC"
            )
    return IngestRequest(f"{files_key}-{runs[0].run_id if runs else 'first'}", files_key)


def _nothing_ready(states: pl.DataFrame) -> str:
    parts = []
    waiting = states.filter(pl.col("state") == "waiting")
    refused = states.filter(pl.col("state") == "as_recorded", pl.col("outcome") == "refused")
    ignored = states.filter(pl.col("state") == "ignored")
    n_ingested = states.height - waiting.height - refused.height - ignored.height
    if waiting.height:
        parts.append(f"{_named(waiting)} still being written")
    if n_ingested:
        parts.append(f"{n_ingested} already ingested")
    if refused.height:
        parts.append(f"{_named(refused)} refused (`journeys doctor` shows why)")
    if ignored.height:
        parts.append(f"{ignored.height} ignored by name")
    return "nothing is ready: " + ("; ".join(parts) or "the folder is empty")


def _named(files: pl.DataFrame) -> str:
    """The number of files and the first few names."""
    names = ", ".join(files["file"].head(SHOWN)) + (", …" if files.height > SHOWN else "")
    return f"{files.height} file{'s' if files.height != 1 else ''} ({names})"
