"""Training of the models. Each is released only where it is better than what is used without it.

A model that is not released is no failure: the reason is given, and what was used before stays in use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from journeys_assets.deployment import Deployment
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.domain.ranking.prior import features
from journeys_assets.domain.tables.landing import ANNOTATION_ITEMS
from journeys_assets.domain.themes.params import ThemeParams
from journeys_assets.models.items import release as item_files
from journeys_assets.models.lifecycle import release as stage_files
from journeys_assets.models.lifecycle import training as stage_training
from journeys_assets.models.naming import release as naming_files
from journeys_assets.models.naming import training as naming_training
from journeys_assets.models.ranker import release as ranker_files
from journeys_assets.models.ranker import training as ranker_training
from journeys_assets.models.releases import Release
from journeys_assets.models.themes import release as map_files
from journeys_assets.pipeline.item_training import ModelVersions, make_item_release
from journeys_assets.pipeline.map_training import make_theme_map
from journeys_assets.pipeline.registry import ITEMS, NAMING_WEIGHTS, RANKER, STAGE_MODEL, THEME_MAP
from journeys_assets.pipeline.stage import Released
from journeys_assets.storage.queries import labels
from journeys_assets.storage.warehouse.duckdb_file import Warehouse


@dataclass(frozen=True, slots=True)
class Candidate:
    """A trained model that may be released.

    Attributes:
        release: The model with its card.
        refused: Why it must not be released; None where it may.
        card: The model card for people, in Markdown.
        n_labels: What it was trained on.
        save: Writes the release and returns its folder.
    """

    release: Release
    refused: str | None
    card: str
    n_labels: int
    save: Callable[[], Path]


Models = Callable[[], ModelVersions]
"""The models whose vectors and verdicts a training reads; called only where it reads any."""

Train = Callable[[Warehouse, AlgorithmParams, Models, Path, date], Candidate | str]
"""Trains on labels up to a day, for releases in a folder; returns the reason where the labels are too few."""


@dataclass(frozen=True, slots=True)
class Training:
    """One trained model of the pipeline.

    Attributes:
        kind: Its releases.
        upstream: Tables that its labels and features come from; landing sources as ``landing/<source>``.
        description: What it is and when it is released.
        library: Technology that the UI shows.
        train: Trains it.
    """

    kind: Released
    upstream: tuple[str, ...]
    description: str
    library: str
    train: Train


def train_ranker(
    warehouse: Warehouse, params: AlgorithmParams, _: Models, folder: Path, as_of: date
) -> Candidate | str:
    """A ranker from feedback, judgements and later engagement; see ``models.ranker.training``."""
    names = features(params.actions)
    with warehouse.reading() as con:
        rows = labels.training_rows(con, as_of, params.ranking, names)
    incumbent = ranker_files.released(folder, as_of + timedelta(days=1))
    try:
        release = ranker_training.train_ranker(
            rows, as_of=as_of, params=params.ranking, features=names, incumbent=incumbent
        )
    except ranker_training.NotEnoughLabels as error:
        return str(error)
    return Candidate(
        release,
        ranker_training.refusal(release),
        ranker_files.model_card(release),
        rows.height,
        partial(ranker_files.save, release, folder),
    )


def train_stage_model(
    warehouse: Warehouse, params: AlgorithmParams, _: Models, folder: Path, as_of: date
) -> Candidate | str:
    """A model of P(ended) from later engagement with journeys; see ``models.lifecycle.training``."""
    with warehouse.reading() as con:
        rows = labels.stage_training_rows(con, as_of, params)
    try:
        release = stage_training.train_stage_model(rows, as_of=as_of, params=params.lifecycle)
    except stage_training.NotEnoughStageLabels as error:
        return str(error)
    return Candidate(
        release,
        stage_training.refusal(release),
        stage_files.model_card(release),
        rows.height,
        partial(stage_files.save, release, folder),
    )


def train_naming_weights(
    warehouse: Warehouse, params: AlgorithmParams, _: Models, folder: Path, as_of: date
) -> Candidate | str:
    """Naming weights from names that annotators gave or accepted; see ``models.naming.training``."""
    warehouse.ensure(ANNOTATION_ITEMS)
    with warehouse.reading() as con:
        rows = labels.naming_rows(con, as_of, params)
    incumbent = naming_files.released_namer(folder, as_of + timedelta(days=1))
    try:
        release = naming_training.train_namer(
            rows, as_of=as_of, naming=params.naming, params=params.name_training, incumbent=incumbent
        )
    except naming_training.NotEnoughNames as error:
        return str(error)
    return Candidate(
        release,
        naming_training.refusal(release),
        naming_files.model_card(release),
        int(release.card["data"]["journeys"]),
        partial(naming_files.save, release, folder),
    )


def train_items(
    warehouse: Warehouse, params: AlgorithmParams, models: Models, folder: Path, as_of: date
) -> Candidate | str:
    """Statistics and weights of items from later engagement; see ``pipeline.item_training``."""
    release = make_item_release(warehouse, as_of, params, models())
    return Candidate(
        release,
        item_files.refusal(release),
        item_files.model_card(release),
        int(release.card["counts"]["users"]),
        partial(item_files.save, release, folder),
    )


def train_theme_map(
    warehouse: Warehouse, params: AlgorithmParams, models: Models, folder: Path, as_of: date
) -> Candidate | str:
    """Places of the themes of the day; see ``pipeline.map_training``."""
    live = map_files.released_map(folder, as_of + timedelta(days=1))
    release = make_theme_map(
        warehouse, as_of, models().embedding, live, least_users=params.related.min_users, params=ThemeParams()
    )
    return Candidate(
        release,
        map_files.refusal(release),
        map_files.model_card(release),
        int(release.card["counts"]["landmarks"]),
        partial(map_files.save, release, folder),
    )


def model_versions(deployment: Deployment) -> ModelVersions:
    """Those of a deployment."""
    return ModelVersions(deployment.embedder().model_version, deployment.safety_judge().version)


TRAININGS: tuple[Training, ...] = (
    Training(
        RANKER,
        (
            "journey_features",
            "user_journeys",
            "keyword_table",
            "stg_notification_events",
            "landing/journey_annotations",
        ),
        "A point-wise LightGBM ranker with calibrated confidence: a versioned artefact with a model card. "
        "Released only if it orders later days better than the prior and no worse than the live release.",
        "lightgbm",
        train_ranker,
    ),
    Training(
        STAGE_MODEL,
        ("journey_clusters", "inference_ledger", "keyword_table"),
        "A LightGBM model of P(ended), learnt from later engagement with journeys: a versioned artefact with a "
        "model card. Released only if it predicts later days better than the fixed gap.",
        "lightgbm",
        train_stage_model,
    ),
    Training(
        NAMING_WEIGHTS,
        (
            "journey_clusters",
            "inference_ledger",
            "keyword_table",
            "keyword_commonness",
            "user_journeys",
            "landing/journey_annotations",
        ),
        "Weights of the naming score, learnt from what annotators would call journeys: a versioned artefact with a "
        "card. Released only if they name journeys of other users better, beyond chance.",
        "scipy",
        train_naming_weights,
    ),
    Training(
        ITEMS,
        ("user_journeys", "journey_clusters", "keyword_embeddings", "text_safety", "landing/pin_engagements"),
        "Which items the same users engage with, which are popular, and how much each counts: a versioned artefact "
        "with a card. Released only if its weights predict what users engage with better than content alone.",
        "scipy",
        train_items,
    ),
    Training(
        THEME_MAP,
        ("user_journeys", "name_embeddings"),
        "Where the explorer's map shows each theme, so that themes keep their places: a versioned artefact with a "
        "card. Replaced only if many users have themes that the live map has no place for.",
        "scipy",
        train_theme_map,
    ),
)
"""Every trained model, in the order of training."""
