"""Jobs and the daily schedule."""

from datetime import timedelta

import dagster as dg

# define_asset_job's own return type, which Dagster does not export at the top.
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

DAILY_JOB = "daily_job"
FULL_INFERENCE_JOB = "full_inference_job"
HISTORY_JOB = "keyword_history_job"
TRAINING_JOB = "training_job"
TRAINING_GROUP = "training"


def build_jobs() -> list[UnresolvedAssetJobDefinition]:
    everything = dg.AssetSelection.all(include_sources=False) - dg.AssetSelection.groups(TRAINING_GROUP)
    return [
        dg.define_asset_job(
            DAILY_JOB,
            selection=everything,
            description="Incremental inference: clusters of users whose log changed; all else for every live journey.",
        ),
        dg.define_asset_job(
            FULL_INFERENCE_JOB,
            selection=everything,
            config={"ops": {"journey_clusters": {"config": {"full": True}}}},
            description="Full inference: clusters of every user in the horizon. Run it after an algorithm change.",
        ),
        dg.define_asset_job(
            HISTORY_JOB,
            selection=dg.AssetSelection.assets("keyword_embeddings").upstream(),
            description="Keywords and vectors only: fills the look-back window of the first day that is run.",
        ),
        dg.define_asset_job(
            TRAINING_JOB,
            selection=dg.AssetSelection.groups(TRAINING_GROUP),
            description="Trains a ranker from feedback and annotations and releases it for the days after.",
        ),
    ]


def build_daily_schedule(jobs: list[UnresolvedAssetJobDefinition]) -> dg.ScheduleDefinition:
    @dg.schedule(
        name="daily_schedule",
        job=next(job for job in jobs if job.name == DAILY_JOB),
        cron_schedule="0 1 * * *",
        execution_timezone="UTC",
        description="Closes each UTC day at 01:00 of the next.",
    )
    def daily_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        closed = (context.scheduled_execution_time - timedelta(days=1)).date().isoformat()
        return dg.RunRequest(run_key=closed, partition_key=closed)

    return daily_schedule
