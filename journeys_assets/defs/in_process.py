"""Runs the jobs of ``defs.jobs`` in this process, without the daemon; the instance records them for the UI."""

import json
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from journeys_assets.defs.assets.evaluation import REPORT, asset_name
from journeys_assets.defs.assets.stages import step_name
from journeys_assets.defs.assets.training import NOT_RELEASED
from journeys_assets.defs.jobs import (
    DAILY_JOB,
    EVALUATION_JOB,
    FULL,
    FULL_INFERENCE_JOB,
    INFERENCE_TAG,
    TRAINING_JOB,
)
from journeys_assets.defs.partitions import range_tags
from journeys_assets.domain.tables.pipeline import KEYWORD_DAYS
from journeys_assets.pipeline.pipeline import Pipeline
from journeys_assets.pipeline.run import HISTORY_DAYS, RunError, RunSummary, summary
from journeys_assets.pipeline.training import TRAININGS

DAGSTER_YAML = """telemetry:
  enabled: false
# A run whose process died is marked as failed, so that its days are requested again.
run_monitoring:
  enabled: true
  poll_interval_seconds: 20
# A run waits in the queue for half of this on average.
run_coordinator:
  module: dagster
  class: QueuedRunCoordinator
  config:
    dequeue_interval_seconds: 1
"""
COMMAND_LINE_YAML = (
    DAGSTER_YAML
    + """compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
storage:
  custom:
    module: journeys_assets.defs.sqlite_storage
    class: OpenSqliteStorage
    config:
      base_dir: {folder}
"""
)
"""For runs of the command line. Dagster would capture the output of a run's process and play it back, which would hide
the progress; and its stock storage opens about a thousand connections for a run."""

EVENTS_PER_WRITE = "1000"
INTERRUPTIONS = ("DagsterExecutionInterruptedError", "KeyboardInterrupt", "Query interrupted")
"""What Dagster records of a step when a run is interrupted: its own error, Python's, or DuckDB's."""


def console_log(*, verbose: bool) -> dict[str, Any]:
    """Run config: what Dagster prints of a run.

    By default nothing. The one line of a failure is in the ``RunError``; the instance keeps the rest for the UI.
    """
    return {"loggers": {"console": {"config": {"log_level": "INFO" if verbose else "CRITICAL"}}}}


