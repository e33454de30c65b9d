"""Running stages: every row is stamped, checked against the contract of its table and written, day by day.

``run_days`` runs whole days in this process. ``execute`` runs some stages and yields what each did; Dagster's steps
call it.
"""

from __future__ import annotations

import hashlib
import resource
import sys
import time
import uuid
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl

from journeys_assets.domain.quality.monitors import Monitor, warnings_of
from journeys_assets.domain.scheduling.log_days import LONG_RUN_DAYS, LogDays, SomeDays
from journeys_assets.domain.tables.pipeline import CLOSED_DAYS, KEYWORD_DAYS, KEYWORD_EMBEDDINGS, OPENED_DAYS
from journeys_assets.domain.tables.table import Table, Violation, violations
from journeys_assets.errors import JourneysError
from journeys_assets.pipeline.days import keyword_day_rows
from journeys_assets.pipeline.monitors import QualityMonitor, measure
from journeys_assets.pipeline.pipeline import DAY, Pipeline
from journeys_assets.pipeline.stage import (
    DAYS_PER_WRITE,
    EVENTS_PER_USER,
    USER_DAYS_PER_WRITE,
    USERS_PER_SHARD,
    Batch,
    CarriedRows,
    Notes,
    Rows,
    Run,
    Stage,
    StageContext,
    StageEntry,
)
from journeys_assets.pipeline.versions import Versions
from journeys_assets.storage.queries import days as day_queries
from journeys_assets.storage.queries import inference, quality, shards, staleness, tables
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
from journeys_assets.storage.warehouse.pieces import Pieces, pieces_with_key

KEYWORD_STAGES = ("int_keyword_events", "keyword_table", KEYWORD_EMBEDDINGS.name)
"""Stages that must be complete for every earlier day before a day can be computed."""

HISTORY_DAYS = "earlier_days_brought_up_to_date"
"""What keyword_days shows: earlier days whose keywords were made again in the run."""


class RunError(JourneysError):
    """A run cannot start or did not succeed; the message says why and what to do."""


class NothingToRunYet(RunError):
    """No day can be run today, and nothing is wrong: the events are dated later."""


class ContractError(RunError):
    """Rows of a stage break the contract of their table. Nothing of them is written.

    Attributes:
        table: The table.
        broken: The rules that are broken.
    """

    def __init__(self, table: Table, days: Sequence[date], broken: Sequence[Violation]) -> None:
        self.table = table.name
        self.broken = tuple(broken)
        rules = "; ".join(f"{v.column}: {v.rule} ({v.n_rows} rows)" for v in broken)
        super().__init__(f"rows of {table.name} for {_span(days)} break their contract: {rules}; nothing was written")


