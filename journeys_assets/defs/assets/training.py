"""The trained models as assets, in a job of their own; the run of a day trains nothing."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import dagster as dg

from journeys_assets.defs import metadata
from journeys_assets.defs.assets.stages import asset_key
from journeys_assets.defs.jobs import TRAINING_GROUP
from journeys_assets.defs.metadata import written
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.pipeline.training import TRAININGS, Candidate, Models, Training
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

NOT_RELEASED = "not_released"
"""Metadata key of an observation: why training ended without a release."""


class TrainingConfig(dg.Config):
    """The labels that a model is trained on."""

    as_of: str
    """Last day (YYYY-MM-DD) whose labels are used; the release is live from the day after."""


Outcome = Iterator[dg.MaterializeResult[None] | dg.AssetObservation]


def build_training_assets(
    warehouse: Warehouse, params: AlgorithmParams, models: Models, folders: Mapping[str, Path]
) -> list[dg.AssetsDefinition]:
    """One asset per trained model.

    Args:
        models: The models whose vectors and verdicts they read.
        folders: Folder of the releases, by kind of model.
    """
    return [_asset(training, warehouse, params, models, folders[training.kind.folder]) for training in TRAININGS]


def _asset(
    training: Training, warehouse: Warehouse, params: AlgorithmParams, models: Models, folder: Path
) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=training.kind.name,
        specs=[
            dg.AssetSpec(
                training.kind.name,
                deps=[asset_key(name) for name in training.upstream],
                group_name=TRAINING_GROUP,
                description=training.description,
                owners=metadata.OWNERS,
                kinds={"python", training.library},
                code_version="2",
                skippable=True,
            )
        ],
    )
    def release(config: TrainingConfig) -> Outcome:
        found = training.train(warehouse, params, models, folder, date.fromisoformat(config.as_of))
        yield _outcome(training.kind.name, found)

    return release


def _outcome(name: str, found: Candidate | str) -> dg.MaterializeResult[None] | dg.AssetObservation:
    """Write a trained model, or give the reason why there is no release; what was measured can be read in the run."""
    if isinstance(found, str):
        return dg.AssetObservation(name, metadata={NOT_RELEASED: found})
    card = {"model_card": written(found.card)}
    if found.refused:
        return dg.AssetObservation(name, metadata={NOT_RELEASED: f"{found.release.version}: {found.refused}", **card})
    return dg.MaterializeResult(
        metadata={
            "version": found.release.version,
            "live_from": str(found.release.live_from),
            "labels": found.n_labels,
            "folder": dg.MetadataValue.path(str(found.save())),
            **card,
        }
    )
