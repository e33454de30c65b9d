"""The jobs: which assets run together."""

import dagster as dg

# define_asset_job's own return type, which Dagster does not export at the top.
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

Job = UnresolvedAssetJobDefinition

DAILY_JOB = "daily_job"
FULL_INFERENCE_JOB = "full_inference_job"
INFERENCE_TAG = "journeys/inference"
"""Run tag: ``full`` makes a run compute every user within the horizon."""
FULL = "full"
TRAINING_JOB = "training_job"
TRAINING_GROUP = "training"
EVALUATION_JOB = "evaluation_job"
EVALUATION_GROUP = "evaluation"
EXPANSION_JOB = "expansion_job"
EXPANSION_GROUP = "expansion"
CALIBRATION_JOB = "calibration_job"
CALIBRATION_GROUP = "calibration"
READOUT_JOB = "readout_job"
EXPERIMENT_GROUP = "experiment"
ACTIVATION_JOB = "activation_job"
ACTIVATION_GROUP = "activation"


def build_jobs() -> list[Job]:
    everything = dg.AssetSelection.all(include_sources=False) - dg.AssetSelection.groups(
        TRAINING_GROUP, EXPANSION_GROUP, CALIBRATION_GROUP, EVALUATION_GROUP, EXPERIMENT_GROUP, ACTIVATION_GROUP
    )
    return [
        dg.define_asset_job(
            DAILY_JOB,
            selection=everything,
            description="Incremental inference: clusters users whose log changed; all else covers all live journeys.",
        ),
        dg.define_asset_job(
            FULL_INFERENCE_JOB,
            selection=everything,
            tags={INFERENCE_TAG: FULL},
            description="Full inference: clusters every user in the horizon. Run it after an algorithm change.",
        ),
        dg.define_asset_job(
            TRAINING_JOB,
            selection=dg.AssetSelection.groups(TRAINING_GROUP),
            description="Trains ranker, stage model, naming weights and items; releases what beats its baseline.",
        ),
        dg.define_asset_job(
            EXPANSION_JOB,
            selection=dg.AssetSelection.groups(EXPANSION_GROUP),
            description="Finds related journeys of every name that several users share, and releases them.",
        ),
        dg.define_asset_job(
            CALIBRATION_JOB,
            selection=dg.AssetSelection.groups(CALIBRATION_GROUP),
            description="Finds out how broad the journeys of this log are, and releases the threshold.",
        ),
        dg.define_asset_job(
            EVALUATION_JOB,
            selection=dg.AssetSelection.groups(EVALUATION_GROUP),
            description="Measures every part beside its baselines and writes the report.",
        ),
        dg.define_asset_job(
            ACTIVATION_JOB,
            selection=dg.AssetSelection.groups(ACTIVATION_GROUP),
            description="Hands over what changed to the systems that activation.to names.",
        ),
        dg.define_asset_job(
            READOUT_JOB,
            selection=dg.AssetSelection.groups(EXPERIMENT_GROUP),
            description="Reads out the notification experiment. Run it once its planned days are over.",
        ),
    ]
