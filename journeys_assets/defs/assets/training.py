"""ranker_release and stage_release: models that are released only where they beat what judges without them.

A job of its own; a day's run never trains.
"""

from collections.abc import Iterator
from datetime import date, timedelta

import dagster as dg

from journeys_assets.defs import metadata
from journeys_assets.defs.deployment import Deployment
from journeys_assets.defs.jobs import TRAINING_GROUP
from journeys_assets.models import stage_release as stage_release_files
from journeys_assets.models.ranker import refusal, train_ranker
from journeys_assets.models.ranker_release import model_card, released, save
from journeys_assets.models.stage import NotEnoughStageLabels, train_stage_model
from journeys_assets.models.stage import refusal as stage_refusal
from journeys_assets.storage import labels


class TrainingConfig(dg.Config):
    """What a model may know."""

    as_of: str
    """Last day (YYYY-MM-DD) whose labels are used; the release is live from the day after."""


def build(house: Deployment) -> dg.AssetsDefinition:
    @dg.asset(
        name="ranker_release",
        deps=[
            "journey_features",
            "user_journeys",
            "keyword_table",
            "stg_notification_events",
            dg.AssetKey(["landing", "journey_annotations"]),
        ],
        group_name=TRAINING_GROUP,
        description="A point-wise LightGBM ranker with calibrated confidence: a versioned artefact with a model "
        "card. Released only if it orders later days better than the prior and no worse than the live release.",
        owners=metadata.OWNERS,
        kinds={"python", "lightgbm"},
        code_version="2",
    )
    def ranker_release(context: dg.AssetExecutionContext, config: TrainingConfig) -> dg.MaterializeResult[None]:
        as_of = date.fromisoformat(config.as_of)
        params = house.algorithm.ranking
        with house.warehouse.reading() as con:
            rows = labels.training_rows(con, as_of, params)
        incumbent = released(house.releases_path, as_of + timedelta(days=1))
        release = train_ranker(rows, as_of=as_of, params=params, incumbent=incumbent)
        refused = refusal(release)
        if refused:
            raise dg.Failure(
                f"{release.version} is not released: {refused}. What scores journeys now goes on doing so",
                metadata={"model_card": dg.MetadataValue.md(model_card(release))},
                allow_retries=False,
            )
        folder = save(release, house.releases_path)
        return dg.MaterializeResult(
            metadata={
                "version": release.version,
                "live_from": str(release.live_from),
                "labels": rows.height,
                "folder": dg.MetadataValue.path(str(folder)),
                "model_card": dg.MetadataValue.md(model_card(release)),
            }
        )

    return ranker_release


def build_stage_release(house: Deployment) -> dg.AssetsDefinition:
    spec = dg.AssetSpec(
        "stage_release",
        deps=["journey_clusters", "inference_ledger", "keyword_table"],
        group_name=TRAINING_GROUP,
        description="A LightGBM model of P(ended), learnt from what became of journeys: a versioned artefact with a "
        "model card. Released only if it is closer to what happens on later days than the fixed gap; else, and while "
        "the log is too short to tell, none is.",
        owners=metadata.OWNERS,
        kinds={"python", "lightgbm"},
        code_version="1",
        skippable=True,
    )

    @dg.multi_asset(name="stage_release", specs=[spec])
    def stage_release(
        context: dg.AssetExecutionContext, config: TrainingConfig
    ) -> Iterator[dg.MaterializeResult[None]]:
        as_of = date.fromisoformat(config.as_of)
        with house.warehouse.reading() as con:
            rows = labels.stage_training_rows(con, as_of, house.algorithm)
        try:
            release = train_stage_model(rows, as_of=as_of, params=house.algorithm.staging)
        except NotEnoughStageLabels as error:
            context.log.warning(str(error))
            return
        refused = stage_refusal(release)
        if refused:
            context.log.warning(
                f"{release.version} is not released: {refused}. What judges stages now goes on doing so"
            )
            return
        folder = stage_release_files.save(release, house.stage_releases_path)
        yield dg.MaterializeResult(
            metadata={
                "version": release.version,
                "live_from": str(release.live_from),
                "labels": rows.height,
                "folder": dg.MetadataValue.path(str(folder)),
                "model_card": dg.MetadataValue.md(stage_release_files.model_card(release)),
            }
        )

    return stage_release
