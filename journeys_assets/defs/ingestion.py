"""Ingestion from the landing folder: a sensor that finds files that are ready, and a job that loads them.

What belongs here: reading the folder, the record and the past runs for the decision, and reporting what a run took.
What does not: the decision (``domain.landing.files``), loading and recording (``storage.ingest.folder``).

The sensor keeps nothing: each tick decides anew from the folder, ``landing.landed_files`` and the run records, so a
tick or a daemon that is lost changes nothing.

Once the files are loaded, the job runs the days that they made stale in the same process, as a run of ``daily_job``
with a record of its own. A second tick, queue and process would take longer than a day takes. The two halves do not
depend on each other: files stay loaded if the days fail, and days that were not run are stale still, so that
active_users_sensor requests them.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal

import dagster as dg
import duckdb
import polars as pl

from journeys_assets.defs.day_lock import lock_path
from journeys_assets.defs.in_process import run_days
from journeys_assets.defs.landing_places import listed_at_most_every, look_at_places
from journeys_assets.defs.metadata import table
from journeys_assets.defs.stale_days import LOST_AFTER, REQUESTED_BY_TAG, naive_utc, next_days
from journeys_assets.deployment import Deployment, note_first_day, open_warehouse
from journeys_assets.domain.display import Markdown
from journeys_assets.domain.landing.files import (
    IngestRequest,
    PastRun,
    next_ingest_request,
    run_in_progress,
)
from journeys_assets.domain.quality.params import QualityParams
from journeys_assets.domain.quality.unmatched import Unmatched, worst_first
from journeys_assets.domain.scheduling.requests import Wait
from journeys_assets.domain.tables.landing import LANDING, LANDING_TABLES
from journeys_assets.errors import JourneysError
from journeys_assets.pipeline.pipeline import Pipeline
from journeys_assets.pipeline.run import RunError
from journeys_assets.storage.ingest.errors import IngestError
from journeys_assets.storage.ingest.folder import FolderIngest, landed_files, list_folder, record_landed
from journeys_assets.storage.locations.places import (
    Listing,
    Place,
    ingest_place,
    left_out,
    list_place,
    names_to_read,
)
from journeys_assets.storage.locks import LANDING_LOCK, exclusive_lock, is_locked
from journeys_assets.storage.queries.unmatched import unmatched_keys
from journeys_assets.storage.warehouse.base import WarehouseBusyError

INGEST_JOB = "ingest_job"
LANDING_SENSOR = "landing_sensor"
FILES_TAG = "journeys/landing_files"
"""Run tag: fingerprint of the files for which the run was requested."""
LOADED_TAG = "journeys/loaded"
"""Run tag: the run has loaded its files and recorded their outcomes; what it does after that concerns days only."""
INGEST_RUN_TAG = "journeys/ingest_run"
"""Run tag of a run over days: the ingest run whose files made them stale, and in whose process it runs."""

MOST_DAY_RUNS = 10
"""Number of runs over days after which an ingest run ends in any case. What is stale then is left to the sensor."""

SENSOR_INTERVAL_S = 5
"""The shortest that Dagster's daemon knows."""
LONGEST_TICK_S = 5.0
"""How long an evaluation waits for a file that is about to be ready. Other sensors wait meanwhile."""
SENSOR_LOCK_TIMEOUT_S = 2.0
"""How long an evaluation waits for the warehouse; the next evaluation follows soon."""
RUNS_LOOKED_AT = 100
TOLD_FILES = 50
"""Maximum number of files that a table in the UI lists."""

_STATUS: dict[dg.DagsterRunStatus, Literal["queued", "started", "succeeded", "failed"]] = {
    dg.DagsterRunStatus.QUEUED: "queued",
    dg.DagsterRunStatus.STARTING: "started",
    dg.DagsterRunStatus.STARTED: "started",
    dg.DagsterRunStatus.CANCELING: "started",
    dg.DagsterRunStatus.SUCCESS: "succeeded",
    dg.DagsterRunStatus.FAILURE: "failed",
    dg.DagsterRunStatus.CANCELED: "failed",
}
"""A run that was created but never launched is left out: Dagster launches it when its run key is requested again."""


_LAUNCHED = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


