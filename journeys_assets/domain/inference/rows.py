"""Rows of ``llm_journeys`` from the answers of a language model.

Ids, areas, centres and what counts as a journey follow the rules of ``domain.clustering``: only which keywords belong
together is the model's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from journeys_assets.domain.clustering.clusters import describe_groups
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.inference.answers import Answer, Group, partition
from journeys_assets.domain.inference.history import History
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.domain.statistics.partitions import bcubed_f1

_SAID = {
    "user_id": pl.String,
    "keyword": pl.String,
    "group": pl.Int64,
    "suggested_name": pl.String,
    "kind": pl.String,
    "stage": pl.String,
    "intent": pl.String,
    "confidence": pl.Float64,
}


@dataclass(frozen=True, slots=True)
class Inferred:
    """What came of asking about one user.

    Attributes:
        history: What the model was shown.
        answer: What counts of the answer; None without one.
        tokens: Of input and of output; None where no question was needed, or no answer came.
    """

    history: History
    answer: Answer | None
    tokens: tuple[int, int] | None = None


def journey_rows(
    inferred: Sequence[Inferred],
    keywords: pl.DataFrame,
    history: pl.DataFrame,
    vectors: KeywordVectors,
    params: ClusteringParams,
) -> pl.DataFrame:
    """The clusters of the users with an answer.

    Args:
        keywords, history, vectors: As for ``domain.clustering.clusters.cluster_users``; of at least these users.

    Returns:
        The columns of ``cluster_users``, suggested_name, kind, stage, intent, confidence; sorted by user_id and
        journey_id. The last five are null for keywords that no journey of the answer has.
    """
    said = pl.DataFrame(
        [
            (one.history.user_id, keyword, number, *_said(group))
            for one in inferred
            if one.answer is not None
            for number, group in enumerate(partition(one.history, one.answer))
            for keyword in group.keywords
        ],
        schema=_SAID,
        orient="row",
    )
    grouped = keywords.join(said.select("user_id", "keyword", "group"), on=["user_id", "keyword"])
    clusters = describe_groups(grouped, history, vectors, params)
    of_medoids = said.drop("group").rename({"keyword": "medoid"})
    return clusters.join(of_medoids, on=["user_id", "medoid"], how="left", maintain_order="left")


def agreement_with_pipeline(history: History, answer: Answer) -> float | None:
    """B-cubed F1 of the answer's partition against the clusters of the pipeline; None for a user without keywords."""
    if not history.n_keywords:
        return None
    pipeline = {text: number for number, cluster in enumerate(history.clusters) for text in cluster}
    model = {text: number for number, group in enumerate(partition(history, answer)) for text in group.keywords}
    texts = sorted(pipeline)
    return bcubed_f1([pipeline[text] for text in texts], [model[text] for text in texts])


def _said(group: Group) -> tuple[str | None, str | None, str | None, str | None, float | None]:
    journey = group.journey
    if journey is None:
        return None, None, None, None, None
    return journey.name, journey.kind, journey.stage, journey.intent, journey.confidence
