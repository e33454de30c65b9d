"""Running days from outside of Dagster's own daemon: the same jobs, in this process, recorded for the UI.

What belongs here: turning "from D to D" into runs of the jobs in ``defs.jobs``. What does not: what those runs do.
"""

import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl

from journeys_assets.defs.assets.evaluation import REPORT, asset_name
from journeys_assets.defs.assets.training import NOT_RELEASED, RELEASES
from journeys_assets.defs.jobs import DAILY_JOB, EVALUATION_JOB, FULL_INFERENCE_JOB, HISTORY_JOB, TRAINING_JOB
from journeys_assets.defs.partitions import range_tags
from journeys_assets.deployment import Deployment
from journeys_assets.errors import JourneysError
from journeys_assets.storage.queries import days as day_queries
from journeys_assets.storage.queries import staleness, tables

QUIET = {"loggers": {"console": {"config": {"log_level": "WARNING"}}}}
DAGSTER_YAML = """telemetry:
  enabled: false
# A run whose process died is marked as failed, so that its days are requested again.
run_monitoring:
  enabled: true
  poll_interval_seconds: 20
"""
CLI_YAML = (
    DAGSTER_YAML
    + "compute_logs:\n  module: dagster._core.storage.noop_compute_log_manager\n  class: NoOpComputeLogManager\n"
)
"""Dagster captures the output of a run's process and plays it back; on the command line that would eat the progress."""


class RunError(JourneysError):
    """A run cannot start or did not succeed; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run did.

    Attributes:
        run_id: Id of the Dagster run.
        first_day, last_day: The days it materialised.
        history_days: Days before them whose keywords were filled in first.
        seconds: Wall-clock time.
        peak_memory_mib: Highest resident memory of this process so far, MiB.
        rows: Rows of every stage table on the last day.
        total_rows: Rows of every stage table over all days that it holds.
        warnings: Quality monitors that fired, with what they say.
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


def prepare_dagster_home(folder: Path) -> None:
    """Make the Dagster instance folder; telemetry is off."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (("dagster.yaml", DAGSTER_YAML), ("command-line.yaml", CLI_YAML)):
        if not (folder / name).exists():
            (folder / name).write_text(content)


@contextmanager
def dagster_instance(deployment: Deployment) -> Iterator[dg.DagsterInstance]:
    """The deployment's persistent Dagster instance, which the UI reads too."""
    prepare_dagster_home(deployment.settings.dagster_home)
    with dg.DagsterInstance.from_config(str(deployment.settings.dagster_home), "command-line.yaml") as instance:
        yield instance


def days_to_run(deployment: Deployment, first: date | None, last: date | None) -> tuple[date, date]:
    """The days that are meant: by default from the first one that is behind the log to the last ingested or closed.

    Raises:
        RunError: nothing is ingested, the days are the wrong way round or lie outside of what may have a partition.
    """
    deployment.prepare()
    known = deployment.partitions.get_partition_keys()
    with deployment.warehouse.reading() as con:
        landed = day_queries.landed_days(con)
        closed = day_queries.last_closed_day(con)
        stale = staleness.stale_days(con, deployment.output_version, today=date.fromisoformat(known[-1]))
    if not landed:
        raise RunError("nothing to run: no event is in the warehouse; load some with `journeys ingest PATH`")
    last = last or max(landed[-1], closed or landed[-1])
    behind = stale.filter(pl.col("reason") != staleness.ALGORITHM_VERSION)["partition_date"]
    first = first or min([*behind, last])
    if first > last:
        raise RunError(f"--from {first} is after --to {last}")
    if first.isoformat() < known[0] or last.isoformat() > known[-1]:
        raise RunError(
            f"days {first} … {last} are outside of the partitions {known[0]} … {known[-1]}; the first one is the first "
            "day that was ingested (setting first_partition_date), the last one is today"
        )
    return first, last