class MixedVersionsError(RunError):
    """Rows that a stage reads are of another algorithm version.

    Attributes:
        stage: The stage that would have read them.
        rows: made_by, partition_date, algorithm_version, n_rows.
    """

    def __init__(self, stage: str, rows: pl.DataFrame) -> None:
        self.stage, self.rows = stage, rows
        made_by = ", ".join(rows["made_by"].unique().sort())
        super().__init__(
            f"{stage}: rows of {made_by} are of another algorithm version; run the whole day, not single stages"
        )


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of one table on one day, and the users that they belong to; None for a table without users."""

    rows: int
    users: int | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one stage did in a run.

    Attributes:
        entry: The stage.
        counts: By table and day.
        notes: What it shows.
        measured: Its quality monitors, with what they measured on the last day of the run, where :func:`execute`
            measured them.
    """

    entry: StageEntry
    counts: dict[str, dict[date, Counts]] = field(default_factory=dict)
    notes: Notes = field(default_factory=Notes)
    measured: Sequence[tuple[QualityMonitor, Monitor]] = ()

    def rows_of(self, table: str) -> int:
        return sum(counts.rows for counts in self.counts.get(table, {}).values())


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run of whole days did.

    Attributes:
        run_id: Id of the run.
        first_day, last_day: The days that it computed.
        history_days: Earlier days whose keywords it brought up to date first.
        seconds: Wall-clock time.
        peak_memory_mib: Highest resident memory of this process so far, MiB.
        rows: Rows of every stage's table on the last day.
        total_rows: Rows of every stage's table over all days that it holds.
        warnings: Quality monitors that fired, with what they measured.
    """

    run_id: str
    first_day: date
    last_day: date
    history_days: int
    seconds: float
    peak_memory_mib: float
    rows: dict[str, int]
    total_rows: dict[str, int]
    warnings: list[str]


# ── which days ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class DaysToRun:
    """The days of a run, with what a person should know before it starts.

    Attributes:
        first, last: The days, both inclusive.
        log: The days of the log as of today.
    """

    first: date
    last: date
    log: LogDays

    @property
    def n_days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def size(self) -> str:
        """The number of days, for people."""
        return f"{self.n_days:,} {'day' if self.n_days == 1 else 'days'}"

    @property
    def notes(self) -> tuple[str, ...]:
        """Which events the run leaves out and why, and whether it is long; one line for each."""
        log, long = self.log, f"this run has {self.size} and may take long; `--from` and `--to` choose fewer"
        runs_all = log.set_aside is not None and self.first <= log.set_aside.first
        notes = (
            None if runs_all else log.set_aside_note,
            log.waiting_note,
            long if self.n_days > LONG_RUN_DAYS else None,
        )
        return tuple(note for note in notes if note)


def days_to_run(pipeline: Pipeline, first: date | None, last: date | None, *, today: date) -> DaysToRun:
    """The days to run: by default from the first that is behind the log to the last that was ingested or closed.

    A later day that only has sends or feedback is behind the log too, and counts while journeys may be live.

    ``domain.scheduling.log_days`` decides which days count by default. A day that the user names may also be one that
    is set aside.

    Args:
        first, last: The days that the user named.
        today: The last day that may have a partition.

    Raises:
        NothingToRunYet: every event that counts is dated after today.
        RunError: nothing is ingested, the days are the wrong way round or may have no partition.
    """
    pipeline.prepare()
    versions = pipeline.versions()
    with pipeline.warehouse.reading() as con:
        log = pipeline.log_days(con, today=today)
        closed = day_queries.last_closed_day(con)
        stale = staleness.stale_days(con, versions.periods(DAY), start=log.start, today=today)
    if log.all is None:
        raise RunError("nothing to run: no event is in the warehouse; load some with `journeys ingest PATH`")
    earliest, why = _earliest_day(log, log.all, today)
    for option, day in (("--from", first), ("--to", last)):
        if day is not None and not earliest <= day <= today:
            raise RunError(
                f"{option} {day} cannot be run; the days that can are {earliest} ({why}) … {today} (today, UTC)"
            )
    if last is None:
        last = _last_day(log, log.all, closed, today)
        new = stale.filter(pl.col("reason") == staleness.NEW_EVENTS)["partition_date"]
        last = max([last, *new.filter(new <= last + timedelta(days=pipeline.params.keywords.horizon_days))])
        if first is not None and first > last:
            raise RunError(f"--from {first} is after {last}, the last day with an event; name the last day with --to")
    behind = stale.filter(pl.col("reason") != staleness.ALGORITHM_VERSION)["partition_date"]
    first = first or min([*behind, last])
    if first > last:
        raise RunError(f"--from {first} is after --to {last}")
    return DaysToRun(first, last, log)


def _earliest_day(log: LogDays, events: SomeDays, today: date) -> tuple[date, str]:
    """The first day that can be run, and why it is the first.

    Raises:
        RunError: it is after ``today``, so no day can be run.
    """
    if log.is_start_set:
        if log.start > today:
            raise RunError(
                f"nothing to run: first_partition_date = {log.start} is after today, {today} (UTC); set an earlier date"
            )
        return log.start, "setting first_partition_date"
    if events.first > today:
        raise NothingToRunYet(_not_yet(events))
    return events.first, "the first day with an event"


def _last_day(log: LogDays, events: SomeDays, closed: date | None, today: date) -> date:
    """The last day of a run that names none."""
    days = [closed] if closed is not None and log.start <= closed <= today else []
    days += [log.counted.last] if log.counted else []
    if days:
        return max(days)
    if log.waiting:
        raise NothingToRunYet(_not_yet(log.waiting))
    raise RunError(
        f"nothing to run: no event on or after first_partition_date = {log.start}; the last one is of {events.last}. "
        f"Set an earlier date, or name the days: --from {log.start} --to {today}"
    )


def _not_yet(waiting: SomeDays) -> str:
    return f"nothing to run yet: {waiting.text}, after today (UTC); run again once that day has come"


# ── running ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def run_days(
    pipeline: Pipeline, first: date, last: date, *, full: bool = False, users_per_shard: int = USERS_PER_SHARD
) -> RunSummary:
    """Run every stage for ``first`` … ``last`` in this process, without Dagster.

    Args:
        full: Recompute every user within the horizon.
        users_per_shard: Most users whose rows of one day are in memory together. No row depends on it.

    Raises:
        JourneysError: a stage failed; the days are not closed, and running them again heals them.
    """
    started = time.monotonic()
    days = tuple(first + timedelta(days=n) for n in range((last - first).days + 1))
    run = Run(days, uuid.uuid4().hex, full, users_per_shard=users_per_shard)
    pipeline.prepare()
    outcomes = list(execute(pipeline, [entry.name for entry in pipeline.entries], run))
    with pipeline.warehouse.reading() as con:
        warnings = warnings_of(quality.measurements_of_day(con, last))
    measured = [pair for outcome in outcomes for pair in outcome.measured]
    history = [outcome.notes.shown.get(HISTORY_DAYS, 0) for outcome in outcomes]
    return summary(
        pipeline,
        run.run_id,
        first,
        last,
        history_days=max(n for n in history if isinstance(n, int)),
        seconds=time.monotonic() - started,
        warnings=warnings + [f"{monitor.asset}: {result.summary}" for monitor, result in measured if not result.passed],
    )


def execute(
    pipeline: Pipeline, names: Sequence[str], run: Run, *, measures_each_stage: bool = False
) -> Iterator[Outcome]:
    """Run the named stages in the order of the registry; yields each stage's outcome once its rows are stored.

    Before days are opened, the keywords of earlier days are brought up to date, as every day rests on them.

    Args:
        measures_each_stage: Measure the monitors of a stage on the last day as soon as its rows are stored. The stage
            quality_metrics measures them in any case, apart from those of closed_days, which are always measured here.

    Raises:
        ContractError: rows break the contract of their table. The stage's earlier days stay as written.
        MixedVersionsError: a stage would read rows of several algorithm versions.
    """
    versions = pipeline.versions()
    context = pipeline.context(versions)
    run = _bounded(pipeline, run)
    keyword_run = _bounded_by_events(pipeline, run)
    chosen = [entry for entry in pipeline.entries if entry.name in names]
    history: list[date] = []
    for entry in chosen:
        if entry.name == OPENED_DAYS.name and set(KEYWORD_STAGES) <= set(names):
            history = _bring_keywords_up_to_date(pipeline, context, run)
        if entry.needs_one_version:
            _refuse_mixed_versions(pipeline, entry, versions, run.days)
        outcome = _run_stage(entry, context, keyword_run if entry.group == "keywords" else run, pipeline)
        if entry.name == KEYWORD_DAYS.name and history:
            outcome = replace(outcome, notes=Notes({**outcome.notes.shown, HISTORY_DAYS: len(history)}))
        is_measured = measures_each_stage or entry.name == CLOSED_DAYS.name
        monitors = entry.monitors(context) if entry.monitors and is_measured else ()
        results = measure(pipeline.warehouse, monitors, run.days[-1]) if monitors else ()
        yield replace(outcome, measured=tuple(zip(monitors, results, strict=True)))


def _bounded(pipeline: Pipeline, run: Run) -> Run:
    """``run`` with as many days at a time, or as few shards of one day, as there is memory for."""
    with pipeline.warehouse.reading() as con:
        n_users = shards.users_with_events(con, run.days[-1])
        if n_users > run.users_per_shard:
            found = shards.shards_of_users(con, run.days[-1], run.users_per_shard)
            return replace(run, days_per_write=1, shards=found)
    return replace(run, days_per_write=max(1, min(DAYS_PER_WRITE, USER_DAYS_PER_WRITE // max(1, n_users))))


def _bounded_by_events(pipeline: Pipeline, run: Run) -> Run:
    """:func:`_bounded` for the stages that make keywords, whose rows of a day follow from the events of that day."""
    if len(run.days) == 1 and len(run.shards) == 1:
        return run
    with pipeline.warehouse.reading() as con:
        n_events = max(1, shards.most_events_of_a_day(con, run.days[0], run.days[-1]))
    n_shards = -(-n_events // (EVENTS_PER_USER * run.users_per_shard))
    if n_shards > 1 and len(run.shards) > 1:
        return replace(run, days_per_write=1, shards=shards.merged(run.shards, n_shards))
    n_days = EVENTS_PER_USER * USER_DAYS_PER_WRITE // n_events
    return replace(run, days_per_write=max(1, min(DAYS_PER_WRITE, n_days)), shards=(shards.EVERYONE,))


def summary(
    pipeline: Pipeline, run_id: str, first: date, last: date, *, history_days: int, seconds: float, warnings: list[str]
) -> RunSummary:
    """The summary of a run of whole days; counts the rows that are stored now."""
    counted = [table.name for table in pipeline.tables if {"user_id", "keyword"} & set(table.column_names)]
    with pipeline.warehouse.reading() as con:
        rows = tables.row_counts(con, counted, last)
    return RunSummary(
        run_id=run_id,
        first_day=first,
        last_day=last,
        history_days=history_days,
        seconds=seconds,
        peak_memory_mib=_peak_memory_mib(),
        rows={name: on_day for name, (on_day, _) in rows.items()},
        total_rows={name: total for name, (_, total) in rows.items()},
        warnings=sorted(set(warnings)),
    )


def _run_stage(entry: StageEntry, context: StageContext, run: Run, pipeline: Pipeline) -> Outcome:
    """Run one stage; errors that a user can fix name the stage."""
    try:
        return _outcome(entry, entry.make(context), run, context.versions, pipeline)
    except RunError:
        raise
    except JourneysError as error:
        raise RunError(f"{entry.name}: {error}") from error


def _outcome(entry: StageEntry, stage: Stage, run: Run, versions: Versions, pipeline: Pipeline) -> Outcome:
    found = Notes()

    def batches() -> Generator[Batch, None, None]:
        nonlocal found
        found = yield from stage.run(run)

    counts: dict[str, dict[date, Counts]] = {table.name: {} for table in entry.tables}
    done = 0
    with ExitStack() as held:
        waiting: _Waiting | None = None
        for batch in batches():
            counted_in_warehouse = {carried.table for carried in batch.carried}
            if batch.shard.is_all:
                rows = _stamped_rows(entry, batch, versions)
                if not batch.is_stored:
                    _store(pipeline.warehouse, entry, rows, batch.days, batch.carried)
                for table, frame in rows:
                    counts[table.name] |= _counts(frame, batch.days)
            else:
                if waiting is None:
                    pieces = pieces_with_key(_pieces_folder(pipeline, entry), _key(entry, batch, run, versions))
                    waiting = _Waiting(held.enter_context(pieces))
                waiting.add(entry, batch, versions)
                if not batch.shard.is_last:
                    continue
                waiting.store(pipeline.warehouse, entry, batch.days)
                waiting = None
                held.pop_all().close()
                counted_in_warehouse = {table.name for table in entry.tables}
            for table_name in counted_in_warehouse:
                with pipeline.warehouse.reading() as con:
                    stored = tables.counts_by_day(con, table_name, batch.days)
                counts[table_name] |= {day: Counts(*found) for day, found in stored.items()}
            done += len(batch.days)
            pipeline.progress(entry.name, done, len(run.days))
    if not done and not entry.is_view:
        pipeline.progress(entry.name, len(run.days), len(run.days))
    return Outcome(entry, counts, found)


def _stamped_rows(entry: StageEntry, batch: Batch, versions: Versions) -> list[tuple[Table, pl.DataFrame]]:
    """The rows of a batch as the tables of the stage have them."""
    rows: Rows = batch.rows() if callable(batch.rows) else batch.rows
    return [(t, _stamped(rows[t.name], t, batch.days, entry.name, versions)) for t in entry.tables]


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Rows of the shards of one day, which wait in files until those of all shards are there.

    Attributes:
        pieces: The files.
        carried: The rows that the batches so far copy from an earlier day.
    """

    pieces: Pieces
    carried: list[CarriedRows] = field(default_factory=list)

    def add(self, entry: StageEntry, batch: Batch, versions: Versions) -> None:
        """Make, check and write the rows of a shard, where an earlier run has not left them."""
        self.carried.extend(batch.carried)
        name = f"{batch.shard.number:06d}"
        if callable(batch.rows) and self.pieces.has(name):
            return
        rows = _stamped_rows(entry, batch, versions)
        _check(rows, batch.days)
        self.pieces.write(name, {table.name: frame for table, frame in rows})

    def store(self, warehouse: Warehouse, entry: StageEntry, days: Sequence[date]) -> None:
        """Replace the day by the rows of all shards, in one transaction, and remove the files."""
        rows = [(table, self.pieces.files(table.name)) for table in entry.tables]
        warehouse.replace_together(rows, days, [(c.table, c.before, c.day, c.users) for c in self.carried])
        self.pieces.remove()


