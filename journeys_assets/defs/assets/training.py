"""ranker_release: a ranker trained from engagement, feedback and annotations, released where it beats the prior.

A job of its own; a day's run never trains.
"""

from datetime import date, timedelta

import dagster as dg

from journeys_assets.defs import metadata
from journeys_assets.defs.deployment import Deployment
from journeys_assets.defs.jobs import TRAINING_GROUP
from journeys_assets.models.ranker import refusal, train_ranker
from journeys_assets.models.ranker_release import model_card, released, save
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
