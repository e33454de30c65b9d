"""What the ranking of items is trained on: the candidates of a day, and what users engaged with afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

import polars as pl

from journeys_assets.domain.items.catalogue import catalogue_day
from journeys_assets.domain.items.ranking import FEATURES, RISING, Block, blocks, statistics_of
from journeys_assets.domain.items.together import popularity, together
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.models.items.release import ItemRelease, make_release
from journeys_assets.models.logistic import Prior, Ranking, fit_ranking
from journeys_assets.pipeline.items import Ranker, journeys_to_rank, read_ranker
from journeys_assets.storage.queries import items as queries
from journeys_assets.storage.sql_models import load_models, sql_folder
from journeys_assets.storage.warehouse.duckdb_file import Warehouse


@dataclass(frozen=True, slots=True)
class ModelVersions:
    """The models whose vectors and verdicts count: versions of the embedding model and of the safety model."""

    embedding: str
    safety: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What items are ranked from at the end of a day; no later event counts.

    Attributes:
        ranker: With the statistics of all users up to the day and the weights of the prior.
        journeys, engaged: As ``rank_items`` takes them.
        history: What every user ever engaged with: user_id, item_id, last_on, first_on.
    """

    ranker: Ranker
    journeys: pl.DataFrame
    engaged: pl.DataFrame
    history: pl.DataFrame

    def blocks(self, params: AlgorithmParams) -> Iterator[Block]:
        """Journeys with their candidates."""
        ranker = self.ranker
        return blocks(self.journeys, self.engaged, ranker.catalogue, ranker.statistics, params.items)


def snapshot(
    warehouse: Warehouse, day: date, params: AlgorithmParams, models: ModelVersions, *, most_users: int | None = None
) -> Snapshot:
    """What items are ranked from on ``day``, with statistics made anew.

    Args:
        most_users: Of more users with an ongoing journey, those with the lowest hash of their id are taken.
    """
    staging = load_models(sql_folder(), params.actions, noise=params.noise)
    with warehouse.reading() as con:
        states = queries.states_to_show(con, day, params.keywords.horizon_days)
        if most_users is not None and states.height > most_users:
            chosen = sorted(states["user_id"], key=lambda user: hashlib.sha256(user.encode()).digest())[:most_users]
            states = states.filter(pl.col("user_id").is_in(chosen))
        journeys = journeys_to_rank(con, states)
        engaged = queries.engaged_items(
            con, staging, states, params.keywords.look_back_days, params.actions, params.keywords.board_weight
        )
        on = catalogue_day(day, params.items.catalogue_every_days)
        ranker = read_ranker(con, on, None, models.embedding, models.safety, params.safety, params.items)
        history = queries.engaged_until(con, day)
    pairs, popular = together(history, params.items), popularity(history, day, params.items)
    ranker = replace(ranker, statistics=statistics_of(ranker.catalogue, pairs, popular))
    return Snapshot(ranker, journeys, engaged, history)


def engaged_between(warehouse: Warehouse, after: date, until: date) -> pl.DataFrame:
    """What each user engaged with after ``after`` and by the end of ``until``: user_id, item_id; distinct, sorted."""
    with warehouse.reading() as con:
        rows = queries.engaged_until(con, until)
    return rows.filter(pl.col("last_on") > after).select("user_id", "item_id")


def with_outcomes(found: Snapshot, outcomes: pl.DataFrame, params: AlgorithmParams) -> pl.DataFrame:
    """The candidates of every journey of a snapshot: user_id, ``FEATURES``, engaged (whether it is in ``outcomes``).

    Args:
        outcomes: user_id, item_id.
    """
    hits = found.ranker.catalogue.rows_of(outcomes).select("user_id", "item", engaged=pl.lit(True))
    parts = [pl.DataFrame(schema={"user_id": pl.String, **dict.fromkeys(FEATURES, pl.Float64), "engaged": pl.Boolean})]
    for block in found.blocks(params):
        owned = block.candidates.join(block.journeys.select("journey", "user_id"), on="journey")
        labelled = owned.join(hits, on=["user_id", "item"], how="left")
        parts.append(labelled.select("user_id", *FEATURES, pl.col("engaged").fill_null(False)))
    return pl.concat(parts)


def trained_weights(warehouse: Warehouse, as_of: date, params: AlgorithmParams, models: ModelVersions) -> Ranking:
    """Weights that predict which items users engaged with in the ``outcome_days`` up to ``as_of``."""
    items = params.items
    before = as_of - timedelta(days=items.outcome_days)
    found = snapshot(warehouse, before, params, models, most_users=items.max_training_users)
    candidates = with_outcomes(found, engaged_between(warehouse, before, as_of), params)
    prior = Prior(items.prior_weights, RISING, items.l2, items.min_positives, f"engaged with an item after {before}")
    return fit_ranking(candidates, "engaged", prior)


def make_item_release(warehouse: Warehouse, as_of: date, params: AlgorithmParams, models: ModelVersions) -> ItemRelease:
    """Statistics of all users up to ``as_of``, and weights that were trained on the days up to it."""
    ranking = trained_weights(warehouse, as_of, params, models)
    with warehouse.reading() as con:
        history = queries.engaged_until(con, as_of)
    pairs, popular = together(history, params.items), popularity(history, as_of, params.items)
    return make_release(pairs, popular, ranking, history["user_id"].n_unique(), as_of, params.items)