def _pieces_folder(pipeline: Pipeline, entry: StageEntry) -> Path:
    return pipeline.warehouse.path.parent / "unfinished" / entry.name


def _key(entry: StageEntry, batch: Batch, run: Run, versions: Versions) -> str:
    """A digest of all that shapes the rows of a batch; of the run, where they are not kept for another one."""
    (day,) = batch.days
    shaping: list[object] = [versions.of(entry.name, day), day, [(shard.low, shard.high) for shard in run.shards]]
    shaping += [run.full, batch.rests_on] if callable(batch.rows) else [run.run_id]
    shaping += [duckdb.__version__, pl.__version__]
    return f"{day}-{hashlib.sha256(repr(shaping).encode()).hexdigest()[:16]}"


def _store(
    warehouse: Warehouse,
    entry: StageEntry,
    rows: Sequence[tuple[Table, pl.DataFrame]],
    days: Sequence[date],
    carried: Sequence[CarriedRows] = (),
) -> None:
    _check(rows, days)
    if entry.appends:
        for table, frame in rows:
            if not frame.is_empty():
                warehouse.append_new(table, frame)
    else:
        warehouse.replace_together(rows, days, [(c.table, c.before, c.day, c.users) for c in carried])


def _check(rows: Sequence[tuple[Table, pl.DataFrame]], days: Sequence[date]) -> None:
    for table, frame in rows:
        broken = violations(table, frame)
        if broken:
            raise ContractError(table, days, broken)