# ── the job ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def build_ingest_job(
    deployment: Deployment, pipeline: Pipeline, definitions: Callable[[], dg.Definitions]
) -> dg.JobDefinition:
    """The job that loads files and runs the days that they make stale.

    Args:
        definitions: Makes the definitions of the deployment. They are made anew for the days, because the files may
            hold days that are earlier than every partition so far.
    """

    @dg.op(
        name="ingest_landing",
        description="Loads files of the landing folder that are new or changed and are no longer being written.",
    )
    def ingest_landing(context: dg.OpExecutionContext) -> None:
        with exclusive_lock(
            _lock_file(deployment.settings.home),
            on_wait=lambda: context.log.info("another run is loading files; waiting for it to end"),
        ):
            _ingest(context, deployment)
            context.instance.add_run_tags(context.run_id, {LOADED_TAG: "true"})

    @dg.op(
        name="run_stale_days",
        ins={"loaded": dg.In(dg.Nothing)},
        description="Runs the days that the files made stale, as a run of daily_job in the same process.",
    )
    def run_stale_days(context: dg.OpExecutionContext) -> None:
        _run_stale_days(context, deployment, pipeline, definitions)

    @dg.job(
        name=INGEST_JOB,
        description="Loads new files of the landing folder, and runs the days that they make stale. A file with an "
        "error is refused; the others are loaded.",
        executor_def=dg.in_process_executor,
    )
    def ingest_job() -> None:
        run_stale_days(ingest_landing())

    return ingest_job


def _ingest(context: dg.OpExecutionContext, deployment: Deployment) -> None:
    settings, now_ns = deployment.settings, time.time_ns()
    watched = look_at_places(deployment, landed_files(deployment.warehouse), now_ns)
    for problem in watched.problems:
        context.log.error(str(problem))
    problems: list[JourneysError] = []
    n_read = 0
    for listing, looked in watched.places:
        names = names_to_read(listing, looked)
        if not names:
            continue
        n_read += 1
        result = ingest_place(
            deployment.warehouse,
            listing,
            names,
            now_ns=now_ns,
            actions=deployment.algorithm.actions,
            patience_s=settings.landing_patience_seconds,
            scratch_dir=settings.home / "scratch",
            progress=lambda done, total: deployment.progress("ingest", done, total),
            users_are_snapshots=settings.users_are_snapshots,
            list_separator=settings.list_separator,
            not_read=left_out(listing, looked),
        )
        with deployment.warehouse.reading() as con:
            totals = _row_counts(con)
            unmatched = worst_first(unmatched_keys(con), deployment.algorithm.quality)
        # From the warehouse, not from the report: a run that died after loading may not have recorded it.
        note_first_day(settings, deployment.warehouse)
        _report(context, result.taken, totals)
        _report_unmatched(context, unmatched, deployment.algorithm.quality)
        record_landed(deployment.warehouse, result.taken.files, listing.folder, listing.place.prefix)
        problems += result.problems
    if problems:
        raise IngestError("; ".join(map(str, problems)))
    if not n_read:
        n_files = sum(looked.height for _, looked in watched.places)
        context.add_output_metadata({"note": "nothing to do: no file was ready", "files": n_files})


def _run_stale_days(
    context: dg.OpExecutionContext,
    deployment: Deployment,
    pipeline: Pipeline,
    definitions: Callable[[], dg.Definitions],
) -> None:
    """Run the days that are stale, and those that become stale meanwhile because another run loads files.

    Why days could not be run is in the record of their own run, and logged here.
    """
    from journeys_assets.defs.sqlite_storage import with_open_files

    lock = lock_path(deployment.settings.home)
    done: list[str] = []
    while len(done) < MOST_DAY_RUNS:
        now = datetime.now(UTC).replace(tzinfo=None)
        decision, _ = next_days(pipeline, deployment.warehouse, context.instance, lock, now)
        if isinstance(decision, Wait):
            context.add_output_metadata({"note": decision.reason})
            break
        first, last = decision.first_day, decision.last_day
        context.log.info(f"running the days {first} … {last}")
        tags = {REQUESTED_BY_TAG: INGEST_JOB, INGEST_RUN_TAG: context.run_id}
        try:
            with with_open_files(context.instance) as instance:
                found = run_days(pipeline, definitions(), instance, first, last, tags=tags)
        except RunError as error:
            # The files are loaded, so this run has succeeded. active_users_sensor requests the days after a pause.
            context.log.error(f"the days {first} … {last} are still stale: {error}")
            context.add_output_metadata({"failed": str(error)})
            break
        done.append(f"{first} … {last}: run {found.run_id}")
    if done:
        context.add_output_metadata({"days": table(["days"], [(days,) for days in done])})


def _lock_file(home: Path) -> Path:
    return home / LANDING_LOCK