def run_days(
    deployment: Deployment,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    first: date,
    last: date,
    *,
    full: bool = False,
) -> RunSummary:
    """Materialise ``first`` … ``last`` in order, in one run; the keywords of earlier landed days are filled in before.

    Raises:
        RunError: the run failed; the message names the step and its error.
    """
    started = time.monotonic()
    deployment.prepare()
    with deployment.warehouse.reading() as con:
        history = staleness.stale_keyword_days(con, before=first, today=last)
    if history:
        _execute(definitions, instance, HISTORY_JOB, history[0], history[-1])
    run_id = _execute(definitions, instance, FULL_INFERENCE_JOB if full else DAILY_JOB, first, last)
    with deployment.warehouse.reading() as con:
        rows, total_rows = tables.row_counts(con, last), tables.row_counts(con, None)
    return RunSummary(
        run_id=run_id,
        first_day=first,
        last_day=last,
        history_days=len(history),
        seconds=time.monotonic() - started,
        peak_memory_mib=_peak_memory_mib(),
        rows=rows,
        total_rows=total_rows,
        warnings=_warnings(instance, run_id),
    )


@dataclass(frozen=True, slots=True)
class Trained:
    """What training ended with: the folder of a release or, where there is none, why.

    Attributes:
        model: One of ``RELEASES``.
    """

    model: str
    folder: Path | None
    reason: str | None


def train_models(
    deployment: Deployment, definitions: dg.Definitions, instance: dg.DagsterInstance, as_of: date
) -> list[Trained]:
    """Train every model through the training job, and release those that are good enough.

    Raises:
        RunError: training failed; the message names the step and its error.
    """
    result = definitions.resolve_job_def(TRAINING_JOB).execute_in_process(
        instance=instance,
        run_config=QUIET | {"ops": {name: {"config": {"as_of": as_of.isoformat()}} for name in RELEASES}},
        raise_on_error=False,
    )
    if not result.success:
        raise RunError(_failure(result))
    return [_trained(result, name) for name in RELEASES]


def _trained(result: dg.ExecuteInProcessResult, name: str) -> Trained:
    released = result.asset_materializations_for_node(name)
    if released:
        return Trained(name, Path(str(released[0].metadata["folder"].value)), None)
    (observation,) = result.asset_observations_for_node(name)
    return Trained(name, None, str(observation.metadata[NOT_RELEASED].value))


def evaluate(
    deployment: Deployment, definitions: dg.Definitions, instance: dg.DagsterInstance, sections: Sequence[str]
) -> Path:
    """Measure these parts and write the report through the evaluation job; returns the page.

    Raises:
        RunError: a part could not be measured; the message names it and its error.
    """
    chosen = [dg.AssetKey(name) for name in (*map(asset_name, sections), REPORT)]
    result = definitions.resolve_job_def(EVALUATION_JOB).execute_in_process(
        instance=instance, run_config=QUIET, asset_selection=chosen, raise_on_error=False
    )
    if not result.success:
        raise RunError(_failure(result))
    return Path(str(result.asset_materializations_for_node(REPORT)[0].metadata["page"].value))


def _execute(definitions: dg.Definitions, instance: dg.DagsterInstance, job: str, first: date, last: date) -> str:
    result = definitions.resolve_job_def(job).execute_in_process(
        instance=instance,
        tags=range_tags(first, last),
        run_config=QUIET
        | ({"ops": {"journey_clusters": {"config": {"full": True}}}} if job == FULL_INFERENCE_JOB else {}),
        raise_on_error=False,
    )
    if not result.success:
        raise RunError(_failure(result))
    return result.run_id


def _failure(result: dg.ExecuteInProcessResult) -> str:
    lines = []
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.error:
            error, told = event.step_failure_data.error, event.step_failure_data.user_failure_data
            cause = error.cause or error
            lines.append(f"{event.step_key}: {told.description if told else cause.message.strip()}")
        elif event.event_type_value == "ASSET_CHECK_EVALUATION":
            evaluation = event.asset_check_evaluation_data
            if not evaluation.passed and evaluation.severity is dg.AssetCheckSeverity.ERROR:
                lines.append(f"contract of {evaluation.asset_key.to_user_string()}: {evaluation.description}")
    return f"run {result.run_id} failed.\n" + "\n".join(lines or ["see the run in `journeys ui`"])


def _warnings(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    found = []
    for record in records:
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        evaluation = event.asset_check_evaluation_data
        if not evaluation.passed:
            found.append(f"{evaluation.asset_key.to_user_string()}: {evaluation.description}")
    return sorted(set(found))


def _peak_memory_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