def _stamped(frame: pl.DataFrame, table: Table, days: Sequence[date], stage: str, versions: Versions) -> pl.DataFrame:
    """``frame`` with partition date and algorithm version; columns and types as the table has them."""
    if "partition_date" not in frame.columns:
        (day,) = days
        frame = frame.with_columns(partition_date=pl.lit(day, dtype=pl.Date))
    if "algorithm_version" not in frame.columns:
        version_of = pl.DataFrame(
            {"partition_date": days, "algorithm_version": [versions.of(stage, day) for day in days]},
            schema={"partition_date": pl.Date, "algorithm_version": pl.String},
        )
        frame = frame.join(version_of, on="partition_date", how="left", maintain_order="left")
    return frame.select(pl.col(c.name).cast(c.dtype) for c in table.columns)


def _counts(frame: pl.DataFrame, days: Sequence[date]) -> dict[date, Counts]:
    has_users = "user_id" in frame.columns
    users = pl.col("user_id").n_unique() if has_users else pl.lit(None, dtype=pl.Int64)
    found = {day: Counts(0, 0 if has_users else None) for day in days}
    for day, n_rows, n_users in frame.group_by("partition_date").agg(pl.len(), users.alias("users")).iter_rows():
        found[day] = Counts(n_rows, n_users)
    return found


