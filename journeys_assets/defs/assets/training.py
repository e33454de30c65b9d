"""ranker_release: a ranker trained from feedback and annotations. A job of its own; a day's run never trains."""

from datetime import date

import dagster as dg

from journeys_assets.defs import metadata
from journeys_assets.defs.deployment import Deployment
from journeys_assets.defs.jobs import TRAINING_GROUP
from journeys_assets.models.ranker import train_ranker
from journeys_assets.models.ranker_release import model_card, save
from journeys_assets.storage import labels


class TrainingConfig(dg.Config):
    """What the ranker may know."""

    as_of: str
    """Last day (YYYY-MM-DD) whose labels are used; the release is live from the day after."""


def build(house: Deployment) -> dg.AssetsDefinition:
    @dg.asset(
        name="ranker_release",
        deps=[
            "journey_features",
            "user_journeys",
            "stg_notification_events",
            dg.AssetKey(["landing", "journey_annotations"]),
        ],
        group_name=TRAINING_GROUP,
        description="A point-wise LightGBM ranker with calibrated confidence: a versioned artefact with a model card.",
        owners=metadata.OWNERS,
        kinds={"python", "lightgbm"},
        code_version="1",
    )
    def ranker_release(context: dg.AssetExecutionContext, config: TrainingConfig) -> dg.MaterializeResult[None]:
        as_of = date.fromisoformat(config.as_of)
        params = house.algorithm.ranking
        with house.warehouse.reading() as con:
            rows = labels.training_rows(con, as_of, params)
        release = train_ranker(rows, as_of=as_of, params=params)
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
