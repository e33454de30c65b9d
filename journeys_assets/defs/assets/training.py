"""ranker_release, stage_release, naming_release: models that are released only where they beat what is there without.

A job of its own; a day's run never trains. A model that is not released is no failure: an observation says why, what
judged before goes on, and the other models are trained all the same.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import dagster as dg

from journeys_assets.defs import metadata
from journeys_assets.defs.jobs import TRAINING_GROUP
from journeys_assets.deployment import Deployment
from journeys_assets.domain.ranking.prior import features
from journeys_assets.domain.tables.landing import ANNOTATION_ITEMS
from journeys_assets.models.lifecycle import release as stage_files
from journeys_assets.models.lifecycle.training import NotEnoughStageLabels, train_stage_model
from journeys_assets.models.lifecycle.training import refusal as stage_refusal
from journeys_assets.models.naming import release as naming_files
from journeys_assets.models.naming.training import NotEnoughNames, train_namer
from journeys_assets.models.naming.training import refusal as naming_refusal
from journeys_assets.models.ranker.release import model_card, released, save
from journeys_assets.models.ranker.training import NotEnoughLabels, refusal, train_ranker
from journeys_assets.models.releases import Release
from journeys_assets.storage.queries import labels

RANKER_RELEASE, STAGE_RELEASE, NAMING_RELEASE = "ranker_release", "stage_release", "naming_release"
RELEASES = (RANKER_RELEASE, STAGE_RELEASE, NAMING_RELEASE)


class TrainingConfig(dg.Config):
    """What a model may know."""

    as_of: str
    """Last day (YYYY-MM-DD) whose labels are used; the release is live from the day after."""


Outcome = Iterator[dg.MaterializeResult[None] | dg.AssetObservation]
NOT_RELEASED = "not_released"
"""Metadata key of an observation: why training ended without a release."""


def build(deployment: Deployment) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=RANKER_RELEASE,
        specs=[
            _spec(
                RANKER_RELEASE,
                [
                    "journey_features",
                    "user_journeys",
                    "keyword_table",
                    "stg_notification_events",
                    "landing/journey_annotations",
                ],
                "A point-wise LightGBM ranker with calibrated confidence: a versioned artefact with a model card. "
                "Released only if it orders later days better than the prior and no worse than the live release.",
            )
        ],
    )
    def ranker_release(context: dg.AssetExecutionContext, config: TrainingConfig) -> Outcome:
        as_of = date.fromisoformat(config.as_of)
        params, names = deployment.algorithm.ranking, features(deployment.algorithm.actions)
        with deployment.warehouse.reading() as con:
            rows = labels.training_rows(con, as_of, params, names)
        incumbent = released(deployment.releases_path, as_of + timedelta(days=1))
        try:
            release = train_ranker(rows, as_of=as_of, params=params, features=names, incumbent=incumbent)
        except NotEnoughLabels as error:
            yield _not_released(RANKER_RELEASE, str(error), None)
            return
        write = partial(save, release, deployment.releases_path)
        yield _outcome(RANKER_RELEASE, release, refusal(release), model_card(release), rows.height, write)

    return ranker_release


def build_stage_release(deployment: Deployment) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=STAGE_RELEASE,
        specs=[
            _spec(
                STAGE_RELEASE,
                ["journey_clusters", "inference_ledger", "keyword_table"],
                "A LightGBM model of P(ended), learnt from what became of journeys: a versioned artefact with a model "
                "card. Released only if it is closer to what happens on later days than the fixed gap.",
            )
        ],
    )
    def stage_release(context: dg.AssetExecutionContext, config: TrainingConfig) -> Outcome:
        as_of = date.fromisoformat(config.as_of)
        with deployment.warehouse.reading() as con:
            rows = labels.stage_training_rows(con, as_of, deployment.algorithm)
        try:
            release = train_stage_model(rows, as_of=as_of, params=deployment.algorithm.lifecycle)
        except NotEnoughStageLabels as error:
            yield _not_released(STAGE_RELEASE, str(error), None)
            return
        card, write = (
            stage_files.model_card(release),
            partial(stage_files.save, release, deployment.stage_releases_path),
        )
        yield _outcome(STAGE_RELEASE, release, stage_refusal(release), card, rows.height, write)

    return stage_release


def build_naming_release(deployment: Deployment) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=NAMING_RELEASE,
        specs=[
            _spec(
                NAMING_RELEASE,
                ["journey_clusters", "inference_ledger", "keyword_table", "keyword_commonness", "user_journeys",
                 "landing/journey_annotations"],
                "Weights of the naming score, learnt from what annotators would call journeys: a versioned artefact "
                "with a card. Released only if they name users that they never saw surely better.",
                kind="scipy",
            )
        ],
    )  # fmt: skip
    def naming_release(context: dg.AssetExecutionContext, config: TrainingConfig) -> Outcome:
        as_of = date.fromisoformat(config.as_of)
        params = deployment.algorithm
        deployment.warehouse.ensure(ANNOTATION_ITEMS)
        with deployment.warehouse.reading() as con:
            rows = labels.naming_rows(con, as_of, params)
        incumbent = naming_files.released_namer(deployment.naming_releases_path, as_of + timedelta(days=1))
        try:
            release = train_namer(
                rows, as_of=as_of, naming=params.naming, params=params.name_training, incumbent=incumbent
            )
        except NotEnoughNames as error:
            yield _not_released(NAMING_RELEASE, str(error), None)
            return
        card, write = (
            naming_files.model_card(release),
            partial(naming_files.save, release, deployment.naming_releases_path),
        )
        n_journeys = release.card["data"]["journeys"]
        yield _outcome(NAMING_RELEASE, release, naming_refusal(release), card, n_journeys, write)

    return naming_release


def _spec(name: str, deps: Sequence[str], description: str, kind: str = "lightgbm") -> dg.AssetSpec:
    return dg.AssetSpec(
        name,
        deps=[dg.AssetKey(dep.split("/")) for dep in deps],
        group_name=TRAINING_GROUP,
        description=description,
        owners=metadata.OWNERS,
        kinds={"python", kind},
        code_version="2",
        skippable=True,
    )


def _outcome(
    name: str, release: Release, refused: str | None, card: str, n_labels: int, write: Callable[[], Path]
) -> dg.MaterializeResult[None] | dg.AssetObservation:
    """Write a trained model, or say why it is refused."""
    if refused:
        return _not_released(name, f"{release.version}: {refused}", card)
    return dg.MaterializeResult(
        metadata={
            "version": release.version,
            "live_from": str(release.live_from),
            "labels": n_labels,
            "folder": dg.MetadataValue.path(str(write())),
            "model_card": dg.MetadataValue.md(card),
        }
    )


def _not_released(name: str, reason: str, card: str | None) -> dg.AssetObservation:
    """What is said in place of a release; what was measured can be read in the run."""
    shown = {} if card is None else {"model_card": dg.MetadataValue.md(card)}
    return dg.AssetObservation(name, metadata={NOT_RELEASED: reason, **shown})