def _bring_keywords_up_to_date(pipeline: Pipeline, context: StageContext, run: Run) -> list[date]:
    """Make the keywords and vectors of earlier days that are behind the log or of another version; returns the days.

    A window reaches back, and a journey's id rests on all that its user ever engaged with. So every earlier day with an
    event gets its keywords, days before the first day of the output too, and no row depends on where the output
    begins. A new embedding model or a changed SQL model asks for every earlier day.
    """
    version = context.versions.of(KEYWORD_DAYS.name)
    with pipeline.warehouse.reading() as con:
        log = pipeline.log_days(con, today=run.days[-1])
        marks = staleness.watermarks(con, run.days[0], start=log.start)
        days = staleness.stale_keyword_days(con, version, before=run.days[0])
    if not days:
        return []
    earlier = _bounded_by_events(pipeline, replace(run, days=tuple(days), full=False))
    for name in KEYWORD_STAGES:
        _run_stage(pipeline.entry(name), context, earlier, pipeline)
    rows = _stamped(keyword_day_rows(days, marks.ingest_seq), KEYWORD_DAYS, days, KEYWORD_DAYS.name, context.versions)
    _store(pipeline.warehouse, pipeline.entry(KEYWORD_DAYS.name), [(KEYWORD_DAYS, rows)], days)
    return days


def _refuse_mixed_versions(pipeline: Pipeline, entry: StageEntry, versions: Versions, days: Sequence[date]) -> None:
    """Raise where the rows that ``entry`` reads are not of the versions that they should be."""
    wanted = []
    for upstream in {pipeline.entry(name).name for name in entry.upstream}:
        for table in pipeline.entry(upstream).tables:
            if table.name == "inference_ledger":
                wanted.append((table.name, days[-1], versions.of(upstream, days[-1])))
            elif pipeline.entry(upstream).keeps == "recent":
                wanted += [(table.name, day, versions.of(upstream, day)) for day in days]
    schema = {"made_by": pl.String, "partition_date": pl.Date, "algorithm_version": pl.String}
    frame = pl.DataFrame(wanted, schema=schema, orient="row")
    with pipeline.warehouse.reading() as con:
        mixed = inference.rows_of_other_versions(con, frame, days[-1], pipeline.params.keywords.horizon_days)
    if mixed.height:
        raise MixedVersionsError(entry.name, mixed)


def _span(days: Sequence[date]) -> str:
    return str(days[0]) if len(days) == 1 else f"{days[0]} … {days[-1]}"


def _peak_memory_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
