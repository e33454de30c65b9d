"""The journeys of one day with everything that questions about them are made from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import polars as pl

from journeys_assets.domain.clustering.calibration import with_neighbours
from journeys_assets.domain.finetuning.pairs import pairs_of_journeys
from journeys_assets.domain.finetuning.params import LabelParams
from journeys_assets.domain.inference.history import histories
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.domain.naming.features import JOURNEY
from journeys_assets.domain.naming.names import name_journeys
from journeys_assets.domain.naming.params import NamingParams
from journeys_assets.domain.naming.suggestions import worth
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.models.finetuning.examples import Example, about_journeys, about_names, about_pairs, some_of
from journeys_assets.models.finetuning.weights import FinetuningError
from journeys_assets.models.naming.release import naming_on
from journeys_assets.pipeline.suggested_names import CLUSTER_COLUMNS as NAMING_COLUMNS
from journeys_assets.storage.queries import finetuning as queries
from journeys_assets.storage.queries import inference
from journeys_assets.storage.queries import keywords as keyword_queries
from journeys_assets.storage.queries.vectors import stored_vectors
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

CLUSTER_COLUMNS = (*NAMING_COLUMNS, "keyword_weights", "keyword_centralities")


@dataclass(frozen=True, slots=True)
class KnownJourneys:
    """Journeys of some users as of a day.

    Attributes:
        clusters: ``CLUSTER_COLUMNS``; one row per journey.
        facts: As from ``storage.queries.keywords.keyword_facts``.
        output: user_id, journey_id, journey_name, keywords, kind, stage, intent, confidence of the day's output.
        window: user_id, keyword, weight, last_engaged_at of the members of journeys.
        vectors: Of the members of journeys.
        naming: Weights that are live on the day.
    """

    day: date
    clusters: pl.DataFrame
    facts: pl.DataFrame
    output: pl.DataFrame
    window: pl.DataFrame
    vectors: KeywordVectors
    naming: NamingParams

    def of(self, journeys: pl.DataFrame) -> KnownJourneys:
        """Only some journeys (user_id, journey_id)."""
        return replace(
            self,
            clusters=self.clusters.join(journeys, on=JOURNEY, how="semi", maintain_order="left"),
            output=self.output.join(journeys, on=JOURNEY, how="semi", maintain_order="left"),
        )

    @property
    def names(self) -> pl.DataFrame:
        """Result of ``suggestions.worth``: the names without a model."""
        return worth(name_journeys(self.clusters, self.facts, self.naming))


def known_journeys(
    warehouse: Warehouse, day: date, params: AlgorithmParams, naming_releases: Path, embedding_model: str
) -> KnownJourneys:
    """The journeys that are live on ``day``.

    Raises:
        FinetuningError: there are none.
    """
    naming, _ = naming_on(naming_releases, day, params.naming)
    with warehouse.reading() as con:
        states = inference.live_states(con, day, params.keywords.horizon_days)
        clusters = inference.journeys_in(con, states, CLUSTER_COLUMNS)
        if clusters.is_empty():
            raise FinetuningError(f"there is no journey on {day}; ingest and run more days")
        facts = keyword_queries.keyword_facts(con, clusters, day, params.keywords)
        output = queries.output_of(con, day)
        users = clusters.select("user_id", "window_end_date").unique().sort("user_id")
        window = keyword_queries.window_keywords(con, users, day, params.keywords, params.actions)
        texts = clusters["keywords"].explode().unique().sort().to_list()
        vectors = KeywordVectors.from_frame(stored_vectors(con, "keyword", texts, embedding_model))
    return KnownJourneys(day, clusters, facts, output, window, vectors, naming)


def examples_of(known: KnownJourneys, labels: LabelParams, most_journeys: int) -> list[Example]:
    """The questions about journeys, with the answers of the pipeline.

    Args:
        most_journeys: Most journeys that one question about a user's keywords asks for.
    """
    found: list[Example] = []
    if "names" in labels.tasks:
        found += about_names(known.names, labels.most_journeys)
    if "pairs" in labels.tasks:
        pairs = pairs_of_journeys(known.names, labels.pairs_per_user)
        rows = known.clusters.select("user_id", keyword="keywords").explode("keyword").unique()
        found += about_pairs(with_neighbours(pairs, rows, known.vectors, labels.near_keywords))
    if "journeys" in labels.tasks:
        ends = dict(known.clusters.select("user_id", "window_end_date").iter_rows())
        shown = histories(known.clusters, known.window, ends, most_tokens=labels.history_tokens)
        found += about_journeys(shown, known.output, most_journeys)
    return some_of(found, labels.most_questions)