def prepare_dagster_home(folder: Path) -> None:
    """Make the Dagster instance folder; telemetry is off. ``dagster.yaml`` is the user's once it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "dagster.yaml").exists():
        (folder / "dagster.yaml").write_text(DAGSTER_YAML)
    (folder / "command-line.yaml").write_text(COMMAND_LINE_YAML.format(folder=json.dumps(str(folder))))


@contextmanager
def dagster_instance(folder: Path) -> Iterator[dg.DagsterInstance]:
    """The deployment's persistent Dagster instance, which the UI reads too.

    Raises:
        RunError: its files cannot be read or written.
    """
    prepare_dagster_home(folder)
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", EVENTS_PER_WRITE)
    try:
        with dg.DagsterInstance.from_config(str(folder), "command-line.yaml") as instance:
            yield instance
    except (sqlite3.Error, SQLAlchemyError) as error:
        reason = getattr(error, "orig", None) or error
        raise RunError(
            f"the history of runs in {folder} cannot be read or written: {reason}. If the disk is full, make room; if "
            "a file is damaged, remove that folder: it holds nothing but the history of runs"
        ) from error


def run_days(
    pipeline: Pipeline,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    first: date,
    last: date,
    *,
    full: bool = False,
    verbose: bool = False,
    tags: Mapping[str, str] | None = None,
) -> RunSummary:
    """Materialise ``first`` … ``last`` in order, in one run that the instance records.

    Args:
        tags: Further tags of the run.
        verbose: Print Dagster's log, with tracebacks.

    Raises:
        RunError: the run failed; the message names the stage and its error.
    """
    started = time.monotonic()
    result = definitions.resolve_job_def(FULL_INFERENCE_JOB if full else DAILY_JOB).execute_in_process(
        instance=instance,
        tags={**(tags or {}), **range_tags(first, last), **({INFERENCE_TAG: FULL} if full else {})},
        run_config=console_log(verbose=verbose),
        raise_on_error=False,
    )
    if not result.success:
        raise RunError(_failure(result))
    return _summary(pipeline, result, first, last, time.monotonic() - started)


def _summary(
    pipeline: Pipeline, result: dg.ExecuteInProcessResult, first: date, last: date, seconds: float
) -> RunSummary:
    fired = [
        f"{evaluation.asset_key.to_user_string()}: {evaluation.description}"
        for evaluation in result.get_asset_check_evaluations()
        if not evaluation.passed
    ]
    found = result.asset_materializations_for_node(step_name(pipeline.entry(KEYWORD_DAYS.name).group))
    history = [m.metadata[HISTORY_DAYS].value for m in found if HISTORY_DAYS in m.metadata]
    return summary(
        pipeline,
        result.run_id,
        first,
        last,
        history_days=max((n for n in history if isinstance(n, int)), default=0),
        seconds=seconds,
        warnings=fired,
    )


@dataclass(frozen=True, slots=True)
class Trained:
    """What training ended with: the folder of a release or, where there is none, why.

    Attributes:
        model: Asset of the release.
    """

    model: str
    folder: Path | None
    reason: str | None


def train_models(
    definitions: dg.Definitions, instance: dg.DagsterInstance, as_of: date, *, verbose: bool = False
) -> list[Trained]:
    """Train every model through the training job, and release those that are good enough.

    Raises:
        RunError: training failed; the message names the step and its error.
    """
    names = [training.kind.name for training in TRAININGS]
    result = definitions.resolve_job_def(TRAINING_JOB).execute_in_process(
        instance=instance,
        run_config=console_log(verbose=verbose)
        | {"ops": {name: {"config": {"as_of": as_of.isoformat()}} for name in names}},
        raise_on_error=False,
    )
    if not result.success:
        raise RunError(_failure(result))
    return [_trained(result, name) for name in names]


def _trained(result: dg.ExecuteInProcessResult, name: str) -> Trained:
    released = result.asset_materializations_for_node(name)
    if released:
        return Trained(name, Path(str(released[0].metadata["folder"].value)), None)
    (observation,) = result.asset_observations_for_node(name)
    return Trained(name, None, str(observation.metadata[NOT_RELEASED].value))


def evaluate(
    definitions: dg.Definitions, instance: dg.DagsterInstance, sections: Sequence[str], *, verbose: bool = False
) -> Path:
    """Measure these parts and write the report through the evaluation job; returns the page.

    Raises:
        RunError: a part could not be measured; the message names it and its error.
    """
    chosen = [dg.AssetKey(name) for name in (*map(asset_name, sections), REPORT)]
    result = definitions.resolve_job_def(EVALUATION_JOB).execute_in_process(
        instance=instance,
        run_config=console_log(verbose=verbose),
        asset_selection=chosen,
        raise_on_error=False,
    )
    if not result.success:
        raise RunError(_failure(result))
    return Path(str(result.asset_materializations_for_node(REPORT)[0].metadata["page"].value))


def _failure(result: dg.ExecuteInProcessResult) -> str:
    """What failed, in one line.

    Raises:
        KeyboardInterrupt: nothing did; the run was interrupted, which Dagster records as a failure.
    """
    lines = []
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.error:
            error, failure = event.step_failure_data.error, event.step_failure_data.user_failure_data
            cause = error.cause or error
            if any(found in cause.message for found in INTERRUPTIONS) or error.cls_name in INTERRUPTIONS:
                raise KeyboardInterrupt
            lines.append(str(failure.description) if failure else f"{event.step_key}: {cause.message.strip()}")
    return f"run {result.run_id} failed: " + "; ".join(lines or ["see the run in `journeys ui`"])