def _row_counts(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    counts = " UNION ALL ".join(
        f"SELECT '{source}', count(*) FROM {table.qualified_name}" for source, table in LANDING_TABLES.items()
    )
    return dict(con.sql(counts).fetchall())


def _report(context: dg.OpExecutionContext, taken: FolderIngest, totals: dict[str, int]) -> None:
    """One event for each landing source; the step has the outcomes of all files."""
    wrong = taken.files.filter(pl.col("reason").is_not_null())
    counts = {source: numbers for source, *numbers in taken.report.by_source()}
    ignored = taken.report.ignored_columns()
    for source in LANDING:
        files = taken.files.filter(pl.col("source") == source)
        if files.is_empty() and source not in counts:
            continue
        n_files, n_rows, n_accepted, n_duplicate, n_quarantined, _, n_noise = counts.get(source, [0] * 7)
        metadata: dict[str, dg.MetadataValue] = {
            "dagster/row_count": dg.MetadataValue.int(totals[source]),
            "files_loaded": dg.MetadataValue.int(n_files),
            "files_known": dg.MetadataValue.int(files.filter(pl.col("outcome") == "known").height),
            "rows_read": dg.MetadataValue.int(n_rows),
            "rows_accepted": dg.MetadataValue.int(n_accepted),
            "rows_duplicate": dg.MetadataValue.int(n_duplicate),
            "rows_noise": dg.MetadataValue.int(n_noise),
            "rows_quarantined": dg.MetadataValue.int(n_quarantined),
            "files_refused": dg.MetadataValue.int(files.filter(pl.col("outcome") == "refused").height),
        }
        refused = wrong.filter(pl.col("source") == source)
        if refused.height:
            metadata["refused"] = _told(refused)
        if source in ignored:
            metadata["ignored_columns"] = dg.MetadataValue.text(", ".join(ignored[source]))
        key = dg.AssetKey(["landing", source])
        # A run that added nothing must not look like new data.
        event = dg.AssetMaterialization if n_accepted + n_noise else dg.AssetObservation
        context.log_event(event(asset_key=key, metadata=metadata))
    for name, outcome, reason in wrong.select("file", "outcome", "reason").iter_rows():
        context.log.warning("%s: %s: %s", name, outcome, reason)
    outcomes = dict(taken.files.group_by("outcome").len().sort("outcome").iter_rows())
    told = {"refused": _told(wrong)} if wrong.height else {}
    context.add_output_metadata({**{f"files_{name}": n for name, n in outcomes.items()}, **told})


def _report_unmatched(context: dg.OpExecutionContext, unmatched: Sequence[Unmatched], params: QualityParams) -> None:
    """Keys of the landing tables that match nothing; mistakes are logged as warnings too."""
    for one in unmatched:
        if one.is_mistake(params):
            context.log.warning("%s: %s", one.reference, one.text)
    if unmatched:
        found = table(("reference", "unmatched keys"), [(one.reference, one.text) for one in unmatched])
        context.add_output_metadata({"unmatched_keys": found})


def _told(files: pl.DataFrame) -> dg.MarkdownMetadataValue:
    """File, outcome and reason, as a Markdown table."""
    rows = files.head(TOLD_FILES).select("file", "outcome", "reason").rows()
    if files.height > TOLD_FILES:
        rows.append((Markdown(f"… {files.height - TOLD_FILES} more: `landing.landed_files`"), "", ""))
    return table(["file", "outcome", "reason"], rows)


# ── the sensor ──────────────────────────────────────────────────────────────────────────────────────────────────────


def build_landing_sensor(deployment: Deployment, job: dg.JobDefinition) -> dg.SensorDefinition:
    # Most ticks find nothing new, and to open the warehouse is most of what a tick costs.
    @lru_cache(maxsize=1)
    def landed_at(_: object) -> pl.DataFrame:
        return _landed(deployment)

    def landed() -> pl.DataFrame:
        return landed_at(_file_states(deployment.warehouse.path))

    listed_place = listed_at_most_every(deployment.settings.bucket_interval_seconds)

    @dg.sensor(
        name=LANDING_SENSOR,
        job=job,
        minimum_interval_seconds=SENSOR_INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Requests an ingest run for new or changed files that are no longer being written.",
    )
    def landing_sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        report_lost_runs(deployment.settings.home, context.instance, time.time_ns())
        step = next_ingest(deployment, context.instance, time.time_ns(), landed=landed, listed_place=listed_place)
        if isinstance(step, Wait) and step.seconds is not None and step.seconds <= LONGEST_TICK_S:
            time.sleep(step.seconds)
            step = next_ingest(deployment, context.instance, time.time_ns(), landed=landed, listed_place=listed_place)
        if isinstance(step, Wait):
            return dg.SkipReason(step.reason)
        return dg.RunRequest(run_key=step.run_key, tags={FILES_TAG: step.files_key})

    return landing_sensor


def _landed(deployment: Deployment) -> pl.DataFrame:
    return landed_files(open_warehouse(deployment.settings, lock_timeout_s=SENSOR_LOCK_TIMEOUT_S))


def _file_states(warehouse: Path) -> tuple[tuple[int, int, int], ...]:
    """Inode, size and time of modification of the files of the warehouse: they are others after every write."""
    found = []
    for file in (warehouse, warehouse.with_name(f"{warehouse.name}.wal")):
        with suppress(FileNotFoundError):
            status = file.stat()
            found.append((status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(found)


def next_ingest(
    deployment: Deployment,
    instance: dg.DagsterInstance,
    now_ns: int,
    *,
    landed: Callable[[], pl.DataFrame] | None = None,
    listed_place: Callable[[Place], Listing] = list_place,
) -> IngestRequest | Wait:
    """What the sensor requests at ``now_ns`` (ns since 1970). It writes nothing, and reads no more of a file than a few
    bytes of its ends, and no object of a bucket.

    Args:
        landed: Returns the rows of ``LANDED_FILES``; by default they are read.
        listed_place: Returns what is in a place.
    """
    settings = deployment.settings
    root = settings.landing_path
    if not root.exists() and not settings.landing:
        return Wait(f"folder {root} does not exist; create it and put log files into it")
    # The folders of this machine are looked at before the warehouse is opened, which is most of what a tick costs.
    if not settings.landing and list_folder(root).files.is_empty():
        return Wait(f"{root} holds no file")
    runs = past_runs(instance)
    if running := run_in_progress(runs, now_ns=now_ns, at_work=is_locked(_lock_file(settings.home))):
        return Wait(f"run {running.run_id} is loading files; new files are looked for when it has ended")
    try:
        recorded = landed() if landed else _landed(deployment)
    except WarehouseBusyError as error:
        return Wait(f"the next evaluation tries again: {error}")
    watched = look_at_places(deployment, recorded, now_ns, listed_place)
    decision = next_ingest_request(watched.files(), runs, now_ns=now_ns)
    if isinstance(decision, Wait) and watched.problems:
        return Wait("; ".join([*map(str, watched.problems), decision.reason]), decision.seconds)
    return decision


def loading_run(home: Path, instance: dg.DagsterInstance, now_ns: int) -> PastRun | None:
    """The ingest run that is queued or loading files at ``now_ns`` (ns since 1970); None if there is none."""
    return run_in_progress(past_runs(instance), now_ns=now_ns, at_work=is_locked(_lock_file(home)))


def report_lost_runs(home: Path, instance: dg.DagsterInstance, now_ns: int) -> None:
    """Mark ingest runs as failed whose process has died; otherwise they would be recorded as started for ever.

    A run that loads files holds the lock of the folder. After that, its process has a run over days.
    """
    at_work, now = is_locked(_lock_file(home)), naive_utc(now_ns / 1e9)
    for record in instance.get_run_records(dg.RunsFilter(job_name=INGEST_JOB, statuses=_LAUNCHED)):
        run, changed = record.dagster_run, [record.update_timestamp.timestamp()]
        if LOADED_TAG in run.tags:
            followers = instance.get_run_records(dg.RunsFilter(tags={INGEST_RUN_TAG: run.run_id}))
            if any(not follower.dagster_run.is_finished for follower in followers):
                continue
            changed += [follower.update_timestamp.timestamp() for follower in followers]
        elif at_work:
            continue
        if now - naive_utc(max(changed)) > LOST_AFTER:
            instance.report_run_failed(run, "the process of the run has died: it neither loads files nor runs days")


def past_runs(instance: dg.DagsterInstance) -> Sequence[PastRun]:
    """The latest runs of the ingest job that were launched, newest first. Once its files are loaded, one succeeded."""
    records = instance.get_run_records(dg.RunsFilter(job_name=INGEST_JOB), limit=RUNS_LOOKED_AT)
    return [
        PastRun(
            run_id=record.dagster_run.run_id,
            status="succeeded" if LOADED_TAG in record.dagster_run.tags else _STATUS[record.dagster_run.status],
            changed_at=record.end_time or record.update_timestamp.timestamp(),
            files_key=record.dagster_run.tags.get(FILES_TAG),
        )
        for record in records
        if record.dagster_run.status in _STATUS
    ]
